//! Workers are killed after they have adopted a lock, and before they acknowledge its message.

use std::collections::BTreeSet;

use super::{Play, SOON};
use crate::{Failure, Report, What, check::Done, worker::Manner};

const WAVES: usize = 5;
const AT_ONCE: usize = 10;
const OTHERS: usize = 4;

pub(super) async fn play(mut play: Play) -> Result<Report, Failure> {
    for _ in 0..WAVES {
        play.publish(AT_ONCE).await?;
        let workers: BTreeSet<_> = play.crew.hire(AT_ONCE, Manner::Waits)?.into_iter().collect();
        play.history
            .wait("each has begun a job", SOON, |entries| {
                let begun = entries.iter().filter(|entry| entry.what == What::Begin).map(|entry| entry.pid);
                workers.is_subset(&begun.collect())
            })
            .await?;
        workers.into_iter().try_for_each(|pid| play.crew.kill(pid))?;
    }
    play.crew.hire(OTHERS, Manner::Plain)?;
    play.wait_for(What::End, WAVES * AT_ONCE).await?;
    play.finish(Done::AtLeastOnce, Manner::Plain).await
}
