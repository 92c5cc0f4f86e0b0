//! [`Fields`]: the fields of an entry in a stream.

use std::{borrow::Cow, fmt};

use crate::Carrier;

/// The fields of an entry in a stream, in their order. Names and values are any bytes.
///
/// `Debug` prints the names only: whoever has a token has its lock.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fields(Vec<(Vec<u8>, Vec<u8>)>);

impl Fields {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of the first field of this name.
    pub fn value(&self, name: &str) -> Option<&[u8]> {
        let field = self.0.iter().find(|(other, _)| other == name.as_bytes());
        field.map(|(_, value)| value.as_slice())
    }

    /// Sets the value of this field, in the place of what was there.
    pub fn set_value(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        match self.0.iter_mut().find(|(other, _)| other == name.as_bytes()) {
            Some((_, place)) => *place = value.into(),
            None => self.0.push((name.into(), value.into())),
        }
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_slice(), value.as_slice()))
    }
}

impl FromIterator<(Vec<u8>, Vec<u8>)> for Fields {
    fn from_iter<I: IntoIterator<Item = (Vec<u8>, Vec<u8>)>>(fields: I) -> Self {
        Self(fields.into_iter().collect())
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|(name, _)| String::from_utf8_lossy(name))).finish()
    }
}

impl Carrier for Fields {
    fn get(&self, key: &str) -> Option<Cow<'_, str>> {
        self.value(key).and_then(|value| str::from_utf8(value).ok()).map(Cow::Borrowed)
    }

    fn set(&mut self, key: &str, value: String) {
        self.set_value(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_comes_out_and_other_bytes_are_no_text() {
        let mut fields = Fields::new();
        fields.set("redsync-lock", "rs1.abc".to_owned());
        fields.set("redsync-lock", "rs1.def".to_owned());
        fields.set_value("image", [0xFF, 0x00]);
        assert_eq!(fields.get("redsync-lock").as_deref(), Some("rs1.def"));
        assert_eq!((fields.get("image"), fields.value("image")), (None, Some(&[0xFF, 0x00][..])));
        assert_eq!((fields.get("absent"), fields.iter().count()), (None, 2));
        assert_eq!(format!("{fields:?}"), r#"{"redsync-lock", "image"}"#);
    }
}
