-- What the scripts of the directory share; it is put in front of each. KEYS[1] is the prefix of all keys, which has their only
-- hash tag. Times are microseconds of this server's clock; numbers are written out, because they are longer than %g prints.
-- src/engine/cluster/ has the same decisions in Rust, and a test compares the two.

local P = KEYS[1]
local BOOT, NODES, EXPIRING = P .. 'boot', P .. 'nodes', P .. 'expiring'
local MOST_TRIED, MOST_SWEPT, ROOM_WEIGHT = 64, 64, 10
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

local function is_node(node) return call('EXISTS', P .. 'node:' .. node) == 1 end

local function kind_of(game, options) return redis.sha1hex(#game .. ':' .. game .. options) end

local function remove_room(id)
  local room = call('HMGET', P .. 'room:' .. id, 'node', 'kind')
  if not room[1] then return end
  call('SREM', P .. 'rooms:' .. room[1], id)
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
    if call('HGET', P .. 'room:' .. id, 'made') == '0' and call('ZCARD', P .. 'tickets:' .. id) == 0 then
      remove_room(id)
    end
  end
end

local function remove_node(node)
  for _, id in ipairs(call('SMEMBERS', P .. 'rooms:' .. node)) do remove_room(id) end
  call('DEL', P .. 'node:' .. node, P .. 'rooms:' .. node, P .. 'listing:' .. node)
  call('ZREM', NODES, node)
end

-- Removes the nodes whose leases have ended: from here on their epochs are refused.
local function reap()
  if registering() then return end
  for _, node in ipairs(call('ZRANGEBYSCORE', NODES, '-inf', text(NOW))) do remove_node(node) end
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

-- The node that takes another room.
local function lightest(asker, without)
  local best, least
  for _, node in ipairs(call('ZRANGE', NODES, 0, -1)) do
    local said = call('HMGET', P .. 'node:' .. node, 'load', 'most', 'draining')
    local rooms = call('SCARD', P .. 'rooms:' .. node)
    -- Of two that are equal but for a room, the one that needs no redirect.
    local weight = said[1] + ROOM_WEIGHT * rooms - (node == asker and ROOM_WEIGHT or 0)
    local takes = said[3] == '0' and rooms < tonumber(said[2]) and node ~= without
    if takes and (not best or weight < least or (weight == least and node < best)) then best, least = node, weight end
  end
  return best
end

local function rest(first)
  local values = {}
  for index = first, #ARGV do values[#values + 1] = ARGV[index] end
  return values
end
