"""The documents agree with what runs."""

from __future__ import annotations

import doctest
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import fastapi
import msgspec
import prometheus_client
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

import tokensession
from tokensession import KeyRing, Session, SessionCodec, SessionManager
from tokensession.adapters.asgi import SessionMiddleware
from tokensession.revocation.replica import Replica
from tokensession.sessions.policy import Policy
from tokensession.stores.memory.revocation import MemoryStore
from tokensession.tools.cli import main
from tokensession.tools.vectors.files import CODES, WORDS, load

if TYPE_CHECKING:
    from starlette.requests import Request

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_every_example_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In order, with the output that is shown."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SESSION_KEYS", "")
    results = doctest.testfile(
        str(ROOT / "README.md"), module_relative=False, optionflags=doctest.ELLIPSIS
    )
    assert results.attempted > 25
    assert results.failed == 0


def handlers_of_the_readme() -> list[str]:
    """Return the blocks of Python that are no dialogue."""
    blocks: list[str] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    return [block for block in blocks if not block.startswith(">>>")]


def test_the_handlers_of_the_readme_sign_in_and_out() -> None:
    """In Starlette, as they are shown."""
    names: dict[str, Any] = {}
    exec(handlers_of_the_readme()[0], names)  # noqa: S102  # our own text

    def answering(name: str) -> Any:
        async def endpoint(request: Request) -> JSONResponse:
            await names[name](request)
            return JSONResponse(dict(request.session))

        return endpoint

    routes = [Route(f"/{name}", answering(name)) for name in ("sign_in", "sign_out")]
    app = SessionMiddleware(Starlette(routes=routes), KeyRing.generate())
    with TestClient(app, base_url="https://test") as client:
        assert client.get("/sign_in").json() == {"cart": []}
        assert list(client.cookies) == ["__Host-session"]
        assert client.get("/sign_out").json() == {}
        assert list(client.cookies) == []


def test_the_dependency_of_the_readme_gives_a_typed_session() -> None:
    """In FastAPI, as it is shown."""

    class Visit(msgspec.Struct):
        pages: int = 0

    app = fastapi.FastAPI()
    names = {
        "app": app, "Visit": Visit, "Session": Session, "Annotated": Annotated,
        "Request": fastapi.Request, "Depends": fastapi.Depends,
    }  # fmt: skip
    exec(handlers_of_the_readme()[1], names)  # noqa: S102  # our own text
    manager = SessionManager(SessionCodec(KeyRing.generate(), state_type=Visit))
    with TestClient(SessionMiddleware(app, manager), base_url="https://test") as client:
        assert [client.get("/").json() for _ in range(3)] == [1, 2, 3]


def test_every_example_of_a_docstring_runs() -> None:
    """Where a module shows one."""
    results = doctest.testmod(
        sys.modules["tokensession.tokens.functions"], extraglobs={"KeyRing": tokensession.KeyRing}
    )
    assert results.attempted >= 2
    assert results.failed == 0


def test_every_command_of_the_readme_runs(tmp_path: Path) -> None:
    """As a shell runs it, in order."""
    block = README.split("## Command line")[1].split("```")[1]
    commands = [
        line.removeprefix("$ ").replace("vectors run vectors", f"vectors run {ROOT / 'vectors'}")
        for line in block.splitlines()
        if line.startswith("$ ")
    ]
    folder = shlex.quote(str(Path(sys.executable).parent))
    script = "\n".join(["set -e", f"PATH={folder}:$PATH", *commands])
    done = subprocess.run(  # noqa: S603  # our own text
        ["/bin/sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False,
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(commands) >= 7


def test_every_example_of_the_guides_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python as it is shown, and the commands in their order."""
    monkeypatch.chdir(tmp_path)
    guide = ROOT / "docs" / "revocation.md"
    results = doctest.testfile(str(guide), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert results.attempted > 15
    assert results.failed == 0
    commands = re.findall(r"^\$ tokensession (.*)$", guide.read_text(), re.MULTILINE)
    assert [main(shlex.split(command)) for command in commands] == [0] * 7


def test_the_example_of_prometheus_runs() -> None:
    """As it is shown: what happens is in what the service exposes."""
    (example,) = re.findall(
        r"```python\n(from prometheus_client.*?)```",
        (ROOT / "docs" / "revocation.md").read_text(),
        re.DOTALL,
    )
    names: dict[str, Any] = {}
    exec(example, names)  # noqa: S102  # our own text
    metrics = names["Metrics"]()
    store = MemoryStore()
    replica = Replica(store, observer=metrics)
    replica.read()
    codec: SessionCodec[Any] = SessionCodec(
        tokensession.KeyRing.generate(),
        policy=Policy(idle_timeout=1800, absolute_timeout=28_800),
        revocation=replica,
        observer=metrics,
    )
    token = codec.encode({}, subject="ada")
    codec.revoke(codec.decode(token))
    for refused in (token, "garbage"):
        with pytest.raises(tokensession.TokenError):
            codec.decode(refused)
    replica.read()
    replica.close()
    metrics.replica_stale(7.5)
    metrics.store_failed("read")
    metrics.ring_reloaded(3)
    told = dict(
        line.rsplit(" ", 1)
        for line in prometheus_client.generate_latest().decode().splitlines()
        if line.startswith("session_") and "_created" not in line
    )
    for one in vars(names["Metrics"]).values():
        if hasattr(one, "collect"):
            prometheus_client.REGISTRY.unregister(one)
    assert told == {
        "session_decoded_total": "1.0",
        'session_refused_total{code="revoked"}': "1.0",
        'session_refused_total{code="malformed"}': "1.0",
        'session_revocations_total{what="session"}': "1.0",
        'session_store_failures_total{operation="read"}': "1.0",
        "session_replica_entries": "1.0",
        "session_replica_skipped_total": "0.0",
        "session_replica_stale_seconds": "7.5",
        "session_ring_serial": "3.0",
    }


def test_every_command_is_in_the_readme(capsys: pytest.CaptureFixture[str]) -> None:
    """And every code of the closed list."""
    assert main(["--help"]) == 0
    listed = re.findall(r"^    ([a-z]+)(?: |$)", capsys.readouterr().out, re.MULTILINE)
    assert {
        "keys", "encode", "decode", "inspect", "revoke", "revocations", "vectors", "tour", "demo",
    } == set(listed)  # fmt: skip
    for command in listed:
        assert f"tokensession {command}" in README or f".ci/{command}" in README
    assert all(f"`{code}`" in README for code in CODES)


def test_numbers_in_the_documents() -> None:
    """The number of vectors and the version are those of the files."""
    assert sum(load(ROOT / "vectors", name)["count"] for name in WORDS) > 1000
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert "more than a thousand cases" in README
    assert "more than a thousand cases" in changelog
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert changelog.split("## ")[1].startswith(version)
    assert Policy().idle_timeout == 30 * 60


def test_links_lead_somewhere() -> None:
    """Every relative link of every document names a file."""
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text()):
            assert (document.parent / target).exists(), (document.name, target)


@pytest.mark.parametrize("name", tokensession.__all__)
def test_every_public_name_has_a_docstring(name: str) -> None:
    """And so do the public methods of the classes."""
    thing = getattr(tokensession, name)
    assert thing.__doc__
    for attribute, value in vars(thing).items() if isinstance(thing, type) else ():
        if callable(value) and not attribute.startswith("_"):
            assert value.__doc__, f"{name}.{attribute}"
