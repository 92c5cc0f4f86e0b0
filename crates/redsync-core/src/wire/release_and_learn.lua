-- Gives the lock back as release.lua does, and tells by which command the server could do that itself.
-- KEYS[1] the lock, ARGV[1] the value.
-- Returns what release.lua returns, and 1 when there is DELIFEQ, 2 when there is DELEX, 0 when neither is known.
local result = 0
local held = redis.call('GET', KEYS[1])
if not held then
  result = -1
elseif held == ARGV[1] then
  result = redis.call('DEL', KEYS[1])
end
-- The value does not stand there any more, so these delete nothing. Only their own answer proves that they exist.
if redis.pcall('DELIFEQ', KEYS[1], ARGV[1]) == 0 then
  return {result, 1}
end
if redis.pcall('DELEX', KEYS[1], 'IFEQ', ARGV[1]) == 0 then
  return {result, 2}
end
return {result, 0}
