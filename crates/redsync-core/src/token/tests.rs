//! What these tests share: tokens to begin with, and texts that no release would write.

mod edits;
mod golden;
mod properties;
#[cfg(feature = "serde")]
mod serde;
#[cfg(feature = "signed")]
mod signed;
mod table;

use std::time::Duration;

use super::{LockToken, Parts, body, fields::Writer, frame};
use crate::{Ttl, Value};

const VALUE: &str = "job-1138:00112233445566778899aabbccddeeff";

fn parts() -> Parts {
    Parts {
        name: "report:7".into(),
        value: Value::new(VALUE),
        exact: false,
        fence: Some(42),
        ttl: Ttl::new(Duration::from_secs(8)).unwrap(),
        wait: Ttl::new(Duration::from_secs(600)).unwrap(),
        expires: 1_767_225_600_000,
        nodes: 3,
    }
}

fn token() -> LockToken {
    LockToken::new(parts()).unwrap()
}

/// The fields of a token that is fine.
fn fields() -> Vec<(u8, &'static [u8])> {
    vec![(1, b"name"), (2, VALUE.as_bytes()), (5, &[8]), (6, &[9]), (7, &[3]), (8, &[16])]
}

/// A whole text of this version with these fields.
fn of_fields(fields: &[(u8, &[u8])]) -> String {
    let mut writer = Writer::default();
    fields.iter().for_each(|(tag, content)| writer.bytes(*tag, content));
    of_content(&body::encode(&writer.finish()))
}

/// A whole text of this version with this content.
fn of_content(content: &str) -> String {
    frame::close(frame::open(content.len()) + content)
}
