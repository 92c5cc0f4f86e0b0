//! [`Path`]: the way from one process to one server and back, on which messages are slow, lost and reordered.

use std::{
    borrow::Cow,
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_channel::oneshot;
use redsync_core::{BoxFuture, Delivery, Hint, Node, NodeError, NodeErrorKind, Reply, Request, Runtime};

use crate::{
    memory::{Loss, MemoryNode},
    virtual_time::{VirtualRuntime, lock},
};

/// What a [`Path`] does to messages, until it is set anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weather {
    /// Each message takes up to this long. Two that are on their way at once may overtake each other, as on
    /// connections of a pool.
    pub delay: Duration,
    /// Whether requests are lost: without a sign, so that they are never executed; or with their connection, so that
    /// each second one is executed, and that after its caller has heard of it.
    pub requests: Loss,
    /// Whether replies are lost, while their requests are executed.
    pub replies: Loss,
    /// Whether there is no connection, so that nothing is sent at all.
    pub is_refused: bool,
    /// Whether the client misses the first reply to each second request, by chance, and sends the request again by
    /// itself. A path that does so says that of its [delivery](Path::delivering).
    pub repeats: bool,
}

/// The way from one process to one server: a [`Node`].
///
/// What was handed over goes its way, whatever becomes of the process. Clones are the same way.
#[derive(Clone)]
pub struct Path {
    world: VirtualRuntime,
    server: MemoryNode,
    delivery: Delivery,
    weather: Arc<Mutex<Weather>>,
}

impl Path {
    /// A way to `server` on which everything arrives at once.
    pub fn new(world: &VirtualRuntime, server: &MemoryNode) -> Self {
        let (world, server, delivery) = (world.clone(), server.clone(), Delivery::AtMostOnce);
        Self { world, server, delivery, weather: Arc::default() }
    }

    /// The same way by a client that says this of its delivery.
    #[must_use]
    pub fn delivering(self, delivery: Delivery) -> Self {
        Self { delivery, ..self }
    }

    /// What it does to messages now.
    pub fn weather(&self) -> Weather {
        *lock(&self.weather)
    }

    /// Sets what it does to messages from now on. Those on their way have been dealt with.
    pub fn set_weather(&self, weather: Weather) {
        *lock(&self.weather) = weather;
    }

    async fn travel(self, request: Request) -> Option<Result<Reply, NodeError>> {
        let weather = self.weather();
        if weather.is_refused {
            return Some(Err(NodeError::not_sent("connection refused")));
        }
        self.delay(weather).await;
        match weather.requests {
            Loss::Never => {}
            // The client gives up on what may have left it, and may arrive yet.
            Loss::Broken if self.world.random() & 1 == 1 => {
                self.arrive_late(request, weather);
                return Some(lost());
            }
            Loss::Broken => return Some(lost()),
            Loss::Silent => return None,
        }
        let copy = weather.repeats.then(|| request.clone());
        let mut result = self.server.call(request).await;
        if let Some(copy) = copy
            && self.world.random() & 1 == 1
        {
            self.delay(weather).await;
            // That the second was not sent says nothing of the first.
            let second = self.server.call(copy).await;
            result = second
                .or_else(|error| if error.kind() == NodeErrorKind::NotSent { lost() } else { Err(error) });
        }
        let weather = self.weather();
        self.delay(weather).await;
        match weather.replies {
            Loss::Never => Some(result),
            Loss::Broken => Some(lost()),
            Loss::Silent => None,
        }
    }

    /// Has the request executed some time after its caller was told that nobody knows.
    fn arrive_late(&self, request: Request, weather: Weather) {
        let path = self.clone();
        self.world.spawn(Box::pin(async move {
            path.delay(weather).await;
            // Nobody waits for the reply.
            drop(path.server.call(request).await);
        }));
    }

    async fn delay(&self, weather: Weather) {
        let most = u64::try_from(weather.delay.as_nanos()).unwrap_or(u64::MAX);
        if let Some(delay) = self.world.random().checked_rem(most) {
            self.world.sleep_until(self.world.now().plus(Duration::from_nanos(delay))).await;
        }
    }
}

fn lost() -> Result<Reply, NodeError> {
    Err(NodeError::unknown("connection reset"))
}

impl Node for Path {
    fn call(&self, request: Request) -> BoxFuture<'static, Result<Reply, NodeError>> {
        let path = self.clone();
        Box::pin(async move {
            let (sender, receiver) = oneshot::channel();
            let world = path.world.clone();
            world.spawn(Box::pin(async move {
                match path.travel(request).await {
                    // The caller may have gone.
                    Some(result) => drop(sender.send(result)),
                    // Silence: the caller waits for as long as it likes.
                    None => sender_forgotten(sender).await,
                }
            }));
            receiver.await.unwrap_or_else(|_| lost())
        })
    }

    /// What the server pushes goes the way of its replies: it is late, or lost with or without a sign.
    fn watch(&self, key: Arc<str>) -> Option<BoxFuture<'static, Result<Hint, NodeError>>> {
        let path = self.clone();
        let told = self.server.watch(key)?;
        Some(Box::pin(async move {
            if path.weather().is_refused {
                return Err(NodeError::not_sent("connection refused"));
            }
            path.delay(path.weather()).await;
            let hint = told.await;
            let weather = path.weather();
            path.delay(weather).await;
            match weather.replies {
                Loss::Never => hint,
                Loss::Broken => Err(NodeError::unknown("connection reset")),
                Loss::Silent => pending().await,
            }
        }))
    }

    fn label(&self) -> Cow<'_, str> {
        Cow::Owned(self.server.label().into_owned())
    }

    fn delivery(&self) -> Delivery {
        self.delivery
    }
}

/// Waits until nobody waits any more.
async fn sender_forgotten<T>(mut sender: oneshot::Sender<T>) {
    sender.cancellation().await;
}
