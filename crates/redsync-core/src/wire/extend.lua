-- Lengthens the TTL of the lock if it holds the value; never shortens it.
-- KEYS[1] the lock, ARGV[1] the value, ARGV[2] the TTL in milliseconds.
-- Returns 1 when the TTL is at least ARGV[2] now, 0 when another value stands there, -1 when none does.
local held = redis.call('GET', KEYS[1])
if not held then
  return -1
end
if held ~= ARGV[1] then
  return 0
end
-- A request that was overtaken must not cut back a longer TTL that a later one has set.
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 1
