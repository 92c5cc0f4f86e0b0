//! A lock is told to be lost only when it is: a majority denies a valid lock only where an assumption is broken.

use crate::{clock, history::Hold};

/// Returns what is wrong when the loss was told before the validity was over.
pub(super) fn check(hold: &Hold) -> Option<String> {
    let (_, told) = hold.lost?;
    let left = hold.valid_until.checked_sub(told).filter(|left| *left > 0)?;
    Some(format!("lost {} before its validity was over:\n    {hold}", clock::millis(left)))
}

#[cfg(test)]
mod tests {
    use super::super::hold;
    use super::*;

    #[test]
    fn a_loss_that_is_told_after_the_validity_is_none() {
        for (told, is_wrong) in [(99, true), (100, false), (150, false)] {
            let hold = Hold { lost: Some((50, told)), ..hold(1, 0, 10, 100) };
            assert_eq!(check(&hold).is_some(), is_wrong, "{told}");
        }
        assert_eq!(check(&hold(1, 0, 10, 100)), None);
    }
}
