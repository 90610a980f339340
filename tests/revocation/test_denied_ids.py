"""Denied ids side by side in bytes: a set like any other, which readers see whole."""

from __future__ import annotations

import sys
import threading
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokensession.revocation import denied_ids as module
from tokensession.revocation.denied_ids import SPAN, DeniedIds, span_end, span_of
from tokensession.revocation.entries import RevocationEntries

# Of two letters, so that ids stand across the records of others.
SIDS = st.binary(min_size=16, max_size=16) | st.text("ab", min_size=16, max_size=16).map(str.encode)
UNTILS = st.integers(0, 5 * SPAN)


@given(st.lists(st.tuples(st.booleans(), SIDS, UNTILS), max_size=200))
def test_it_is_a_set_with_spans(steps: list[tuple[bool, bytes, int]]) -> None:
    """Of two spans the later counts; only what is in that span is removed."""
    ids, model = DeniedIds(), dict[bytes, bytes]()
    ids._shards = [[b""] * 2 for _ in ids._shards]  # any size is right
    for adding, sid, until in steps:
        span = span_of(until)
        if adding:
            assert ids.add(sid, span) == (model.get(sid, b"") < span)
            model[sid] = max(model.get(sid, b""), span)
        elif ids.remove(sid, span):
            assert model.pop(sid) == span
        else:
            assert model.get(sid) != span
        assert len(ids) == len(model)
    assert dict(ids) == model
    for _, sid, _ in steps:
        assert (sid in ids) == (sid in model)


def test_what_stands_across_two_records_is_no_id() -> None:
    """Bytes across two records are not an id: they are neither found nor removed."""
    ids = DeniedIds()
    ids._shards = [[b""]] * len(ids._shards)  # all in one bucket
    sid, span = bytes(range(16)), span_of(SPAN)
    ids.add(b"x" * 8 + sid[:8], sid[8:12])
    ids.add(sid[12:] + b"y" * 12, span)
    assert sid not in ids
    assert not ids.remove(sid, span)
    ids.add(sid, span)
    assert sid in ids
    assert ids.remove(sid, span)
    assert sid not in ids


def test_it_grows_and_stays_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader finds all former ids at any moment while the table grows."""
    monkeypatch.setattr(module, "_CROWDED", 2)
    random = Random(7)  # noqa: S311  # no secret
    known = [random.randbytes(16) for _ in range(500)]
    ids = DeniedIds()
    for sid in known:
        ids.add(sid, span_of(SPAN))
    done = threading.Event()
    missed: list[bytes] = []

    def ask() -> None:
        while not done.is_set():
            missed.extend(sid for sid in known if sid not in ids)

    reader = threading.Thread(target=ask)
    reader.start()
    for _ in range(20_000):
        ids.add(random.randbytes(16), span_of(2 * SPAN))
    done.set()
    reader.join()
    assert missed == []
    assert len(ids) == 20_500
    assert max(len(shard) for shard in ids._shards) >= 32


@pytest.mark.parametrize(
    ("until", "end"),
    [(-5, 0), (0, 0), (1, SPAN), (SPAN, SPAN), (SPAN + 1, 2 * SPAN), (2**70, SPAN * (2**32 - 1))],
)
def test_spans_end_at_or_after(until: int, end: int) -> None:
    """What must live until a second leaves at the end of its span; no number is too large."""
    assert span_end(span_of(until)) == end


def test_an_entry_takes_little() -> None:
    """Below 60 bytes, all that it needs counted: the object sizes that the interpreter tells."""
    entries = RevocationEntries()
    random = Random(8)  # noqa: S311  # no secret
    for _ in range(50_000):
        entries.deny(random.randbytes(16), random.randrange(28_800))
    ids = entries._denied
    size = sum(
        sys.getsizeof(shard) + sum(sys.getsizeof(bucket) for bucket in shard)
        for shard in ids._shards
    )
    size += sum(sys.getsizeof(span.sids) for span in entries._spans.values())
    assert size / len(ids) < 60
