"""uvicorn with several workers, on a socket that is known to be TCP's.

`uvicorn --workers` binds one that does not name its protocol, and asyncio then lets small packets
wait for an acknowledgement: 40 ms on each answer, which would hide all that is measured here.
"""

from __future__ import annotations

import socket
import sys

import uvicorn
from uvicorn.supervisors import Multiprocess


def main(port: int, workers: int) -> None:
    """Serve until a signal comes."""
    config = uvicorn.Config(
        "tests.trials.load.app:asgi", factory=True, workers=workers, log_level="error",
        access_log=False,
        timeout_keep_alive=60, timeout_graceful_shutdown=5,
    )  # fmt: skip
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.set_inheritable(True)
        Multiprocess(config, sockets=[listener]).run()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
