-- The rooms of nodes that are gone, which go on at this one and are not reported yet. ARGV: epoch. Answers with five values for
-- each: id, incarnation, game, options, private.

local me, answer = ARGV[1], { 'ok' }
if not is_node(me) then return { 'fenced' } end
local ids = call('SMEMBERS', P .. 'fallen:' .. me)
table.sort(ids)
for _, id in ipairs(ids) do
  local room = call('HMGET', P .. 'room:' .. id, 'inc', 'game', 'options', 'private')
  for _, value in ipairs({ id, room[1], room[2], room[3], room[4] }) do answer[#answer + 1] = value end
end
return answer
