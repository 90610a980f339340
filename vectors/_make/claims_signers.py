"""Plaintexts with the claims signers and auth, right and wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from . import msgpack
from .claim_cases import PAD, SIGNED, ok, wrong
from .claims_model import AUTH_AT, IAT, MAX_SAFE, SIGNERS_AT, Claims
from .msgpack import Timestamp, sint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .vectorfile import Case


def signers_and_auth() -> Iterator[Case]:
    """Give the cases of C13 and C14."""
    yield from _good_signers()
    yield from _wrong()


def _good_signers() -> Iterator[Case]:
    fifteen = [f"k{index}" for index in range(15)]
    nil = Claims().pack(then=[None, None, None])
    yield ok("signers-nil", "C13", "Signers of nil: no other key has signed.", Claims(), nil)
    longest = "ABCXYZabcxyz-_0123456789-_thirty"
    for slug, comment, signers in (
        ("one", "One other key has signed.", ["k0"]),
        ("fifteen", "Fifteen others, the most.", fifteen),
        ("shortest", "A kid of one character.", ["-"]),
        ("longest", "Fifteen kids of 32 characters.", [longest] * 15),
        ("repeated", "A kid that stands twice is taken as it is.", ["k0", "k1", "k0"]),
    ):
        yield ok(f"signers-{slug}", "C13", comment, Claims(signers=signers))
    capped = Claims(cap=86400, signers=["k0", "k1"])
    yield ok("signers-after-cap", "C13", "Signers after a cap, with nil as the pad.", capped)
    padded = Claims(pad=PAD, signers=["k0", "k1"])
    yield ok("signers-after-pad", "C13", "Signers after a pad.", padded)
    forms = msgpack.array([msgpack.text(b"k0", 8), msgpack.text(b"k1", 32)], 32)
    odd = capped.pack({SIGNERS_AT: forms})
    yield ok("signers-long-headers", "C13", "An array32, str8 and str32.", capped, odd)
    yield ok("signers-with-auth", "C14", "Every claim but cap and pad.", SIGNED)
    absent = Claims().pack(then=[None, None, None, 0])
    yield ok(
        "auth-zero", "C14", "An auth of 0 is the session's start, as is none.", Claims(), absent
    )
    yield ok("auth-nil", "C14", "An auth of nil: unknown.", Claims(auth=None))
    yield ok("auth-nil-after-signers", "C14", "The same after signers.", replace(SIGNED, auth=None))
    yield ok("auth-one", "C14", "The smallest auth.", Claims(age=1, auth=1))
    yield ok("auth-is-age", "C14", "The greatest auth, the age.", Claims(age=3600, auth=3600))
    oldest = Claims(iat=MAX_SAFE, age=MAX_SAFE, auth=MAX_SAFE)
    yield ok("auth-greatest", "C14", "The greatest of all, 2^53-1.", oldest)
    wide = SIGNED.pack({AUTH_AT: sint(60, 64)})
    yield ok("auth-int64", "C14", "An auth as int64.", SIGNED, wide)
    yield ok("auth-without-sub", "C14", "It needs no subject.", Claims(age=9, auth=9))


def _wrong() -> Iterator[Case]:
    true, array, stamp = ("true", True), ("array", [1]), ("timestamp", Timestamp(IAT))
    kid = "k0"
    yield from wrong(
        "signers",
        "C13",
        SIGNERS_AT,
        [
            true,
            ("int", 1),
            ("str", kid),
            ("bin", kid.encode()),
            ("map", {kid: 1}),
            stamp,
            ("empty", []),
            ("sixteen", [f"k{index}" for index in range(16)]),
            ("of-nil", [kid, None]),
            ("of-int", [1]),
            ("of-bin", [kid.encode()]),
            ("of-array", [[kid]]),
            ("of-empty-text", [kid, ""]),
            ("of-33-characters", ["k" * 33]),
            ("of-a-dot", ["k.0"]),
            ("of-a-space", [" k0"]),
            ("of-a-newline", ["k0\n"]),
            ("of-a-zero-byte", ["k0\0"]),
            ("of-a-letter-beyond-ascii", ["k\u00e9"]),
            ("of-bad-utf8", [msgpack.text(b"k\xff")]),
        ],
        Claims(signers=[kid]),
    )
    yield from wrong(
        "auth",
        "C14",
        AUTH_AT,
        [
            true,
            ("false", False),
            ("float64", 60.0),
            ("str", "60"),
            ("bin", b"\x01"),
            array,
            stamp,
            ("minus-one", -1),
            ("age-and-one", 3601),
            ("uint64-greatest", 2**64 - 1),
        ],
        SIGNED,
    )
