"""Take a token apart without keys: its parts, and the first framing check that fails.

Pure: text in, values out. Values that are read without a key are named unverified, because anyone
    can have written them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tokensession.format.base64url import b64url_decode
from tokensession.tokens.limits import MAX_TOKEN, MIN_PAYLOAD
from tokensession.tokens.sealing import NONCE_BYTES, SALT_BYTES, VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

COOKIE_NAME: Final = "__Host-session"
MAX_COOKIE: Final = 4096  # bytes of name and value; browsers silently drop a larger cookie
TAG_BYTES: Final = 16

_HEADER = re.compile(rb'\{"alg":"(HS256|Ed25519|ES256)","kid":"([A-Za-z0-9_-]{1,32})"\}')
_SIGNATURE_BYTES: Final = {"HS256": 32, "Ed25519": 64, "ES256": 64}
_SEGMENTS: Final = 3


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a token. The parts follow each other, separated only by dots.

    Attributes:
        name: ``header``, ``version``, ``salt``, ``nonce``, ``ciphertext``, ``tag`` or
            ``signature``; ``payload`` if it cannot be divided, ``text`` if the text is not a token.
        start: The index of its first character. A character with bits of two parts belongs to the
            first one.
        end: The index after its last character.
        first_byte: The index of its first byte in the decoded segment.
        content: Its bytes, or None if the segment is not canonical base64url.
    """

    name: str
    start: int
    end: int
    first_byte: int
    content: bytes | None

    @property
    def end_byte(self) -> int:
        """The index after its last byte in the decoded segment."""
        return self.first_byte + len(self.content or b"")


@dataclass(frozen=True, slots=True)
class Problem:
    """The first framing check that a text fails.

    Attributes:
        step: The step of SPEC section 5.
        code: The code of the closed list.
        detail: What is wrong, with the numbers.
    """

    step: int
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Anatomy:
    """What a token shows without a key.

    Attributes:
        characters: The length of the text.
        parts: Its parts, in order.
        unverified_header: The text of the header, or None if it cannot be decoded.
        unverified_algorithm: The header's alg, or None if the header does not have the exact form.
        unverified_kid: The header's kid, or None for the same reason.
        problem: The first framing check that fails, or None.
    """

    characters: int
    parts: tuple[Part, ...]
    unverified_header: str | None
    unverified_algorithm: str | None
    unverified_kid: str | None
    problem: Problem | None

    @property
    def cookie_bytes(self) -> int:
        """The bytes of the token as a cookie: name and value."""
        return len(COOKIE_NAME) + self.characters


def dissect(token: str) -> Anatomy:
    """Return what a text shows as a token, without keys."""
    segments = token.split(".")
    if len(segments) != _SEGMENTS:
        problem = next(_problems(token, segments, None, None, None))
        parts = (Part("text", 0, len(token), 0, None),)
        return Anatomy(len(token), parts, None, None, None, problem)
    header, payload, signature = map(_decoded, segments)
    found = None if header is None else _HEADER.fullmatch(header)
    algorithm, kid = (None, None) if found is None else map(bytes.decode, found.groups())
    payload_at = len(segments[0]) + 1
    signature_at = payload_at + len(segments[1]) + 1
    return Anatomy(
        characters=len(token),
        parts=(
            Part("header", 0, len(segments[0]), 0, header),
            *_payload_parts(payload_at, signature_at - 1, payload),
            Part("signature", signature_at, len(token), 0, signature),
        ),
        unverified_header=None if header is None else header.decode("utf-8", "backslashreplace"),
        unverified_algorithm=algorithm,
        unverified_kid=kid,
        problem=next(_problems(token, segments, algorithm, payload, signature), None),
    )


def _problems(
    token: str,
    segments: list[str],
    algorithm: str | None,
    payload: bytes | None,
    signature: bytes | None,
) -> Iterator[Problem]:
    """Yield the framing checks that fail, in the order of the steps; only the first one counts."""
    if len(token) > MAX_TOKEN:
        yield Problem(1, "malformed", f"{len(token)} characters; a token has at most {MAX_TOKEN}")
    if not token.isascii():
        yield Problem(1, "malformed", "a token is ASCII")
    if len(segments) != _SEGMENTS:
        yield Problem(1, "malformed", f"{len(segments)} segments; a token has {_SEGMENTS}")
    if algorithm is None:
        yield Problem(2, "unknown_key", "the header has not the exact form that a key gives it")
    elif payload is None or signature is None:
        name = "payload" if payload is None else "signature"
        yield Problem(3, "malformed", f"the {name} is not canonical base64url without padding")
    else:
        yield from _content_problems(algorithm, payload, signature)


def _content_problems(algorithm: str, payload: bytes, signature: bytes) -> Iterator[Problem]:
    needed = _SIGNATURE_BYTES[algorithm]
    if len(signature) != needed:
        detail = f"a signature of {len(signature)} bytes; {algorithm} makes {needed}"
        yield Problem(3, "malformed", detail)
    if payload[0] != VERSION:
        detail = f"format version {payload[0]}; this library reads {VERSION}"
        yield Problem(5, "unsupported_version", detail)
    if len(payload) < MIN_PAYLOAD:
        detail = f"a payload of {len(payload)} bytes; the least is {MIN_PAYLOAD}"
        yield Problem(5, "malformed", detail)


def _decoded(segment: str) -> bytes | None:
    try:
        return b64url_decode(segment.encode("ascii"))
    except ValueError:
        return None


def _payload_parts(start: int, end: int, payload: bytes | None) -> list[Part]:
    """Divide the payload between two characters, if it has this version."""
    if payload is None or payload[0] != VERSION or len(payload) < MIN_PAYLOAD:
        return [Part("payload", start, end, 0, payload)]
    ciphertext = len(payload) - 1 - SALT_BYTES - NONCE_BYTES - TAG_BYTES
    sizes = {
        "version": 1,
        "salt": SALT_BYTES,
        "nonce": NONCE_BYTES,
        "ciphertext": ciphertext,
        "tag": TAG_BYTES,
    }
    parts: list[Part] = []
    at = 0
    for name, size in sizes.items():
        first, last = start + _character(at), start + _character(at + size)
        parts.append(Part(name, first, last, at, payload[at : at + size]))
        at += size
    return parts


def _character(byte: int) -> int:
    """Return the first base64url character that starts at or after the first bit of `byte`."""
    return -(-byte * 8 // 6)
