//! Adopting a lock from its token.

use std::{
    future::{Future, pending},
    sync::Arc,
};

use crate::{
    Error, Guard, InvalidOption, LockToken, Mutex, Redsync,
    held::Held,
    meter::{By, Hold, Waiting},
    options::Settings,
    target::Lasting,
    wire::counter_key,
};

impl Redsync {
    /// Takes a lock over from its token, with the TTL that it was taken with first.
    ///
    /// The guard's lock is a new one, with a value and a fencing number of its own; of the token it keeps that it can be
    /// [handed back](Guard::hand_back) to it. [`Mutex::adopt`] is the same with options.
    ///
    /// # Errors
    ///
    /// As [`Mutex::adopt`].
    ///
    /// # Cancel safety
    ///
    /// As [`Mutex::adopt`].
    pub async fn adopt(&self, token: &LockToken) -> Result<Guard, Error> {
        self.mutex(Arc::clone(token.shared_name())).ttl(token.ttl()).adopt(token).await
    }

    /// Takes the lock back from whoever might adopt it, and releases it, in the background: for destructors of what was to
    /// carry the token. Where somebody else has adopted it already, it is his.
    ///
    /// [`settled`](Self::settled) waits for it, and [`shutdown`](Self::shutdown) does not end it. It is tried for as long as
    /// the token's [TTL](LockToken::ttl); where the nodes cannot be reached, the token then stands for its wait.
    pub fn withdraw(&self, token: LockToken) {
        let running = self.world.tasks.start();
        let mutex = self.mutex(Arc::clone(token.shared_name())).ttl(token.ttl()).deadline(token.ttl());
        self.runtime().spawn(Box::pin(async move {
            // Also when no lock is to be taken any more: it goes on from nothing.
            let released = match mutex.adopt_unless(&token, pending::<()>()).await {
                Ok(guard) => guard.release().await.map_err(Error::from),
                Err(error) => Err(error),
            };
            if let Err(error) = released {
                tracing::debug!(lock = token.name(), %error, "a token was not withdrawn");
            }
            drop(running);
        }));
    }
}

impl Mutex {
    /// Takes the lock over from its token, with the options of this mutex: also with its [`ttl`](Self::ttl), 8 s by
    /// default, and not with [the token's](LockToken::ttl).
    ///
    /// The value is rotated to a fresh one, so that of a token that is delivered twice at most one delivery is adopted
    /// at a time. A fencing number is drawn where the token has one. Who shares the nodes with another delivery
    /// tries again, up to [`tries`](Self::tries) times.
    ///
    /// For the call itself count [`ttl`](Self::ttl), [`tries`](Self::tries), [`retry_delay`](Self::retry_delay),
    /// [`deadline`](Self::deadline), [`node_timeout`](Self::node_timeout) or [`timeout_factor`](Self::timeout_factor), and
    /// [`drift_factor`](Self::drift_factor); the guard has these and all that say how a lock is extended, kept and
    /// released. [`wait_for_all`](Self::wait_for_all) and [`shuffle_nodes`](Self::shuffle_nodes) do not count, nor do
    /// [`label`](Self::label), [`with_value`](Self::with_value) and [`value_fn`](Self::value_fn), since the value is generated,
    /// nor [`fenced`](Self::fenced), since the token decides.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::AlreadyAdopted`](crate::ErrorKind::AlreadyAdopted) when another delivery has the lock, or shares its nodes
    /// with this one as far as the tries go,
    /// [`ErrorKind::Expired`](crate::ErrorKind::Expired) when it stands at too few nodes by now: its time is over, or
    /// it was released. [`ErrorKind::Taken`](crate::ErrorKind::Taken) when somebody else has taken it since,
    /// [`ErrorKind::Unreachable`](crate::ErrorKind::Unreachable) when too few nodes answered. The token is as good as
    /// before then: what was rotated is set back.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, what was rotated is set back in the background.
    pub async fn adopt(&self, token: &LockToken) -> Result<Guard, Error> {
        let waiting = Waiting::begin(&self.world);
        let result = match self.world.on_closing() {
            Some(closing) => self.adopt_unless(token, closing).await,
            None => Err(Error::closed("adopt", &self.name)),
        };
        waiting.end(&result);
        result
    }

    /// The same, unless `closing` resolves first.
    async fn adopt_unless(&self, token: &LockToken, closing: impl Future) -> Result<Guard, Error> {
        let settings = self.settings_to_adopt(token).map_err(|option| Error::invalid(&self.name, option))?;
        let mut drive = self.world.adopt(token, &settings);
        match drive.result_unless(closing, None).await {
            Ok(lease) => {
                let hold = Hold::begin(&self.world, By::Adopt);
                let held = Held::new(Arc::clone(&self.name), lease, hold);
                let lasts = Lasting { nodes: self.world.all_nodes(), until: self.world.until_over(token) };
                let held = Arc::new(held.adopted(token.secret().clone(), token.parts().exact, lasts));
                drive.follow(Arc::clone(&held));
                let now = self.world.runtime.now();
                Ok(Guard::new(Arc::clone(&self.world), held, settings, None, now))
            }
            Err(failure) => Err(Error::transfer(&self.world, &self.name, "adopt", failure)),
        }
    }

    fn settings_to_adopt(&self, token: &LockToken) -> Result<Arc<Settings>, InvalidOption> {
        let (name, nodes) = (Arc::clone(&self.name), self.world.seats.len());
        token.check_lock(&name, nodes)?;
        if token.fence().is_some() && counter_key(&name).is_none() {
            return Err(InvalidOption::FencedName(name));
        }
        self.settings()
    }
}
