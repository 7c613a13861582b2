-- A part of the journal of a node that is gone. ARGV: epoch, the other node, from which place on, how many entries.

if not is_node(ARGV[1]) then return { 'fenced' } end
local answer = { 'ok' }
for _, entry in ipairs(call('LRANGE', P .. 'journal:' .. ARGV[2], ARGV[3], text(ARGV[3] + ARGV[4] - 1))) do
  answer[#answer + 1] = entry
end
return answer
