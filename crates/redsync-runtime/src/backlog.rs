//! [`Backlog`]: how many requests may wait for one node.

use std::sync::atomic::{AtomicUsize, Ordering};

use redsync_core::NodeError;

/// Counts the requests that one node has not answered yet, and sets them a limit.
#[derive(Debug, Default)]
pub struct Backlog(AtomicUsize);

/// A request's place in a [`Backlog`], until it is dropped.
#[derive(Debug)]
#[must_use = "the place is given up when it is dropped"]
pub struct Place<'a>(&'a Backlog);

impl Backlog {
    /// How many requests may be unanswered at one node.
    ///
    /// A live server answers this many within milliseconds, so only a hung one gets here. It then costs a
    /// few hundred kilobytes at the most, and has no more than that to work off when it goes on.
    pub const LIMIT: usize = 1024;

    /// Takes a place. It does not wait for one, which would only move the queue.
    ///
    /// # Errors
    ///
    /// A [`NodeError`] that says "not sent" when all places are taken.
    pub fn enter(&self) -> Result<Place<'_>, NodeError> {
        let one_more = |unanswered| (unanswered < Self::LIMIT).then_some(unanswered + 1);
        match self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more) {
            Ok(_) => Ok(Place(self)),
            Err(limit) => {
                Err(NodeError::not_sent(format!("{limit} requests to this node are unanswered already")))
            }
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use redsync_core::NodeErrorKind;

    use super::*;

    #[test]
    fn a_place_is_free_again_once_it_is_given_up() {
        let backlog = Backlog::default();
        let mut places: Vec<_> = (0..Backlog::LIMIT).map(|_| backlog.enter().unwrap()).collect();
        for _ in 0..2 {
            assert_eq!(backlog.enter().unwrap_err().kind(), NodeErrorKind::NotSent);
        }
        places.pop();
        places.push(backlog.enter().unwrap());
        assert!(backlog.enter().is_err());
    }
}
