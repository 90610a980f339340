"""The log tells once that a Secure cookie was answered over plain http."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tokensession import Cookie, Header, KeyRing, SessionManager
from tokensession.web import plain_http

if TYPE_CHECKING:
    from tokensession.web.cookies import Headers

HOST = (b"host", b"shop.example")


@pytest.fixture(autouse=True)
def untold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin as a process that has told nothing yet."""
    monkeypatch.setattr(plain_http, "_told", set())


def answered(
    manager: SessionManager[Any], headers: Headers, scheme: str | None = "http"
) -> list[str]:
    """Sign in over a connection; return the names of the response's headers."""
    session = manager.open(headers, scheme=scheme)
    session.sign_in("ada")
    response: Headers = []
    manager.save(session, response)
    return [name.decode() for name, _ in response]


@pytest.mark.parametrize("host", [b"shop.example", b"192.168.1.5:8000", b"testserver", b"local"])
def test_a_cookie_that_browsers_drop_is_told(
    manager: SessionManager[Any], caplog: pytest.LogCaptureFixture, host: bytes
) -> None:
    """One warning, with what to do; the cookie is sent all the same."""
    assert "set-cookie" in answered(manager, [(b"host", host)])
    (message,) = caplog.messages
    assert message.startswith("the Secure cookie __Host-session was answered over plain http")
    for remedy in ("X-Forwarded-Proto: https", "base URL", "localhost", "http_development=True"):
        assert remedy in message
    assert host.decode() not in message.replace("http://localhost", "")


def test_it_is_told_once(
    manager: SessionManager[Any], hs256: KeyRing, caplog: pytest.LogCaptureFixture
) -> None:
    """The warning comes once for each cookie's name, for any number of requests."""
    for _ in range(3):
        answered(manager, [HOST])
        answered(SessionManager(hs256), [HOST])
    assert len(caplog.messages) == 1
    answered(SessionManager(hs256, cookie=Cookie(name="__Host-other")), [HOST])
    assert len(caplog.messages) == 2
    assert "__Host-other" in caplog.messages[1]


@pytest.mark.parametrize(
    "host",
    [
        b"localhost", b"localhost:8000", b"LOCALHOST", b"app.localhost:80", b"127.0.0.1:8000",
        b"127.1.2.3", b"[::1]", b"[::1]:8000",
    ],
)  # fmt: skip
def test_a_developers_machine_is_no_cause(
    manager: SessionManager[Any], caplog: pytest.LogCaptureFixture, host: bytes
) -> None:
    """Browsers keep Secure cookies of localhost."""
    answered(manager, [(b"host", host)])
    assert caplog.messages == []


@pytest.mark.parametrize(
    "more",
    [
        (b"x-forwarded-proto", b"https"),
        (b"x-forwarded-proto", b"HTTPS, http"),
        (b"forwarded", b"for=192.0.2.60;proto=https;by=203.0.113.43"),
        (b"forwarded", b'proto="https"'),
        (b"forwarded", b"for=10.0.0.1, for=10.0.0.2; proto=https"),
        (b"sec-fetch-site", b"same-origin"),
        (b"cookie", b"a=1; __Host-session=eyJ"),
    ],
)
def test_a_proxy_that_ends_tls_is_no_cause(
    manager: SessionManager[Any],
    caplog: pytest.LogCaptureFixture,
    more: tuple[bytes, bytes],
) -> None:
    """It says so, or the browser sends what it sends over https alone."""
    answered(manager, [HOST, more])
    assert caplog.messages == []


@pytest.mark.parametrize(
    "more",
    [
        (b"x-forwarded-proto", b"http"),
        (b"x-forwarded-proto", b"http, https"),
        (b"forwarded", b"for=https;proto=http"),
        (b"cookie", b"another=1"),
    ],
)
def test_a_proxy_that_speaks_http_is_a_cause(
    manager: SessionManager[Any],
    caplog: pytest.LogCaptureFixture,
    more: tuple[bytes, bytes],
) -> None:
    """The first hop is the browser's."""
    answered(manager, [HOST, more])
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("scheme", ["https", "wss", None])
def test_another_scheme_is_no_cause(
    manager: SessionManager[Any], caplog: pytest.LogCaptureFixture, scheme: str | None
) -> None:
    """Another or an unknown scheme causes no warning."""
    answered(manager, [HOST], scheme)
    assert caplog.messages == []


def test_only_what_sets_a_secure_cookie_is_told(
    manager: SessionManager[Any], hs256: KeyRing, caplog: pytest.LogCaptureFixture
) -> None:
    """No deletion, no token in a header, no cookie for development, and no untouched session."""
    ended = manager.open([HOST, (b"cookie", b"__Host-session=x")], scheme="http")
    ended.clear()
    manager.save(ended, [])
    answered(SessionManager(hs256, cookie=Header()), [HOST])
    answered(SessionManager(hs256, cookie=Cookie(name="s", http_development=True)), [HOST])
    manager.save(manager.open([HOST], scheme="http"), [])
    assert caplog.messages == []


def test_a_request_without_a_host_is_no_cause(
    manager: SessionManager[Any], caplog: pytest.LogCaptureFixture
) -> None:
    """No browser sends one."""
    answered(manager, [])
    assert caplog.messages == []
