//! Copies of messages: for the end of their queue, and for the dead letters.

use std::time::Duration;

use lapin::{BasicProperties, types::FieldTable};

use super::publisher::PERSISTENT;
use crate::{Carrier, WHY_HEADER};

/// The header by which a message that was put at the end of its queue says how many attempts at its job went before.
pub const ATTEMPTS_HEADER: &str = "redsync-attempts";

/// Headers that a copy does not take over. By the first two RabbitMQ would send it to further queues, and take it for
/// delivered when only those have it. By the third its deduplication plugin would drop the copy and confirm it, since the
/// message that it is of is still in the queue, and which is acknowledged then. The others count what has become of that one.
const NOT_COPIED: [&str; 6] =
    ["CC", "BCC", "x-deduplication-header", "x-delivery-count", "x-acquired-count", ATTEMPTS_HEADER];

/// How many attempts went before the one with these headers, where it was put at the end of its queue.
pub(super) fn attempts_before(headers: &FieldTable) -> Option<u64> {
    Carrier::get(headers, ATTEMPTS_HEADER).map(|count| count.parse().unwrap_or_default())
}

/// For the end of its queue, after so many attempts; it was here for so long this time.
pub(super) fn to_deliver_again(
    properties: &BasicProperties,
    attempts: u64,
    here: Duration,
) -> BasicProperties {
    let mut headers = headers(properties);
    Carrier::set(&mut headers, ATTEMPTS_HEADER, attempts.to_string());
    let mut copy = properties_of(properties).with_headers(headers);
    if let Some(mode) = *properties.delivery_mode() {
        copy = copy.with_delivery_mode(mode);
    }
    if let Some(left) = expiration(properties, here) {
        copy = copy.with_expiration(left.to_string().into());
    }
    copy
}

/// For the dead letters, where it stays until somebody takes it.
pub(super) fn dead_letter(properties: &BasicProperties, why: &str) -> BasicProperties {
    let mut headers = headers(properties);
    Carrier::set(&mut headers, WHY_HEADER, why.to_owned());
    properties_of(properties).with_headers(headers).with_delivery_mode(PERSISTENT)
}

/// What is left of a message's time to live, in milliseconds. The broker does not tell how long it was in the queue.
fn expiration(properties: &BasicProperties, here: Duration) -> Option<u128> {
    let all: u128 = properties.expiration().as_ref()?.as_str().parse().ok()?;
    Some(all.saturating_sub(here.as_millis()))
}

fn headers(properties: &BasicProperties) -> FieldTable {
    let mut headers = properties.headers().clone().unwrap_or_default().inner().clone();
    NOT_COPIED.iter().for_each(|name| _ = headers.remove(*name));
    FieldTable::from(headers)
}

/// What every copy has: not the time to live, and not `user_id`, which the broker accepts only from that very user.
fn properties_of(properties: &BasicProperties) -> BasicProperties {
    let mut copy = BasicProperties::default();
    macro_rules! copy {
        ($($property:ident by $set:ident),* $(,)?) => {
            $(if let Some(value) = properties.$property().clone() { copy = copy.$set(value); })*
        };
    }
    copy!(
        content_type by with_content_type,
        content_encoding by with_content_encoding,
        priority by with_priority,
        correlation_id by with_correlation_id,
        reply_to by with_reply_to,
        message_id by with_message_id,
        timestamp by with_timestamp,
        kind by with_type,
        app_id by with_app_id,
    );
    copy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_a_time_to_live_is_what_was_not_spent_here() {
        for (all, here, left) in [
            (Some("60000"), 1_500, Some("58500")),
            (Some("1000"), 1_000, Some("0")),
            (Some("1000"), 5_000, Some("0")),
            (Some("0"), 0, Some("0")),
            (Some("soon"), 1, None),
            (None, 1, None),
        ] {
            let mut properties = BasicProperties::default();
            if let Some(all) = all {
                properties = properties.with_expiration(all.into());
            }
            let copy = to_deliver_again(&properties, 1, Duration::from_millis(here));
            assert_eq!(copy.expiration().as_ref().map(|left| left.as_str()), left, "{all:?} less {here}");
            assert_eq!(*dead_letter(&properties, "why").expiration(), None);
        }
    }

    #[test]
    fn no_copy_is_a_duplicate_to_the_deduplication_plugin() {
        let mut headers = FieldTable::default();
        Carrier::set(&mut headers, "key", "value".to_owned());
        Carrier::set(&mut headers, "x-deduplication-header", "7".to_owned());
        let properties = BasicProperties::default().with_headers(headers);
        for copy in [to_deliver_again(&properties, 1, Duration::ZERO), dead_letter(&properties, "why")] {
            let headers = copy.headers().clone().unwrap_or_default();
            assert_eq!(Carrier::get(&headers, "x-deduplication-header"), None);
            assert_eq!(Carrier::get(&headers, "key").as_deref(), Some("value"));
        }
    }

    #[test]
    fn a_count_that_nobody_can_read_is_still_of_a_message_that_was_delivered() {
        for (text, count) in [(Some("7"), Some(7)), (Some("many"), Some(0)), (None, None)] {
            let mut headers = FieldTable::default();
            if let Some(text) = text {
                Carrier::set(&mut headers, ATTEMPTS_HEADER, text.to_owned());
            }
            assert_eq!(attempts_before(&headers), count);
        }
    }
}
