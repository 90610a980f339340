"""The documents agree with what runs."""

from __future__ import annotations

import doctest
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import prometheus_client
import pytest

import tokensession
from tokensession import KeyRing, SessionCodec, SessionManager
from tokensession.revocation.replica import Replica
from tokensession.sessions.policy import Policy
from tokensession.stores.memory.revocation import MemoryStore
from tokensession.tools.cli import main
from tokensession.tools.vectors.files import CODES

from .pages import PAGES

ROOT = Path(__file__).parents[2]


def test_every_example_of_a_docstring_runs() -> None:
    """The examples of the module's docstrings run."""
    results = doctest.testmod(
        sys.modules["tokensession.tokens.functions"], extraglobs={"KeyRing": tokensession.KeyRing}
    )
    assert results.attempted >= 2
    assert results.failed == 0


BY_NAME = re.compile(r"pip install (?:(?! in a clone)[^`\n])*\btokensession\b")


@pytest.mark.parametrize("page", PAGES)
def test_a_page_installs_from_a_clone(page: str) -> None:
    """No page installs the package by its name, because no index has it yet."""
    assert "in no package index yet" in PAGES["README.md"].read_text()
    assert BY_NAME.findall(PAGES[page].read_text()) == []


@pytest.mark.parametrize(("line", "by_name"), [
    ("pip install tokensession", True),
    ("pip install uvicorn 'tokensession[redis]'", True),
    ("run `pip install '.[redis]'` in a clone of tokensession", False),
    ("run pip install '.[redis]' in a clone of tokensession", False),
    ("pip install '/path/to/the/clone[redis]'", False),
])  # fmt: skip
def test_what_installs_by_name(line: str, *, by_name: bool) -> None:
    """An index is asked for the name itself, and not for a path."""
    assert bool(BY_NAME.search(line)) is by_name


def test_the_example_of_prometheus_runs() -> None:
    """The example counts events, and the service exposes the counts."""
    (example,) = re.findall(
        r"```python\n(from prometheus_client.*?)```",
        (ROOT / "docs" / "revocation.md").read_text(),
        re.DOTALL,
    )
    names: dict[str, Any] = {}
    exec(example, names)  # noqa: S102  # our own text
    metrics = names["Metrics"]()
    store = MemoryStore()
    # Its thread reads later than this test ends.
    replica = Replica(store, observer=metrics, refresh=3600, max_staleness=7200)
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


@pytest.mark.parametrize("name", tokensession.__all__)
def test_every_public_name_has_a_docstring(name: str) -> None:
    """Every public name has a docstring, and so do its public methods."""
    thing = getattr(tokensession, name)
    assert thing.__doc__
    for attribute, value in vars(thing).items() if isinstance(thing, type) else ():
        if callable(value) and not attribute.startswith("_"):
            assert value.__doc__, f"{name}.{attribute}"


def test_every_command_and_code_is_described(capsys: pytest.CaptureFixture[str]) -> None:
    """The page of the command line names each command, and that of tokens each code."""
    assert main(["--help"]) == 0
    listed = re.findall(r"^    ([a-z]+)(?: |$)", capsys.readouterr().out, re.MULTILINE)
    page = (ROOT / "docs" / "command-line.md").read_text()
    assert len(listed) > 5
    for command in listed:
        assert f"| `tokensession {command}` |" in page
    tokens = (ROOT / "docs" / "tokens.md").read_text()
    assert set(re.findall(r"^\| `([a-z_]+)` \|", tokens, re.MULTILINE)) == CODES


def test_the_changelog_has_this_version() -> None:
    """Its headings are what is unreleased, and then the version of pyproject.toml."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert next(text for text in headings if text != "Unreleased") == version


def test_the_changelog_tells_each_change_once() -> None:
    """No two entries of a version begin with the same name."""
    _, *versions = re.split(r"^## ", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    for version in versions:
        names = re.findall(r"^- \*\*(.+?)\*\*", version, re.MULTILINE)
        assert len(names) > 10
        assert len(names) == len(set(names))


def test_the_attributes_of_a_session_are_listed() -> None:
    """The page of the frameworks names all of them, for those who write templates."""
    session = SessionManager(KeyRing.generate()).open([])
    page = (ROOT / "docs" / "frameworks" / "README.md").read_text()
    (listed,) = re.findall(r"A session also has attributes: (.*)\.$", page, re.MULTILINE)
    names = {n for n in dir(session) if not n.startswith("_") and not callable(getattr(session, n))}
    assert set(re.findall(r"`(\w+)`", listed)) == names


def test_security_names_tests_that_are_there() -> None:
    """Each statement of SECURITY.md that names a test names one of the suite."""
    text = (ROOT / "SECURITY.md").read_text()
    named = re.findall(r"`([\w/]+\.py)((?:::\w+)*)`", text)
    assert len(named) > 40
    for path, names in named:
        file = ROOT / "tests" / path
        assert file.exists(), path
        for name in names.split("::")[1:]:
            line = rf"^ *(?:async )?(?:def|class) {name}\b"
            assert re.search(line, file.read_text(), re.MULTILINE), name
