//! [`Event`]: what happened in a simulated world, for the invariants to judge and for people to read.

use std::{fmt, sync::Arc, time::Duration};

use redsync_core::{ErrorKind, Guard, Loss, Moment, Released};

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// By the world's clock.
    pub at: Moment,
    /// Who did it.
    pub who: Who,
    /// What it was.
    pub what: What,
}

/// Who did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Fate.
    Fate,
    /// A caller: one task of one process. A process that was started anew has a number of its own.
    Caller {
        /// Which process.
        process: u32,
        /// Which of its tasks.
        task: u32,
    },
}

/// What happened.
#[derive(Clone, Debug)]
pub enum What {
    /// Something went wrong.
    Fault(Fault, Place),
    /// What went wrong is over.
    Over(Fault, Place),
    /// A call began.
    Called(Op, Arc<str>),
    /// A call ended.
    Returned(Returned),
    /// A caller holds a lock now.
    Granted(Granted),
    /// An extension succeeded; the lock is valid for so long from now.
    Extended {
        /// Which lock.
        lock: u32,
        /// By the world's clock.
        valid_for: Duration,
    },
    /// A guard was asked for its validity, and says this.
    Says {
        /// Which lock.
        lock: u32,
        /// Whether it is valid now.
        is_valid: bool,
        /// For how long, by the world's clock.
        valid_for: Duration,
    },
    /// Work under a lock, which is extended in the background meanwhile, goes on or was stopped.
    Works {
        /// Which lock.
        lock: u32,
        /// Why it was stopped.
        stopped: Option<Loss>,
        /// For how long the lock is valid, by the world's clock.
        valid_for: Duration,
        /// What has to be left of that for work to go on.
        margin: Duration,
    },
    /// A guard says that its lock is lost.
    Lost {
        /// Which lock.
        lock: u32,
    },
    /// The holder gives its lock up, from now on.
    GivenUp {
        /// Which lock.
        lock: u32,
    },
    /// A call that would have ended a guard has failed and gave it back, which says that it is valid for so long.
    Kept {
        /// Which lock.
        lock: u32,
        /// The call.
        op: Op,
        /// By the world's clock.
        valid_for: Duration,
    },
    /// A lock was turned into a token.
    HandedOver(HandedOver),
    /// The adoption of a token begins.
    Adopts {
        /// Which token.
        token: u32,
    },
    /// The adoption of a token has failed.
    NotAdopted {
        /// Which token.
        token: u32,
        /// Why.
        kind: ErrorKind,
    },
    /// A lock goes back to a token, from now on.
    HandsBack {
        /// Which lock.
        lock: u32,
        /// Which token.
        token: u32,
    },
    /// A lock has gone back to a token.
    HandedBack {
        /// Which token.
        token: u32,
    },
    /// All faults are over, and nothing goes on about a token that nobody has used up: what adopting it came to.
    Recovered {
        /// Whose token.
        name: Arc<str>,
        /// Why it could not be adopted.
        outcome: Result<(), ErrorKind>,
    },
    /// A release of a guard has returned.
    Released {
        /// Which lock.
        lock: u32,
        /// What it said.
        released: Released,
    },
    /// All faults are over, and nothing goes on in the background any more. No key under such a name may be left
    /// by callers.
    MustBeClean {
        /// With what the names begin.
        names: &'static str,
    },
    /// Background work has not come to its end, with all faults over for longer than any TTL.
    StillBusy {
        /// How many tasks there are.
        tasks: usize,
    },
    /// With a quorum up and nothing else wrong, something came as it is documented, or not.
    Undisturbed {
        /// What was done.
        scene: &'static str,
        /// What was not as documented.
        outcome: Result<(), String>,
        /// How long that took by the world's clock.
        took: Duration,
    },
}

/// What a caller does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Op {
    /// `Mutex::lock`.
    Lock,
    /// `Mutex::try_lock`.
    TryLock,
    /// `Mutex::lock_unless`.
    LockUnless,
    /// `Guard::extend`.
    Extend,
    /// `Guard::release`.
    Release,
    /// Dropping a guard.
    Drop,
    /// `Guard::leave`.
    Leave,
    /// `Mutex::extend`.
    ExtendByValue,
    /// `Mutex::unlock`.
    Unlock,
    /// `Guard::hand_over`.
    HandOver,
    /// `Mutex::adopt`.
    Adopt,
    /// `Guard::hand_back`.
    HandBack,
}

/// How a call ended.
#[derive(Clone, Debug)]
pub struct Returned {
    /// Which call.
    pub op: Op,
    /// About which lock.
    pub name: Arc<str>,
    /// What it came to.
    pub outcome: Outcome,
    /// How long it took by the world's clock.
    pub took: Duration,
    /// For how much of that its process was stalled.
    pub stalled: Duration,
    /// How long it may take.
    pub limit: Duration,
}

/// What a call came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It succeeded.
    Ok,
    /// A release, by what it found.
    Released(Released),
    /// It failed.
    Err(ErrorKind),
    /// Its future was dropped.
    Dropped,
}

/// A lock that was granted.
#[derive(Clone, Debug)]
pub struct Granted {
    /// Its number, which no other has.
    pub lock: u32,
    /// Its name.
    pub name: Arc<str>,
    /// Its value.
    pub value: Arc<str>,
    /// The value that the caller fixed, if it did.
    pub fixed: Option<Arc<str>>,
    /// Whether extending sets missing keys anew.
    pub revives: bool,
    /// Whether it is extended in the background from the beginning.
    pub is_renewed: bool,
    /// Whether it was to have a fencing number.
    pub is_fenced: bool,
    /// Its fencing number.
    pub fence: Option<u64>,
    /// The token that it was adopted from.
    pub token: Option<u32>,
    /// For how long its guard says that it is valid, by the world's clock.
    pub valid_for: Duration,
}

impl Granted {
    /// A lock that was taken without wishes of its own, as its guard tells, by a process whose clock runs at the
    /// world's rate.
    pub fn new(lock: u32, guard: &Guard) -> Self {
        let (name, value) = (Arc::from(guard.name()), Arc::from(guard.value()));
        let (fence, valid_for) = (guard.fence(), guard.valid_for());
        let is_fenced = fence.is_some();
        Self {
            lock,
            name,
            value,
            fixed: None,
            revives: false,
            is_renewed: false,
            is_fenced,
            fence,
            token: None,
            valid_for,
        }
    }
}

/// A lock that was turned into a token.
#[derive(Clone, Debug)]
pub struct HandedOver {
    /// Which lock.
    pub lock: u32,
    /// The token's number, which no other has.
    pub token: u32,
    /// The lock's name.
    pub name: Arc<str>,
    /// Its value.
    pub value: Arc<str>,
    /// For how long the token was to wait at least, by the world's clock.
    pub wait: Duration,
    /// For how long it can be adopted, by the world's clock.
    pub valid_for: Duration,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A server crashes, and comes back with its data.
    Crash,
    /// A server crashes, and comes back empty.
    LoseData,
    /// A server crashes, and comes back with older data.
    OldData,
    /// A server stands still.
    Pause,
    /// A server forgets its scripts.
    ForgetScripts,
    /// A server turns everything away with an error.
    Refuse,
    /// A process cannot connect to a server.
    NoConnection,
    /// Messages between a process and a server are slow, and overtake each other.
    Slow,
    /// Requests of a process to a server are lost with their connection.
    LoseRequests,
    /// Requests of a process to a server are lost without a sign.
    LoseRequestsSilently,
    /// Replies of a server to a process are lost with their connection.
    LoseReplies,
    /// Replies of a server to a process are lost without a sign.
    LoseRepliesSilently,
    /// The client of a process sends its requests to a server twice.
    Repeat,
    /// A process is cut off from several servers.
    Partition,
    /// A process stands still, and wakes up late.
    Stall,
    /// The wall clock of a process is set forward or back.
    StepClock,
    /// A process is killed, and another one takes its place.
    Kill,
    /// A caller drops the future of a call.
    DropCall,
    /// A caller holds its lock for longer than its validity.
    Overstay,
    /// The queue delivers a token that it has delivered before.
    Redeliver,
}

/// Where something goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At a server.
    Server(usize),
    /// In a process.
    Process(u32),
    /// Between a process and a server.
    Between(u32, usize),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at.since_origin();
        match self.who {
            Who::Fate => write!(f, "{at:>14.6?}  {:<12}  {:?}", "", self.what),
            Who::Caller { process, task } => {
                let who = format!("process {process}.{task}");
                write!(f, "{at:>14.6?}  {who:<12}  {:?}", self.what)
            }
        }
    }
}
