-- A node's part of the list of rooms. ARGV: epoch, listing. Answers with its version.

if not is_node(ARGV[1]) then return { 'fenced' } end
call('SET', P .. 'listing:' .. ARGV[1], ARGV[2])
local version = text(fence())
call('HSET', P .. 'node:' .. ARGV[1], 'listing', version)
return { 'ok', version }
