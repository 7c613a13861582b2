-- What a node has to add to the log of channels. ARGV: epoch, the number of its first message, how many messages; a channel and a body
-- for each; then for each presence: channel, member, how many, what there is to know. What was added before counts once.

local me, first, count = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
if not is_node(me) then return { 'fenced' } end
local node, present = P .. 'node:' .. me, P .. 'present:' .. me
for at = 4 + 2 * count, #ARGV, 4 do
  local place = ARGV[at] .. '\n' .. ARGV[at + 1]
  local now = ARGV[at + 2] ~= '0' and ARGV[at + 2] .. ' ' .. ARGV[at + 3]
  if (call('HGET', present, place) or false) ~= now then
    if now then call('HSET', present, place, now) else call('HDEL', present, place) end
    append_entry('presence', me, ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3])
  end
end
local known = tonumber(call('HGET', node, 'messages') or '0')
for index = 0, count - 1 do
  if first + index > known then
    append_entry('message', ARGV[4 + 2 * index], ARGV[5 + 2 * index])
    call('HSET', node, 'messages', text(first + index))
  end
end
return { 'ok' }
