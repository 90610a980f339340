"""For the tests of applications: a fixed clock, a fixed ring, and clients that are signed in.

>>> from tokensession.testing import fixed_ring, session_cookie, set_on_starlette
>>> cookie = session_cookie(fixed_ring(), subject="ada", state={"cart": ["tea"]})
>>> set_on_starlette(client, cookie)                # TestClient(app, base_url="https://test")

Python's HTTP clients do not send Secure cookies over http. The functions here set cookies that are
sent anyway. Cookies that the application sets come back only if the client's base URL is https.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from hashlib import sha256
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from tokensession.errors import ConfigError
from tokensession.format.base64url import b64url_encode
from tokensession.format.claims import MAX_SECONDS
from tokensession.format.seconds import duration, whole_seconds
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
    """Replace the system's clock in this library, within a ``with`` block.

    >>> with FixedClock() as clock:
    ...     clock.advance(1800)

    Other libraries and other processes keep the real time.

    Attributes:
        now: The current Unix second of this clock.
    """

    def __init__(self, now: int = FIXED_NOW) -> None:
        self.now: int = whole_seconds(now)
        self._stopped: list[list[tuple[ModuleType, object]]] = []  # by block, with their clocks

    def advance(self, seconds: Duration) -> None:
        """Move the clock by seconds or a timedelta."""
        self.now += duration("seconds", seconds, least=-MAX_SECONDS)

    def __call__(self) -> float:
        """Return the time, as ``time.time`` does."""
        return float(self.now)

    def __enter__(self) -> Self:
        """Stop the clock in every imported module of the library."""
        stopped: list[tuple[ModuleType, object]] = []
        for name, module in list(sys.modules.items()):
            clock = vars(module).get("time") if name.startswith(_PACKAGE) else None
            if clock is time.time or isinstance(clock, FixedClock):
                stopped.append((module, clock))
                vars(module)["time"] = self
        self._stopped.append(stopped)
        return self

    def __exit__(self, *_: object) -> None:
        """Let the former clock run again."""
        for module, clock in self._stopped.pop():
            vars(module)["time"] = clock


def fixed_ring() -> KeyRing:
    """Return a ring with one HS256 key, the same in every run.

    Its secret is public, so files, environment variables and shared stores refuse it.
    """
    secret = sha256(b"tokensession.testing").digest()
    k = b64url_encode(secret).decode("ascii")
    return KeyRing.from_jwks(
        {"serial": 0, "keys": [{"kty": "oct", "kid": "testing", "alg": "HS256", "k": k}]}
    )


@dataclass(frozen=True, slots=True)
class SessionCookie:
    """A session cookie, as a browser would hold it.

    Attributes:
        name: The cookie's name.
        value: The token.
        path: The path below which browsers send it.
        domain: The domain to whose hosts browsers send it, or None for only the host.
    """

    name: str
    value: str = field(repr=False)
    path: str = "/"
    domain: str | None = None

    @property
    def header(self) -> str:
        """The value of a Cookie header that holds this cookie."""
        return f"{self.name}={self.value}"


def session_cookie(
    keys: KeyRing | SessionManager[Any],
    *,
    subject: Subject = None,
    state: Any = None,
    now: float | None = None,
) -> SessionCookie:
    """Return the cookie of a session that has just started.

    Args:
        keys: The application's ring or `SessionManager`. For a ring, the cookie's name is
            ``__Host-session``.
        subject: The signed-in subject, or None.
        state: The application's data; by default the state of a new session.
        now: Unix seconds; the system's clock when None.

    Raises:
        ConfigError: The session would be empty, or the manager uses a `Header`.
        StateError: The state cannot be written.
    """
    manager = manager_of(keys, {})
    kept = manager.cookie
    if not isinstance(kept, Cookie):
        raise ConfigError("a manager with a Header sets no cookie: encode a token with its codec")
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
            return SessionCookie(cookie, rest.partition(";")[0], kept.path, kept.domain)
    raise ConfigError("an empty session sets no cookie: pass a subject or a state")


def session_in(
    keys: KeyRing | SessionManager[Any],
    cookies: Mapping[str, str],
    *,
    now: float | None = None,
) -> Session[Any]:
    """Return the session in the cookies; if there is none, its ``refused`` says why.

    Args:
        keys: The application's ring or `SessionManager`.
        cookies: Cookies by name, such as ``client.cookies`` of Starlette's client.
        now: Unix seconds; the system's clock when None.
    """
    manager = manager_of(keys, {})
    text = "; ".join(f"{name}={value}" for name, value in cookies.items())
    session = manager.open([(b"cookie", text.encode("latin-1"))], now=now)
    session.open()
    return session


class _CookiesOfStarlette(Protocol):
    def set(self, name: str, value: str, domain: str = ..., path: str = ...) -> None: ...


class _UrlOfStarlette(Protocol):
    @property
    def host(self) -> str: ...


class StarletteClient(Protocol):
    """The test client of Starlette and FastAPI, or any client of httpx."""

    @property
    def cookies(self) -> _CookiesOfStarlette:
        """The client's cookies."""
        ...

    @property
    def base_url(self) -> _UrlOfStarlette:
        """The base URL of the client's requests."""
        ...


class FlaskClient(Protocol):
    """The test client of Flask."""

    @property
    def application(self) -> Any:
        """The application."""
        ...

    def set_cookie(
        self,
        key: str,
        value: str = ...,
        /,
        *,
        domain: str = ...,
        origin_only: bool = ...,
        path: str = ...,
    ) -> None:
        """Set a cookie."""


class DjangoClient(Protocol):
    """The test client of Django."""

    cookies: Any


class _CookieJar(Protocol):
    def update_cookies(self, cookies: Any, response_url: Any, /) -> None: ...


class _SessionOfAiohttp(Protocol):
    @property
    def cookie_jar(self) -> _CookieJar: ...


class AiohttpClient(Protocol):
    """The test client of aiohttp."""

    @property
    def session(self) -> _SessionOfAiohttp:
        """The session that sends the client's requests."""
        ...

    def make_url(self, path: str, /) -> Any:
        """Return the URL of a path."""
        ...


def set_on_starlette(client: StarletteClient, cookie: SessionCookie) -> None:
    """Set a cookie in the test client of Starlette or FastAPI, or in a client of httpx."""
    host = client.base_url.host
    # Use the domain that the jar gives the application's cookies, so that these replace this one.
    domain = host if "." in host or not host else f"{host}.local"
    if cookie.domain is not None:
        domain = f".{cookie.domain}"
    client.cookies.set(cookie.name, cookie.value, domain=domain, path=cookie.path)


def set_on_flask(client: FlaskClient, cookie: SessionCookie) -> None:
    """Set a cookie in Flask's test client."""
    server: str = client.application.config["SERVER_NAME"] or "localhost"
    client.set_cookie(
        cookie.name,
        cookie.value,
        domain=cookie.domain or server.partition(":")[0],
        origin_only=cookie.domain is None,
        path=cookie.path,
    )


def set_on_django(client: DjangoClient, cookie: SessionCookie) -> None:
    """Set a cookie in Django's test client."""
    client.cookies[cookie.name] = cookie.value


def set_on_aiohttp(client: AiohttpClient, cookie: SessionCookie) -> None:
    """Set a cookie in aiohttp's test client."""
    url = client.make_url("/")  # the server's URL, so that its cookies replace this one
    jar: SimpleCookie = SimpleCookie({cookie.name: cookie.value})
    jar[cookie.name]["path"] = cookie.path
    jar[cookie.name]["domain"] = cookie.domain or ""
    client.session.cookie_jar.update_cookies(jar, url)
