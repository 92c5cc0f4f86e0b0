-- Like extend.lua, but sets the lock anew where no value stands.
-- KEYS[1] the lock, ARGV[1] the value, ARGV[2] the TTL in milliseconds.
-- Returns 1 when the TTL is at least ARGV[2] now, 2 when set anew, 0 when another value stands there.
local held = redis.call('GET', KEYS[1])
if not held then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return 2
end
if held ~= ARGV[1] then
  return 0
end
-- A request that was overtaken must not cut back a longer TTL that a later one has set.
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 1
