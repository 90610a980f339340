"""Stores by vendor: one connection to a server or a file, and the roles that it can take."""
