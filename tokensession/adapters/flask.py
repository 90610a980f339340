"""Sessions for Flask, through its own extension point.

>>> from tokensession import KeyRing
>>> from tokensession.adapters.flask import SessionInterface
>>> app.session_interface = SessionInterface(KeyRing.follow("session-keys.json"))

``flask.session`` is the session. It has the interface of Flask's own session, and our verbs.
``session_of(request)`` is the same session, typed.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from tokensession.errors import how_to_install

try:
    from flask import session as current_session
    from flask import sessions
except ImportError as _missing:
    raise ImportError(
        f"tokensession.adapters.flask needs Flask: {how_to_install('flask')}"
    ) from _missing

from tokensession.adapters.flask_login import follow_flask_login
from tokensession.adapters.flask_session import Session, put_into, session_of, write_as_json
from tokensession.adapters.jinja import show_in_templates
from tokensession.adapters.wsgi import RequestHeaders
from tokensession.errors import ConfigError, TokenSessionError
from tokensession.sessions.policy import DEFAULT_ABSOLUTE, Policy
from tokensession.sessions.steps import run
from tokensession.web.caching import encoded, is_merged, merged
from tokensession.web.cookies import Cookie
from tokensession.web.manager import SessionManager, until_closed
from tokensession.web.options import manager_of
from tokensession.web.request_session import BEFORE_HEAD, COMPLETE
from tokensession.web.unavailable import claim, mark, refusal, release

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Unpack

    from flask import Flask, Request, Response
    from flask.sansio.app import App

    from tokensession.keys.ring import KeyRing
    from tokensession.keys.watcher import KeyRingWatcher
    from tokensession.sessions.steps import Steps
    from tokensession.web.cookies import Headers
    from tokensession.web.options import Options
    from tokensession.web.unavailable import Refusal

__all__ = ["SessionInterface", "session_of"]

_log = logging.getLogger("tokensession")

_PRESERVED = "werkzeug.debug.preserve_context"  # a test client reads the session afterwards


class Managers(NamedTuple):
    """The managers of one application."""

    permanent: SessionManager[Any]
    until_closed: SessionManager[Any]
    lifetime: int

    @property
    def cookie(self) -> Cookie:
        """The cookie.

        Raises:
            ConfigError: The manager uses a header.
        """
        cookie = self.permanent.cookie
        if not isinstance(cookie, Cookie):
            raise ConfigError("the manager uses a Header and sets no cookie: pass a Cookie")
        return cookie

    def open(self, request: Any, headers: Any, scheme: str | None) -> Session:
        """Return the session of a request with these raw headers."""
        session = Session(self.permanent, headers, None, scheme)
        session._lifetime = self.lifetime
        put_into(request, session)
        return session

    def saving(
        self, session: Session, response: Response, method: str | None, *, streamed: bool
    ) -> Steps[None]:
        """Write the session into the response's headers, and close the session.

        If the framework could not answer an error, the response becomes a 503, or a 500.
        """
        claim(response, session)
        session._late = partial(_vary, response, self.permanent.vary)
        if session._value is None and session._unknown is None and not streamed:
            session._phase = COMPLETE  # nothing to save, as in most requests
            return
        session.keep_flashes()
        manager = self.permanent
        if session.opened and not session.permanent:
            manager = self.until_closed
        headers = response.headers
        before = merged(headers)
        fields = before.copy()
        try:
            yield from manager.saving(session, fields, status=response.status_code, method=method)
        except TokenSessionError as error:
            release(response, session)
            answer = refusal(manager, error, encoded(headers) + fields)
            if answer is None:
                raise
            _refuse(response, answer)
            manager.complete(session)
            return
        if session.opened:
            self._write(session, response, before, fields)
        if not streamed:
            manager.complete(session)

    @staticmethod
    def _write(session: Session, response: Response, before: Headers, fields: Headers) -> None:
        if any(not is_merged(name.decode("ascii")) for name, _ in fields):
            mark(response, session)
        else:
            release(response, session)
        kept = len(before)
        if fields[:kept] != before:
            for name in {name for name, _ in response.headers if is_merged(name)}:
                response.headers.remove(name)
            kept = 0
        for field, value in fields[kept:]:
            response.headers.add(field.decode("ascii"), value.decode("latin-1"))


class ManagersByApp:
    """Makes the managers of an application from its settings, at its first request.

    Args:
        keys: The ring, its watcher, or a manager, which has its own cookie.
        current: The framework's proxy of the current session.
        options: As for `SessionManager`. The default policy is the OWASP profile, with
            PERMANENT_SESSION_LIFETIME for permanent sessions.

    Raises:
        ConfigError: An argument is invalid.
    """

    def __init__(
        self, keys: KeyRing | KeyRingWatcher | SessionManager[Any], current: Any, options: Options
    ) -> None:
        manager_of(keys, options)  # refuses invalid arguments early
        self._keys = keys
        self._options = options
        self._current = current
        self._made: WeakKeyDictionary[Any, Managers] = WeakKeyDictionary()

    def of(self, app: App) -> Managers:
        """Return the managers of an application.

        Raises:
            ConfigError: Browsers would refuse the settings, or they are unsafe.
        """
        made = self._made.get(app)
        if made is None:
            made = self._made[app] = self._make(app)
            follow_flask_login(app)
            write_as_json(app)
            show_in_templates(app, self._current)
        return made

    def _make(self, app: App) -> Managers:
        lifetime = int(app.permanent_session_lifetime.total_seconds())
        options = self._options
        if not isinstance(self._keys, SessionManager):
            options = options.copy()
            options.setdefault("cookie", cookie_of(app.config))
            if options.get("policy") is None:
                options["policy"] = policy = Policy(longest=max(lifetime, DEFAULT_ABSOLUTE))
                if lifetime > DEFAULT_ABSOLUTE and options.get("revocation") is not None:
                    _log.info(
                        "PERMANENT_SESSION_LIFETIME raises the policy's longest to %(longest)d s: "
                        "set Policy(longest=%(longest)d) in every other service that shares the "
                        "revocation store",
                        {"longest": policy.longest},
                    )
        manager = manager_of(self._keys, options)
        return Managers(manager, until_closed(manager), lifetime)


class SessionInterface(sessions.SessionInterface):
    """Flask's sessions in tokens: set it as ``app.session_interface``.

    The settings are read at the first request: SESSION_COOKIE_NAME, SESSION_COOKIE_DOMAIN,
    SESSION_COOKIE_PATH, SESSION_COOKIE_SAMESITE, SESSION_COOKIE_PARTITIONED and
    PERMANENT_SESSION_LIFETIME. Our defaults replace Flask's unsafe ones: the cookie is
    ``__Host-session``, Secure and SameSite=Lax. If a store fails, the answer is 503.

    Args:
        keys: The key ring, its `KeyRingWatcher`, or a `SessionManager`.
        options: As for `SessionManager`: `policy`, `revocation`, `overflow`, `cookie`, `legacy`,
            `state_type`, `padding`, `observer`, `convert`. The default policy is the OWASP profile,
            with PERMANENT_SESSION_LIFETIME for permanent sessions.

    Raises:
        ConfigError: An argument is invalid.
    """

    def __init__(
        self,
        keys: KeyRing | KeyRingWatcher | SessionManager[Any],
        **options: Unpack[Options],
    ) -> None:
        self._managers = ManagersByApp(keys, current_session, options)

    def get_cookie_name(self, app: Flask) -> str:
        """Return the name of the cookie."""
        return self._managers.of(app).cookie.name

    def get_cookie_domain(self, app: Flask) -> str | None:
        """Return the domain of the cookie, or None for only the host."""
        return self._managers.of(app).cookie.domain

    def get_cookie_path(self, app: Flask) -> str:
        """Return the path of the cookie."""
        return self._managers.of(app).cookie.path

    def get_cookie_httponly(self, app: Flask) -> bool:  # noqa: ARG002  # Flask's signature
        """Return True: scripts cannot read the cookie."""
        return True

    def get_cookie_secure(self, app: Flask) -> bool:
        """Tell whether the cookie is sent only over https."""
        return not self._managers.of(app).cookie.http_development

    def get_cookie_samesite(self, app: Flask) -> str:
        """Return the SameSite attribute of the cookie."""
        return self._managers.of(app).cookie.same_site

    def get_cookie_partitioned(self, app: Flask) -> bool:
        """Tell whether the cookie is partitioned by top-level site."""
        return self._managers.of(app).cookie.partitioned

    def should_set_cookie(self, app: Flask, session: Any) -> bool:  # noqa: ARG002  # Flask's signature
        """Tell whether the response sets the cookie, except for a renewal."""
        return bool(session.modified)

    def open_session(self, app: Flask, request: Request) -> Session:
        """Return the session of a request. It is opened lazily."""
        managers = self._managers.of(app)
        headers = RequestHeaders(request.environ, managers.permanent.vary)
        return managers.open(request, headers, request.environ.get("wsgi.url_scheme"))

    def save_session(self, app: Flask, session: Any, response: Response) -> None:
        """Write the session into the response; see `SessionManager.save`."""
        session._refuse_unsent()
        managers = self._managers.of(app)
        environ, streamed = session._headers.environ, response.is_streamed
        run(managers.saving(session, response, environ["REQUEST_METHOD"], streamed=streamed))
        if environ.get(_PRESERVED):
            session._phase = BEFORE_HEAD  # later changes are accepted and lost, as in Flask
        elif streamed:
            response.call_on_close(partial(_end, managers.permanent, session))


def _vary(response: Response, name: bytes) -> None:
    """Let a response vary on a request header."""
    response.vary.add(name.decode("ascii"))


def _end(manager: SessionManager[Any], session: Session) -> None:
    """Handle the end of a streamed body, and check for late changes."""
    manager.complete(session)
    manager.check_unchanged(session)


def _refuse(response: Response, answer: Refusal) -> None:
    """Put a response of ours into a response, whose body is released after it was sent."""
    close = getattr(response.response, "close", None)
    if close is not None:
        response.call_on_close(close)
    response.status_code = answer.status
    response.headers.clear()
    response.direct_passthrough = False
    response.set_data(answer.body)
    for name, value in answer.headers:
        if name != b"content-length":  # set with the body
            response.headers.add(name.decode("ascii"), value.decode("latin-1"))


def cookie_of(config: Mapping[str, Any]) -> Cookie:
    """Return the cookie of Flask's settings.

    Raises:
        ConfigError: Browsers would refuse the settings, or they are unsafe.
    """
    name, domain = config["SESSION_COOKIE_NAME"], config["SESSION_COOKIE_DOMAIN"]
    path = config["SESSION_COOKIE_PATH"] or config["APPLICATION_ROOT"]
    if not config["SESSION_COOKIE_HTTPONLY"]:
        raise ConfigError("SESSION_COOKIE_HTTPONLY=False would show the token to scripts")
    if name == "session":  # Flask's default, which has no protection in browsers
        name = "__Host-session" if domain is None and path == "/" else "__Secure-session"
    return Cookie(
        name=name,
        domain=domain or None,
        path=path,
        same_site=config["SESSION_COOKIE_SAMESITE"] or "Lax",
        partitioned=config["SESSION_COOKIE_PARTITIONED"],
    )
