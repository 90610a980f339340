"""Stores by vendor: one connection to a server or a file, with several roles."""

from tokensession.stores.connection import Connection, connect

__all__ = ["Connection", "connect"]
