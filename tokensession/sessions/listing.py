"""How a directory lists a session: its record, and the id by which others know it (SPEC 13)."""

from __future__ import annotations

from hashlib import sha256
from math import ceil
from typing import Final, NamedTuple

from tokensession.errors import StateError
from tokensession.format.claims import SID_BYTES
from tokensession.format.core_values import check_text, hidden

MAX_LABEL: Final = 200  # characters; a browser and its system take 20 to 60
_ID_LABEL: Final = b"tokensession/v1/listed\0"
_PROVIDER_LABEL: Final = b"tokensession/v1/provider\0"


class SignIn(NamedTuple):
    """What the application says of a sign-in.

    Attributes:
        label: Its text for the session.
        provider: The key of the identity provider's session, or None.
    """

    label: str = ""
    provider: bytes | None = None

    def __repr__(self) -> str:
        """Show no value."""
        return hidden(self)


class Record(NamedTuple):
    """A session in a directory.

    Attributes:
        id: The listed id, 16 bytes.
        sid: The session id, 16 bytes.
        subject: The key of its subject.
        started_at: Unix second at which it began.
        last_seen: Unix second at which its token was renewed last.
        ends_at: Unix second at which it has ended, unless it is seen again.
        dies_at: Unix second at which it has ended in any case.
        label: The application's text.
        provider: The key of the identity provider's session, or None.
    """

    id: bytes
    sid: bytes
    subject: bytes
    started_at: int
    last_seen: int
    ends_at: int
    dies_at: int
    label: str = ""
    provider: bytes | None = None


class Listing(NamedTuple):
    """What a directory does in the step that ends or replaces a session.

    The records of ended sessions are removed in any case.

    Attributes:
        record: The session to list, or None.
        limit: How many sessions its subject can have, or None for no limit.
    """

    record: Record | None = None
    limit: int | None = None


def listed_id(sid: bytes) -> bytes:
    """Return the 16 bytes by which pages and logs name a session (SPEC 13)."""
    return sha256(_ID_LABEL + sid).digest()[:SID_BYTES]


def sign_in_of(label: str | None, provider: tuple[str, str] | None) -> SignIn:
    """Return what an application says of a sign-in, checked.

    Raises:
        StateError: A label that is not text or too long, or a provider that is not two texts.
    """
    if label is None:
        label = ""
    elif not isinstance(label, str):
        raise StateError("label", f"a {type(label).__name__}; a label is a str")
    label = str.__str__(label)
    if len(label) > MAX_LABEL:
        raise StateError("label", f"{len(label)} characters; a label has at most {MAX_LABEL}")
    check_text(label, "label")
    return SignIn(label, None if provider is None else provider_key(provider))


def provider_key(provider: tuple[str, str]) -> bytes:
    """Return the 32 bytes by which a directory knows an identity provider's session.

    Args:
        provider: The issuer and its session id.

    Raises:
        StateError: They are not two texts.
    """
    if not isinstance(provider, tuple) or [type(part) for part in provider] != [str, str]:
        raise StateError("provider", "not a tuple of two str: the issuer and its session id")
    for part in provider:
        check_text(part, "provider")
    issuer, sid = provider
    return sha256(_PROVIDER_LABEL + sha256(issuer.encode()).digest() + sid.encode()).digest()


def window_of(ttl: int, renew_after: float) -> int:
    """Return the seconds after which a token of this idle window is renewed."""
    return max(1, ceil(renew_after * ttl))


def last_end(age: int, ttl: int, renew_after: float, limit: int) -> int:
    """Return the seconds after its start at which a session has ended, unless it is seen again.

    A directory hears of a session once in each window of `window_of` seconds from its start, and
    the session can be written more often. So this is the end of the last token of its window.

    Args:
        age: Seconds from its start until its token was made.
        ttl: Its idle window in seconds.
        renew_after: The policy's.
        limit: Seconds after its start at which it ends in any case.
    """
    window = window_of(ttl, renew_after)
    return min((age // window + 1) * window + ttl, limit)
