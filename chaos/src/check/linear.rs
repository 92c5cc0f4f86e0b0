//! The history of each lock is that of a mutex: every operation can be given a moment between its call and its return
//! at which it took effect, so that no two hold the lock at the same time.
//!
//! This is Lowe's just-in-time variant of the algorithm of Wing and Gong. It goes through calls and returns in order
//! of time, and keeps every state in which the lock can be: who holds it, and which operations that have not yet
//! returned have taken effect. An operation takes effect only when its own return, or that of another one, asks for
//! it. Where no state is left, the history is that of no mutex.
//!
//! Taking a lock, and an extension that succeeded, say that this one holds it at some moment of the call. So does a
//! release that found the lock held, which says more than the validity does: nobody else had it until then. Any other
//! end may have taken effect at any time after the call began that gives the lock back, after the validity was over,
//! or never.
//!
//! A call that took the lock for all we know, but whose caller was killed or gave up before it heard of it, is left
//! out: a history that is possible with it is possible without it, since nothing that was seen depends on it. So are
//! refusals, because a lock on a majority may refuse two callers that are in each other's way while nobody holds it.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::Hold;

/// Says what an operation does to the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Take,
    /// Is seen to hold it.
    Keep,
    End,
}

#[derive(Clone, Debug)]
struct Operation {
    hold: usize,
    step: Step,
    called: u64,
    /// Is absent where it may take effect at any later time, or never.
    returned: Option<u64>,
}

/// Is one way how the lock may be.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    holder: Option<usize>,
    /// Lists the operations that have taken effect and not yet returned.
    done: BTreeSet<usize>,
}

/// Is an operation whose return no state allows, with those who hold the lock in them.
#[derive(Debug)]
struct Stuck {
    operation: usize,
    holders: Vec<usize>,
}

/// Returns what no mutex would have done; the search ends with the first such operation.
pub(super) fn check(holds: &[&Hold]) -> Option<String> {
    let operations: Vec<_> =
        holds.iter().enumerate().flat_map(|(hold, seen)| operations(hold, seen)).collect();
    let stuck = search(&operations).err()?;
    let operation = operations.get(stuck.operation)?;
    let others: String =
        stuck.holders.iter().filter_map(|at| holds.get(*at)).map(|hold| format!("\n    {hold}")).collect();
    let (hold, step) = (holds.get(operation.hold)?, operation.step);
    Some(format!("not the history of a mutex, at {step:?} of\n    {hold}\n  while held by{others}"))
}

fn operations(hold: usize, seen: &Hold) -> Vec<Operation> {
    let operation = |step, called, returned| Operation { hold, step, called, returned };
    // One that was not told before its validity was over has still begun before that, and of one that was stopped until then
    // nobody knows when that was.
    let is_known = seen.valid_until > 0;
    let taken = if is_known { seen.got.min(seen.valid_until).max(seen.asked) } else { seen.got };
    let ends = if is_known { seen.end().max(taken) } else { seen.asked };
    let mut operations = vec![operation(Step::Take, seen.asked, Some(taken))];
    operations.extend(seen.extended.iter().map(|(from, to)| operation(Step::Keep, *from, Some(*to))));
    operations.push(match (seen.given_back, seen.released) {
        (Some(from), Some(to)) => operation(Step::End, from, Some(to)),
        (Some(_) | None, _) => operation(Step::End, ends, None),
    });
    operations
}

fn search(operations: &[Operation]) -> Result<(), Stuck> {
    let mut search = Search { operations, open: BTreeSet::new(), may_end: BTreeMap::new() };
    let mut states = BTreeSet::from([State::default()]);
    for (_, is_return, at) in events(operations) {
        if !is_return {
            search.call(at);
            continue;
        }
        let next: BTreeSet<_> = states.iter().flat_map(|state| search.reach(state, at)).collect();
        if next.is_empty() {
            let holders = states.iter().filter_map(|state| state.holder).collect();
            return Err(Stuck { operation: at, holders });
        }
        search.open.remove(&at);
        states = next;
    }
    Ok(())
}

/// Returns calls and returns by time; of those at the same time calls first, which allows more.
fn events(operations: &[Operation]) -> Vec<(u64, bool, usize)> {
    let calls = operations.iter().enumerate().map(|(at, operation)| (operation.called, false, at));
    let returns = operations.iter().enumerate();
    let returns =
        returns.filter_map(|(at, operation)| operation.returned.map(|returned| (returned, true, at)));
    let mut events: Vec<_> = calls.chain(returns).collect();
    events.sort_unstable();
    events
}

struct Search<'a> {
    operations: &'a [Operation],
    /// Lists the operations that were called, and have a return that is still to come.
    open: BTreeSet<usize>,
    /// Lists the holds that may end without a return, and since when.
    may_end: BTreeMap<usize, u64>,
}

impl Search<'_> {
    fn call(&mut self, at: usize) {
        match self.operations.get(at) {
            Some(Operation { returned: None, hold, called, .. }) => {
                self.may_end.insert(*hold, *called);
            }
            Some(_) | None => {
                self.open.insert(at);
            }
        }
    }

    /// Returns the states in which this operation has taken effect and returned, on any way from `state`.
    fn reach(&self, state: &State, at: usize) -> BTreeSet<State> {
        let (mut reached, mut seen, mut ahead) = (BTreeSet::new(), BTreeSet::new(), vec![state.clone()]);
        while let Some(mut state) = ahead.pop() {
            if !seen.insert(state.clone()) {
                continue;
            }
            if state.done.remove(&at) {
                reached.insert(state);
                continue;
            }
            ahead.extend(self.ended(&state));
            ahead.extend(self.open.iter().filter_map(|open| self.effect(&state, *open)));
        }
        reached
    }

    fn ended(&self, state: &State) -> Option<State> {
        let may_end = state.holder.is_some_and(|holder| self.may_end.contains_key(&holder));
        may_end.then(|| State { holder: None, done: state.done.clone() })
    }

    fn effect(&self, state: &State, at: usize) -> Option<State> {
        let operation = self.operations.get(at)?;
        let is_held = state.holder == Some(operation.hold);
        let holder = match operation.step {
            Step::Take if state.holder.is_none() => Some(operation.hold),
            Step::Keep if is_held => state.holder,
            Step::End if is_held => None,
            Step::Take | Step::Keep | Step::End => return None,
        };
        let mut done = state.done.clone();
        done.insert(at).then_some(State { holder, done })
    }
}

#[cfg(test)]
mod tests {
    use super::super::hold;
    use super::*;

    /// Released while it was held, between these moments.
    fn released(hold: Hold, from: u64, to: u64) -> Hold {
        Hold { given_back: Some(from), released: Some(to), ..hold }
    }

    fn given_back(hold: Hold, at: u64) -> Hold {
        Hold { given_back: Some(at), ..hold }
    }

    fn extended(hold: Hold, from: u64, to: u64) -> Hold {
        Hold { extended: vec![(from, to)], ..hold }
    }

    #[test]
    fn histories_of_a_mutex() {
        for holds in [
            vec![],
            vec![hold(1, 0, 10, 100)],
            // One after the other, by release and by expiry.
            vec![released(hold(1, 0, 10, 100), 20, 30), hold(2, 0, 40, 140), hold(3, 0, 150, 200)],
            // The next one gets it while the release has not yet returned.
            vec![released(hold(1, 0, 10, 100), 20, 60), hold(2, 0, 30, 130)],
            // Two releases that return in the other order.
            vec![released(hold(1, 0, 10, 100), 20, 90), released(hold(2, 0, 30, 130), 40, 50)],
            // A release that may have happened late, or not at all.
            vec![given_back(hold(1, 0, 10, 100), 20), hold(2, 0, 30, 130)],
            // Its holder was stopped, and heard of it only after the next one.
            vec![hold(1, 0, 90, 40), released(hold(2, 0, 60, 130), 70, 80)],
            vec![extended(hold(1, 0, 10, 200), 90, 110), hold(2, 0, 200, 300)],
            // Its holder was stopped when he got it, until its validity was over; another one had it before, and one after.
            vec![
                released(hold(1, 0, 10, 100), 50, 60),
                hold(2, 40, 500, 0),
                released(hold(3, 40, 300, 400), 310, 320),
            ],
        ] {
            for holds in [holds.clone(), holds.into_iter().rev().collect()] {
                assert_eq!(check(&holds.iter().collect::<Vec<_>>()), None);
            }
        }
    }

    #[test]
    fn histories_of_no_mutex() {
        for holds in [
            vec![hold(1, 0, 10, 100), hold(2, 0, 20, 120)],
            vec![given_back(hold(1, 0, 10, 100), 60), hold(2, 0, 50, 150)],
            // Valid no more, but it was held until the release, in which another one had it.
            vec![released(hold(1, 0, 10, 100), 200, 220), released(hold(2, 110, 120, 210), 130, 140)],
            // An extension succeeded after the validity, when another one had it.
            vec![extended(hold(1, 0, 10, 100), 130, 140), hold(2, 0, 120, 220)],
            // Its holder was stopped when he got it, but another one had it all the time.
            vec![released(hold(1, 0, 10, 100), 600, 620), hold(2, 40, 500, 0)],
            // The third one comes in between two that fit.
            vec![released(hold(1, 0, 10, 50), 40, 45), hold(2, 0, 60, 160), hold(3, 70, 80, 180)],
        ] {
            for holds in [holds.clone(), holds.into_iter().rev().collect()] {
                assert!(check(&holds.iter().collect::<Vec<_>>()).is_some(), "{holds:?}");
            }
        }
    }

    #[test]
    fn a_long_history_with_many_waiters_is_checked_quickly() {
        let turns = 0..20_000_u64;
        // Each has asked for as long as twenty others had their turns.
        let turn = |at: u64| {
            let got = 1000 + at * 10;
            released(hold(at, got - 200, got, got + 500), got + 5, got + 25)
        };
        let holds: Vec<_> = turns.map(turn).collect();
        assert_eq!(check(&holds.iter().collect::<Vec<_>>()), None);
    }
}
