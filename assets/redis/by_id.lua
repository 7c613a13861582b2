-- Gives tickets for the room with this id. ARGV: epoch of who asks, id, what (`join`, `return` or `watch`), the only game that
-- the room may run or nothing, how long tickets last, digests of the tickets.

local me, id, what, only, lasts, digests = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5]), rest(6)
if not is_node(me) then return { 'fenced' } end
reap()
sweep()
local room = call('HMGET', P .. 'room:' .. id, 'node', 'game', 'shut')
if not room[1] then return { registering() and 'wait' or 'none' } end
if only ~= '' and only ~= room[2] then return { 'other' } end
if what ~= 'return' and room[3] ~= '' and not (what == 'watch' and room[3] == 'locked') then return { 'shut', room[3] } end
local free = refresh(id)
if what == 'join' and free < #digests then return { 'full' } end
return promise(id, lasts, what == 'join', digests)
