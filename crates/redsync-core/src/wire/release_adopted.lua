-- Like release.lua, for a lock that was adopted: what it was adopted from goes as well, or it would stand for the whole
-- of the time that the token was given.
-- KEYS[1] the lock, ARGV[1] the value, ARGV[2] the value that it was adopted from, ARGV[3] the lineage of both.
-- Returns 1 when deleted, 3 when another value of that lineage stands there, 0 when any other value stood there, -1 when
-- none did.
local held = redis.call('GET', KEYS[1])
if not held then
  return -1
end
if held == ARGV[2] then
  redis.call('DEL', KEYS[1])
  return 0
end
if held ~= ARGV[1] then
  return string.sub(held, -32, -17) == ARGV[3] and 3 or 0
end
return redis.call('DEL', KEYS[1])
