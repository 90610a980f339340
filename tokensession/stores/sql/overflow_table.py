"""The table of the SQL store and its statements, made once for each store."""

from __future__ import annotations

import sqlalchemy as sa


class Table:
    """A table and its statements for one prefix and dialect."""

    def __init__(self, prefix: str, dialect: str) -> None:
        self.metadata = sa.MetaData()
        table = sa.Table(
            f"{prefix}overflow",
            self.metadata,
            sa.Column("name", sa.LargeBinary(32), primary_key=True),
            sa.Column("entry", sa.LargeBinary, nullable=False),
            sa.Column("until", sa.BigInteger, nullable=False, index=True),
        )
        name: sa.BindParameter[bytes] = sa.bindparam("key")
        until = sa.bindparam("end", type_=sa.BigInteger)
        greatest = sa.func.greatest if dialect == "postgresql" else sa.func.max
        self.insert = sa.insert(table)
        self.select = sa.select(table.c.entry).where(table.c.name == name)
        self.keep = (
            sa.update(table)
            .where(table.c.name == name)
            .values(until=greatest(table.c.until, until))
        )
        self.delete = sa.delete(table).where(table.c.name == name)
        ended = (
            sa.select(table.c.name)
            .where(table.c.until < sa.bindparam("now"))
            .order_by(table.c.until)
            .limit(sa.bindparam("limit"))
        )
        if dialect == "postgresql":  # two that sweep at once share the work
            ended = ended.with_for_update(skip_locked=True)
        self.sweep = sa.delete(table).where(table.c.name.in_(ended.scalar_subquery()))
