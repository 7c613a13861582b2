-- Appends to a node's journal, whose entries are numbered. ARGV: epoch, the number of the first entry that is still needed, the
-- number of the first one that follows, entries. Entries that are there already are not appended again; `gap`: entries before
-- these are missing. Entries from the first needed one on replace all that is there.

local me, first, at, entries = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), rest(4)
if not is_node(me) then return { 'fenced' } end
local node, journal = P .. 'node:' .. me, P .. 'journal:' .. me
local begins = tonumber(call('HGET', node, 'first') or '0')
local ends = begins + call('LLEN', journal)
if at == first then
  call('DEL', journal)
  begins, ends = first, first
elseif at < begins or at > ends or first > ends then
  return { 'gap' }
end
for index = ends - at + 1, #entries do call('RPUSH', journal, entries[index]) end
if first > begins then
  call('LTRIM', journal, text(first - begins), '-1')
  begins = first
end
call('HSET', node, 'first', text(begins))
return { 'ok' }
