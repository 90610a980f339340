"""A token taken apart for people: what anyone can see of it, and what the keys reveal.

Pure: text and values in, text and values out; the time is given. Whatever is read without a key is
called unverified, since anyone can have written it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final

from tokensession.format.base64url import b64url_decode
from tokensession.tokens.limits import MAX_TOKEN, MIN_PAYLOAD
from tokensession.tokens.sealing import NONCE_BYTES, SALT_BYTES, VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tokensession.keys.ring import KeyRing
    from tokensession.sessions.session import Session

COOKIE_NAME: Final = "__Host-session"
MAX_COOKIE: Final = 4096  # bytes of name and value; browsers drop a larger cookie without a word
TAG_BYTES: Final = 16
WIDTH: Final = 80  # columns of a terminal

EXPLANATIONS: Final[dict[str, str]] = {
    "malformed": "The text is not framed as a token: it was cut, padded, quoted or is something "
    "else altogether.",
    "unknown_key": "No key of the ring may verify this token: its key is revoked, expired, or was "
    "never in this ring.",
    "bad_signature": "The signature does not fit: the token was changed, or it was made for "
    "another context.",
    "unsupported_version": "The token is authentic, but of a format version that this library "
    "does not read.",
    "decrypt_failed": "The signature is right, but the content was not encrypted by this key for "
    "this context.",
    "bad_claims": "The token is authentic, but what it holds is not a session of this format.",
    "not_yet_valid": "The token was made in the future: compare the clocks of the two hosts.",
    "expired": "The session was idle for too long, or has reached its end.",
    "revoked": "The session was ended before its time, as by signing out.",
    "bad_state": "The session is good, but its state does not fit the application's type.",
}
"""One sentence for each code of the closed list (SPEC section 5)."""

_HEADER = re.compile(rb'\{"alg":"(HS256|Ed25519|ES256)","kid":"([A-Za-z0-9_-]{1,32})"\}')
_SIGNATURE_BYTES: Final = {"HS256": 32, "Ed25519": 64, "ES256": 64}
_SEGMENTS: Final = 3
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS: Final = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


@dataclass(frozen=True, slots=True)
class Field:
    """A row of an explanation: a name, its value as text, and what it means."""

    name: str
    value: str
    explanation: str


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a token. The parts of a token follow each other; only dots lie between them.

    Attributes:
        name: ``header``, ``version``, ``salt``, ``nonce``, ``ciphertext``, ``tag`` or
            ``signature``; ``payload`` when it cannot be divided, ``text`` for what is no token.
        start: Its first character, counted from 0. A character that holds bits of two parts
            belongs to the one that has its first bit.
        end: The character after its last one.
        first_byte: Its first byte in the decoded segment.
        content: Its bytes, or None where the segment is not canonical base64url.
    """

    name: str
    start: int
    end: int
    first_byte: int
    content: bytes | None

    @property
    def end_byte(self) -> int:
        """The byte after its last one in the decoded segment."""
        return self.first_byte + len(self.content or b"")


@dataclass(frozen=True, slots=True)
class Problem:
    """The first check of the framing that a text fails.

    Attributes:
        step: The step of SPEC section 5.
        code: The word of the closed list.
        detail: What is wrong, with the numbers.
    """

    step: int
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Anatomy:
    """What can be seen of a token without any key.

    Attributes:
        characters: How long the text is.
        parts: Its parts, in order.
        unverified_header: The text of the header, or None where there is none to decode.
        unverified_algorithm: The header's alg, or None where the header has not the exact form.
        unverified_kid: The header's kid, likewise.
        problem: The first check of the framing that fails, or None.
    """

    characters: int
    parts: tuple[Part, ...]
    unverified_header: str | None
    unverified_algorithm: str | None
    unverified_kid: str | None
    problem: Problem | None

    @property
    def cookie_bytes(self) -> int:
        """What the token takes as a cookie: name and value, in bytes."""
        return len(COOKIE_NAME) + self.characters


def dissect(token: str) -> Anatomy:
    """Return what any text shows of itself as a token, without keys.

    Args:
        token: Any text, of any length.
    """
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
    """Yield what the framing fails, in the order of the steps; only the first one counts."""
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
    """Divide the payload between two characters, when it is one of this version."""
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
    """Return the first character of base64url whose first bit is not before that of `byte`."""
    return -(-byte * 8 // 6)


_PARTS: Final = {
    "header": "Names the key and its algorithm: whose claim that is shows only with the key.",
    "version": "The version of the format.",
    "salt": "Random; gives the key that encrypted this token, from the secret.",
    "nonce": "Random, and fresh for every token.",
    "ciphertext": "The claims, encrypted with AES-256-GCM.",
    "tag": "Ties the ciphertext to its key, header and context.",
    "payload": "Could not be divided.",
    "signature": "Over header and payload, as text.",
    "text": "Could not be divided.",
}


def describe(anatomy: Anatomy) -> tuple[Field, ...]:
    """Return the rows that explain a token to someone without its keys."""
    rows = [
        Field(
            "unverified alg",
            anatomy.unverified_algorithm or "none to be read",
            "How the token says that it is signed.",
        ),
        Field(
            "unverified kid",
            anatomy.unverified_kid or "none to be read",
            "The key that the token says it is of.",
        ),
    ]
    for part in anatomy.parts:
        rows.append(Field(part.name, _extent(part), _PARTS[part.name]))
        if part.name == "header" and anatomy.unverified_header is not None:
            rows.append(
                Field("header text", printable(anatomy.unverified_header), "As it stands there.")
            )
    return (*rows, size_field(anatomy.characters))


def _extent(part: Part) -> str:
    where = f"characters {part.start} to {part.end - 1}" if part.end > part.start else "empty"
    if part.content is None:
        return where
    size = _plural(len(part.content), "byte")
    shown = part.name in ("version", "salt", "nonce", "tag")
    return f"{size}, {where}" + (f": {part.content.hex()}" if shown else "")


def size_field(characters: int) -> Field:
    """Return the row that holds a token's length against what a cookie can take."""
    taken = len(COOKIE_NAME) + characters
    share = f"{taken} of {MAX_COOKIE} bytes ({round(100 * taken / MAX_COOKIE)} %)"
    fits = "It fits into a cookie" if taken <= MAX_COOKIE else "Browsers drop such a cookie"
    return Field(
        "size",
        f"{_plural(characters, 'character')}; as cookie {share}",
        f"{fits}; its name {COOKIE_NAME} is counted.",
    )


def explain(session: Session[Any], keys: KeyRing, *, now: int) -> tuple[Field, ...]:
    """Return the rows that explain a session, all but its state.

    Args:
        session: As `decode` gave it.
        keys: The ring that it was decoded with.
        now: Unix second from which ages are counted.

    Raises:
        ConfigError: The ring does not have the session's key.
    """
    key = keys[session.kid]
    state = keys.states(now)[session.kid]
    return (
        Field("sid", session.sid.hex(), "The session's id, kept when the token is renewed."),
        Field("subject", quoted(session.subject), "Whose session it is."),
        Field("context", quoted(session.context), "The one purpose that the token is good for."),
        Field("issued", _moment(session.issued_at, now), "When this token was made (iat)."),
        Field("started", _moment(session.started_at, now), "When the session began."),
        Field("age", duration(now - session.started_at), "How long the session has lasted."),
        Field("idle window", duration(session.ttl), "How long a token of it lives (ttl)."),
        Field("expires", _moment(session.expires_at, now), "When this token dies, if unrenewed."),
        _end(session, now),
        Field("kid", session.kid, "The key that signed it."),
        Field("algorithm", key.algorithm, "How it is signed."),
        Field("key state", state, _KEY_STATES[state]),
    )


_KEY_STATES: Final[dict[str, str]] = {
    "pending": "The key does not sign yet, but its tokens are read.",
    "active": "The key signs new tokens.",
    "retiring": "Another key signs now; this one is read until it expires.",
    "expired": "The key is past its date: its tokens are refused.",
    "revoked": "The key was withdrawn: its tokens are refused.",
}


def _end(session: Session[Any], now: int) -> Field:
    if session.cap is None:
        meaning = "No cap; an application's policy may end it (absolute timeout)."
        return Field("session end", "not in the token", meaning)
    end = _moment(session.started_at + session.cap, now)
    return Field("session end", end, f"Its cap: {duration(session.cap)} after it began.")


def _moment(second: int, now: int) -> str:
    return f"{iso(second)} ({relative(second, now)})"


def iso(second: int) -> str:
    """Return a Unix second as an ISO 8601 date and time in UTC."""
    try:
        moment = _EPOCH + timedelta(seconds=second)
    except OverflowError:
        return f"{second} s after 1970, beyond the year 9999"
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def relative(second: int, now: int) -> str:
    """Return how far a Unix second is from `now`: ``in 29 min 58 s``, ``2 s ago`` or ``now``."""
    if second == now:
        return "now"
    return f"in {duration(second - now)}" if second > now else f"{duration(now - second)} ago"


def duration(seconds: int) -> str:
    """Return seconds in their two greatest units, such as ``29 min 58 s``; the rest is cut off."""
    if seconds < 0:
        return f"-{duration(-seconds)}"
    rest, words = seconds, list[str]()
    for unit, size in _UNITS:
        count, rest = divmod(rest, size)
        if words or count:
            words.append(f"{count} {unit}" if count else "")
    return " ".join(word for word in words[:2] if word) or "0 s"


def quoted(value: str | int | None) -> str:
    """Return a subject or context as JSON, so that 42 and "42" differ and nothing acts up."""
    return "none" if value is None else printable(json.dumps(value, ensure_ascii=False))


def printable(text: str) -> str:
    r"""Return `text` with all that a terminal might act upon as JSON's ``\u`` escapes."""
    return "".join(
        character if character.isprintable() else json.dumps(character)[1:-1] for character in text
    )


def lay_out(fields: Iterable[Field], *, width: int = WIDTH) -> list[str]:
    """Return rows as aligned lines: each name with its value, the explanation underneath."""
    rows = list(fields)
    column = max((len(row.name) for row in rows), default=0) + 2
    lines: list[str] = []
    for row in rows:
        texts = [
            line
            for text in (row.value, row.explanation)
            for line in wrap(text, width - column, break_on_hyphens=False)
        ]
        names = [row.name, *[""] * len(texts)]
        lines += [f"{name:{column}}{text}" for name, text in zip(names, texts, strict=False)]
    return lines


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
