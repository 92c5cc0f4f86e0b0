-- Gives the lock back if it holds the value.
-- KEYS[1] the lock, ARGV[1] the value.
-- Returns 1 when deleted, 0 when another value stands there, -1 when none does.
local held = redis.call('GET', KEYS[1])
if not held then
  return -1
end
if held ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[1])
