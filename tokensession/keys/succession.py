"""How a running process handles a new document of its source (SPEC section 7). Pure.

The last good ring stays in use until a better one is available. An unreadable document is not an
empty one, a serial never decreases, and every revocation counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tokensession.errors import ConfigError
from tokensession.keys.source import parse_ring

if TYPE_CHECKING:
    from tokensession.keys.ring import KeyRing


class Verdict(NamedTuple):
    """The ring to use from now on, and the problem of the document.

    Attributes:
        ring: The ring to use.
        problem: Why the document was not used, with the fix, or None.
        conflict: Whether the document contradicts the running ring, so that an operator must
            choose.
    """

    ring: KeyRing
    problem: str | None = None
    conflict: bool = False


def judge(running: KeyRing, name: str, document: bytes | None) -> Verdict:
    """Return the verdict on the current document of the running ring's source."""
    if not document:
        return Verdict(running, f"{name}: the document is missing: restore serial {running.serial}")
    try:
        ring = parse_ring(name, document)
    except ConfigError as error:
        return Verdict(running, str(error))
    if ring.serial > running.serial:
        return _successor(running, name, ring)
    if ring.serial < running.serial:
        return Verdict(
            running,
            f"{name}: it went back to serial {ring.serial}, older than the running "
            f"{running.serial}: restore the newer document, or publish this one with serial "
            f"{running.serial + 1}",
        )
    if ring.to_jwks(private=True) == running.to_jwks(private=True):
        return Verdict(running)
    return Verdict(
        running.with_revocations_of(ring),
        f"{name}: other content has the running serial {ring.serial}, so only its revocations "
        f"are used: write the change again with serial {ring.serial + 1}",
        conflict=True,
    )


def _successor(running: KeyRing, name: str, ring: KeyRing) -> Verdict:
    try:
        ring.check_successor_of(running)
    except ConfigError as error:
        return Verdict(running.with_revocations_of(ring), f"{name}: {error}", conflict=True)
    return Verdict(ring)
