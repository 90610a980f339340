"""Denied session ids in memory, about 40 bytes each.

As objects in a dictionary they would take three times as much, and each full garbage collection
would visit all of them. So the ids of a bucket are one bytes object. A change replaces that object.
Readers need no lock, because they see the former or the new object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tokensession.format.claims import SID_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

SPAN: Final = 1024  # seconds; entries that end within one span are removed together
_SPAN_BYTES: Final = 4  # a span's number, big-endian
_LAST: Final = 256**_SPAN_BYTES - 1
_RECORD: Final = SID_BYTES + _SPAN_BYTES
_SHARD_BITS: Final = 8
_SHARDS: Final = 1 << _SHARD_BITS  # each grows by itself, so that no growth takes long
_LAST_SHARD: Final = _SHARDS - 1
# The average number of ids in a bucket above which a shard doubles its buckets. A higher number
# would save some of a bucket's 50 bytes, but searches would take longer.
_CROWDED: Final = 6


def span_of(until: int) -> bytes:
    """Return the span at whose end an entry that must live until `until` is removed."""
    return min(max(-(-until // SPAN), 0), _LAST).to_bytes(_SPAN_BYTES, "big")


def span_end(span: bytes) -> int:
    """Return the second at which a span ends."""
    return int.from_bytes(span, "big") * SPAN


class DeniedIds:
    """A set of 16-byte session ids, each with its span. Only one writer at a time."""

    __slots__ = ("_counts", "_shards")

    def __init__(self) -> None:
        # The number of buckets is a power of two; a bucket holds records of an id and its span.
        self._shards: list[list[bytes]] = [[b""] for _ in range(_SHARDS)]
        self._counts = [0] * _SHARDS

    def __len__(self) -> int:
        """Return the number of ids."""
        return sum(self._counts)

    def __contains__(self, sid: bytes) -> bool:
        """Tell whether the set contains an id."""
        return self.holds(sid)

    def holds(self, sid: bytes) -> bool:
        """Tell whether the set contains an id. Each check calls this, which is faster than `in`."""
        key = hash(sid)
        shard = self._shards[key & _LAST_SHARD]
        bucket = shard[(key >> _SHARD_BITS) & (len(shard) - 1)]
        return bucket.find(sid) >= 0 and _find(bucket, sid) >= 0

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield the ids with their spans."""
        for shard in self._shards:
            for bucket in shard:
                for at in range(0, len(bucket), _RECORD):
                    yield bucket[at : at + SID_BYTES], bucket[at + SID_BYTES : at + _RECORD]

    def add(self, sid: bytes, span: bytes) -> bool:
        """Add an id, or move it to a later span; return whether the set changed."""
        number, shard, place = self._place_of(sid)
        bucket = shard[place]
        at = _find(bucket, sid)
        if at >= 0:
            if bucket[at + SID_BYTES : at + _RECORD] >= span:
                return False
            shard[place] = bucket[:at] + sid + span + bucket[at + _RECORD :]
            return True
        shard[place] = bucket + sid + span
        self._counts[number] += 1
        if self._counts[number] > _CROWDED * len(shard):
            self._grow(number)
        return True

    def remove(self, sid: bytes, span: bytes) -> bool:
        """Remove an id unless it is in another span; return whether it was removed."""
        number, shard, place = self._place_of(sid)
        bucket = shard[place]
        at = _find(bucket, sid)
        if at < 0 or bucket[at + SID_BYTES : at + _RECORD] != span:
            return False
        shard[place] = bucket[:at] + bucket[at + _RECORD :]
        self._counts[number] -= 1
        return True

    def _place_of(self, sid: bytes) -> tuple[int, list[bytes], int]:
        """Return the number of a shard, the shard, and the index of an id's bucket in it."""
        key = hash(sid)
        number = key & _LAST_SHARD
        shard = self._shards[number]
        return number, shard, (key >> _SHARD_BITS) & (len(shard) - 1)

    def _grow(self, number: int) -> None:
        """Double the buckets of a shard; readers use the old ones meanwhile."""
        old = self._shards[number]
        new: list[list[bytes]] = [[] for _ in range(2 * len(old))]
        mask = len(new) - 1
        for bucket in old:
            for at in range(0, len(bucket), _RECORD):
                record = bucket[at : at + _RECORD]
                new[(hash(record[:SID_BYTES]) >> _SHARD_BITS) & mask].append(record)
        self._shards[number] = [b"".join(records) for records in new]


def _find(bucket: bytes, sid: bytes) -> int:
    """Return the index of an id's record, or -1."""
    at = bucket.find(sid)
    while at % _RECORD and at >= 0:  # a match across two records is not an id
        at = bucket.find(sid, at + 1)
    return at
