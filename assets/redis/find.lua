-- Finds a room of a game with exactly these options, or makes the record of one and places it. ARGV: epoch of who asks, what
-- (`join`, `watch` or `create`), game, options, private, capacity, the id of a new room, how long tickets last, digests of the
-- tickets: one per place. `watch`: for a spectator, who needs no place.

local me, what, game, options, private, capacity, id = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local lasts, digests = tonumber(ARGV[8]), rest(9)
if not is_node(me) then return { 'fenced' } end
reap()
sweep()
local kind = kind_of(game, options)
local among = { join = 'open:', watch = 'public:' }
for _, found in ipairs(among[what] and call('ZRANGE', P .. among[what] .. kind, 0, MOST_TRIED - 1) or {}) do
  local room = call('HMGET', P .. 'room:' .. found, 'node', 'shut')
  local free = refresh(found)
  if call('HGET', P .. 'node:' .. room[1], 'draining') == '0' then
    if what == 'join' and free >= #digests then return promise(found, lasts, true, digests) end
    if what == 'watch' and (room[2] == '' or room[2] == 'locked') then return promise(found, lasts, false, digests) end
  end
end
-- Ids are drawn at random; a second room of one id would be worse than another try.
if registering() or call('EXISTS', P .. 'room:' .. id) == 1 then return { 'wait' } end
if tonumber(capacity) < #digests then return { 'small' } end
local best = lightest(me)
if not best then return { 'full' } end
write_room(id, best, text(fence()), game, options, private, capacity, '0', '', '0')
-- A spectator keeps the record alive as well, until the room is made.
return promise(id, lasts, true, digests)
