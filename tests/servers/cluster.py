"""A Redis Cluster of three masters, each with a third of the slots."""

from __future__ import annotations

import contextlib
from time import monotonic, sleep
from typing import TYPE_CHECKING, Final, Self

import redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from .process import PATIENCE, ServerError, free_port
from .redis import Redis

if TYPE_CHECKING:
    from types import TracebackType

SLOTS: Final = 16384
_NODES: Final = 3


class Node(Redis):
    """A master of a cluster, on ports that were free when it was made."""

    def __init__(self) -> None:
        self.port = free_port()
        bus = free_port()
        super().__init__(
            ("--port", str(self.port), "--bind", "127.0.0.1", "--cluster-enabled", "yes",
             "--cluster-port", str(bus), "--cluster-node-timeout", "2000")
        )  # fmt: skip
        self.bus = bus


class Cluster:
    """A cluster of three masters; a context manager, as a server is."""

    def __init__(self) -> None:
        self.nodes = [Node() for _ in range(_NODES)]
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Start the nodes, let them meet, and wait until each knows that all slots are served."""
        try:
            for node in self.nodes:
                self._stack.enter_context(node)
            for number, node in enumerate(self.nodes):
                first, slots = self.nodes[0], _slots(number)
                with redis.Redis.from_url(node.url) as client:
                    for command in (
                        ("ADDSLOTSRANGE", slots[0], slots[-1]),
                        ("SET-CONFIG-EPOCH", number + 1),
                        ("MEET", "127.0.0.1", first.port, first.bus),
                    ):
                        client.execute_command("CLUSTER", *command)
            self.wait()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the nodes."""
        self._stack.close()

    def wait(self) -> None:
        """Return when every node serves.

        Raises:
            ServerError: One does not.
        """
        deadline = monotonic() + PATIENCE
        while not all(_serves(node) for node in self.nodes):
            if monotonic() > deadline:
                raise ServerError("the cluster does not come to serve all slots")
            sleep(0.02)

    def client(self, timeout: float, max_connections: int | None = None) -> redis.RedisCluster:
        """Return a client of the cluster, as docs/revocation.md makes it.

        By default it tries again so often that a node which hangs takes it ten times as long.
        """
        return redis.RedisCluster(
            host="127.0.0.1",
            port=self.nodes[0].port,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 1),
            max_connections=max_connections,
        )

    def holder(self, key: str) -> Node:
        """Return the node that holds a key."""
        with redis.Redis.from_url(self.nodes[0].url) as client:
            slot = int(client.execute_command("CLUSTER", "KEYSLOT", key))
        return next(node for number, node in enumerate(self.nodes) if slot in _slots(number))


def _slots(number: int) -> range:
    return range(SLOTS * number // _NODES, SLOTS * (number + 1) // _NODES)


def _serves(node: Node) -> bool:
    with redis.Redis.from_url(node.url) as client, contextlib.suppress(RedisError, OSError):
        told = client.execute_command("CLUSTER", "INFO").split()
        return {b"cluster_state:ok", b"cluster_known_nodes:%d" % _NODES} <= set(told)
    return False
