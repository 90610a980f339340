"""For the tests of applications: a fixed clock, a fixed ring, and clients that are signed in.

>>> from tokensession.testing import fixed_ring, session_cookie, set_on_starlette
>>> cookie = session_cookie(fixed_ring(), subject="ada", state={"cart": ["tea"]})
>>> set_on_starlette(client, cookie)                # TestClient(app, base_url="https://test")

Python's clients send no Secure cookies to http. So what is set here arrives either way, and what
the application answers comes back only if the client's base URL is https.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from tokensession.errors import ConfigError
from tokensession.format.base64url import b64url_encode
from tokensession.format.seconds import fractional_seconds
from tokensession.keys.ring import KeyRing
from tokensession.web.cookies import Cookie
from tokensession.web.options import manager_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from tokensession.format.claims import Subject
    from tokensession.format.seconds import Duration
    from tokensession.sessions.session import Session
    from tokensession.web.cookies import Headers
    from tokensession.web.manager import SessionManager

FIXED_NOW: Final = 1_785_000_000  # 2026-07-25T17:20:00Z
_PACKAGE: Final = "tokensession."


class FixedClock:
    """Stands in for the system's clock in all of this library, within a ``with``.

    >>> with FixedClock() as clock:
    ...     clock.advance(1800)

    Other libraries keep the time that it is; and so does a server in another process.

    Attributes:
        now: The Unix second that it is.
    """

    def __init__(self, now: int = FIXED_NOW) -> None:
        self.now: int = now
        self._stopped: list[ModuleType] = []

    def advance(self, seconds: Duration) -> None:
        """Let seconds, or a timedelta, pass."""
        self.now += int(fractional_seconds("seconds", seconds))

    def __call__(self) -> float:
        """Return the time, as ``time.time`` does."""
        return float(self.now)

    def __enter__(self) -> Self:
        """Stop the clock, in every module of the library that has been imported."""
        self._stopped = [
            module
            for name, module in list(sys.modules.items())
            if name.startswith(_PACKAGE) and vars(module).get("time") is time.time
        ]
        for module in self._stopped:
            vars(module)["time"] = self
        return self

    def __exit__(self, *_: object) -> None:
        """Let the system's clock run again."""
        for module in self._stopped:
            vars(module)["time"] = time.time
        self._stopped = []


def fixed_ring() -> KeyRing:
    """Return a ring of one HS256 key, the same in every run.

    Anybody knows its secret: it is refused in files, the environment and shared stores.
    """
    secret = sha256(b"tokensession.testing").digest()
    k = b64url_encode(secret).decode("ascii")
    return KeyRing.from_jwks(
        {"serial": 0, "keys": [{"kty": "oct", "kid": "testing", "alg": "HS256", "k": k}]}
    )


@dataclass(frozen=True, slots=True)
class SessionCookie:
    """A cookie with a session, as a browser would have it.

    Attributes:
        name: Its name.
        value: The token.
    """

    name: str
    value: str = field(repr=False)

    @property
    def header(self) -> str:
        """The value of a Cookie header with it."""
        return f"{self.name}={self.value}"


def session_cookie(
    keys: KeyRing | SessionManager[Any],
    *,
    subject: Subject = None,
    state: Any = None,
    now: float | None = None,
) -> SessionCookie:
    """Return the cookie of a session that has just begun.

    Args:
        keys: What the application has: its ring, or its `SessionManager`. Of a ring the cookie
            is ``__Host-session``.
        subject: Who is signed in, or None.
        state: The application's data; by default what a new session has.
        now: Unix seconds; the system's clock when None.

    Raises:
        ConfigError: A session of nothing, or sessions in a `Header`.
        StateError: A state that cannot be written.
    """
    manager = manager_of(keys, {})
    if not isinstance(manager.cookie, Cookie):
        raise ConfigError("sessions in a Header have no cookie: encode a token with the codec")
    session = manager.open((), now=now)
    if subject is not None:
        session.sign_in(subject)
    if state is not None:
        session.state = state
    headers: Headers = []
    manager.save(session, headers, now=now)
    for name, value in headers:
        if name == b"set-cookie":
            cookie, _, rest = value.decode("ascii").partition("=")
            return SessionCookie(cookie, rest.partition(";")[0])
    raise ConfigError("no cookie is set for a session of nothing: give a subject or a state")


def session_in(
    keys: KeyRing | SessionManager[Any],
    cookies: Mapping[str, str],
    *,
    now: float | None = None,
) -> Session[Any]:
    """Return the session that cookies carry; its ``refused`` says why there is none.

    Args:
        keys: What the application has.
        cookies: By name, such as ``client.cookies`` of Starlette's client.
        now: Unix seconds; the system's clock when None.
    """
    manager = manager_of(keys, {})
    text = "; ".join(f"{name}={value}" for name, value in cookies.items())
    session = manager.open([(b"cookie", text.encode("latin-1"))], now=now)
    session.open()
    return session


class _CookiesOfStarlette(Protocol):
    def set(self, name: str, value: str, domain: str = ...) -> None: ...


class _UrlOfStarlette(Protocol):
    @property
    def host(self) -> str: ...


class StarletteClient(Protocol):
    """The test client of Starlette and FastAPI, or any client of httpx."""

    @property
    def cookies(self) -> _CookiesOfStarlette:
        """Its cookies."""
        ...

    @property
    def base_url(self) -> _UrlOfStarlette:
        """The URL that its requests begin with."""
        ...


class FlaskClient(Protocol):
    """The test client of Flask."""

    def set_cookie(self, key: str, value: str = ..., /) -> None:
        """Set a cookie."""


class DjangoClient(Protocol):
    """The test client of Django."""

    cookies: Any


class _CookieJar(Protocol):
    def update_cookies(self, cookies: dict[str, str], response_url: Any, /) -> None: ...


class _SessionOfAiohttp(Protocol):
    @property
    def cookie_jar(self) -> _CookieJar: ...


class AiohttpClient(Protocol):
    """The test client of aiohttp."""

    @property
    def session(self) -> _SessionOfAiohttp:
        """What sends its requests."""
        ...

    def make_url(self, path: str, /) -> Any:
        """Return the URL of a path."""
        ...


def set_on_starlette(client: StarletteClient, cookie: SessionCookie) -> None:
    """Give a cookie to Starlette's or FastAPI's test client, or to any client of httpx."""
    host = client.base_url.host
    # As the jar files what the application sets, so that a change takes this cookie's place.
    domain = host if "." in host or not host else f"{host}.local"
    client.cookies.set(cookie.name, cookie.value, domain=domain)


def set_on_flask(client: FlaskClient, cookie: SessionCookie) -> None:
    """Give a cookie to Flask's test client."""
    client.set_cookie(cookie.name, cookie.value)


def set_on_django(client: DjangoClient, cookie: SessionCookie) -> None:
    """Give a cookie to Django's test client."""
    client.cookies[cookie.name] = cookie.value


def set_on_aiohttp(client: AiohttpClient, cookie: SessionCookie) -> None:
    """Give a cookie to aiohttp's test client."""
    url = client.make_url("/")  # of the server, so that a change takes this cookie's place
    client.session.cookie_jar.update_cookies({cookie.name: cookie.value}, url)
