//! Every call returns by its deadline, whatever the servers do.

use std::collections::BTreeMap;

use crate::{clock, crew::Life, history::Span, terms::SLACK};

/// Returns how long the longest call took, and the calls that took too long.
///
/// The time in which its process was stopped does not count, and [`SLACK`] is allowed.
pub(super) fn check(spans: &[Span], lives: &[Life]) -> (u64, Vec<String>) {
    let lives: BTreeMap<_, _> = lives.iter().map(|life| (life.who, life)).collect();
    let mut longest = 0;
    let mut violations = Vec::new();
    for span in spans {
        let Some(life) = lives.get(&span.who.contender) else { continue };
        let Some(ended) = span.ended.or(life.killed) else {
            violations.push(format!("never returned: {span:?}"));
            continue;
        };
        let took = ended.saturating_sub(span.began).saturating_sub(stopped(life, span.began, ended));
        longest = longest.max(took);
        if took > span.deadline + clock::nanos(SLACK) {
            violations.push(format!("too late, after {}: {span:?}", clock::millis(took)));
        }
    }
    (longest, violations)
}

fn stopped(life: &Life, from: u64, until: u64) -> u64 {
    let part = |(stop, resume): &(u64, u64)| (*resume).min(until).saturating_sub((*stop).max(from));
    life.stops.iter().map(part).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{history::Who, log::Call};

    #[test]
    fn late_and_missing_returns_are_found_but_not_those_of_the_stopped_and_killed() {
        let slack = clock::nanos(SLACK);
        let killed = |killed| Life { who: 1, killed, ..Life::default() };
        let stopped = |stops: &[(u64, u64)]| Life { who: 1, stops: stops.to_vec(), ..Life::default() };
        let cases = [
            (Some(slack + 30), stopped(&[]), 1),
            (Some(slack + 20), stopped(&[]), 0),
            (Some(slack + 30), stopped(&[(5, 20)]), 0),
            (Some(slack + 30), stopped(&[(5, 15)]), 1),
            (None, killed(None), 1),
            (None, killed(Some(30)), 0),
            (None, killed(Some(slack + 30)), 1),
        ];
        for (ended, life, expected) in cases {
            let who = Who { contender: 1, attempt: 0 };
            let span = Span { who, call: Call::Lock, deadline: 10, began: 10, ended };
            assert_eq!(check(&[span], std::slice::from_ref(&life)).1.len(), expected, "{ended:?} {life:?}");
        }
    }
}
