"""The directory in a SQL database by SQLAlchemy Core: a table beside those of revocations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from tokensession.stores.connection import Role
from tokensession.stores.records import RecordStore
from tokensession.stores.sql.database import Database, Messages
from tokensession.stores.sql.directory_rows import DirectoryRows
from tokensession.stores.sql.revocation import SQLStore as Revocations
from tokensession.stores.sql.revocation_tables import Tables

if TYPE_CHECKING:
    from collections.abc import Callable

    import sqlalchemy as sa

_Result = TypeVar("_Result")


class SQLStore(Role[Database], RecordStore):
    """Keeps each record in a row of its own; each sign-in removes some that have ended.

    Args:
        connection: The database, or its URL or client.
        options: As for `stores.connect`, beside a URL or client.
    """

    def __init__(self, connection: Database | str | sa.Engine, **options: Any) -> None:
        connection = Database.of(connection, options)
        super().__init__(connection)
        self._says = Messages(f"the directory ({connection.dialect}) failed:")
        self._revocations = Revocations(connection)
        self._tables = Tables(connection.prefix, connection.dialect).directory

    def create(self) -> None:
        self._revocations.create()
        self._connection.make_tables(self._says, self._tables.metadata)

    def _run(self, work: Callable[[DirectoryRows], _Result]) -> _Result:
        return self._connection.run(
            self._says, lambda connection: work(DirectoryRows(connection, self._tables))
        )
