//! Tells a broker what became of a message.

use std::{pin::pin, time::Duration};

use futures_util::future::{Either, select};

use crate::{Message, Told, Untold, Worker};

/// How often that is tried, within [`Policy::settle_within`](crate::Policy::settle_within).
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(200);

/// What a broker is to be told of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate<'a> {
    /// Its job is done, or nobody is to do it.
    Acknowledged,
    /// Its job was begun, and it is to be delivered again after this time.
    Again(Duration),
    /// The same, and its job was not begun.
    PutOff(Duration),
    /// Nobody is to work on it, for this reason.
    DeadLettered(&'a str),
    /// Another worker has settled it.
    Nothing,
}

impl<'a> Fate<'a> {
    /// Of a message whose job was not begun.
    pub(crate) fn without_a_lock(told: Told, why: &'a str) -> Self {
        match told {
            Told::Acknowledged => Self::Acknowledged,
            Told::ToDeliverAgain(after) => Self::PutOff(after),
            Told::DeadLettered => Self::DeadLettered(why),
            Told::Nothing => Self::Nothing,
        }
    }

    fn told(self) -> Told {
        match self {
            Self::Acknowledged => Told::Acknowledged,
            Self::Again(after) | Self::PutOff(after) => Told::ToDeliverAgain(after),
            Self::DeadLettered(_) => Told::DeadLettered,
            Self::Nothing => Told::Nothing,
        }
    }
}

pub(crate) async fn settle<M: Message>(
    worker: &Worker,
    message: &M,
    fate: Fate<'_>,
) -> Result<Told, Untold<M::Error>> {
    let (runtime, told) = (worker.redsync.runtime(), fate.told());
    let end = pin!(runtime.sleep_until(runtime.now().plus(worker.policy.settle_within)));
    let tries = pin!(async {
        let mut result = once(message, fate).await;
        for _ in 1..TRIES {
            let Err(error) = &result else { break };
            tracing::warn!(%error, ?told, "a broker was not told what became of a message");
            runtime.sleep_until(runtime.now().plus(PAUSE)).await;
            result = once(message, fate).await;
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

async fn once<M: Message>(message: &M, fate: Fate<'_>) -> Result<(), M::Error> {
    match fate {
        Fate::Acknowledged => message.acknowledge().await,
        Fate::Again(after) => message.deliver_again(after).await,
        Fate::PutOff(after) => message.put_off(after).await,
        Fate::DeadLettered(why) => message.dead_letter(why).await,
        Fate::Nothing => Ok(()),
    }
}
