//! [`Command`]: what the algorithm asks of one node, and the requests that carry it.

use std::sync::Arc;

use super::{Counting, Script, counter::counter_key};
use crate::{Request, Ttl, Value, node::Arg, number::Number};

/// What a machine asks of one node about one lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Set the key to the value for the TTL if it is missing.
    Acquire {
        /// What to set.
        value: Value,
        /// For how long.
        ttl: Ttl,
        /// Whether this very value may be a rival's, so that a refusal should tell if it stands there. It costs a script.
        look: bool,
        /// Draw a fencing number too, this one if it is higher than the counter's next: microseconds since 1970.
        proposal: Option<u64>,
    },
    /// Lengthen the TTL if the key holds the value.
    Extend {
        /// What the key must hold.
        value: Value,
        /// The least TTL afterwards; a longer one is left alone.
        ttl: Ttl,
        /// Whether to set the key anew where it is missing or holds the former value.
        revive: bool,
        /// The value that it was adopted from, where that may still stand.
        former: Option<Value>,
        /// The lock's fencing number, below which the counter is not to stand.
        fence: Option<u64>,
    },
    /// Delete the key if it holds the value.
    Release {
        /// What the key must hold.
        value: Value,
        /// The value that it was adopted from, to be deleted as well where it stands.
        former: Option<Value>,
        /// Whether the script's text goes along. It costs its length each time, and spares a second request
        /// where the server has forgotten the script, which could come too late.
        in_one: bool,
    },
    /// Put another value in the place of the one that stands there.
    Rotate {
        /// What the key must hold.
        from: Value,
        /// What it is to hold then. Where it does already, that is a grant.
        to: Value,
        /// For how long.
        ttl: Ttl,
        /// What to do with the lock's counter.
        counting: Counting,
        /// As in a [release](Self::Release).
        in_one: bool,
    },
    /// Raise the lock's counter if the key holds the value.
    Raise {
        /// What the key must hold.
        value: Value,
        /// The lock's fencing number.
        fence: u64,
        /// The lock's TTL, which the counter outlasts.
        ttl: Ttl,
    },
}

impl Command {
    /// Of a script, with its name, digest and keys.
    const MOST_ARGS: usize = 10;

    /// The request that carries this command for the lock called `name`.
    pub fn request(&self, name: &Arc<str>) -> Request {
        match self {
            Self::Acquire { value, ttl, look: false, proposal: None } => Request::new(vec![
                Arg::Static("SET"),
                Arg::Shared(Arc::clone(name)),
                Arg::Shared(value.shared()),
                Arg::Static("NX"),
                Arg::Static("PX"),
                number(ttl.as_millis()),
            ]),
            Self::Release { in_one: true, .. } | Self::Rotate { in_one: true, .. } => {
                self.request_with_text(name)
            }
            // By the time of a second request, the former value may stand for somebody else again.
            Self::Extend { revive: true, former: Some(_), .. } => self.request_with_text(name),
            Self::Acquire { .. }
            | Self::Extend { .. }
            | Self::Release { in_one: false, .. }
            | Self::Rotate { in_one: false, .. }
            | Self::Raise { .. } => self.script_request("EVALSHA", Script::sha1, name),
        }
    }

    /// The request to send when a server answered the first one with `NOSCRIPT`: the same with the
    /// script's text, which the server then remembers.
    pub fn request_with_text(&self, name: &Arc<str>) -> Request {
        self.script_request("EVAL", Script::text, name)
    }

    /// The value that the key holds when it was carried out, or held until then where it is deleted.
    pub fn value(&self) -> &Value {
        match self {
            Self::Acquire { value, .. }
            | Self::Extend { value, .. }
            | Self::Release { value, .. }
            | Self::Rotate { to: value, .. }
            | Self::Raise { value, .. } => value,
        }
    }

    /// The script that carries it out, where a plain command does not.
    fn script(&self) -> Script {
        match self {
            Self::Acquire { proposal: None, .. } => Script::ACQUIRE,
            Self::Acquire { proposal: Some(_), .. } => Script::ACQUIRE_FENCED,
            Self::Extend { former: None, fence: None, revive: false, .. } => Script::EXTEND,
            Self::Extend { former: None, fence: None, revive: true, .. } => Script::REVIVE,
            Self::Extend { .. } => Script::RENEW,
            Self::Release { former: None, .. } => Script::RELEASE,
            Self::Release { former: Some(_), .. } => Script::RELEASE_ADOPTED,
            Self::Rotate { .. } => Script::ROTATE,
            Self::Raise { .. } => Script::RAISE,
        }
    }

    /// Whether it reads or writes the lock's counter.
    fn counts(&self) -> bool {
        match self {
            Self::Acquire { proposal, .. } => proposal.is_some(),
            Self::Rotate { counting, .. } => *counting != Counting::Off,
            Self::Extend { fence, .. } => fence.is_some(),
            Self::Release { .. } => false,
            Self::Raise { .. } => true,
        }
    }

    fn script_request(
        &self,
        verb: &'static str,
        by: fn(&Script) -> &'static str,
        name: &Arc<str>,
    ) -> Request {
        // Options were checked: a lock with fencing numbers has a name that leaves room for its counter.
        let counter = if self.counts() { counter_key(name) } else { None };
        let keys = if counter.is_some() { "2" } else { "1" };
        let mut args = Vec::with_capacity(Self::MOST_ARGS);
        args.extend([Arg::Static(verb), Arg::Static(by(&self.script())), Arg::Static(keys)]);
        args.push(Arg::Shared(Arc::clone(name)));
        args.extend(counter.map(Arg::Owned));
        self.push_script_args(&mut args);
        Request::new(args)
    }

    /// Appends what the script finds in `ARGV`.
    fn push_script_args(&self, args: &mut Vec<Arg>) {
        match self {
            Self::Acquire { value, ttl, look: _, proposal } => {
                args.extend([text(value), number(ttl.as_millis())]);
                args.extend(proposal.map(number));
            }
            Self::Extend { value, ttl, former: None, fence: None, revive: _ } => {
                args.extend([text(value), number(ttl.as_millis())]);
            }
            Self::Extend { value, ttl, revive, former, fence } => args.extend([
                text(value),
                number(ttl.as_millis()),
                Arg::Static(if *revive { "1" } else { "0" }),
                former.as_ref().map_or(Arg::Static(""), text),
                number(fence.unwrap_or_default()),
            ]),
            Self::Release { value, former: None, in_one: _ } => args.push(text(value)),
            Self::Release { value, former: Some(former), in_one: _ } => {
                args.extend([text(value), text(former), Arg::Owned(value.lineage())]);
            }
            Self::Rotate { from, to, ttl, counting, in_one: _ } => args.extend([
                text(from),
                text(to),
                number(ttl.as_millis()),
                Arg::Owned(to.lineage()),
                counting.proposal().map_or(Arg::Static(""), number),
            ]),
            Self::Raise { value, fence, ttl } => {
                args.extend([text(value), number(*fence), number(ttl.as_millis())]);
            }
        }
    }
}

fn text(value: &Value) -> Arg {
    Arg::Shared(value.shared())
}

fn number(number: u64) -> Arg {
    Arg::Number(Number::new(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotation_names_the_counter_only_where_it_counts() {
        for (name, counting, keys, proposal) in [
            ("report:7", Counting::Off, vec!["report:7"], ""),
            ("a}b", Counting::Off, vec!["a}b"], ""),
            ("report:7", Counting::Keep, vec!["report:7", "{report:7}:fence"], ""),
            ("report:7", Counting::Draw(7), vec!["report:7", "{report:7}:fence"], "7"),
        ] {
            let (from, to) = (Value::new("from"), Value::new("to"));
            let ttl = Ttl::new(std::time::Duration::from_secs(8)).expect("in range");
            let request = Command::Rotate { from, to, ttl, counting, in_one: false }.request(&name.into());
            let words: Vec<_> =
                request.args().map(|word| String::from_utf8_lossy(word).into_owned()).collect();
            assert_eq!(words[2], keys.len().to_string(), "{name} {counting:?}");
            assert_eq!(words[3..3 + keys.len()], keys, "{name} {counting:?}");
            assert_eq!(words.last().map(String::as_str), Some(proposal), "{name} {counting:?}");
        }
    }
}
