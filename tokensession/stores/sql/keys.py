"""A key document in a row of a SQL database: SQLite or PostgreSQL, through SQLAlchemy Core.

Needs the extra ``sql``, and a driver for PostgreSQL, such as that of the extra ``postgresql``.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from tokensession.errors import ConfigError, StoreError
from tokensession.format.core_values import check_switch
from tokensession.keys.file_access import check_private
from tokensession.stores.arguments import row_name
from tokensession.stores.connection import Role
from tokensession.stores.sql.database import Database, Messages
from tokensession.stores.sql.engine import sqlite_file

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_NAME: Final = "session-keys"

_Result = TypeVar("_Result")


class SQLKeySource(Role[Database]):
    """The document in the table ``tokensession_keys``, which has a row for each ring.

    Args:
        connection: The database, or its URL or engine.
        key: The row's name; by default ``session-keys``.
        shared_file: Accept a SQLite file that others can read.
        options: As for `stores.connect`, with a URL or engine.
    """

    def __init__(
        self,
        connection: Database | str | sa.Engine,
        *,
        key: str = "",
        shared_file: bool = False,
        **options: Any,
    ) -> None:
        connection = Database.of(connection, options)
        super().__init__(connection)
        self._key = row_name(key, DEFAULT_NAME)
        check_switch("shared_file", shared_file)
        self._private_file = None if shared_file else sqlite_file(connection.engine)
        self._says = Messages(f"{self.name}:", ": make it with `tokensession keys new`")
        self._table = sa.Table(
            f"{connection.prefix}keys",
            sa.MetaData(),
            sa.Column("name", sa.String(255), primary_key=True),
            sa.Column("document", sa.Text, nullable=False),
        )

    @property
    def name(self) -> str:
        """The database and the row, without credentials."""
        return f"{self._connection.name}#{self._key}"

    def create(self) -> None:
        """Create the table if it is missing; a SQLite file is for its owner alone."""
        self._connection.make_tables(self._says, self._table.metadata, private=True)

    def read(self) -> bytes | None:
        query = sa.select(self._table.c.document).where(self._table.c.name == self._key)
        document: object = self._run(lambda connection: connection.execute(query).scalar())
        if document is None:
            return None
        if not isinstance(document, str):  # SQLite accepts any value in any column
            raise ConfigError(
                f"{self.name}: the document is not text: write it with CAST(... AS TEXT)"
            )
        return document.encode()

    def write(self, document: bytes, *, over: bytes | None) -> bool:
        """Replace the document if it is still `over`, in one statement."""
        text, name = document.decode(), self._table.c.name
        statement: Any
        if over is None:
            vendor = postgresql if self._connection.dialect == "postgresql" else sqlite
            statement = vendor.insert(self._table).values(name=self._key, document=text)
            statement = statement.on_conflict_do_nothing()
        else:
            still = (name == self._key) & (self._table.c.document == over.decode())
            statement = sa.update(self._table).where(still).values(document=text)
        done = self._run(lambda connection: connection.execute(statement.returning(name)).first())
        return done is not None

    def _run(self, work: Callable[[sa.Connection], _Result]) -> _Result:
        if self._private_file is not None:
            # By path, because closing a descriptor of the file would drop SQLite's locks.
            for suffix in ("", "-journal", "-wal"):
                path = self._private_file + suffix
                with contextlib.suppress(OSError):  # a missing file is reported below
                    check_private(path, path, name=f"key database {path}")
        try:
            return self._connection.run(self._says, work)
        except StoreError as error:
            reason = str(error)
        # Raised here, because the error and its cause have the statement's values: the keys.
        raise StoreError(reason)
