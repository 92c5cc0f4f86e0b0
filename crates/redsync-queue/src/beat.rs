//! Tells a broker that a message is being worked on.

use std::{convert::Infallible, pin::pin, time::Duration};

use futures_util::future::{Either, pending, select};
use redsync_core::Runtime;

use crate::Message;

/// The shortest time between two such words.
const SHORTEST: Duration = Duration::from_millis(1);

/// For as long as it is polled. A word that the broker does not hear is no reason to stop: the lock keeps others away from
/// the job, also where its message is delivered to them.
pub(crate) async fn beat<M: Message>(message: &M, runtime: &dyn Runtime) -> Infallible {
    let Some(every) = message.keep_alive_every() else { return pending().await };
    let pause = || runtime.sleep_until(runtime.now().plus(every.max(SHORTEST)));
    loop {
        pause().await;
        // One that hangs is not to be the last.
        match select(pin!(message.keep_alive()), pause()).await {
            Either::Left((Ok(()), _)) => {}
            Either::Left((Err(error), _)) => {
                tracing::warn!(%error, "a broker was not told that a message is being worked on");
            }
            Either::Right(_) => {
                tracing::warn!("a broker did not answer when it was told that a message is being worked on");
            }
        }
    }
}
