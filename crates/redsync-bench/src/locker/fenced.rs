//! The floor of locks with fencing numbers.

use std::{sync::Arc, time::SystemTime};

use redsync_core::wire::Script;

use super::{
    TTL,
    bare::{Bare, Until, Wire},
};
use crate::BoxError;

/// The script that takes a lock and draws its number, and a compare-and-delete. The nodes' numbers are in step, since each
/// proposal is higher than the last one, and nobody looks at them.
#[derive(Clone)]
pub(crate) struct FencedBare<W>(Bare<W>);

/// A lock's key and its counter's.
pub(crate) struct Keys {
    lock: Arc<str>,
    counter: String,
}

impl<W: Wire> FencedBare<W> {
    pub(super) async fn to(urls: &[String]) -> Result<Self, BoxError> {
        let bare = Bare::to(urls, Until::Quorum).await?;
        bare.load(Script::ACQUIRE_FENCED.text()).await?;
        Ok(Self(bare))
    }
}

impl<W: Wire> super::Locker for FencedBare<W> {
    type Lock = Arc<Keys>;
    type Held = <Bare<W> as super::Locker>::Held;

    async fn named(&self, name: &str) -> Result<Arc<Keys>, BoxError> {
        Ok(Arc::new(Keys { lock: name.into(), counter: format!("{{{name}}}:fence") }))
    }

    async fn take(&self, keys: &Arc<Keys>) -> Result<Self::Held, BoxError> {
        let value = self.0.value();
        let ttl = TTL.as_millis().to_string();
        let proposal = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_micros().to_string();
        let script = Script::ACQUIRE_FENCED.sha1();
        if self.0.ask(&["EVALSHA", script, "2", &keys.lock, &keys.counter, &value, &ttl, &proposal]).await? {
            Ok((Arc::clone(&keys.lock), value))
        } else {
            Err("somebody else has it".into())
        }
    }

    async fn give(&self, held: Self::Held) -> Result<(), BoxError> {
        self.0.give(held).await
    }
}
