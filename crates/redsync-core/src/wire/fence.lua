-- Fencing numbers come from a counter beside the lock: KEYS[2], in the same hash slot.
-- They are microseconds since 1970 mostly, and so below 2^53, up to which Lua's numbers are exact.
local function counter()
  return tonumber(redis.call('GET', KEYS[2]) or 0) or 0
end
-- The number after the counter's, or the proposal where that is higher. A client whose clock is ahead must not run
-- off with the counter, so that a proposal counts for no more than a minute after this server's time.
local function next_fence(proposal)
  local now = redis.call('TIME')
  local latest = now[1] * 1000000 + now[2] + 60000000
  return math.max(counter() + 1, math.min(tonumber(proposal), latest))
end
-- How long the counter is to stand: for a day longer than the lock, so that who comes within that time finds it, and who
-- comes later proposes a time that is later as well. Never shorter than it does already: by what is set back, or comes
-- late, the lock may stand for longer than by this.
local function lasts(ttl)
  return string.format('%.0f', math.max(tonumber(ttl) + 86400000, redis.call('PTTL', KEYS[2])))
end
-- Lets the counter outlast the lock, wherever it stands. What has no TTL was not stored by this, and stands for good.
local function keep(ttl)
  if redis.call('PTTL', KEYS[2]) >= 0 then
    redis.call('PEXPIRE', KEYS[2], lasts(ttl))
  end
end
-- Lets the counter stand at `fence` at least, and outlast the lock.
local function stand(fence, ttl)
  local stands = counter()
  if stands < fence then
    redis.call('SET', KEYS[2], string.format('%.0f', fence), 'PX', lasts(ttl))
    return fence
  end
  keep(ttl)
  return stands
end
