//! [`Publish`]: where messages go in, and [`hand_over_to`]: a lock goes there with its job.

use std::time::Duration;

use redsync_core::{Guard, LockToken};

use crate::{Carrier, Envelope, HandOverError, PublishError, hand_over};

/// Where messages go in whose body is a `B`.
pub trait Publish<B>: Sync {
    /// What their tokens travel in.
    type Headers: Carrier + Default + Send;
    /// What the broker's client says.
    type Error;

    /// Publishes a message, and returns once it is certain that it is in the queue. What is certain when the future is
    /// dropped is up to the publisher.
    fn publish(
        &self,
        headers: Self::Headers,
        body: B,
    ) -> impl Future<Output = Result<(), PublishError<Self::Error>>> + Send;
}

impl Envelope {
    /// Publishes a message with this token, and no other headers.
    ///
    /// # Errors
    ///
    /// What the publisher says.
    ///
    /// # Cancel safety
    ///
    /// As that of [`Publish::publish`].
    pub async fn publish<P, B>(
        &self,
        token: &LockToken,
        publisher: &P,
        body: B,
    ) -> Result<(), PublishError<P::Error>>
    where
        P: Publish<B>,
    {
        let mut headers = P::Headers::default();
        self.put(token, &mut headers);
        publisher.publish(headers, body).await
    }
}

/// Hands a held lock over to whoever gets the message with this body: its token is in the headers, as it is, and nothing else
/// is. The lock then lasts for `wait`.
///
/// It is [`hand_over`] with [`Envelope::publish`] of a plain envelope. For signed tokens, and for headers of your own, write
/// that yourself:
///
/// ```
/// use std::time::Duration;
/// use redsync_queue::{Carrier, Envelope, HandOverError, Publish, hand_over, hand_over_to};
/// # use redsync_core::Guard;
///
/// # async fn example<Queue: Publish<u32>>(one: Guard, other: Guard, queue: Queue, envelope: Envelope)
/// #     -> Result<(), HandOverError<Queue::Error>> {
/// let wait = Duration::from_secs(600);
/// hand_over_to(one, wait, &queue, 1138).await?;
///
/// hand_over(other, wait, |token| {
///     let mut headers = Queue::Headers::default();
///     envelope.put(&token, &mut headers);
///     headers.set("priority", "low".to_owned());
///     queue.publish(headers, 1138)
/// })
/// .await
/// # }
/// ```
///
/// # Errors
///
/// As [`hand_over`].
///
/// # Cancel safety
///
/// As that of [`hand_over`].
pub async fn hand_over_to<P, B>(
    guard: Guard,
    wait: Duration,
    publisher: &P,
    body: B,
) -> Result<(), HandOverError<P::Error>>
where
    P: Publish<B>,
{
    hand_over(guard, wait, async |token| Envelope::plain().publish(&token, publisher, body).await).await
}
