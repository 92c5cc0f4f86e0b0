//! [`Chain`]: the holders of one lock in their order, and what has to hold along it.
//!
//! Moments are those of one clock, and no period is taken to be longer than it was: it begins when the call had returned
//! that took the lock, and ends when the one begins that gives it back, or with the validity. Whose validity was over by
//! the time that its call returned never had the lock for all that it knows, and is left out.

use std::fmt;

use redsync_core::Moment;

/// A lock that was held, as its holder saw it.
#[derive(Clone, Debug)]
pub(crate) struct Hold {
    pub(crate) name: &'static str,
    pub(crate) how: How,
    pub(crate) fence: u64,
    pub(crate) got: Moment,
    pub(crate) valid_until: Moment,
    pub(crate) given_back: Option<Moment>,
}

/// How a lock was come by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum How {
    Locked,
    Adopted,
}

impl Hold {
    fn end(&self) -> Moment {
        self.given_back.map_or(self.valid_until, |moment| moment.min(self.valid_until))
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, until) = (self.got.since_origin(), self.end().since_origin());
        write!(f, "number {}, {:?} from {from:?} until {until:?}", self.fence, self.how)
    }
}

/// The holders of one lock by time.
#[derive(Debug)]
pub(crate) struct Chain(Vec<Hold>);

impl Chain {
    pub(crate) fn of(holds: &[Hold], name: &str) -> Self {
        let mut holds: Vec<_> = holds.iter().filter(|hold| hold.name == name).cloned().collect();
        holds.retain(|hold| hold.got < hold.end());
        holds.sort_by_key(|hold| hold.got);
        Self(holds)
    }

    /// Returns the pairs of which one begins before the other has ended, or has a number that is not greater.
    pub(crate) fn violations(&self) -> Vec<String> {
        let pairs = self.0.windows(2).map(|pair| (&pair[0], &pair[1]));
        let wrong = pairs.filter(|(one, next)| next.got < one.end() || next.fence <= one.fence);
        wrong.map(|(one, next)| format!("{one}\n  then {next}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn hold(fence: u64, got: u64, valid_until: u64, given_back: Option<u64>) -> Hold {
        let at = |millis| Moment::from_origin(Duration::from_millis(millis));
        let (got, valid_until, given_back) = (at(got), at(valid_until), given_back.map(at));
        Hold { name: "lock", how: How::Locked, fence, got, valid_until, given_back }
    }

    #[test]
    fn numbers_that_do_not_rise_and_periods_that_overlap_are_found() {
        for (next, expected) in [
            (hold(8, 50, 150, None), 0),
            (hold(7, 50, 150, None), 1),
            (hold(6, 50, 150, None), 1),
            (hold(8, 49, 150, None), 1),
            // It was returned when its validity was over.
            (hold(6, 60, 55, None), 0),
        ] {
            let holds = [next, hold(7, 10, 100, Some(50)), hold(9, 200, 300, None)];
            assert_eq!(Chain::of(&holds, "lock").violations().len(), expected, "{holds:?}");
            assert!(Chain::of(&holds, "another").violations().is_empty());
        }
    }
}
