//! Handing a held lock over to whoever gets its token, and back to the token that it came from.

use std::{sync::Arc, time::Duration};

use crate::{
    Error, Guard, GuardError, InvalidOption, LockToken, Moment, Ttl,
    machine::{ExtendCause, ExtendFailure, ExtendPlan},
    token::Parts,
};

impl Guard {
    /// Turns the guard into a token, which another task, process or machine [adopts](crate::Redsync::adopt).
    ///
    /// The lock then lasts for `wait` (from 1 ms) before it has to be adopted; nobody renews it meanwhile. Who adopts it
    /// has the TTL of this guard. Every node in reach is heard, and those that missed the lock get it as well, where its
    /// value is ours alone. Those out of reach are taken to have it still.
    ///
    /// A token of a [fixed value](crate::Mutex::with_value) is a user of that value for as long as it may be delivered,
    /// also when its wait is over: where the same value is in use again by then, it is taken from its holder.
    ///
    /// # Errors
    ///
    /// As [`extend`](Self::extend), and [`ErrorKind::InvalidOption`](crate::ErrorKind::InvalidOption) for a wait that
    /// cannot be. The error gives the guard back, as valid as it was, and not valid any more where the lock is lost. What was
    /// set anew or lengthened by then goes with it when it is released. A guard that is [left](Self::leave) then may stand
    /// for the wait, and so may one whose nodes stay out of reach.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, so is the guard, which releases the lock.
    pub async fn hand_over(mut self, wait: Duration) -> Result<LockToken, GuardError> {
        let token = match self.token(wait) {
            Ok(token) => token,
            Err(option) => return Err(self.keeps(option)),
        };
        self.watch.set_renewing(false);
        match self.extend_for_all(token.parts().wait).await {
            Ok(valid_until) => {
                self.releases_on_drop = false;
                tracing::debug!(lock = self.name(), "handed over");
                let valid_for = valid_until.since(self.world.runtime.now());
                let now = self.world.runtime.wall_clock();
                Ok(token.expiring(now.checked_add(valid_for).unwrap_or(now)))
            }
            Err(failure) => {
                if matches!(failure.cause, ExtendCause::Lost) {
                    self.held.lose();
                }
                self.watch.set_renewing(true);
                let error = Error::extend(&self.world, &self.held.name, "hand over", failure);
                Err(GuardError::new(error, self))
            }
        }
    }

    /// Gives the lock back to the token that it was adopted from, which can then be adopted again, for as long as it
    /// could when it was handed over: the wait begins anew. A lock that was taken anew, since the token had expired,
    /// goes to any token of its name.
    ///
    /// The token then stands where the lock did. Nodes that miss it are filled up by renewal, and not by this call.
    ///
    /// An extension with [`revive_on_extend`](crate::Mutex::revive_on_extend) or [`auto_extend`](crate::Mutex::auto_extend)
    /// whose replies were lost can take the token's value with it at its nodes, if it is executed after this. Then the
    /// token ends early.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Expired`](crate::ErrorKind::Expired) when its validity is over, when a release of it has failed and goes
    /// on, or when it stands at too few nodes by now,
    /// [`ErrorKind::Taken`](crate::ErrorKind::Taken) when somebody else has it,
    /// [`ErrorKind::AlreadyAdopted`](crate::ErrorKind::AlreadyAdopted) when an earlier hand-back has come through, and
    /// another delivery has the lock by now, [`ErrorKind::Unreachable`](crate::ErrorKind::Unreachable) when too few nodes
    /// answered. The error gives the guard back, to try again or to release it. It is not valid any more, since the token
    /// may be. A release, which dropping it is too, takes the token's value with it wherever that stands, up to a node
    /// time-out before its validity would have ended, and as far as its first request to a node is answered; after that the
    /// value may be somebody else's to wait, and stands for its wait. Where the token is to be delivered again,
    /// [`leave`](Self::leave) the guard: what is left of its lock ends with its TTL.
    ///
    /// Of a [fixed value](crate::Mutex::with_value) only those nodes are asked again, or released, that certainly did
    /// nothing. Elsewhere a rival may have the same value by then, and what is left of the lock ends with its TTL.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, so is the guard, which releases the lock; one of a fixed value ends with its TTL.
    pub async fn hand_back(mut self, token: &LockToken) -> Result<(), GuardError> {
        if let Err(option) = self.goes_back_to(token) {
            return Err(self.keeps(option));
        }
        // From here on the token's value goes with the guard.
        if !self.held.can_go_back(self.world.runtime.now()) {
            return Err(GuardError::new(Error::expired("hand back", &self.held.name), self));
        }
        self.watch.set_renewing(false);
        let to = token.secret().clone();
        let target = self.held.hand_back(self.world.all_nodes(), to, token.parts().exact);
        if !target.resend(self.settings.node_timeout).allows_sending(self.world.runtime.now()) {
            // Where rivals may use the value, nothing is sent that could arrive after the validity.
            self.held.keep_only(target.nodes);
            return Err(GuardError::new(Error::expired("hand back", &self.held.name), self));
        }
        let mut drive = self.world.hand_back(token, &self.settings, target);
        match drive.result().await {
            Ok(_) => {
                self.releases_on_drop = false;
                tracing::debug!(lock = self.name(), "handed back");
                Ok(())
            }
            Err(failure) => {
                self.held.keep_only(failure.not_rotated);
                let error = Error::transfer(&self.world, &self.held.name, "hand back", failure);
                Err(GuardError::new(error, self))
            }
        }
    }

    /// A token of this lock, but for its expiry.
    fn token(&self, wait: Duration) -> Result<LockToken, InvalidOption> {
        let parts = Parts {
            name: Arc::clone(&self.held.name),
            value: self.held.value.clone(),
            exact: self.held.exact,
            fence: self.held.fence,
            ttl: self.settings.ttl,
            wait: self.ttl_to_wait(wait).ok_or(InvalidOption::Wait(wait))?,
            expires: 0,
            // A quorum has at most 64 nodes.
            nodes: u16::try_from(self.world.seats.len()).unwrap_or(u16::MAX),
        };
        LockToken::new(parts).map_err(InvalidOption::Token)
    }

    /// The TTL with which the lock can still be adopted when the wait is over.
    fn ttl_to_wait(&self, wait: Duration) -> Option<Ttl> {
        // The nodes are asked once, and those that miss the lock once more.
        let adopted_by = wait.checked_add(self.settings.node_timeout.checked_mul(2)?)?;
        self.settings.drift.ttl_for(adopted_by).filter(|_| !wait.is_zero())
    }

    /// Lets the lock last for the wait, at every node in reach, and returns until when that is.
    async fn extend_for_all(&self, wait: Ttl) -> Result<Moment, ExtendFailure> {
        let fills = !self.held.exact;
        let target = self.held.to_extend(self.world.all_nodes(), fills);
        let number = target.number;
        let plan = self.world.extend_plan(&self.settings, target, self.world.runtime.now());
        let plan = ExtendPlan { ttl: wait, revive: false, fills, wait_for_all: true, ..plan };
        let mut drive = self.world.extend_by(&self.held.name, plan);
        drive.follow_as(number, Arc::clone(&self.held));
        let valid_until = drive.result().await?;
        // An extension in the background may have found it lost meanwhile.
        if self.held.hand_over() { Ok(valid_until) } else { Err(ExtendFailure::found_meanwhile()) }
    }

    fn goes_back_to(&self, token: &LockToken) -> Result<(), InvalidOption> {
        let name = &self.held.name;
        if self.held.adopted_from.as_ref().is_some_and(|from| from != token.secret()) {
            let (token, name) = (Arc::clone(token.shared_name()), Arc::clone(name));
            return Err(InvalidOption::OtherToken { token, name });
        }
        token.check_lock(name, self.world.seats.len())
    }

    fn keeps(self, option: InvalidOption) -> GuardError {
        GuardError::new(Error::invalid(&self.held.name, option), self)
    }
}
