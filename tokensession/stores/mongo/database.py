"""MongoDB by PyMongo, with a time limit for each call."""

from __future__ import annotations

import contextlib
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pymongo
from pymongo.errors import NotPrimaryError, PyMongoError
from pymongo.uri_parser import parse_uri

from tokensession.errors import ConfigError, StoreError
from tokensession.forks import PerProcess, forks_in_c
from tokensession.stores.arguments import check_options, check_url, first_line, timeout_seconds
from tokensession.stores.connection import MAX_AGE, Connection

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from pymongo.database import Database

TIMEOUT: Final = 2.0  # seconds

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,59}")
_LAST: Final = 253_402_300_799  # the last Unix second of the year 9999, the greatest datetime

Document = dict[str, Any]
_Result = TypeVar("_Result")


class MongoDatabase(Connection):
    """A MongoDB database. All roles share its client; each role has a collection.

    Args:
        where: A URL: ``mongodb://`` or ``mongodb+srv://``.
        database: The name of the database.
        collection: The name of the collection, for a connection with a single role. Each role has
            its own default name.
        timeout: The longest time of a call, in seconds or as a timedelta.

    Raises:
        ConfigError: An argument is invalid.
    """

    vendor = "MongoDB"
    folder = "mongo"
    stores = "MongoStore"

    def __init__(
        self,
        where: str,
        *,
        database: str = "tokensession",
        collection: str = "",
        timeout: float | timedelta = TIMEOUT,
    ) -> None:
        super().__init__()
        seconds = timeout_seconds(timeout)
        for name in (database, database if collection == "" else collection):
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                raise ConfigError(
                    "database and collection must be 1 to 60 letters, digits, _ and -, "
                    "starting with a letter"
                )
        if not isinstance(where, str) or not where.startswith(("mongodb://", "mongodb+srv://")):
            # The message must not show the URL, which can contain a password.
            raise ConfigError("url must start with mongodb:// or mongodb+srv://")
        check_url(where)
        check_options(where, repeated=("readpreferencetags",))
        _check_url_of_driver(where)
        self._url = where
        self._database = database
        self._collection = collection
        self._taken_by = ""
        self._timeout = seconds
        self._client = PerProcess(self._new_client)

    @property
    def name(self) -> str:
        """The hosts and the database, without credentials and options."""
        place = re.split("[/?]", self._url.partition("://")[2], maxsplit=1)[0]
        hosts = place.rpartition("@")[2]
        return f"mongodb {hosts}/{self._database}"

    def close(self) -> None:
        client = self._client.give_up()
        if client is not None:
            with pymongo.timeout(self._timeout):  # the driver says goodbye to its server
                client.close()

    def collection_of(self, role: str) -> str:
        """Return the collection of a role; the role is also its default name.

        Raises:
            ConfigError: Another role already uses the connection's collection.
        """
        if not self._collection:
            return role
        if self._taken_by not in ("", role):
            raise ConfigError(
                f"{self._taken_by} already uses collection {self._collection}: omit collection, or "
                "make a connection for each role"
            )
        self._taken_by = role
        return self._collection

    def run(self, call: Callable[[Database[Document]], _Result], *, store: str) -> _Result:
        """Run a call on the database."""
        try:
            with pymongo.timeout(self._timeout):
                # Always the primary, because a secondary can lag behind.
                database = self._client().get_database(
                    self._database, read_preference=pymongo.ReadPreference.PRIMARY
                )
                try:
                    return call(database)
                except NotPrimaryError:  # the driver now looks for the new primary
                    return call(database)
        except PyMongoError as error:
            reason = first_line(error).partition(", Timeout:")[0]
            raise StoreError(f"the {store} store (mongodb) failed: {reason}") from error
        finally:
            if forks_in_c():
                self.close()  # the client has threads

    def _new_client(self) -> pymongo.MongoClient[Document]:
        """Return a new client, which has not connected yet."""
        milliseconds = round(self._timeout * 1000)
        # An option here would override the URL's.
        idle: dict[str, Any] = (
            {} if "maxidletimems" in self._url.lower() else {"maxIdleTimeMS": MAX_AGE * 1000}
        )
        with contextlib.suppress(PyMongoError, ValueError):
            return pymongo.MongoClient(
                self._url,
                serverSelectionTimeoutMS=milliseconds,
                connectTimeoutMS=milliseconds,
                connect=False,
                **idle,
            )
        # Neither the message nor its cause shows the URL, which can contain a password.
        raise StoreError("the store (mongodb) has an invalid URL: correct it")


def _check_url_of_driver(url: str) -> None:
    """Refuse a URL that the driver would refuse with the first call; without I/O.

    Raises:
        ConfigError: The URL or an option is invalid. The message shows no part of the URL, which
            can contain a password.
    """
    found = None
    with contextlib.suppress(PyMongoError, ValueError, TypeError):
        # The scheme mongodb+srv would ask a name server.
        found = parse_uri("mongodb" + url[url.index("://") :], warn=False)
    if found is None:
        raise ConfigError(
            "invalid URL for PyMongo: pass mongodb://HOST:PORT/?OPTION=VALUE, with @ : / # in a "
            "password written as %40 %3A %2F %23"
        )
    if found["options"].get("w") == 0:
        raise ConfigError("the URL has w=0, so lost writes would not be noticed: leave it out")


def moment(until: int) -> datetime:
    """Return a Unix second as a datetime for the server's TTL index."""
    return datetime.fromtimestamp(min(until, _LAST), UTC)
