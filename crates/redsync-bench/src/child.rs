//! Parts of a workload that run in processes of their own.
//!
//! This program starts itself. Orders go to the child's standard input and answers come from its standard output, each a
//! line of JSON: nothing that is measured goes that way.

use std::{
    env,
    io::{self, BufRead, BufReader, Write},
    process::{self, ChildStdin, ChildStdout, Command, Stdio},
    thread,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::{
    BoxError,
    workload::{block_on, contended, costs, hand_off, held, sizes},
};

/// The first argument of a child, which the part follows.
pub(crate) const CHILD: &str = "child";

/// What a child does.
#[derive(Serialize, Deserialize)]
pub(crate) enum Part {
    Contend(contended::Part),
    HandOff(hand_off::Part),
    Hold(held::Part),
    Count(costs::Part),
    Size(sizes::Part),
}

impl Part {
    /// Plays the part that the parent gave.
    pub(crate) fn play(part: &str) -> Result<(), BoxError> {
        let part: Self = serde_json::from_str(part)?;
        let parent = Parent::new();
        match part {
            Self::Contend(part) => block_on(part.play(parent)),
            Self::HandOff(part) => block_on(part.play(parent)),
            Self::Hold(part) => block_on(part.play(parent)),
            Self::Count(part) => part.play(parent),
            Self::Size(part) => part.play(),
        }
    }
}

/// A running child; it is killed when this is dropped.
pub(crate) struct Child {
    process: process::Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Child {
    pub(crate) fn start(part: &Part) -> Result<Self, BoxError> {
        let mut process = Command::new(env::current_exe()?)
            .args([CHILD, &serde_json::to_string(part)?])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let orders = process.stdin.take().ok_or("no standard input")?;
        let answers = BufReader::new(process.stdout.take().ok_or("no standard output")?);
        Ok(Self { process, orders, answers })
    }

    pub(crate) fn order(&mut self, order: &impl Serialize) -> Result<(), BoxError> {
        let line = serde_json::to_string(order)? + "\n";
        Ok(self.orders.write_all(line.as_bytes())?)
    }

    /// Waits for the next answer.
    pub(crate) fn hear<T: DeserializeOwned>(&mut self) -> Result<T, BoxError> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            return Err("a child has ended before it has answered".into());
        }
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Both fail only where it has ended and was waited for.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A child's parent.
pub(crate) struct Parent(UnboundedReceiver<String>);

impl Parent {
    /// Listens in a thread, since the runtime has other things to do meanwhile.
    fn new() -> Self {
        let (send, orders) = unbounded_channel();
        thread::spawn(move || {
            let orders = io::stdin().lock().lines().map_while(Result::ok);
            orders.map_while(|order| send.send(order).ok()).for_each(drop);
        });
        Self(orders)
    }

    /// The next order; `None` where there will be no more.
    pub(crate) async fn order<T: DeserializeOwned>(&mut self) -> Result<Option<T>, BoxError> {
        let order = self.0.recv().await;
        Ok(order.map(|order| serde_json::from_str(&order)).transpose()?)
    }
}

/// Answers to the parent.
pub(crate) fn answer(answer: &impl Serialize) -> Result<(), BoxError> {
    println!("{}", serde_json::to_string(answer)?);
    Ok(())
}
