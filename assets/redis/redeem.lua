-- Uses a ticket up at the node that has its room. ARGV: epoch, digest, how long the client may take to arrive. Answers with
-- all that it takes to make the room, if nobody was there before, and with whether there is something that it goes on from.

local me, digest = ARGV[1], ARGV[2]
if not is_node(me) then return { 'fenced' } end
reap()
sweep()
local ticket = call('HMGET', P .. 'ticket:' .. digest, 'room', 'inc', 'expires', 'used')
if not ticket[1] or ticket[4] == '1' or tonumber(ticket[3]) <= NOW then return { 'none' } end
local id = ticket[1]
local room = call('HMGET', P .. 'room:' .. id, 'node', 'inc', 'game', 'options', 'private', 'capacity')
if not room[1] or room[2] ~= ticket[2] then return { 'none' } end
if room[1] ~= me then
  return { 'elsewhere', id, room[1], call('HGET', P .. 'node:' .. room[1], 'address') or '' }
end
call('HSET', P .. 'ticket:' .. digest, 'used', '1')
-- Its place stays taken until the node has counted the player, or for so long.
call('ZADD', P .. 'tickets:' .. id, 'XX', text(NOW + ARGV[3]), digest)
refresh(id)
local begins = call('HMGET', P .. 'room:' .. id, 'saved', 'from')
return { 'here', id, room[2], room[3], room[4], room[5], (begins[1] or begins[2]) and '1' or '0' }
