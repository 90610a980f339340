"""What commands say when something is wrong: in the words of the command line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import tokensession
from tests.tools.cli.test_program import Cli, assert_complaint, cli
from tokensession import KeyRing, encode
from tokensession.keys.schedule import Schedule
from tokensession.stores.sql.database import Database
from tokensession.tools.cli.phrases import PHRASES, in_options

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["cli"]

RING = KeyRing.generate(kid="k1").with_schedule(Schedule(token_lifetime=1800))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--ttl", "1h"], ["--ttl (3600 s)", "by `tokensession keys schedule"]),
        (["--ttl", "61", "--cap", "60"], ["--ttl (61 s) exceeds the cap"]),
        (["--cap", "0"], ["--cap must be from 1"]),
        (["--context", "x" * 256], ["--context must be 1 to 255 bytes"]),
        (["--subject", ""], ["--subject: empty text; leave it out for no user"]),
        (["--subject-int", str(2**53)], ["--subject-int: the integer is beyond"]),
    ],
)
def test_options_are_named(cli: Cli, arguments: Sequence[str], words: Sequence[str]) -> None:
    """An error names the option, and not the library's parameter."""
    assert_complaint(cli("encode", cli.keys(RING), *arguments, stdin="{}"), *words)


def test_no_command_speaks_python(cli: Cli) -> None:
    """The remedy is something to type."""
    path = cli.keys(RING)
    (large := cli.folder / "large").write_text('"' + "x" * 9000 + '"')
    path.chmod(0o640)
    readable = cli("keys", "list", path)
    store = Database(f"sqlite:///{(empty := cli.folder / 'empty.db')}")
    store.create("revocations")
    with store.engine.connect() as connection:
        connection.exec_driver_sql("delete from tokensession_revocation")
    store.close()
    path.chmod(0o600)
    for result in (
        readable,
        cli("encode", path, large),
        cli("keys", "revoke", path, "other"),
        cli("keys", "list", RING.to_json().decode()),
        cli("keys", "list", cli.folder / "none"),
        cli("encode", path, "--ttl", "1h", stdin="{}"),
        cli("revoke", "--sid", "00" * 16, "--store", "sqlite:///x.db"),
        cli("revocations", "count", "--store", "sqlite:///x.db"),
        cli("revocations", "count", "--store", "sqlite:///x.db", "--prefix", "X"),
        cli("sessions", "list", "--subject", "ada", "--store", "sqlite:///x.db"),
        cli("revocations", "count", "--store", f"sqlite:///{empty}"),
    ):
        assert_complaint(result)
        for python in ("=True", "KeyRing.", "overflow=", "from_", "()", "None"):
            assert python not in result.err


@pytest.mark.parametrize("phrase", PHRASES)
def test_each_phrase_is_one_of_the_library(phrase: str) -> None:
    """One that the library no longer says would be left behind."""
    sources = Path(tokensession.__file__).parent.rglob("*.py")
    texts = [path.read_text() for path in sources if path.name != "phrases.py"]
    words = re.sub(r"\s", "", phrase)
    assert any(words in re.sub(r'f?"|\s', "", text) for text in texts)
    assert in_options(phrase) == PHRASES[phrase]


class TestPlaces:
    """Arguments in each other's place are recognised, and nothing of them is shown."""

    def test_a_token_and_its_keys(self, cli: Cli) -> None:
        """The keys come first."""
        path, token = cli.keys(RING), cli.file(encode({}, RING), "token")
        result = cli("decode", token, path)
        assert_complaint(result, "KEYS and TOKEN have changed places: name the keys first")
        assert encode({}, RING)[:20] not in result.err

    def test_a_state_and_its_keys(self, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whether the keys are in a file or in a variable."""
        state = cli.file("{}", "state")
        words = "KEYS and STATE have changed places"
        assert_complaint(cli("encode", state, cli.keys(RING)), words)
        monkeypatch.setenv("SESSION_KEYS", RING.to_json().decode())
        assert_complaint(cli("encode", state, "env:SESSION_KEYS"), words)

    @pytest.mark.parametrize("verb", ["revoke", "retire"])
    def test_a_kid_and_its_source(self, cli: Cli, verb: str) -> None:
        """The source comes first."""
        path = cli.keys(RING)
        assert_complaint(cli("keys", verb, "k1", path), "SOURCE and KID have changed places")

    def test_other_mistakes_keep_their_own_errors(self, cli: Cli) -> None:
        """Two files of which neither holds keys; a kid that nothing has."""
        token = cli.file(encode({}, RING), "token")
        assert "changed places" not in cli("decode", token, token).err
        assert "changed places" not in cli("keys", "revoke", cli.folder / "none", "k1").err

    def test_content_in_the_place_of_its_file(self, cli: Cli) -> None:
        """It belongs to standard input, where no process list shows it."""
        path = cli.keys(RING)
        assert_complaint(cli("encode", path, '{"user_id": 42}'), "STATE is the name of a file")
        assert_complaint(cli("decode", path, encode({}, RING)), "TOKEN is the name of a file")
