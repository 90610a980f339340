"""Mutation testing: does any test notice when a line of the core is made wrong?

Usage: `python -m tests.trials.attacks.mutants [MODULE ...] [--tests FILE ...] [--sample N]
    [--seed 1] [--jobs 1]`

MODULE is one of the package, such as ``keys.ring``; all of `MODULES` by default. First the tests
run once, to learn which of them run which line. Then each mutant has a process of its own, in
which those that run its line run until one fails: the likeliest first, for at most a bounded time.
Survivors are tried again where everything is imported anew, by the tests of their module, and what
runs when it is imported by all. Those that nothing kills are listed; the exit code is 1 when fewer
than 90 % are killed. What survives, and why it may, stands in README.md. An interrupt ends it with
a report of what has been tried.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import pickle
import random
import resource
import select
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from importlib.metadata import entry_points
from pathlib import Path
from typing import IO, TYPE_CHECKING

import coverage
import pytest

from .mutating import (
    ImportedInstead,
    Mutant,
    mutants,
    put_into_process,
    source_of,
    unchanged,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

ROOT = Path(__file__).parents[3]
# What "codec, claims and keys" are made of: tokens, what they say, and the keys that make them.
MODULES = (
    "format.base64url", "format.claims", "format.state", "format.state_format", "format.nesting",
    "format.seconds", "sessions.policy", "sessions.value", "sessions.mapping", "keys.ring",
    "keys.key_set", "keys.changes", "keys.signer", "keys.jwk", "keys.jwk_pair", "keys.document",
    "keys.material", "tokens.sealing", "tokens.derived_keys", "tokens.limits", "tokens.changes",
    "tokens.reading", "tokens.writing", "tokens.codec",
)  # fmt: skip
TESTS = (
    "format/test_base64url.py", "format/test_claims.py", "format/test_state.py",
    "format/test_state_format.py", "format/test_nesting.py", "format/test_seconds.py",
    "format/test_lazy_state.py", "sessions/test_policy.py", "sessions/test_session.py",
    "sessions/test_mapping.py", "keys/test_ring.py", "keys/test_key_set.py",
    "keys/test_changes.py", "keys/test_signer.py", "keys/test_document.py", "keys/test_jwk.py",
    "keys/test_private_file.py", "keys/test_rotation.py", "keys/test_watcher.py",
    "tokens/test_derived_keys.py", "tokens/test_limits.py", "tokens/test_changes.py",
    "tokens/test_reading.py", "tokens/test_writing.py", "tokens/test_sealing.py",
    "tokens/test_functions.py", "tokens/test_codec.py", "tools/test_vectors.py",
    "web/test_manager.py", "web/test_touched.py", "web/test_saving.py",
    "revocation/test_codec.py", "overflow/test_codec.py", "overflow/test_requests.py",
    "stores/test_arguments.py", "attacks/test_jose.py", "attacks/test_sessions.py",
    "attacks/test_positions.py", "attacks/test_field.py",
)  # fmt: skip
SCORE = 90  # percent
MEMORY = 16 << 30  # bytes of address space; a mutant that grows without end fails soon
SLOWEST = 2.0  # seconds of processor time; no test that takes longer is used
_SERVERS = {"memcached", "mongo", "postgres", "redis_server", "valkey"}
# What looks at the vectors themselves takes long, and runs nothing of the modules.
_SLOW = "not (generating_again or test_schema or test_every_expected_value_counts)"
_OPTIONS = ["-p", "no:cacheprovider", "-p", "no:terminal", "-o", "addopts=", "-k", _SLOW]
# What the parent has imported is not rewritten, which pytest would warn of.
_ANEW = [*_OPTIONS, "-W", "ignore::pytest.PytestAssertRewriteWarning"]


class _Known:
    """What one run of the tests has shown: which test runs which lines, and how long it takes."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.lines: dict[str, dict[int, set[str]]] = {}
        self.failed: list[str] = []

    @property
    def usable(self) -> list[str]:
        """The tests that pass without any mutant, and soon."""
        failed = set(self.failed)
        return [
            name
            for name, seconds in self.seconds.items()
            if seconds < SLOWEST and name not in failed
        ]

    def running(self, mutant: Mutant) -> set[str]:
        """Return the tests that run a mutant's lines, or for what is imported any of its module."""
        lines = self.lines[mutant.module]
        first, last = mutant.lines
        wanted: Iterable[int] = range(first, last + 1) if mutant.path else lines
        return {test for line in wanted for test in lines.get(line, ())}


class _Tests:
    """The collected tests, in a process whose children try mutants."""

    def __init__(self, work: Callable[[_Tests], None]) -> None:
        self._work = work
        self.items: dict[str, pytest.Item] = {}
        self.failed = False

    def pytest_collection(self) -> None:
        """Fail at once, without shrinking: the smallest example is not read."""
        from hypothesis import Phase, settings  # noqa: PLC0415  # after conftest's own settings

        known = settings.get_profile("default")
        phases = (Phase.explicit, Phase.generate)
        settings.register_profile("mutants", known, phases=phases, database=None)
        settings.load_profile("mutants")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Do the work in place of running the tests."""
        if session.testsfailed:
            return True
        self.items = {
            item.nodeid: item
            for item in session.items
            if not _SERVERS & set(getattr(item, "fixturenames", ()))
        }
        self._work(self)
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take note of a failure."""
        self.failed |= report.failed

    def all_pass(self, names: list[str]) -> bool:
        """Run tests until one fails; those named after a random key are not found again."""
        items = [self.items[name] for name in names if name in self.items]
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
            if self.failed:
                return False
        return True


def _in_child(work: Callable[[], int], seconds: float) -> int | None:
    """Return the exit code of a child that does some work; None when it took too long."""
    child = os.fork()
    if child == 0:
        code = 3
        try:
            os.setsid()
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: it ends with its parent
            null = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(null, stream)
            # Processor time: a mutant that loops is told from a machine that is busy.
            resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 2))
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            code = work()
        finally:
            os._exit(code)
    ending = os.pidfd_open(child)
    try:
        ended, _, _ = select.select([ending], [], [], 60 + 30 * seconds)
    finally:
        os.close(ending)
    if not ended:  # it waits for what never comes
        os.killpg(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if ended and code >= 0 else None


def _learn(tests: _Tests, modules: Iterable[str]) -> _Known:
    """Run all tests once, in a child, and return what it showed."""
    with tempfile.NamedTemporaryFile() as file:

        def learn() -> int:
            known = _Known()
            files = [str(source_of(module)) for module in modules]
            os.environ["COVERAGE_CORE"] = "ctrace"  # the default of 3.14 has no contexts
            measured = coverage.Coverage(data_file=None, config_file=False, include=files)
            measured.start()
            for name, item in tests.items.items():
                measured.switch_context(name)
                before = time.process_time()
                item.ihook.pytest_runtest_protocol(item=item, nextitem=None)
                known.seconds[name] = time.process_time() - before
                if tests.failed:
                    known.failed.append(name)
                    tests.failed = False
            measured.stop()
            with warnings.catch_warnings(action="ignore"):  # that nothing ran any of the modules
                data = measured.get_data()
            # Where a failed test has gone says nothing, and a slow one is of no use.
            usable = set(known.usable)
            for module in modules:
                found = data.contexts_by_lineno(str(source_of(module)))
                known.lines[module] = {
                    line: usable.intersection(names) for line, names in found.items()
                }
            Path(file.name).write_bytes(pickle.dumps(known))
            return 0

        code = _in_child(learn, 3600)
        if code != 0:
            raise SystemExit(f"the tests could not be run: {code}")
        known: _Known = pickle.loads(Path(file.name).read_bytes())  # noqa: S301  # our child's
        return known


class _Anew:
    """A process that has imported what no mutant changes; its children import all the rest."""

    def __init__(self, options: argparse.Namespace) -> None:
        ours, theirs = os.pipe(), os.pipe()
        self._process = os.fork()
        if self._process == 0:
            os.close(ours[1])
            os.close(theirs[0])
            with os.fdopen(ours[0], "rb") as asked, os.fdopen(theirs[1], "wb") as answers:
                _answer(options, asked, answers)
            os._exit(0)
        os.close(ours[0])
        os.close(theirs[1])
        self._ask = os.fdopen(ours[1], "wb")
        self._answers = os.fdopen(theirs[0], "rb")

    def survives(self, mutant: Mutant, names: list[str], seconds: float) -> bool:
        """Tell whether all tests pass where the mutant was imported."""
        pickle.dump((mutant.module, mutant.number, names, seconds), self._ask)
        self._ask.flush()
        answer: bool = pickle.load(self._answers)  # noqa: S301  # our child's
        return answer


def _answer(options: argparse.Namespace, asked: IO[bytes], answers: IO[bytes]) -> None:
    import cryptography.hazmat.primitives.ciphers.aead  # noqa: F401, PLC0415
    import hypothesis  # noqa: F401, PLC0415
    import jsonschema  # noqa: F401, PLC0415
    import jwt  # noqa: F401, PLC0415
    import msgspec  # noqa: F401, PLC0415
    import starlette.testclient  # noqa: F401, PLC0415

    import tests.servers.fixtures  # noqa: F401, PLC0415

    for plugin in entry_points(group="pytest11"):
        plugin.load()
    made = {module: list(mutants(module)) for module in options.modules}
    while True:
        try:
            module, number, names, seconds = pickle.load(asked)  # noqa: S301  # our parent's
        except EOFError:
            return
        mutant = unchanged(module) if number < 0 else made[module][number]

        def work(mutant: Mutant = mutant, names: list[str] = names) -> int:
            sys.meta_path.insert(0, ImportedInstead(mutant))
            # End here, without pytest's own tidying up.
            tests = _Tests(lambda tests: os._exit(0 if tests.all_pass(names) else 1))
            files = {name.partition("::")[0]: None for name in names}
            pytest.main([*_ANEW, *(str(ROOT / file) for file in files)], plugins=[tests])
            return 1  # it could not be imported

        pickle.dump(_in_child(work, seconds) == 0, answers)
        answers.flush()


class _Trial:
    """Tries mutants one after the other, and learns which tests kill."""

    def __init__(self, tests: _Tests, known: _Known, anew: _Anew) -> None:
        self._tests, self._known, self._anew = tests, known, anew
        self._kills: Counter[str] = Counter()

    def survives(self, mutant: Mutant) -> bool:
        """Tell whether no test fails."""
        known = self._known.seconds
        own = f"test_{mutant.module.rpartition('.')[2]}.py::"
        names = sorted(
            self._known.running(mutant),
            key=lambda name: (-self._kills[_group(name)], own not in name, known[name], name),
        )
        seconds = 20 + 5 * sum(known[name] for name in names)
        if mutant.path and names and not self._survives_here(mutant, names, seconds):
            return False
        # What a file of tests does while it is imported is no test's, and may be what fails.
        whole = [name for name in self._known.usable if own in name]
        if whole and not self._anew.survives(mutant, whole, seconds + 5 * len(whole)):
            return False
        return bool(mutant.path) or not names or self._anew.survives(mutant, names, seconds)

    def _survives_here(self, mutant: Mutant, names: list[str], seconds: float) -> bool:
        with tempfile.NamedTemporaryFile() as killer:

            def work() -> int:
                if not put_into_process(mutant):
                    return 0
                for name in names:
                    Path(killer.name).write_text(name)
                    if not self._tests.all_pass([name]):
                        return 1
                return 0

            if _in_child(work, seconds) == 0:
                return True
            self._kills[_group(Path(killer.name).read_text())] += 1
            return False


def _group(name: str) -> str:
    """Return the test of one of its cases."""
    return name.partition("[")[0]


def _try_all(tests: _Tests, options: argparse.Namespace, anew: list[_Anew], out: IO[str]) -> int:
    began = time.monotonic()
    known = _learn(tests, options.modules)
    for name in known.failed:
        out.write(f"not used, as it fails without any mutant: {name}\n")
    made = [mutant for module in options.modules for mutant in mutants(module)]
    total = len(made)
    if options.sample:
        picked = random.Random(options.seed).sample(range(total), min(options.sample, total))  # noqa: S311
        made = [made[index] for index in sorted(picked)]
    fast = [seconds for seconds in known.seconds.values() if seconds < SLOWEST]
    out.write(f"{len(made)} of {total} mutants (seed {options.seed})\n")
    slow = len(known.seconds) - len(fast)
    out.write(f"{len(fast)} tests that take {sum(fast):.0f} s; {slow} slower ones not used\n")
    out.flush()
    if not anew[0].survives(unchanged(options.modules[0]), known.usable, 60 + 10 * sum(fast)):
        out.write("the tests fail where everything is imported anew: nothing can be said\n")
        return 2
    counts: Counter[tuple[str, bool]] = Counter()
    for index, survived in _answers(tests, known, anew, made):
        counts[made[index].module, survived] += 1
        if survived:
            out.write(f"survives: {made[index]}\n")
            out.flush()
    return _report(counts, len(made), options, out, time.monotonic() - began)


def _answers(
    tests: _Tests, known: _Known, anew: list[_Anew], made: list[Mutant]
) -> Iterator[tuple[int, bool]]:
    """Yield which mutant survived or not, as each has been tried by one of several processes."""
    reading, writing = os.pipe()
    workers: list[int] = []
    for job, importing in enumerate(anew):
        workers.append(os.fork())
        if workers[-1] == 0:
            os.close(reading)
            trial = _Trial(tests, known, importing)
            for index in range(job, len(made), len(anew)):
                answer = (index, trial.survives(made[index]))
                os.write(writing, pickle.dumps(answer).ljust(64, b"\0"))
            os._exit(0)
    os.close(writing)

    def stop(*_: object) -> None:
        for worker in workers:
            os.kill(worker, signal.SIGKILL)

    signal.signal(signal.SIGINT, stop)
    with os.fdopen(reading, "rb") as answers:
        while record := answers.read(64):
            yield pickle.loads(record)  # noqa: S301  # our children's


def _report(
    counts: Counter[tuple[str, bool]],
    wanted: int,
    options: argparse.Namespace,
    out: IO[str],
    seconds: float,
) -> int:
    for module in options.modules:
        killed, alive = counts[module, False], counts[module, True]
        out.write(f"{module:12} {killed:4} of {killed + alive:4} killed\n")
    tried = counts.total()
    killed = sum(count for (_, survived), count in counts.items() if not survived)
    score = 100 * killed / max(tried, 1)
    out.write(f"{killed} of {tried} mutants killed ({score:.1f} %) in {seconds:.0f} s\n")
    out.flush()
    return 0 if score >= SCORE and tried == wanted else 1


def main() -> int:
    """Test mutants; 1 when too many survive."""
    parser = argparse.ArgumentParser(description="Mutation testing of the core.")
    parser.add_argument("modules", nargs="*", default=MODULES)
    parser.add_argument("--tests", nargs="+", default=TESTS, help="files below tests/")
    parser.add_argument(
        "--sample", type=int, default=0, help="so many mutants at random; 0 for all"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="processes at once")
    options = parser.parse_args()
    os.chdir(ROOT)
    with tempfile.TemporaryDirectory() as compiled:
        # What is imported anew for each of many mutants is compiled once, and apart from others.
        sys.dont_write_bytecode, sys.pycache_prefix = False, compiled
        sys.path.insert(0, str(ROOT))
        anew = [_Anew(options) for _ in range(options.jobs)]
        code: list[int] = []
        with os.fdopen(os.dup(1), "w") as out:  # past what pytest captures
            tests = _Tests(lambda tests: code.append(_try_all(tests, options, anew, out)))
            files = [str(ROOT / "tests" / file) for file in options.tests]
            ended = pytest.main([*_OPTIONS, *files], plugins=[tests])
        if not code:
            sys.stdout.write(f"the tests cannot be collected (exit code {int(ended)})\n")
            return 2
    return code[0]


if __name__ == "__main__":
    sys.exit(main())
