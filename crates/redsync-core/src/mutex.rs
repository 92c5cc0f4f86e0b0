//! [`Mutex`]: a lock by name, with its options.

use std::{
    error::Error as StdError,
    fmt,
    future::{Future, pending},
    pin::pin,
    sync::{Arc, OnceLock},
    time::Duration,
};

use futures_util::future::{poll_immediate, select};

use crate::{
    Delay, Error, Guard, InvalidOption, Released, Value,
    drive::Drive,
    held::Held,
    machine::{Acquire, Lease},
    meter::{By, Hold, Waiting},
    options::{NodeTimeout, Options, Settings},
    queue::{Entry, Queue},
    redsync::World,
    source::Generator,
    target::Target,
    wire::counter_key,
};

/// A lock by name, with options. Taking it gives a [`Guard`].
///
/// Cheap to clone. Options are checked by the call that uses them, before anything is sent.
#[derive(Clone)]
pub struct Mutex {
    pub(crate) world: Arc<World>,
    pub(crate) name: Arc<str>,
    options: Options,
    /// What the options were found to mean, once that was asked.
    settings: OnceLock<Arc<Settings>>,
}

/// Options.
impl Mutex {
    pub(crate) fn new(world: Arc<World>, name: Arc<str>) -> Self {
        Self { world, name, options: Options::default(), settings: OnceLock::new() }
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Options)) -> Self {
        self.settings = OnceLock::new();
        change(&mut self.options);
        self
    }

    /// How long the lock lasts unless it is extended or released: from 1 ms, in whole milliseconds. By
    /// default 8 s.
    #[must_use]
    pub fn ttl(self, ttl: Duration) -> Self {
        self.with(|options| options.ttl = ttl)
    }

    /// The most rounds in which [`lock`](Self::lock) asks the nodes, from 1, beside those that hints lead to. By default 32.
    #[must_use]
    pub fn tries(self, tries: u32) -> Self {
        self.with(|options| options.tries = tries)
    }

    /// The most rounds in which a lock is extended, from 1. By default 3, and never past its validity.
    #[must_use]
    pub fn extend_tries(self, tries: u32) -> Self {
        self.with(|options| options.extend_tries = tries)
    }

    /// The most rounds in which a release is waited for, from 1. By default 3.
    #[must_use]
    pub fn release_tries(self, tries: u32) -> Self {
        self.with(|options| options.release_tries = tries)
    }

    /// The pause between two tries. By default between 50 and 250 ms.
    #[must_use]
    pub fn retry_delay(self, delay: impl Into<Delay>) -> Self {
        self.with(|options| options.delay = delay.into())
    }

    /// The longest that a call takes, whatever its tries are at. By default there is none, and tries,
    /// node time-out and retry delay are the bound.
    #[must_use]
    pub fn deadline(self, deadline: Duration) -> Self {
        self.with(|options| options.deadline = Some(deadline))
    }

    /// The part of the TTL that clocks may differ by, from 0 to less than 1. By default 0.01.
    #[must_use]
    pub fn drift_factor(self, factor: f64) -> Self {
        self.with(|options| options.drift_factor = factor)
    }

    /// How long the nodes have to answer in a round. By default the smaller of TTL × 0.05 and 1 s.
    #[must_use]
    pub fn node_timeout(self, timeout: Duration) -> Self {
        self.with(|options| options.timeout = NodeTimeout::Fixed(timeout))
    }

    /// How long the nodes have to answer in a round, as a part of the TTL: above 0 and at most 1.
    #[must_use]
    pub fn timeout_factor(self, factor: f64) -> Self {
        self.with(|options| options.timeout = NodeTimeout::Factor(factor))
    }

    /// Stores exactly this value, instead of a generated one: whoever knows it can extend and release the
    /// lock, in any process and language.
    ///
    /// No two users of one lock should hold the same value at the same time: Redis cannot tell them apart. A
    /// [token](crate::LockToken) of it is such a user, for as long as it may be delivered. Where the value only has to be
    /// readable, prefer [`label`](Self::label).
    #[must_use]
    pub fn with_value(self, value: impl Into<Arc<str>>) -> Self {
        self.with(|options| options.exact = Some(Value::new(value)))
    }

    /// Puts a readable prefix before the generated value: `job-1138` becomes `job-1138:` and 32 hex digits.
    #[must_use]
    pub fn label(self, label: impl Into<Arc<str>>) -> Self {
        self.with(|options| options.label = Some(label.into()))
    }

    /// Draws values from `function` instead of the built-in generator of 128 random bits. [`with_value`](Self::with_value)
    /// overrides it.
    ///
    /// Its values must be unique among all processes that use the lock. It is called once more than there are
    /// rounds, to find out whether it repeats itself; a value that it repeats is treated like one set by
    /// [`with_value`](Self::with_value). That two processes return the same ones cannot be found out.
    #[must_use]
    pub fn value_fn<F>(self, function: F) -> Self
    where
        F: Fn() -> Result<String, Box<dyn StdError + Send + Sync>> + Send + Sync + 'static,
    {
        self.with(|options| options.value_fn = Some(Arc::new(function)))
    }

    /// Whether extending sets the key anew at nodes that lost it. By default not.
    #[must_use]
    pub fn revive_on_extend(self, revive: bool) -> Self {
        self.with(|options| options.revive = revive)
    }

    /// Gives the lock a [fencing number](Guard::fence), greater than that of every earlier holder.
    ///
    /// It comes from a counter beside the lock, which the servers keep for a day longer than the lock, and than
    /// the token where it [waits](Guard::hand_over). A lock with a fencing number costs a script; where the nodes' counters
    /// are not in step, another round trip.
    ///
    /// A lock that is adopted has a fencing number if it had one when it was handed over; this option does not matter
    /// then.
    ///
    /// # What it assumes
    ///
    /// While counters stand, nothing but that everyone who uses the lock takes it fenced and uses the same nodes. Where
    /// a node has lost its counter, that the clock of the next holder is not behind the clock of an earlier one by more
    /// than the time between the two, and that no server's clock is more than a minute behind.
    #[must_use]
    pub fn fenced(self) -> Self {
        self.with(|options| options.fenced = true)
    }

    /// Whether to take a lock only when every node has answered or run out of time. By default a call
    /// returns as soon as its outcome is certain.
    #[must_use]
    pub fn wait_for_all(self, wait: bool) -> Self {
        self.with(|options| options.wait_for_all = wait)
    }

    /// Whether to send to the nodes in random order. By default they are asked in the order in which they were given.
    #[must_use]
    pub fn shuffle_nodes(self, shuffle: bool) -> Self {
        self.with(|options| options.shuffle = shuffle)
    }

    /// Checks the name and the options, as every call does before it sends anything.
    ///
    /// # Errors
    ///
    /// The first option that cannot be, with the offending number.
    pub fn check(&self) -> Result<(), InvalidOption> {
        self.settings().map(drop)
    }

    /// The lock's name, which is its key in Redis.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn settings(&self) -> Result<Arc<Settings>, InvalidOption> {
        match self.settings.get() {
            Some(settings) => Ok(Arc::clone(settings)),
            None => {
                self.check_all().map(|settings| Arc::clone(self.settings.get_or_init(|| Arc::new(settings))))
            }
        }
    }

    fn check_all(&self) -> Result<Settings, InvalidOption> {
        if self.name.is_empty() {
            Err(InvalidOption::EmptyName)
        } else if self.options.fenced && counter_key(&self.name).is_none() {
            Err(InvalidOption::FencedName(Arc::clone(&self.name)))
        } else {
            self.options.check()
        }
    }
}

/// Calls.
impl Mutex {
    /// Takes the lock, asking up to [`tries`](Self::tries) times while somebody else holds it.
    ///
    /// Calls of the same [`Redsync`](crate::Redsync) get it in their order, and of those that wait only the first one asks.
    /// It asks when the lock may be free, where the nodes [tell](crate::Node::watch), which takes nothing of its tries; and
    /// after each [`retry_delay`](Self::retry_delay), which does. A call that waits behind others gives up when it would if it
    /// asked, after it has asked once; before a deadline that is a node time-out ahead, and a quarter of the deadline at the
    /// most. A lock goes from one call to the next eight times at most before other processes get the same chance.
    ///
    /// # Errors
    ///
    /// [`Error::kind`](crate::Error::kind) tells why there is no lock; whatever was set for it is being removed.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, whatever it may have set is removed in the background.
    pub async fn lock(&self) -> Result<Guard, Error> {
        self.lock_unless(pending()).await
    }

    /// Takes the lock if it is free now: asks once, and at once, whoever else waits for it.
    ///
    /// # Errors
    ///
    /// As [`lock`](Self::lock).
    ///
    /// # Cancel safety
    ///
    /// As [`lock`](Self::lock).
    pub async fn try_lock(&self) -> Result<Guard, Error> {
        self.clone().tries(1).lock().await
    }

    /// Takes the lock like [`lock`](Self::lock), unless `cancel` resolves first.
    ///
    /// # Errors
    ///
    /// As [`lock`](Self::lock), and [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled).
    ///
    /// # Cancel safety
    ///
    /// As [`lock`](Self::lock).
    pub async fn lock_unless(&self, cancel: impl Future<Output = ()>) -> Result<Guard, Error> {
        let waiting = Waiting::begin(&self.world);
        let result = self.wait_for_lock(cancel).await;
        waiting.end(&result);
        result
    }

    async fn wait_for_lock(&self, cancel: impl Future<Output = ()>) -> Result<Guard, Error> {
        let settings = self.settings().map_err(|option| Error::invalid(&self.name, option))?;
        let mut cancel = pin!(cancel);
        let Some(closing) = self.world.on_closing() else { return Err(Error::closed("lock", &self.name)) };
        // A call that is cancelled before it begins sends nothing.
        if poll_immediate(cancel.as_mut()).await.is_some() {
            return Err(Error::cancelled(&self.name));
        }
        let (begun, mut stop) = (self.world.runtime.now(), pin!(select(cancel, closing)));
        let queue = Queue::new(&self.world, &self.name, &settings, begun);
        let Some(mut entry) = queue.entry(stop.as_mut()).await else {
            return Err(Error::cancelled(&self.name));
        };
        let mut drive = self.world.acquire(&self.name, &settings, entry.tries, begun, entry.since);
        match drive.result_unless(stop, Some(&mut entry.lookout)).await {
            Ok(lease) => Ok(self.hold(lease, settings, &mut drive, entry)),
            Err(failure) => Err(entry.error(&self.world, &self.name, failure)),
        }
    }

    /// Extends a lock that this or any other process holds under [`with_value`](Self::with_value)'s value.
    ///
    /// It then lasts for at least the [`ttl`](Self::ttl) of this mutex, 8 s by default: set the one that it was taken
    /// with. Only the value is known here, so nothing is promised about how long the lock was or stays valid: that
    /// it is extended means that a quorum held it a moment ago.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Lost`](crate::ErrorKind::Lost) when the lock is not held under this value,
    /// [`ErrorKind::Unreachable`](crate::ErrorKind::Unreachable) when too few nodes answered. Nothing was deleted.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, what was sent may still extend the lock.
    pub async fn extend(&self) -> Result<(), Error> {
        let (settings, target) = self.by_value()?;
        let mut drive = self.world.extend(&self.name, &settings, target, self.world.runtime.now());
        let result = drive.result().await;
        result.map(drop).map_err(|failure| Error::extend(&self.world, &self.name, "extend", failure))
    }

    /// Releases a lock that this or any other process holds under [`with_value`](Self::with_value)'s value.
    ///
    /// What certainly did not reach a node is sent again, up to [`release_tries`](Self::release_tries) times. A request
    /// whose reply was lost is not, since the value may be in use again by then; where it never is, call again. A call
    /// after one that failed may find the lock gone by that one. What is left to do at nodes that cannot be reached goes
    /// on in the background for the [`ttl`](Self::ttl) of this mutex: set the one that the lock was taken with.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unreachable`](crate::ErrorKind::Unreachable) when too few nodes answered. A lock that was
    /// gone already is no error.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, the release goes on in the background.
    pub async fn unlock(&self) -> Result<Released, Error> {
        let (settings, target) = self.by_value()?;
        let mut drive = self.world.release(&self.name, &settings, target, self.world.runtime.now());
        let result = drive.result().await;
        result.map_err(|failure| Error::release(&self.world, &self.name, failure))
    }

    fn by_value(&self) -> Result<(Arc<Settings>, Target), Error> {
        let invalid = |option| Error::invalid(&self.name, option);
        let settings = self.settings().map_err(invalid)?;
        let value = settings.exact.clone().ok_or_else(|| invalid(InvalidOption::NoValue))?;
        Ok((settings, Target::of_value(value, self.world.all_nodes())))
    }

    fn hold(
        &self,
        lease: Lease,
        settings: Arc<Settings>,
        drive: &mut Drive<Acquire<Generator>>,
        entry: Entry,
    ) -> Guard {
        let hold = Hold::begin(&self.world, By::Lock);
        let held = Arc::new(Held::new(Arc::clone(&self.name), lease, hold));
        let now = self.world.runtime.now();
        let place = entry.hold(&held, now);
        drive.follow(Arc::clone(&held));
        Guard::new(Arc::clone(&self.world), held, settings, place, now)
    }
}

impl fmt::Debug for Mutex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutex")
            .field("name", &self.name)
            .field("ttl", &self.options.ttl)
            .finish_non_exhaustive()
    }
}
