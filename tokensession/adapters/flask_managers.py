"""The session managers of Flask's and Quart's applications, made from their settings."""

from __future__ import annotations

import logging
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from weakref import WeakKeyDictionary

from tokensession.adapters.flask_login import follow_flask_login
from tokensession.adapters.flask_oidc import follow_flask_oidc
from tokensession.adapters.flask_session import Session, put_into, write_as_json
from tokensession.adapters.jinja import show_in_templates
from tokensession.adapters.unmarked import saving
from tokensession.errors import ConfigError, TokenSessionError
from tokensession.sessions.policy import DEFAULT_ABSOLUTE, Policy
from tokensession.web.caching import encoded, is_merged, merged
from tokensession.web.cookies import Cookie
from tokensession.web.manager import SessionManager, until_closed
from tokensession.web.options import manager_of
from tokensession.web.unavailable import claim, mark, refusal, release

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Response
    from flask.sansio.app import App

    from tokensession.keys.ring import KeyRing
    from tokensession.keys.watcher import KeyRingWatcher
    from tokensession.sessions.steps import Steps
    from tokensession.web.cookies import Headers
    from tokensession.web.options import Options
    from tokensession.web.unavailable import Refusal

_log = logging.getLogger("tokensession")

_LIFETIME: Final = "PERMANENT_SESSION_LIFETIME"
# Returns the settings in use; an application can change them between requests, or in one.
_settings_in = itemgetter(
    _LIFETIME, "APPLICATION_ROOT", "SESSION_COOKIE_NAME", "SESSION_COOKIE_DOMAIN",
    "SESSION_COOKIE_PATH", "SESSION_COOKIE_HTTPONLY", "SESSION_COOKIE_SAMESITE",
    "SESSION_COOKIE_PARTITIONED",
)  # fmt: skip
_SIZE: Final = 32  # of the managers of one application, whose settings rarely change


class Managers(NamedTuple):
    """The managers of one application, by its settings."""

    permanent: SessionManager[Any]
    until_closed: SessionManager[Any]
    lifetime: int
    given_lifetime: object  # as it stands in the settings

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
        session._managers = self
        put_into(request, session)
        return session

    def saving(
        self, app: App, session: Session, response: Response, method: str | None, *, streamed: bool
    ) -> Steps[None]:
        """Write the session into the response's headers, and close the session.

        If the framework could not answer an error, the response becomes a 503, or a 500.
        """
        claim(response, session)
        # `response.vary` parses the header, so only a late reader asks for it.
        session._late = lambda: response.vary.add(self.permanent.vary.decode("ascii"))
        if session._is_unused and not streamed:
            self.permanent.complete(session)
            return
        session.keep_flashes()
        if app.config[_LIFETIME] is not self.given_lifetime and session.opened:
            _shorten(session, lifetime_of(app))
        manager = self.permanent
        if session.opened and not session.permanent:
            manager = self.until_closed
        headers = response.headers
        fields = merged(headers)
        former = {name for name, _ in fields}
        try:
            yield from saving(manager, session, fields, status=response.status_code, method=method)
        except TokenSessionError as error:
            release(response, session)
            answer = refusal(manager, error, encoded(headers) + fields)
            if answer is None:
                session._late()  # the framework's error page can show the session
                raise
            _refuse(response, answer)
            manager.complete(session)
            return
        if session.opened:
            self._write(session, response, former, fields)
        if not streamed:
            manager.complete(session)

    @staticmethod
    def _write(session: Session, response: Response, former: set[bytes], fields: Headers) -> None:
        if any(not is_merged(name.decode("ascii")) for name, _ in fields):
            mark(response, session)
        else:
            release(response, session)
        for field in former:
            response.headers.remove(field.decode())
        for field, value in fields:
            response.headers.add(field.decode("ascii"), value.decode("latin-1"))


class ManagersByApp:
    """Makes the managers of an application from its settings, and anew when they change.

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
        self._made: WeakKeyDictionary[Any, dict[Any, Managers]] = WeakKeyDictionary()

    def of(self, app: App) -> Managers:
        """Return the managers of an application.

        Raises:
            ConfigError: Browsers would refuse the settings, or they are unsafe.
        """
        made, settings = self._made.get(app), _settings_in(app.config)
        if made is None:
            made = self._made[app] = {settings: self._make(app)}
            follow_flask_login(app)
            follow_flask_oidc()
            write_as_json(app)
            show_in_templates(app, self._current)
        managers = made.get(settings)
        if managers is None:
            if len(made) >= _SIZE:
                made.clear()
            managers = made[settings] = self._make(app)
        return managers

    def _make(self, app: App) -> Managers:
        lifetime = lifetime_of(app)
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
        _warn_of_short_keys(app, lifetime, manager.codec.rings.at_hand().ring.token_lifetime)
        return Managers(manager, until_closed(manager), lifetime, app.config[_LIFETIME])


def lifetime_of(app: App) -> int:
    """Return an application's PERMANENT_SESSION_LIFETIME in seconds."""
    return int(app.permanent_session_lifetime.total_seconds())


def _shorten(session: Session, lifetime: int) -> None:
    """Apply a lifetime that the application has lowered during the request."""
    if lifetime < session._managers.lifetime and session.permanent and not session.closed:
        session.set_lifetime(lifetime)


def _warn_of_short_keys(app: App, lifetime: int, token_lifetime: int | None) -> None:
    """Warn of a lifetime that the application has set, but no sign-in can be given."""
    is_set = app.config[_LIFETIME] != app.default_config[_LIFETIME]
    if is_set and token_lifetime is not None and lifetime > token_lifetime:
        _log.warning(
            "%s is %d s, but the keys' token_lifetime is %d s, so a request that sets "
            "session.permanent will fail: raise token_lifetime in the rotation config, or lower "
            "the setting", _LIFETIME, lifetime, token_lifetime,
        )  # fmt: skip


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
