//! Calls on nodes that answer anything: a lock is had only where a quorum said so, and no error shows its value.

use std::{
    borrow::Cow,
    collections::VecDeque,
    error::Error as StdError,
    future::pending,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use arbitrary::{Arbitrary, Result, Unstructured};
use redsync_core::{
    BoxFuture, Delivery, Guard, Moment, Node, NodeError, Redsync, Released, Reply, Request, Runtime,
    wire::Script,
};
use redsync_testkit::virtual_time::VirtualRuntime;

use super::{
    answer::{Answer, SECRET},
    shown,
};

const NODE_TIMEOUT: Duration = Duration::from_millis(100);
const RETRY_DELAY: Duration = Duration::from_millis(10);
const TRIES: u32 = 2;

/// A node that answers what it was given, in that order, and then nothing any more.
#[derive(Clone)]
struct Parrot {
    runtime: VirtualRuntime,
    delivery: Delivery,
    said: Arc<Mutex<Said>>,
}

#[derive(Default)]
struct Said {
    /// What is still to be said, each after so long.
    ahead: VecDeque<(Duration, Answer)>,
    /// What was asked and answered.
    log: Vec<(Request, Reply)>,
}

impl Parrot {
    fn arbitrary(input: &mut Unstructured<'_>, runtime: &VirtualRuntime) -> Result<Self> {
        let delivery = if input.ratio(1, 4)? { Delivery::MayRepeat } else { Delivery::AtMostOnce };
        let count = input.int_in_range(0..=8_u8)?;
        let answer =
            |_| Ok((Duration::from_millis(u64::from(u8::arbitrary(input)?) / 2), Answer::arbitrary(input)?));
        let ahead = (0..count).map(answer).collect::<Result<_>>()?;
        let said = Arc::new(Mutex::new(Said { ahead, log: Vec::new() }));
        Ok(Self { runtime: runtime.clone(), delivery, said })
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether one of the replies since `from` says that a request of this kind about `value` was carried out.
    fn has_done(&self, kind: Kind, value: &str, from: usize, is_exact: bool) -> bool {
        let is_about = |request: &Request| request.args().any(|arg| arg == value.as_bytes());
        let is_it =
            |(request, reply): &(Request, Reply)| is_about(request) && kind.is_done(request, reply, is_exact);
        self.said().log.iter().skip(from).any(is_it)
    }
}

impl Node for Parrot {
    fn call(&self, request: Request) -> BoxFuture<'static, std::result::Result<Reply, NodeError>> {
        let (parrot, next) = (self.clone(), self.said().ahead.pop_front());
        Box::pin(async move {
            let Some((delay, answer)) = next else { return pending().await };
            parrot.runtime.sleep_until(parrot.runtime.now().plus(delay)).await;
            match answer.of_driver(grant(&request)) {
                Some(Ok(reply)) => {
                    parrot.said().log.push((request, reply.clone()));
                    Ok(reply)
                }
                Some(Err(error)) => Err(error),
                None => pending().await,
            }
        })
    }

    fn label(&self) -> Cow<'_, str> {
        Cow::Borrowed("parrot")
    }

    fn delivery(&self) -> Delivery {
        self.delivery
    }
}

/// What a request asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Acquire,
    Extend,
    Release,
}

impl Kind {
    /// Whether `reply` says that this `request` was one of this kind and was carried out.
    fn is_done(self, request: &Request, reply: &Reply, is_exact: bool) -> bool {
        let integer = |wanted| *reply == Reply::Integer(wanted);
        match (self, script(request), request.name()) {
            (Self::Acquire, None, "SET") => *reply == Reply::Text(b"OK".to_vec()),
            // Of a value that is ours alone, that it stands there is a grant too.
            (Self::Acquire, Some(Script::ACQUIRE), _) => integer(1) || integer(2) && !is_exact,
            (Self::Extend, Some(Script::EXTEND), _) => integer(1),
            (Self::Extend, Some(Script::REVIVE), _) => integer(1) || integer(2),
            (Self::Release, Some(Script::RELEASE), _) => integer(1),
            (Self::Release, Some(Script::RELEASE_AND_LEARN), _) => match reply {
                Reply::Array(items) => items.first() == Some(&Reply::Integer(1)),
                Reply::Nil | Reply::Integer(_) | Reply::Text(_) => false,
            },
            (Self::Release, None, "DELIFEQ" | "DELEX") => integer(1),
            (Self::Acquire | Self::Extend | Self::Release, _, _) => false,
        }
    }
}

/// The reply by which `request` was carried out.
fn grant(request: &Request) -> Reply {
    match script(request) {
        Some(Script::RELEASE_AND_LEARN) => Reply::Array(vec![Reply::Integer(1), Reply::Integer(2)]),
        None if request.name() == "SET" => Reply::Text(b"OK".to_vec()),
        Some(_) | None => Reply::Integer(1),
    }
}

fn script(request: &Request) -> Option<Script> {
    let by = request.args().nth(1).filter(|_| request.name().starts_with("EVAL"))?;
    Script::ALL.into_iter().find(|script| [script.text(), script.sha1()].map(str::as_bytes).contains(&by))
}

/// Some nodes, and the calls on them.
struct Stage {
    runtime: VirtualRuntime,
    parrots: Vec<Parrot>,
    redsync: Redsync,
    is_exact: bool,
    revive: bool,
}

pub(super) fn run(input: &mut Unstructured<'_>) -> Result<()> {
    let runtime = VirtualRuntime::new(input.arbitrary()?);
    let count = input.int_in_range(1..=3_u8)?;
    let parrots = (0..count).map(|_| Parrot::arbitrary(input, &runtime)).collect::<Result<Vec<_>>>()?;
    let built = Redsync::builder(runtime.shared()).nodes(parrots.iter().cloned()).build();
    let Ok(redsync) = built else { return Ok(()) };
    let stage = Stage { runtime, parrots, redsync, is_exact: input.arbitrary()?, revive: input.arbitrary()? };
    stage.play(input.arbitrary()?);
    // Nodes that never answer keep tasks waiting.
    drop(stage.redsync);
    stage.runtime.drop_tasks();
    Ok(())
}

impl Stage {
    fn play(&self, by_value: bool) {
        if by_value && self.is_exact {
            self.play_by_value();
            return;
        }
        match self.call(self.mutex().lock()) {
            Ok(guard) => self.play_guard(guard),
            Err(error) => assert_is_kept(&error, SECRET),
        }
    }

    fn play_guard(&self, guard: Guard) {
        let value = guard.value().to_owned();
        self.assert_quorum_did(Kind::Acquire, &value, &[]);
        assert!(!format!("{guard:?}").contains(&value));
        let from = self.log_lengths();
        match self.call(guard.extend()) {
            Ok(()) => self.assert_quorum_did(Kind::Extend, &value, &from),
            Err(error) => assert_is_kept(&error, &value),
        }
        let from = self.log_lengths();
        match self.call(guard.release()) {
            Ok(Released::Held) => self.assert_quorum_did(Kind::Release, &value, &from),
            Ok(_) => {}
            Err(error) => assert_is_kept(&error, &value),
        }
    }

    fn play_by_value(&self) {
        match self.call(self.mutex().extend()) {
            Ok(()) => self.assert_quorum_did(Kind::Extend, SECRET, &[]),
            Err(error) => assert_is_kept(&error, SECRET),
        }
        let from = self.log_lengths();
        match self.call(self.mutex().unlock()) {
            Ok(Released::Held) => self.assert_quorum_did(Kind::Release, SECRET, &from),
            Ok(_) => {}
            Err(error) => assert_is_kept(&error, SECRET),
        }
    }

    fn mutex(&self) -> redsync_core::Mutex {
        let mutex = self.redsync.mutex("name").node_timeout(NODE_TIMEOUT).retry_delay(RETRY_DELAY);
        let mutex = mutex.tries(TRIES).extend_tries(TRIES).release_tries(TRIES).revive_on_extend(self.revive);
        if self.is_exact { mutex.with_value(SECRET) } else { mutex }
    }

    /// Runs a call to its end, which comes in time whatever the nodes do.
    fn call<T>(&self, call: impl Future<Output = T>) -> T {
        let start: Moment = self.runtime.now();
        let output = self.runtime.block_on(call);
        let longest = (NODE_TIMEOUT + RETRY_DELAY) * TRIES;
        assert!(self.runtime.now().since(start) <= longest, "a call that takes too long");
        output
    }

    fn log_lengths(&self) -> Vec<usize> {
        self.parrots.iter().map(|parrot| parrot.said().log.len()).collect()
    }

    fn assert_quorum_did(&self, kind: Kind, value: &str, from: &[usize]) {
        let from = from.iter().copied().chain(std::iter::repeat(0));
        let did = |(parrot, from): &(&Parrot, usize)| parrot.has_done(kind, value, *from, self.is_exact);
        let count = self.parrots.iter().zip(from).filter(did).count();
        assert!(count > self.parrots.len() / 2, "{count} of {} nodes did it", self.parrots.len());
    }
}

fn assert_is_kept(error: &dyn StdError, value: &str) {
    let text = shown(error);
    assert!(!text.contains(value) && !text.contains(SECRET), "a lock's value is shown: {text}");
}
