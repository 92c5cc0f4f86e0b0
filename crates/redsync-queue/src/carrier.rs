//! [`Carrier`]: what a token travels in.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    hash::{BuildHasher, Hash},
};

/// The headers of a message, into which a token is put and out of which it is taken, as OpenTelemetry's propagators do
/// with their context.
///
/// Keys are lower case, and both keys and values are printable ASCII, which any header can carry.
pub trait Carrier {
    /// The value of this key, if it is there and can be read as a text.
    fn get(&self, key: &str) -> Option<Cow<'_, str>>;

    /// Sets the value of this key, in the place of what was there.
    fn set(&mut self, key: &str, value: String);
}

impl<K, S> Carrier for HashMap<K, String, S>
where
    K: From<String> + std::borrow::Borrow<str> + Eq + Hash,
    S: BuildHasher,
{
    fn get(&self, key: &str) -> Option<Cow<'_, str>> {
        HashMap::get(self, key).map(|value| Cow::Borrowed(value.as_str()))
    }

    fn set(&mut self, key: &str, value: String) {
        self.insert(K::from(key.to_owned()), value);
    }
}

impl<K> Carrier for BTreeMap<K, String>
where
    K: From<String> + std::borrow::Borrow<str> + Ord,
{
    fn get(&self, key: &str) -> Option<Cow<'_, str>> {
        BTreeMap::get(self, key).map(|value| Cow::Borrowed(value.as_str()))
    }

    fn set(&mut self, key: &str, value: String) {
        self.insert(K::from(key.to_owned()), value);
    }
}

#[cfg(feature = "http")]
impl Carrier for http::HeaderMap {
    fn get(&self, key: &str) -> Option<Cow<'_, str>> {
        http::HeaderMap::get(self, key).and_then(|value| value.to_str().ok()).map(Cow::Borrowed)
    }

    fn set(&mut self, key: &str, value: String) {
        let header = (http::HeaderName::try_from(key), http::HeaderValue::try_from(value));
        // What this crate sets is printable ASCII, and always a header.
        if let (Ok(name), Ok(mut value)) = header {
            // Whoever has the token has the lock: it is not for logs.
            value.set_sensitive(true);
            self.insert(name, value);
        }
    }
}
