//! A queue within one process, over a channel of Tokio's.
//!
//! What it holds ends with the process, and so do its dead letters: whoever receives takes them out. A lock whose message is
//! left in a queue that nobody receives from any more stands for its wait. Otherwise it is as a broker: a delivery that is
//! dropped without being settled comes again, in no particular order with what waits already.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use redsync_core::Runtime;
use tokio::sync::mpsc;

use crate::{Message, Publish, PublishError, Source, settlement::Settlement};

/// The headers of a message.
pub type Headers = BTreeMap<String, String>;

/// A queue for up to so many messages that nobody has taken yet; `runtime` waits for those that are to be delivered later.
///
/// # Panics
///
/// When there is no room for any.
pub fn channel<T: Send + Sync + 'static>(
    runtime: Arc<dyn Runtime>,
    capacity: usize,
) -> (Sender<T>, Receiver<T>) {
    let (sender, fresh) = mpsc::channel(capacity);
    let (back, returned) = mpsc::unbounded_channel();
    let desk = Desk { runtime, back, outstanding: AtomicUsize::new(0), dead_letters: Mutex::default() };
    (Sender { sender }, Receiver { fresh, returned, desk: Arc::new(desk) })
}

/// Where messages go in. Clones are the same queue.
#[derive(Debug)]
pub struct Sender<T> {
    sender: mpsc::Sender<Arc<Letter<T>>>,
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone() }
    }
}

/// Nobody receives from the queue any more, so that nobody will ever see the message.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("nobody receives from the queue any more")]
pub struct Closed;

impl<T> Sender<T> {
    /// Sends a message, once there is room for it.
    ///
    /// # Errors
    ///
    /// [`Closed`] when nobody receives any more.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, the message was not sent.
    pub async fn send(&self, headers: Headers, body: T) -> Result<(), Closed> {
        self.sender.send(Arc::new(Letter { headers, body })).await.map_err(|_| Closed)
    }
}

impl<T: Send + Sync + 'static> Publish<T> for Sender<T> {
    type Headers = Headers;
    type Error = Closed;

    async fn publish(&self, headers: Headers, body: T) -> Result<(), PublishError<Closed>> {
        self.send(headers, body).await.map_err(PublishError::NotPublished)
    }
}

/// What was sent. `Debug` prints the names of the headers only: whoever has a token has its lock.
pub struct Letter<T> {
    /// Its headers.
    pub headers: Headers,
    /// Its body.
    pub body: T,
}

impl<T: fmt::Debug> fmt::Debug for Letter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<_> = self.headers.keys().collect();
        f.debug_struct("Letter").field("headers", &headers).field("body", &self.body).finish()
    }
}

/// What nobody is to work on.
#[derive(Debug)]
pub struct DeadLetter<T> {
    /// What was sent.
    pub letter: Arc<Letter<T>>,
    /// Why nobody is to work on it.
    pub why: String,
}

/// What the receiver and its deliveries share.
struct Desk<T> {
    runtime: Arc<dyn Runtime>,
    /// What is to be delivered again, or a nudge to look whether anything still can be.
    back: mpsc::UnboundedSender<Option<Returned<T>>>,
    /// How many deliveries are not settled yet, or wait to be delivered again.
    outstanding: AtomicUsize,
    dead_letters: Mutex<Vec<DeadLetter<T>>>,
}

/// A letter that is to be delivered again, after so many attempts.
struct Returned<T> {
    letter: Arc<Letter<T>>,
    attempts: u64,
}

impl<T> Desk<T> {
    fn settle(&self) {
        self.outstanding.fetch_sub(1, Ordering::SeqCst);
        self.put_back(None);
    }

    fn put_back(&self, returned: Option<Returned<T>>) {
        // The receiver may be gone, and with it the queue.
        drop(self.back.send(returned));
    }
}

/// Where messages come out.
pub struct Receiver<T> {
    fresh: mpsc::Receiver<Arc<Letter<T>>>,
    returned: mpsc::UnboundedReceiver<Option<Returned<T>>>,
    desk: Arc<Desk<T>>,
}

impl<T: Send + Sync + 'static> Receiver<T> {
    /// The next message; `None` when nobody sends any more and everything is settled.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, no message is lost.
    pub async fn receive(&mut self) -> Option<Delivery<T>> {
        let mut is_closed = false;
        loop {
            if is_closed && self.desk.outstanding.load(Ordering::SeqCst) == 0 {
                return None;
            }
            tokio::select! {
                returned = self.returned.recv() => {
                    if let Some(Returned { letter, attempts }) = returned.flatten() {
                        return Some(Delivery::new(letter, true, attempts + 1, &self.desk));
                    }
                }
                fresh = self.fresh.recv(), if !is_closed => match fresh {
                    Some(letter) => {
                        self.desk.outstanding.fetch_add(1, Ordering::SeqCst);
                        return Some(Delivery::new(letter, false, 1, &self.desk));
                    }
                    None => is_closed = true,
                },
            }
        }
    }

    /// Takes out what nobody is to work on.
    pub fn dead_letters(&self) -> Vec<DeadLetter<T>> {
        std::mem::take(&mut *self.desk.dead_letters.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<T: Send + Sync + 'static> Source for Receiver<T> {
    type Message = Delivery<T>;
    type Error = Infallible;

    async fn receive(&mut self) -> Result<Option<Delivery<T>>, Infallible> {
        Ok(Self::receive(self).await)
    }
}

/// A message that was taken out of the queue.
pub struct Delivery<T: Send + Sync + 'static> {
    letter: Arc<Letter<T>>,
    is_redelivered: bool,
    attempt: u64,
    settlement: Settlement,
    desk: Arc<Desk<T>>,
}

impl<T: Send + Sync + 'static> Delivery<T> {
    fn new(letter: Arc<Letter<T>>, is_redelivered: bool, attempt: u64, desk: &Arc<Desk<T>>) -> Self {
        let (settlement, desk) = (Settlement::default(), Arc::clone(desk));
        Self { letter, is_redelivered, attempt, settlement, desk }
    }

    /// Its body.
    pub fn body(&self) -> &T {
        &self.letter.body
    }

    /// Has it delivered again after this time, and counts so many attempts by then.
    fn return_after(&self, after: Duration, attempts: u64) {
        if self.settlement.settle() {
            // It comes back also when the runtime ends before.
            let (letter, desk) = (Arc::clone(&self.letter), Arc::clone(&self.desk));
            let returning = Returning { letter, attempts, desk };
            let runtime = &self.desk.runtime;
            let wakes = runtime.sleep_until(runtime.now().plus(after));
            runtime.spawn(Box::pin(async move {
                wakes.await;
                drop(returning);
            }));
        }
    }
}

/// A letter that is to be delivered again, when this is dropped.
struct Returning<T> {
    letter: Arc<Letter<T>>,
    attempts: u64,
    desk: Arc<Desk<T>>,
}

impl<T> Drop for Returning<T> {
    fn drop(&mut self) {
        let (letter, attempts) = (Arc::clone(&self.letter), self.attempts);
        self.desk.put_back(Some(Returned { letter, attempts }));
    }
}

impl<T: Send + Sync + 'static> Message for Delivery<T> {
    type Headers = Headers;
    type Error = Infallible;

    fn headers(&self) -> &Headers {
        &self.letter.headers
    }

    fn is_redelivered(&self) -> bool {
        self.is_redelivered
    }

    fn attempt(&self) -> Option<u64> {
        Some(self.attempt)
    }

    async fn acknowledge(&self) -> Result<(), Infallible> {
        if self.settlement.settle() {
            self.desk.settle();
        }
        Ok(())
    }

    async fn deliver_again(&self, after: Duration) -> Result<(), Infallible> {
        self.return_after(after, self.attempt);
        Ok(())
    }

    async fn put_off(&self, after: Duration) -> Result<(), Infallible> {
        self.return_after(after, self.attempt - 1);
        Ok(())
    }

    async fn dead_letter(&self, why: &str) -> Result<(), Infallible> {
        if self.settlement.settle() {
            let letter = DeadLetter { letter: Arc::clone(&self.letter), why: why.to_owned() };
            self.desk.dead_letters.lock().unwrap_or_else(PoisonError::into_inner).push(letter);
            self.desk.settle();
        }
        Ok(())
    }
}

impl<T: Send + Sync + 'static> Drop for Delivery<T> {
    fn drop(&mut self) {
        if self.settlement.settle() {
            let (letter, attempts) = (Arc::clone(&self.letter), self.attempt);
            self.desk.put_back(Some(Returned { letter, attempts }));
        }
    }
}
