//! [`Caller`]: a task that takes locks, holds, extends and gives them back, in all the ways that there are.

mod calls;
mod endings;
mod limits;
mod travel;
mod under;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::join;
use redsync_core::{Guard, Mutex};

pub(super) use self::calls::{failed, kept, released};
use self::{calls::unlocked, limits::Limits, under::MARGIN};
use super::{
    BYSTANDER,
    event::{Fault, Granted, Op, Place, What, Who},
    queue::Message,
    stage::{Desk, Stage},
};

/// What everybody uses where the plan says so.
const EVERYBODYS: &str = "everybody's";
/// What is contended for.
const NAMES: [&str; 2] = ["lock:a", FENCED];
/// What is contended for by fencing numbers.
const FENCED: &str = "lock:b";

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// One task of one process.
pub(super) struct Caller {
    stage: Stage,
    desk: Desk,
    task: u32,
    values: u64,
    limits: Limits,
}

/// How a lock was asked for.
pub(super) struct Terms {
    fixed: Option<Arc<str>>,
    revives: bool,
    is_renewed: bool,
    is_fenced: bool,
    token: Option<u32>,
}

/// A lock that a caller holds.
struct Holding {
    guard: Guard,
    lock: u32,
    /// The mutex that it was taken by.
    mutex: Mutex,
    /// Whether its value is fixed and nobody else's, so that it can be carried on by its value.
    by_value: bool,
    /// Whether it can be handed over: nobody else has the same value, now or later.
    travels: bool,
    /// Whether it is extended in the background from the beginning.
    is_renewed: bool,
    /// What it was adopted from.
    message: Option<Message>,
}

impl Terms {
    /// Of a lock that was taken under a generated value.
    pub(super) fn of_generated(revives: bool) -> Self {
        Self { fixed: None, revives, is_renewed: false, is_fenced: false, token: None }
    }
}

impl Caller {
    pub(super) fn new(stage: Stage, desk: Desk, task: u32) -> Self {
        Self { stage, desk, task, values: 0, limits: Limits::default() }
    }

    /// One whose calls all have this deadline.
    pub(super) fn with_deadline(stage: &Stage, desk: &Desk, deadline: Duration) -> Self {
        let caller = Self::new(stage.clone(), desk.clone(), stage.plan.tasks);
        Self { limits: Limits::deadline(deadline), ..caller }
    }

    /// Takes or adopts so many locks, one after the other.
    pub(super) async fn live(mut self, rounds: u32) {
        for _ in 0..rounds {
            if self.stage.is_violated() {
                return;
            }
            if self.stage.once_in(6) {
                self.work().await
            } else {
                self.round().await
            }
            self.stage.wait(self.stage.up_to(ms(120))).await;
        }
    }

    async fn round(&mut self) {
        if self.stage.once_in(20) {
            return self.meddle().await;
        }
        let name = NAMES.get(self.stage.index(NAMES.len())).copied().unwrap_or_default();
        // Most locks of a name are fenced, or most are not.
        let is_fenced = (name == FENCED) != self.stage.once_in(8);
        let revives = self.stage.once_in(3);
        let mutex = self.desk.client.mutex(name);
        let mutex = self.options(mutex).revive_on_extend(revives);
        let (mutex, fixed) = self.value(mutex);
        let mutex = if is_fenced { mutex.fenced() } else { mutex };
        let is_renewed = self.stage.once_in(6);
        let mutex = mutex.auto_extend(is_renewed);
        if let Some(guard) = self.take(&mutex).await {
            let lock = self.stage.next_lock();
            let is_own = fixed.as_deref().is_some_and(|fixed| fixed != EVERYBODYS);
            let travels = fixed.is_none() || is_own && !self.stage.plan.reuses;
            // What hands a lock over sets missing keys anew as well, and so does what extends it in the background.
            let revives = revives || (travels || is_renewed) && fixed.is_none();
            self.granted(lock, &guard, Terms { fixed, revives, is_renewed, is_fenced, token: None });
            let holding =
                Holding { guard, lock, mutex, by_value: is_own, travels, is_renewed, message: None };
            self.hold(holding).await;
        }
    }

    fn options(&mut self, mutex: Mutex) -> Mutex {
        let (ttl, stage) = (self.ttl(), &self.stage);
        let (extend_tries, release_tries) = (1 + small(stage.pick(3)), 1 + small(stage.pick(3)));
        let mutex = mutex.ttl(ttl).extend_tries(extend_tries).release_tries(release_tries);
        let mutex = mutex.wait_for_all(stage.once_in(4)).shuffle_nodes(stage.once_in(3));
        // Some calls last so long that what stood when they began may be forgotten when they end.
        let delay = stage.up_to(ms(if stage.plan.reuses && stage.once_in(3) { 1200 } else { 60 }));
        let mutex = mutex.retry_delay(delay).loss_margin(MARGIN);
        if stage.once_in(6) {
            // Without a deadline a call is bounded by its tries. Each server may tell a higher fencing number, to which the
            // others are then raised.
            let (tries, timeout) = (1 + small(stage.pick(4)), ms(300));
            let raises = timeout * small(stage.plan.servers as u64);
            self.limits =
                Limits::tries(timeout + delay, tries, extend_tries, release_tries).raising(raises, tries);
            return mutex.tries(tries).node_timeout(timeout);
        }
        // Some deadlines come before the tries are used up.
        let deadline = if stage.once_in(4) { stage.plan.deadline / 4 } else { stage.plan.deadline };
        self.limits = Limits::deadline(deadline);
        let mutex = mutex.deadline(deadline).tries(1 + small(stage.pick(stage.plan.tries)));
        match stage.pick(3) {
            0 if !stage.plan.of_one_mind => mutex.node_timeout(ms(30)),
            1 if !stage.plan.of_one_mind => mutex,
            _ => mutex.node_timeout(ms(300)),
        }
    }

    /// What is assumed about values that are used again goes by the TTL.
    fn ttl(&self) -> Duration {
        let plan = &self.stage.plan;
        let is_short = !plan.of_one_mind && !plan.reuses && self.stage.once_in(4);
        if is_short { plan.ttl / 4 } else { plan.ttl }
    }

    /// Generated, labelled, drawn, fixed or shared with everybody.
    fn value(&mut self, mutex: Mutex) -> (Mutex, Option<Arc<str>>) {
        if self.stage.plan.of_one_mind && !self.stage.once_in(5) {
            let mutex = match self.stage.pick(3) {
                0 => mutex.value_fn(|| Ok(EVERYBODYS.to_owned())),
                _ => mutex.with_value(EVERYBODYS),
            };
            return (mutex, Some(Arc::from(EVERYBODYS)));
        }
        if self.stage.plan.reuses && !self.stage.once_in(4) {
            let own: Arc<str> = format!("worker-{}-{}", self.desk.number, self.task).into();
            return (mutex.with_value(Arc::clone(&own)), Some(own));
        }
        self.values += 1;
        let own: Arc<str> = format!("job-{}-{}-{}", self.desk.number, self.task, self.values).into();
        match self.stage.pick(6) {
            0 => (mutex.label(own), None),
            1 => (mutex.with_value(Arc::clone(&own)), Some(own)),
            2 => (mutex.value_fn(self.drawn(own)), None),
            _ => (mutex, None),
        }
    }

    /// Gives a new value each time, or fails.
    fn drawn(&self, own: Arc<str>) -> impl Fn() -> Result<String, BoxError> + Send + Sync + 'static {
        let (stage, drawn) = (self.stage.clone(), AtomicU64::new(0));
        move || match stage.once_in(8) {
            true => Err("no value left".into()),
            false => Ok(format!("{own}-{}", drawn.fetch_add(1, Ordering::Relaxed))),
        }
    }

    async fn take(&self, mutex: &Mutex) -> Option<Guard> {
        match self.stage.pick(8) {
            0 => self.call(Op::TryLock, mutex.name(), mutex.try_lock(), failed).await?.ok(),
            1 => {
                let cancel = self.stage.wait(self.stage.up_to(ms(200)));
                self.call(Op::LockUnless, mutex.name(), mutex.lock_unless(cancel), failed).await?.ok()
            }
            2 => self.call_and_drop(Op::Lock, mutex.name(), mutex.lock(), failed).await?.ok(),
            _ => self.call(Op::Lock, mutex.name(), mutex.lock(), failed).await?.ok(),
        }
    }

    pub(super) fn granted(&self, lock: u32, guard: &Guard, terms: Terms) {
        let (name, value) = (Arc::from(guard.name()), Arc::from(guard.value()));
        let Terms { fixed, revives, is_renewed, is_fenced, token } = terms;
        let (fence, valid_for) = (guard.fence(), self.world_time(guard.valid_for()));
        self.record(What::Granted(Granted {
            lock,
            name,
            value,
            fixed,
            revives,
            is_renewed,
            is_fenced,
            fence,
            token,
            valid_for,
        }));
    }

    async fn hold(&self, holding: Holding) {
        if holding.travels && self.stage.once_in(3) {
            self.work_under(&holding).await;
        }
        for _ in 0..self.stage.pick(6) {
            self.stage.wait(self.stage.up_to(ms(600))).await;
            self.ask(&holding);
            if !self.stage.once_in(3) {
                self.extend(&holding).await;
            }
            if holding.by_value && self.stage.once_in(2) {
                // Another process may go by a shorter TTL, which cuts nothing off.
                self.extend_by_value(&holding.mutex.clone().ttl(self.stage.plan.ttl / 8)).await;
            }
        }
        if self.stage.once_in(6) {
            if !holding.is_renewed {
                self.record(What::Fault(Fault::Overstay, Place::Process(self.desk.number)));
            }
            self.stage.wait(self.stage.up_to(ms(2600))).await;
            self.ask(&holding);
            self.extend(&holding).await;
        }
        self.give_back(holding).await;
    }

    async fn extend(&self, holding: &Holding) {
        let drops = || self.stage.once_in(5);
        if !self.stage.once_in(6) {
            return self.extend_once(holding, drops()).await;
        }
        // Two at once, of which the later one may be done first.
        let later = async {
            self.stage.wait(self.stage.up_to(ms(50))).await;
            self.extend_once(holding, drops()).await;
        };
        join(self.extend_once(holding, drops()), later).await;
    }

    /// Asks a guard whether it is valid, as who has waited or woken up does before going on.
    fn ask(&self, Holding { guard, lock, .. }: &Holding) {
        let (is_valid, valid_for) = (guard.is_valid(), self.world_time(guard.valid_for()));
        self.record(What::Says { lock: *lock, is_valid, valid_for });
    }

    async fn extend_once(&self, holding: &Holding, drops: bool) {
        let Holding { guard, lock, .. } = holding;
        let result = if drops {
            self.call_and_drop(Op::Extend, guard.name(), guard.extend(), failed).await
        } else {
            self.call(Op::Extend, guard.name(), guard.extend(), failed).await
        };
        match result {
            Some(Ok(())) => {
                self.extended(*lock, guard);
            }
            Some(Err(error)) if error.kind() == redsync_core::ErrorKind::Lost => {
                self.record(What::Lost { lock: *lock });
            }
            Some(Err(_)) | None => {}
        }
        self.ask(holding);
    }

    pub(super) fn extended(&self, lock: u32, guard: &Guard) {
        let valid_for = self.world_time(guard.valid_for());
        self.record(What::Extended { lock, valid_for });
    }

    /// Does to somebody else's lock whatever must have no effect on it.
    async fn meddle(&mut self) {
        let mutex = self.desk.client.mutex(BYSTANDER);
        let mutex = self.options(mutex);
        let fixed = mutex.clone().with_value("mine");
        match self.stage.pick(4) {
            0 => drop(self.call(Op::Unlock, BYSTANDER, fixed.unlock(), unlocked).await),
            1 => drop(self.call(Op::ExtendByValue, BYSTANDER, fixed.extend(), failed).await),
            2 => drop(self.call(Op::TryLock, BYSTANDER, fixed.try_lock(), failed).await),
            _ => drop(self.call(Op::TryLock, BYSTANDER, mutex.try_lock(), failed).await),
        }
    }

    fn world_time(&self, duration: Duration) -> Duration {
        self.desk.process.clock().world_time(duration)
    }

    pub(super) fn record(&self, what: What) {
        self.stage.record(Who::Caller { process: self.desk.number, task: self.task }, what);
    }
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(0)
}
