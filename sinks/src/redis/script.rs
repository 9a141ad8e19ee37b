//! The scripts that the server runs atomically.

/// Does the commands of a batch and moves the position.
///
/// ```text
/// KEYS[1]  the position, a hash: store, topic, batch, next:P and last:P of each partition
/// ARGV     store  batch  N  N × (P  old  new  last)  command  expire_ms  keep|renew
///          F  F × (field  its name in hashes)
///          and for each row: P  offset  key  COUNT  COUNT words
/// ```
///
/// A command that fails ends it: what was done before it counts, the position says so, and the row
/// is named. So a script that cannot be taken back is exact all the same. Whether the position may
/// be written is tried before anything is done; a row whose key cannot be made to expire is done.
///
/// With command `MERGE` rows are added to hashes, by [`MERGE`](super::merge::MERGE), which stands
/// before it then.
pub(super) const WRITE: &str = r"
local p, at = KEYS[1], 4
if redis.call('HGET', p, 'store') ~= ARGV[1] then return {'other'} end
local moves = {}
for i = 1, tonumber(ARGV[3]) do
  if redis.call('HGET', p, 'next:' .. ARGV[at]) ~= ARGV[at + 1] then return {'moved'} end
  moves[i] = {ARGV[at], ARGV[at + 2], ARGV[at + 3]}
  at = at + 4
end
local may = redis.pcall('HSET', p, 'store', ARGV[1])
if type(may) == 'table' and may.err then return {'refused', '', '', may.err} end
local command, expire, keeps = ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 2] == 'keep'
at = at + 3
for i = 1, tonumber(ARGV[at]) do
  if f then f[ARGV[at + 1]] = ARGV[at + 2] end
  at = at + 2
end
at = at + 1
local reached, refused = {}, nil
while at <= #ARGV do
  local part, offset, key, count = ARGV[at], ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3])
  local done
  if command == 'MERGE' then
    done = merge(key, at + 4, at + 3 + count)
  else
    done = redis.pcall(command, key, unpack(ARGV, at + 4, at + 3 + count))
  end
  if type(done) == 'table' and done.err then
    refused = {'refused', part, offset, done.err}
    break
  end
  reached[part] = offset
  if expire > 0 then
    local left = -1
    if keeps then left = redis.pcall('PTTL', key) end
    if type(left) == 'number' and left < 0 then left = redis.pcall('PEXPIRE', key, expire) end
    if type(left) == 'table' and left.err then
      refused = {'refused', part, offset, left.err}
      break
    end
  end
  at = at + 4 + count
end
if refused then
  moves = {}
  for part, offset in pairs(reached) do
    moves[#moves + 1] = {part, string.format('%.0f', tonumber(offset) + 1), ''}
  end
  if #moves == 0 then return refused end
end
redis.call('HSET', p, 'batch', ARGV[2])
for _, move in ipairs(moves) do
  redis.call('HSET', p, 'next:' .. move[1], move[2], 'last:' .. move[1], move[3])
end
return refused or {'done'}
";

/// Begins the position where there is none: `ARGV` is its fields and values.
pub(super) const BEGIN: &str = r"
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV))
return 1
";
