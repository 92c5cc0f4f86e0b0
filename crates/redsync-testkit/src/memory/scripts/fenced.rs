//! The scripts that know of fencing numbers, with the functions of `fence.lua` that they share.

use redsync_core::Reply;

use super::{Scope, bad_arguments, expiry_of_set, lengthen, pexpire, pttl};
use crate::memory::{
    error::ErrorReply,
    execute::Executed,
    keyspace::{Keyspace, Millis},
};

/// What `math.max` and the like make of a number in an argument.
type Number = u64;
/// A counter outlasts its lock by a day.
const DAY: i64 = 86_400_000;
/// How far a proposal may be ahead of the server's time, in microseconds.
const AHEAD: Number = 60_000_000;

pub(super) fn acquire(keyspace: &mut Keyspace, scope: &Scope<'_>) -> Executed {
    if !keyspace.contains(scope.key, scope.now) {
        let expires = expiry_of_set(scope.ttl()?, scope.now)?;
        let fence = next_fence(keyspace, scope, 1)?;
        let fence = stand(keyspace, scope, fence, scope.ttl()?)?;
        keyspace.set(scope.key, scope.value, Some(expires));
        return Ok(numbers([1, fence]));
    }
    if !keyspace.get(scope.key, scope.now).is_ok_and(|held| held == Some(scope.value)) {
        return Ok(numbers([0]));
    }
    let fence = match counter(keyspace, scope)? {
        0 => next_fence(keyspace, scope, 1)?,
        fence => fence,
    };
    Ok(numbers([2, stand(keyspace, scope, fence, scope.ttl()?)?]))
}

pub(super) fn renew(keyspace: &mut Keyspace, scope: &Scope<'_>) -> Executed {
    let (fills, former) = (scope.arg(1)?, scope.arg(2)?);
    let held = keyspace.get(scope.key, scope.now)?;
    let (is_held, is_missing) = (held == Some(scope.value), held.is_none());
    if !is_held {
        let is_ours = held.is_none_or(|held| !former.is_empty() && held == former);
        if fills != b"1" || !is_ours {
            return Ok(Reply::Integer(if held.is_some() { 0 } else { -1 }));
        }
    }
    let expires = expiry_of_set(scope.ttl()?, scope.now)?;
    if scope.counter.is_some() {
        stand(keyspace, scope, integer(scope.arg(3)?)?, scope.ttl()?)?;
    }
    if is_held {
        return lengthen(keyspace, scope);
    }
    let left = pttl(keyspace, scope.key, scope.now);
    keyspace.set(scope.key, scope.value, Some(expires));
    Ok(if is_missing { Reply::Integer(2) } else { numbers([3, left]) })
}

pub(super) fn rotate(keyspace: &mut Keyspace, scope: &Scope<'_>) -> Executed {
    let (to, ttl, lineage) = (scope.arg(0)?, scope.arg(1)?, scope.arg(2)?);
    let Some(held) = keyspace.get(scope.key, scope.now)? else { return Ok(numbers([-1])) };
    let (is_from, is_to) = (held == scope.value, held == to);
    if !is_from && !is_to {
        return Ok(numbers([if lineage_of(held) == Some(lineage) { 3 } else { 0 }]));
    }
    let expires = expiry_of_set(ttl, scope.now)?;
    let fence = fence_of_rotation(keyspace, scope, is_from, ttl)?;
    let left = pttl(keyspace, scope.key, scope.now);
    if is_from {
        keyspace.set(scope.key, to, Some(expires));
        return Ok(numbers([1, left, fence]));
    }
    if left < i64::try_from(integer(ttl)?).unwrap_or(i64::MAX) {
        pexpire(keyspace, scope.key, ttl, scope.now)?;
    }
    Ok(numbers([2, 0, fence]))
}

fn fence_of_rotation(
    keyspace: &mut Keyspace,
    scope: &Scope<'_>,
    is_new: bool,
    ttl: &[u8],
) -> Result<i64, ErrorReply> {
    let Some(key) = scope.counter else { return Ok(0) };
    if scope.arg(3)?.is_empty() {
        keep(keyspace, key, scope.now, ttl)?;
        return Ok(0);
    }
    let fence = match counter(keyspace, scope)? {
        stands if stands > 0 && !is_new => stands,
        _ => next_fence(keyspace, scope, 3)?,
    };
    stand(keyspace, scope, fence, ttl)
}

pub(super) fn raise(keyspace: &mut Keyspace, scope: &Scope<'_>) -> Executed {
    let (fence, ttl) = (integer(scope.arg(0)?)?, scope.arg(1)?);
    match keyspace.get(scope.key, scope.now)? {
        None => Ok(numbers([-1])),
        Some(held) if held != scope.value => Ok(numbers([0])),
        Some(_) => Ok(numbers([1, stand(keyspace, scope, fence, ttl)?])),
    }
}

fn counter(keyspace: &Keyspace, scope: &Scope<'_>) -> Result<Number, ErrorReply> {
    let key = scope.counter.ok_or_else(bad_arguments)?;
    let text = keyspace.get(key, scope.now)?;
    Ok(text.and_then(|text| integer(text).ok()).unwrap_or(0))
}

/// The proposal is the argument of this number.
fn next_fence(keyspace: &Keyspace, scope: &Scope<'_>, argument: usize) -> Result<Number, ErrorReply> {
    let proposal = integer(scope.arg(argument)?)?;
    Ok((counter(keyspace, scope)? + 1).max(proposal.min(scope.wall.saturating_add(AHEAD))))
}

fn stand(keyspace: &mut Keyspace, scope: &Scope<'_>, fence: Number, ttl: &[u8]) -> Result<i64, ErrorReply> {
    let key = scope.counter.ok_or_else(bad_arguments)?;
    let stands = counter(keyspace, scope)?;
    if stands < fence {
        let expires = expiry_of_set(lasts(keyspace, key, scope.now, ttl)?.as_bytes(), scope.now)?;
        keyspace.set(key, fence.to_string().as_bytes(), Some(expires));
    } else {
        keep(keyspace, key, scope.now, ttl)?;
    }
    Ok(i64::try_from(stands.max(fence)).unwrap_or(i64::MAX))
}

fn keep(keyspace: &mut Keyspace, counter: &[u8], now: Millis, ttl: &[u8]) -> Result<(), ErrorReply> {
    if pttl(keyspace, counter, now) >= 0 {
        let lasts = lasts(keyspace, counter, now, ttl)?;
        pexpire(keyspace, counter, lasts.as_bytes(), now)?;
    }
    Ok(())
}

fn lasts(keyspace: &Keyspace, counter: &[u8], now: Millis, ttl: &[u8]) -> Result<String, ErrorReply> {
    let lasts = i64::try_from(integer(ttl)?).unwrap_or(i64::MAX).saturating_add(DAY);
    Ok(lasts.max(pttl(keyspace, counter, now)).to_string())
}

/// Lua's `string.sub(held, -32, -17)`; what is shorter has no lineage.
pub(super) fn lineage_of(held: &[u8]) -> Option<&[u8]> {
    held.len().checked_sub(32).and_then(|start| held.get(start..start + 16))
}

fn integer(text: &[u8]) -> Result<Number, ErrorReply> {
    let number = str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    number.ok_or_else(|| ErrorReply::err("user_script: attempt to compare number with nil"))
}

fn numbers<const N: usize>(numbers: [i64; N]) -> Reply {
    Reply::Array(numbers.into_iter().map(Reply::Integer).collect())
}
