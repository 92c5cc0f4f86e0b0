-- Like extend.lua, for a lock that was adopted or has a fencing number.
-- KEYS[1] the lock, KEYS[2] its counter if it has one, ARGV[1] the value, ARGV[2] the TTL in milliseconds, ARGV[3] 1 to
-- set the lock anew where no value stands or the former one does, ARGV[4] the value that it was adopted from or nothing,
-- ARGV[5] its fencing number.
-- Returns 1 when the TTL is at least ARGV[2] now, 2 when set anew, {3, left} when set in the place of the former value,
-- which had `left` milliseconds to stand, 0 when another value stands there, -1 when none does.
local held = redis.call('GET', KEYS[1])
local result = 1
if held ~= ARGV[1] then
  local is_ours = not held or (ARGV[4] ~= '' and held == ARGV[4])
  if ARGV[3] ~= '1' or not is_ours then
    return held and 0 or -1
  end
  result = held and {3, redis.call('PTTL', KEYS[1])} or 2
end
-- First, since a counter that cannot be read must not end the script when something was set already.
if KEYS[2] then
  stand(tonumber(ARGV[5]), ARGV[2])
end
if result ~= 1 then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
elseif redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return result
