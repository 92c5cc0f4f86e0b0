-- Takes the lock and draws its fencing number, or tells whose it is.
-- KEYS[1] the lock, KEYS[2] its counter, ARGV[1] the value, ARGV[2] the TTL in milliseconds, ARGV[3] the proposal.
-- Returns {1, fence} when set, {2, fence} when this very value stood there already, {0} when another did.
-- The counter goes first in any case: where it cannot be written, nothing else is.
-- pcall: a key of another type is somebody else's, not an error, as it is for a plain SET NX.
local held = redis.pcall('GET', KEYS[1])
if not held then
  local fence = stand(next_fence(ARGV[3]), ARGV[2])
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return {1, fence}
end
if held ~= ARGV[1] then
  return {0}
end
-- The number that was drawn with it, unless the counter was lost since.
local fence = counter()
if fence == 0 then
  fence = next_fence(ARGV[3])
end
return {2, stand(fence, ARGV[2])}
