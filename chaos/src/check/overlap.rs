//! While a guard says that it is valid, nobody else holds a valid guard of the same name.

use crate::history::Hold;

/// Returns the pairs of one name that overlap: each with the one before it that lasts longest.
pub(super) fn check(holds: &[&Hold]) -> Vec<String> {
    let mut holds = holds.to_vec();
    holds.sort_by_key(|hold| hold.got);
    let mut violations = Vec::new();
    let mut longest: Option<&Hold> = None;
    for hold in holds.into_iter().filter(|hold| hold.got < hold.end()) {
        if let Some(other) = longest.filter(|other| hold.got < other.end()) {
            violations.push(format!("two valid at once:\n    {other}\n    {hold}"));
        }
        if longest.is_none_or(|other| other.end() < hold.end()) {
            longest = Some(hold);
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::super::hold;
    use super::*;

    #[test]
    fn periods_end_with_the_validity_or_when_the_lock_is_given_back() {
        let ended = |given_back, lost| Hold { given_back, lost, ..hold(1, 0, 10, 100) };
        let cases = [
            (hold(1, 0, 10, 100), hold(2, 0, 99, 200), 1),
            (hold(1, 0, 10, 100), hold(2, 0, 100, 200), 0),
            (ended(Some(50), None), hold(2, 0, 50, 200), 0),
            (ended(Some(50), None), hold(2, 0, 49, 200), 1),
            (ended(None, Some((50, 60))), hold(2, 0, 55, 200), 0),
            // It was returned when its validity was over.
            (hold(1, 0, 10, 100), hold(2, 0, 60, 55), 0),
        ];
        for (first, second, expected) in cases {
            assert_eq!(check(&[&second, &first]).len(), expected, "{first}; {second}");
        }
    }

    #[test]
    fn one_that_lasts_long_is_compared_with_all_that_follow() {
        let holds = [hold(1, 0, 10, 100), hold(2, 0, 20, 30), hold(3, 0, 40, 50), hold(4, 0, 120, 130)];
        assert_eq!(check(&holds.iter().collect::<Vec<_>>()).len(), 2);
    }
}
