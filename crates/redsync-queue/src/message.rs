//! [`Message`]: a delivered message, until it is settled with its broker.

use std::time::Duration;

use crate::Carrier;

/// The header in which a dead letter says why nobody is to work on it.
pub const WHY_HEADER: &str = "redsync-why";

/// A message as a broker has delivered it.
///
/// Exactly one of [`acknowledge`](Self::acknowledge), [`deliver_again`](Self::deliver_again), [`put_off`](Self::put_off) and
/// [`dead_letter`](Self::dead_letter) settles it: further calls then do nothing. What has failed, or was dropped, can be
/// called again. A message that is dropped without is delivered again, in the broker's own time.
pub trait Message: Send + Sync {
    /// Where its token is.
    type Headers: Carrier + ?Sized + Sync;
    /// What the broker's client says.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Its headers.
    fn headers(&self) -> &Self::Headers;

    /// Whether it may have been delivered before.
    fn is_redelivered(&self) -> bool;

    /// Which attempt at its job this delivery is, from 1 on, as far as the broker lets attempts be counted; `None` where it
    /// does not, and where no [limit](crate::Policy::attempts) holds then.
    ///
    /// Deliveries that were [put off](Self::put_off) do not count where the broker can leave them out.
    fn attempt(&self) -> Option<u64> {
        None
    }

    /// Its work is done: it is never delivered again.
    fn acknowledge(&self) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// It is to be delivered again, not before `after` where the broker can wait.
    fn deliver_again(&self, after: Duration) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// The same, where nobody has begun its job: as far as the broker can do that, this delivery counts as no
    /// [attempt](Self::attempt).
    fn put_off(&self, after: Duration) -> impl Future<Output = Result<(), Self::Error>> + Send {
        self.deliver_again(after)
    }

    /// Nobody is to get it but whoever looks after such messages.
    fn dead_letter(&self, why: &str) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Whether somebody has settled it already, as far as the broker tells. What cannot be told is not settled.
    fn is_settled(&self) -> impl Future<Output = Result<bool, Self::Error>> + Send {
        std::future::ready(Ok(false))
    }

    /// How often the broker has to hear that it is being worked on, if at all.
    fn keep_alive_every(&self) -> Option<Duration> {
        None
    }

    /// Tells the broker that it is being worked on.
    fn keep_alive(&self) -> impl Future<Output = Result<(), Self::Error>> + Send {
        std::future::ready(Ok(()))
    }
}
