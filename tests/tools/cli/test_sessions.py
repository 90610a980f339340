"""``tokensession sessions``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import NOW
from tokensession import KeyRing, Revoked, SessionCodec
from tokensession.stores import connect
from tokensession.tools.cli import main

from .test_revocations import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokensession.stores import Connection

HEX = "00" * 16


@pytest.fixture
def run(sqlite_url: str, capsys: pytest.CaptureFixture[str]) -> Terminal:
    """Give what runs a command on a store in a file, which is made."""
    terminal = Terminal(sqlite_url, capsys)
    assert terminal("sessions", "create")[0] == 0
    return terminal


@pytest.fixture
def store(run: Terminal) -> Iterator[Connection]:
    """Give a connection to that store."""
    with_store = connect(run.url)
    yield with_store
    with_store.close()


@pytest.fixture
def codec(store: Connection) -> SessionCodec[Any]:
    """Give a service's codec on that store."""
    return SessionCodec(
        KeyRing.generate(), revocation=store.revocations(), directory=store.directory()
    )


def test_listing(run: Terminal, codec: SessionCodec[Any]) -> None:
    """A line for each session, with its label quoted; a subject of digits is an integer's too."""
    session = codec.new(now=NOW)
    session.sign_in(42, label="Firefox\non Linux")
    codec.renew(session, now=NOW)
    codec.encode({}, subject="ada", now=NOW)
    line, count = run("sessions", "list", "--subject", "42")[1].splitlines()
    assert line == (
        f"{session.listed_id}  started 2026-07-25T17:20:00Z  seen 2026-07-25T17:20:00Z  "
        "ends 2026-07-25T18:05:00Z  'Firefox\\non Linux'"
    )
    assert count == "sessions  1"
    (listed,) = run.json("sessions", "list", "--subject", "42")["sessions"]
    assert (listed["id"], listed["ends_at"]) == (session.listed_id, NOW + 2700)
    assert run.json("sessions", "list", "--subject", "eve") == {"sessions": []}


def test_ending(run: Terminal, codec: SessionCodec[Any]) -> None:
    """`end` takes the id of the list, and ends no session of another subject."""
    session = codec.decode(codec.encode({}, subject="ada", now=NOW), now=NOW)
    for subject, name in (("bob", session.listed_id), ("ada", HEX), ("ada", "x")):
        assert run("sessions", "end", "--subject", subject, "--id", name)[0] == 1
    codec.confirm(session)
    words = ("sessions", "end", "--subject", "ada", "--id", session.listed_id)
    assert run(*words)[:2] == (0, f"ended  session {session.listed_id}\n")
    with pytest.raises(Revoked):
        codec.confirm(session)
    assert run(*words)[0] == 1


def test_a_store_without_a_directory(capsys: pytest.CaptureFixture[str], tmp_path: Any) -> None:
    """The error says why, or how to make it."""
    words = ["sessions", "list", "--subject", "ada", "--store"]
    assert main([*words, "memcached://localhost:1"]) == 2
    assert "Memcached cannot list what it keeps" in capsys.readouterr().err
    connect(f"sqlite:///{tmp_path}/x.db").create("revocations")
    assert main([*words, f"sqlite:///{tmp_path}/x.db"]) == 2
    assert "tokensession sessions create" in capsys.readouterr().err
