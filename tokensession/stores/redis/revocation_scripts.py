"""The scripts of the Redis store. The server runs one at a time, so each is one step.

They repeat the arithmetic of `tokensession.revocation.decision`; the contract's tests compare the
two. A mark is the text ``INSTANT UNTIL REVISION KEPT``, with the kept id in hex or ``-``.

Each change in the stream has 16 random bytes in its field ``i``, the last argument of its script. A
restored server can reuse the id of a change.

The hash of chains has a field for each id of a session that received a new id. The first id's field
contains ``c`` and the current id. The other fields contain ``f`` and the first id.
"""

from __future__ import annotations

from typing import Final

from tokensession.revocation.decision import CLOCK_SKEW, FARTHEST_MARK
from tokensession.revocation.limits import MAX_CHANGES, SWEPT_BY_A_WRITE

VERSION: Final = 3

# Every structure has a member that shows whether it still exists. A server evicts the structures
# one by one, and each one alone would look like an empty list.
OPEN: Final = f"""
local store, denied, marks, ends, changes, chains = unpack(KEYS)
local held = redis.call('HMGET', store, 'version', 'epoch', 'everyone', 'highest', 'life')
if not held[1] or not redis.call('ZSCORE', denied, 'epoch') or
   redis.call('HEXISTS', marks, 'epoch') == 0 or
   redis.call('HEXISTS', chains, 'epoch') == 0 then
  return redis.error_reply('TSEMPTY')
end
if held[1] ~= '{VERSION}' then return redis.error_reply('TSVERSION') end
local everyone, highest, life = tonumber(held[3]), tonumber(held[4]), tonumber(held[5])
if not everyone or not highest or not life then return redis.error_reply('TSGARBAGE') end
local function mark_of(subject)
  local text = redis.call('HGET', marks, subject)
  if not text then return nil end
  local instant, ending, revision, kept = string.match(text, '^(%-?%d+) (%d+) (%d+) (%S+)$')
  if not instant then return false end
  if kept ~= '-' and not (#kept == 32 and string.match(kept, '^[0-9a-f]+$')) then return false end
  return {{tonumber(instant), tonumber(ending), tonumber(revision), kept}}
end
"""

# `chain_of` returns the first id and the current one. The current id is missing if the first is
# current; both are missing if a field is invalid.
CHAIN: Final = """
local function hex(sid)
  return (string.gsub(sid, '.', function(one) return string.format('%02x', string.byte(one)) end))
end
local function link_of(sid)
  local text = redis.call('HGET', chains, sid)
  if not text then return 'none' end
  if #text == 17 then return string.match(text, '^([cf])(.*)$') end
end
local function chain_of(sid)
  local kind, other = link_of(sid)
  if kind == 'none' then return sid end
  if kind ~= 'f' then return kind and sid, other end
  local top, current = link_of(other)
  return top and other, current
end
"""

_CHANGE: Final = f"""
local function changed(...)
  redis.call('XADD', changes, 'MAXLEN', '~', {MAX_CHANGES}, '*', 'i', ARGV[#ARGV], ...)
end
local function number(value) return string.format('%.0f', value) end
local function lasting(named)
  if named > life then redis.call('HSET', store, 'life', number(named)) end
  return math.max(named, life)
end
local function mark_text(instant, ending, revision, kept)
  return table.concat({{number(instant), number(ending), number(revision), kept}}, ' ')
end
local function put_mark(subject, instant, ending, revision, kept)
  local text = mark_text(instant, ending, revision, kept)
  redis.call('HSET', marks, subject, text)
  redis.call('ZADD', ends, ending, subject)
  changed('m', subject, 'v', text)
  return text
end
local function deny(sid, ending)
  local known = redis.call('ZSCORE', denied, sid)
  if known and tonumber(known) >= tonumber(ending) then return end
  redis.call('ZADD', denied, ending, sid)
  changed('d', sid, 'u', ending)
end
local function raise(to)
  redis.call('HSET', store, 'everyone', number(to))
  changed('e', number(to))
  return number(to)
end
"""

_SWEEP: Final = """
local function sweep(now, limit)
  local sids = redis.call('ZRANGEBYSCORE', denied, '-inf', '(' .. now, 'LIMIT', 0, limit)
  if #sids > 0 then redis.call('ZREM', denied, unpack(sids)) end
  for _, sid in ipairs(sids) do
    -- The current id may not be denied, so its field leaves with that of the first.
    local kind, other = link_of(sid)
    if kind ~= 'none' then redis.call('HDEL', chains, sid, kind == 'c' and other or sid) end
  end
  local rest = limit - #sids
  if rest == 0 then return #sids end
  local subjects = redis.call('ZRANGEBYSCORE', ends, '-inf', '(' .. now, 'LIMIT', 0, rest)
  if #subjects > 0 then
    redis.call('ZREM', ends, unpack(subjects))
    redis.call('HDEL', marks, unpack(subjects))
  end
  return #sids + #subjects
end
"""
SWEEP_A_LITTLE: Final = f"sweep(tonumber(ARGV[1]), {SWEPT_BY_A_WRITE})\n"
WRITE: Final = OPEN + CHAIN + _CHANGE + _SWEEP

# Its arguments: epoch, change.
CREATE: Final = f"""
local store, denied, marks, _, changes, chains = unpack(KEYS)
local version = redis.call('HGET', store, 'version')
if version and version ~= '{VERSION}' then return redis.error_reply('TSVERSION') end
if version and redis.call('ZSCORE', denied, 'epoch') and
   redis.call('HEXISTS', marks, 'epoch') == 1 and
   redis.call('HEXISTS', chains, 'epoch') == 1 then
  return 0
end
redis.call('HSET', store, 'version', '{VERSION}', 'epoch', ARGV[1])
redis.call('HSETNX', store, 'everyone', '-1')
redis.call('HSETNX', store, 'highest', '-1')
redis.call('HSETNX', store, 'life', '0')
redis.call('ZADD', denied, '+inf', 'epoch')
redis.call('HSET', marks, 'epoch', '')
redis.call('HSET', chains, 'epoch', '')
redis.call('XADD', changes, '*', 'i', ARGV[2], 'c', '')
return 1
"""

# Its arguments: sid, subject.
LOOK_UP: Final = (
    OPEN
    + """
local mark = nil
if ARGV[2] ~= '' then mark = mark_of(ARGV[2]) end
if mark == false then return redis.error_reply('TSGARBAGE') end
local found = redis.call('ZSCORE', denied, ARGV[1])
if not mark then return {found and 1 or 0, everyone, -1, '-'} end
return {found and 1 or 0, everyone, mark[1], mark[4]}
"""
)

# A script begins with `WRITE` and `SWEEP_A_LITTLE`, and ends with its answer. So the scripts of a
# directory can do more in between.
# Its arguments: sweep before, sid, until, subject, successor, its subject (or '' for each), start
# of the session (or now), life, change.
DENYING: Final = """
local sid, subject, successor = ARGV[2], ARGV[4], ARGV[5]
local ending = number(math.max(ARGV[3], ARGV[7] + lasting(tonumber(ARGV[8]))))
local first, current = chain_of(sid)
local mark = nil
if ARGV[6] ~= '' then mark = mark_of(ARGV[6]) end
if mark == false or not first then return redis.error_reply('TSGARBAGE') end
local text = ''
if mark then text = mark_text(unpack(mark)) end
local ids = {sid}
if current and current ~= sid then ids[2] = current end
for _, id in ipairs(ids) do
  deny(id, ending)
  if mark and subject == ARGV[6] and mark[4] == hex(id) then
    text = put_mark(subject, mark[1], mark[2], mark[3] + 1, hex(successor))
  end
end
"""
DENY: Final = WRITE + SWEEP_A_LITTLE + DENYING + "return {everyone, text, unpack(ids)}\n"

# Its arguments: sweep before, sid, until, subject (or ''), new sid, the session's start (or 0),
# the same (or now), life, change.
# It returns nothing if the session has ended: see `decision.is_recorded`.
REPLACING: Final = """
local sid, subject, new, start = ARGV[2], ARGV[4], ARGV[5], tonumber(ARGV[6])
local ending = number(math.max(ARGV[3], ARGV[7] + lasting(tonumber(ARGV[8]))))
local first, current = chain_of(sid)
local mark = nil
if subject ~= '' then mark = mark_of(subject) end
if mark == false or not first then return redis.error_reply('TSGARBAGE') end
local text = ''
if mark then text = mark_text(unpack(mark)) end
local found = redis.call('ZSCORE', denied, sid)
local kept = mark and mark[4] == hex(sid)
if found or start <= everyone or (mark and start <= mark[1] and not kept) then
  if not found or current ~= new or redis.call('ZSCORE', denied, new) then return false end
  return {everyone, text, sid}
end
deny(sid, ending)
deny(first, ending)
redis.call('HSET', chains, first, 'c' .. new, new, 'f' .. first)
if kept then text = put_mark(subject, mark[1], mark[2], mark[3] + 1, hex(new)) end
"""
REPLACE: Final = WRITE + SWEEP_A_LITTLE + REPLACING + "return {everyone, text, sid}\n"

# Its arguments: sweep before, subject, kept id in hex or -, its start, now, life, change.
# It returns the instant of the former mark and the mark: see `decision.next_mark`.
MARK: Final = (
    WRITE
    + SWEEP_A_LITTLE
    + f"""
local mark = mark_of(ARGV[2])
if mark == false then return redis.error_reply('TSGARBAGE') end
local before, ending, revision = -1, 0, 0
if mark then before, ending, revision = mark[1], mark[2], mark[3] end
local now = tonumber(ARGV[5])
local instant = math.max(before + 1, everyone + 1, now + {CLOCK_SKEW})
if instant > math.max(now + {FARTHEST_MARK}, everyone + 1) then instant = before end
if instant > highest then redis.call('HSET', store, 'highest', number(instant)) end
local kept = ARGV[3]
if mark and tonumber(ARGV[4]) <= before and kept ~= mark[4] then kept = '-' end
local ends_at = math.max(ending, instant + lasting(tonumber(ARGV[6])))
if mark and instant == before and kept == mark[4] and ends_at == ending then
  return {{before, mark_text(unpack(mark))}}
end
return {{before, put_mark(ARGV[2], instant, ends_at, revision + 1, kept)}}
"""
)

# Its arguments: now, change. It returns the former instant and the greatest mark, from which
# `decision.next_everyone` computes the result.
REVOKE_ALL: Final = (
    WRITE
    + f"""
local instant = math.max(highest + 1, tonumber(ARGV[1]) + {2 * CLOCK_SKEW + 1})
if instant > everyone then raise(instant) end
return {{everyone, highest}}
"""
)

# Its arguments: instant, change.
REVOKE_BEFORE: Final = (
    WRITE
    + """
local to = tonumber(ARGV[1]) - 1
if to <= everyone then return number(everyone) end
return raise(to)
"""
)

# Its arguments: now, limit.
SWEEP: Final = WRITE + "return sweep(tonumber(ARGV[1]), tonumber(ARGV[2]))\n"

COUNT: Final = OPEN + "return {redis.call('ZCARD', denied) - 1, redis.call('HLEN', marks) - 1}\n"

# The position of the stream of changes.
HERE: Final = (
    OPEN
    + """
local last = redis.call('XREVRANGE', changes, '+', '-', 'COUNT', 1)
if #last == 0 then return redis.error_reply('TSEMPTY') end
return {held[2], everyone, highest, last[1]}
"""
)

# The server's eviction policy, and its memory limit in bytes.
MEMORY: Final = """
local text = redis.pcall('INFO', 'memory')
if type(text) == 'table' then return redis.error_reply('TSINFO') end
return {string.match(text, 'maxmemory_policy:([%w-]+)') or '',
        string.match(text, 'maxmemory:(%d+)') or '0'}
"""
