//! How a token travels in the headers of NATS.

use std::{borrow::Cow, str::FromStr};

use async_nats::{HeaderMap, HeaderName, HeaderValue};

use crate::Carrier;

/// What the server acts upon when a message is published begins so.
const OF_SERVER: &str = "Nats-";

impl Carrier for HeaderMap {
    fn get(&self, key: &str) -> Option<Cow<'_, str>> {
        // A name that cannot be one is not there, where the map itself would panic.
        let name = HeaderName::from_str(key).ok()?;
        HeaderMap::get(self, name).map(|value| Cow::Borrowed(value.as_str()))
    }

    fn set(&mut self, key: &str, value: String) {
        // What this crate sets is printable ASCII, and always a header.
        if let (Ok(name), Ok(value)) = (HeaderName::from_str(key), HeaderValue::from_str(&value)) {
            self.insert(name, value);
        }
    }
}

/// The headers for a copy of a message: all but those of the server's, by which it could take the copy for a message that
/// it has already, or let it expire.
pub(super) fn copied(headers: &HeaderMap) -> HeaderMap {
    let mut copy = HeaderMap::new();
    for (name, values) in headers.iter() {
        if !name.to_string().starts_with(OF_SERVER) {
            values.iter().for_each(|value| copy.append(name.clone(), value.clone()));
        }
    }
    copy
}

/// A text as the value of a header, which is one line.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_taken_out() {
        let mut headers = HeaderMap::new();
        headers.append("trace", "1");
        headers.append("redsync-lock", "of another");
        assert!(Carrier::get(&headers, "redsync").is_none());
        Carrier::set(&mut headers, "redsync-lock", "rl1.token".to_owned());
        assert_eq!(Carrier::get(&headers, "redsync-lock").as_deref(), Some("rl1.token"));
        assert_eq!(headers.get_all("redsync-lock").count(), 1);
        assert_eq!(Carrier::get(&headers, "trace").as_deref(), Some("1"));
    }

    #[test]
    fn what_can_be_no_header_is_left_out() {
        let mut headers = HeaderMap::new();
        Carrier::set(&mut headers, "redsync-lock", "two\r\nlines".to_owned());
        Carrier::set(&mut headers, "no: name", "value".to_owned());
        assert!(headers.is_empty());
        assert!(Carrier::get(&headers, "no: name").is_none());
        assert_eq!(one_line("two\r\nlines"), "two  lines");
    }

    #[test]
    fn a_copy_has_every_header_but_the_servers() {
        let mut headers = HeaderMap::new();
        headers.append("trace", "1");
        headers.append("trace", "2");
        let mut own = headers.clone();
        own.insert(async_nats::header::NATS_MESSAGE_ID, "7");
        own.insert("Nats-TTL", "1m");
        assert_eq!(copied(&own), headers);
    }
}
