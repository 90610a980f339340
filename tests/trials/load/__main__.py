# ruff: noqa: T201 - a program that prints
"""The long form: ``python -m tests.trials.load [--seconds 120] [--server KIND] [--write]``.

Revocations are in Valkey. For each kind of server the users go on for so long, through two
rotations; then wrk, where it is installed, asks for one path after another. ``--write`` puts the
tables into benchmarks/README.md. The exit code is 1 if a session was lost or came back; the
figures do not change it.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
from dataclasses import replace
from http.client import HTTPConnection
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from tests.servers import Valkey

from .app import BARE, COOKIE
from .fleet import HOST, KINDS
from .run import Outcome, Plan, TooSlow, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .fleet import Fleet

README = Path(__file__).parents[3] / "benchmarks" / "README.md"
MARKER = "<!-- load -->"
LANES = {"/bare": "no session", "/read": "read", "/count": "read + write"}
ROUNDS = 3  # of wrk, in turns; the median counts


def main() -> int:
    """Run the program."""
    parser = argparse.ArgumentParser(prog="python -m tests.trials.load", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120, help="of each server (default: 120)")
    parser.add_argument("--workers", type=int, default=2, help="of each server (default: 2)")
    parser.add_argument("--users", type=int, default=8, help="at once (default: 8)")
    parser.add_argument("--server", choices=KINDS, help="one kind alone (default: each in turn)")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {README.name}")
    options = parser.parse_args()
    outcomes: list[Outcome] = []
    for kind in KINDS if options.server is None else (options.server,):
        plan = Plan(
            kind=kind, seconds=options.seconds, workers=options.workers, users=options.users,
            pace=15, refresh=1, staleness=15,
        )  # fmt: skip
        try:
            outcomes.append(_with_valkey(plan))
        except TooSlow:
            outcomes.append(_with_valkey(replace(plan, pace=60, staleness=60)))
        print(f"{kind}: {outcomes[-1].seconds:.0f} s", file=sys.stderr)
        for fault in outcomes[-1].tally.faults:
            print(f"{kind}: {fault}", file=sys.stderr)
    section = _section(outcomes)
    print(section)
    if options.write:
        before, _, after = README.read_text().split(MARKER)
        README.write_text(f"{before}{MARKER}\n\n{section}\n\n{MARKER}{after}")
    return 1 if any(outcome.tally.faults for outcome in outcomes) else 0


def _with_valkey(plan: Plan) -> Outcome:
    with Valkey() as valkey:
        return run(plan, valkey.url, beside=_wrk)


def _wrk(fleet: Fleet) -> str:
    """Return the rows of wrk's table; none where it is not installed, or the machine too busy."""
    if shutil.which("wrk") is None:
        return ""
    connection = HTTPConnection(HOST, fleet.port, timeout=60)
    connection.request("GET", "/sign-in?wrk")
    answer = connection.getresponse()
    cookie = (answer.getheader("set-cookie") or "").partition(";")[0]
    answer.read()
    connection.close()
    if not cookie.startswith(COOKIE):
        raise SystemExit("signing in set no cookie")
    found: dict[str, list[list[float]]] = {path: [] for path in LANES}
    try:
        for _ in range(ROUNDS):
            for path in LANES:
                found[path].append(_round(fleet, path, "" if path == BARE else cookie))
    except TooSlow:
        return ""
    rows = []
    for path, lane in LANES.items():
        rate, *times = (statistics.median(column) for column in zip(*found[path], strict=True))
        figures = " | ".join(f"{one:.2f}" for one in times)
        rows.append(f"| {lane} | {rate:.0f} | {figures} |")
    return "\n".join(rows)


def _round(fleet: Fleet, path: str, cookie: str) -> list[float]:
    """Return requests per second and the percentiles 50, 90 and 99 of one round, in ms."""
    command = ["wrk", "--threads", "1", "--connections", "8", "--duration", "4s", "--latency",
               "--header", f"Cookie: {cookie}", f"{fleet.url}{path}"]  # fmt: skip
    text = subprocess.run(  # noqa: S603  # our own words
        command, capture_output=True, text=True, check=True, timeout=120
    ).stdout
    if "Non-2xx" in text:
        raise SystemExit(f"{path} was refused under load:\n{text}")
    units = {"us": 1e-3, "ms": 1.0, "s": 1e3}
    rate = float(re.findall(r"Requests/sec:\s+([\d.]+)", text)[0])
    percentiles = re.findall(r"^\s+(?:50|90|99)%\s+([\d.]+)(us|ms|s)$", text, re.MULTILINE)
    if len(percentiles) != 3:
        raise TooSlow  # no request was answered within the round
    return [rate, *(float(figure) * units[unit] for figure, unit in percentiles)]


def _section(outcomes: list[Outcome]) -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in ("uvicorn", "gunicorn"))
    heads = (
        "server", "seconds", "requests", "sessions", "keys that signed",
        "signed out, then tried again", "answered 503", "lost or came back",
        "KiB of each worker, begin and end",
    )  # fmt: skip
    machine = f"{os.cpu_count()} cores, {packages}, Python {sys.version.split()[0]}"
    load = f"load average at the end {os.getloadavg()[0]:.1f}"
    lines = [f"{machine}; {load}, of which the run itself makes 2 to 3.\n", *_table(heads)]
    for outcome in outcomes:
        tally = outcome.tally
        memory = ", ".join(f"{begin:,} to {end:,}" for begin, end in outcome.memory)
        lines.append(
            f"| {outcome.plan.kind}, {outcome.plan.workers} workers | {outcome.seconds:.0f} | "
            f"{tally.requests:,} | {tally.sessions:,} | {len(tally.kids)} | {tally.replayed:,} | "
            f"{tally.unavailable} | {len(tally.faults)} | {memory} |"
        )
    lines.append("\nMilliseconds meanwhile, for the users (a closed loop in Python):\n")
    lines += _table(("server", "request", "number", "50 %", "90 %", "99 %"))
    for outcome in outcomes:
        for path, lane in LANES.items():
            times = outcome.tally.seconds[path[1:]]
            cuts = statistics.quantiles(times, n=100)
            figures = " | ".join(f"{cuts[at - 1] * 1e3:.1f}" for at in (50, 90, 99))
            lines.append(f"| {outcome.plan.kind} | {lane} | {len(times):,} | {figures} |")
    for outcome in outcomes:
        if outcome.beside:
            lines.append(f"\nwrk, 8 connections, {outcome.plan.kind}, milliseconds:\n")
            lines += _table(("request", "requests/s", "50 %", "90 %", "99 %"))
            lines.append(outcome.beside)
    return "\n".join(lines)


def _table(heads: Sequence[str]) -> list[str]:
    return [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]


if __name__ == "__main__":
    raise SystemExit(main())
