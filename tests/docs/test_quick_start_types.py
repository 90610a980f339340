"""The applications of the documents, and each verb by `session_of`, pass mypy and pyright."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from string import Template

import pytest

from tests.ecosystem import environments

from .pages import PAGES, ROOT, blocks
from .test_frameworks import ELSEWHERE, SECTIONS, program

(CONFIG,) = blocks(PAGES["docs/frameworks/README.md"].read_text(), "toml")
# Pages besides those of the frameworks whose programs are whole applications.
WHOLE = ("README.md", "docs/how-to/typed-sessions.md")

# As CherryPy's page says.
UNTYPED_DECORATORS = """
[[tool.mypy.overrides]]
module = "shop_cherrypy"
disallow_untyped_decorators = false
"""

# What a request is, and how its session is asked for.
REQUESTS = {
    "aiohttp": ("from aiohttp.web import Request", "Request"),
    "asgi": ("from starlette.requests import Request", "Request"),
    "django": ("from django.http import HttpRequest", "HttpRequest"),
    "flask": ("from flask import Request", "Request"),
    "litestar": ("from litestar import Request", "Request[Any, Any, Any]"),
    "pyramid": ("from pyramid.request import Request", "Request"),
    "quart": ("from quart import Websocket", "Websocket"),
    "tornado": ("from tokensession.adapters.tornado import SessionMixin", "SessionMixin"),
    "wsgi": ("", "dict[str, Any]"),
}
VERBS = Template("""
from dataclasses import dataclass
from typing import Any

from tokensession import RequestSession
$imports


@dataclass
class Visit:
    pages: int = 0


def untyped(request: $request) -> bool:
    session = $accessor
    session.sign_in("ada")
    session.regenerate()
    session.reauthenticate()
    session.revoke_others()
    session["visits"] = session.get("visits", 0) + 1
    who: str | int | None = session.subject
    fresh: bool = session.is_fresh(300)
    session.clear()
    return fresh and who is None


def visit_session(request: $request) -> RequestSession[Visit]:
    return $accessor


def typed(request: $request) -> int:
    session = visit_session(request)
    session.state = Visit(1)
    return session.state.pages


def wrong(request: $request) -> None:
    session = $accessor
    session.sing_in("ada")  $unknown
    session.sign_in(subject=None)  # an error
    session.is_fresh("soon")  # an error
    print(session.subject + 1)  # an error
    print(visit_session(request).state.page)  # an error
""")


def verbs(adapter: str) -> str:
    """Return a program that uses every verb, and misuses some."""
    imports, request = REQUESTS[adapter]
    accessor = "request.session"
    if adapter != "tornado":
        imports += f"\nfrom tokensession.adapters.{adapter} import session_of"
        accessor = "session_of(request)"
    # Django's own base class has no types, so its sessions can have a member of any name.
    unknown = "" if adapter == "django" else "# an error"
    return VERBS.substitute(imports=imports, request=request, accessor=accessor, unknown=unknown)


def write(folder: Path, programs: dict[str, str], config: str = "") -> None:
    """Write programs into a folder, and the configuration that the document shows."""
    for name, text in programs.items():
        (folder / f"shop_{re.sub(r'[^a-z]+', '_', name.lower())}.py").write_text(text)
    (folder / "pyproject.toml").write_text(CONFIG + config)


def expected(folder: Path) -> set[tuple[str, int]]:
    """Return file and line of each error that a checker must find."""
    return {
        (path.name, number)
        for path in folder.glob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if line.endswith("# an error")
    }


def run(*command: str | Path, folder: Path) -> str:
    """Return what a checker prints."""
    tools = Path(sys.executable).parent
    path = {"PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    environment = {**os.environ, **path, "MYPYPATH": "."}
    done = subprocess.run(  # noqa: S603  # our own command
        [tools / command[0], *command[1:]], cwd=folder, env=environment, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert not done.stderr, done.stderr
    return done.stdout


def check(folder: Path, python: str | Path, *options: str | Path) -> None:
    """Hold what mypy and pyright find in a folder against the errors that there are."""
    # From the checkout's own folder, so that its cache serves.
    out = run(
        "mypy", "--strict", "--config-file", folder / "pyproject.toml", "--python-version", "3.11",
        "--python-executable", python, "--no-error-summary", "--hide-error-context", *options,
        *sorted(folder.glob("*.py")), folder=ROOT,
    )  # fmt: skip
    found = re.findall(r"(shop_[a-z_]+\.py):(\d+): error", out)
    assert {(name, int(line)) for name, line in found} == expected(folder), out
    assert out.count(": error") == len(found)
    out = run("pyright", "--pythonpath", python, "--outputjson", folder=folder)
    errors = [one for one in json.loads(out)["generalDiagnostics"] if one["severity"] == "error"]
    lines = {(Path(one["file"]).name, one["range"]["start"]["line"] + 1) for one in errors}
    assert lines == expected(folder), out


def test_the_quick_starts_and_every_verb(tmp_path: Path) -> None:
    """`mypy --strict` and pyright find the errors that there are, and no other."""
    programs = {name: program(name) for name in SECTIONS if name not in ELSEWHERE}
    programs |= {
        f"{page} {chr(ord('a') + number)}": text
        for page in WHOLE
        for number, text in enumerate(blocks(PAGES[page].read_text(), "python"))
        if not text.startswith(">>> ")
    }
    write(tmp_path, programs | {f"verbs {adapter}": verbs(adapter) for adapter in REQUESTS})
    check(tmp_path, sys.executable)


def test_the_quick_starts_of_other_environments(tmp_path: Path) -> None:
    """The programs for BlackSheep, Sanic and CherryPy pass the type checks, too."""
    if not environments.is_current("frameworks"):
        command = "python -m tests.ecosystem.environments frameworks"
        pytest.skip(f"the frameworks are not installed: run {command}")
    write(tmp_path, {name: program(name) for name in ELSEWHERE}, UNTYPED_DECORATORS)
    check(tmp_path, environments.python("frameworks"), "--cache-dir", tmp_path / "cache")
