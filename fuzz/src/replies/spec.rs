//! What replies mean by the documents of Redis, Valkey and the scripts, written down apart from the core.

use redsync_core::{
    Reply,
    wire::{Command, Counting, Outcome, Refusal},
};

/// What came of a command, without the errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Granted,
    Revived,
    Refused(Refusal),
    Failed,
    Unknown,
}

impl Meaning {
    pub(super) fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Granted(_) => Self::Granted,
            Outcome::Revived => Self::Revived,
            Outcome::Refused(refusal) => Self::Refused(*refusal),
            Outcome::Failed(_) => Self::Failed,
            Outcome::Unknown(_) => Self::Unknown,
        }
    }
}

const MISSING: (i64, Meaning) = (-1, Meaning::Refused(Refusal::Missing));
const OTHER_VALUE: (i64, Meaning) = (0, Meaning::Refused(Refusal::OtherValue));
const GRANTED: (i64, Meaning) = (1, Meaning::Granted);

/// What the scripts return, each with its meaning: see the comments at their heads.
const ACQUIRE: &[(i64, Meaning)] =
    &[(0, Meaning::Refused(Refusal::Taken)), GRANTED, (2, Meaning::Refused(Refusal::SameValue))];
const EXTEND: &[(i64, Meaning)] = &[MISSING, OTHER_VALUE, GRANTED];
const REVIVE: &[(i64, Meaning)] = &[OTHER_VALUE, GRANTED, (2, Meaning::Revived)];
const RELEASE: &[(i64, Meaning)] = &[MISSING, OTHER_VALUE, GRANTED];
const RELEASE_ADOPTED: &[(i64, Meaning)] =
    &[MISSING, OTHER_VALUE, GRANTED, (3, Meaning::Refused(Refusal::Adopted))];

/// What a reply means for a command; everything that is not documented leaves its fate unknown.
pub(super) fn meaning(command: &Command, reply: &Reply) -> Meaning {
    let returned = match command {
        Command::Acquire { proposal: Some(_), .. } | Command::Rotate { .. } | Command::Raise { .. } => {
            return meaning_of_numbers(command, reply);
        }
        Command::Acquire { look: false, .. } => return meaning_of_set(reply),
        Command::Acquire { look: true, .. } => ACQUIRE,
        Command::Extend { revive: false, .. } => EXTEND,
        Command::Extend { revive: true, .. } => REVIVE,
        Command::Release { former: None, .. } => RELEASE,
        Command::Release { former: Some(_), .. } => RELEASE_ADOPTED,
    };
    let known = returned.iter().find(|(number, _)| *reply == Reply::Integer(*number));
    known.map_or(Meaning::Unknown, |(_, meaning)| *meaning)
}

/// The scripts that draw numbers return an array: what came of it, and where the counter stands.
fn meaning_of_numbers(command: &Command, reply: &Reply) -> Meaning {
    let Reply::Array(items) = reply else { return Meaning::Unknown };
    let rotates = matches!(command, Command::Rotate { .. });
    let counts = !matches!(command, Command::Rotate { counting: Counting::Off | Counting::Keep, .. });
    let is_number = |number: i64| number > 0;
    match (command, items.as_slice()) {
        (Command::Acquire { look: true, .. }, [Reply::Integer(2), Reply::Integer(_)]) => {
            Meaning::Refused(Refusal::SameValue)
        }
        (Command::Acquire { .. }, [Reply::Integer(1 | 2), Reply::Integer(number)])
        | (Command::Raise { .. }, [Reply::Integer(1), Reply::Integer(number)])
            if is_number(*number) =>
        {
            Meaning::Granted
        }
        (Command::Rotate { .. }, [Reply::Integer(1), Reply::Integer(_), Reply::Integer(number)])
        | (Command::Rotate { .. }, [Reply::Integer(2), Reply::Integer(0), Reply::Integer(number)])
            if !counts || is_number(*number) =>
        {
            Meaning::Granted
        }
        (Command::Acquire { .. }, [Reply::Integer(0)]) => Meaning::Refused(Refusal::Taken),
        (Command::Rotate { .. }, [Reply::Integer(3)]) => Meaning::Refused(Refusal::Adopted),
        (_, [Reply::Integer(0)]) => Meaning::Refused(Refusal::OtherValue),
        (_, [Reply::Integer(-1)]) if rotates || matches!(command, Command::Raise { .. }) => {
            Meaning::Refused(Refusal::Missing)
        }
        _ => Meaning::Unknown,
    }
}

/// `SET … NX` answers `OK`, or nil where the key is there.
fn meaning_of_set(reply: &Reply) -> Meaning {
    if *reply == Reply::Text(b"OK".to_vec()) {
        Meaning::Granted
    } else if *reply == Reply::Nil {
        Meaning::Refused(Refusal::Taken)
    } else {
        Meaning::Unknown
    }
}

/// The codes by which Redis and Valkey refuse a command before they execute it.
pub(super) const CODES: &[&str] = &[
    "ASK",
    "BUSY",
    "CLUSTERDOWN",
    "CROSSSLOT",
    "DENIED",
    "EXECABORT",
    "LOADING",
    "MASTERDOWN",
    "MISCONF",
    "MOVED",
    "NOAUTH",
    "NOPERM",
    "NOPROTO",
    "NOREPLICAS",
    "NOSCRIPT",
    "OOM",
    "READONLY",
    "TRYAGAIN",
    "WRONGPASS",
    "WRONGTYPE",
];

/// What Redis and Valkey say after `ERR` when they refuse.
pub(super) const ERR_DETAILS: &[&str] = &[
    "ACL failure in script",
    "DB index is out of range",
    "Error running script",
    "This instance has cluster support disabled",
    "invalid expire time",
    "max number of clients reached",
    "syntax error",
    "unknown command",
    "value is not an integer or out of range",
    "wrong number of arguments",
];

/// Whether an error reply proves that nothing was executed.
pub(super) fn turns_away(code: &str, detail: &str) -> bool {
    let is_known = |start: &&str| detail.get(..start.len()) == Some(*start);
    CODES.contains(&code) || code == "ERR" && ERR_DETAILS.iter().any(is_known)
}
