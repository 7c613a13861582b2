-- Uses a join token up that is good for one join, or gives it back. ARGV: epoch, mark, milliseconds until nobody could use it
-- again; 0 gives it back.

if not is_node(ARGV[1]) then return { 'fenced' } end
if ARGV[3] == '0' then
  call('DEL', P .. 'spent:' .. ARGV[2])
  return { 'ok' }
end
return { call('SET', P .. 'spent:' .. ARGV[2], '1', 'NX', 'PX', ARGV[3]) and 'ok' or 'used' }
