"""Real database servers for tests, each on a folder of its own, none on a default port.

Every server is a context manager with a `url`; it can be killed and started again on the same
data, and ends with the process that started it, however that dies.
"""

from .cluster import Cluster
from .memcached import Memcached
from .mongo import Mongo
from .pgbouncer import PgBouncer
from .postgres import Postgres, Standby
from .process import Server
from .redis import Redis, Valkey

__all__ = [
    "Cluster", "Memcached", "Mongo", "PgBouncer", "Postgres", "Redis", "Server", "Standby",
    "Valkey",
]  # fmt: skip
