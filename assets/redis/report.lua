-- What has changed in a node's rooms. ARGV: epoch, then for each room: id, incarnation, state (`open` or `gone`), players, why it
-- admits nobody or nothing, capacity, how many tickets that number of players includes (or whose bearers did not arrive), their
-- digests. Answers with the rooms that are not this node's. A room that left and came back has another incarnation: what is
-- reported of an earlier one is too late.

local me, at, lost = ARGV[1], 2, { 'ok' }
if not is_node(me) then return { 'fenced' } end
while at <= #ARGV do
  local id, state, tickets = ARGV[at], ARGV[at + 2], tonumber(ARGV[at + 6])
  local room = call('HMGET', P .. 'room:' .. id, 'node', 'inc')
  if room[1] ~= me then
    if state == 'open' then lost[#lost + 1] = id end
  elseif room[2] == ARGV[at + 1] and state == 'gone' then
    remove_room(id)
  elseif room[2] == ARGV[at + 1] then
    call('HSET', P .. 'room:' .. id, 'players', ARGV[at + 3], 'shut', ARGV[at + 4], 'capacity', ARGV[at + 5], 'made', '1')
    call('HDEL', P .. 'room:' .. id, 'saved', 'from', 'begun')
    call('SREM', P .. 'fallen:' .. me, id)
    for index = at + 7, at + 6 + tickets do call('ZREM', P .. 'tickets:' .. id, ARGV[index]) end
    refresh(id)
  end
  at = at + 7 + tickets
end
return lost
