//! The promises of [`MemoryNode`], and what its tests share.

mod faults;
mod requests;
mod scripts;
mod wire;

use std::time::Duration;

use redsync_core::{NodeError, Ttl, Value, wire::Command};

use super::*;
use crate::virtual_time::VirtualRuntime;

const MS: Duration = Duration::from_millis(1);
const KEY: &str = "lock";

type Outcome = Result<Reply, NodeError>;

fn start() -> (VirtualRuntime, MemoryNode) {
    let runtime = VirtualRuntime::new(0);
    let node = MemoryNode::new(runtime.shared());
    (runtime, node)
}

fn acquire(value: &str) -> Request {
    let ttl = Ttl::new(1000 * MS).unwrap();
    Command::Acquire { value: Value::new(value), ttl, look: false, proposal: None }.request(&KEY.into())
}

fn release(value: &str) -> Command {
    Command::Release { value: Value::new(value), former: None, in_one: false }
}

/// What a caller sees of an outcome, in a word.
fn show(outcome: &Outcome) -> String {
    match outcome {
        Ok(reply) => show_reply(reply),
        Err(error) => match (error.code(), error.kind()) {
            (Some(code), kind) => format!("{code} {kind:?}"),
            (None, kind) => format!("{kind:?}"),
        },
    }
}

fn show_reply(reply: &Reply) -> String {
    match reply {
        Reply::Nil => "nil".to_owned(),
        Reply::Integer(number) => number.to_string(),
        Reply::Text(text) => String::from_utf8(text.clone()).unwrap(),
        Reply::Array(items) => items.iter().map(show_reply).collect::<Vec<_>>().join(" "),
    }
}

/// A call that runs by itself, and the place where its outcome will be.
fn spawn(runtime: &VirtualRuntime, node: &MemoryNode, request: Request) -> std::sync::mpsc::Receiver<String> {
    let (sender, receiver) = std::sync::mpsc::channel();
    let call = node.call(request);
    runtime.spawn(Box::pin(async move {
        // The test may have no use for it.
        drop(sender.send(show(&call.await)));
    }));
    runtime.run_for(Duration::ZERO);
    receiver
}

/// Polls a call once and drops it, unless it is ready.
fn poll_and_drop(runtime: &VirtualRuntime, node: &MemoryNode, request: Request) -> Poll<Outcome> {
    let mut call = node.call(request);
    runtime.block_on(poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx))))
}
