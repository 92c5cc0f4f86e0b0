//! Tells a broker what became of a message.

use std::{pin::pin, time::Duration};

use futures_util::future::{Either, select};

use crate::{Message, Told, Untold, Worker};

/// How often that is tried, within [`Policy::settle_within`](crate::Policy::settle_within).
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(200);

pub(crate) async fn settle<M: Message>(
    worker: &Worker,
    message: &M,
    told: Told,
    why: &str,
) -> Result<Told, Untold<M::Error>> {
    let runtime = worker.redsync.runtime();
    let end = pin!(runtime.sleep_until(runtime.now().plus(worker.policy.settle_within)));
    let tries = pin!(async {
        let mut result = once(message, told, why).await;
        for _ in 1..TRIES {
            let Err(error) = &result else { break };
            tracing::warn!(%error, ?told, "a broker was not told what became of a message");
            runtime.sleep_until(runtime.now().plus(PAUSE)).await;
            result = once(message, told, why).await;
        }
        result
    });
    let settled = match select(tries, end).await {
        Either::Left((result, _)) => result.map_err(Untold::Failed),
        Either::Right(_) => Err(Untold::Unheard),
    };
    if let Err(error) = &settled {
        tracing::warn!(%error, ?told, "nobody knows whether a message comes again");
    }
    settled.map(|()| told)
}

async fn once<M: Message>(message: &M, told: Told, why: &str) -> Result<(), M::Error> {
    match told {
        Told::Acknowledged => message.acknowledge().await,
        Told::ToDeliverAgain(after) => message.deliver_again(after).await,
        Told::DeadLettered => message.dead_letter(why).await,
        Told::Nothing => Ok(()),
    }
}
