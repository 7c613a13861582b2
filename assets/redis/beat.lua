-- Renews the lease of a node. ARGV: epoch, lease, load (thousandths), players, draining. Answers: the boot, for how long nodes
-- register, the number of nodes, the version of the node's listing, and how many rooms of nodes that are gone it has been given.

if call('HGET', BOOT, 'run') ~= run_id() then return { 'boot' } end
local node = P .. 'node:' .. ARGV[1]
local boot = call('HMGET', BOOT, 'boot', 'until')
-- Nobody has removed a node that is still here, even if its lease has ended meanwhile.
if not is_node(ARGV[1]) then return { 'fenced', boot[1], text(math.max(0, boot[2] - NOW)) } end
call('ZADD', NODES, text(NOW + ARGV[2]), ARGV[1])
call('HSET', node, 'load', ARGV[3], 'players', ARGV[4], 'draining', ARGV[5])
reap()
sweep()
return { 'ok', boot[1], text(math.max(0, boot[2] - NOW)), text(call('ZCARD', NODES)), call('HGET', node, 'listing'),
  text(call('SCARD', P .. 'fallen:' .. ARGV[1])) }
