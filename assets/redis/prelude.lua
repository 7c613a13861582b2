-- What the scripts of the directory share; it is put in front of each. KEYS[1] is the prefix of all keys, which has their only
-- hash tag. Times are microseconds of this server's clock; numbers are written out, because they are longer than %g prints.
-- src/engine/cluster/ has the same decisions in Rust, and a test compares the two.

local P = KEYS[1]
local BOOT, NODES, EXPIRING = P .. 'boot', P .. 'nodes', P .. 'expiring'
local MOST_TRIED, MOST_SWEPT, ROOM_WEIGHT = 64, 64, 10
-- A room whose nodes end one after the other is given up: it may be the cause. Journals of nodes that are gone are kept for so
-- many milliseconds.
local MOST_FALLS, KEPT = 3, 600000
-- The log of channels: entries without gaps in their numbers, of which so many are kept.
local LOG, MOST_ENTRIES = P .. 'channels', 10000
local call = redis.call

local function text(number) return string.format('%.0f', number) end

--[[ clock ]]
local function clock()
  local time = call('TIME')
  return time[1] * 1000000 + time[2]
end

local function run_id() return string.match(call('INFO', 'server'), 'run_id:(%x+)') end
--[[ end ]]

local NOW = clock()

-- A number greater than all before, even if the counter was forgotten.
local function fence(least)
  local given = tonumber(call('GET', P .. 'fence') or '0')
  local number = math.max(given + 1, NOW, least or 0)
  call('SET', P .. 'fence', text(number))
  return number
end

-- After a start of this server it may have forgotten who owns what. For one lease its nodes tell, and nothing is decided that
-- relies on a room not being there.
local function registering()
  return tonumber(call('HGET', BOOT, 'until')) > NOW
end

-- The number of the newest entry. A log that was forgotten begins with the time, and not where a reader could believe to be.
local function newest_entry()
  call('SET', LOG .. ':count', text(NOW), 'NX')
  return call('GET', LOG .. ':count')
end

local function append_entry(...)
  newest_entry()
  local id = call('HGET', BOOT, 'boot') .. '-' .. text(call('INCR', LOG .. ':count'))
  local fields = {}
  for index, value in ipairs({ ... }) do fields[2 * index - 1], fields[2 * index] = index, value end
  call('XADD', LOG, 'MAXLEN', '=', MOST_ENTRIES, id, unpack(fields))
end

local function is_node(node) return call('EXISTS', P .. 'node:' .. node) == 1 end

local function kind_of(game, options) return redis.sha1hex(#game .. ':' .. game .. options) end

local function remove_room(id)
  local room = call('HMGET', P .. 'room:' .. id, 'node', 'kind')
  if not room[1] then return end
  call('SREM', P .. 'rooms:' .. room[1], id)
  call('SREM', P .. 'fallen:' .. room[1], id)
  call('ZREM', P .. 'open:' .. room[2], id)
  call('ZREM', P .. 'public:' .. room[2], id)
  call('ZREM', EXPIRING, id)
  call('DEL', P .. 'room:' .. id, P .. 'tickets:' .. id)
end

-- Forgets tickets that have expired, and lists the room as open if a newcomer finds a place. Returns the free places.
local function refresh(id)
  local room = call('HMGET', P .. 'room:' .. id, 'kind', 'private', 'shut', 'capacity', 'players', 'inc')
  local tickets = P .. 'tickets:' .. id
  call('ZREMRANGEBYSCORE', tickets, '-inf', text(NOW))
  local first = call('ZRANGE', tickets, 0, 0, 'WITHSCORES')
  if first[1] then call('ZADD', EXPIRING, first[2], id) else call('ZREM', EXPIRING, id) end
  local free = room[4] - room[5] - call('ZCARD', tickets)
  if room[2] == '0' and room[3] == '' and free > 0 then
    call('ZADD', P .. 'open:' .. room[1], room[6], id)
  else
    call('ZREM', P .. 'open:' .. room[1], id)
  end
  return free
end

-- Gives places back whose tickets have expired. A room that was never made, and for which nobody is on the way, is forgotten.
local function sweep()
  for _, id in ipairs(call('ZRANGEBYSCORE', EXPIRING, '-inf', text(NOW), 'LIMIT', 0, MOST_SWEPT)) do
    refresh(id)
    local room = call('HMGET', P .. 'room:' .. id, 'made', 'from')
    if room[1] == '0' and not room[2] and call('ZCARD', P .. 'tickets:' .. id) == 0 then remove_room(id) end
  end
end

-- Who was present by a node that is gone, is not any more. The node with the longest lease speaks for it.
local function end_presences(node)
  if call('DEL', P .. 'present:' .. node) == 0 then return end
  append_entry('gone', node, call('ZREVRANGE', NODES, 0, 0)[1] or '')
end

local function remove_node(node)
  for _, id in ipairs(call('SMEMBERS', P .. 'rooms:' .. node)) do remove_room(id) end
  call('DEL', P .. 'node:' .. node, P .. 'rooms:' .. node, P .. 'listing:' .. node, P .. 'fallen:' .. node,
    P .. 'journal:' .. node)
  call('ZREM', NODES, node)
  end_presences(node)
end

-- The nodes that take another room, and what each weighs.
local function takers(asker, without)
  local found = {}
  for _, node in ipairs(call('ZRANGEBYSCORE', NODES, '(' .. text(NOW), '+inf')) do
    local said = call('HMGET', P .. 'node:' .. node, 'load', 'most', 'draining')
    local rooms = call('SCARD', P .. 'rooms:' .. node)
    if said[3] == '0' and rooms < tonumber(said[2]) and node ~= without then
      -- Of two that are equal but for a room, the one that needs no redirect.
      local weight = said[1] + ROOM_WEIGHT * rooms - (node == asker and ROOM_WEIGHT or 0)
      found[#found + 1] = { node = node, weight = weight, left = said[2] - rooms }
    end
  end
  return found
end

local function best_of(found)
  local best
  for _, taker in ipairs(found) do
    local lighter = not best or taker.weight < best.weight
    if taker.left > 0 and (lighter or (taker.weight == best.weight and taker.node < best.node)) then best = taker end
  end
  return best
end

-- The node that takes another room.
local function lightest(asker, without)
  local best = best_of(takers(asker, without))
  return best and best.node
end

-- Lets a room go on at another node, which makes it or forgets it. Whoever is on the way goes on there.
local function move_room(id, node, to, inc)
  refresh(id)
  local room = call('HMGET', P .. 'room:' .. id, 'kind', 'private')
  call('SREM', P .. 'rooms:' .. node, id)
  call('SADD', P .. 'rooms:' .. to, id)
  call('HSET', P .. 'room:' .. id, 'node', to, 'inc', inc, 'made', '0')
  if room[2] == '0' then call('ZADD', P .. 'public:' .. room[1], inc, id) end
  for _, digest in ipairs(call('ZRANGE', P .. 'tickets:' .. id, 0, -1)) do call('HSET', P .. 'ticket:' .. digest, 'inc', inc) end
  refresh(id)
end

-- Gives a room of a node that is gone to another one. `from` lists where its journal may be: pairs of a node and the incarnation
-- that the room had there, oldest first. A room that no node had begun before has only what it was handed over with.
local function take_over(id, node, inc, others)
  local room = call('HMGET', P .. 'room:' .. id, 'made', 'from')
  local from = node .. ':' .. inc
  if room[1] == '0' and room[2] then from = room[2] .. ' ' .. from end
  local best = best_of(others)
  if not best or select(2, string.gsub(from, ':', ':')) > MOST_FALLS then return remove_room(id) end
  best.weight, best.left = best.weight + ROOM_WEIGHT, best.left - 1
  for epoch in string.gmatch(from, '(%d+):') do call('PEXPIRE', P .. 'journal:' .. epoch, KEPT) end
  call('HSET', P .. 'room:' .. id, 'from', from)
  if room[1] == '1' then call('HSET', P .. 'room:' .. id, 'begun', '1') end
  call('SADD', P .. 'fallen:' .. best.node, id)
  move_room(id, node, best.node, text(fence()))
end

-- A node with a journal is gone: its rooms go on at others.
local function give_away(node, others)
  local rooms = {}
  for _, id in ipairs(call('SMEMBERS', P .. 'rooms:' .. node)) do
    rooms[#rooms + 1] = { id = id, inc = call('HGET', P .. 'room:' .. id, 'inc') }
  end
  -- A set has no order.
  table.sort(rooms, function(a, b)
    local first, second = tonumber(a.inc), tonumber(b.inc)
    return first < second or (first == second and a.id < b.id)
  end)
  for _, room in ipairs(rooms) do take_over(room.id, node, room.inc, others) end
  call('DEL', P .. 'node:' .. node, P .. 'rooms:' .. node, P .. 'listing:' .. node, P .. 'fallen:' .. node)
  call('ZREM', NODES, node)
  end_presences(node)
end

-- Removes the nodes whose leases have ended: from here on their epochs are refused. Rooms that can go on elsewhere wait until a
-- node takes them.
local function reap()
  if registering() then return end
  local others
  for _, node in ipairs(call('ZRANGEBYSCORE', NODES, '-inf', text(NOW))) do
    if call('HGET', P .. 'node:' .. node, 'keeps') ~= '1' or call('SCARD', P .. 'rooms:' .. node) == 0 then
      remove_node(node)
    else
      others = others or takers('')
      if best_of(others) then give_away(node, others) end
    end
  end
end

local function write_room(id, node, inc, game, options, private, capacity, players, shut, made)
  local kind = kind_of(game, options)
  call('HSET', P .. 'room:' .. id, 'node', node, 'inc', inc, 'game', game, 'options', options, 'kind', kind,
    'private', private, 'capacity', capacity, 'players', players, 'shut', shut, 'made', made)
  call('SADD', P .. 'rooms:' .. node, id)
  if private == '0' then call('ZADD', P .. 'public:' .. kind, inc, id) end
end

-- Gives the tickets with these digests, for a room that is there. Those of newcomers keep a place each.
local function promise(id, lasts, keeps, digests)
  local room = call('HMGET', P .. 'room:' .. id, 'node', 'inc', 'made')
  local expires = text(NOW + lasts)
  for _, digest in ipairs(digests) do
    local ticket = P .. 'ticket:' .. digest
    call('HSET', ticket, 'room', id, 'inc', room[2], 'expires', expires, 'used', '0')
    -- The time that counts is in the ticket; this only frees the memory.
    call('PEXPIRE', ticket, text(math.ceil(lasts / 1000) + 60000))
    if keeps then call('ZADD', P .. 'tickets:' .. id, expires, digest) end
  end
  refresh(id)
  return { 'there', id, room[1], call('HGET', P .. 'node:' .. room[1], 'address') or '', room[2], room[3] }
end

local function rest(first)
  local values = {}
  for index = first, #ARGV do values[#values + 1] = ARGV[index] end
  return values
end
