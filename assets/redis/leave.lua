-- A node has ended, with all its rooms. Those of nodes that are gone which it had been given, and has not reported, go on at
-- others. ARGV: epoch.

local others, fallen = takers('', ARGV[1]), call('SMEMBERS', P .. 'fallen:' .. ARGV[1])
table.sort(fallen)
for _, id in ipairs(fallen) do take_over(id, ARGV[1], call('HGET', P .. 'room:' .. id, 'inc'), others) end
remove_node(ARGV[1])
return { 'ok' }
