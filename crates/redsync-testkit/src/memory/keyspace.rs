//! The keys of one server with their values and expiries, and the scripts and commands that it knows.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
};

use redsync_core::wire::Native;

use super::error::ErrorReply;

/// A point on the server's clock, in milliseconds, as Redis counts.
pub(super) type Millis = i64;

/// What a server remembers.
#[derive(Clone, Default)]
pub(super) struct Keyspace {
    entries: BTreeMap<Vec<u8>, Entry>,
    /// By digest. A restart forgets them, whatever comes back of the keys.
    scripts: BTreeSet<&'static str>,
    native: Option<Native>,
    hides_native: bool,
    /// What was read by those who want to be told of the next change.
    tracked: BTreeSet<Vec<u8>>,
    /// What has changed of it since that was asked for.
    changed: Vec<Vec<u8>>,
}

#[derive(Clone)]
struct Entry {
    /// None where the key holds something that is no string.
    value: Option<Vec<u8>>,
    expires: Option<Millis>,
}

impl Entry {
    /// At the very millisecond of its expiry a key is still there, as in `keyIsExpired` of Redis' `src/db.c`.
    fn is_alive(&self, now: Millis) -> bool {
        self.expires.is_none_or(|expires| now <= expires)
    }
}

impl Keyspace {
    /// The string at `key`.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` when something else stands there.
    pub(super) fn get(&self, key: &[u8], now: Millis) -> Result<Option<&[u8]>, ErrorReply> {
        let entry = self.entry(key, now);
        entry.map(|entry| entry.value.as_deref().ok_or_else(ErrorReply::wrong_type)).transpose()
    }

    pub(super) fn contains(&self, key: &[u8], now: Millis) -> bool {
        self.entry(key, now).is_some()
    }

    /// Takes down the next change of this key, as after `CLIENT TRACKING ON` for what is read.
    pub(super) fn track(&mut self, key: &[u8]) {
        self.tracked.insert(key.to_vec());
    }

    /// What has changed of that since this was last asked for.
    pub(super) fn take_changed(&mut self) -> Vec<Vec<u8>> {
        mem::take(&mut self.changed)
    }

    fn note(&mut self, key: &[u8]) {
        self.changed.extend(self.tracked.take(key));
    }

    pub(super) fn set_list(&mut self, key: &[u8]) {
        self.note(key);
        self.entries.insert(key.to_vec(), Entry { value: None, expires: None });
    }

    pub(super) fn set(&mut self, key: &[u8], value: &[u8], expires: Option<Millis>) {
        self.note(key);
        self.entries.insert(key.to_vec(), Entry { value: Some(value.to_vec()), expires });
    }

    /// Whether there was such a key.
    pub(super) fn remove(&mut self, key: &[u8], now: Millis) -> bool {
        let Some(entry) = self.entries.remove(key) else { return false };
        self.note(key);
        entry.is_alive(now)
    }

    /// When the key expires: `None` without such a key, `Some(None)` when it never does.
    pub(super) fn expires(&self, key: &[u8], now: Millis) -> Option<Option<Millis>> {
        Some(self.entry(key, now)?.expires)
    }

    /// Whether there was such a key. An expiry that is not ahead of now deletes it.
    pub(super) fn expire_at(&mut self, key: &[u8], expires: Millis, now: Millis) -> bool {
        if expires <= now {
            return self.remove(key, now);
        }
        let Some(entry) = self.entries.get_mut(key).filter(|entry| entry.is_alive(now)) else { return false };
        entry.expires = Some(expires);
        self.note(key);
        true
    }

    pub(super) fn keys(&self, now: Millis) -> impl Iterator<Item = &[u8]> {
        self.entries.iter().filter(move |(_, entry)| entry.is_alive(now)).map(|(key, _)| key.as_slice())
    }

    pub(super) fn load_script(&mut self, digest: &'static str) {
        self.scripts.insert(digest);
    }

    pub(super) fn knows_script(&self, digest: &str) -> bool {
        self.scripts.contains(digest)
    }

    pub(super) fn forget_scripts(&mut self) {
        self.scripts.clear();
    }

    /// Takes over what an earlier server kept, but not what it knew.
    pub(super) fn restore(&mut self, earlier: &Self) {
        self.entries.clone_from(&earlier.entries);
        self.scripts.clear();
        self.tracked.clear();
    }

    pub(super) fn native(&self) -> Option<Native> {
        self.native
    }

    pub(super) fn set_native(&mut self, native: Option<Native>) {
        self.native = native;
    }

    pub(super) fn hides_native(&self) -> bool {
        self.hides_native
    }

    pub(super) fn hide_native(&mut self, hides: bool) {
        self.hides_native = hides;
    }

    fn entry(&self, key: &[u8], now: Millis) -> Option<&Entry> {
        self.entries.get(key).filter(|entry| entry.is_alive(now))
    }
}
