"""Key sources: one contract for files, SQLite, PostgreSQL, Valkey and Redis, on real servers."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from tests.conftest import NOW
from tokensession import ConfigError, KeyRing, StoreError
from tokensession.keys import source as source_module
from tokensession.keys.file_source import EnvironmentSource, FileSource
from tokensession.keys.rotation import Schedule
from tokensession.keys.source import create, load_ring, parse_ring, update
from tokensession.stores.redis import keys as redis_module
from tokensession.stores.redis.keys import RedisKeySource
from tokensession.stores.sql import keys as sql_module
from tokensession.stores.sql.keys import SQLKeySource
from tokensession.stores.urls import source_from_url

from .places import WRITABLE, place, url_of

if TYPE_CHECKING:
    from tests.servers import Postgres, Valkey
    from tokensession.keys.source import KeySource

ROOT = Path(__file__).parents[2]


class TestFile(KeySourceContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> KeySource:
        """Give a file that is not there yet."""
        return FileSource(tmp_path / "keys.json")


class TestDocuments:
    def test_a_document_without_serial(self, hs256: KeyRing) -> None:
        """An older one could not be told from it."""
        document = hs256.to_jwks(private=True)
        del document["serial"]
        with pytest.raises(ConfigError, match=r'the place: .*no serial.*"serial": 1'):
            parse_ring(
                "the place", KeyRing.from_jwks(document).to_json().replace(b'"serial"', b'"s"')
            )

    @pytest.mark.parametrize(
        ("document", "reason"),
        [
            (b"{", "not JSON"),
            (b'{"keys": []}', "at least one key"),
            (b'{"keys": [], "keys": []}', "member twice"),
            (b'{"serial": 1}', 'no member "keys"'),
            (b"\xff", "not JSON"),
        ],
    )
    def test_bad_documents(self, document: bytes, reason: str) -> None:
        """Each is refused with its place and reason."""
        with pytest.raises(ConfigError, match=f"^the place: .*{reason}"):
            parse_ring("the place", document)

    def test_a_document_of_another_size(
        self, hs256: KeyRing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Too large is refused before it is read as JSON."""
        monkeypatch.setattr(source_module, "MAX_DOCUMENT", 10)
        with pytest.raises(ConfigError, match="larger than 10 bytes"):
            parse_ring("x", hs256.to_json())

    def test_published_secrets(self) -> None:
        """Those of documentation are refused, as from a file."""
        document = (
            b'{"serial": 1, "keys": [{"kty": "oct", "kid": "k1", "alg": "HS256", "k": "%s"}]}'
        )
        with pytest.raises(ConfigError, match="published example"):
            parse_ring("x", document % b"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")


class TestEnvironment:
    def test_reading(self, hs256: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
        """The variable's text; none where it is missing or empty."""
        source = EnvironmentSource("TEST_KEYS")
        monkeypatch.delenv("TEST_KEYS", raising=False)
        assert source.read() is None
        monkeypatch.setenv("TEST_KEYS", "")
        assert source.read() is None
        monkeypatch.setenv("TEST_KEYS", hs256.to_json().decode())
        assert load_ring(source).fingerprint == hs256.fingerprint

    def test_it_cannot_be_written(self, hs256: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
        """A process cannot change it for others; the message says what to do."""
        monkeypatch.setenv("TEST_KEYS", hs256.to_json().decode())
        with pytest.raises(ConfigError, match=r"TEST_KEYS: .* deploy that"):
            update(EnvironmentSource("TEST_KEYS"), lambda ring: ring.add())


class TestURLs:
    @pytest.mark.parametrize(
        ("url", "name"),
        [
            ("keys.json", "key file keys.json"),
            ("/etc/keys.json", "key file /etc/keys.json"),
            ("file:keys.json", "key file keys.json"),
            ("file:///etc/keys.json", "key file /etc/keys.json"),
            ("env:SESSION_KEYS", "environment variable SESSION_KEYS"),
            ("sqlite:///x.db", "sqlite:///x.db#session-keys"),
            ("sqlite:///x.db#shop", "sqlite:///x.db#shop"),
            ("postgresql://app@db.example/app", "postgresql+psycopg://app:***@db.example/app#session-keys"),
            ("postgres://app@db.example/app#b", "postgresql+psycopg://app:***@db.example/app#b"),
            ("redis://cache.example", "redis cache.example:6379/0#tokensession:keys"),
            ("valkeys://cache.example:7000/2#b", "redis cache.example:7000/2#b"),
            ("unix:///run/valkey.sock#b", "redis /run/valkey.sock/0#b"),
            ("url:WHERE", "redis cache.example:6379/1#tokensession:keys"),
            ("url:OPTION", "postgresql+psycopg://db.example/app#session-keys"),
        ],
    )  # fmt: skip
    def test_what_a_url_names(self, url: str, name: str) -> None:
        """The password comes from the environment, and is in no name."""
        environment = {
            "TOKENSESSION_SOURCE_PASSWORD": "hunter2/@#",
            "WHERE": "redis://u:hunter3@cache.example:6379/1",
            "OPTION": "postgresql://db.example/app?user=app&password=hunter4",
        }
        source = source_from_url(url, environment=environment)
        assert source.name == name
        assert "hunter" not in repr(vars(source).get("_path", "")) + source.name

    def test_the_password_reaches_the_client(self) -> None:
        """As it stands, whatever characters it has."""
        variables = {"TOKENSESSION_SOURCE_PASSWORD": "hunter2/@#:%41"}
        sql: Any = source_from_url("postgresql://app@db/app", environment=variables)
        assert sql._engine.url.password == "hunter2/@#:%41"
        redis: Any = source_from_url("redis://db", environment=variables)
        assert redis._server.connection_pool.connection_kwargs["password"] == "hunter2/@#:%41"

    @pytest.mark.parametrize(
        "url",
        [
            "postgresql://app:hun@t:er2@db/app",
            "postgresql://app:hunter2@er2@db/app",
            "redis://:hunter2/er2@cache",
            "redis://cache?hunter2=er2",
            "sqlite:///keys.db?timeout=hunter2",
        ],
    )
    def test_what_is_no_url_is_not_shown(self, url: str) -> None:
        """Nor by an exception behind the one that says so: a part of it may be a password."""
        with pytest.raises(ConfigError, match=r"^(no|url is not one)") as caught:
            source_from_url("url:WHERE", environment={"WHERE": url})
        text = "".join(traceback.format_exception(caught.value))
        assert "er2" not in text.replace(url, "") + repr(caught.value.__context__)

    @pytest.mark.parametrize(
        ("url", "reason"),
        [
            ("redis://:hunter2@cache", "process lists"),
            ("postgresql://app:hunter2@db/app", "process lists"),
            ("redis://cache?password=hunter2", "process lists"),
            ("url:NOWHERE", "NOWHERE is missing or empty"),
            ("mysql://db", "a key source is a file, env:NAME"),
            ("redis://[", "no URL"),
            ("sqlite+nonsense:///x.db", "no database URL"),
            ("redis://cache:port", "redis-py reads"),
        ],
    )
    def test_refused(self, url: str, reason: str) -> None:
        """With the remedy, and without the password."""
        with pytest.raises(ConfigError, match=reason) as caught:
            source_from_url(url, environment={})
        assert "hunter2" not in str(caught.value)


class TestFaults:
    """Unreachable, slow and read-only stores: a StoreError that names the place, and no secret."""

    SECRET = b'{"keys": "hunter2"}'

    def assert_reports(self, source: KeySource, reason: str) -> None:
        """Reading and writing both say so."""
        for act in (source.read, lambda: source.write(self.SECRET, over=b"hunter2")):
            with pytest.raises(StoreError, match=reason) as caught:
                act()
            assert "hunter2" not in str(caught.value)
            assert caught.value.__cause__ is None

    def test_unreachable(self, tmp_path: Path) -> None:
        """Nobody listens."""
        for url in (f"unix://{tmp_path}/none", f"postgresql://u@/db?host={tmp_path}"):
            self.assert_reports(source_from_url(url), "none|connection")

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        """There is no file, and none can be made."""
        source = SQLKeySource(f"sqlite:///{tmp_path}/no/x.db")
        self.assert_reports(source, "no such file")
        with pytest.raises(StoreError, match="unable to open"):
            source.create()

    def test_a_table_that_is_not_there(self, tmp_path: Path) -> None:
        """A database that was never prepared is not an empty one."""
        (tmp_path / "x.db").touch()
        self.assert_reports(source_from_url(f"sqlite:///{tmp_path}/x.db"), "no such table")

    def test_slow(self, valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
        """A server that hangs counts as unreachable after a while."""
        monkeypatch.setattr(redis_module, "STORE_SECONDS", 0.05)
        source = RedisKeySource(valkey.url, key="slow")
        valkey.pause()
        try:
            self.assert_reports(source, "TimeoutError")
        finally:
            valkey.resume()

    def test_slow_postgres(self, postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
        """A row that somebody keeps locked is not waited for without end."""
        options = {"options": "-c lock_timeout=50"}
        monkeypatch.setitem(sql_module._PATIENCE, "psycopg", options)
        source = SQLKeySource(postgres.url, key="locked")
        source.create()
        assert source.write(self.SECRET, over=None)
        with source._engine.begin() as connection:
            connection.execute(sa.text("select * from tokensession_keys for update"))
            with pytest.raises(StoreError, match="lock timeout") as caught:
                source.write(b"{}", over=self.SECRET)
        assert "hunter2" not in str(caught.value)

    def test_read_only(self, valkey: Valkey, postgres: Postgres, tmp_path: Path) -> None:
        """A replica is read, and not written."""
        import redis  # noqa: PLC0415  # a client of its own

        source = RedisKeySource(valkey.url, key="replica")
        assert source.write(b"one", over=None)
        with redis.Redis.from_url(valkey.url) as client:
            client.execute_command("REPLICAOF", "127.0.0.1", "1")
            try:
                client.config_set("replica-serve-stale-data", "yes")
                assert source.read() == b"one"
                with pytest.raises(StoreError):
                    source.write(b"two", over=b"one")
            finally:
                client.execute_command("REPLICAOF", "NO", "ONE")
        options = f"{postgres.url}&options=-c default_transaction_read_only=on"
        SQLKeySource(postgres.url).create()
        with pytest.raises(StoreError, match="read-only"):
            SQLKeySource(options).write(b"x", over=None)

    def test_no_redis_client_shows_its_password(self, tmp_path: Path) -> None:
        """A wrong password is an error without it."""
        source = source_from_url(
            f"redis://127.0.0.1:1#{tmp_path.name}",
            environment={"TOKENSESSION_SOURCE_PASSWORD": "hunter2"},
        )
        self.assert_reports(source, "127.0.0.1:1/0")


@pytest.mark.parametrize(
    ("module", "missing", "extra"), [("sql", "sqlalchemy", "sql"), ("redis", "redis", "redis")]
)
def test_a_missing_extra_is_named(module: str, missing: str, extra: str) -> None:
    """Importing the store without its package says what to install."""
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "try:\n"
        f"    import tokensession.stores.{module}.keys\n"
        "except Exception as error:\n"
        "    print(type(error).__name__, error)\n"
    )
    done = subprocess.run(  # noqa: S603  # our own text
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "ConfigError" in done.stdout
    assert f"pip install 'tokensession[{extra}]'" in done.stdout


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL without psycopg says which extra has it."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigError, match=r"tokensession\[postgresql\]"):
        SQLKeySource("postgresql://db/app")


class TestSQLite:
    def test_its_file_is_private(self, tmp_path: Path) -> None:
        """As a key file is, whatever the umask; one that is there keeps its mode."""
        path, shared = tmp_path / "new.db", tmp_path / "shared.db"
        shared.touch(0o640)
        former = os.umask(0o022)
        try:
            for file in (path, shared):
                source = SQLKeySource(f"sqlite:///{file}")
                source.create()
                assert source.write(b"one", over=None)
        finally:
            os.umask(former)
        assert {file.name: f"{file.stat().st_mode & 0o777:o}" for file in tmp_path.iterdir()} == {
            "new.db": "600",
            "shared.db": "640",
        }

    def test_asking_makes_no_file(self, tmp_path: Path) -> None:
        """Neither reading nor a dry run leaves an empty database behind, for all to read."""
        source = SQLKeySource(f"sqlite:///{tmp_path}/none.db")
        for call in (source.read, lambda: source.write(b"one", over=None)):
            with pytest.raises(StoreError, match=r"no such file.*keys new"):
                call()
        assert list(tmp_path.iterdir()) == []

    def test_a_document_that_is_no_text(self, tmp_path: Path, hs256: KeyRing) -> None:
        """As readfile() of SQLite's shell gives it: it could be read, and never replaced."""
        source = SQLKeySource(f"sqlite:///{tmp_path}/keys.db")
        source.create()
        with sqlite3.connect(tmp_path / "keys.db") as database:
            database.execute(
                "insert into tokensession_keys values (?, ?)", ("session-keys", hs256.to_json())
            )
        database.close()
        with pytest.raises(ConfigError, match="no text"):
            load_ring(source)


def test_an_engine_of_the_application(tmp_path: Path) -> None:
    """SQLAlchemy's own Engine is taken as it is; a client of redis-py likewise."""
    engine = sa.create_engine(f"sqlite:///{tmp_path}/x.db")
    source = SQLKeySource(engine)
    source.create()
    source.create()
    assert source.write(b"one", over=None)
    assert source.read() == b"one"
    engine.dispose()


def test_a_client_that_decodes(valkey: Valkey) -> None:
    """A client whose answers are str serves too."""
    import redis  # noqa: PLC0415  # a client of its own

    with redis.Redis.from_url(valkey.url, decode_responses=True) as client:
        source = RedisKeySource(client, key="decoding")
        assert source.write(b"one", over=None)
        assert source.read() == b"one"
        assert source.write(b"two", over=b"one")


KILLED = """
import os, sys
from pathlib import Path
from tokensession.keys.file_source import FileSource
from tokensession.keys.source import update

path, step = sys.argv[1], int(sys.argv[2])
calls = 0

def dying(call):
    def wrapped(*arguments, **named):
        global calls
        if calls == step:
            os.kill(os.getpid(), 9)
        calls += 1
        return call(*arguments, **named)
    return wrapped

def change(ring):
    for name in ("open", "fsync", "link", "close", "fchmod", "fchown", "fstat"):
        setattr(os, name, dying(getattr(os, name)))
    Path.replace = dying(Path.replace)
    Path.unlink = dying(Path.unlink)
    return ring.add()

update(FileSource(path), change)
"""


def test_killed_at_every_step(tmp_path: Path) -> None:
    """Whichever step of a write is the last, the file is the old document or the new one."""
    serials = []
    for step in range(40):
        path = tmp_path / f"{step}.json"
        KeyRing.open(path)
        done = subprocess.run(  # noqa: S603  # our own interpreter and text
            [sys.executable, "-c", KILLED, str(path), str(step)],
            cwd=ROOT, capture_output=True, check=False, timeout=120,
        )  # fmt: skip
        serials.append(load_ring(FileSource(path)).serial)
        # What the killed one left behind hinders no later writer.
        assert update(FileSource(path), lambda ring: ring.add()).after.serial == serials[-1] + 1
        if done.returncode == 0:
            break
        assert done.returncode == -9
    assert serials[0] == 0
    assert serials[-1] == 1
    assert serials == sorted(serials)
    assert serials.count(1) > 1
