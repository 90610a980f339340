"""A secret in the place of any argument, or of any name in Python, is shown nowhere."""

from __future__ import annotations

import json
import subprocess
import sys
import traceback
from argparse import Action, ArgumentParser, _SubParsersAction
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from tokensession import KeyRing, encode, stores
from tokensession.errors import TokenSessionError
from tokensession.keys.file_source import EnvironmentSource, FileSource
from tokensession.keys.rotation import Schedule
from tokensession.keys.source import load_ring
from tokensession.stores.memcached.server import MemcachedServer
from tokensession.stores.mongo.database import MongoDatabase
from tokensession.stores.redis.server import RedisServer
from tokensession.stores.sql.database import Database
from tokensession.stores.urls import source_from_url
from tokensession.tools.cli import main, program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

RING = KeyRing.generate(kid="k1").with_schedule(Schedule(token_lifetime=1800))
DOCUMENT = RING.to_json().decode()
K = json.loads(DOCUMENT)["keys"][0]["k"]
TOKEN = encode({"name": "Ada"}, RING)
PASSWORD = "Hunter2IsSecret"
PEM = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIHunter2IsSecret\n-----END PRIVATE KEY-----"
# Passwords that should have been escaped: the URL ends before or within them.
URLS = [
    f"{scheme}://app:{password}@127.0.0.1:1/app"
    for scheme in ("postgresql", "redis", "mongodb", "memcached")
    for password in (f"47#{PASSWORD}", f"47/{PASSWORD}", f"47?{PASSWORD}", f"4@{PASSWORD}")
]
GOOD_URLS = [
    f"postgresql://app:{PASSWORD}@127.0.0.1:1/app",
    f"redis://:{PASSWORD}@127.0.0.1:1/0",
    f"redis://127.0.0.1:1/0?password={PASSWORD}",
    f"mongodb://app:{PASSWORD}@127.0.0.1:1/app",
]
MISSPELT = [
    f"redis:/:{PASSWORD}@127.0.0.1/0",
    f"redis:app:{PASSWORD}@127.0.0.1",
    f"//app:{PASSWORD}@127.0.0.1/0",
    f"app:{PASSWORD}@127.0.0.1",
    f"nonsense://app:{PASSWORD}@127.0.0.1/0",
]
PLAIN = [DOCUMENT, TOKEN, K, PEM, *URLS, *MISSPELT]
SECRETS = [*PLAIN, *[f"{prefix}{text}" for text in PLAIN for prefix in ("env:", "url:", "ENV:")]]
# In the place of each argument of each command: one of each kind.
ARGUMENTS = [DOCUMENT, TOKEN, f"env:{DOCUMENT}", f"url:{URLS[0]}"]
NEVER_SHOWN = (K, TOKEN, TOKEN.split(".")[1], PASSWORD)


def assert_hidden(text: str, *, of: str) -> None:
    """No part of a secret is in a text."""
    shown = [secret for secret in NEVER_SHOWN if secret in text]
    assert not shown, f"{of[:60]!r}: {text}"


def commands(
    parser: ArgumentParser, words: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], list[Action]]]:
    """Yield each command's words and its arguments."""
    nested = [action for action in parser._actions if isinstance(action, _SubParsersAction)]
    for action in nested:
        for name, below in action.choices.items():
            yield from commands(below, (*words, name))
    if not nested:
        yield words, [action for action in parser._actions if action.dest != "help"]


COMMANDS = dict(commands(program._parser()))


@pytest.fixture
def good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Give a value for each argument with which the command does something harmless."""
    monkeypatch.chdir(tmp_path)
    RING.save("keys.json")
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "state").write_text("{}")
    return {
        "keys": "keys.json", "source": "keys.json", "file": "new.json", "output": "out.json",
        "store": f"sqlite:///{tmp_path}/r.db", "token": "token", "state": "state", "kid": "k1",
        "sid": "00" * 16, "id": "00" * 16, "start": "1", "subject": "ada",
    }  # fmt: skip


def run(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run the program and return all that it prints; it ends with a documented code."""
    capsys.readouterr()
    assert main(arguments) in (0, 1, 2), arguments[:3]
    captured = capsys.readouterr()
    return captured.out + captured.err


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_argument(
    words: tuple[str, ...],
    good: dict[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither output, logs nor names of files show a secret that stands in its place."""
    if words in (("tour",), ("demo",)):
        pytest.skip("takes no words; a wrong port is below")
    actions = COMMANDS[words]
    required = [action for action in actions if action.required and action.nargs != "?"]
    if words == ("revoke",):
        required.append(next(action for action in actions if action.dest == "sid"))
    files = {path.name for path in tmp_path.iterdir()}

    def line(tested: Action | None, secret: str) -> list[str]:
        arguments = list(words)
        for action in [
            *(one for one in required if one is not tested),
            *([tested] if tested else []),
        ]:
            value = secret if action is tested else good[action.dest]
            if not action.option_strings:
                arguments += [value]
            elif action.nargs == 0:  # a flag, which takes no value
                arguments += [f"{action.option_strings[-1]}={value}"]
            else:
                arguments += [action.option_strings[-1], value]
        return arguments

    for secret in ARGUMENTS:
        for tested in actions:
            assert_hidden(run(line(tested, secret), capsys), of=secret)
        assert_hidden(run([*line(None, ""), secret, f"--{secret}"], capsys), of=secret)
        for name in {path.name for path in tmp_path.iterdir()} - files:
            assert_hidden(name, of=secret)
            (tmp_path / name).unlink()
    assert_hidden(caplog.text, of="logs")


def test_a_long_argument() -> None:
    """An argument as long as the system allows is judged at once."""
    for text in ("a/" * 60_000, "//:" * 40_000):
        command = [sys.executable, "-m", "tokensession", "keys", "list", text, "--now", text]
        done = subprocess.run(command, capture_output=True, timeout=60, check=False)  # noqa: S603  # our own program
        assert done.returncode == 2, done.stderr[-200:]


@pytest.mark.parametrize(
    "words", [(), ("keys",), ("vectors",), ("revocations",), ("demo", "--port")]
)
def test_in_place_of_a_command(
    words: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An unknown command, verb or number is not repeated."""
    monkeypatch.chdir(tmp_path)
    for secret in ARGUMENTS:
        assert_hidden(run([*words, secret], capsys), of=secret)


USES: list[Callable[[str], Any]] = [
    KeyRing.open,
    lambda secret: KeyRing.follow(secret).ring,
    KeyRing.from_env,
    RING.save,
    lambda secret: RING[secret],
    RING.revoke,
    RING.retire,
    lambda secret: load_ring(FileSource(secret)),
    lambda secret: load_ring(EnvironmentSource(secret)),
    lambda secret: load_ring(source_from_url(secret)),
    lambda secret: load_ring(source_from_url("url:SECRET", environment={"SECRET": secret})),
    KeyRing.from_jwks,
    lambda secret: stores.connect(secret).name,
    lambda secret: stores.connect(secret).keys().name,
    lambda secret: stores.connect("sqlite:///x.db").create(secret),
    *[
        lambda secret, kind=kind: kind(secret).name
        for kind in (Database, RedisServer, MongoDatabase, MemcachedServer)
    ],
]


@pytest.mark.parametrize("use", range(len(USES)))
def test_every_name_in_python(
    use: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Errors, the errors behind them, a repr and log lines hide a secret."""
    monkeypatch.chdir(tmp_path)
    for secret in SECRETS:
        monkeypatch.setenv("SECRET", secret)
        try:
            made = USES[use](secret)
        except TokenSessionError as error:
            assert_hidden("".join(traceback.format_exception(error)), of=secret)
        else:
            assert_hidden(repr(made), of=secret)
    for path in tmp_path.iterdir():
        assert_hidden(path.name, of="files")
    assert_hidden(caplog.text, of="logs")


def test_names_of_connections_and_sources() -> None:
    """A connection's name and repr show neither a password nor the options that can hold one."""
    for url in GOOD_URLS:
        with suppress(TokenSessionError):
            connection = stores.connect(url, timeout=0.2)
            assert_hidden(f"{connection.name} {connection!r}", of=url)
            with pytest.raises(TokenSessionError) as caught:
                connection.revocations(may_forget=True).count()
            assert_hidden("".join(traceback.format_exception(caught.value)), of=url)
            connection.close()
        with suppress(TokenSessionError):
            source = source_from_url("url:SECRET", environment={"SECRET": url})
            assert_hidden(f"{source.name} {source!r}", of=url)


@pytest.mark.parametrize(
    "name", ["NAME ", "1NAME", "NA-ME", "", "NAME\n", "$NAME", "{NAME}", "NÄME"]
)
def test_one_spelling_of_a_variables_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any other is refused without being shown, even if such a variable is set."""
    with suppress(ValueError, OSError):
        monkeypatch.setenv(name, DOCUMENT)
    for use in (
        lambda: KeyRing.from_env(name),
        lambda: source_from_url(f"env:{name}"),
        lambda: source_from_url(f"url:{name}"),
        lambda: stores.connect(f"url:{name}"),
    ):
        with pytest.raises(TokenSessionError, match=r"not shown.*letters, digits and _"):
            use()


def test_env_is_a_document_and_url_a_url(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each prefix means the same for keys, stores and commands."""
    monkeypatch.setenv("DOCUMENT", DOCUMENT)
    monkeypatch.setenv("WHERE", f"sqlite:///{tmp_path}/s.db")
    store = stores.connect("url:WHERE")
    store.create("keys")
    assert store.keys().write(DOCUMENT.encode(), over=None)
    for keys in (source_from_url("env:DOCUMENT"), source_from_url("url:WHERE")):
        assert load_ring(keys).fingerprint == RING.fingerprint
    for refused in (
        lambda: stores.connect("env:WHERE"),
        lambda: load_ring(source_from_url("env:WHERE")),
        lambda: source_from_url("url:DOCUMENT"),
    ):
        with pytest.raises(TokenSessionError):
            refused()
    assert main(["revocations", "create", "--store", "url:WHERE"]) == 0
    assert main(["revocations", "count", "--store", "env:WHERE"]) == 2
    assert main(["keys", "list", "url:WHERE"]) == 0
