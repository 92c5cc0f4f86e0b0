//! From the words of a command to its effect and reply, as Redis does it.

use redsync_core::{
    Reply,
    wire::{Native, Script},
};

use super::{
    error::ErrorReply,
    keyspace::{Keyspace, Millis},
    scripts,
};

/// A SHA-1 digest in hexadecimal. Redis looks no further at an `EVALSHA` of any other length.
const DIGEST_LENGTH: usize = 40;

/// What a command comes to.
pub(super) type Executed = Result<Reply, ErrorReply>;

/// The time by which a command is executed.
#[derive(Clone, Copy)]
pub(super) struct Time {
    /// By the clock that keys expire by.
    pub(super) now: Millis,
    /// What `TIME` answers, in microseconds since 1970.
    pub(super) wall: u64,
}

/// Executes one command at that time of the server's. Nothing else goes in or comes out.
pub(super) fn execute(keyspace: &mut Keyspace, args: &[&[u8]], time: Time) -> Executed {
    let now = time.now;
    let (name, args) = args.split_first().map_or((&b""[..], &[][..]), |(name, args)| (*name, args));
    match (name.to_ascii_uppercase().as_slice(), args) {
        (b"SET", [key, value, options @ ..]) => set(keyspace, key, value, options, now),
        (b"GET", [key]) => {
            Ok(keyspace.get(key, now)?.map_or(Reply::Nil, |value| Reply::Text(value.to_vec())))
        }
        (b"DEL", [_, ..]) => Ok(count(args.iter().filter(|key| keyspace.remove(key, now)).count())),
        (b"PTTL", [key]) => {
            keyspace.track(key);
            Ok(Reply::Integer(pttl(keyspace, key, now)))
        }
        (b"PEXPIRE", [key, ttl]) => pexpire(keyspace, key, ttl, now),
        (b"PEXPIRE", [_, _, option, ..]) => Err(unsupported(option)),
        (b"DELIFEQ", [key, value]) if keyspace.native() == Some(Native::DelIfEq) => {
            delete_if_equal(keyspace, key, value, now)
        }
        (b"DELEX", [key, b"IFEQ", value]) if keyspace.native() == Some(Native::DelEx) => {
            delete_if_equal(keyspace, key, value, now)
        }
        (b"EVAL", [text, keys, args @ ..]) => eval(keyspace, text, keys, args, time),
        (b"EVALSHA", [digest, keys, args @ ..]) => evalsha(keyspace, digest, keys, args, time),
        (b"SET" | b"GET" | b"DEL" | b"PTTL" | b"PEXPIRE" | b"EVAL" | b"EVALSHA", _) => {
            Err(ErrorReply::wrong_number_of_arguments(name))
        }
        _ => Err(ErrorReply::unknown_command(name, args)),
    }
}

/// `SET`, of whose options only `NX` and `PX` are known here.
fn set(keyspace: &mut Keyspace, key: &[u8], value: &[u8], mut options: &[&[u8]], now: Millis) -> Executed {
    let (mut only_new, mut ttl) = (false, None);
    while let Some((option, rest)) = options.split_first() {
        (options, ttl) = match (option.to_ascii_uppercase().as_slice(), rest) {
            (b"NX", rest) => {
                only_new = true;
                (rest, ttl)
            }
            (b"PX", [millis, rest @ ..]) => (rest, Some(*millis)),
            _ => return Err(ErrorReply::syntax()),
        };
    }
    // The order of Redis: the expiry is checked even where `NX` turns the command down.
    let expires = ttl.map(|ttl| expiry_of_set(ttl, now)).transpose()?;
    if only_new && keyspace.contains(key, now) {
        return Ok(Reply::Nil);
    }
    keyspace.set(key, value, expires);
    Ok(Reply::Text(b"OK".to_vec()))
}

/// The moment at which a key that is set now for `ttl` milliseconds expires.
pub(super) fn expiry_of_set(ttl: &[u8], now: Millis) -> Result<Millis, ErrorReply> {
    let ttl = integer(ttl)?;
    let expires = now.checked_add(ttl).filter(|_| ttl > 0);
    expires.ok_or_else(|| ErrorReply::invalid_expire_time("set"))
}

/// The milliseconds that are left: −1 for a key that never expires, −2 without such a key.
pub(super) fn pttl(keyspace: &Keyspace, key: &[u8], now: Millis) -> i64 {
    match keyspace.expires(key, now) {
        Some(Some(expires)) => expires.saturating_sub(now).max(0),
        Some(None) => -1,
        None => -2,
    }
}

/// `PEXPIRE` without its options. A TTL of zero or less deletes the key.
pub(super) fn pexpire(keyspace: &mut Keyspace, key: &[u8], ttl: &[u8], now: Millis) -> Executed {
    let expires = integer(ttl)?.checked_add(now).ok_or_else(|| ErrorReply::invalid_expire_time("pexpire"))?;
    Ok(count(usize::from(keyspace.expire_at(key, expires, now))))
}

/// A server's own compare-and-delete, which does not tell why it deleted nothing.
fn delete_if_equal(keyspace: &mut Keyspace, key: &[u8], value: &[u8], now: Millis) -> Executed {
    let is_equal = keyspace.get(key, now)? == Some(value);
    Ok(count(usize::from(is_equal && keyspace.remove(key, now))))
}

fn unsupported(option: &[u8]) -> ErrorReply {
    ErrorReply::err(format!("Unsupported option {}", String::from_utf8_lossy(option)))
}

fn eval(keyspace: &mut Keyspace, text: &[u8], keys: &[u8], args: &[&[u8]], time: Time) -> Executed {
    let keys = number_of_keys(keys, args)?;
    let script = Script::ALL.into_iter().find(|script| script.text().as_bytes() == text);
    let script = script.ok_or_else(|| ErrorReply::err("Error running script: not one of redsync's own"))?;
    keyspace.load_script(script.sha1());
    scripts::run(script, keyspace, keys, args, time)
}

fn evalsha(keyspace: &mut Keyspace, digest: &[u8], keys: &[u8], args: &[&[u8]], time: Time) -> Executed {
    if digest.len() != DIGEST_LENGTH {
        return Err(ErrorReply::no_script());
    }
    let keys = number_of_keys(keys, args)?;
    let digest = digest.to_ascii_lowercase();
    let script = Script::ALL.into_iter().find(|script| script.sha1().as_bytes() == digest);
    let script = script.filter(|script| keyspace.knows_script(script.sha1()));
    scripts::run(script.ok_or_else(ErrorReply::no_script)?, keyspace, keys, args, time)
}

fn number_of_keys(keys: &[u8], args: &[&[u8]]) -> Result<usize, ErrorReply> {
    let keys = integer(keys)?;
    let keys = usize::try_from(keys).map_err(|_| ErrorReply::err("Number of keys can't be negative"))?;
    if keys > args.len() {
        return Err(ErrorReply::err("Number of keys can't be greater than number of args"));
    }
    Ok(keys)
}

/// An integer in the one spelling that Redis takes: no sign but a minus, no leading zeros, no spaces.
fn integer(text: &[u8]) -> Result<i64, ErrorReply> {
    let number = str::from_utf8(text).ok().and_then(|text| text.parse::<i64>().ok());
    number.filter(|number| number.to_string().as_bytes() == text).ok_or_else(ErrorReply::not_an_integer)
}

fn count(number: usize) -> Reply {
    Reply::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}
