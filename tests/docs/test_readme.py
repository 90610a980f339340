"""The README is short, and each thing in it is as it says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from itertools import chain
from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import BIN, PAGES, ROOT, blocks, patched, started
from tokensession import Cookie, KeyRing, Policy
from tokensession.keys.rotation import Schedule
from tokensession.keys.schedule import DEFAULT_PERIOD, DEFAULT_PROPAGATION
from tokensession.tools.vectors.files import WORDS, load

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

README = PAGES["README.md"].read_text()
FASTAPI, FLASK = (text for text in blocks(README, "python") if not text.startswith(">>>"))
(DJANGO,) = blocks(README, "diff")
SUPERUSER = "createsuperuser --noinput --username ada --email ada@shop.example"
STARTS = dict(re.findall(r"^\*\*(\w+)\*\*, started by `(.+)`:", README, re.MULTILINE))


def test_it_is_short() -> None:
    """It has at most 150 lines, and a quick start at most 25."""
    assert len(README.splitlines()) <= 150
    assert all(len(text.splitlines()) <= 25 for text in (FASTAPI, FLASK, DJANGO))


@pytest.mark.parametrize("words", [
    "pip install .", "add_middleware(SessionMiddleware", "log out everywhere", "rotate keys",
    "Python 3.11", "what you do not", "remember", "leaked key",
])  # fmt: skip
def test_what_is_looked_for_is_there(words: str) -> None:
    """What a reader looks for first is found by its words."""
    assert words in README


class Browser:
    """Keeps Secure cookies of localhost, as browsers do, and as httpx does not."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self.cookies: dict[str, str] = {}

    def ask(self, method: str, path: str, **data: str) -> httpx.Response:
        """Return what the application answers."""
        header = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        response = self.client.request(
            method, path, headers={"Cookie": header} if header else {}, data=data or None
        )
        for line in response.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            if "Max-Age=0" in line or not value:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return response


@pytest.mark.parametrize(("program", "framework"), [(FASTAPI, "FastAPI"), (FLASK, "Flask")])
def test_a_quick_start_runs(program: str, framework: str, tmp_path: Path, slow: None) -> None:
    """The program is started by its line, and visits, signs in and signs out."""
    (tmp_path / "shop.py").write_text(program)
    with started(STARTS[framework], tmp_path) as client:
        browser = Browser(client)
        assert browser.ask("GET", "/").json() == {"user": None, "visits": 1}
        assert browser.ask("POST", "/sign-in?user=ada").status_code == 200
        assert list(browser.cookies) == ["__Host-session"]
        assert browser.ask("GET", "/").json() == {"user": "ada", "visits": 2}
        browser.ask("POST", "/sign-out")
        assert browser.cookies == {}
        assert browser.ask("GET", "/").json() == {"user": None, "visits": 1}


def test_the_settings_of_django_run(tmp_path: Path, slow: None) -> None:
    """A new project with the changed settings serves its admin site, with a login by POST."""
    commands = [
        [str(BIN / "django-admin"), "startproject", "shop", "."],
        ["python", "manage.py", "check"],
        ["python", "manage.py", "migrate"],
        ["python", "manage.py", *SUPERUSER.split()],
    ]
    environment = {
        **os.environ, "DJANGO_SUPERUSER_PASSWORD": "correct horse", "PYTHONWARNINGS": "ignore",
    }  # fmt: skip
    for command in commands:
        subprocess.run(  # noqa: S603  # our own text
            [BIN / command[0], *command[1:]], cwd=tmp_path, check=True, capture_output=True,
            timeout=300, env=environment,
        )  # fmt: skip
        settings = tmp_path / "shop" / "settings.py"
        if command[1] == "startproject":
            settings.write_text(patched(settings.read_text(), DJANGO))
    with started("python manage.py runserver --noreload", tmp_path) as client:
        browser = Browser(client)
        form = browser.ask("GET", "/admin/login/").text
        (secret,) = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', form)
        answer = browser.ask(
            "POST", "/admin/login/?next=/admin/", username="ada", password="correct horse",
            csrfmiddlewaretoken=secret,
        )  # fmt: skip
        assert (answer.status_code, "__Host-session" in browser.cookies) == (302, True)
        assert "Site administration" in browser.ask("GET", "/admin/").text


def test_the_defaults() -> None:
    """The table says what the code does."""
    table = README.split("## Defaults")[1].split("## ")[0]
    policy, cookie = Policy(), Cookie()
    assert (policy.idle_timeout, policy.absolute_timeout) == (30 * 60, 8 * 3600)
    assert "30 minutes idle, 8 hours in all" in table
    name, _, attributes = cookie.write("t", 1)[1].decode().partition("=")
    assert f"`{name}`, Secure, HttpOnly, SameSite=Lax" in table
    assert {"Secure", "HttpOnly", "SameSite=Lax"} <= set(attributes.split("; "))
    (key,) = KeyRing.generate()
    assert f"| {key.algorithm}, 32 random bytes, mode 0600 |" in table.replace("keys |", "|")
    assert f"then {DEFAULT_PERIOD // 86400} days" in table


def test_the_rotation_config() -> None:
    """It is what a document holds."""
    (text,) = re.findall(r'`"rotation": ({.*})`', README)
    config = json.loads(text)
    ring = KeyRing.generate().with_schedule(Schedule(**config))
    assert config == {
        "token_lifetime": 1800, "period": DEFAULT_PERIOD, "propagation": DEFAULT_PROPAGATION,
    }  # fmt: skip
    assert ring.to_jwks(private=True)["rotation"] == config


def test_the_number_of_vectors() -> None:
    """There are as many as it says."""
    assert "more than a thousand test vectors" in README
    assert sum(load(ROOT / "vectors", name)["count"] for name in WORDS) > 1000


def table_of(text: str, marker: str) -> list[list[str]]:
    """Return the cells of the rows between two markers of the benchmarks."""
    rows = text.split(f"<!-- {marker} -->")[1].splitlines()
    return [[c.strip() for c in row.strip("|").split("|")] for row in rows if row.startswith("|")]


def test_the_speed_is_that_of_the_benchmarks() -> None:
    """Each figure is computed from a table of benchmarks/README.md."""
    text = PAGES["benchmarks/README.md"].read_text()
    starlette = {row[0]: row[4].split()[0] for row in table_of(text, "requests")[:5]}
    others = {row[0]: row[4].split()[0] for row in table_of(text, "frameworks")}
    typical = text.split("### State of 245 B")[1].split("###")[0]
    both = {
        row[0]: float(row[3].split()[0])
        for row in (
            [c.strip() for c in line.strip("|").split("|")] for line in typical.splitlines()
        )
        if len(row) == 6 and "(" in row[3]
    }
    codecs = [both["tokensession HS256"] / both[n] for n in ("Starlette", "Flask", "Django")]
    expected = [
        [starlette[what], others[f"Flask, {what}"], others[f"Django, {what}"]]
        for what in ("untouched", "read only", "read + write")
    ] + [[f"{ratio:.2f}" for ratio in codecs]]
    lines = [line for line in README.split("## Speed")[1].splitlines() if line.startswith("| ")]
    assert [[c.strip() for c in line.strip("|").split("|")][1:] for line in lines[1:]] == expected


def pins(name: str = "constraints") -> dict[str, str]:
    """Return the versions in a file of `.ci`: those that CI uses, or the oldest."""
    lines = (ROOT / ".ci" / f"{name}.txt").read_text().splitlines()
    return dict(line.lower().split("==") for line in lines if "==" in line)


def test_the_versions_are_those_of_ci() -> None:
    """docs/versions.md names the versions of CI, and the least that the extras accept."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needs = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    least: dict[str, str] = {}
    for need in needs:
        if found := re.match(r"([\w.-]+)(?:\[\w+\])?>=([\d.]+)", need):
            least.setdefault(found[1].lower(), found[2])
    page = PAGES["docs/versions.md"].read_text()
    rows = re.findall(r"^\| ([\w-]+) \| ([\d.]+) \| ([\d.]+) \|$", page, re.MULTILINE)
    assert len(rows) > 15
    assert rows == [(name, pins()[name.lower()], least[name.lower()]) for name, _, _ in rows]
    oldest = pins("minimum")
    assert all(f"{oldest[name.lower()]}.".startswith(f"{least}.") for name, _, least in rows)
    supported = re.findall(r"Python :: (3\.\d+)$", "\n".join(project["classifiers"]), re.MULTILINE)
    assert set(supported) == set(re.findall(r"3\.1\d", page.split("## Frameworks")[0]))
    assert set(supported) == set(re.findall(r"3\.1\d", README))


def test_a_token_is_as_much_longer_as_the_table_says() -> None:
    """docs/keys.md has the lengths of the signatures."""
    page = PAGES["docs/keys.md"].read_text()
    from tokensession import encode  # noqa: PLC0415  # beside what it is for

    short, *longer = (
        len(encode({}, KeyRing.generate(algorithm))) for algorithm in ("HS256", "Ed25519", "ES256")
    )
    for algorithm, length in zip(("Ed25519", "ES256"), longer, strict=True):
        assert f"| `{algorithm}` | {length - short} characters longer |" in page
