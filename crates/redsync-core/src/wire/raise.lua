-- Raises the counter to a fencing number that another node has drawn for the same lock, if that is still held here.
-- KEYS[1] the lock, KEYS[2] its counter, ARGV[1] the value, ARGV[2] the fencing number, ARGV[3] the lock's TTL in
-- milliseconds.
-- Returns {1, fence} with where the counter stands now, {0} when another value stands there, {-1} when none does.
local held = redis.call('GET', KEYS[1])
if not held then
  return {-1}
end
if held ~= ARGV[1] then
  return {0}
end
return {1, stand(tonumber(ARGV[2]), ARGV[3])}
