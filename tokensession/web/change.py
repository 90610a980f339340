"""The change of a session in a request, and how the response expresses it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tokensession.errors import ConfigError
from tokensession.format.core_values import hidden

if TYPE_CHECKING:
    from tokensession.sessions.value import SessionValue
    from tokensession.tokens.changes import Changes
    from tokensession.tokens.writing import Written
    from tokensession.web.cookies import Cookie, Header, Headers
    from tokensession.web.request_session import Snapshot


class Change(NamedTuple):
    """The session's part of a response.

    Attributes:
        header: The response header, or None.
        written: The token in it, or None.
        told: Whether observers and audit log hear of it.
    """

    header: tuple[bytes, bytes] | None = None
    written: Written | None = None
    told: bool = True

    def __repr__(self) -> str:
        """Show no value."""
        return hidden(self)


NOTHING: Final = Change()


def is_untouched(value: SessionValue[Any]) -> bool:
    """Tell whether the request did nothing that could change the session."""
    return (
        not value.touched
        and not value.whole
        and not value.given_up
        and not value.lifetime_set
        and not value.unwritten
    )


def has_another_lifetime(value: SessionValue[Any]) -> bool:
    """Tell whether the idle window or the cap has changed."""
    if not value.lifetime_set:
        return False
    opened = value.opened
    if opened is None or value.refused is not None:
        return (value.ttl, value.cap) != value.origin.lifetime(None, None)
    return (value.ttl, value.cap) != (opened.claims.ttl, opened.claims.cap)


def is_changed(value: SessionValue[Any], saved: Snapshot | None, changes: Changes[Any]) -> bool:
    """Tell whether a session has changed since it was found or last saved."""
    if saved is not None:  # for example for the error page that replaces a failed response
        sid, packed, ttl, cap = saved
        if (sid, ttl, cap) != (value.sid, value.ttl, value.cap):
            return True
        return changes.is_changed_since(value, packed)
    if value.given_up or (value.lifetime_set and has_another_lifetime(value)):
        return True
    return bool(value.touched or value.whole) and changes.is_changed(value)


def is_signed_out(value: SessionValue[Any]) -> bool:
    """Tell whether the application has signed out of the session that was found.

    A session that was refused only for its state was not read, so writing does not sign it out.
    """
    return value.opened is not None and value.cleared


def is_of_another(value: SessionValue[Any]) -> bool:
    """Tell whether a session replaces another subject's session."""
    found = value.opened
    if found is None or value.kid or found.claims.sub is None:
        return False
    return not is_same(found.claims.sub, value.subject)


def keeps_anonymous(value: SessionValue[Any]) -> bool:
    """Tell whether a session is a sign-in from an anonymous session, and nothing else.

    A sign-in keeps the anonymous state, so its old id is not revoked.
    """
    found = value.opened
    return (
        found is not None
        and len(value.given_up) == 1
        and found.claims.sub is None
        and value.subject is not None
    )


def leaves_copies(value: SessionValue[Any]) -> bool:
    """Tell whether a taken-over session ends here or is authenticated again.

    The other library has signed its cookie many times, and each copy is its own session. Later
    tokens do not show that their session came from such a cookie.
    """
    found = value.opened
    if found is None or found.claims.sub is None or found.claims.auth is not None:
        return False
    in_hand = value.refused is None or value.cleared or value.subject is not None
    return in_hand and value.auth is not None


def is_said(cookie: Cookie | Header, header: tuple[bytes, bytes] | None, headers: Headers) -> bool:
    """Tell whether a response sets the cookie as this header does.

    A mounted application can have its own middleware and its own session for the same cookie. Our
    renewal would then undo its sign-out.

    Raises:
        ConfigError: Both have changed the session.
    """
    if header is None or not cookie.is_written(headers):
        return False
    if header not in headers:
        raise ConfigError(
            "two middlewares have each changed a session in the same cookie, so one change would "
            "be lost: remove the mounted application's middleware, or another cookie"
        )
    return True


def is_same(one: object, other: object) -> bool:
    """Tell whether two subjects are the same; 42 and "42" are."""
    return one is not None and other is not None and str(one) == str(other)
