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
-- Lets the counter stand at `fence` at least, and for a day longer than the lock: who comes within that time finds
-- it, and who comes later proposes a time that is later as well.
local function stand(fence, ttl)
  local lasts = string.format('%.0f', tonumber(ttl) + 86400000)
  local stands = counter()
  if stands < fence then
    redis.call('SET', KEYS[2], string.format('%.0f', fence), 'PX', lasts)
    return fence
  end
  if redis.call('PTTL', KEYS[2]) < tonumber(lasts) then
    redis.call('PEXPIRE', KEYS[2], lasts)
  end
  return stands
end
