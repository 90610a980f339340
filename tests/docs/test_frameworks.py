"""The quick starts of docs/frameworks run, before and after the switch."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.adapters.servers import Site, serve_aiohttp, serve_asgi, serve_tornado, serve_wsgi
from tests.docs.pages import blocks, patched

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


DRIVER = """
import django
django.setup()
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
assert "Site administration" in client.get("/admin/", headers={"host": "localhost"}).text
print(*client.cookies)
ask("post", "/sign-out")
assert ask("get", "/") == (200, {"user": None, "visits": 1})
"""


@pytest.mark.parametrize(("before", "cookie"), [(True, "sessionid"), (False, "__Host-session")])
def test_django(tmp_path: Path, *, before: bool, cookie: str) -> None:
    """A project of Django's does the same before the change of its settings and after it."""
    start = [sys.executable, "-m", "django", "startproject", "shop", "."]
    subprocess.run(start, cwd=tmp_path, check=True, timeout=300)  # noqa: S603  # our own text
    settings = tmp_path / "shop" / "settings.py"
    if not before:
        settings.write_text(patched(settings.read_text(), "\n".join(changes(DJANGO))))
    urls, *_ = blocks(SECTIONS[DJANGO], "python")
    (tmp_path / "shop" / "urls.py").write_text(urls)
    done = subprocess.run(  # noqa: S603  # our own text
        [sys.executable, "-W", "ignore", "-c", DRIVER], cwd=tmp_path, capture_output=True,
        text=True, check=False, timeout=300,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "shop.settings"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == {cookie, "csrftoken"}


@pytest.mark.parametrize("name", ["aiohttp", "django", "flask", "quart", "tornado"])
def test_a_framework_that_is_missing(name: str) -> None:
    """The import fails by a line that names the extra."""
    code = f"import sys; sys.modules[{name!r}] = None; import tokensession.adapters.{name}"
    done = subprocess.run(  # noqa: S603  # our own text
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 1
    assert f"pip install '.[{name}]' in a clone" in done.stderr
