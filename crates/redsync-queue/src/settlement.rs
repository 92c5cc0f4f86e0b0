//! [`Settlement`]: that a message is settled once.

use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a message is settled.
#[derive(Debug, Default)]
pub(crate) struct Settlement {
    is_settled: AtomicBool,
    /// Whether it has a copy, after which only the rest of its settling is to be done again.
    #[cfg(any(feature = "nats", feature = "streams"))]
    is_copied: AtomicBool,
}

/// What settles a message. Unless it is finished, the message is not settled.
pub(crate) struct Attempt<'a>(Option<&'a AtomicBool>);

impl Settlement {
    /// Begins to settle it; `None` where it is settled, or somebody else is about to.
    pub(crate) fn begin(&self) -> Option<Attempt<'_>> {
        // Not `then_some`, which would make an attempt in any case, and drop it.
        (!self.is_settled.swap(true, Ordering::SeqCst)).then(|| Attempt(Some(&self.is_settled)))
    }

    /// Settles it by this, unless it is settled. Where that fails or is dropped, the message is not settled.
    #[cfg(any(feature = "amqp", feature = "nats", feature = "streams"))]
    pub(crate) async fn by<E>(&self, how: impl Future<Output = Result<(), E>>) -> Result<(), E> {
        let Some(attempt) = self.begin() else { return Ok(()) };
        how.await?;
        attempt.finish();
        Ok(())
    }

    /// Settles it by a copy, and then by the rest, unless it is settled. Where the rest fails or is dropped, the message is
    /// not settled, and the copy is not made again. A crash between the two leaves a copy too many, and never one too few.
    #[cfg(any(feature = "nats", feature = "streams"))]
    pub(crate) async fn by_copy<E>(
        &self,
        copy: impl Future<Output = Result<(), E>>,
        rest: impl Future<Output = Result<(), E>>,
    ) -> Result<(), E> {
        self.by(async {
            if !self.is_copied.load(Ordering::SeqCst) {
                copy.await?;
                self.is_copied.store(true, Ordering::SeqCst);
            }
            rest.await
        })
        .await
    }

    /// Settles it by what cannot fail; says whether it was not settled before.
    #[cfg(any(feature = "amqp", feature = "channel"))]
    pub(crate) fn settle(&self) -> bool {
        self.begin().map(Attempt::finish).is_some()
    }
}

impl Attempt<'_> {
    /// The message is settled.
    pub(crate) fn finish(mut self) {
        self.0 = None;
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if let Some(is_settled) = self.0 {
            is_settled.store(false, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_settled_stays_so_however_often_that_is_tried() {
        let settlement = Settlement::default();
        settlement.begin().expect("the first").finish();
        for _ in 0..3 {
            assert!(settlement.begin().is_none());
        }
    }

    #[test]
    fn one_at_a_time_tries_and_what_has_failed_can_be_tried_again() {
        let settlement = Settlement::default();
        for _ in 0..2 {
            let attempt = settlement.begin();
            assert!(attempt.is_some());
            for _ in 0..3 {
                assert!(settlement.begin().is_none());
            }
        }
    }
}
