//! [`Death`]: what found a mutant, as the programs that look for it tell.

/// What found a mutant, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Death {
    /// `None` when it survived.
    pub(super) invariant: Option<String>,
    /// After so many worlds, or so many states.
    pub(super) after: u64,
}

impl Death {
    /// Reads what the simulation wrote. Only a promise that it names is one that was broken: a program that fails in
    /// another way has found nothing.
    pub(super) fn in_worlds(text: &str) -> Self {
        let invariant = text.lines().find_map(|line| line.split_once(" violates ")?.1.split(':').next());
        let after = text.lines().find_map(|line| line.split_once(" seeds, ")?.0.parse().ok());
        Self { invariant: invariant.map(str::to_owned), after: after.unwrap_or(0) }
    }

    /// Reads what the explorer wrote.
    pub(super) fn in_search(text: &str) -> Self {
        let violation = text.lines().find_map(|line| line.strip_prefix("violation: "));
        let invariant = violation.and_then(|line| line.split_once(" in ")).map(|(invariant, _)| invariant);
        let after = violation.and_then(|line| line.split_once(" after ")?.1.split(' ').next()?.parse().ok());
        Self { invariant: invariant.map(str::to_owned), after: after.unwrap_or(0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_promise_that_is_named_was_broken() {
        let found = |invariant: &str, after| Death { invariant: Some(invariant.to_owned()), after };
        let worlds = "12 seeds, 9 calls\nseed 11 violates no panic: index out of bounds\n";
        assert_eq!(Death::in_worlds(worlds), found("no panic", 12));
        let search = "1. a request is sent\nviolation: two valid guards in pair at depth 8 after 65 states\n";
        assert_eq!(Death::in_search(search), found("two valid guards", 65));
        let nothing = Death { invariant: None, after: 0 };
        for crash in ["", "thread 'main' panicked at src/main.rs:1:1:\nout of bounds\n"] {
            assert_eq!(Death::in_worlds(crash), nothing);
            assert_eq!(Death::in_search(crash), nothing);
        }
    }
}
