"""What does Redis do by itself to the hot state of a room, in one step each?

Rules: a script looks at every key first and writes after that, so that a key of a wrong type, a replica or a full
server stops it while nothing has changed. KEYS begin with the mark and a block: the views, then ranking, codes and
ranks remembered of each board. A row is an account, its kind (``v`` with a view, ``s`` scores only, ``r`` removed),
the view, and a code for each board (empty for no change).
"""

from __future__ import annotations

from typing import Final

from vtrade.gamification.leaderboard_lua import RANK

COUNTS: Final = """
local function whole(text)
  return text and string.match(text, '^%d+$') and tonumber(text)
end

-- How many values each key of a block holds: a mark that says otherwise has lost something.
local function counts(at, boards)
  local found = {redis.call('HLEN', KEYS[at])}
  for b = 1, boards do
    found[#found + 1] = redis.call('ZCARD', KEYS[at + 3 * b - 2])
    found[#found + 1] = redis.call('HLEN', KEYS[at + 3 * b - 1])
    redis.call('HLEN', KEYS[at + 3 * b])
  end
  return table.concat(found, ':')
end
"""

APPLY: Final = (
    RANK
    + COUNTS
    + """
-- Writes rows into a block, and tells each account on its channel where one is given.
local function apply(at, boards, rows, first, seq, channel)
  local width = 3 + boards
  for from = first, #rows, width * 1000 do
    local last = math.min(from + width * 1000 - 1, #rows)
    local everyone, set, gone = {}, {}, {}
    for i = from, last, width do
      everyone[#everyone + 1] = rows[i]
      if rows[i + 1] == 'v' then
        set[#set + 1] = rows[i]
        set[#set + 1] = rows[i + 2]
      elseif rows[i + 1] == 'r' then
        gone[#gone + 1] = rows[i]
      end
    end
    local before = channel and redis.call('HMGET', KEYS[at], unpack(everyone))
    if #gone > 0 then redis.call('HDEL', KEYS[at], unpack(gone)) end
    if #set > 0 then redis.call('HSET', KEYS[at], unpack(set)) end
    for b = 1, boards do
      local accounts, codes = {}, {}
      for i = from, last, width do
        local code = rows[i + 2 + b]
        if code ~= '' or rows[i + 1] == 'r' then
          accounts[#accounts + 1] = rows[i]
          codes[#codes + 1] = code
        end
      end
      rank(KEYS[at + 3 * b - 2], KEYS[at + 3 * b - 1], KEYS[at + 3 * b], accounts, codes)
    end
    if channel then
      for k = 1, #everyone do
        local previous = before[k] and string.match(before[k], '^%d+') or '0'
        redis.call('PUBLISH', channel .. everyone[k], seq .. ' ' .. previous)
      end
    end
  end
end
"""
)

# KEYS: mark, block; then the rows set down before, if there are any. ARGV: boards, what to do, seq, after, epoch, wall
# clock, channel of accounts, channel of the room, who changed, number of values set down; then rows.
PUBLISH: Final = (
    APPLY
    + """
local boards, what = tonumber(ARGV[1]), ARGV[2]
local said = redis.call('HMGET', KEYS[1], 'seq', 'epoch', 'counts')
local seq, epoch = whole(said[1]), whole(said[2])
local found = counts(2, boards)
local function answer(word)
  if KEYS[3 + 3 * boards] then redis.call('UNLINK', KEYS[3 + 3 * boards]) end
  return {word, seq and said[1] or '0', epoch and said[2] or '0'}
end
if not seq or not epoch then return answer('stale') end
if tonumber(ARGV[5]) < epoch then return answer('fenced') end
if what == 'claim' then
  redis.call('HSET', KEYS[1], 'epoch', ARGV[5])
  return {'written', said[1], ARGV[5]}
end
if what == 'publish' and tonumber(ARGV[3]) <= seq then return answer('duplicate') end
if seq < tonumber(ARGV[4]) or said[3] ~= found then return answer('stale') end
if what == 'beat' then
  redis.call('HSET', KEYS[1], 'epoch', ARGV[5], 'wall_ns', ARGV[6])
  return {'written', said[1], ARGV[5]}
end
local waiting = tonumber(ARGV[10])
if waiting > 0 then
  local list, step = KEYS[3 + 3 * boards], (3 + boards) * 1000
  if redis.call('LLEN', list) ~= waiting then return answer('lost') end
  for from = 0, waiting - 1, step do
    local rows = redis.call('LRANGE', list, string.format('%d', from), string.format('%d', from + step - 1))
    apply(2, boards, rows, 1, ARGV[3], ARGV[7])
  end
  redis.call('UNLINK', list)
else
  apply(2, boards, ARGV, 11, ARGV[3], ARGV[7])
end
redis.call('HSET', KEYS[1], 'seq', ARGV[3], 'epoch', ARGV[5], 'wall_ns', ARGV[6], 'counts', counts(2, boards))
redis.call('PUBLISH', ARGV[8], ARGV[3] .. ' ' .. said[1] .. ' ' .. ARGV[9])
return {'written', ARGV[3], ARGV[5]}
"""
)

# KEYS: number of the last step, new block. ARGV: boards, number of this step, life in seconds; then rows. Answers the
# counts, or false if what came before is gone.
FILL: Final = (
    APPLY
    + """
local boards, step = tonumber(ARGV[1]), tonumber(ARGV[2])
local last = tonumber(redis.call('GET', KEYS[1]) or '0')
if last ~= step and last ~= step - 1 then return false end
counts(2, boards)
apply(2, boards, ARGV, 4, '', nil)
redis.call('SET', KEYS[1], ARGV[2])
for k = 1, #KEYS do redis.call('EXPIRE', KEYS[k], ARGV[3]) end
return counts(2, boards)
"""
)

# KEYS: mark, block, number of the last step, new block. ARGV: boards, seq, epoch, wall clock, force, number of steps,
# counts of the new block, channel of all.
SWAP: Final = (
    COUNTS
    + """
local boards, force = tonumber(ARGV[1]), ARGV[5] == '1'
local function other(key, kind)
  local found = redis.call('TYPE', key)['ok']
  return found ~= kind and found ~= 'none'
end
local size = 1 + 3 * boards
local new = 2 + size
local said = {}
if not force or not other(KEYS[1], 'hash') then
  said = redis.call('HMGET', KEYS[1], 'seq', 'epoch', 'wall_ns', 'counts')
end
if redis.call('GET', KEYS[new]) ~= ARGV[6] or counts(new + 1, boards) ~= ARGV[7] then
  -- Our answer may have got lost, and then the client asks again.
  if said[1] == ARGV[2] and said[3] == ARGV[4] and said[4] == ARGV[7] then return {'written', said[1], said[2]} end
  return {'stale', '0', '0'}
end
local seq, epoch = whole(said[1]), whole(said[2])
local refused = false
if seq and epoch and not force then
  if tonumber(ARGV[3]) < epoch then refused = 'fenced'
  elseif tonumber(ARGV[2]) < seq then refused = 'duplicate' end
end
redis.call('UNLINK', KEYS[new])
if refused then
  for k = 1, size do redis.call('UNLINK', KEYS[new + k]) end
  return {refused, said[1], said[2]}
end
for k = 1, size do
  if k > 1 and k % 3 == 1 then
    if other(KEYS[1 + k], 'hash') then redis.call('UNLINK', KEYS[1 + k]) end
  else
    redis.call('UNLINK', KEYS[1 + k])
    if redis.call('EXISTS', KEYS[new + k]) == 1 then
      redis.call('RENAME', KEYS[new + k], KEYS[1 + k])
      redis.call('PERSIST', KEYS[1 + k])
    end
  end
end
local now = ARGV[3]
if epoch and epoch > tonumber(now) then now = said[2] end
redis.call('UNLINK', KEYS[1])
redis.call('HSET', KEYS[1], 'seq', ARGV[2], 'epoch', now, 'wall_ns', ARGV[4], 'counts', ARGV[7])
redis.call('PUBLISH', ARGV[8], ARGV[2] .. ' ' .. (seq and said[1] or '0') .. ' "replaced"')
return {'written', ARGV[2], now}
"""
)
