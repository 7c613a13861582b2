-- The log of channels from an entry on. ARGV: era and number of the last entry that the reader has, how many entries at most, whether the
-- reader knows that some are missing before the next. Answers with each entry: era, number, how many texts, texts. `gap`: some are
-- missing, or this log does not have the reader's entry.

local after, answer = tonumber(ARGV[2]), { 'ok' }
local entries = call('XRANGE', LOG, '(' .. ARGV[1] .. '-' .. ARGV[2], '+', 'COUNT', ARGV[3])
if ARGV[4] == '0' then
  local first = entries[1] and string.match(entries[1][1], '-(%d+)') or newest_entry() + 1
  if tonumber(first) ~= after + 1 then return { 'gap' } end
end
for _, entry in ipairs(entries) do
  local era, number = string.match(entry[1], '(%d+)-(%d+)')
  local values = entry[2]
  answer[#answer + 1], answer[#answer + 2], answer[#answer + 3] = era, number, text(#values / 2)
  for at = 2, #values, 2 do answer[#answer + 1] = values[at] end
end
return answer
