-- What a room of this node begins with that another node has handed over, or had when it failed. ARGV: epoch, id. Answers with what
-- is saved, with where journals of it may be (as `take_over` writes it), and with whether some node had it before.

if not is_node(ARGV[1]) then return { 'fenced' } end
local room = call('HMGET', P .. 'room:' .. ARGV[2], 'node', 'saved', 'from', 'begun')
if room[1] ~= ARGV[1] or not (room[2] or room[3]) then return { 'none' } end
return { 'ok', room[2] or '', room[3] or '', room[4] or '0' }
