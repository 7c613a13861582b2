-- Who is present in channels, by one node: the next after this one. ARGV: epoch. Answers with for how long nodes register, the boot, the
-- number of the newest entry of the log, the node or nothing behind the last; then for each member: channel, member, how many, what
-- there is to know.

local next
for _, node in ipairs(call('ZRANGE', NODES, 0, -1)) do
  local follows = tonumber(node) > tonumber(ARGV[1]) and (not next or tonumber(node) < tonumber(next))
  if follows and call('EXISTS', P .. 'present:' .. node) == 1 then next = node end
end
local boot = call('HMGET', BOOT, 'boot', 'until')
local answer = { 'ok', text(math.max(0, boot[2] - NOW)), boot[1], newest_entry(), next or '' }
local all = next and call('HGETALL', P .. 'present:' .. next) or {}
for at = 1, #all, 2 do
  local channel, member = string.match(all[at], '^([^\n]*)\n(.*)$')
  local count, info = string.match(all[at + 1], '^(%d+) (.*)$')
  answer[#answer + 1], answer[#answer + 2], answer[#answer + 3], answer[#answer + 4] = channel, member, count, info
end
return answer
