-- Rooms that a node runs, after this server may have forgotten them. ARGV: epoch, then for each room: id, incarnation, game,
-- options, private, capacity, players, why it admits nobody or nothing. Answers with the rooms that the node may not go on with: a newer incarnation
-- is registered, or it is too late and they may be elsewhere.

local me, refused = ARGV[1], { 'ok' }
if not is_node(me) then return { 'fenced' } end
for at = 2, #ARGV, 8 do
  local id, inc = ARGV[at], ARGV[at + 1]
  local room = call('HMGET', P .. 'room:' .. id, 'node', 'inc')
  if room[1] == me and room[2] == inc then
    call('HSET', P .. 'room:' .. id, 'capacity', ARGV[at + 5], 'players', ARGV[at + 6], 'shut', ARGV[at + 7], 'made', '1')
    call('HDEL', P .. 'room:' .. id, 'saved', 'from', 'begun')
    call('SREM', P .. 'fallen:' .. me, id)
    refresh(id)
  elseif registering() and (not room[1] or tonumber(inc) > tonumber(room[2])) then
    remove_room(id)
    write_room(id, me, inc, ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], ARGV[at + 5], ARGV[at + 6], ARGV[at + 7], '1')
    refresh(id)
    fence(tonumber(inc) + 1)
  else
    refused[#refused + 1] = id
  end
end
return refused
