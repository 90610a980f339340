"""The migration guide does what it says: each change of code, with a real session before it."""

from __future__ import annotations

import difflib
import re
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import flask
import jwt
import pytest
from markupsafe import Markup
from starlette.testclient import TestClient

from tests.legacy.test_django import django_cookie
from tests.legacy.test_express import FOLDER, express_cookies
from tokensession.adapters.flask import session_of
from tokensession.testing import session_in

if TYPE_CHECKING:
    from collections.abc import Callable

DOCS = Path(__file__).parents[2] / "docs"
GUIDE = (DOCS / "migration.md").read_text()
EXPRESS = (DOCS / "express.md").read_text()
MAX_CHANGED = 5  # lines, to change over a small application


def blocks(heading: str) -> list[str]:
    """Return the blocks of code under a heading of the guide, good for this century."""
    section = (
        GUIDE.replace("2030-01-31", "2100-01-31").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    )
    return re.findall(r"```python\n(.*?)```", section, re.DOTALL)


def run(code: str, **names: Any) -> dict[str, Any]:
    """Run a block, and return its names."""
    exec(compile(code, "migration.md", "exec"), names)  # noqa: S102  # our own document
    return names


def new_lines(before: str, after: str) -> list[str]:
    """Return the lines that a change adds or alters."""
    compared = difflib.ndiff(before.splitlines(), after.splitlines())
    return [line[2:] for line in compared if line.startswith("+ ") and line[2:].strip()]


@pytest.fixture(autouse=True)
def _keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def https(app: Any) -> TestClient:
    """Return a client that keeps Secure cookies."""
    return TestClient(app, base_url="https://test")


def changed_over(
    client: Any, cookies: Callable[[], dict[str, str]], ask: Callable[[str], Any]
) -> None:
    """Check what must follow, with a client that carries the old cookie of user 42."""
    assert ask("/") == 42
    assert set(cookies()) == {"__Host-session"}
    assert ask("/") == 42
    ask("/out")
    assert cookies() == {}
    assert ask("/") is None


def test_starlette() -> None:
    """Five lines; the session goes on, and after sign-out it is gone."""
    before, after = blocks("Starlette and FastAPI")
    assert len(new_lines(before, after)) <= MAX_CHANGED
    old, new = https(run(before)["app"]), https(run(after)["app"])
    old.get("/in")
    new.cookies.set("session", old.cookies["session"], domain="test.local", path="/")
    changed_over(new, lambda: dict(new.cookies), lambda path: new.get(path).json())


def test_flask() -> None:
    """Five lines; the session goes on, and after sign-out it is gone."""
    before, after = blocks("Flask")
    assert len(new_lines(before, after)) <= MAX_CHANGED
    old, new = run(before)["app"].test_client(), run(after)["app"].test_client()
    old.get("/in")
    new.set_cookie("session", old.get_cookie("session").value)

    def cookies() -> dict[str, str]:
        names = ("session", "__Host-session")
        return {name: new.get_cookie(name).value for name in names if new.get_cookie(name)}

    changed_over(new, cookies, lambda path: new.get(path, base_url="https://localhost").json)


@pytest.mark.parametrize(("value", "found"), [
    ((1, [2]), [1, [2]]),
    (Markup("<b>"), "<b>"),
    (datetime(2030, 1, 31, tzinfo=UTC), datetime(2030, 1, 31, tzinfo=UTC)),
    (b"\xff", b"\xff"),
    (UUID(int=1), None),
])  # fmt: skip
def test_values_of_flask(value: Any, found: Any) -> None:
    """An old session comes back with the types that the guide names; a UUID refuses it."""
    before, after = (run(code)["app"] for code in blocks("Flask"))
    with before.test_client() as old, old.session_transaction() as session:
        session["value"] = value
    with after.test_client() as new:
        new.set_cookie("session", old.get_cookie("session").value)
        new.get("/", base_url="https://localhost")
        got, refused = flask.session.get("value"), session_of(flask.request).refused
    assert (got, refused) == (found, None if found else "bad_state")
    assert type(got) is type(found)


def test_django() -> None:
    """The settings take a session of the old ones over."""
    before, after = blocks("Django")
    assert len(new_lines(before, after)) <= MAX_CHANGED + 2  # the reader and its import
    settings = run(after)
    value = django_cookie({"_auth_user_id": "42"}, run(before)["SECRET_KEY"]).decode()
    session = session_in(settings["TOKENSESSION_KEYS"], {"sessionid": value})
    assert (session.subject, session.state) == ("42", {"_auth_user_id": "42"})


def test_express(slow: None) -> None:
    """Both of its cookies are taken over."""
    (code,) = blocks("Express")
    app = run(code, TODAY=datetime.now(UTC).date())["app"]
    client = https(app)
    for name, value in express_cookies({"userId": 42}, "the second of keys").items():
        client.cookies.set(name, value, domain="test.local", path="/")
    assert client.get("/").json() == 42
    assert set(client.cookies) == {"__Host-session"}


def test_jwt() -> None:
    """Subject and state are carried over, the registered claims are not."""
    (code,) = blocks("JWT")
    names = run(code)
    claims = {"sub": "ada", "aud": "shop", "iat": datetime.now(UTC), "cart": ["tea"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the secret is short is the old application's
        value = jwt.encode(claims, names["SECRET"], algorithm="HS256")
    client = https(names["app"])
    client.cookies.set("access_token", value, domain="test.local", path="/")
    assert client.get("/").json() == ["ada", {"cart": ["tea"]}]
    assert set(client.cookies) == {"__Host-session"}


def test_every_option_of_express_has_its_row() -> None:
    """Those of cookie-session as its own documentation names them, and those of express-session."""
    readme = (FOLDER / "node_modules" / "cookie-session" / "README.md").read_text()
    options = readme.split("### cookieSession(options)")[1].split("### req.session")[0]
    names = {*re.findall(r"^##### (\w+)$", options, re.MULTILINE)}
    names |= {*re.findall(r"^  - `(\w+)`", options, re.MULTILINE)}
    assert {"name", "keys", "secret", "maxAge", "sameSite"} <= names
    names |= {
        "genid", "proxy", "resave", "rolling", "saveUninitialized", "store", "unset",
        "cookie.domain", "cookie.expires", "cookie.httpOnly", "cookie.maxAge", "cookie.path",
        "cookie.originalMaxAge", "cookie.partitioned", "cookie.priority", "cookie.sameSite",
        "cookie.secure", "regenerate()", "destroy()", "reload()", "save()", "touch()",
        "req.sessionID", "req.sessionOptions", "isChanged", "isNew", "isPopulated",
    }  # fmt: skip
    rows = {
        name
        for line in EXPRESS.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`([^`]+)`", line.split("|")[1])
    }
    assert names - rows == set()
