//! Texts of version 1 as they were when it was released: every later release has to read them as they are.

use std::time::{Duration, UNIX_EPOCH};

use super::token;
use crate::{LockToken, Ttl};

const PLAIN: &str = "redsync1.120.AQAIcmVwb3J0OjcCAClqb2ItMTEzODowMDExMjIzMzQ0NTU2Njc3ODg5OWFhYmJjY2RkZWVmZgQAASoFAAIfQAYABgGbdtqoAAcAAQMIAAMJJ8A.c263f65e";
const FULL: &str = "redsync1.145.AQAKZ3LDtsOfZXsxfQIACGpvYi0xMTM4AwAABQABAQYAAAcAAv__CAAC6mCAADcwMC0wYWY3NjUxOTE2Y2Q0M2RkODQ0OGViMjExYzgwMzE5Yy1iN2FkNmI3MTY5MjAzMzMxLTAx.f44f5e13";
const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[test]
fn a_token_of_a_generated_value_reads_and_is_written_for_ever() {
    assert_eq!(LockToken::FORMAT_VERSION, 1);
    assert_eq!(LockToken::from_compact(PLAIN), Ok(token()));
    assert_eq!(token().to_compact(), PLAIN);
    assert_eq!(token().expires(), UNIX_EPOCH + Duration::from_secs(1_767_225_600));
}

#[test]
fn a_token_of_a_fixed_value_reads_and_is_written_for_ever() {
    let token = LockToken::from_compact(FULL).unwrap();
    assert_eq!((token.name(), token.value(), token.fence()), ("größe{1}", "job-1138", None));
    assert_eq!((token.ttl(), token.expires()), (Duration::from_millis(1), UNIX_EPOCH));
    assert_eq!((token.nodes(), token.trace_context()), (65_535, Some(TRACE)));
    let parts = token.parts();
    assert!(parts.exact && Some(parts.ttl) == Ttl::new(Duration::from_millis(1)));
    assert_eq!(Some(parts.wait), Ttl::new(Duration::from_secs(60)));
    assert_eq!(token.to_compact(), FULL);
}

#[cfg(feature = "signed")]
#[test]
fn a_signed_token_reads_and_is_written_for_ever() {
    use crate::{SigningKey, VerifyingKeys};

    const SIGNED: &str = "redsync1.172.AQAIcmVwb3J0OjcCAClqb2ItMTEzODowMDExMjIzMzQ0NTU2Njc3ODg5OWFhYmJjY2RkZWVmZgQAASoFAAIfQAYABgGbdtqoAAcAAQMIAAMJJ8A.2026-01.h54IXpc6k9f3QqSuZl7_jqhrdfmxrslb89inw3NQnyU.9eed2dd4";
    let key = SigningKey::new("2026-01", "correct horse battery staple").unwrap();
    assert_eq!(token().to_signed(&key), SIGNED);
    assert_eq!(LockToken::from_signed(SIGNED, &VerifyingKeys::new([key]).unwrap()), Ok(token()));
}
