"""The session of one request, with the interface of Flask's and Quart's sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask import request as current_request
from flask.sessions import SecureCookieSession, SessionMixin  # `flask` can be a patch of Quart's
from markupsafe import Markup
from werkzeug.local import LocalProxy

from tokensession.adapters.jinja import SessionInTemplates
from tokensession.adapters.plain_form import plain_form
from tokensession.errors import ConfigError
from tokensession.web.change import is_signed_out
from tokensession.web.request_session import RequestSession

if TYPE_CHECKING:
    from flask.sansio.app import App
    from werkzeug.sansio.request import Request

    from tokensession.adapters.flask_managers import Managers


_SESSION: Final = "_session_of_request"  # the attribute of a request that has its session
_FLASHES: Final = "_flashes"  # Flask's own key for flashed messages
_PERMANENT: Final = "_permanent"  # Flask's own key for `permanent`
_MARKUP: Final = " m"  # the key of a map for marked-up text, as in Flask's own cookie
_ANSWERED: Final = 200
_CORE: Final = (str, int, float, bool, bytes, dict, list, tuple, type(None))


class Session(RequestSession[Any], SessionMixin):
    """The session of one request, with the interface of Flask's sessions.

    Flashed messages keep their markup, and lazy texts are written as str.
    """

    @property  # type: ignore[misc]  # typeshed lets it be set
    def __class__(self) -> type[Any]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The class of the framework's own session, because packages check for it."""
        return SecureCookieSession

    _managers: Managers  # with the life of a permanent session
    # A sign-in extension's note about its own cookie, which `clear` must keep.
    _pending: dict[str, Any] | None = None

    @property
    def permanent(self) -> bool:
        """Whether the session outlives the browser: its cookie has a Max-Age, and it lives longer.

        Setting it raises a ConfigError if the policy's `longest` is below
        PERMANENT_SESSION_LIFETIME.
        """
        value = self._value or self._open()
        return not value.is_mapping or bool(self.get(_PERMANENT, False))

    @permanent.setter
    def permanent(self, value: bool) -> None:
        self[_PERMANENT] = bool(value)

    def __setitem__(self, key: str, item: Any) -> None:
        """Set a value of the state. Flask's key for `permanent` sets the session's lifetime too."""
        super().__setitem__(key, plain_form(item))
        if key == _PERMANENT:
            self.set_lifetime(self._managers.lifetime if item else None)

    def _keep_lifetime(self) -> None:
        """Keep the new session permanent if the former one was."""
        if self.permanent:
            self.set_lifetime(self._managers.lifetime)

    def clear(self) -> None:
        """Sign out: remove state and subject. Later changes belong to a new session."""
        super().clear()
        if self._pending:
            self.update(self._pending)

    _is_unsent = False  # whether it was changed where no response reaches the browser

    def _refuse_unsent(self, environ: dict[str, Any], status: int) -> None:
        """Refuse to save what no response carries: changes in a WebSocket's handler.

        Args:
            environ: Of the request.
            status: Of the response; 200 from a handler that has answered by its WebSocket.

        Raises:
            ConfigError: The handler is Flask-SocketIO's, or a view that took the WebSocket, as
                with Flask-Sock. A sign-out that the revocation list records is done.
        """
        # `hasattr` of what is missing costs several times as much.
        request = current_request.__dict__
        if "sid" in request and "namespace" in request:
            raise ConfigError(
                "the session was changed in a handler of Flask-SocketIO, where no response gives "
                "the browser its new token: change it in a view, or leave manage_session=True"
            )
        if environ.get("HTTP_UPGRADE", "").lower() != "websocket" or status != _ANSWERED:
            return
        value, manager = self._value, self._managers.permanent
        if value is None or not manager.is_changed(self):
            return
        if not (is_signed_out(value) and manager.codec.revocations is not None):
            self._is_unsent = True
            raise ConfigError(
                "the session was changed in a WebSocket, where no response gives the browser its "
                "new token: change it in a view without a WebSocket"
            )

    # -- flashes: read in Flask's form, stored as core values --------------------------------

    def __getitem__(self, key: str) -> Any:
        """Return a value of the state."""
        item = super().__getitem__(key)
        return self._read(item) if key == _FLASHES else item

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value of the state, or a default."""
        item = super().get(key, default)
        return self._read(item) if key == _FLASHES else item

    def _read(self, flashes: Any) -> Any:
        """Return messages with their markup; the same list, while it can change in place."""
        if not isinstance(flashes, list):
            return flashes
        read = [_read_one(entry) for entry in flashes]
        if self.closed:
            return read
        flashes[:] = read
        return flashes

    def keep_flashes(self) -> Any:
        """Convert flashed messages to the form of tokens; return the former value."""
        value = self._value
        flashes = value.state.get(_FLASHES) if value is not None and value.is_mapping else None
        if value is not None and isinstance(flashes, list):
            value.state[_FLASHES] = [_kept(entry) for entry in flashes]
        return flashes

    @property
    def modified(self) -> bool:
        """Whether the session has changed, or the application has marked it as changed."""
        flashes = self.keep_flashes()
        try:
            return super().modified
        finally:
            if isinstance(flashes, list):
                self._open().state[_FLASHES] = flashes

    @modified.setter
    def modified(self, value: bool) -> None:
        self._flagged = bool(value)

    def check(self) -> None:
        """Raise now what writing the session would raise; see `RequestSession.check`."""
        self.keep_flashes()
        super().check()


def session_of(request: Request) -> Session:
    """Return the session of a request of Flask or Quart; it is ``session``, typed.

    Args:
        request: ``request``, or in Quart ``websocket`` too.

    Raises:
        ConfigError: The application has another session interface.
    """
    session = getattr(request, _SESSION, None)
    if not isinstance(session, Session):
        raise ConfigError(
            "this application has no sessions of tokensession: set app.session_interface = "
            "SessionInterface(keys), of tokensession.adapters.flask or of .quart"
        )
    return session


def put_into(request: Request, session: Session) -> None:
    """Put a session where `session_of` finds it."""
    setattr(request, _SESSION, session)


def write_as_json(app: App) -> None:
    """Let an application's JSON provider write a session: in views, and by ``tojson``."""
    provider: Any = app.json
    default = getattr(provider, "default", None)
    if default is None:  # a provider of the application's own
        return

    def with_sessions(value: Any) -> Any:
        if isinstance(value, SessionInTemplates):
            value = value._session
        # The framework's proxy answers `isinstance` by the `__class__` of its session.
        session = value._get_current_object() if type(value) is LocalProxy else value
        return session.state if isinstance(session, RequestSession) else default(value)

    provider.default = with_sessions


def _read_one(entry: Any) -> Any:
    """Return a message and its category in Flask's form."""
    if not isinstance(entry, list | tuple):
        return entry
    return tuple(_read_part(part) for part in entry)


def _read_part(part: Any) -> Any:
    if not isinstance(part, dict) or [*part] != [_MARKUP]:
        return part
    kept = part[_MARKUP]
    # Our own token is as trusted as the application's value.
    return Markup(kept) if isinstance(kept, str) else kept  # noqa: S704


def _kept(entry: Any) -> Any:
    """Return a message and its category as core values; lazy texts are evaluated here."""
    if isinstance(
        entry, tuple
    ):  # the form of `flash` and of reading; a list has the form of tokens
        entry = [_escaped(part) for part in entry]
    return [_kept_part(part) for part in entry] if isinstance(entry, list) else entry


def _escaped(part: Any) -> Any:
    """Return a part; an application's map that looks like marked-up text is wrapped in one."""
    return {_MARKUP: part} if isinstance(part, dict) and [*part] == [_MARKUP] else part


def _kept_part(part: Any) -> Any:
    html = getattr(part, "__html__", None)
    if callable(html):
        return {_MARKUP: str(html())}
    return part if isinstance(part, _CORE) else str(part)
