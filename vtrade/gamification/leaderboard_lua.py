"""What does Redis do by itself to a leaderboard, in one step each?

Rules: a script looks before it writes, so that a key of a wrong type stops it while nothing has changed; it names every
key it touches, all on one node of a cluster; it takes at most thousands of values at a time.
"""

from __future__ import annotations

from typing import Final

RANK: Final = """
-- Gives accounts their codes; an empty code takes one off the board. Answers how many changed. A key of a wrong type
-- stops it before the first change.
local function rank(ranking, codes, remembered, accounts, new)
  local changed = 0
  for from = 1, #accounts, 1000 do
    local last = math.min(from + 999, #accounts)
    local old = redis.call('HMGET', codes, unpack(accounts, from, last))
    local gone, added, set, dropped = {}, {}, {}, {}
    for k = from, last do
      local account, code, before = accounts[k], new[k], old[k - from + 1]
      if before ~= code and (before or code ~= '') then
        changed = changed + 1
        if before then gone[#gone + 1] = before .. account end
        if code == '' then
          dropped[#dropped + 1] = account
        else
          added[#added + 1], added[#added + 2] = '0', code .. account
          set[#set + 1], set[#set + 2] = account, code
        end
      end
    end
    if #dropped > 0 then redis.call('HDEL', remembered, unpack(dropped)) end
    if #gone > 0 then redis.call('ZREM', ranking, unpack(gone)) end
    if #added > 0 then redis.call('ZADD', ranking, unpack(added)) end
    if #set > 0 then redis.call('HSET', codes, unpack(set)) end
    if #dropped > 0 then redis.call('HDEL', codes, unpack(dropped)) end
  end
  return changed
end
"""
"""A Lua function that any script can begin with to change a leaderboard together with something else."""

# KEYS of all scripts: the ranking, the codes, the ranks remembered; then what each names.
UPDATE = (
    RANK
    + """
local accounts, codes = {}, {}
for i = 1, #ARGV, 2 do accounts[#accounts + 1], codes[#codes + 1] = ARGV[i], ARGV[i + 1] end
return rank(KEYS[1], KEYS[2], KEYS[3], accounts, codes)
"""
)

STANDING = """
local code = redis.call('HGET', KEYS[2], ARGV[1])
if not code then return false end
return {code, redis.call('ZLEXCOUNT', KEYS[1], '-', '(' .. code), redis.call('ZCARD', KEYS[1])}
"""

# ARGV: first position and number of rows; or with an account as well, rows around it.
PAGE = """
local first, last = tonumber(ARGV[1]), tonumber(ARGV[1]) + tonumber(ARGV[2]) - 1
if ARGV[3] then
  local code = redis.call('HGET', KEYS[2], ARGV[3])
  local place = code and redis.call('ZRANK', KEYS[1], code .. ARGV[3])
  if not place then return {0, 0, {}, {}} end
  first, last = math.max(0, place - tonumber(ARGV[2])), place + tonumber(ARGV[2])
end
if last < first then return {0, 0, {}, {}} end
local rows = redis.call('ZRANGE', KEYS[1], string.format('%d', first), string.format('%d', last))
local ahead, before = 0, {}
if #rows > 0 then ahead = redis.call('ZLEXCOUNT', KEYS[1], '-', '(' .. string.sub(rows[1], 1, 16)) end
for from = 1, #rows, 1000 do
  local accounts = {}
  for k = from, math.min(from + 999, #rows) do accounts[#accounts + 1] = string.sub(rows[k], 17) end
  local ranks = redis.call('HMGET', KEYS[3], unpack(accounts))
  for k = 1, #accounts do before[#before + 1] = ranks[k] or '0' end
end
return {first, ahead, rows, before}
"""

# KEYS[4]: where the ranking is copied to; KEYS[5]: an empty key. ARGV: the copy's life in seconds. A server's COPY is
# twice as quick as ZRANGESTORE; the stand-in's is none, for both keys then share one value, so it is tried out first.
COPY = """
redis.call('ZADD', KEYS[4], '0', 'a')
redis.call('COPY', KEYS[4], KEYS[5], 'REPLACE')
redis.call('ZADD', KEYS[5], '0', 'b')
local honest = redis.call('ZCARD', KEYS[4]) == 1
redis.call('DEL', KEYS[4], KEYS[5])
if honest then
  redis.call('COPY', KEYS[1], KEYS[4])
else
  redis.call('ZRANGESTORE', KEYS[4], KEYS[1], '0', '-1')
end
redis.call('EXPIRE', KEYS[4], ARGV[1])
return redis.call('ZCARD', KEYS[4])
"""

# KEYS[4], KEYS[5]: the copy, and what was read from it so far. ARGV: 'ranks' or 'codes', first position, number of
# rows, life in seconds.
READ = """
local first = tonumber(ARGV[2])
local rows = redis.call('ZRANGE', KEYS[4], ARGV[2], string.format('%d', first + tonumber(ARGV[3]) - 1))
if #rows == 0 then return 0 end
local code = string.sub(rows[1], 1, 16)
local rank, found = redis.call('ZLEXCOUNT', KEYS[4], '-', '(' .. code) + 1, {}
for k = 1, #rows do
  local this = string.sub(rows[k], 1, 16)
  if this ~= code then rank, code = first + k, this end
  found[#found + 1] = string.sub(rows[k], 17)
  found[#found + 1] = ARGV[1] == 'codes' and code or string.format('%d', rank)
  if #found == 2000 or k == #rows then
    redis.call('HSET', KEYS[5], unpack(found))
    found = {}
  end
end
redis.call('EXPIRE', KEYS[5], ARGV[4])
return #rows
"""

# KEYS[4], KEYS[5]: the copy, and all that was read from it; KEYS[6]: where that goes; KEYS[7], if given: where the copy
# goes, unless something is there. ARGV: how many there should be. Answers 1, or 0 if there is a season already, or -1
# if part of it is gone.
KEEP = """
local done = 1
if redis.call('HLEN', KEYS[5]) ~= tonumber(ARGV[1]) then done = -1
elseif KEYS[7] and redis.call('EXISTS', KEYS[6], KEYS[7]) > 0 then done = 0
else
  redis.call('UNLINK', KEYS[6])
  if ARGV[1] ~= '0' then
    redis.call('RENAME', KEYS[5], KEYS[6])
    redis.call('PERSIST', KEYS[6])
    if KEYS[7] then
      redis.call('RENAME', KEYS[4], KEYS[7])
      redis.call('PERSIST', KEYS[7])
    end
  end
end
redis.call('UNLINK', KEYS[4], KEYS[5])
return done
"""

SCRIPTS: Final = (UPDATE, STANDING, PAGE, COPY, READ, KEEP)
