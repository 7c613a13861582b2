-- Renews the lease of a node. ARGV: epoch, lease, load (thousandths), players, draining. Answers: the boot, for how long nodes
-- register, the number of nodes, the version of the node's listing, how many rooms of nodes that are gone it has been given, and when
-- the next lease of another node ends that is not renewed (0: there is none).

if call('HGET', BOOT, 'run') ~= run_id() then return { 'boot' } end
local node = P .. 'node:' .. ARGV[1]
local boot = call('HMGET', BOOT, 'boot', 'until')
-- Nobody has removed a node that is still here, even if its lease has ended meanwhile.
if not is_node(ARGV[1]) then return { 'fenced', boot[1], text(math.max(0, boot[2] - NOW)) } end
call('ZADD', NODES, text(NOW + ARGV[2]), ARGV[1])
call('HSET', node, 'load', ARGV[3], 'players', ARGV[4], 'draining', ARGV[5])
reap()
sweep()
local ends = call('ZRANGEBYSCORE', NODES, '(' .. text(NOW), '+inf', 'WITHSCORES', 'LIMIT', 0, 2)
local at = ends[1] == ARGV[1] and 4 or 2
return { 'ok', boot[1], text(math.max(0, boot[2] - NOW)), text(call('ZCARD', NODES)), call('HGET', node, 'listing'),
  text(call('SCARD', P .. 'fallen:' .. ARGV[1])), text((ends[at] or NOW) - NOW) }
