"""The steps of the tour: one session from its key to its end.

The steps call the library, show the results, and compare them with the expected ones. No result is
prepared in advance.
"""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass
from importlib.resources import files
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final

from tokensession.errors import TokenError
from tokensession.keys.private_file import create_private_file
from tokensession.keys.ring import KeyRing
from tokensession.keys.schedule import DEFAULT_PROPAGATION
from tokensession.tokens.codec import DEFAULT_CONTEXT
from tokensession.tokens.functions import decode, encode
from tokensession.tools.dissect import MAX_COOKIE, dissect
from tokensession.tools.explanation import (
    EXPLANATIONS,
    WIDTH,
    describe,
    explain,
    lay_out,
    size_field,
)
from tokensession.tools.wording import duration, iso

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OTHER_CONTEXT: Final = "password-reset"
PRIVATE_MODE: Final = 0o600

MARGIN: Final = 3  # columns before each line of a step


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the tour."""

    title: str
    lines: tuple[str, ...]
    expected: str
    as_expected: bool


@dataclass(frozen=True, slots=True)
class Visit:
    """The objects of the steps: the example session, signed in at `now`."""

    ring: KeyRing
    state: Any
    subject: str
    token: str
    now: int


def example() -> Any:
    """Return the example state: a shopper who has signed in."""
    return json.loads(files("tokensession.tools.demo").joinpath("session.json").read_bytes())


def walk(folder: Path, *, now: int) -> Iterator[Step]:
    """Run each step of the tour, and yield it."""
    path = folder / "session-keys.json"
    create_private_file(path, KeyRing.generate().to_json())
    ring = KeyRing.open(path, create=False)
    yield _key_file(path, ring, now)
    state = example()
    subject = str(state["user_id"])
    visit = Visit(ring, state, subject, encode(state, ring, subject=subject, now=now), now)
    yield _encoded(visit)
    yield _inspected(visit)
    yield from _read(visit)
    yield from _tampered(visit)
    yield _other_context(visit)
    yield from _expired(visit)
    yield from _rotated(visit)


def _key_file(path: Path, ring: KeyRing, now: int) -> Step:
    mode = stat.S_IMODE(path.stat().st_mode)
    return Step(
        "Make a key file",
        (
            f"file  {path.name}, mode {mode:04o}, {path.stat().st_size} bytes",
            *_key_lines(ring, now),
        ),
        "one active key, which only its owner can read",
        (mode == PRIVATE_MODE or os.name != "posix")
        and list(ring.states(now).values()) == ["active"],
    )


def _encoded(visit: Visit) -> Step:
    compact = json.dumps(visit.state, separators=(",", ":"), ensure_ascii=False).encode()
    return Step(
        f"Sign in: encode the session of subject {visit.subject}",
        (
            *_wrapped(visit.token),
            "",
            f"state  {len(compact)} bytes as compact JSON",
            f"token  {size_field(len(visit.token)).value}",
        ),
        "encrypted and signed, it fits into a cookie",
        dissect(visit.token).cookie_bytes <= MAX_COOKIE,
    )


def _inspected(visit: Visit) -> Step:
    anatomy = dissect(visit.token)
    return Step(
        "Look at it without the key",
        tuple(lay_out(describe(anatomy), width=WIDTH - MARGIN)),
        "the framing is right, and the state is not to be seen",
        anatomy.problem is None
        and not any(
            visit.state["csrf"].encode() in (part.content or b"") for part in anatomy.parts
        ),
    )


def _read(visit: Visit) -> Iterator[Step]:
    later = visit.now + 2
    session = decode(visit.token, visit.ring, now=later)
    yield Step(
        "Read it with the key, 2 seconds later",
        tuple(lay_out(explain(session, visit.ring, now=later), width=WIDTH - MARGIN)),
        "subject and dates are those of the sign-in",
        (session.subject, session.issued_at) == (visit.subject, visit.now),
    )
    yield Step(
        "Compare the state with what went in",
        tuple(json.dumps(session.state, indent=2, ensure_ascii=False).split("\n")),
        "it is equal",
        session.state == visit.state,
    )


def _tampered(visit: Visit) -> Iterator[Step]:
    expected = {"header": "unknown_key", "payload": "bad_signature", "signature": "bad_signature"}
    for index, (segment, code) in enumerate(expected.items()):
        segments = visit.token.split(".")
        text = segments[index]
        at = len(text) // 2
        other = "A" if text[at] != "A" else "B"
        segments[index] = text[:at] + other + text[at + 1 :]
        yield _refusal(
            f"Tamper with one character of the {segment}: {text[at]} becomes {other}",
            ".".join(segments),
            visit.ring,
            code,
            now=visit.now,
        )


def _other_context(visit: Visit) -> Step:
    return _refusal(
        f"Present it in another context, {OTHER_CONTEXT}",
        visit.token,
        visit.ring,
        "bad_signature",
        now=visit.now,
        context=OTHER_CONTEXT,
    )


def _expired(visit: Visit) -> Iterator[Step]:
    end = decode(visit.token, visit.ring, now=visit.now).expires_at
    last = decode(visit.token, visit.ring, now=end - 1)
    yield Step(
        f"Present it in the last second of its life, after {duration(end - 1 - visit.now)}",
        (f"read at {iso(end - 1)}",),
        "it is still read",
        last.state == visit.state,
    )
    yield _refusal("Present it one second later", visit.token, visit.ring, "expired", now=end)


def _rotated(visit: Visit) -> Iterator[Step]:
    nbf = visit.now + DEFAULT_PROPAGATION
    ring = visit.ring.add(nbf=nbf, now=visit.now)
    (old,) = (key.kid for key in visit.ring)
    (new,) = (key.kid for key in ring if key.kid != old)
    yield Step(
        "Rotate: publish a second key that signs from a later time on",
        (f"at {iso(visit.now)}", *_key_lines(ring, visit.now)),
        "it is pending, and the first one still signs",
        ring.states(visit.now) == {old: "active", new: "pending"},
    )
    fresh = encode(visit.state, ring, subject=visit.subject, now=nbf)
    kids = [decode(token, ring, now=nbf).kid for token in (visit.token, fresh)]
    yield Step(
        f"Use both keys after {duration(nbf - visit.now)}, when its time has come",
        (
            f"at {iso(nbf)}",
            *_key_lines(ring, nbf),
            f"token of before  read, key {kids[0]}",
            f"token of now     read, key {kids[1]}",
        ),
        "the new key signs, and no session was lost",
        ring.states(nbf) == {old: "retiring", new: "active"} and kids == [old, new],
    )
    yield from _revoked(visit.token, fresh, ring.revoke(old, reason="tour", now=nbf), nbf)


def _revoked(before: str, fresh: str, ring: KeyRing, now: int) -> Iterator[Step]:
    yield _refusal(
        "Revoke the first key, and present its token again",
        before,
        ring,
        "unknown_key",
        *_key_lines(ring, now),
        now=now,
    )
    session = decode(fresh, ring, now=now)
    yield Step(
        "Present the token of the second key",
        (f"read, key {session.kid}",),
        "it is read as before",
        ring.states(now)[session.kid] == "active",
    )


def _refusal(
    title: str,
    token: str,
    ring: KeyRing,
    code: str,
    *lines: str,
    now: int,
    context: str = DEFAULT_CONTEXT,
) -> Step:
    """Return the step of presenting a token that must be refused with `code`."""
    expected = f"it must be refused, with the code {code}"
    try:
        decode(token, ring, context=context, now=now)
    except TokenError as error:
        told = wrap(f"{EXPLANATIONS[error.code]} ({error})", WIDTH - MARGIN)
        return Step(title, (*lines, f"refused: {error.code}", *told), expected, error.code == code)
    return Step(title, (*lines, "read"), expected, as_expected=False)


def _key_lines(ring: KeyRing, now: int) -> list[str]:
    return [
        f"key   {ring[kid].kid}  {ring[kid].algorithm}  {state}"
        for kid, state in ring.states(now).items()
    ]


def _wrapped(token: str) -> list[str]:
    width = WIDTH - MARGIN
    return [token[at : at + width] for at in range(0, len(token), width)]
