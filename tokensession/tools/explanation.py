"""Explain a token to people: what it shows without keys, and what the keys reveal.

Pure: values in, rows of text out; the caller passes the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final

from tokensession.tools.dissect import COOKIE_NAME, MAX_COOKIE, Anatomy, Part
from tokensession.tools.wording import duration, moment, plural, printable, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokensession.keys.ring import KeyRing
    from tokensession.sessions.session import Session

WIDTH: Final = 80  # columns of a terminal

EXPLANATIONS: Final[dict[str, str]] = {
    "malformed": "The text is not framed as a token: it was cut, padded, quoted or is something "
    "else altogether.",
    "unknown_key": "No key of the ring can verify this token: its key is revoked, expired, or was "
    "never in this ring.",
    "bad_signature": "The signature does not fit: the token was changed, or it was made for "
    "another context.",
    "unsupported_version": "The token is authentic, but this library does not read its format "
    "version.",
    "decrypt_failed": "The signature is right, but the content was not encrypted by this key for "
    "this context.",
    "bad_claims": "The token is authentic, but it does not contain a session of this format.",
    "not_yet_valid": "The token was made in the future: compare the clocks of the two hosts.",
    "expired": "The session was idle for too long, or has reached its end.",
    "revoked": "The session was revoked: by signing out, from another session, or with a key.",
    "bad_state": "The session is good, but its state does not fit the application's type.",
}
"""One sentence for each code of the closed list (SPEC section 5)."""


@dataclass(frozen=True, slots=True)
class Field:
    """A row of an explanation: a name, its value as text, and what it means."""

    name: str
    value: str
    explanation: str


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
    size = plural(len(part.content), "byte")
    shown = part.name in ("version", "salt", "nonce", "tag")
    return f"{size}, {where}" + (f": {part.content.hex()}" if shown else "")


def size_field(characters: int) -> Field:
    """Return the row that compares a token's length with a cookie's limit."""
    taken = len(COOKIE_NAME) + characters
    share = f"{taken} of {MAX_COOKIE} bytes ({round(100 * taken / MAX_COOKIE)} %)"
    fits = "It fits into a cookie" if taken <= MAX_COOKIE else "Browsers drop such a cookie"
    return Field(
        "size",
        f"{plural(characters, 'character')}; as cookie {share}",
        f"{fits}; its name {COOKIE_NAME} is counted.",
    )


def explain(session: Session[Any], keys: KeyRing, *, now: int) -> tuple[Field, ...]:
    """Return the rows that explain a session, except its state.

    Args:
        session: A session from `decode`.
        keys: The ring with which it was decoded.
        now: The Unix second for ages.

    Raises:
        ConfigError: The session's key is missing in the ring.
    """
    key = keys[session.kid]
    state = keys.states(now)[session.kid]
    return (
        Field("sid", session.sid.hex(), "The session's id, kept when the token is renewed."),
        Field("subject", quoted(session.subject), "Whose session it is."),
        Field("context", quoted(session.context), "The one purpose that the token is good for."),
        Field("issued", moment(session.issued_at, now), "When this token was made (iat)."),
        Field("started", moment(session.started_at, now), "When the session began."),
        Field("age", duration(now - session.started_at), "How long the session has lasted."),
        _authenticated(session, now),
        Field("idle window", duration(session.ttl), "How long a token of it lives (ttl)."),
        Field("expires", moment(session.expires_at, now), "When this token dies, if unrenewed."),
        _end(session, now),
        Field("kid", session.kid, "The key that signed it."),
        Field(
            "signers",
            ", ".join(session.signers) or "none",
            "Other keys that have signed for its session: revoking one ends it.",
        ),
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


def _authenticated(session: Session[Any], now: int) -> Field:
    if session.authenticated_at is None:
        meaning = "It has no subject, or began in another library."
        return Field("authenticated", "not known", meaning)
    when = moment(session.authenticated_at, now)
    return Field("authenticated", when, "When its subject last authenticated.")


def _end(session: Session[Any], now: int) -> Field:
    if session.cap is None:
        meaning = "No cap; an application's policy may end it (absolute timeout)."
        return Field("session end", "not in the token", meaning)
    end = moment(session.started_at + session.cap, now)
    return Field("session end", end, f"Its cap: {duration(session.cap)} after it began.")


def lay_out(fields: Iterable[Field], *, width: int = WIDTH) -> list[str]:
    """Return rows as aligned lines, each with its explanation below."""
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
