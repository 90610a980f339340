"""Starts the applications: one process for each, in its group's environment."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from . import environments
from .browsers import Browser
from .provider import Provider

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SERVE = environments.ROOT / "tests" / "ecosystem" / "serve.py"


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Give a function that starts an application and returns its address.

    `serve("flask", "wsgi", "flask_login")` serves `apps/flask/flask_login.py` in the environment
    of the group flask. Each application has an empty folder of its own to work in.
    """
    running: list[tuple[subprocess.Popen[str], Path]] = []

    def start(group: str, kind: str, name: str, **variables: str) -> str:
        if not environments.is_current(group):
            command = f"python -m tests.ecosystem.environments {group}"
            pytest.skip(f"the packages of {group} are not installed: run {command}")
        folder = tmp_path_factory.mktemp(name)
        module = f"tests.ecosystem.apps.{group}.{name}"
        environment = {**os.environ, **variables, "PYTHONPATH": str(environments.ROOT)}
        log = folder / "log.txt"
        with log.open("w") as errors:
            process = subprocess.Popen(
                [environments.python(group), SERVE, kind, module],
                cwd=folder,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        running.append((process, log))
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        assert port, log.read_text()
        return f"http://127.0.0.1:{port}"

    yield start
    for process, _ in running:
        process.kill()
        process.communicate()


@pytest.fixture
def browser() -> Iterator[Callable[[str], Any]]:
    """Give a function that opens a browser on an address."""
    opened: list[Browser] = []

    def open_(url: str) -> Browser:
        opened.append(Browser(url))
        return opened[-1]

    yield open_
    for one in opened:
        one.close()


@pytest.fixture(scope="session")
def provider() -> Iterator[Provider]:
    """Give an OpenID Connect provider, where ada signs in."""
    running = Provider()
    yield running
    running.close()
