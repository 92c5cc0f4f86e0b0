//! Adds up the results that test programs print.

use std::fmt;

/// Counts tests.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Tests that ran and passed.
    pub(crate) passed: usize,
    /// Tests that failed, and commands that failed without naming a test.
    pub(crate) failed: usize,
    /// Tests that did not run.
    pub(crate) ignored: usize,
}

impl Tally {
    /// Adds what a line says, if it is the closing line of a test program.
    pub(crate) fn add_line(&mut self, line: &str) {
        let Some(result) = line.trim().strip_prefix("test result: ") else { return };
        for (number, word) in result.split([';', '.']).filter_map(|part| part.trim().split_once(' ')) {
            let number = number.parse().unwrap_or(0);
            match word {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }

    /// Adds another count.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }

    /// Counts the tests that did not run as failed.
    pub(crate) fn with_ignored_as_failed(self) -> Self {
        Self { passed: self.passed, failed: self.failed + self.ignored, ignored: 0 }
    }

    /// Tells whether tests ran and all of them passed.
    pub(crate) fn is_green(self) -> bool {
        self.passed > 0 && self.failed == 0 && self.ignored == 0
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_add_up() {
        let lines = [
            "running 3 tests",
            "test result: ok. 18 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.49s",
            "test it_passed ... ok",
            "test result: FAILED. 4 passed; 2 failed; 1 ignored; 0 measured; 7 filtered out; finished in 12.34s\n",
            "the test result: ok. 99 passed",
        ];
        let mut tally = Tally::default();
        lines.iter().for_each(|line| tally.add_line(line));
        assert_eq!(tally, Tally { passed: 22, failed: 2, ignored: 1 });
        assert_eq!(tally.with_ignored_as_failed().to_string(), "22 passed, 3 failed");
    }

    #[test]
    fn only_tests_that_ran_and_passed_are_green() {
        let green = |passed, failed, ignored| Tally { passed, failed, ignored }.is_green();
        assert!(green(1, 0, 0));
        assert!(!green(0, 0, 0));
        assert!(!green(5, 1, 0));
        assert!(!green(5, 0, 1));
    }
}
