//! The counter of a lock, from which its fencing numbers come: its key, and [`Counting`].

/// What a counter's name ends with. No lock should be called so.
const SUFFIX: &str = ":fence";

/// What a rotation does with the lock's counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// Nothing: the lock has none.
    Off,
    /// Lets it outlast the new value, and draws no number.
    Keep,
    /// Draws a fencing number, this one if it is higher than the counter's next: microseconds since 1970.
    Draw(u64),
}

impl Counting {
    /// Keeps the counter of a lock that has fencing numbers.
    pub(crate) const fn keep(is_fenced: bool) -> Self {
        if is_fenced { Self::Keep } else { Self::Off }
    }

    /// What to propose, where a number is to be drawn.
    pub const fn proposal(self) -> Option<u64> {
        match self {
            Self::Draw(proposal) => Some(proposal),
            Self::Off | Self::Keep => None,
        }
    }

    /// The same without drawing a number.
    pub(crate) const fn kept(self) -> Self {
        match self {
            Self::Off => Self::Off,
            Self::Keep | Self::Draw(_) => Self::Keep,
        }
    }
}

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
    fn what_is_set_back_draws_no_number() {
        for (counting, kept) in [
            (Counting::Off, Counting::Off),
            (Counting::Keep, Counting::Keep),
            (Counting::Draw(7), Counting::Keep),
        ] {
            assert_eq!((counting.kept(), counting.kept().proposal()), (kept, None));
        }
    }

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
