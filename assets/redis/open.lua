-- Makes a node. ARGV: lease, address, name, version, most rooms, whether it keeps a journal here, the address at which other nodes
-- reach it, if they do, whether it takes no rooms yet. Answers: its epoch, the boot, and for how long nodes register.

local epoch = text(fence())
call('HSET', P .. 'node:' .. epoch, 'address', ARGV[2], 'name', ARGV[3], 'version', ARGV[4], 'most', ARGV[5],
  'keeps', ARGV[6], 'peer', ARGV[7], 'load', '0', 'players', '0', 'draining', ARGV[8], 'listing', '0')
call('ZADD', NODES, text(NOW + ARGV[1]), epoch)
local boot = call('HMGET', BOOT, 'boot', 'until')
return { 'ok', epoch, boot[1], text(math.max(0, boot[2] - NOW)) }
