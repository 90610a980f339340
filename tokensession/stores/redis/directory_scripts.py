"""The scripts of the Redis directory: they go on where those of revocations have the entries.

The keys are a hash of records by their listed ids, a sorted set of what they are found by, a sorted
set of listed ids by their ends, and a hash of listed ids by session ids. A record is found by its
subject, its start in 16 digits and its id; and by its provider and its id, where it has one. A
record is the text ``STARTED SEEN ENDS DIES ``, session id, subject, provider (or zeros) and label.
"""

from __future__ import annotations

from typing import Final

from tokensession.directory.decision import MOST_ENDED
from tokensession.revocation.decision import CLOCK_SKEW
from tokensession.revocation.limits import SWEEP_BATCH, SWEPT_BY_A_WRITE
from tokensession.stores.redis import revocation_scripts as revocations

_PAGE: Final = 100  # members looked at before the next call

_RECORDS: Final = """
local records, order, leaving, names = unpack(KEYS, 7)
local no_provider = string.rep('\\0', 32)
local function record_of(id)
  local text = redis.call('HGET', records, id)
  if not text then return nil end
  local started, seen, ending, dies, at = string.match(text, '^(%d+) (%d+) (%d+) (%d+) ()')
  if not at or #text < at + 79 then return nil end
  return {id = id, text = text, started = tonumber(started), seen = tonumber(seen),
          ends = tonumber(ending), dies = tonumber(dies), sid = string.sub(text, at, at + 15),
          subject = string.sub(text, at + 16, at + 47), said = string.sub(text, at + 48)}
end
local function place_of(record)
  return record.subject .. string.format('%016.0f', record.started) .. record.id
end
local function unlist(id)
  local record = record_of(id)
  if record then
    local provider = string.sub(record.said, 1, 32)
    redis.call('ZREM', order, place_of(record), provider .. id)
    redis.call('HDEL', names, record.sid)
  end
  redis.call('HDEL', records, id)
  redis.call('ZREM', leaving, id)
end
local function put(id, text)
  unlist(id)
  redis.call('HSET', records, id, text)
  local record = record_of(id)
  redis.call('ZADD', order, 0, place_of(record))
  local provider = string.sub(record.said, 1, 32)
  if provider ~= no_provider then redis.call('ZADD', order, 0, provider .. id) end
  redis.call('ZADD', leaving, record.ends, id)
  redis.call('HSET', names, record.sid, id)
end
local function given(text) return string.match(text, '^(%d+ (%d+) %d+ %d+ )()') end
local function touch(id, text)
  local known = record_of(id)
  local _, seen, at = given(text)
  if not known then return put(id, text) end
  if tonumber(seen) >= known.seen then
    put(id, string.sub(text, 1, at + 47) .. known.said)
  end
end
local function move(former, id, text)
  local known = record_of(former)
  if not known then return touch(id, text) end
  local _, _, at = given(text)
  put(id, string.sub(text, 1, at + 47) .. known.said)
  unlist(former)
end
local function leave(now, limit)
  local ended = redis.call('ZRANGEBYSCORE', leaving, '-inf', '(' .. now, 'LIMIT', 0, limit)
  for _, id in ipairs(ended) do unlist(id) end
  return #ended
end
"""

# `living` returns the sessions of a subject that live, the newest first, from a place on.
# Those that began up to its mark, or the instant for everyone, have ended, but for the one that the
# mark spares; it is the oldest.
_LIVING: Final = f"""
local function lives(record, now)
  return record.ends > now and record.started > everyone and
         not redis.call('ZSCORE', denied, record.sid)
end
local function spares(mark, record)
  return not mark or record.started > mark[1] or mark[4] == hex(record.sid)
end
local function spared_by(mark)
  if not mark or mark[4] == '-' then return nil end
  local sid = string.gsub(mark[4], '..', function(two) return string.char(tonumber(two, 16)) end)
  local id = redis.call('HGET', names, sid)
  return id and record_of(id)
end
local function living(subject, now, upper, most, but)
  local mark, found, from = mark_of(subject), {{}}, upper
  local floor = math.max(everyone, mark and mark[1] or -1)
  local page
  repeat
    page = redis.call('ZREVRANGEBYLEX', order, from, '[' .. subject, 'LIMIT', 0, {_PAGE})
    for _, place in ipairs(page) do
      if tonumber(string.sub(place, 33, 48)) <= floor then page = {{}} break end
      from = '(' .. place
      local record = record_of(string.sub(place, 49))
      if record and record.id ~= but and lives(record, now) then
        found[#found + 1] = record
        if #found == most then return found end
      end
    end
  until #page < {_PAGE}
  local kept = spared_by(mark)
  if kept and kept.subject == subject and kept.started <= mark[1] and kept.id ~= but and
     lives(kept, now) and redis.call('ZLEXCOUNT', order, '[' .. place_of(kept), upper) > 0 then
    found[#found + 1] = kept
  end
  return found
end
local function answer_of(found)
  local answer = {{}}
  for _, record in ipairs(found) do
    answer[#answer + 1] = record.id
    answer[#answer + 1] = record.text
  end
  return answer
end
"""

_READ: Final = revocations.OPEN + revocations.CHAIN + _RECORDS + _LIVING
_WRITE: Final = revocations.WRITE + revocations.SWEEP_A_LITTLE + _RECORDS + _LIVING

# Its arguments, after the first ones: id and text of a record (or '' for each), its subject, the
# limit (or 0), now.
_LIST: Final = f"""
local over = {{}}
local function list(id, text, subject, limit, now)
  if id == '' then return end
  leave(tonumber(ARGV[1]), {SWEPT_BY_A_WRITE})
  put(id, text)
  if limit == 0 then return end
  local found = living(subject, now, '(' .. subject .. ':', limit - 1 + {MOST_ENDED}, id)
  for at = limit, #found do
    local record = found[at]
    local ending = number(math.max(record.dies + {CLOCK_SKEW}, record.started + life))
    local _, current = chain_of(record.sid)
    deny(record.sid, ending)
    if current then deny(current, ending) end
    unlist(record.id)
    over[#over + 1] = record
  end
end
"""


def _listing(first: int) -> str:
    """Return the call that lists what the arguments from the first on say."""
    subject, limit, now = f"ARGV[{first + 2}]", f"ARGV[{first + 3}]", f"ARGV[{first + 4}]"
    return (
        f"list(ARGV[{first}], ARGV[{first + 1}], {subject}, tonumber({limit}), tonumber({now}))\n"
    )


# Their arguments: those of `revocations.DENY` and `REPLACE`, with the listing's before the change.
DENY: Final = (
    _WRITE
    + _LIST
    + revocations.DENYING
    + """
for _, one in ipairs(ids) do
  local id = redis.call('HGET', names, one)
  if id then unlist(id) end
end
"""
    + _listing(9)
    + "return {everyone, text, ids, answer_of(over)}\n"
)
REPLACE: Final = (
    _WRITE
    + revocations.REPLACING
    + """
local former = redis.call('HGET', names, sid)
if ARGV[9] ~= '' then move(former or '', ARGV[9], ARGV[10]) end
return {everyone, text, sid}
"""
)

# Its arguments: sweep before, the listing's, change.
ADD: Final = (
    _WRITE
    + _LIST
    + _listing(2)
    + """
local text, mark = '', mark_of(ARGV[4])
if mark == false then return redis.error_reply('TSGARBAGE') end
if mark then text = mark_text(unpack(mark)) end
return {everyone, text, {}, answer_of(over)}
"""
)

# Its arguments: id, text.
TOUCH: Final = revocations.OPEN + _RECORDS + "touch(ARGV[1], ARGV[2])\n"

# Its arguments: subject, now, where to begin, how many.
SESSIONS: Final = (
    _READ
    + """
if mark_of(ARGV[1]) == false then return redis.error_reply('TSGARBAGE') end
return answer_of(living(ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4]), ''))
"""
)

_CHOSEN: Final = """
local found = {}
for _, id in ipairs(chosen) do
  local record = record_of(id)
  local mark = record and mark_of(record.subject)
  if mark == false then return redis.error_reply('TSGARBAGE') end
  if record and lives(record, now) and spares(mark, record) then found[#found + 1] = record end
end
return answer_of(found)
"""

# Its arguments: id, now.
FIND: Final = _READ + "local chosen, now = {ARGV[1]}, tonumber(ARGV[2])\n" + _CHOSEN

# Its arguments: provider, now.
OF_PROVIDER: Final = (
    _READ
    + f"""
local chosen, now = {{}}, tonumber(ARGV[2])
local last = '(' .. ARGV[1] .. string.rep('\\255', 17)
for _, place in ipairs(
  redis.call('ZRANGEBYLEX', order, '[' .. ARGV[1], last, 'LIMIT', 0, {SWEEP_BATCH})
) do
  chosen[#chosen + 1] = string.sub(place, 33)
end
"""
    + _CHOSEN
)

COUNT: Final = revocations.OPEN + _RECORDS + "return redis.call('HLEN', records)\n"

# Its arguments: now, limit.
SWEEP: Final = revocations.OPEN + _RECORDS + "return leave(tonumber(ARGV[1]), tonumber(ARGV[2]))\n"
