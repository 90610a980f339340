"""How much the largest and the worst inputs may cost."""

from __future__ import annotations

import json
import tracemalloc
from contextlib import contextmanager
from time import process_time
from typing import TYPE_CHECKING, Any

import pytest

from tokensession import ConfigError, KeyRing, SessionCodec, SessionManager, TokenError
from tokensession.tokens.limits import MAX_TOKEN
from tokensession.tokens.sealing import Salt, TokenKey, context_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

RING = KeyRing.generate()
CODEC: SessionCodec[Any] = SessionCodec(RING)
KEY = TokenKey(next(iter(RING)), context_bytes("session"))
SALT = Salt(bytes(8), KEY.cipher(bytes(8)))
START = b"\xc4\x10" + bytes(16) + b"\x00\x01\x00\xc0"  # sid, iat 0, ttl 1, age 0, sub nil
ROOM = 6000  # bytes of a plaintext that just fit into a token
PATIENCE = 2.0  # seconds of processor time; each of these takes a few milliseconds


@contextmanager
def bounded(*, memory: int) -> Iterator[None]:
    """Hold a block to so many bytes at its peak, and to a time that only a hang reaches."""
    tracemalloc.start()
    began = process_time()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < memory
    assert process_time() - began < PATIENCE


def refused(token: Any) -> str:
    """Return the code with which a token is refused at the Unix second 0."""
    with pytest.raises(TokenError) as caught:
        CODEC.decode(token, now=0)
    return caught.value.code


@pytest.mark.parametrize("size", [MAX_TOKEN + 1, 50_000_000])
@pytest.mark.parametrize("text", ["A", ".", "é", "\0"])
def test_long_text_is_refused_unread(size: int, text: str) -> None:
    """Beyond the limit nothing is split, copied or decoded, as str or as bytes."""
    token = text * size
    raw = b"." * size
    with bounded(memory=20_000):
        assert refused(token) == "malformed"
        assert refused(raw) == "malformed"


WORST = {
    "arrays in one another": b"\x91" * ROOM,
    "arrays in one another, 500 deep": b"\x91" * 500 + b"\xc0",
    "maps in one another": b"\x81\xa1a" * (ROOM // 3) + b"\xc0",
    "an array of 2^32 - 1": b"\xdd\xff\xff\xff\xff" + b"\xc0" * ROOM,
    "a map of 2^32 - 1": b"\xdf\xff\xff\xff\xff" + b"\xa1a\xc0" * (ROOM // 3),
    "a str of 4 GB": b"\xdb\xff\xff\xff\xff" + b"a" * ROOM,
    "a bin of 4 GB": b"\xc6\xff\xff\xff\xff" + b"a" * ROOM,
    "an ext of 4 GB": b"\xc9\xff\xff\xff\xff\x05" + b"a" * ROOM,
    "arrays of 65535 in one another": b"\xdc\xff\xff" * (ROOM // 3),
    "arrays of 2^32 - 1 in one another": b"\xdd\xff\xff\xff\xff" * (ROOM // 5),
    "many small arrays": b"\xdc\x17\x00" + b"\x90" * 0x1700,
    "many small maps": b"\xdc\x17\x00" + b"\x80" * 0x1700,
    "one long map": b"\xde\x05\xdc" + b"".join(b"\xa2%c%c\xc0" % (97 + n // 50, 33 + n % 50)
                                             for n in range(1500)),
}  # fmt: skip


@pytest.mark.parametrize("state", WORST.values(), ids=WORST.keys())
def test_the_worst_authentic_tokens(state: bytes) -> None:
    """Memory follows what is there, not what a length claims, even where the writer is hostile."""
    token = KEY.token(b"\x96" + START + state, SALT, bytes(12)).decode()
    assert len(token) <= MAX_TOKEN
    with bounded(memory=2_000_000):
        try:
            CODEC.decode(token, now=0)
        except TokenError as error:
            assert error.code == "bad_claims"  # noqa: PT017  # either is right, nothing else


def test_a_header_full_of_cookies() -> None:
    """Of a thousand cookies of our name four are looked at, and the rest is not kept."""
    token = CODEC.encode({}, now=0)
    manager: SessionManager[Any] = SessionManager(CODEC)
    line = b"; ".join([b"__Host-session=" + token.encode()[:-1] + b"A"] * 1000 + [b"a"] * 20_000)
    with bounded(memory=20 * len(line)):
        session = manager.open([(b"cookie", line)] * 20, now=0)
        assert session.refused == "malformed"


def test_key_documents_beyond_reason() -> None:
    """A large, a deep and a repetitive document end in a ConfigError or a ring, in bounded time."""
    jwk = RING.to_jwks(private=True)["keys"][0]
    deep = json.dumps({"keys": [jwk]})[:-1] + ', "x": ' + "[" * 100_000 + "]" * 100_000 + "}"
    for document in ("[" * 1_000_000, '{"a":' * 100_000, deep, json.dumps({"keys": [jwk] * 5000})):
        with bounded(memory=100_000_000), pytest.raises(ConfigError):
            KeyRing.from_jwks(document)
    with bounded(memory=100_000_000):
        assert len(KeyRing.from_jwks({"keys": [jwk], "note": "x" * 5_000_000})) == 1
