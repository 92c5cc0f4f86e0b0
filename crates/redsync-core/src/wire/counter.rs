//! The key of a lock's counter, from which its fencing numbers come.

/// What a counter's name ends with. No lock should be called so.
const SUFFIX: &str = ":fence";

/// The key of the counter of the lock called `name`, which lies in the same hash slot of a cluster.
///
/// `None` where no key but the name itself lies in that slot as far as names tell: it has a `}` and no hash tag, by the
/// rules in the cluster specification of Redis.
pub(crate) fn counter_key(name: &str) -> Option<String> {
    match (has_hash_tag(name), name.contains('}')) {
        (true, _) => Some(format!("{name}{SUFFIX}")),
        (false, false) => Some(format!("{{{name}}}{SUFFIX}")),
        (false, true) => None,
    }
}

/// Whether a cluster goes by a part of the name only: what stands between the first `{` and the next `}`, unless that
/// is nothing.
fn has_hash_tag(name: &str) -> bool {
    let tag = name.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
    tag.is_some_and(|(tag, _)| !tag.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_lies_in_the_slot_of_its_lock() {
        for (name, counter) in [
            ("invoice:42", Some("{invoice:42}:fence")),
            ("{tenant}:42", Some("{tenant}:42:fence")),
            ("a{b}c{d}", Some("a{b}c{d}:fence")),
            ("x}y{z}", Some("x}y{z}:fence")),
            ("a{b", Some("{a{b}:fence")),
            ("a}b", None),
            ("{}a", None),
        ] {
            assert_eq!(counter_key(name).as_deref(), counter, "{name}");
        }
    }
}
