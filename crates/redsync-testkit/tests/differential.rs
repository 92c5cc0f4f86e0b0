//! The in-memory node and a real server do the same: random requests, and after each the same reply, keys, values and
//! roughly the same TTLs.
#![cfg(unix)]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests state what they expect"
)]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use redsync_core::{
    Reply, Request, Runtime, Ttl, Value,
    wire::{Command, Counting},
};
use redsync_testkit::{
    memory::MemoryNode,
    server::{Client, Reply as Answer, Server},
    virtual_time::VirtualRuntime,
};

const LOCK: &str = "report:7";
const COUNTER: &str = "{report:7}:fence";
const SEEDS: u64 = 40;
const STEPS: usize = 150;
/// TTLs are far apart, and a run takes much less than this.
const TOLERANCE: i64 = 5_000;
const TTLS: [u64; 4] = [20_000, 40_000, 60_000, 600_000];
/// Some have their lineage in common; others are none of our making.
const VALUES: [&str; 6] = [
    "aaaaaaaaaaaaaaaa0000000000000001",
    "aaaaaaaaaaaaaaaa0000000000000002",
    "job-1138:aaaaaaaaaaaaaaaa0000000000000003",
    "bbbbbbbbbbbbbbbb0000000000000001",
    "job-1138",
    "bbbbbbbbbbbbbbbb",
];
/// Far below the time, to which a server limits proposals, so that clocks make no difference. The last ones are near the
/// end of what Lua can count.
const FENCES: [u64; 6] = [1, 2, 7, 8, 1000, 1 << 40];
const COUNTERS: [&str; 6] = ["1", "7", "1000", "4503599627370496", "no number", ""];

/// What is done to both.
#[derive(Clone, Debug)]
enum Step {
    Ask { command: Command, with_text: bool },
    Set(&'static str, &'static str, Option<u64>),
    SetList(&'static str),
    Delete(&'static str),
    Expire(&'static str, u64),
    Flush,
}

/// A server and its counterpart.
struct Pair {
    client: Client,
    node: MemoryNode,
}

#[test]
fn memory_and_server_do_the_same() {
    let server = Server::start().unwrap();
    let client = server.client(Duration::from_secs(5)).unwrap();
    let runtime = VirtualRuntime::new(0);
    let mut pair = Pair { client, node: MemoryNode::new(runtime.shared()) };
    let mut replies = BTreeMap::new();
    for seed in 0..SEEDS {
        let mut chance = Chance(VirtualRuntime::new(seed));
        pair.reset();
        for number in 0..STEPS {
            let step = chance.step();
            let place = format!("seed {seed}, step {number}: {step:?}");
            let (theirs, ours) = pair.take(&step);
            assert!(is_same_reply(&theirs, &ours), "{place}: the server said {theirs:?}, memory {ours:?}");
            for key in [LOCK, COUNTER] {
                pair.compare(key, &place);
            }
            *replies.entry(format!("{} {}", kind(&step), show(&ours))).or_insert(0) += 1;
        }
    }
    println!("{} seeds with {STEPS} steps each: {replies:#?}", SEEDS);
    for expected in [
        "Rotate [1",
        "Rotate [2",
        "Rotate [3",
        "Rotate [0",
        "Rotate [-1",
        "Raise [1",
        "Acquire [2",
        "Extend [3",
    ] {
        assert!(replies.keys().any(|reply| reply.starts_with(expected)), "{expected} never came");
    }
}

impl Pair {
    fn reset(&mut self) {
        self.client.command(&["FLUSHALL"]).unwrap();
        self.client.command(&["SCRIPT", "FLUSH"]).unwrap();
        self.node.wipe();
    }

    fn take(&mut self, step: &Step) -> (Answer, Answer) {
        match step {
            Step::Ask { command, with_text } => {
                let name = Arc::from(LOCK);
                let request =
                    if *with_text { command.request_with_text(&name) } else { command.request(&name) };
                self.ask(&request)
            }
            Step::Set(key, value, None) => self.both(&["SET", key, value]),
            Step::Set(key, value, Some(ttl)) => self.both(&["SET", key, value, "PX", &ttl.to_string()]),
            Step::SetList(key) => {
                self.node.set_list(key);
                self.client.command(&["DEL", key]).unwrap();
                self.client.command(&["RPUSH", key, "item"]).unwrap();
                (Answer::Nil, Answer::Nil)
            }
            Step::Delete(key) => self.both(&["DEL", key]),
            Step::Expire(key, ttl) => self.both(&["PEXPIRE", key, &ttl.to_string()]),
            Step::Flush => {
                self.node.flush_scripts();
                self.client.command(&["SCRIPT", "FLUSH"]).unwrap();
                (Answer::Nil, Answer::Nil)
            }
        }
    }

    fn ask(&mut self, request: &Request) -> (Answer, Answer) {
        self.both(&request.args().collect::<Vec<_>>())
    }

    fn both<A: AsRef<[u8]>>(&mut self, args: &[A]) -> (Answer, Answer) {
        let ours = match self.node.execute(args) {
            Ok(reply) => answer(reply),
            Err(error) => Answer::Error(error.to_string()),
        };
        (self.client.command(args).unwrap(), ours)
    }

    fn compare(&mut self, key: &str, place: &str) {
        let (theirs, ours) = self.both(&["GET", key]);
        assert!(is_same_reply(&theirs, &ours), "{place}: {key} is {theirs:?}, in memory {ours:?}");
        let (theirs, ours) = self.both(&["PTTL", key]);
        let (theirs, ours) = (theirs.int().unwrap(), ours.int().unwrap());
        assert!(is_about(theirs, ours), "{place}: {key} stands for {theirs} ms, in memory for {ours}");
    }
}

/// What is chosen follows from a seed.
struct Chance(VirtualRuntime);

impl Chance {
    fn of<T: Clone>(&self, all: &[T]) -> T {
        all[usize::try_from(self.0.random() % all.len() as u64).unwrap()].clone()
    }

    fn is(&self, percent: u64) -> bool {
        self.0.random() % 100 < percent
    }

    fn value(&self) -> Value {
        Value::new(self.of(&VALUES))
    }

    fn ttl(&self) -> Ttl {
        Ttl::new(Duration::from_millis(self.of(&TTLS))).unwrap()
    }

    fn fence(&self) -> Option<u64> {
        self.is(60).then(|| self.of(&FENCES))
    }

    fn counting(&self) -> Counting {
        let undrawn = if self.is(50) { Counting::Keep } else { Counting::Off };
        self.fence().map_or(undrawn, Counting::Draw)
    }

    fn key(&self) -> &'static str {
        self.of(&[LOCK, COUNTER])
    }

    fn step(&mut self) -> Step {
        match self.0.random() % 20 {
            0 => Step::Delete(self.key()),
            1 => Step::Expire(self.key(), self.of(&TTLS)),
            2 => Step::Set(LOCK, self.of(&VALUES), self.is(70).then(|| self.of(&TTLS))),
            3 => Step::Set(COUNTER, self.of(&COUNTERS), self.is(70).then(|| self.of(&TTLS))),
            4 if self.is(30) => Step::SetList(self.key()),
            5 if self.is(30) => Step::Flush,
            _ => Step::Ask { command: self.command(), with_text: self.is(60) },
        }
    }

    fn command(&self) -> Command {
        let (value, ttl, former) = (self.value(), self.ttl(), self.is(50).then(|| self.value()));
        match self.0.random() % 5 {
            0 => Command::Acquire { value, ttl, look: self.is(50), proposal: self.fence() },
            1 => Command::Extend { value, ttl, revive: self.is(50), former, fence: self.fence() },
            2 => Command::Release { value, former, in_one: self.is(50) },
            3 => Command::Rotate {
                from: value,
                to: self.value(),
                ttl,
                counting: self.counting(),
                in_one: self.is(50),
            },
            _ => Command::Raise { value, fence: self.of(&FENCES), ttl },
        }
    }
}

fn answer(reply: Reply) -> Answer {
    match reply {
        Reply::Nil => Answer::Nil,
        Reply::Integer(number) => Answer::Int(number),
        Reply::Text(text) => Answer::Bulk(text),
        Reply::Array(items) => Answer::Array(items.into_iter().map(answer).collect()),
    }
}

fn is_same_reply(theirs: &Answer, ours: &Answer) -> bool {
    match (theirs, ours) {
        // A server adds where in the script it happened.
        (Answer::Error(theirs), Answer::Error(ours)) => code(theirs) == code(ours),
        (Answer::Status(theirs), Answer::Bulk(ours)) => theirs.as_bytes() == ours,
        (Answer::Array(theirs), Answer::Array(ours)) => is_same_list(theirs, ours),
        (theirs, ours) => theirs == ours,
    }
}

/// The second number is the time that the former value would have stood, where a script puts one value in the place of
/// another; and otherwise a fencing number.
fn is_same_list(theirs: &[Answer], ours: &[Answer]) -> bool {
    let tells_time = ours.len() == 3 || ours.first() == Some(&Answer::Int(3));
    let is_same = |(place, (theirs, ours)): (usize, (&Answer, &Answer))| match (theirs.int(), ours.int()) {
        (Some(theirs), Some(ours)) if tells_time && place == 1 => is_about(theirs, ours),
        (theirs, ours) => theirs == ours,
    };
    theirs.len() == ours.len() && theirs.iter().zip(ours).enumerate().all(is_same)
}

/// Below zero a number says that there is no such time.
fn is_about(theirs: i64, ours: i64) -> bool {
    theirs == ours || (theirs >= 0 && ours >= 0 && (theirs - ours).abs() < TOLERANCE)
}

fn code(error: &str) -> &str {
    error.split(' ').next().unwrap_or_default()
}

fn kind(step: &Step) -> String {
    let text = format!("{step:?}");
    let text = text.strip_prefix("Ask { command: ").unwrap_or(&text);
    text.split([' ', '(']).next().unwrap_or_default().to_owned()
}

/// The first part of a reply, which says what came of it.
fn show(reply: &Answer) -> String {
    match reply {
        Answer::Array(items) => format!("[{}", items[0].int().unwrap()),
        Answer::Error(error) => code(error).to_owned(),
        Answer::Int(number) => number.to_string(),
        Answer::Nil | Answer::Status(_) | Answer::Bulk(_) => "text".to_owned(),
    }
}
