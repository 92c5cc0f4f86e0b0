-- Gives the lock back as release.lua does, and tells by which command the server could do that itself.
-- KEYS[1] the lock, ARGV[1] the value.
-- Returns what release.lua returns, and 1 when there is DELIFEQ, 2 when there is DELEX, 0 when neither is there for
-- this user, -1 when something else kept us from finding out.
local result = 0
local held = redis.call('GET', KEYS[1])
if not held then
  result = -1
elseif held == ARGV[1] then
  result = redis.call('DEL', KEYS[1])
end
-- The value does not stand there any more, so these delete nothing. Only their own answer proves that they exist.
local learnt = 0
for number, command in ipairs({{'DELIFEQ', KEYS[1], ARGV[1]}, {'DELEX', KEYS[1], 'IFEQ', ARGV[1]}}) do
  local reply = redis.pcall(unpack(command))
  if reply == 0 then
    return {result, number}
  end
  -- "Unknown command" and "No permission", in the words of several versions.
  local text = string.lower(tostring(type(reply) == 'table' and reply.err))
  if not (string.find(text, 'unknown', 1, true) or string.find(text, 'perm', 1, true) or string.find(text, 'acl', 1, true)) then
    learnt = -1
  end
end
return {result, learnt}
