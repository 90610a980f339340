"""The pages of docs/how-to and the tutorial do what they say."""

from __future__ import annotations

import json
from time import time
from typing import TYPE_CHECKING, Any

import pytest
from starlette.responses import JSONResponse
from starlette.testclient import TestClient

from tests.docs.pages import PAGES, blocks, commands, run
from tests.openid.tokens import DROPPED, key_set, logout_token
from tokensession.openid import provider_keys
from tokensession.testing import FixedClock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HOW_TO = {
    path.stem: path.read_text() for name, path in PAGES.items() if name.startswith("docs/how-to/")
}
TUTORIAL = PAGES["docs/tutorial.md"].read_text()
MINUTE, HOUR, DAY = 60, 3600, 86400


def program(page: str) -> str:
    """Return the first program of a page that is no dialogue."""
    return next(text for text in blocks(HOW_TO[page], "python") if not text.startswith(">>>"))


def https(app: Any) -> TestClient:
    """Return a client that keeps Secure cookies."""
    return TestClient(app, base_url="https://test", follow_redirects=False)


@pytest.mark.parametrize(("form", "seconds", "after"), [
    ({"user": "ada"}, 29 * MINUTE, "ada"),
    ({"user": "ada"}, 30 * MINUTE, None),
    ({"user": "ada", "remember": "on"}, 29 * DAY, "ada"),
    ({"user": "ada", "remember": "on"}, 30 * DAY, None),
])  # fmt: skip
def test_remember_me(
    load: Callable[[str], Any], form: dict[str, str], seconds: int, after: str | None
) -> None:
    """A remembered session lives for a month, another one for half an hour."""
    with FixedClock() as clock:
        client = load(program("remember-me")).app.test_client()
        response = client.post("/sign-in", data=form, base_url="https://localhost")
        (line,) = response.headers.getlist("Set-Cookie")
        assert ("Max-Age=2592000" in line) is ("remember" in form)
        client.set_cookie("__Host-session", line.partition("=")[2].partition(";")[0])
        clock.advance(seconds)
        assert client.get("/", base_url="https://localhost").json == {"user": after}


def test_remember_me_is_enough_outside_of_flask(load: Callable[[str], Any]) -> None:
    """In an ASGI application the cookie has a Max-Age by itself."""
    text = program("typed-sessions").split("async def visit")[0].replace(", state_type=Visit", "")
    module = load(text + SIGN_IN)
    line = https(module.app).post("/sign-in").headers["set-cookie"]
    assert "Max-Age=1800" in line


SIGN_IN = """
@app.post("/sign-in")
def sign_in(request: Request):
    request.session.sign_in("ada")
"""


def test_log_out_everywhere(load: Callable[[str], Any]) -> None:
    """A copy dies with its session, other devices end, and so does another user."""
    module = load(program("log-out-everywhere"))
    phone, laptop = https(module.app), https(module.app)
    for device in (phone, laptop):
        device.post("/sign-in?user=ada")
        assert device.get("/").json() == {"user": "ada"}
    phone.post("/sign-out-other-devices")
    assert phone.get("/").json() == {"user": "ada"}
    assert laptop.get("/").json() == {"user": None}
    copy = phone.cookies["__Host-session"]
    phone.post("/sign-out")
    thief = https(module.app)
    thief.cookies.set("__Host-session", copy, domain="test.local", path="/")
    assert thief.get("/").json() == {"user": None}
    bob = https(module.app)
    bob.post("/sign-in?user=bob")
    bob.post("/admin/end-sessions?user=bob")
    assert bob.get("/").json() == {"user": None}
    module.revocation.close()
    module.store.close()


PASSWORD = """
@app.post("/password")
def password(request: Request):
    password_changed(request.session)
"""


def test_after_a_password_change(load: Callable[[str], Any]) -> None:
    """The browser in hand goes on under a new id, and other devices and copies end."""
    setup, change = (
        text for text in blocks(HOW_TO["log-out-everywhere"], "python") if "def " in text
    )
    module = load(setup + change + PASSWORD)
    here, laptop, copy = (https(module.app) for _ in range(3))
    for device in (here, laptop):
        device.post("/sign-in?user=ada")
    copy.cookies.set("__Host-session", here.cookies["__Host-session"], domain="test.local")
    here.post("/password")
    users = [device.get("/").json()["user"] for device in (here, laptop, copy)]
    assert users == ["ada", None, None]
    module.revocation.close()
    module.store.close()


def test_typed_sessions(load: Callable[[str], Any]) -> None:
    """The dependency gives a state of the type, and its changes come back."""
    client = https(load(program("typed-sessions")).app)
    assert [client.get("/").json() for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize(("field", "visits"), [
    ("pages: int = 0\n    new: int = 3", 2),  # a default, so the session goes on
    ("pages: str = ''", None),  # another type
])  # fmt: skip
def test_what_a_changed_type_does(
    load: Callable[[str], Any], field: str, visits: int | None
) -> None:
    """A new field with a default keeps old sessions, and another type makes them unreadable."""
    text = program("typed-sessions")
    old = https(load(text).app)
    old.get("/")
    changed = text.replace("pages: int = 0", field).replace("session.state.pages += 1", "pass")
    module = load(changed.replace("-> int:", "-> str | None:", 1).replace(
        "return session.state.pages", "return session.refused"
    ))  # fmt: skip
    client = https(module.app)
    client.cookies.set("__Host-session", old.cookies["__Host-session"], domain="test.local")
    assert client.get("/").json() == (None if visits else "bad_state")


@pytest.mark.parametrize(("development", "visits"), [("1", [1, 2]), ("", [1, 1])])
def test_plain_http(
    load: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, development: str, visits: list[int]
) -> None:
    """Plain http keeps the session only where the page turns that on."""
    monkeypatch.setenv("SHOP_DEVELOPMENT", development)
    client = TestClient(load(program("plain-http")).app, base_url="http://shop.test")
    assert [client.get("/").json() for _ in range(2)] == visits


def test_a_token_in_a_header(load: Callable[[str], Any]) -> None:
    """The client gets its token in a header, and sends it as a bearer token."""
    client = https(load(program("api-tokens")).app)
    token = client.post("/sign-in?user=ada").headers["session-token"]
    answer = client.get("/", headers={"Authorization": f"Bearer {token}"})
    assert answer.json() == {"user": "ada"}
    assert not client.cookies


def test_a_form_that_another_site_posts(load: Callable[[str], Any]) -> None:
    """The cookie says SameSite=None, so that the callback finds what was kept."""
    client = https(load(program("oauth")).app)
    assert "; Secure; HttpOnly; SameSite=None" in client.get("/login").headers["set-cookie"]
    assert client.post("/callback").json() == {"state": "random text"}


class Shopper:
    """Plays the reader of the tutorial in a browser."""

    def __init__(self, module: Any) -> None:
        self.client = module.app.test_client()

    @property
    def cookie(self) -> str:
        """The value of the cookie, as the developer tools show it."""
        return str(self.client.get_cookie("__Host-session", "localhost").value)

    def get(self) -> str:
        """Return the page of the shop."""
        return str(self.client.get("/", base_url="https://localhost").text)

    def post(self, path: str, **form: str) -> int:
        """Return the status of what a button does."""
        response = self.client.post(path, data=form, base_url="https://localhost")
        return int(response.status_code)


def test_a_log_out_by_the_provider(
    load: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider ends the session that was signed in with it, for every copy of the cookie."""
    asked: list[str] = []

    def read(url: str) -> bytes:
        asked.append(url)
        return json.dumps(key_set()).encode()

    monkeypatch.setattr(provider_keys, "_read", read)
    shop = load(program("provider-logout"))
    claims = {"iss": shop.ISSUER, "sid": "s1", "sub": "ada"}
    shop.app.add_route("/sign-in", lambda request: JSONResponse(shop.signed_in(request, claims)))
    shop.app.add_route("/", lambda request: JSONResponse(request.session.subject))
    client = https(shop.app)
    client.get("/sign-in")
    assert client.get("/").json() == "ada"
    said = {"iss": shop.ISSUER, "aud": "your client id", "sid": "s1", "sub": DROPPED}
    token = logout_token(int(time()), **said)
    answer = https(shop.app).post("/provider-logout", data={"logout_token": token})
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert asked == [f"{shop.ISSUER}/jwks"]
    shop.revocation.read()
    assert client.get("/").json() is None


def test_the_tutorial(
    load: Callable[[str], Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each step of the tutorial shows what it says."""

    def told(command: str) -> str:
        run(command)
        return "".join(capsys.readouterr())

    shop, policy, revocation = blocks(TUTORIAL, "python")
    inspect, decode, again, revoke, schedule, rotate, status, *leak = commands(TUTORIAL)
    reader = Shopper(load(shop))
    assert 'action="/sign-in"' in reader.get()
    assert reader.post("/sign-in", user="ada", password="wrong") == 403
    assert reader.post("/sign-in", user="ada", password="correct horse") == 302
    assert reader.post("/add", item="<tea>") == 302
    assert "ada has in the cart: &lt;tea&gt;" in reader.get()
    token = reader.cookie
    (tmp_path / "token").write_text(token)
    assert "<tea>" not in told(inspect)  # its kid could well hold the letters of a name
    assert "ada" in told(decode)
    middle = len(token) // 2
    other = "A" if token[middle] != "A" else "B"
    (tmp_path / "token").write_text(token[:middle] + other + token[middle + 1 :])
    assert "bad_signature" in told(decode)
    (tmp_path / "token").write_text(token)
    exec(policy, {})  # noqa: S102  # our own text
    reader.post("/sign-out")
    assert 'action="/sign-in"' in reader.get()
    assert "ada" in told(again)  # the copy lives on
    module = load(shop + revocation)
    reader = Shopper(module)
    reader.post("/sign-in", user="ada", password="correct horse")
    copy = reader.cookie
    reader.post("/sign-out")
    reader.client.set_cookie("__Host-session", copy)
    assert 'action="/sign-in"' in reader.get()
    reader.post("/sign-in", user="ada", password="correct horse")
    assert "ada has" in reader.get()
    told(revoke)
    assert 'action="/sign-in"' in reader.get()
    told(schedule)
    told(rotate)
    assert "pending" in told("tokensession keys list session-keys.json")
    told(status)
    assert run("; ".join(["set -e", *leak[:2]])) == 0
    assert "revoked" in told(decode)
    module.store.close()
