-- Gives a room of this node to another one, which makes it of what is saved when the first ticket arrives. ARGV: epoch, id, for how
-- long the room waits for that, what is saved, how long tickets last, their digests: one for everybody who is in the room.

local me, id, waits, saved, lasts, digests = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5]), rest(6)
if not is_node(me) then return { 'fenced' } end
reap()
sweep()
local room = call('HMGET', P .. 'room:' .. id, 'node', 'kind', 'private')
if room[1] ~= me then return { 'none' } end
local best = lightest(me, me)
if not best then return { 'full' } end
local inc = text(fence())
refresh(id)
call('SREM', P .. 'rooms:' .. me, id)
call('SADD', P .. 'rooms:' .. best, id)
call('HSET', P .. 'room:' .. id, 'node', best, 'inc', inc, 'made', '0', 'saved', saved)
if room[3] == '0' then call('ZADD', P .. 'public:' .. room[2], inc, id) end
-- Who is on the way goes on to the other node.
for _, digest in ipairs(call('ZRANGE', P .. 'tickets:' .. id, 0, -1)) do call('HSET', P .. 'ticket:' .. digest, 'inc', inc) end
local there = promise(id, lasts, false, digests)
call('ZADD', EXPIRING, text(NOW + waits), id)
return there
