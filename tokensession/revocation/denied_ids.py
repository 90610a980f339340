"""Denied session ids in the memory of a process, about 40 bytes each.

As objects in a dictionary they would take three times as much, and each full run of the garbage
collector would walk over all of them. So the ids of a bucket lie side by side in one bytes object.
A change puts another object in its place: readers need no lock, they see the former or the latter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tokensession.format.claims import SID_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

SPAN: Final = 1024  # seconds; entries that end within one span leave together
_SPAN_BYTES: Final = 4  # a span's number, in the order of bytes
_LAST: Final = 256**_SPAN_BYTES - 1
_RECORD: Final = SID_BYTES + _SPAN_BYTES
_SHARD_BITS: Final = 8
_SHARDS: Final = 1 << _SHARD_BITS  # each grows by itself, so that no growth takes long
_LAST_SHARD: Final = _SHARDS - 1
# Ids in a bucket, on average, above which a shard gets twice as many buckets. More would save some
# of the 50 bytes of a bucket, and take longer to search.
_CROWDED: Final = 6


def span_of(until: int) -> bytes:
    """Return the span in which what must live until `until` leaves."""
    return min(max(-(-until // SPAN), 0), _LAST).to_bytes(_SPAN_BYTES, "big")


def span_end(span: bytes) -> int:
    """Return the second at which a span ends."""
    return int.from_bytes(span, "big") * SPAN


class DeniedIds:
    """A set of session ids of 16 bytes, each with its span. One writer at a time."""

    __slots__ = ("_counts", "_shards")

    def __init__(self) -> None:
        # Powers of two of buckets; a bucket is records of an id and its span.
        self._shards: list[list[bytes]] = [[b""] for _ in range(_SHARDS)]
        self._counts = [0] * _SHARDS

    def __len__(self) -> int:
        """How many there are."""
        return sum(self._counts)

    def __contains__(self, sid: bytes) -> bool:
        """Tell whether an id is there."""
        return self.holds(sid)

    def holds(self, sid: bytes) -> bool:
        """Tell whether an id is there; a call is faster than the operator, and each check asks."""
        key = hash(sid)
        shard = self._shards[key & _LAST_SHARD]
        bucket = shard[(key >> _SHARD_BITS) & (len(shard) - 1)]
        return bucket.find(sid) >= 0 and _find(bucket, sid) >= 0

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        """Give the ids with their spans."""
        for shard in self._shards:
            for bucket in shard:
                for at in range(0, len(bucket), _RECORD):
                    yield bucket[at : at + SID_BYTES], bucket[at + SID_BYTES : at + _RECORD]

    def add(self, sid: bytes, span: bytes) -> bool:
        """Add an id, or move it to a later span; tell whether that changed anything."""
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
        """Remove an id unless it is in another span; tell whether it was removed."""
        number, shard, place = self._place_of(sid)
        bucket = shard[place]
        at = _find(bucket, sid)
        if at < 0 or bucket[at + SID_BYTES : at + _RECORD] != span:
            return False
        shard[place] = bucket[:at] + bucket[at + _RECORD :]
        self._counts[number] -= 1
        return True

    def _place_of(self, sid: bytes) -> tuple[int, list[bytes], int]:
        """Return a shard's number, the shard, and where in it an id's bucket is."""
        key = hash(sid)
        number = key & _LAST_SHARD
        shard = self._shards[number]
        return number, shard, (key >> _SHARD_BITS) & (len(shard) - 1)

    def _grow(self, number: int) -> None:
        """Give a shard twice as many buckets; readers have the old one until it is whole."""
        old = self._shards[number]
        new: list[list[bytes]] = [[] for _ in range(2 * len(old))]
        mask = len(new) - 1
        for bucket in old:
            for at in range(0, len(bucket), _RECORD):
                record = bucket[at : at + _RECORD]
                new[(hash(record[:SID_BYTES]) >> _SHARD_BITS) & mask].append(record)
        self._shards[number] = [b"".join(records) for records in new]


def _find(bucket: bytes, sid: bytes) -> int:
    """Return where the record of an id begins, or -1."""
    at = bucket.find(sid)
    while at % _RECORD and at >= 0:  # across two records, which is no id
        at = bucket.find(sid, at + 1)
    return at
