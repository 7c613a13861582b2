-- A page of the list of rooms, which has a part per node. ARGV: how many parts at most, then pairs of a node and the version of its part
-- that the reader has. Answers with triples of a node, the version of its part, and the part if the reader lacks it; after so
-- many parts, the others come with another call.

local known, left, answer = {}, tonumber(ARGV[1]), { 'ok' }
for at = 2, #ARGV, 2 do known[ARGV[at]] = ARGV[at + 1] end
reap()
for _, node in ipairs(call('ZRANGE', NODES, 0, -1)) do
  local version = call('HGET', P .. 'node:' .. node, 'listing')
  if version ~= '0' then
    local part = ''
    if known[node] ~= version then
      if left > 0 then
        part = call('GET', P .. 'listing:' .. node) or ''
        left = left - 1
      else
        version = known[node] or '0'
      end
    end
    answer[#answer + 1], answer[#answer + 2], answer[#answer + 3] = node, version, part
  end
end
return answer
