//! How a caller works under a lock that is extended meanwhile, and is stopped when that is to no avail.

use std::time::Duration;

use redsync_core::Loss;

use super::{super::event::What, Caller, Holding, ms};

/// How long before the end of its validity a lock is told to be lost.
pub(super) const MARGIN: Duration = ms(40);

impl Caller {
    /// Works for a while, and looks at the lock whenever the work goes on.
    pub(super) async fn work_under(&self, holding: &Holding) {
        let work = async {
            for _ in 0..=self.stage.pick(3) {
                self.stage.wait(self.stage.up_to(ms(900))).await;
                self.look(holding, None);
            }
        };
        match holding.guard.keep(work).await {
            Ok(()) => {}
            Err(lost) => self.look(holding, Some(lost.loss())),
        }
    }

    fn look(&self, Holding { guard, lock, .. }: &Holding, stopped: Option<Loss>) {
        let (valid_for, margin) = (self.world_time(guard.valid_for()), self.world_time(MARGIN));
        self.record(What::Works { lock: *lock, stopped, valid_for, margin });
    }
}
