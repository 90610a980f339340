"""`connect` finds the vendor of a URL, an engine or a client."""

from __future__ import annotations

import traceback
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from tokensession import ConfigError, StoreError
from tokensession.stores import Connection, connect

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("where", ["sessions.db", "mysql://h/db", "", "sqlite", "://", 7, None])
def test_what_is_no_store(where: object) -> None:
    """The message lists the beginnings of the URLs that there are."""
    with pytest.raises(ConfigError, match=r"starts with sqlite:, .* or memory:"):
        connect(where)


@pytest.mark.parametrize(
    ("url", "options", "message"),
    [
        ("sqlite:///x.db", {"database": "a"}, "SQL has no option database: it has prefix, t"),
        ("memory:", {"timeout": 1}, "memory has no option timeout: it has max_denied, room"),
        ("memory:", {"room": 5}, "room must be at least 8000016 bytes"),
        ("memory:", {"max_denied": 0}, "max_denied must be at least 1"),
        ("sqlite:///x.db", {"timeout": 0}, "timeout must be above 0"),
        ("sqlite:///x.db", {"prefix": "A"}, "prefix must be 1 to 40 lower-case"),
    ],
)
def test_options(url: str, options: dict[str, Any], message: str) -> None:
    """Each is checked, and one of another vendor is refused with those that there are."""
    with pytest.raises(ConfigError, match=message):
        connect(url, **options)


def test_connecting_does_no_io(tmp_path: Path) -> None:
    """No file is made until a role is created."""
    store = connect(f"sqlite:///{tmp_path}/x.db")
    store.revocations()
    assert list(tmp_path.iterdir()) == []
    assert store.name == f"sqlite:///{tmp_path}/x.db"


def test_an_engine(tmp_path: Path) -> None:
    """It is used as it is."""
    engine = sa.create_engine(f"sqlite:///{tmp_path}/x.db")
    store = connect(engine)
    store.create("overflow")
    store.overflow().put(b"n" * 32, b"entry", until=9, now=0)
    assert sa.inspect(engine).get_table_names() == ["tokensession_overflow"]
    engine.dispose()


def tables(store: Any) -> list[str]:
    """Return the tables that are there, without their prefix."""
    names = sa.inspect(store.engine).get_table_names()
    return sorted(name.removeprefix("tokensession_") for name in names)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://app:hunter2@127.0.0.1:1/app",
        "postgresql://app@127.0.0.1:1/app?password=hunter2",
        "redis://app:hunter2@127.0.0.1:1/0",
        "redis://127.0.0.1:1/0?password=hunter2",
        "mongodb://app:hunter2@127.0.0.1:1/app",
    ],
)
def test_a_server_that_is_down(url: str) -> None:
    """Error pages and reports show local variables: those of the client have no password."""
    with closing(connect(url, timeout=0.5)) as store, pytest.raises(StoreError) as caught:
        store.revocations(may_forget=True).look_up(bytes(16), None)
    error: BaseException | None = caught.value
    while error is not None:
        found = traceback.TracebackException.from_exception(error, capture_locals=True)
        shown = [str(frame.locals) for frame in found.stack if frame.filename != __file__]
        assert "hunter2" not in f"{error!r} {shown}"
        error = error.__cause__ or error.__context__


class TestCreate:
    @pytest.fixture
    def store(self, sqlite_url: str) -> Any:
        """Give a connection to a file that is not there yet."""
        return connect(sqlite_url)

    def test_the_roles_asked_for(self, store: Any) -> None:
        """`create` makes the tables of the requested roles, and a second call is a no-op."""
        store.overflow()
        for _ in range(2):
            store.create()
        assert tables(store) == ["overflow"]
        store.keys()
        store.create()
        assert tables(store) == ["keys", "overflow"]

    def test_the_roles_named(self, store: Connection) -> None:
        """Whether they were asked for or not."""
        store.create("keys", "overflow")
        assert tables(store) == ["keys", "overflow"]

    def test_nothing_to_create(self, store: Connection) -> None:
        """It says how a role is asked for."""
        with pytest.raises(ConfigError, match=r"call store\.revocations"):
            store.create()
        with pytest.raises(
            ConfigError, match="role must be one of revocations, directory, overflow"
        ):
            store.create("tables")
