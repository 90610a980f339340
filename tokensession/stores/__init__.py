"""Stores by vendor: one connection to a server or a file, and the roles that it can take."""

from tokensession.stores.connection import Connection, connect

__all__ = ["Connection", "connect"]
