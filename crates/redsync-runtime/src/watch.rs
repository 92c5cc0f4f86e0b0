//! [`Watcher`]: tells when a key may be free, by what servers push to clients that cache.
//!
//! A server that supports client-side caching (RESP3's push messages, `CLIENT TRACKING ON`) tells a connection once when a
//! key changes that was read over it. So a read of the key's TTL asks for that and says when the key would end at the
//! latest, in one round trip. It takes a connection of its own: over the one that locks go, everything that scripts read
//! would be tracked as well.

use std::{
    collections::HashMap,
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use event_listener::{Event, EventListener};
use futures_util::future::select;
use redsync_core::{BoxFuture, Hint, Node, NodeError, Reply, Request, Runtime};

use crate::{Transport, Wired};

/// What `PTTL` answers without such a key.
const MISSING: i64 = -2;
/// After its last whole millisecond a key is gone.
const PAST_EXPIRY: Duration = Duration::from_millis(1);

/// The keys that somebody waits for over one connection.
#[derive(Debug, Default)]
pub struct Tracked {
    keys: Mutex<HashMap<Arc<str>, Waited>>,
}

#[derive(Debug, Default)]
struct Waited {
    by: usize,
    changed: Event,
}

/// What hears for one connection. When it is dropped the connection is closed, or will be, and what it would have told is
/// told by nobody.
#[derive(Debug)]
pub struct Ears(Arc<Tracked>);

/// Stands for one who waits.
struct Waiting {
    tracked: Arc<Tracked>,
    key: Arc<str>,
}

impl Tracked {
    /// The server says that this key has changed.
    pub fn changed(&self, key: &[u8]) {
        let key = str::from_utf8(key).ok();
        let keys = self.keys();
        if let Some(waited) = key.and_then(|key| keys.get(key)) {
            waited.changed.notify(usize::MAX);
        }
    }

    /// Any key may have changed unheard: a connection is lost, or the server has been emptied.
    pub fn lost(&self) {
        self.keys().values().for_each(|waited| _ = waited.changed.notify(usize::MAX));
    }

    fn wait_for(self: &Arc<Self>, key: &Arc<str>) -> (Waiting, EventListener) {
        let mut keys = self.keys();
        let waited = keys.entry(Arc::clone(key)).or_default();
        waited.by += 1;
        (Waiting { tracked: Arc::clone(self), key: Arc::clone(key) }, waited.changed.listen())
    }

    fn keys(&self) -> MutexGuard<'_, HashMap<Arc<str>, Waited>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ears {
    /// Hears for a connection over which these keys are watched.
    pub fn of(tracked: Arc<Tracked>) -> Self {
        Self(tracked)
    }
}

impl Deref for Ears {
    type Target = Tracked;

    fn deref(&self) -> &Tracked {
        &self.0
    }
}

impl Drop for Ears {
    fn drop(&mut self) {
        self.0.lost();
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut keys = self.tracked.keys();
        if let Some(waited) = keys.get_mut(&self.key) {
            waited.by -= 1;
            if waited.by == 0 {
                keys.remove(&self.key);
            }
        }
    }
}

/// Watches keys over a connection that tracks what is read over it.
#[derive(Clone)]
pub struct Watcher {
    node: Arc<dyn Node>,
    tracked: Arc<Tracked>,
    runtime: Arc<dyn Runtime>,
}

impl Watcher {
    /// Reads over `transport`, whose driver calls what `tracked` has for it when the server pushes something.
    pub fn new(transport: impl Transport, tracked: Arc<Tracked>, runtime: Arc<dyn Runtime>) -> Self {
        Self::over(Arc::new(Wired::new("watching", transport, Arc::clone(&runtime))), tracked, runtime)
    }

    /// Reads over a node.
    pub fn over(node: Arc<dyn Node>, tracked: Arc<Tracked>, runtime: Arc<dyn Runtime>) -> Self {
        Self { node, tracked, runtime }
    }

    /// Resolves when `key` may be free.
    ///
    /// # Errors
    ///
    /// When the server cannot be asked.
    pub fn watch(&self, key: Arc<str>) -> BoxFuture<'static, Result<Hint, NodeError>> {
        let Self { node, tracked, runtime } = self.clone();
        Box::pin(async move {
            // Before anything is sent: what changes after the server has read the key is heard.
            let (_waiting, changed) = tracked.wait_for(&key);
            let reply = node.call(Request::command(["PTTL", &*key], 1)).await?;
            let Reply::Integer(left) = reply else {
                return Err(NodeError::unknown(format!("a reply that a TTL cannot be: {reply:?}")));
            };
            if left == MISSING {
                return Ok(Hint::Free);
            }
            match u64::try_from(left).map(Duration::from_millis) {
                Ok(left) => {
                    let over = runtime.now().plus(left).plus(PAST_EXPIRY);
                    select(changed, runtime.sleep_until(over)).await;
                }
                // It never expires by itself.
                Err(_) => changed.await,
            }
            Ok(Hint::Changed)
        })
    }
}
