-- All nodes. Answers with eleven values for each: epoch, microseconds left of its lease, name, address, version, rooms, players,
-- load (thousandths), whether it drains, whether others take its rooms over, the address at which other nodes reach it.

local answer = { 'ok' }
local leases = call('ZRANGE', NODES, 0, -1, 'WITHSCORES')
for at = 1, #leases, 2 do
  local node = leases[at]
  local said = call('HMGET', P .. 'node:' .. node, 'name', 'address', 'version', 'players', 'load', 'draining', 'keeps',
    'peer')
  local rooms = text(call('SCARD', P .. 'rooms:' .. node))
  local left = text(leases[at + 1] - NOW)
  for _, value in ipairs({ node, left, said[1], said[2], said[3], rooms, said[4], said[5], said[6], said[7], said[8] }) do
    answer[#answer + 1] = value or ''
  end
end
return answer
