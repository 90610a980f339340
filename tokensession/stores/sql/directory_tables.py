"""The table of the SQL directory and its statements, made once for each store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from tokensession.stores.sql.revocation_tables import Tables


class DirectoryTables:
    """The table and its statements, beside the tables of revocations.

    Args:
        prefix: What the table's name begins with.
        revocations: The tables of revocations, which tell what lives.
    """

    def __init__(self, prefix: str, revocations: Tables) -> None:
        self.metadata = sa.MetaData()
        self._revocations = revocations
        seconds = sa.BigInteger
        self.table = table = sa.Table(
            f"{prefix}directory",
            self.metadata,
            sa.Column("id", sa.LargeBinary(16), primary_key=True),
            sa.Column("sid", sa.LargeBinary(16), nullable=False),
            sa.Column("subject", sa.LargeBinary(32), nullable=False),
            sa.Column("started_at", seconds, nullable=False),
            sa.Column("last_seen", seconds, nullable=False),
            sa.Column("ends_at", seconds, nullable=False, index=True),
            sa.Column("dies_at", seconds, nullable=False),
            sa.Column("label", sa.LargeBinary, nullable=False),  # PostgreSQL's text has no NUL
            sa.Column("provider", sa.LargeBinary(32)),
        )
        sa.Index(f"ix_{table.name}_subject", table.c.subject, table.c.started_at, table.c.id)
        provided = table.c.provider.is_not(None)
        sa.Index(
            f"ix_{table.name}_provider",
            table.c.provider,
            sqlite_where=provided,
            postgresql_where=provided,
        )
        columns = table.c
        after = sa.tuple_(
            sa.bindparam("start", type_=seconds), sa.bindparam("name", type_=columns.id.type)
        )
        of_subject = columns.subject == sa.bindparam("subject")
        self.newest_first = self._living(of_subject & (columns.id != sa.bindparam("but")))
        before = sa.tuple_(columns.started_at, columns.id) < after
        self.next_ones = self._living(of_subject & before)
        self.one = self._living(columns.id == sa.bindparam("name"))
        self.of_provider = self._living(columns.provider == sa.bindparam("provider"))
        self.count = sa.select(sa.func.count()).select_from(table)
        self._make_writes()

    def _living(self, condition: sa.ColumnElement[bool]) -> sa.Select[Any]:
        """Return the statement for records that live, with the row of the store on each.

        There is a row without a record where none lives, so that a missing store is told.
        """
        columns, store = self.table.c, self._revocations.store
        denied, marks = self._revocations.denied, self._revocations.marks
        everyone = sa.select(store.c.everyone).where(store.c.id == 1).scalar_subquery()
        is_denied = sa.exists().where(denied.c.sid == columns.sid)
        is_marked = sa.exists().where(
            marks.c.subject == columns.subject,
            marks.c.instant >= columns.started_at,
            marks.c.kept.is_(None) | (marks.c.kept != columns.sid),
        )
        found = (
            sa.select(self.table)
            .where(
                condition,
                columns.ends_at > sa.bindparam("now"),
                columns.started_at > everyone,
                ~is_denied,
                ~is_marked,
            )
            .order_by(columns.started_at.desc(), columns.id.desc())
            .limit(sa.bindparam("limit"))
            .offset(sa.bindparam("skip"))
            .subquery()
        )
        return (
            sa.select(store.c.version, found)
            .select_from(store.outerjoin(found, sa.true()))
            .where(store.c.id == 1)
            .order_by(found.c.started_at.desc(), found.c.id.desc())
        )

    def _make_writes(self) -> None:
        table = self.table
        insert = self._revocations.insert(table)
        given = insert.excluded
        written = ("sid", "subject", "started_at", "last_seen", "ends_at", "dies_at")
        everything = {name: given[name] for name in (*written, "label", "provider")}
        self.put = insert.on_conflict_do_update(index_elements=[table.c.id], set_=everything)
        # Of two requests the one that saw the session later knows when it ends.
        self.touch = insert.on_conflict_do_update(
            index_elements=[table.c.id],
            set_={name: given[name] for name in ("last_seen", "ends_at", "dies_at")},
            where=given.last_seen >= table.c.last_seen,
        )
        moved = ("id", "sid", "last_seen", "ends_at", "dies_at")
        values = {name: sa.bindparam(f"new_{name}", type_=table.c[name].type) for name in moved}
        self.move = (
            sa.update(table)
            .where(table.c.id == sa.bindparam("former", type_=table.c.id.type))
            .values(values)
        )
        self.remove = sa.delete(table).where(table.c.id.in_(sa.bindparam("names", expanding=True)))
        self.sweep = self._revocations.sweep(table, table.c.ends_at)
