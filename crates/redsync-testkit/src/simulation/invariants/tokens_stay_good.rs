//! Tokens stay good (P6, P8): a token that nobody else tries to adopt can be adopted as long as its lock waits, and one
//! that could not be adopted or was handed back is as good as before once everything has healed.

use std::{collections::BTreeMap, time::Duration};

use redsync_core::{ErrorKind, Moment};

use super::{Invariant, View, losses::Losses};
use crate::simulation::{
    event::{Event, HandedOver, What},
    plan::asked_at,
};

/// Less than any TTL in use. Whoever takes longer to adopt a lock may have outlived what he has rotated himself.
const LEAST_TTL: Duration = Duration::from_millis(400);

#[derive(Default)]
pub(super) struct TokensStayGood {
    tokens: BTreeMap<u32, Waiting>,
    losses: Losses,
}

/// A lock that waits to be adopted.
struct Waiting {
    until: Moment,
    /// How many adoptions have begun, and when the last one has.
    tried: u32,
    tried_at: Moment,
}

impl Invariant for TokensStayGood {
    fn name(&self) -> &'static str {
        "tokens stay good"
    }

    fn observe(&mut self, event: &Event, view: &View<'_>) -> Result<(), String> {
        self.losses.observe(event);
        match &event.what {
            What::HandedOver(handed_over) => self.handed_over(handed_over, event.at, view),
            What::Adopts { token } => {
                if let Some(waiting) = self.tokens.get_mut(token) {
                    (waiting.tried, waiting.tried_at) = (waiting.tried + 1, event.at);
                }
                Ok(())
            }
            What::NotAdopted { token, kind } => self.not_adopted(*token, *kind, event.at, view),
            What::Recovered { name, outcome: Err(kind) } => {
                Err(format!("the token of {name} cannot be adopted with everything healed: {kind:?}"))
            }
            What::Fault(..)
            | What::Over(..)
            | What::Called(..)
            | What::Returned(_)
            | What::Granted(_)
            | What::Extended { .. }
            | What::Lost { .. }
            | What::GivenUp { .. }
            | What::Says { .. }
            | What::Works { .. }
            | What::Kept { .. }
            | What::HandsBack { .. }
            | What::HandedBack { .. }
            | What::Recovered { .. }
            | What::Released { .. }
            | What::MustBeClean { .. }
            | What::StillBusy { .. }
            | What::Undisturbed { .. } => Ok(()),
        }
    }
}

impl TokensStayGood {
    fn handed_over(&mut self, new: &HandedOver, now: Moment, view: &View<'_>) -> Result<(), String> {
        let HandedOver { token, name, value, wait, valid_for, .. } = new;
        let until = now.plus(*valid_for);
        let standing = view.standing_for(name, value, *valid_for);
        self.tokens.insert(*token, Waiting { until, tried: 0, tried_at: now });
        // An expiry is told in whole milliseconds.
        if *valid_for + Duration::from_millis(1) < *wait {
            return Err(format!("token {token} was to wait for {wait:?}, and is good for {valid_for:?}"));
        }
        if standing.union(self.losses.since(asked_at(until, view.longest_ttl))).len() < view.quorum {
            return Err(format!(
                "token {token} is to last for {valid_for:?}, and does at servers {standing:?} only"
            ));
        }
        Ok(())
    }

    /// What was the only try must not have found that another one was quicker.
    fn not_adopted(&self, token: u32, kind: ErrorKind, now: Moment, view: &View<'_>) -> Result<(), String> {
        let Some(Waiting { until, tried: 1, tried_at }) = self.tokens.get(&token) else { return Ok(()) };
        let is_gone = [ErrorKind::Expired, ErrorKind::Taken, ErrorKind::AlreadyAdopted].contains(&kind);
        if is_gone
            && now.since(*tried_at) < LEAST_TTL
            && *until > now
            && self.losses.since(asked_at(*until, view.longest_ttl)).is_empty()
        {
            let left = until.since(now);
            return Err(format!(
                "token {token} is called {kind:?}, and nobody else has tried for another {left:?}"
            ));
        }
        Ok(())
    }
}
