//! [`InMemory`]: the in-memory node as one more driver.

use std::{cell::RefCell, sync::Arc, time::Duration};

use redsync_core::{BoxFuture, Node, Reply, Runtime, wire::Native};

use super::{Bench, Driver};
use crate::{
    memory::{ErrorReply, Loss, MemoryNode},
    virtual_time::VirtualRuntime,
};

thread_local! {
    static RUNTIME: RefCell<VirtualRuntime> = RefCell::new(VirtualRuntime::new(0));
}

/// The [`MemoryNode`] on a virtual clock: it passes the same cases as drivers do.
#[derive(Debug)]
pub struct InMemory;

impl Driver for InMemory {
    fn block_on(case: BoxFuture<'_, ()>) {
        let runtime = VirtualRuntime::new(0);
        RUNTIME.set(runtime.clone());
        runtime.block_on(case);
        runtime.drop_tasks();
    }

    fn runtime() -> Arc<dyn Runtime> {
        RUNTIME.with_borrow(VirtualRuntime::shared)
    }

    /// There is one server for a case, whatever the URL.
    async fn open(_: &str) -> Arc<dyn Node> {
        Arc::new(MemoryNode::new(Self::runtime()))
    }

    fn bench() -> Box<dyn Bench> {
        let node = MemoryNode::new(Self::runtime()).named("127.0.0.1:6379");
        node.delay_replies(Duration::from_micros(100));
        Box::new(node)
    }
}

impl MemoryNode {
    /// Stands for scripts that would not get far.
    fn refuse_scripts(&self, error: &ErrorReply) {
        ["EVAL", "EVALSHA"].iter().for_each(|command| self.refuse(command, error.clone()));
    }
}

/// What a lock sends.
const COMMANDS: [&str; 5] = ["SET", "EVAL", "EVALSHA", "DELIFEQ", "DELEX"];
/// What a call sends that waits for a lock.
const WATCHING: &str = "PTTL";

impl Bench for MemoryNode {
    fn node(&self) -> BoxFuture<'_, Arc<dyn Node>> {
        Box::pin(async { Arc::new(self.clone()) as Arc<dyn Node> })
    }

    fn troubled_node(&self) -> BoxFuture<'_, Arc<dyn Node>> {
        self.node()
    }

    fn node_as_user(&self) -> BoxFuture<'_, Arc<dyn Node>> {
        self.node()
    }

    fn execute(&self, args: &[&str]) -> Option<String> {
        match (args, Self::execute(self, args)) {
            // The one command of these that this server does not have.
            (["RPUSH", key, _], _) => {
                self.set_list(key);
                None
            }
            (_, Ok(Reply::Text(text))) => Some(String::from_utf8_lossy(&text).into_owned()),
            (_, Ok(Reply::Integer(number))) => Some(number.to_string()),
            (_, Ok(Reply::Nil | Reply::Array(_)) | Err(_)) => None,
        }
    }

    fn calls(&self, command: &str) -> usize {
        Self::calls(self).get(command).copied().unwrap_or_default()
    }

    fn sent(&self, command: &str) -> usize {
        Bench::calls(self, command)
    }

    fn forbid(&self, command: &str) {
        let detail = format!("this user has no permissions to run the '{}' command", command.to_lowercase());
        let error = ErrorReply::new("NOPERM", detail);
        if COMMANDS.contains(&command) || command == WATCHING {
            self.refuse(command, error);
        } else {
            self.refuse_scripts(&error);
        }
    }

    fn confine(&self, _: &str) {
        self.refuse_scripts(&ErrorReply::new(
            "NOPERM",
            "this user has no permissions to access one of the keys",
        ));
    }

    fn make_replica(&self) {
        let error = ErrorReply::new("READONLY", "You can't write against a read only replica.");
        COMMANDS.iter().for_each(|command| self.refuse(command, error.clone()));
    }

    fn exhaust_memory(&self) {
        self.refuse("SET", ErrorReply::new("OOM", "command not allowed when used memory > 'maxmemory'."));
    }

    fn refuse(&self, error: &str) {
        let (code, detail) = error.split_once(' ').unwrap_or((error, ""));
        let error = ErrorReply::new(code.to_owned(), detail.to_owned());
        COMMANDS.iter().for_each(|command| Self::refuse(self, command, error.clone()));
    }

    fn lose_requests(&self, _: &str) {
        Self::lose_requests(self, Loss::Broken);
    }

    fn lose_replies(&self, _: &str) {
        Self::lose_replies(self, Loss::Broken);
    }

    fn teach(&self, native: Native) {
        self.set_native(Some(native));
    }

    fn flush_scripts(&self) {
        Self::flush_scripts(self);
    }

    fn pause(&self) {
        Self::pause(self);
    }

    fn kill(&self) {
        self.stop();
    }

    fn restart_empty(&self) {
        self.wipe();
        self.start();
    }

    fn relieve(&self) {
        self.refuse_none();
        Self::lose_requests(self, Loss::Never);
        Self::lose_replies(self, Loss::Never);
        self.set_native(None);
        self.resume();
    }
}
