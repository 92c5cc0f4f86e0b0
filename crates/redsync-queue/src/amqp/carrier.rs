//! Headers of AMQP messages as a [`Carrier`].

use std::borrow::Cow;

use lapin::types::{AMQPValue, FieldTable, ShortString};

use crate::Carrier;

/// Values are long strings; a short one is read as well.
impl Carrier for FieldTable {
    fn get(&self, key: &str) -> Option<Cow<'_, str>> {
        let value = self.inner().get(key)?;
        let short = || value.as_short_string().map(ShortString::as_str);
        let text = || std::str::from_utf8(value.as_long_string()?.as_bytes()).ok();
        short().or_else(text).map(Cow::Borrowed)
    }

    fn set(&mut self, key: &str, value: String) {
        // What this crate sets has short names, and always fits.
        if let Ok(key) = ShortString::try_new(key) {
            self.insert(key, AMQPValue::LongString(value.into()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_taken_out() {
        let mut headers = FieldTable::default();
        Carrier::set(&mut headers, "key", "first".to_owned());
        Carrier::set(&mut headers, "key", "second".to_owned());
        assert_eq!(Carrier::get(&headers, "key").as_deref(), Some("second"));
        assert_eq!(Carrier::get(&headers, "other"), None);
        assert!(matches!(headers.inner()["key"], AMQPValue::LongString(_)));
    }

    #[test]
    fn what_is_no_text_is_none() {
        let cases = [
            (AMQPValue::ShortString("short".into()), Some("short")),
            (AMQPValue::LongString("long".into()), Some("long")),
            (AMQPValue::LongString(vec![0xff, 0xfe].into()), None),
            (AMQPValue::LongLongInt(7), None),
            (AMQPValue::Void, None),
        ];
        for (value, text) in cases {
            let mut headers = FieldTable::default();
            headers.insert("key".into(), value);
            assert_eq!(Carrier::get(&headers, "key").as_deref(), text);
        }
    }

    #[test]
    fn a_name_that_is_too_long_for_the_protocol_is_not_set() {
        let (mut headers, name) = (FieldTable::default(), "k".repeat(256));
        Carrier::set(&mut headers, &name, "value".to_owned());
        assert_eq!(Carrier::get(&headers, &name), None);
    }
}
