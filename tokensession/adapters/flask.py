"""Sessions for Flask, through its own extension point.

>>> from tokensession import KeyRing
>>> from tokensession.adapters.flask import SessionInterface
>>> app.session_interface = SessionInterface(KeyRing.open("session-keys.json"))

``flask.session`` is the session, with all that Flask's own can do, and its verbs besides.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple
from weakref import WeakKeyDictionary

try:
    from flask import sessions
except ImportError as _missing:
    raise ImportError(
        "tokensession.adapters.flask needs Flask: pip install 'tokensession[flask]'"
    ) from _missing

from tokensession.adapters.wsgi import RequestHeaders
from tokensession.errors import ConfigError, StoreError
from tokensession.sessions.policy import Policy
from tokensession.tokens.codec import SessionCodec
from tokensession.web.cookies import Cookie
from tokensession.web.manager import SessionManager, manager_of
from tokensession.web.request_session import RequestSession, UnopenedSession
from tokensession.web.unavailable import (
    BODY,
    CARRIES_COOKIE,
    UNAVAILABLE,
    check_fresh,
    unavailable,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Flask, Request, Response
    from flask.sansio.app import App

    from tokensession.keys.ring import KeyRing
    from tokensession.keys.watcher import KeyRingWatcher
    from tokensession.revocation.lookup import Check
    from tokensession.revocation.store import Store


class Session(RequestSession[Any], sessions.SessionMixin):
    """The session of one request, as Flask's users know it.

    Attributes:
        lifetime: Seconds that it lives once it is permanent: PERMANENT_SESSION_LIFETIME.
    """

    lifetime: int

    @property
    def permanent(self) -> bool:
        """Whether it outlives the browser: its cookie has a Max-Age, and it lives `lifetime`.

        Setting it raises a ConfigError where the policy's `longest` is below `lifetime`.
        """
        return not self._is_mapping or bool(self.get("_permanent", False))

    @permanent.setter
    def permanent(self, value: bool) -> None:
        self["_permanent"] = bool(value)
        self.set_lifetime(self.lifetime if value else None)

    @property
    def _is_mapping(self) -> bool:  # as opposed to a state of a type; without reading all of it
        return isinstance(self._state, MutableMapping)

    def sign_in(
        self, subject: str | int, *, ttl: int | None = None, cap: int | None = None
    ) -> None:
        """Begin a new session for `subject`, permanent if the one before was; see `Session`."""
        super().sign_in(subject, ttl=ttl, cap=cap)
        if ttl is cap is None and self._is_mapping and self.permanent:
            self.set_lifetime(self.lifetime)


class _Unopened(Session, UnopenedSession[Any]):  # in this order for the sake of the layout
    """The same, before anything has asked for it."""

    becomes: ClassVar[type[RequestSession[Any]]] = Session


class Managers(NamedTuple):
    """What serves one application."""

    permanent: SessionManager[Any]
    until_closed: SessionManager[Any]
    lifetime: int

    def open(self, headers: Any) -> Session:
        """Return the session of a request with these raw headers."""
        session = _Unopened(self.permanent, headers, None)
        session.lifetime = self.lifetime
        return session

    def save(self, session: Session, response: Response) -> None:
        """Write what the response must say into its headers, and close the session.

        Where the store of revocations failed, the response becomes a 503.
        """
        check_fresh(response)
        permanent = not session.opened or session.permanent
        manager = self.permanent if permanent else self.until_closed
        headers, merged = response.headers, ("vary", "cache-control")
        fields = [(n.encode(), v.encode("latin-1")) for n in merged for v in headers.getlist(n)]
        try:
            manager.save(session, fields, status=response.status_code)
        except StoreError as error:
            own = [(n.lower().encode(), v.encode("latin-1")) for n, v in headers]
            _refuse(response, unavailable(manager, error, own + fields))
            return
        if session.opened:
            for name in merged:
                headers.remove(name)
            for field, value in fields:
                headers.add(field.decode("ascii"), value.decode("latin-1"))
                if field.decode("ascii") not in merged:
                    setattr(response, CARRIES_COOKIE, True)


class ManagersByApp:
    """Makes what serves an application of its settings, at its first request.

    Args:
        keys: The ring, its watcher, or a manager, whose cookie then is not that of the settings.
        policy: When sessions end; when None the OWASP profile, and PERMANENT_SESSION_LIFETIME
            for sessions that are permanent.
        revocation: A store of revocations, or a `Lookup` or `Replica` of one.

    Raises:
        ConfigError: Wrong arguments.
    """

    def __init__(
        self,
        keys: KeyRing | KeyRingWatcher | SessionManager[Any],
        policy: Policy | None,
        revocation: Store | Check | None,
    ) -> None:
        # To refuse wrong arguments where they are given.
        manager_of(keys, policy=policy, revocation=revocation)
        self._keys = keys
        self._policy = policy
        self._revocation = revocation
        self._made: WeakKeyDictionary[Any, Managers] = WeakKeyDictionary()

    def of(self, app: App) -> Managers:
        """Return what serves an application.

        Raises:
            ConfigError: Settings that browsers would refuse or that would be unsafe.
        """
        made = self._made.get(app)
        if made is None:
            made = self._made[app] = self._make(app)
        return made

    def _make(self, app: App) -> Managers:
        lifetime = int(app.permanent_session_lifetime.total_seconds())
        manager = self._keys
        if not isinstance(manager, SessionManager):
            cookie = cookie_of(app.config)
            policy = self._policy or _policy_for(lifetime)
            codec: SessionCodec[Any] = SessionCodec(
                manager, context=cookie.context, policy=policy, revocation=self._revocation
            )
            manager = SessionManager(codec, cookie=cookie)
        return Managers(manager, manager.until_closed(), lifetime)


class SessionInterface(sessions.SessionInterface):
    """Flask's sessions in tokens: set it as ``app.session_interface``.

    The settings are read at the first request: SESSION_COOKIE_NAME, SESSION_COOKIE_DOMAIN,
    SESSION_COOKIE_PATH, SESSION_COOKIE_SAMESITE, SESSION_COOKIE_PARTITIONED and
    PERMANENT_SESSION_LIFETIME. Where Flask's defaults are unsafe ours hold: the cookie is
    ``__Host-session``, Secure and SameSite=Lax.

    Args:
        keys: The key ring, or its `KeyRingWatcher`; or a `SessionManager`, for a typed state, a
            cookie with other attributes, a header in place of a cookie, or another context.
        policy: When sessions end; when None the OWASP profile, and PERMANENT_SESSION_LIFETIME
            for sessions that are permanent.
        revocation: A store of revocations, or a `Lookup` or `Replica` of one: then signing out
            is final. Where it cannot be asked the answer is 503.

    Raises:
        ConfigError: Wrong arguments.
    """

    def __init__(
        self,
        keys: KeyRing | KeyRingWatcher | SessionManager[Any],
        *,
        policy: Policy | None = None,
        revocation: Store | Check | None = None,
    ) -> None:
        self._managers = ManagersByApp(keys, policy, revocation)

    def open_session(self, app: Flask, request: Request) -> Session:
        """Return the session of a request; nothing is read before it is touched."""
        managers = self._managers.of(app)
        return managers.open(RequestHeaders(request.environ, managers.permanent.cookie.vary))

    def save_session(self, app: Flask, session: Any, response: Response) -> None:
        """Write what the response must say; see `SessionManager.save`."""
        managers = self._managers.of(app)
        managers.save(session, response)
        if session.opened and response.is_streamed:
            response.call_on_close(partial(managers.permanent.check_unchanged, session))


def _refuse(response: Response, headers: list[tuple[bytes, bytes]]) -> None:
    """Make a 503 of a response, whose body is released when the new one has been sent."""
    close = getattr(response.response, "close", None)
    if close is not None:
        response.call_on_close(close)
    response.status_code = UNAVAILABLE
    response.headers.clear()
    response.direct_passthrough = False
    response.set_data(BODY)
    for name, value in headers:
        if name != b"content-length":  # set with the body
            response.headers.add(name.decode("ascii"), value.decode("latin-1"))


def cookie_of(config: Mapping[str, Any]) -> Cookie:
    """Return the cookie that Flask's settings ask for.

    Raises:
        ConfigError: Settings that browsers would refuse or that would be unsafe.
    """
    name, domain = config["SESSION_COOKIE_NAME"], config["SESSION_COOKIE_DOMAIN"]
    path = config["SESSION_COOKIE_PATH"] or config["APPLICATION_ROOT"]
    if not config["SESSION_COOKIE_HTTPONLY"]:
        raise ConfigError("SESSION_COOKIE_HTTPONLY=False would show the token to scripts")
    if name == "session":  # Flask's default, which browsers protect in no way
        name = "__Host-session" if domain is None and path == "/" else "__Secure-session"
    return Cookie(
        name=name,
        domain=domain or None,
        path=path,
        same_site=config["SESSION_COOKIE_SAMESITE"] or "Lax",
        partitioned=config["SESSION_COOKIE_PARTITIONED"],
    )


def _policy_for(lifetime: int) -> Policy:
    owasp = Policy.owasp()
    return replace(owasp, longest=max(lifetime, owasp.absolute_timeout or 0))
