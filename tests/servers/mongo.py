"""A server of MongoDB's wire protocol, by the package SecantusDB; no package has mongod itself."""

from __future__ import annotations

import sys

import pymongo
from pymongo.errors import PyMongoError

from .process import Server, free_port


class Mongo(Server):
    """A replica set of one, on a port that was free when it started."""

    def __init__(self) -> None:
        super().__init__()
        self.port = free_port()

    @property
    def url(self) -> str:
        """As pymongo reads it."""
        return f"mongodb://127.0.0.1:{self.port}/?directConnection=true"

    def command(self) -> list[str]:
        """With failpoints, and every commit on the disk."""
        return [
            sys.executable, "-m", "secantus", "--host", "127.0.0.1", "--port", str(self.port),
            "--storage-path", str(self.folder / "data"), "--cache-size", "64M",
            "--enable-test-commands", "--sync-on-commit", "--log-level", "WARNING",
        ]  # fmt: skip

    def answers(self) -> bool:
        """A ping."""
        client: pymongo.MongoClient[dict[str, object]]
        with pymongo.MongoClient(self.url, serverSelectionTimeoutMS=500) as client:
            try:
                return bool(client.admin.command("ping")["ok"] == 1.0)
            except PyMongoError:
                return False
