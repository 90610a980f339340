"""A key document in a row of a SQL database: SQLite or PostgreSQL, through SQLAlchemy Core.

Needs the extra ``sql`` (``pip install 'tokensession[sql]'``), and for PostgreSQL a driver, such
as that of the extra ``postgresql``.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any, Final

from tokensession.errors import ConfigError, StoreError
from tokensession.keys.source import STORE_SECONDS
from tokensession.stores.sql.database import database_url, limit, sqlite_file

try:
    import sqlalchemy as sa
    from sqlalchemy.exc import IntegrityError, SQLAlchemyError
    from sqlalchemy.pool import NullPool
except ImportError as _missing:
    raise ConfigError(
        "keys in a SQL database need SQLAlchemy: pip install 'tokensession[sql]'"
    ) from _missing

if TYPE_CHECKING:
    from collections.abc import Generator

DEFAULT_NAME: Final = "session-keys"

_TABLE: Final = sa.Table(
    "tokensession_keys",
    sa.MetaData(),
    sa.Column("name", sa.String(255), primary_key=True),
    sa.Column("document", sa.Text, nullable=False),
)
# What makes a server that has gone away an error within STORE_SECONDS, by driver.
_MILLISECONDS: Final = STORE_SECONDS * 1000
_PATIENCE: Final[dict[str, dict[str, Any]]] = {
    "pysqlite": {"timeout": STORE_SECONDS},
    "psycopg": {
        "connect_timeout": STORE_SECONDS,
        "tcp_user_timeout": _MILLISECONDS,
        "options": f"-c statement_timeout={_MILLISECONDS} -c lock_timeout={_MILLISECONDS}",
    },
}


class SQLKeySource:
    """The document in a table of its own, ``tokensession_keys``, a row for each ring.

    Args:
        database: A URL of SQLAlchemy, such as ``sqlite:///keys.db`` or
            ``postgresql+psycopg://app@db/app``; or an Engine. With a URL each call has a
            connection of its own, so that nothing is shared by forks.
        key: Which row.

    Raises:
        ConfigError: A URL that is none, or a driver that is not installed.
    """

    def __init__(self, database: str | sa.URL | sa.Engine, *, key: str = DEFAULT_NAME) -> None:
        self._engine = database if isinstance(database, sa.Engine) else _engine(database)
        self._key = key

    @property
    def name(self) -> str:
        """Database and row, without the password, and without options, which may hold one."""
        url = self._engine.url.set(query={})
        return f"{url.render_as_string(hide_password=True)}#{self._key}"

    def create(self) -> None:
        """Make the table, if it is not there; a file of SQLite is for its owner alone.

        Raises:
            StoreError: The database cannot be reached, or does not allow it.
        """
        file = sqlite_file(self._engine)
        if file is not None:
            # With the mode of a key file, where it is new; what is wrong is for the driver to say.
            with contextlib.suppress(OSError, ValueError):
                os.close(os.open(file, os.O_RDONLY | os.O_CREAT, 0o600))
        with self._reported():
            _TABLE.metadata.create_all(self._engine)

    def read(self) -> bytes | None:
        """Return the document's text, or None where there is no row.

        Raises:
            ConfigError: It is no text.
            StoreError: The database cannot be reached.
        """
        query = sa.select(_TABLE.c.document).where(_TABLE.c.name == self._key)
        with self._connected() as connection:
            document: object = connection.execute(query).scalar_one_or_none()
        if document is None:
            return None
        if not isinstance(document, str):  # SQLite keeps what it is given, whatever the column's
            raise ConfigError(
                f"{self.name}: the document is no text: write it with CAST(... AS TEXT)"
            )
        return document.encode()

    def write(self, document: bytes, *, over: bytes | None) -> bool:
        """Replace the document, if it is still `over`; one statement decides."""
        text = document.decode()
        statement: sa.Insert | sa.Update = sa.insert(_TABLE).values(name=self._key, document=text)
        if over is not None:
            statement = (
                sa.update(_TABLE)
                .where(_TABLE.c.name == self._key, _TABLE.c.document == over.decode())
                .values(document=text)
            )
        try:
            with self._connected() as connection, connection.begin():
                done = connection.execute(statement)
                return over is None or done.rowcount == 1  # of inserts not every driver counts
        except _Exists:
            return False

    @contextlib.contextmanager
    def _connected(self) -> Generator[sa.Connection]:
        file = sqlite_file(self._engine)
        if file is not None and not os.path.exists(file):  # noqa: PTH110  # a str as any other
            # Connecting would make it, although nobody has asked for that, and for all to read.
            raise StoreError(f"{self.name}: no such file; `tokensession keys new` makes it")
        with (
            self._reported(),
            self._engine.connect() as connection,
            limit(connection.connection.dbapi_connection, STORE_SECONDS),
        ):
            yield connection

    @contextlib.contextmanager
    def _reported(self) -> Generator[None]:
        try:
            yield
        except IntegrityError:
            raise _Exists from None
        except (SQLAlchemyError, TimeoutError) as error:
            # The text of these errors may hold the statement's values, which are the keys.
            raise StoreError(f"{self.name}: {_reason(error)}") from None


class _Exists(Exception):  # noqa: N818  # no error: another writer was faster
    pass


def _engine(database: str | sa.URL) -> sa.Engine:
    url = database_url(database)
    reason = ""
    try:
        driver = url.get_dialect()().driver
        ours = {
            name: value
            for name, value in _PATIENCE.get(driver, {}).items()
            if name not in url.query
        }
        return sa.create_engine(url, poolclass=NullPool, connect_args=ours, hide_parameters=True)
    except ImportError as error:
        raise ConfigError(
            f"the database's driver is not installed ({error.name}); for PostgreSQL: "
            "pip install 'tokensession[postgresql]'"
        ) from None
    except (SQLAlchemyError, ValueError) as error:
        reason = type(error).__name__
    # Said here, so that no exception behind this one shows a part of the URL.
    raise ConfigError(f"no database URL of SQLAlchemy: {reason}")


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return str(error)
    cause = getattr(error, "orig", None)
    if cause is None:
        return type(error).__name__
    first = str(cause).strip().partition("\n")[0]
    if _TABLE.name in first and ("no such table" in first or "does not exist" in first):
        first += "; `tokensession keys new` makes it"
    return f"{type(cause).__name__}: {first}" if first else type(cause).__name__
