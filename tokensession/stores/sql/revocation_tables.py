"""The tables and statements of the SQL revocation store, created once per store.

A session that received a new id has a chain. The first id's row has the current id, and the rows of
replaced ids have the first one.

Each write appends a change: its position and random bytes, in a row that is never rewritten. A
reader that finds its last change again has seen all earlier changes, so it continues from there. In
PostgreSQL the position is the transaction's id. A server can reuse an id after a crash, and another
server has not reached it yet. Every transaction after a change gets a greater id, on each server
that has the change. A row from a dump has another server's id. The row's system column xmin reveals
it, and such a row does not count as a change.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from tokensession.revocation.limits import CHANGE_BYTES, MAX_CHANGES
from tokensession.stores.sql.directory_tables import DirectoryTables

if TYPE_CHECKING:
    from sqlalchemy.sql.dml import Delete, Update

VERSION: Final = 3
_TRIMMED: Final = 5000  # changes removed in one step
_XID: Final = 2**32 - 1  # the bits of a transaction's id in the system column


class Tables:
    """Tables and statements for one prefix and dialect.

    Attributes:
        insert: The dialect's function for a statement that inserts.
    """

    def __init__(self, prefix: str, dialect: str) -> None:
        self.metadata = sa.MetaData()
        self._prefix = prefix
        self._postgresql = dialect == "postgresql"
        self.insert = postgresql.insert if self._postgresql else sqlite.insert
        seconds = sa.BigInteger
        self.store = sa.Table(
            f"{prefix}revocation",
            self.metadata,
            sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("version", sa.Integer, nullable=False),
            sa.Column("epoch", sa.String(32), nullable=False),
            sa.Column("everyone", seconds, nullable=False),
            sa.Column("highest", seconds, nullable=False),
            sa.Column("life", seconds, nullable=False),
        )
        self.changes = sa.Table(
            f"{prefix}revocation_changes",
            self.metadata,
            # SQLite counts positions. In PostgreSQL a dump can contain an id of the future.
            sa.Column(
                "position",
                sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
                primary_key=True,
                autoincrement=not self._postgresql,
            ),
            sa.Column(
                "id",
                sa.LargeBinary(CHANGE_BYTES),
                primary_key=self._postgresql,
                nullable=False,
            ),
        )
        self.denied = sa.Table(
            f"{prefix}revoked_sids",
            self.metadata,
            sa.Column("sid", sa.LargeBinary(16), primary_key=True),
            sa.Column("until", seconds, nullable=False, index=True),
            sa.Column("position", sa.BigInteger, nullable=False, index=True),
            sa.Column("first", sa.LargeBinary(16)),
            sa.Column("current", sa.LargeBinary(16)),
        )
        current = self.denied.c.current
        chained = current.is_not(None)
        sa.Index(
            f"ix_{self.denied.name}_current",
            current,
            sqlite_where=chained,
            postgresql_where=chained,
        )
        self.marks = sa.Table(
            f"{prefix}revoked_subjects",
            self.metadata,
            sa.Column("subject", sa.LargeBinary(32), primary_key=True),
            sa.Column("instant", seconds, nullable=False),
            sa.Column("kept", sa.LargeBinary(16)),
            sa.Column("until", seconds, nullable=False, index=True),
            sa.Column("revision", sa.BigInteger, nullable=False),
            sa.Column("position", sa.BigInteger, nullable=False, index=True),
        )
        self._make_queries()
        self._make_writes()

    @cached_property
    def directory(self) -> DirectoryTables:
        """The table of the directory; made lazily, as most services have none."""
        return DirectoryTables(self._prefix, self)

    def _make_queries(self) -> None:
        store, denied, marks = self.store, self.denied, self.marks
        self.store_row = sa.select(store).where(store.c.id == 1)
        self.mark_row = sa.select(
            marks.c.instant, marks.c.kept, marks.c.until, marks.c.revision
        ).where(marks.c.subject == sa.bindparam("subject"))
        self.entry = (
            sa.select(
                store.c.version, store.c.everyone, denied.c.sid, marks.c.instant, marks.c.kept
            )
            .select_from(
                store.outerjoin(denied, denied.c.sid == sa.bindparam("sid")).outerjoin(
                    marks, marks.c.subject == sa.bindparam("subject")
                )
            )
            .where(store.c.id == 1)
        )
        self.chain = self._chain()
        self.counts = sa.select(
            store.c.version,
            sa.select(sa.func.count()).select_from(denied).scalar_subquery().label("denied"),
            sa.select(sa.func.count()).select_from(marks).scalar_subquery().label("marks"),
        ).where(store.c.id == 1)
        self.here = self._here()

    def _chain(self) -> sa.Executable:
        """Return the statement for a session's chain: its first id and its current one."""
        chain, replaced, current = self.denied, self.denied.alias(), self.denied.alias()
        sid = sa.bindparam("sid", type_=sa.LargeBinary)
        first = sa.select(replaced.c.first).where(replaced.c.sid == sid).scalar_subquery()
        return (
            sa.select(chain.c.sid, chain.c.current, current.c.sid.is_not(None).label("ended"))
            .select_from(chain.outerjoin(current, current.c.sid == chain.c.current))
            .where(chain.c.current.is_not(None), (chain.c.sid == first) | (chain.c.current == sid))
        )

    def _here(self) -> sa.Executable:
        """Return the statement for the store's position, and whether it has a reader's last change.

        All values are of one instant. Changes that are not visible yet have positions from
        `settled` on.
        """
        store, newest, known = self.store, self.changes.alias("newest"), self.changes.alias("known")
        last = (
            sa.select(newest.c.position, newest.c.id)
            .where(self._was_made_here("newest", newest))
            .order_by(newest.c.position.desc())
            .limit(1)
            .subquery("last")
        )
        is_known = (
            (known.c.position == sa.bindparam("position", type_=sa.BigInteger))
            & (known.c.id == sa.bindparam("change", type_=sa.LargeBinary))
            & self._was_made_here("known", known)
        )
        settled = _snapshot("xmin") if self._postgresql else last.c.position + 1
        return (
            sa.select(
                store.c.version,
                store.c.epoch,
                store.c.everyone,
                store.c.highest,
                last.c.position,
                last.c.id.label("change"),
                known.c.id.is_not(None).label("follows"),
                settled.label("settled"),
            )
            .select_from(store.outerjoin(last, sa.true()).outerjoin(known, is_known))
            .where(store.c.id == 1)
        )

    def _was_made_here(self, name: str, changes: sa.FromClause) -> sa.ColumnElement[bool]:
        """Distinguish changes of this server and its predecessors from those of a dump."""
        if not self._postgresql:
            return sa.true()
        made_by = sa.literal_column(f"{name}.xmin::text::bigint", sa.BigInteger)
        position = changes.c.position
        return (position < _snapshot("xmax")) & (made_by == position.bitwise_and(_XID))

    def page(self, table: sa.Table, *, everything: bool) -> sa.Select[Any]:
        """Return the statement for a page of a table's rows since a position, by their keys.

        Rows beyond the snapshot's end come from a dump.
        """
        unread = ("position", "first", "current")  # replicas do not use chains
        columns = [column for column in table.c if column.name not in unread]
        key, position = columns[0], table.c.position
        query = sa.select(*columns).where(
            position >= sa.bindparam("since"), key > sa.bindparam("last")
        )
        if self._postgresql and not everything:
            query = query.where(position < _snapshot("xmax"))
        return query.order_by(key).limit(sa.bindparam("limit"))

    def _make_writes(self) -> None:
        denied, marks = self.denied, self.marks
        greater = sa.func.greatest if self._postgresql else sa.func.max
        # It returns nothing if the id is denied already; another row is not locked.
        self.deny = self.insert(denied).on_conflict_do_nothing().returning(denied.c.sid)
        end = sa.bindparam("end", type_=sa.BigInteger)
        self.keep_denied = (
            sa.update(denied)
            .where(denied.c.sid == sa.bindparam("id", type_=sa.LargeBinary), denied.c.until < end)
            .values(until=end, position=sa.bindparam("at", type_=sa.BigInteger))
        )
        self.continue_chain = (
            sa.update(denied)
            .where(denied.c.sid == sa.bindparam("chain", type_=sa.LargeBinary))
            .values(
                current=sa.bindparam("new", type_=sa.LargeBinary),
                until=greater(denied.c.until, end),
            )
        )
        mark = self.insert(marks)
        names = ("instant", "kept", "revision", "position")
        self.put_mark = mark.on_conflict_do_update(
            index_elements=[marks.c.subject],
            set_={
                "until": greater(marks.c.until, mark.excluded.until),
                **{name: mark.excluded[name] for name in names},
            },
        )
        self.raise_everyone = self._raise("everyone")
        self.raise_highest = self._raise("highest")
        self.raise_life = self._raise("life")
        self.sweeps = (self.sweep(denied, denied.c.until), self.sweep(marks, marks.c.until))
        self.append_change = self._append_change()
        self.trim_changes = self._trim_changes()

    def _append_change(self) -> sa.Executable:
        changes = self.changes
        append = sa.insert(changes).values(id=sa.bindparam("change", type_=sa.LargeBinary))
        if self._postgresql:
            append = append.values(position=_number(sa.func.pg_current_xact_id()))
        return append.returning(changes.c.position)

    def _trim_changes(self) -> sa.Executable:
        """Return the statement that deletes the oldest changes, and those of a dump."""
        position = self.changes.c.position
        old = sa.select(position).order_by(position.desc()).offset(MAX_CHANGES).limit(_TRIMMED)
        if not self._postgresql:
            return sa.delete(self.changes).where(position.in_(old.scalar_subquery()))
        end = _snapshot("xmax")  # ids beyond it are another server's, and will come here later
        old = old.where(position < end).with_for_update(skip_locked=True)
        return sa.delete(self.changes).where(
            position.in_(old.scalar_subquery()) | (position >= end)
        )

    def _raise(self, name: str) -> Update:
        column = self.store.c[name]
        to = sa.bindparam("to", type_=sa.BigInteger)
        return (
            sa.update(self.store)
            .where(self.store.c.id == 1)
            .values({name: sa.case((column < to, to), else_=column)})
        )

    def sweep(self, table: sa.Table, until: sa.Column[int]) -> Delete:
        """Return the statement that removes rows whose end is before an instant."""
        key = next(iter(table.c))
        ended = (
            sa.select(key)
            .where(until < sa.bindparam("now"))
            .order_by(until)
            .limit(sa.bindparam("limit"))
        )
        if self._postgresql:  # concurrent sweeps share the work
            ended = ended.with_for_update(skip_locked=True)
        return sa.delete(table).where(key.in_(ended.scalar_subquery()))

    def new_store(self, epoch: str) -> Any:
        """Return the statement that inserts the store's row, unless it exists."""
        values = {"id": 1, "version": VERSION, "epoch": epoch, "everyone": -1, "highest": -1}
        return self.insert(self.store).values(**values, life=0).on_conflict_do_nothing()


def _snapshot(end: str) -> sa.ColumnElement[Any]:
    """Return the snapshot's oldest open transaction, or the next one to come."""
    snapshot = sa.func.pg_current_snapshot()
    return _number(getattr(sa.func, f"pg_snapshot_{end}")(snapshot))


def _number(value: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return sa.cast(sa.cast(value, sa.Text), sa.BigInteger)
