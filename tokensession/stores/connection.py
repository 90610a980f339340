"""A connection to a server, a file or this process's memory, and its roles.

Each vendor has one class of connections. Its roles share one pool, one prefix and one timeout.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, NamedTuple, Self, TypeVar

from tokensession.errors import ConfigError
from tokensession.stores.arguments import check_url, url_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from tokensession.directory.store import Store as DirectoryStore
    from tokensession.keys.source import KeySource
    from tokensession.overflow.store import Store as OverflowStore
    from tokensession.revocation.store import Store as RevocationStore

# Seconds that a pool keeps a connection. Firewalls and NATs drop idle ones after 240 s or more.
# After a failover, an old connection can point to a read-only server.
MAX_AGE: Final = 120

_MODULES: Final = {  # by role
    "revocations": "revocation",
    "directory": "directory",
    "overflow": "overflow",
    "keys": "keys",
}

_Kind_co = TypeVar("_Kind_co", bound="Connection", covariant=True)


class Connection(ABC):
    """A connection whose roles are stores. The constructor does no I/O.

    Attributes:
        vendor: The name of the vendor in messages.
    """

    vendor: ClassVar[str]
    folder: ClassVar[str]  # the folder of the vendor's stores
    stores: ClassVar[str]  # the name of the stores' classes
    can_forget: ClassVar[bool] = False  # whether its revocation store can lose entries

    def __init__(self) -> None:
        self._asked: dict[str, Callable[[], None]] = {}

    @property
    @abstractmethod
    def name(self) -> str:
        """The place without credentials, safe to log."""

    @classmethod
    def of(cls, where: Self | Any, options: dict[str, Any]) -> Self:
        """Return the given connection, or one made of a place, with options as for `connect`."""
        if not isinstance(where, cls):
            return cls(where, **options)  # type: ignore[call-arg]  # each vendor has its own
        if options:
            raise ConfigError(
                f"a connection has its own {', '.join(options)}: pass them to connect instead"
            )
        return where

    def revocations(self, *, may_forget: bool = False) -> RevocationStore:
        """Return the revocation store.

        Args:
            may_forget: Accept a store that can lose entries: Redis or Valkey with eviction, or
                Memcached. The other vendors lose no entries and ignore this.
        """
        options = {"may_forget": may_forget} if self.can_forget else {}
        store: RevocationStore = self._role("revocations", self.stores, **options)
        return store

    def directory(self) -> DirectoryStore:
        """Return the directory of sessions, beside this connection's store of revocations.

        Raises:
            ConfigError: This vendor cannot list what it keeps.
        """
        store: DirectoryStore = self._role("directory", self.stores)
        return store

    def overflow(self) -> OverflowStore:
        """Return the overflow store, for states that are too large for their tokens."""
        store: OverflowStore = self._role("overflow", self.stores)
        return store

    def keys(self, key: str = "", *, shared_file: bool = False) -> KeySource:  # noqa: ARG002
        """Return the source of a key document.

        Args:
            key: The name of the document; by default the vendor's default name.
            shared_file: Accept a SQLite file that others can read.

        Raises:
            ConfigError: This vendor cannot store keys.
        """
        raise ConfigError(
            f"{self.vendor} cannot store keys{key and f' ({key})'}: use a file, SQLite, "
            "PostgreSQL, Redis or Valkey"
        )

    def create(self, *roles: str) -> None:
        """Create the tables or indexes that roles need; keep what exists.

        Args:
            roles: ``"revocations"``, ``"directory"`` (with the revocations), ``"overflow"``,
                ``"keys"``; by default all roles that were requested from this connection.

        Raises:
            ConfigError: A role is unknown or unsupported by the vendor, or there is nothing to
                create.
            StoreError: The store is unreachable, or of another version.
        """
        for role in roles:
            if not isinstance(role, str) or role not in _MODULES:
                raise ConfigError(f"a role must be one of {', '.join(_MODULES)}")
            if role not in self._asked:
                getattr(self, role)()
        names = roles or tuple(self._asked)
        if not names:
            raise ConfigError(
                "create has nothing to create: call store.revocations() or another role first, or "
                'pass the role: create("revocations")'
            )
        for name in names:
            self._asked[name]()

    def _role(self, role: str, kind: str, **options: object) -> Any:
        """Return a role, whose class is imported lazily because of the import cycle."""
        module = import_module(f"tokensession.stores.{self.folder}.{_MODULES[role]}")
        made = getattr(module, kind)(self, **options)
        self._asked[role] = made.create
        return made

    @abstractmethod
    def close(self) -> None:
        """Close the idle connections; the next call opens new ones."""


class Role(Generic[_Kind_co]):
    """A store on a connection."""

    def __init__(self, connection: _Kind_co) -> None:
        self._connection = connection

    def is_beside(self, revocations: object) -> bool:
        """Tell whether a store of revocations is a role of the same connection."""
        return getattr(revocations, "_connection", None) is self._connection

    def create(self) -> None:
        """Create what the role needs; keep what exists."""

    def close(self) -> None:
        """Close the idle connections of all roles; the next call opens new ones."""
        self._connection.close()


class _Vendor(NamedTuple):
    """The place of a vendor's connection class, and the names of the vendor.

    Attributes:
        module: The module, below this package.
        kind: The class.
        schemes: The schemes of its URLs, without the driver after a plus sign.
        client: The third-party package whose clients it accepts.
        keys: Whether it can store key documents.
    """

    module: str
    kind: str
    schemes: tuple[str, ...]
    client: str = ""
    keys: bool = False


_VENDORS: Final = (
    _Vendor("sql.database", "Database", ("sqlite", "postgresql", "postgres"), "sqlalchemy", True),
    _Vendor(
        "redis.server",
        "RedisServer",
        ("redis", "rediss", "valkey", "valkeys", "unix"),
        "redis",
        True,
    ),
    _Vendor("mongo.database", "MongoDatabase", ("mongodb",), "pymongo"),
    _Vendor("memcached.server", "MemcachedServer", ("memcached",), "pymemcache"),
    _Vendor("memory.process", "ProcessMemory", ("memory",)),
)


def connect(
    where: object,
    *,
    prefix: str | None = None,
    timeout: float | timedelta | None = None,
    database: str | None = None,
    collection: str | None = None,
    item_limit: int | None = None,
    max_denied: int | None = None,
    room: int | None = None,
) -> Connection:
    """Return a connection to a store; it connects lazily, with the first call of a role.

    Args:
        where: A URL: ``sqlite:///FILE``, ``postgresql://``, ``redis://``, ``rediss://``,
            ``valkey://``, ``valkeys://``, ``unix://`` (Redis), ``mongodb://``, ``mongodb+srv://``,
            ``memcached://HOST:PORT``, ``memcached:///SOCKET`` or ``memory:``. Or ``url:NAME`` for
            the URL in an environment variable, an engine of SQLAlchemy, or a client of redis-py.
        prefix: The prefix of its tables' or keys' names (SQL, Redis, Memcached).
        timeout: The longest time of a call, in seconds or as a timedelta (all but memory).
        database: The name of the database (MongoDB).
        collection: The name of the collection (MongoDB).
        item_limit: The server's option ``-I`` in bytes (Memcached).
        max_denied: The most session ids to deny individually (memory).
        room: Total bytes of all overflowed states (memory).

    Raises:
        ConfigError: No store has such a URL, an option is invalid or belongs to another vendor, or
            a client package is not installed.
    """
    if isinstance(where, str):
        if where.startswith("url:"):
            where = url_in(where.removeprefix("url:"))
        check_url(where)
    vendor = _vendor_of(where)
    if vendor is None:
        raise ConfigError(
            "unknown store: pass a URL that starts with sqlite:, postgresql:, redis:, rediss:, "
            "valkey:, valkeys:, unix:, mongodb:, mongodb+srv:, memcached: or memory:, or an "
            "engine or a client"
        )
    kind: Any = getattr(import_module(f"tokensession.stores.{vendor.module}"), vendor.kind)
    options = {
        "prefix": prefix,
        "timeout": timeout,
        "database": database,
        "collection": collection,
        "item_limit": item_limit,
        "max_denied": max_denied,
        "room": room,
    }
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    known = [name for name in inspect.signature(kind).parameters if name != "where"]
    for name in given:
        if name not in known:
            raise ConfigError(
                f"{kind.vendor} has no option {name}: it has {', '.join(known) or 'none'}"
            )
    made: Connection = kind(where, **given)
    return made


def keeps_keys(url: str) -> bool:
    """Tell whether a URL has the scheme of a store that can hold key documents."""
    vendor = _vendor_of(url)
    return vendor is not None and vendor.keys


def _vendor_of(where: object) -> _Vendor | None:
    if isinstance(where, str):
        scheme, colon, _ = where.partition(":")
        name = scheme.partition("+")[0] if colon else ""
        return next((one for one in _VENDORS if name in one.schemes), None)
    packages = {kind.__module__.partition(".")[0] for kind in type(where).__mro__}
    return next((one for one in _VENDORS if one.client in packages), None)
