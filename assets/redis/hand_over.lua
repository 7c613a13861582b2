-- Gives a room of this node to another one, which makes it of what is saved when the first ticket arrives. ARGV: epoch, id, for how
-- long the room waits for that, what is saved, how long tickets last, the node that gets it if it takes another room, their digests:
-- one for everybody who is in the room.

local me, id, waits, saved, lasts, to = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5]), ARGV[6]
if not is_node(me) then return { 'fenced' } end
reap()
sweep()
if call('HGET', P .. 'room:' .. id, 'node') ~= me then return { 'none' } end
local found = takers(me, me)
local best = best_of(found)
for _, taker in ipairs(found) do
  if taker.node == to then best = taker end
end
if not best then return { 'full' } end
call('SREM', P .. 'fallen:' .. me, id)
call('HDEL', P .. 'room:' .. id, 'from')
call('HSET', P .. 'room:' .. id, 'saved', saved, 'begun', '1')
move_room(id, me, best.node, text(fence()))
local there = promise(id, lasts, false, rest(7))
call('ZADD', EXPIRING, text(NOW + waits), id)
return there
