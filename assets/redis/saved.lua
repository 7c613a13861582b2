-- What a room of this node begins with that another node has handed over. ARGV: epoch, id.

if not is_node(ARGV[1]) then return { 'fenced' } end
local room = call('HMGET', P .. 'room:' .. ARGV[2], 'node', 'saved')
if room[1] ~= ARGV[1] or not room[2] then return { 'none' } end
return { 'ok', room[2] }
