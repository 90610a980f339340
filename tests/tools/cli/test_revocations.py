"""``tokensession revoke`` and ``tokensession revocations``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.stores.revocation_contract import ADA, NOW, denial, sid
from tokensession.stores.sql.database import Database
from tokensession.stores.sql.revocation import SQLStore
from tokensession.testing import FixedClock
from tokensession.tools.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers import Memcached, Mongo, Valkey

HEX = "00" * 15 + "01"


class Terminal:
    """Runs commands on a store."""

    def __init__(self, url: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.url = url
        self._capsys = capsys

    def __call__(self, *words: str) -> tuple[int, str, str]:
        """Return the exit code, and what was printed."""
        code = main([*words, "--store", self.url, "--now", str(NOW)])
        out, err = self._capsys.readouterr()
        return code, out, err

    def json(self, *words: str) -> Any:
        """Return what is printed as JSON, of a command that succeeds."""
        code, out, err = self(*words, "--json")
        assert (code, err) == (0, "")
        return json.loads(out)


@pytest.fixture
def run(sqlite_url: str, capsys: pytest.CaptureFixture[str]) -> Iterator[Terminal]:
    """Give what runs a command on a store in a file, which is made."""
    terminal = Terminal(sqlite_url, capsys)
    assert terminal("revocations", "create")[0] == 0
    with FixedClock(NOW):
        yield terminal


def test_revoking_a_session(run: Terminal) -> None:
    """It is kept until a session that began now could have ended."""
    check = ("revocations", "check", "--sid", HEX, "--start", str(NOW))
    assert run(*check)[:2] == (0, "not revoked\n")
    done = run.json("revoke", "--sid", HEX, "--lifetime", "28800")
    assert done["what"] == f"session {HEX}"
    assert done["until"] == NOW + 28_805
    code, out, _ = run(*check)
    assert (code, out) == (1, "revoked\n")
    assert run.json("revocations", "count") == {"denied": 1, "marks": 0}


def test_revoking_a_subject(run: Terminal) -> None:
    """A subject is revoked by its text, and the list shows its digest."""
    code, out, _ = run("revoke", "--subject", "ada", "--lifetime", "28800")
    assert code == 0
    assert "up to 2026-07-25T17:20:05Z" in out
    check = ("revocations", "check", "--sid", HEX, "--subject", "ada", "--start")
    assert run(*check, str(NOW + 5))[0] == 1
    assert run(*check, str(NOW + 6))[0] == 0
    listed = run.json("revocations", "list")
    assert listed["entries"] == [
        {"subject": ADA.hex(), "instant": NOW + 5, "kept": None, "until": NOW + 5 + 28_805}
    ]
    assert listed["everyone"] is None
    assert ADA.hex() in run("revocations", "list")[1]


def test_a_subject_without_a_lifetime(run: Terminal) -> None:
    """A store knows it from a service that has ended a session there; else the error says so."""
    code, _, err = run("revoke", "--subject", "ada")
    assert (code, "no service has told this store" in err, "--lifetime 30d" in err) == (2, 1, 1)
    store = SQLStore(Database(run.url))
    store.mark(ADA, None, now=NOW + 60, life=28_805)
    store.close()
    assert run("revoke", "--subject", "grace", "--dry-run")[0] == 0
    done = run.json("revoke", "--subject", "grace")
    assert done["until"] == NOW + 5 + 28_805


def test_times_in_words(run: Terminal) -> None:
    """A lifetime of hours, a date, and the moment at which a session began."""
    done = run.json("revoke", "--sid", HEX, "--lifetime", "8h")
    assert done["until"] == NOW + 28_805
    began = ("--start", "2026-07-25T17:20:00Z")
    assert run("revocations", "check", "--sid", HEX, *began)[0] == 1
    assert run("revoke", "--all-before", "2026-07-25")[1] == (
        "ended  all sessions begun before 2026-07-25T00:00:00Z\n"
    )


def test_revoking_everyone(run: Terminal) -> None:
    """All, or those begun before an instant."""
    assert run("revoke", "--all-before", str(NOW))[1] == (
        "ended  all sessions begun before 2026-07-25T17:20:00Z\n"
    )
    assert run.json("revocations", "list")["everyone"] == NOW - 1
    code, _, err = run("revoke", "--all")
    assert (code, "add --yes to do it, or --dry-run" in err) == (2, True)
    assert run.json("revocations", "list")["everyone"] == NOW - 1
    assert "up to 2026-07-25T17:20:11Z" in run("revoke", "--all", "--yes")[1]
    assert "everyone=2026-07-25T17:20:11Z" in run("revocations", "list")[1]
    code, _, err = run("revoke", "--all-before", str(NOW + 1))
    assert (code, "1 s in the future" in err) == (2, True)


@pytest.mark.parametrize(
    "what",
    [
        ("--sid", HEX, "--lifetime", "60"), ("--subject", "ada", "--lifetime", "60"),
        ("--all",), ("--all-before", "7"),
    ],
)  # fmt: skip
def test_a_dry_run_changes_nothing(run: Terminal, what: tuple[str, ...]) -> None:
    """It tells what would end."""
    code, out, _ = run("revoke", *what, "--dry-run")
    assert code == 0
    assert out.startswith("would end")
    assert run.json("revocations", "list") == {"everyone": None, "entries": [], "skipped": 0}


@pytest.mark.parametrize(
    "what", [("--all", "--yes"), ("--subject", "ada"), ("--all-before", "2099-01-01")]
)
def test_the_future(
    run: Terminal, what: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """A revocation that is dated ahead would end the sign-ins until then, and cannot be undone."""
    command = ["revoke", *what, "--lifetime", "8h", "--store", run.url, "--now"]
    assert main([*command, "2099-01-02"]) == main([*command, str(NOW + 6)]) == 2
    assert capsys.readouterr().err.count("in the future: users could not sign in") == 2
    assert run.json("revocations", "list") == {"everyone": None, "entries": [], "skipped": 0}


def test_the_memory_of_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command cannot end the sessions of a service that keeps its list in memory."""
    monkeypatch.setenv("STORE", "memory:")
    for store in ("memory:", "url:STORE"):
        assert main(["revoke", "--all", "--yes", "--store", store]) == 2


def test_sweeping(run: Terminal) -> None:
    """What has ended for an hour; with a dry run."""
    store = SQLStore(Database(run.url))
    with store._connection.engine.begin() as connection:
        connection.exec_driver_sql(
            "insert into tokensession_revoked_sids (sid, until, position) values (?, ?, ?)",
            [(sid(number), NOW - 3601, number) for number in range(1, 1501)],
        )
    store.deny(denial(2000, until=NOW - 3600), now=NOW - 10_000)
    store.close()
    assert run("revocations", "sweep", "--dry-run")[1] == "would remove  1500\n"
    assert run("revocations", "sweep") == (0, "removed  1500\n", "")
    assert run.json("revocations", "sweep") == {"swept": 0, "dry_run": False}
    assert run("revocations", "count")[1] == "denied sessions  1\nmarked subjects  0\n"


def test_garbage_is_told(run: Terminal) -> None:
    """An invalid row is reported, and the other rows are listed."""
    store = SQLStore(Database(run.url))
    store.deny(denial(1), now=NOW)
    with store._connection.engine.connect() as connection:
        connection.exec_driver_sql(
            "insert into tokensession_revoked_sids (sid, until, position) values (x'00', 1, 1)"
        )
    store.close()
    code, out, err = run("revocations", "list")
    assert (code, sid(1).hex() in out, "1 entries are garbage" in err) == (0, True, True)


def test_redis(valkey: Valkey, capsys: pytest.CaptureFixture[str]) -> None:
    """The commands work on Valkey by its URL, under a prefix."""
    run = Terminal(valkey.url, capsys)
    name = ("--prefix", "cli")
    place = run("revocations", "create", *name)[1]
    assert place.startswith("ready  redis ")
    assert run("revoke", "--all", "--yes", *name)[0] == 0
    assert run.json("revocations", "create", *name) == {"store": place.split(maxsplit=1)[1].strip()}
    code, _, err = run("revocations", "count", "--prefix", "other")
    assert (code, "tokensession revocations create" in err) == (2, True)


def test_mongodb(mongo: Mongo, capsys: pytest.CaptureFixture[str]) -> None:
    """The commands work on MongoDB by its URL, with a database and a collection."""
    run, place = Terminal(mongo.url, capsys), mongo.url.split("/")[2]
    name = ("--database", "cli", "--collection", "ended")
    assert run("revocations", "create", *name)[:2] == (0, f"ready  mongodb {place}/cli\n")
    run.json("revoke", "--sid", HEX, "--lifetime", "28800", *name)
    run.json("revoke", "--subject", "ada", "--lifetime", "28800", *name)
    assert run.json("revocations", "count", *name) == {"denied": 1, "marks": 1}
    entries = run.json("revocations", "list", *name)["entries"]
    assert [entry.get("sid", entry.get("subject")) for entry in entries] == [HEX, ADA.hex()]
    check = ("revocations", "check", "--sid", HEX, "--start", str(NOW + 100), *name)
    assert run(*check)[:2] == (1, "revoked\n")
    assert run("revocations", "sweep", "--dry-run", *name)[1] == "would remove  0\n"
    code, _, err = run("revocations", "count", "--collection", "other")
    assert (code, "tokensession revocations create" in err) == (2, True)
    code, _, err = run("revocations", "count", "--prefix", "x")
    assert (code, err.count("\n")) == (2, 1)
    assert "MongoDB has no option prefix: it has database, collection" in err


def test_memcached(memcached: Memcached, capsys: pytest.CaptureFixture[str]) -> None:
    """It ends and answers; what would need a list of its keys is refused, and says why."""
    run = Terminal(memcached.url, capsys)
    name = ("--prefix", "cli")
    assert run("revocations", "create", *name)[0] == 0
    check = ("revocations", "check", "--sid", HEX, "--start", str(NOW + 100), *name)
    assert run(*check)[:2] == (0, "not revoked\n")
    assert run("revoke", "--sid", HEX, "--lifetime", "28800", "--dry-run", *name)[0] == 0
    assert run(*check)[0] == 0
    assert run("revoke", "--sid", HEX, "--lifetime", "28800", *name)[0] == 0
    assert run(*check)[0] == 1
    for words in (("list",), ("list", "--json"), ("count",), ("sweep", "--dry-run")):
        code, out, err = run("revocations", *words, *name)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "the revocation store (memcached) cannot" in err
    assert run("revocations", "sweep", *name)[:2] == (0, "removed  0\n")
    code, _, err = run("revocations", "check", "--sid", HEX, "--start", "0", "--prefix", "other")
    assert (code, "tokensession revocations create" in err) == (2, True)
    code, _, err = run("revocations", "count", "--collection", "x")
    assert (code, "Memcached has no option collection: it has prefix" in err) == (2, True)


class TestRefused:
    @pytest.mark.parametrize(
        "url", ["redis://me:hunter2@h", "valkey://:hunter2@h", "postgresql://h/db?password=hunter2"]
    )
    def test_passwords_on_the_command_line(
        self, url: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """They belong into the environment, and are never shown."""
        code, out, err = Terminal(url, capsys)("revocations", "count")
        assert (code, "url:NAME" in err) == (2, True)
        assert "hunter2" not in out + err

    def test_the_environment(
        self,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        sqlite_url: str,
    ) -> None:
        """Holds the URL by a name, after url: alone; env: is for documents."""
        monkeypatch.setenv("STORE", sqlite_url)
        assert Terminal("url:STORE", capsys)("revocations", "create")[0] == 0
        code, _, err = Terminal("env:STORE", capsys)("revocations", "count")
        assert (code, "for a URL, write url:" in err) == (2, True)
        assert Terminal("url:STORE", capsys)("revocations", "count")[0] == 0
        monkeypatch.delenv("STORE")
        assert (
            "STORE is missing or empty" in Terminal("url:STORE", capsys)("revocations", "count")[2]
        )

    @pytest.mark.parametrize(
        ("url", "reason"),
        [
            ("mysql://h/db", "starts with sqlite:"),
            ("sqlite://", "in memory"),
            ("sqlite:////no/such/folder/r.db", "its file is missing"),
            ("redis://h:port", "invalid URL for redis-py"),
            ("valkey://h:port", "invalid URL for redis-py"),
            ("memcached://", "server must be"),
            ("memcached://h", "cannot count"),
            ("mongodb:/h", "must start with mongodb://"),
            ("mongodb://h:port", "invalid URL"),
        ],
    )
    def test_urls(self, url: str, reason: str, capsys: pytest.CaptureFixture[str]) -> None:
        """A bad URL is refused with one line that says why."""
        code, _, err = Terminal(url, capsys)("revocations", "count")
        assert (code, reason in err, err.count("\n")) == (2, True, 1)

    @pytest.mark.parametrize("text", ["", "00", HEX + "00", "zz" * 16, "0 " * 16])
    def test_session_ids(self, run: Terminal, text: str) -> None:
        """32 hex digits, and nothing else."""
        code, _, err = run("revoke", "--sid", text, "--lifetime", "60")
        assert (code, "32 hex digits" in err) == (2, True)

    def test_a_missing_lifetime(self, run: Terminal) -> None:
        """A session's lifetime must be given, because no default fits."""
        code, _, err = run("revoke", "--sid", HEX)
        assert (code, "--lifetime is missing" in err) == (2, True)
        assert run("revoke", "--subject", "ada", "--lifetime", "0")[0] == 2

    def test_a_subject_that_is_empty(self, run: Terminal) -> None:
        """It is a variable that is not set, and not everybody."""
        code, _, err = run("revoke", "--subject", "", "--lifetime", "8h")
        assert (code, "--subject: empty text" in err) == (2, True)
