"""A clock of its own for a server, by Debian's package faketime."""

from __future__ import annotations

from pathlib import Path


def clock_off(seconds: int) -> list[str]:
    """Return what runs before a command to let it take it to be so many seconds later.

    Debian's redis-server does not start with it: its allocator asks for the time too early.

    Raises:
        FileNotFoundError: The library is not installed.
    """
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        raise FileNotFoundError("libfaketime is missing; .ci/servers installs it")
    # The monotonic clock stays, so that time-outs take as long as they say.
    return ["env", f"LD_PRELOAD={found[0]}", f"FAKETIME={seconds:+d}s", "DONT_FAKE_MONOTONIC=1"]
