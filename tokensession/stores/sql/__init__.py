"""SQL databases by SQLAlchemy Core: SQLite and PostgreSQL."""

from tokensession.stores.arguments import check_client

check_client("sqlalchemy", "SQLite and PostgreSQL need SQLAlchemy", "sql")
