"""What the stores refuse to be made of, without asking any server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import redis
import sqlalchemy as sa

from tokensession import ConfigError, StoreError
from tokensession.overflow.store import MAX_ENTRY
from tokensession.stores import connect
from tokensession.stores.arguments import first_line
from tokensession.stores.memcached.overflow import MemcachedStore
from tokensession.stores.memcached.server import MemcachedServer
from tokensession.stores.memory.overflow import MemoryStore
from tokensession.stores.mongo.database import MongoDatabase
from tokensession.stores.mongo.overflow import MongoStore
from tokensession.stores.redis.overflow import RedisStore
from tokensession.stores.redis.server import RedisServer
from tokensession.stores.sql.database import Database
from tokensession.stores.sql.overflow import SQLStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

REDIS, MONGO, SQLITE = "redis://localhost:1", "mongodb://localhost:1", "sqlite:///never.db"

WRONG: list[tuple[Callable[[], object], str]] = [
    (lambda: RedisStore(RedisServer(REDIS, timeout=0)), "timeout must be above 0"),
    (lambda: RedisStore(RedisServer(REDIS, prefix="a b")), "prefix must be 1 to 64"),
    (lambda: RedisStore(RedisServer("secret-host")), "invalid URL for redis-py"),
    (
        lambda: RedisStore(RedisServer("redis://localhost:1?secret=1")),
        "invalid URL for redis-py",
    ),
    (
        lambda: RedisStore(RedisServer(REDIS, timeout="1")),  # type: ignore[arg-type]
        "number of seconds or a timedelta, not str",
    ),
    (
        lambda: RedisStore(RedisServer(REDIS, timeout=True)),
        "number of seconds or a timedelta, not bool",
    ),
    (lambda: RedisStore(RedisServer(REDIS, timeout=float("inf"))), "at most 3600 seconds, not inf"),
    (lambda: RedisStore(RedisServer(7)), "url must be text or a client, not int"),  # type: ignore[arg-type]
    (
        lambda: RedisStore(RedisServer(redis.Redis(decode_responses=True))),
        "without decode_responses",
    ),
    (lambda: MemcachedStore(MemcachedServer("")), "server must be host:port"),
    (lambda: MemcachedStore(MemcachedServer(7)), "server must be host:port"),  # type: ignore[arg-type]
    (lambda: MemcachedStore(MemcachedServer("localhost:1", timeout=0)), "timeout must be above 0"),
    (lambda: MemcachedStore(MemcachedServer("localhost:1", prefix="")), "prefix must be 1 to 64"),
    (
        lambda: MemcachedStore(MemcachedServer("localhost:1", item_limit=2047)),
        "item_limit must be at least 2048",
    ),
    (lambda: MemcachedStore(MemcachedServer("localhost:1", item_limit="5")), "whole number"),  # type: ignore[arg-type]
    (lambda: MemoryStore(room="5"), "room must be a whole number, not str"),  # type: ignore[arg-type]
    (lambda: MongoStore(MongoDatabase("http://localhost")), "url must start with mongodb://"),
    (lambda: MongoStore(MongoDatabase(7)), "url must start with mongodb://"),  # type: ignore[arg-type]
    (lambda: MongoStore(MongoDatabase(MONGO, timeout=0)), "timeout must be above 0"),
    (lambda: MongoStore(MongoDatabase(MONGO, database="a.b")), "database and collection must be"),
    (lambda: MongoStore(MongoDatabase(MONGO, collection="$x")), "database and collection must be"),
    (lambda: SQLStore(Database(SQLITE, timeout=0)), "timeout must be above 0"),
    (lambda: SQLStore(Database(SQLITE, prefix="A")), "prefix must be 1 to 40 lower-case"),
    (lambda: SQLStore(Database("sqlite://")), "in memory is lost with its connection"),
    (lambda: SQLStore(Database("nonsense")), "invalid URL for SQLAlchemy"),
    (lambda: SQLStore(Database("nosuch://host")), "invalid URL for SQLAlchemy"),
    (
        lambda: SQLStore(Database("postgresql+psycopg://u:a@b:secret@h/d")),
        "has an @ outside its credentials",
    ),
    (
        lambda: SQLStore(Database(f"{SQLITE}?timeout=secret")),
        r"has the option timeout: pass timeout=",
    ),
    (lambda: SQLStore(Database(f"{SQLITE}?timeout=1&timeout=2")), "option timeout: pass timeout="),
    (lambda: SQLStore(Database(f"{SQLITE}?mode=secret")), "an option that SQLite does not have"),
    (lambda: SQLStore(Database(f"{SQLITE}?secret=1")), "an option that SQLite does not have"),
    (
        lambda: SQLStore(Database("sqlite:///file:a.db?mode=ro&mode=rw&uri=true")),
        "has an option twice",
    ),
    (
        lambda: SQLStore(Database("postgresql://h/d?connect_timeout=5")),
        "has the option connect_timeout: pass timeout=",
    ),
    (lambda: SQLStore(Database("postgresql://h/d?sslmode=a&sslmode=b")), "has an option twice"),
    (lambda: SQLStore(Database("postgresql://h/d?secret=1")), "with options of libpq alone"),
    (lambda: RedisServer("redis://h?socket_timeout=5"), "option socket_timeout: pass timeout="),
    (lambda: RedisServer("redis://h?db=1&db=2"), "has an option twice"),
    (lambda: RedisServer("redis://h/1?db=2"), "invalid URL for redis-py"),
    (lambda: RedisServer("redis://h/secret"), "redis://HOST:PORT/DATABASE"),
    (lambda: RedisServer("redis://h/0/1"), "invalid URL for redis-py"),
    (lambda: RedisServer("redis://h/0#secret"), "invalid URL for redis-py"),
    (lambda: RedisServer("redis://h?protocol=9"), "invalid URL for redis-py"),
    (
        lambda: RedisServer(REDIS).revocations(may_forget="false"),  # type: ignore[arg-type]
        "may_forget must be True or False, not str",
    ),
    (
        lambda: MemcachedServer("localhost:1").revocations(may_forget=1),  # type: ignore[arg-type]
        "may_forget must be True or False, not int",
    ),
    (
        lambda: Database(SQLITE).keys(shared_file="false"),  # type: ignore[arg-type]
        "shared_file must be True or False, not str",
    ),
    (lambda: RedisServer(REDIS).keys(0), "key must be the name of a document, not int"),  # type: ignore[arg-type]
    (lambda: Database(SQLITE).keys([]), "key must be the name of a document, not list"),  # type: ignore[arg-type]
    (lambda: Database("sqlite:///secret\udcff.db"), "zero byte or a lone surrogate"),
    (lambda: connect("redis://h/0?username=secret\0"), "zero byte or a lone surrogate"),
    (lambda: Database(SQLITE).keys("a\0secret"), "key contains a zero byte"),
    (lambda: RedisServer(REDIS).keys("secret\udcff"), "or a lone surrogate"),
    (lambda: Database(SQLITE).create([]), "a role must be one of"),  # type: ignore[arg-type]
    (lambda: MemcachedServer("memcached://h:0"), "server must be host:port"),
    (lambda: MemcachedServer("memcached://h:65536"), "server must be host:port"),
    (lambda: MemcachedServer("memcached://h:secret"), "server must be host:port"),
    (lambda: MongoDatabase(MONGO, collection=0), "database and collection must be"),  # type: ignore[arg-type]
    (lambda: MongoDatabase("mongodb://user:secret@host:port"), "invalid URL for PyMongo"),
    (lambda: MongoDatabase("mongodb://h/?secret=1"), "invalid URL for PyMongo"),
    (lambda: MongoDatabase("mongodb+srv://h/?timeoutMS=secret"), "invalid URL for PyMongo"),
    (lambda: MongoDatabase("mongodb://h/?w=1&W=secret"), "has an option twice"),
    (lambda: MongoDatabase("mongodb://h/?w=0"), "lost writes would not be noticed"),
    (
        lambda: SQLStore(Database("postgresql+asyncpg://u:secret@h/d")),
        r"driver .* missing \(asyncpg\)",
    ),
    (lambda: SQLStore(Database(7)), "url must be text or an engine, not int"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("make", "message"), WRONG)
def test_wrong_arguments(make: Callable[[], object], message: str) -> None:
    """Each is named with what would be right, and no message shows a URL."""
    with pytest.raises(ConfigError, match=message) as found:
        make()
    assert "secret" not in f"{found.value} {found.value.__context__!r}"


def test_another_database_is_refused() -> None:
    """Only those that the statements were tried on."""
    engine: Any = sa.create_mock_engine("mysql+pymysql://", lambda *_: None)
    with pytest.raises(ConfigError, match="must be text or an engine"):
        SQLStore(Database(engine))


def test_an_engine_of_ones_own(tmp_path: Path) -> None:
    """It is used as it is, with a connection for each call."""
    engine = sa.create_engine(f"sqlite:///{tmp_path}/own.db")
    store = SQLStore(Database(engine))
    store.create()
    store.put(b"n" * 32, b"entry", until=100, now=0)
    assert store.get(b"n" * 32) == b"entry"
    store.close()


def test_a_table_that_is_missing(tmp_path: Path) -> None:
    """The message says how it is made; nothing is taken for a lost entry."""
    (tmp_path / "none.db").touch()
    store = SQLStore(Database(f"sqlite:///{tmp_path}/none.db"))
    with pytest.raises(StoreError, match=r"no such table: tokensession_overflow: run cre"):
        store.get(b"n" * 32)
    store.close()


def test_item_limits() -> None:
    """A server with larger items takes larger entries, up to the most that any store does."""
    assert MemcachedStore(MemcachedServer("localhost:1")).largest == 2**20 - 1024
    assert MemcachedStore(MemcachedServer("localhost:1", item_limit=2**30)).largest == MAX_ENTRY


def test_a_mongo_url_that_only_its_name_server_shows_to_be_wrong() -> None:
    """The driver reads it with the first call, and its error does not show the password."""
    store = MongoStore(MongoDatabase("mongodb+srv://user:secret@host:1"))
    with pytest.raises(StoreError, match="an invalid URL") as found:
        store.get(b"n" * 32)
    assert "secret" not in str(found.value)
    store.close()


def test_the_line_of_an_error_that_repeats_a_command() -> None:
    """What a server repeats of a command that it does not know can be a password."""
    error = ValueError("unknown command 'AUTH', with args beginning with: 'hunter2'\nmore")
    assert first_line(error) == "unknown command 'AUTH'"
