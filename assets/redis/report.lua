-- What has changed in a node's rooms. ARGV: epoch, then for each room: id, state (`open` or `gone`), players, why it admits
-- nobody or nothing, capacity, how many tickets that number of players includes (or whose bearers did not arrive), their digests. Answers with the
-- rooms that are not this node's.

local me, at, lost = ARGV[1], 2, { 'ok' }
if not is_node(me) then return { 'fenced' } end
while at <= #ARGV do
  local id, state, tickets = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 5])
  if call('HGET', P .. 'room:' .. id, 'node') ~= me then
    if state == 'open' then lost[#lost + 1] = id end
  elseif state == 'gone' then
    remove_room(id)
  else
    call('HSET', P .. 'room:' .. id, 'players', ARGV[at + 2], 'shut', ARGV[at + 3], 'capacity', ARGV[at + 4], 'made', '1')
    call('HDEL', P .. 'room:' .. id, 'saved')
    for index = at + 6, at + 5 + tickets do call('ZREM', P .. 'tickets:' .. id, ARGV[index]) end
    refresh(id)
  end
  at = at + 6 + tickets
end
return lost
