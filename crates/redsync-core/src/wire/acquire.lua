-- Takes the lock, or tells whose it is.
-- KEYS[1] the lock, ARGV[1] the value, ARGV[2] the TTL in milliseconds.
-- Returns 1 when set, 2 when this very value stood there already, 0 when another did.
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  return 1
end
-- pcall: a key of another type is somebody else's, not an error, as it is for a plain SET NX.
if redis.pcall('GET', KEYS[1]) == ARGV[1] then
  return 2
end
return 0
