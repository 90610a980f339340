"""Histories: many processes begin, end, renew and check sessions while things break; then a judge.

``python -m tests.trials.history --seconds 300 --store postgres`` runs one for five minutes and
tells what it found; the tests run short ones. Every process writes what it did, with instants of
the machine's one monotonic clock, so that the judge can tell what was over before what began.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import signal
import sys
import tempfile
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import monotonic, sleep, time
from typing import TYPE_CHECKING, Any, Final

import psycopg

from tests.servers import Mongo, Postgres, Redis, Valkey
from tokensession import KeyRing, Policy, Revoked, Session, SessionCodec, StoreError
from tokensession.revocation.replica import Replica
from tokensession.stores import Connection, connect

from . import listing
from .note import Note

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    from tests.servers import Server

WRITERS: Final = 8
READERS: Final = 8
SUBJECTS: Final = 6
MAX_STALENESS: Final = 4.0  # seconds: the bound that is judged
REFRESH: Final = 0.1
TIMEOUT: Final = 1.0
PATIENCE: Final = 120.0  # seconds; a busy machine is no failure
POLICY: Final = Policy(idle_timeout=1800, absolute_timeout=28_800)
SERVERS: Final = {"postgres": Postgres, "valkey": Valkey, "redis": Redis, "mongo": Mongo}

_spawn = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Plan:
    """What a history is made of.

    Attributes:
        kind: The store: ``postgres``, ``valkey``, ``redis`` or ``mongo``.
        seed: Decides what is done, though not when: processes race.
        seconds: How long it goes on.
        backends: Whether single processes of PostgreSQL are killed, while other applications of
            the server roll transactions back: it gives their ids again.
        listed: Whether the sessions are in a directory, whose lists are judged too.
    """

    kind: str
    seed: int
    seconds: float
    backends: bool = False
    listed: bool = False


def open_store(kind: str, url: str, timeout: float = TIMEOUT) -> Connection:
    """Return the connection of a history, as each process opens it for itself."""
    return connect(url, timeout=2 * timeout if kind == "mongo" else timeout)


def codecs(
    plan: Plan, url: str, ring: KeyRing
) -> tuple[SessionCodec[Any], SessionCodec[Any] | None]:
    """Return the codec of a process, and one with a limit where there is a directory."""
    store = open_store(plan.kind, url)
    replica = Replica(store.revocations(), refresh=REFRESH, max_staleness=MAX_STALENESS)
    options: Any = {"policy": POLICY, "revocation": replica}
    if not plan.listed:
        return SessionCodec(ring, **options), None
    every, few = listing.directories(store)
    return SessionCodec(ring, directory=every, **options), SessionCodec(
        ring, directory=few, **options
    )


def write_sessions(plan: Plan, number: int, url: str, ring: KeyRing, folder: Path) -> None:
    """Begin and end sessions until killed: a writer.

    It takes sessions from what others have begun, as if they came with a cookie.
    """
    random = Random(plan.seed * 1000 + number + os.getpid())  # noqa: S311  # no secret
    codec, limited = codecs(plan, url, ring)
    plain: SessionCodec[Any] = SessionCodec(ring, policy=POLICY)
    note = Note(folder / f"writer-{number}-{os.getpid()}")
    held: list[Session[Any]] = []
    while True:
        sleep(random.uniform(0, 0.02))
        began = monotonic()
        try:
            if limited is not None and random.random() < 0.1:
                limited.encode({}, subject=listing.LIMITED)
            else:
                _write_once(codec, random, note, held, began, plain)
        except StoreError:
            note.write("failed", began)
        except Revoked:
            note.write("refused", began)


def _write_once(
    codec: SessionCodec[Any],
    random: Random,
    note: Note,
    held: list[Session[Any]],
    began: float,
    plain: SessionCodec[Any],
) -> None:
    subject = f"s{random.randrange(SUBJECTS)}"
    what = random.random()
    if what < 0.7 or not held:
        # It is noted before it is held, so that its end is known to be later.
        token = codec.encode({}, subject=subject)
        session = plain.decode(token)  # without a check of revocation
        note.write("begun", began, sid=session.sid.hex(), token=token, subject=subject,
                   start=session.started_at)  # fmt: skip
        held.append(session)
        del held[:-50]
    elif what < 0.9:
        session = held.pop(random.randrange(len(held)))
        note.write("intends", began, kind="session", sid=session.sid.hex())
        if codec.directory is None or random.random() < 0.5:
            codec.revoke(session)
        elif not listing.end_one(codec, session):
            return
        note.write("ended", began, kind="session", sid=session.sid.hex())
    elif what < 0.99:
        keep = random.choice([*[one for one in held if one.subject == subject], None])
        kept = None if keep is None else keep.sid.hex()
        note.write("intends", began, kind="subject", subject=subject, keep=kept)
        codec.revoke_subject(subject, keep=keep)
        note.write("ended", began, kind="subject", subject=subject, keep=kept)
    else:
        before = time() - random.uniform(5, 30)
        note.write("intends", began, kind="before", before=int(before))
        codec.revoke_all(before=int(before))
        note.write("ended", began, kind="before", before=int(before))


def read_sessions(plan: Plan, number: int, url: str, ring: KeyRing, folder: Path) -> None:
    """Check the writers' sessions, and renew even revoked ones, as a stale node does."""
    random = Random(plan.seed * 2000 + number + os.getpid())  # noqa: S311  # no secret
    codec, _ = codecs(plan, url, ring)
    stale: SessionCodec[Any] = SessionCodec(ring, policy=POLICY)  # has never heard of anything
    note = Note(folder / f"reader-{number}-{os.getpid()}")
    tokens: dict[str, str] = {}
    offsets: dict[Path, int] = {}
    while True:
        _find_tokens(folder, offsets, tokens)
        for sid in random.sample(sorted(tokens), min(50, len(tokens))):
            if random.random() < 0.2:  # renewed by a node that does not know better
                tokens[sid] = stale.renew(stale.decode(tokens[sid]))
            began = monotonic()
            try:
                codec.decode(tokens[sid])
                verdict = "accepted"
            except Revoked:
                verdict = "revoked"
            except StoreError:
                verdict = "unknown"
            note.write("checked", began, sid=sid, verdict=verdict)
        if plan.listed:
            with contextlib.suppress(StoreError):
                listing.note_list(codec, random, note, SUBJECTS)
        sleep(random.uniform(0, 0.05))


def _find_tokens(folder: Path, offsets: dict[Path, int], tokens: dict[str, str]) -> None:
    for path in folder.glob("writer-*"):
        with path.open("rb") as file:
            file.seek(offsets.get(path, 0))
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        offsets[path] = offsets.get(path, 0) + len(whole)
        for line in whole.splitlines():
            entry = json.loads(line)
            if entry["what"] == "begun":
                tokens[entry["sid"]] = entry["token"]
    while len(tokens) > 3000:
        del tokens[next(iter(tokens))]


def hold_transactions(plan: Plan, url: str) -> None:
    """Hold a transaction open over many readings, again and again: what is late to be seen."""
    random = Random(plan.seed * 3000)  # noqa: S311  # no secret
    while True:
        with (
            contextlib.suppress(psycopg.Error),
            psycopg.connect(url.replace("+psycopg", "")) as connection,
        ):
            connection.execute("create temp table if not exists held (value int)")
            connection.execute("insert into held values (1)")  # so that it has an id
            # An entry of its own, whose number is old when it can be seen at last.
            sid = random.randbytes(16)
            connection.execute(
                "insert into tokensession_revoked_sids (sid, until, position) values "
                "(%s, %s, pg_current_xact_id()::text::bigint)",
                (sid, int(time()) + 30_000),
            )
            sleep(random.uniform(0.2, 1.5))
        sleep(0.1)


def spend_transactions(plan: Plan, url: str) -> None:
    """Roll transactions back, which leave nothing but ids that are gone."""
    random = Random(plan.seed * 4000)  # noqa: S311  # no secret
    while True:
        with (
            contextlib.suppress(psycopg.Error),
            psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection,
        ):
            while True:
                connection.execute(
                    f"do $$ begin for n in 1..{random.randrange(1, 40)} loop "
                    "perform pg_current_xact_id(); rollback; end loop; end $$"
                )
                sleep(random.uniform(0, 0.05))
        sleep(0.1)


class Fleet:
    """The processes of a history, killed and started again at random."""

    def __init__(self, plan: Plan, server: Server, folder: Path) -> None:
        self._plan = plan
        self._random = Random(plan.seed)  # noqa: S311  # no secret
        self._server = server
        self._folder = folder
        self._ring = KeyRing.generate()
        self._processes: dict[tuple[str, int], BaseProcess] = {}
        self.killed: Counter[str] = Counter()

    def run(self) -> None:
        """Let it go on for as long as is planned."""
        for number in range(WRITERS):
            self._start("writer", number)
        for number in range(READERS):
            self._start("reader", number)
        if self._plan.kind == "postgres":
            self._start("holder", 0)
        if self._plan.backends:
            self._start("spender", 0)
        until = monotonic() + self._plan.seconds
        try:
            while monotonic() < until:
                sleep(self._random.uniform(0.2, 1.0))
                self._break_something()
            self._wait_for_all()
            self._settle()
        finally:
            for process in self._processes.values():
                process.kill()
                process.join()

    def _start(self, kind: str, number: int) -> None:
        work: Any = {"writer": write_sessions, "reader": read_sessions}.get(kind)
        arguments: tuple[Any, ...] = (
            self._plan,
            number,
            self._server.url,
            self._ring,
            self._folder,
        )
        if work is None:
            work = {"holder": hold_transactions, "spender": spend_transactions}[kind]
            arguments = (self._plan, self._server.url)
        given = (kind, work, arguments, self._folder)
        process = _spawn.Process(target=_work, args=given, daemon=True)
        process.start()
        self._processes[kind, number] = process

    def _break_something(self) -> None:
        what = self._random.random()
        if self._plan.backends and isinstance(self._server, Postgres):
            if what < 0.5:
                self.killed["backend"] += 1
                self._server.kill_a_backend()
        elif what < 0.1:
            self.killed["server"] += 1
            self._server.restart()
        elif what < 0.2:  # it hangs
            self.killed["hang"] += 1
            self._server.pause()
            sleep(self._random.uniform(0.1, 2.0))
            self._server.resume()
        else:
            kind, number = self._random.choice(sorted(self._processes))
            self.killed[kind] += 1
            process = self._processes.pop((kind, number))
            process.kill()
            process.join()
            self._start(kind, number)

    def _wait_for_all(self) -> None:
        """Let it go on, on a busy machine, until there is something of each kind to judge."""
        wanted = ["begun", "accepted", *(["listed"] if self._plan.listed else [])]
        deadline = monotonic() + PATIENCE
        while True:
            text = "".join(path.read_text() for path in self._folder.iterdir())
            missing = [what for what in wanted if f'": "{what}"' not in text]
            if not missing:
                return
            assert monotonic() < deadline, f"nothing was {', '.join(missing)}"
            sleep(1)

    def _settle(self) -> None:
        """End the writers, and let the readers see all that there is."""
        for (kind, _), process in self._processes.items():
            if kind != "reader":
                process.kill()
                process.join()
        sleep(MAX_STALENESS + 1)


def _work(kind: str, work: Any, arguments: tuple[Any, ...], folder: Path) -> None:
    """Do the work of a process, which dies with its parent; note what ends it otherwise."""
    import ctypes  # noqa: PLC0415  # in the child alone

    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    # What a killed server says in passing is not what is judged.
    sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115
    began = monotonic()
    try:
        work(*arguments)
    except Exception:
        trace = traceback.format_exc()
        Note(folder / f"crash-{os.getpid()}").write("crashed", began, kind=kind, trace=trace)
        raise


@dataclass
class Judgement:
    """What a history showed.

    Attributes:
        counts: How often what was done.
        faults: Each fault in a line.
    """

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def judge(folder: Path) -> Judgement:
    """Hold every check against what was over before it began, and what could have come before."""
    lines = [
        json.loads(line)
        for path in sorted(folder.iterdir())
        for line in path.read_text().splitlines()
        if line.endswith("}")
    ]
    verdicts = Judgement(Counter(line["what"] for line in lines))
    crashes = (line for line in lines if line["what"] == "crashed")
    verdicts.faults += [f"a {line['kind']} crashed: {line['trace']}" for line in crashes]
    begun = {line["sid"]: line for line in lines if line["what"] == "begun"}
    # By what they can hit, as there are many of both.
    wide: dict[tuple[str, Any], list[dict[str, Any]]] = {}
    for line in lines:
        if line["what"] in ("ended", "intends"):
            name = {"session": "sid", "subject": "subject"}.get(line["kind"])
            wide.setdefault((line["kind"], name and line[name]), []).append(line)
    ends: dict[str, tuple[float, float]] = {}
    for sid, session in begun.items():
        keys = (("session", sid), ("subject", session["subject"]), ("before", None))
        relevant = [line for key in keys for line in wide.get(key, ()) if _hits(line, sid, session)]
        # For sure from the moment at which the first call that ends it had returned;
        certain = [
            line["ended"] for line in relevant
            if line["what"] == "ended" and session["ended"] <= line["began"]
        ]  # fmt: skip
        # perhaps from the moment at which the first one that might have done so was begun. A
        # call from before it began counts too, where the node had not heard of it: the price.
        possible = [line["began"] for line in relevant if line["ended"] > session["began"] - _PRICE]
        ends[sid] = (min(certain, default=_NEVER), min(possible, default=_NEVER))
    for line in lines:
        if line["what"] != "checked":
            continue
        verdicts.counts[line["verdict"]] += 1
        certain_end, possible_end = ends[line["sid"]]
        if line["verdict"] == "accepted" and line["began"] > certain_end + MAX_STALENESS:
            late = line["began"] - certain_end
            verdicts.faults.append(f"{line['sid']} was accepted {late:.2f} s after its end")
        if line["verdict"] == "revoked" and line["ended"] < possible_end:
            verdicts.faults.append(f"{line['sid']} was refused without an end")
    verdicts.faults += listing.faults_of_lists(lines, begun, ends)
    return verdicts


_NEVER: Final = float("inf")
_PRICE: Final = 5 + 1 + MAX_STALENESS  # seconds: the mark is 5 s ahead, seconds are whole


def _hits(line: dict[str, Any], sid: str, session: dict[str, Any]) -> bool:
    if line["kind"] == "before":
        return bool(session["start"] < line["before"])
    return line["kind"] == "session" or bool(line["keep"] != sid)


def run_history(plan: Plan) -> tuple[Judgement, Counter[str]]:
    """Run a history on a server of its own and judge it; return also what was killed."""
    with tempfile.TemporaryDirectory(prefix="ts-history-") as name, SERVERS[plan.kind]() as server:
        store = open_store(plan.kind, server.url, timeout=60)
        store.create("directory" if plan.listed else "revocations")
        store.close()  # its children must not share our connection
        fleet = Fleet(plan, server, Path(name))
        fleet.run()
        return judge(Path(name)), fleet.killed


def main() -> int:
    """Run one history and tell what it showed; 1 when there are faults."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", choices=sorted(SERVERS), default="postgres")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seed", type=int, default=int(time()))
    parser.add_argument(
        "--backends", action="store_true", help="kill single processes of PostgreSQL, nothing else"
    )
    parser.add_argument("--directory", action="store_true", help="judge lists of sessions too")
    args = parser.parse_args()
    backends = args.backends and args.store == "postgres"
    plan = Plan(args.store, args.seed, args.seconds, backends, args.directory)
    print(plan, flush=True)  # noqa: T201  # a program's output
    judgement, killed = run_history(plan)
    print(f"done: {dict(judgement.counts)}\nkilled: {dict(killed)}")  # noqa: T201
    for fault in judgement.faults[:20]:
        print(f"FAULT {fault}")  # noqa: T201
    print(f"{len(judgement.faults)} faults")  # noqa: T201
    return 1 if judgement.faults else 0


if __name__ == "__main__":
    sys.exit(main())
