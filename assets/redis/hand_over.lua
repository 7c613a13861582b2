-- Gives a room of this node to another one, which makes it of what is saved when the first ticket arrives. ARGV: epoch, id, for how
-- long the room waits for that, what is saved, how long tickets last, their digests: one for everybody who is in the room.

local me, id, waits, saved, lasts, digests = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5]), rest(6)
if not is_node(me) then return { 'fenced' } end
reap()
sweep()
if call('HGET', P .. 'room:' .. id, 'node') ~= me then return { 'none' } end
local best = lightest(me, me)
if not best then return { 'full' } end
call('SREM', P .. 'fallen:' .. me, id)
call('HDEL', P .. 'room:' .. id, 'from')
call('HSET', P .. 'room:' .. id, 'saved', saved, 'begun', '1')
move_room(id, me, best, text(fence()))
local there = promise(id, lasts, false, digests)
call('ZADD', EXPIRING, text(NOW + waits), id)
return there
