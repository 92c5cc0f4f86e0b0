-- Puts another value in the place of the one that stands there, if that is the expected one.
-- KEYS[1] the lock, KEYS[2] its counter if it has one, ARGV[1] the expected value, ARGV[2] the new one, ARGV[3] its TTL in
-- milliseconds, ARGV[4] the lineage of both, ARGV[5] the proposal, or nothing where no fencing number is to be drawn.
-- Returns {1, left, fence} when done, where the expected value had `left` milliseconds to stand (-1: for good);
-- {2, 0, fence} when the new value stood there already; {3} when another value of that lineage did, {0} when any other
-- did, {-1} when none did. Where none is drawn the fence is 0.
local held = redis.call('GET', KEYS[1])
if not held then
  return {-1}
end
if held ~= ARGV[1] and held ~= ARGV[2] then
  return {string.sub(held, -32, -17) == ARGV[4] and 3 or 0}
end
local fence = 0
if KEYS[2] and ARGV[5] == '' then
  keep(ARGV[3])
elseif KEYS[2] then
  fence = counter()
  if held == ARGV[1] or fence == 0 then
    fence = next_fence(ARGV[5])
  end
  fence = stand(fence, ARGV[3])
end
local left = redis.call('PTTL', KEYS[1])
if held == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
  return {1, left, fence}
end
if left < tonumber(ARGV[3]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return {2, 0, fence}
