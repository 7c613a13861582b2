-- Notes that this server was started, or has forgotten everything. ARGV: the lease. Answers: the boot, and for how long nodes
-- only register. Every client runs this before it loads the other scripts, so none of them can run on a server that has not
-- noted its start.

local run = run_id()
if call('HGET', BOOT, 'run') ~= run then
  call('HSET', BOOT, 'run', run, 'boot', text(fence()), 'until', text(NOW + ARGV[1]))
end
local boot = call('HMGET', BOOT, 'boot', 'until')
return { 'ok', boot[1], text(math.max(0, boot[2] - NOW)) }
