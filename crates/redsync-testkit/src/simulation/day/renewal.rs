//! Scenes with locks that are extended in the background.

use std::time::Duration;

use redsync_core::{Loss, Released};

use super::{Scenery, Verdict, is, lock, release, set_weather};
use crate::simulation::network::Weather;

/// How long the scenes last at most.
pub(super) const TWO_TTLS: Duration = Duration::from_millis(40);
const TTL: Duration = Duration::from_millis(20);
const MARGIN: Duration = Duration::from_millis(2);
/// What comes of rounding between clocks.
const ROUNDING: Duration = Duration::from_micros(1);

impl Scenery {
    pub(super) async fn a_lock_outlives_its_ttl(self) -> Verdict {
        let is_renewed = self.stage.once_in(2);
        let mutex = self.mutex.ttl(TTL).loss_margin(MARGIN).auto_extend(is_renewed);
        let mutex = if self.stage.once_in(2) { mutex.with_value("the long job's") } else { mutex };
        let guard = lock(&mutex).await?;
        let work = self.stage.wait(TWO_TTLS);
        match is_renewed {
            true => work.await,
            false => guard.keep(work).await.map_err(|error| error.to_string())?,
        }
        is(guard.is_valid(), true)?;
        match self.stage.once_in(2) {
            true => release(guard, Released::Held).await,
            // From now on it is extended no more.
            false => {
                guard.leave();
                Ok(())
            }
        }
    }

    pub(super) async fn work_under_a_lost_lock_is_stopped(self) -> Verdict {
        let gone = self.gone();
        let guard = lock(&self.mutex.ttl(TTL).loss_margin(MARGIN)).await?;
        let is_deleted = self.stage.once_in(2);
        if is_deleted {
            for server in &self.stage.servers {
                server.node().execute(&["DEL", guard.name()]).map_err(|error| error.to_string())?;
            }
        } else {
            set_weather(&self.desk, Weather { is_refused: true, ..Weather::default() });
        }
        let stopped = guard.keep(self.stage.wait(TWO_TTLS)).await.map_err(|lost| lost.loss());
        set_weather(&self.desk, Weather::default());
        if is_deleted {
            is(stopped, Err(Loss::Gone))?;
            return release(guard, gone).await;
        }
        is(stopped, Err(Loss::Expiring))?;
        // Not a moment too late, and none too early.
        is(guard.valid_for().abs_diff(MARGIN) <= ROUNDING, true)?;
        release(guard, Released::Held).await
    }
}
