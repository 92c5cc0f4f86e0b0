//! [`consume`]: the loop around messages, and its end in good order.

use std::{future::pending, pin::pin};

use futures_util::{
    StreamExt,
    future::{Either, select},
    stream::FuturesUnordered,
};

use crate::Message;

/// Where messages come out.
pub trait Source: Send {
    /// What comes out.
    type Message: Message;
    /// Why nothing does.
    type Error;

    /// The next message; `None` when there will be none any more. No message is lost when the future is dropped.
    fn receive(&mut self) -> impl Future<Output = Result<Option<Self::Message>, Self::Error>> + Send;
}

/// What happens next in the loop.
enum Next<M, E> {
    Stop,
    Received(Result<Option<M>, E>),
    Done,
}

/// Calls `each` with every message of `source`, up to `at_once` (1 at least) at a time, until the source ends or `stop`
/// resolves. What is begun by then is finished first.
///
/// All of it is polled by the caller's task: a handler that computes for long spawns a task for that.
///
/// ```
/// use redsync_queue::{Source, Worker, consume};
/// # use std::convert::Infallible;
/// # use redsync_queue::Work;
///
/// # async fn send_mail(work: Work) -> Result<(), Infallible> { Ok(()) }
/// # async fn example<S: Source>(worker: Worker, mut jobs: S, stop: impl Future) -> Result<(), S::Error> {
/// consume(&mut jobs, 8, stop, |message| {
///     let worker = &worker;
///     async move {
///         let processed = worker.process(&message, send_mail).await;
///         tracing::info!(?processed);
///     }
/// })
/// .await
/// # }
/// ```
///
/// # Errors
///
/// What the source could not be asked for, once what is begun is finished. Whether it can be asked again, the source says.
///
/// # Cancel safety
///
/// When the future is dropped, so is what is begun.
pub async fn consume<S, F>(
    source: &mut S,
    at_once: usize,
    stop: impl Future,
    each: impl Fn(S::Message) -> F,
) -> Result<(), S::Error>
where
    S: Source,
    F: Future<Output = ()>,
{
    let (mut stop, mut begun) = (pin!(stop), FuturesUnordered::new());
    let ended = loop {
        let next = {
            let has_room = begun.len() < at_once.max(1);
            let received = async { if has_room { source.receive().await } else { pending().await } };
            let done = async { if begun.is_empty() { pending().await } else { begun.next().await } };
            match select(stop.as_mut(), select(pin!(received), pin!(done))).await {
                Either::Left(_) => Next::Stop,
                Either::Right((Either::Left((received, _)), _)) => Next::Received(received),
                Either::Right((Either::Right(_), _)) => Next::Done,
            }
        };
        match next {
            Next::Received(Ok(Some(message))) => begun.push(each(message)),
            Next::Received(Ok(None)) | Next::Stop => break Ok(()),
            Next::Received(Err(error)) => break Err(error),
            Next::Done => {}
        }
    };
    while begun.next().await.is_some() {}
    ended
}
