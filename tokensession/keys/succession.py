"""What a running process makes of a document that its source gives (SPEC section 7). Pure.

The last good ring stays in use until a better one is there: "unreadable" is not "empty", a serial
never goes backwards, and a revocation is believed wherever it stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tokensession.errors import ConfigError
from tokensession.keys.source import parse_ring

if TYPE_CHECKING:
    from tokensession.keys.ring import KeyRing


class Verdict(NamedTuple):
    """What is used from now on, and what is wrong with the document.

    Attributes:
        ring: The ring to use.
        problem: Why the document was not taken over, with the remedy, or None.
        conflict: Whether it contradicts the running ring, so that somebody must choose.
    """

    ring: KeyRing
    problem: str | None = None
    conflict: bool = False


def judge(running: KeyRing, name: str, document: bytes | None) -> Verdict:
    """Return what becomes of the running ring, given what its source holds now."""
    if not document:
        return Verdict(
            running, f"{name}: there is no document any more; restore serial {running.serial}"
        )
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
            f"{running.serial}; restore the newer document, or publish this one with serial "
            f"{running.serial + 1}",
        )
    if ring.to_jwks(private=True) == running.to_jwks(private=True):
        return Verdict(running)
    return Verdict(
        running.with_revocations_of(ring),
        f"{name}: other content under the running serial {ring.serial}; of it only revocations "
        f"are believed: write the change again with serial {ring.serial + 1}",
        conflict=True,
    )


def _successor(running: KeyRing, name: str, ring: KeyRing) -> Verdict:
    try:
        ring.check_successor_of(running)
    except ConfigError as error:
        return Verdict(running.with_revocations_of(ring), f"{name}: {error}", conflict=True)
    return Verdict(ring)
