"""docs/accounts.md does what it says."""

from __future__ import annotations

import importlib.util
import json
import logging
import sys
from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

from tests.docs.pages import PAGES, blocks
from tokensession.sessions.events import Event

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PAGE = PAGES["docs/accounts.md"].read_text()
FASTAPI, FLASK, LIMIT, AUDIT = blocks(PAGE, "python")


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Give a function that returns the module of a program, run in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def load(text: str) -> Any:
        file = tmp_path / "accounts.py"
        file.write_text(text)
        spec = importlib.util.spec_from_file_location("accounts", file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "accounts", module)  # where FastAPI looks names up
        spec.loader.exec_module(module)
        return module

    return load


class Browser:
    """A browser of one of the two applications."""

    def __init__(self, module: Any, agent: str) -> None:
        self._agent = {"User-Agent": agent}
        if hasattr(module.app, "test_client"):
            self._client = module.app.test_client()
            self._options: dict[str, Any] = {"base_url": "https://test"}
        else:
            self._client, self._options = TestClient(module.app, base_url="https://test"), {}

    def get(self, path: str) -> tuple[int, Any]:
        """Return status and JSON."""
        done = self._client.get(path, **self._options)
        body = done.get_json(silent=True) if callable(getattr(done, "get_json", None)) else None
        return done.status_code, body if body is not None else _json(done)

    def post(self, path: str) -> int:
        """Return the status."""
        done = self._client.post(path, headers=self._agent, **self._options)
        return int(done.status_code)


def _json(done: Any) -> Any:
    return done.json() if callable(getattr(done, "json", None)) else None


@pytest.mark.parametrize("text", [FASTAPI, FLASK], ids=["fastapi", "flask"])
def test_the_account_page(load: Callable[[str], Any], text: str) -> None:
    """Two browsers see both; one ends the other, and a third user's page knows neither."""
    module = load(text)
    phone, laptop, other = (Browser(module, agent) for agent in ("Phone", "Laptop", "Other"))
    assert phone.get("/sessions")[0] == 401
    for browser, user in ((phone, "ada"), (laptop, "ada"), (other, "bob")):
        assert browser.post(f"/sign-in?user={user}") == 200
    _, listed = laptop.get("/sessions")
    assert {one["label"]: one["this_one"] for one in listed} == {"Phone": False, "Laptop": True}
    (phones,) = (one["id"] for one in listed if not one["this_one"])
    assert other.post(f"/sessions/{phones}/end") == 404
    assert phone.get("/sessions")[0] == 200
    assert laptop.post(f"/sessions/{phones}/end") == 200
    assert phone.get("/sessions")[0] == 401
    assert [one["label"] for one in laptop.get("/sessions")[1]] == ["Laptop"]
    module.store.close()


def test_the_limit(load: Callable[[str], Any]) -> None:
    """Five sessions of a user live."""
    module = load(f"{FASTAPI.split('app = FastAPI')[0]}\n{LIMIT}")
    for _ in range(7):
        module.manager.codec.encode({}, subject="ada")
    assert len(module.manager.codec.sessions("ada")) == 5
    module.store.close()


def test_the_audit_log(load: Callable[[str], Any], caplog: pytest.LogCaptureFixture) -> None:
    """A line of JSON for each event."""
    caplog.set_level(logging.INFO)
    load(AUDIT).AuditLog().record(Event("ended", "ada", "ab", 7, "user"))
    assert json.loads(caplog.messages[-1]) == {
        "event": "ended", "by": "user", "subject": "ada", "session": "ab", "at": 7,
    }  # fmt: skip
