"""The quick starts of docs/frameworks run, before and after the switch."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import flask
import pytest
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from markupsafe import Markup

from tests.adapters.servers import Site, serve_aiohttp, serve_asgi, serve_tornado, serve_wsgi
from tests.docs.pages import blocks, patched, started
from tokensession import KeyRing
from tokensession.adapters.flask import SessionInterface
from tokensession.web.options import Options

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

FOLDER = Path(__file__).parents[2] / "docs" / "frameworks"
SECTIONS = {path.stem: path.read_text() for path in FOLDER.glob("*.md") if path.name != "README.md"}
SERVERS: dict[str, Callable[[Any], AbstractContextManager[Site]]] = {
    "flask": serve_wsgi,
    "quart": serve_asgi,
    "starlette": serve_asgi,
    "fastapi": serve_asgi,
    "litestar": serve_asgi,
    "aiohttp": lambda app: serve_aiohttp(lambda: app),
    "pyramid": serve_wsgi,
    "tornado": serve_tornado,
    "wsgi": serve_wsgi,
}
DJANGO = "django"
BASE = "https://localhost"
SWITCHED = {"flask": 5, DJANGO: 6, "starlette": 5}  # lines, to change over
# Run in an environment of their own, by tests/ecosystem/test_frameworks.py.
ELSEWHERE = {"blacksheep", "sanic", "cherrypy"}


def changes(section: str) -> list[str]:
    """Return the lines of a page's change, which is its first block."""
    block, *_ = re.findall(r"```diff\n(.*?)```", SECTIONS[section], re.DOTALL)
    return str(block).splitlines()


def program(section: str, *, before: bool = False) -> str:
    """Return a page's application, its first block, after the switch or before it."""
    if "```diff" not in SECTIONS[section] or section == DJANGO:  # whose change is of settings
        block, *_ = re.findall(r"```python\n(.*?)```", SECTIONS[section], re.DOTALL)
        return str(block)
    left_out = "+" if before else "-"
    return "\n".join(line[1:] for line in changes(section) if line[:1] != left_out)


class Browser:
    """Keeps the one cookie of a site."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.cookie = ""

    def ask(self, path: str, method: str = "GET") -> Any:
        """Return what the application answers."""
        lines = (self.cookie,) if self.cookie else ()
        response = self.site.get(path, *lines, method=method)
        assert response.status_code in (200, 201), response.text
        for line in response.headers.get_list("set-cookie"):
            pair = line.partition(";")[0]
            gone = "Max-Age=0" in line or pair.endswith(("=", "=null"))
            self.cookie = "" if gone else pair
        return response.json()


def visit(browser: Browser) -> None:
    """Visit, sign in, visit, and sign out."""
    assert browser.ask("/") == {"user": None, "visits": 1}
    assert browser.ask("/") == {"user": None, "visits": 2}
    browser.ask("/sign-in?user=ada", "POST")
    assert browser.ask("/") == {"user": "ada", "visits": 3}
    browser.ask("/sign-out", "POST")
    assert browser.cookie == ""
    assert browser.ask("/") == {"user": None, "visits": 1}


def test_every_page_is_run() -> None:
    """A new page needs a server here, and a row in the table of frameworks."""
    assert set(SECTIONS) == {*SERVERS, DJANGO, *ELSEWHERE}
    table = (FOLDER / "README.md").read_text()
    assert all(f"]({name}.md)" in table for name in SECTIONS)


@pytest.mark.parametrize("section", SERVERS)
def test_quick_start(section: str, tmp_path: Path, load: Callable[[str], Any]) -> None:
    """The application runs as it stands, and carries its session in a token."""
    module = load(program(section))
    with SERVERS[section](module.app) as site:
        browser = Browser(site)
        visit(browser)
        assert browser.cookie.startswith("__Host-session=")
    assert (tmp_path / "session-keys.json").exists()


@pytest.mark.parametrize("section", SERVERS)
def test_the_line_that_starts_it(section: str, tmp_path: Path, slow: None) -> None:
    """The program is saved and started as its page says, and gives the browser a session."""
    (line,) = re.findall(
        r"^Save it as `shop.py` and start it with `(.*?)`", SECTIONS[section], re.MULTILINE
    )
    (tmp_path / "shop.py").write_text(program(section))
    with started(line, tmp_path) as client:
        answer = client.get("/")
        assert answer.json() == {"user": None, "visits": 1}
        assert answer.headers["Set-Cookie"].startswith("__Host-session=")


@pytest.mark.parametrize("section", ["flask", "starlette"])
def test_before_the_switch(section: str, load: Callable[[str], Any]) -> None:
    """The same application with the framework's own session does the same."""
    module = load(program(section, before=True))
    with SERVERS[section](module.app) as site:
        browser = Browser(site)
        visit(browser)
        assert browser.cookie.startswith("session=")


@pytest.mark.parametrize(("section", "most"), SWITCHED.items())
def test_a_switch_is_a_few_lines(section: str, most: int) -> None:
    """No more need to be changed."""
    lines = changes(section)
    assert 0 < sum(line[:1] == "+" for line in lines) <= most
    assert 0 < sum(line[:1] == "-" for line in lines) <= most


def flask_story(interface: Any) -> list[Any]:
    """Return what a Flask application with flashed messages and its test client show."""
    app = Flask("shop")
    app.secret_key = "a secret of this application"
    app.session_interface = interface

    @app.post("/save")
    def save() -> Any:
        flask.flash(Markup("<b>saved</b>"))
        flask.flash("again", "note")
        flask.session["saved"] = flask.session.get("saved", 0) + 1
        return flask.redirect("/")

    @app.get("/")
    def home() -> Any:
        return flask.render_template_string(
            "{{ get_flashed_messages(with_categories=True) | safe }}{{ session.saved }}"
            "{% for message in get_flashed_messages() %}{{ message }}{% endfor %}"
        )

    shown: list[Any] = []
    with app.test_client() as client:
        for path in ("/save", "/"):
            shown.append(client.post(path, base_url=BASE, follow_redirects=True).text)
            shown.append(dict(flask.session))
        with client.session_transaction(base_url=BASE) as session:
            session["saved"] += 10
        shown.append(client.get("/", base_url=BASE).text)
        with client.session_transaction(base_url=BASE) as session:
            shown.append(dict(session))
    return shown


def test_flask_works_as_before() -> None:
    """Messages, templates, the test client and its transactions show what Flask's session shows."""
    before = flask_story(SecureCookieSessionInterface())
    assert before[0] == "[('message', Markup('<b>saved</b>')), ('note', 'again')]1<b>saved</b>again"
    assert before[-2].endswith("11")
    assert flask_story(SessionInterface(KeyRing.generate())) == before


@pytest.mark.parametrize("each", [True, False])
def test_a_setting_of_flask_without_effect(*, each: bool) -> None:
    """A permanent session is renewed in time, with `SESSION_REFRESH_EACH_REQUEST` and without."""
    app = Flask("shop")
    app.config["SESSION_REFRESH_EACH_REQUEST"] = each
    app.session_interface = SessionInterface(KeyRing.generate())

    @app.get("/")
    def home() -> dict[str, bool]:
        flask.session.permanent = True
        return {"new": flask.session.setdefault("seen", True)}

    client = app.test_client()
    answers = [client.get("/", base_url=BASE).headers.getlist("Set-Cookie") for _ in range(3)]
    assert [len(lines) for lines in answers] == [1, 0, 0]


def test_the_options_of_every_adapter() -> None:
    """The table has each option, and a short form of one."""
    table = (FOLDER / "README.md").read_text().split("## Options")[1].split("## ")[0]
    rows = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert set(rows) == {*Options.__optional_keys__, "cookie_name"}


DRIVER = """
import django
django.setup()
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client

call_command("migrate", verbosity=0)
get_user_model().objects.create_superuser("ada", password="correct horse")
client = Client()


def ask(method, path, **form):
    response = getattr(client, method)(path, form, headers={"host": "localhost"})
    return response.status_code, response.content and response.json()


assert ask("get", "/") == (200, {"user": None, "visits": 1})
assert ask("get", "/") == (200, {"user": None, "visits": 2})
assert ask("get", "/sign-in")[0] == 405
assert ask("post", "/sign-in", username="ada", password="wrong")[0] == 403
assert ask("post", "/sign-in", username="ada", password="correct horse")[0] == 200
assert ask("get", "/") == (200, {"user": "ada", "visits": 3})
assert b"Site administration" in client.get("/admin/", headers={"host": "localhost"}).content
print(*client.cookies)
ask("post", "/sign-out")
assert ask("get", "/") == (200, {"user": None, "visits": 1})
if apps.is_installed("django.contrib.sessions"):
    Session = apps.get_model("sessions", "Session")
    kept = Session.objects.count()
    call_command("clearsessions")
    assert Session.objects.count() == kept
    print(f"rows:{bool(kept)}")
"""


@pytest.mark.parametrize(("project", "printed"), [
    ("before", {"sessionid", "rows:True"}),
    ("after", {"__Host-session", "rows:False"}),
    ("after, without django.contrib.sessions", {"__Host-session"}),
])  # fmt: skip
def test_django(tmp_path: Path, project: str, printed: set[str]) -> None:
    """A project of Django's does the same before the change of its settings and after it.

    After it no request writes the table of sessions, and the application of sessions can go.
    """
    start = [sys.executable, "-m", "django", "startproject", "shop", "."]
    subprocess.run(start, cwd=tmp_path, check=True, timeout=300)  # noqa: S603  # our own text
    settings = tmp_path / "shop" / "settings.py"
    if project != "before":
        text = patched(settings.read_text(), "\n".join(changes(DJANGO)))
        if "without" in project:
            text = text.replace("    'django.contrib.sessions',\n", "")
        settings.write_text(text)
    urls, *_ = blocks(SECTIONS[DJANGO], "python")
    (tmp_path / "shop" / "urls.py").write_text(urls)
    done = subprocess.run(  # noqa: S603  # our own text
        [sys.executable, "-W", "ignore", "-c", DRIVER], cwd=tmp_path, capture_output=True,
        text=True, check=False, timeout=300,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "shop.settings"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == {"csrftoken", *printed}


@pytest.mark.parametrize("name", ["aiohttp", "django", "flask", "quart", "tornado"])
def test_a_framework_that_is_missing(name: str) -> None:
    """The import fails by a line that names the extra."""
    code = f"import sys; sys.modules[{name!r}] = None; import tokensession.adapters.{name}"
    done = subprocess.run(  # noqa: S603  # our own text
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 1
    assert f"pip install '.[{name}]' in a clone" in done.stderr
