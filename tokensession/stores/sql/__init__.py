"""SQL databases by SQLAlchemy Core: SQLite and PostgreSQL."""
