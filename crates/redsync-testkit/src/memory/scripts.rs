//! The effect of each of redsync's Lua scripts, line by line as in the Lua file.

mod fenced;

use redsync_core::{
    Reply,
    wire::{Native, Script},
};

use super::{
    error::ErrorReply,
    execute::{Executed, Time, expiry_of_set, pexpire, pttl},
    keyspace::{Keyspace, Millis},
};

/// What a script sees: `KEYS`, `ARGV` and the time, which stands still while it runs.
struct Scope<'a> {
    key: &'a [u8],
    counter: Option<&'a [u8]>,
    value: &'a [u8],
    /// `ARGV[2]` and what comes after it.
    rest: &'a [&'a [u8]],
    now: Millis,
    /// Microseconds since 1970.
    wall: u64,
}

type Effect = fn(&mut Keyspace, &Scope<'_>) -> Executed;

const EFFECTS: [(Script, Effect); 10] = [
    (Script::ACQUIRE, acquire),
    (Script::RELEASE, release),
    (Script::RELEASE_AND_LEARN, release_and_learn),
    (Script::EXTEND, extend),
    (Script::REVIVE, revive),
    (Script::ACQUIRE_FENCED, fenced::acquire),
    (Script::RENEW, fenced::renew),
    (Script::RELEASE_ADOPTED, release_adopted),
    (Script::ROTATE, fenced::rotate),
    (Script::RAISE, fenced::raise),
];

/// Runs `script`, where the first `keys` of `args` are its keys.
pub(super) fn run(
    script: Script,
    keyspace: &mut Keyspace,
    keys: usize,
    args: &[&[u8]],
    time: Time,
) -> Executed {
    let effect = EFFECTS.into_iter().find(|(known, _)| *known == script).map(|(_, effect)| effect);
    let (Some(effect), Some(([key, counter @ ..], [value, rest @ ..]))) =
        (effect, args.split_at_checked(keys))
    else {
        return Err(bad_arguments());
    };
    let Time { now, wall } = time;
    effect(keyspace, &Scope { key, counter: counter.first().copied(), value, rest, now, wall })
}

fn acquire(keyspace: &mut Keyspace, scope: &Scope<'_>) -> Executed {
    let expires = expiry_of_set(scope.ttl()?, scope.now)?;
    // What is no string is somebody else's.
    let answer = match keyspace.get(scope.key, scope.now) {
        Ok(None) => {
            keyspace.set(scope.key, scope.value, Some(expires));
            1
        }
        Ok(Some(held)) if held == scope.value => 2,
        Ok(Some(_)) | Err(_) => 0,
    };
    Ok(Reply::Integer(answer))
}

fn release(keyspace: &mut Keyspace, scope: &Scope<'_>) -> Executed {
    Ok(Reply::Integer(match keyspace.get(scope.key, scope.now)? {
        None => -1,
        Some(held) if held != scope.value => 0,
        Some(_) => i64::from(keyspace.remove(scope.key, scope.now)),
    }))
}

fn release_adopted(keyspace: &mut Keyspace, scope: &Scope<'_>) -> Executed {
    let (former, lineage) = (scope.arg(0)?, scope.arg(1)?);
    let answer = match keyspace.get(scope.key, scope.now)? {
        None => -1,
        Some(held) if held == former => {
            keyspace.remove(scope.key, scope.now);
            0
        }
        Some(held) if held == scope.value => i64::from(keyspace.remove(scope.key, scope.now)),
        Some(held) if fenced::lineage_of(held) == Some(lineage) => 3,
        Some(_) => 0,
    };
    Ok(Reply::Integer(answer))
}

fn release_and_learn(keyspace: &mut Keyspace, scope: &Scope<'_>) -> Executed {
    let native = match keyspace.native() {
        Some(_) | None if keyspace.hides_native() => -1,
        None => 0,
        Some(Native::DelIfEq) => 1,
        Some(Native::DelEx) => 2,
    };
    Ok(Reply::Array(vec![release(keyspace, scope)?, Reply::Integer(native)]))
}

fn extend(keyspace: &mut Keyspace, scope: &Scope<'_>) -> Executed {
    match keyspace.get(scope.key, scope.now)? {
        None => Ok(Reply::Integer(-1)),
        Some(held) if held != scope.value => Ok(Reply::Integer(0)),
        Some(_) => lengthen(keyspace, scope),
    }
}

fn revive(keyspace: &mut Keyspace, scope: &Scope<'_>) -> Executed {
    if keyspace.contains(scope.key, scope.now) {
        return extend(keyspace, scope);
    }
    let expires = expiry_of_set(scope.ttl()?, scope.now)?;
    keyspace.set(scope.key, scope.value, Some(expires));
    Ok(Reply::Integer(2))
}

/// The end that `extend.lua` and `revive.lua` share.
fn lengthen(keyspace: &mut Keyspace, scope: &Scope<'_>) -> Executed {
    let ttl = scope.ttl()?;
    if (pttl(keyspace, scope.key, scope.now) as f64) < to_number(ttl)? {
        pexpire(keyspace, scope.key, ttl, scope.now)?;
    }
    Ok(Reply::Integer(1))
}

/// Lua's `tonumber`, which makes a double and minds no spaces.
fn to_number(text: &[u8]) -> Result<f64, ErrorReply> {
    let number = str::from_utf8(text).ok().and_then(|text| text.trim().parse().ok());
    number.ok_or_else(|| ErrorReply::err("user_script: attempt to compare number with nil"))
}

impl<'a> Scope<'a> {
    fn ttl(&self) -> Result<&'a [u8], ErrorReply> {
        self.arg(0)
    }

    /// `ARGV[2]` and what comes after it, counted from zero.
    fn arg(&self, index: usize) -> Result<&'a [u8], ErrorReply> {
        self.rest.get(index).copied().ok_or_else(bad_arguments)
    }
}

/// Lua names the line as well; redsync never sends what leads here.
fn bad_arguments() -> ErrorReply {
    ErrorReply::err("Lua redis lib command arguments must be strings or integers")
}
