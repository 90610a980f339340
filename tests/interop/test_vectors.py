"""The implementations in other languages pass every vector, and refuse the same secrets."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from tokensession.keys import known_secrets
from tokensession.tools.vectors.files import WORDS, load

ROOT = Path(__file__).parents[2]
NODE, GO = ROOT / "interop" / "node", ROOT / "interop" / "go"
COUNTS = {name: int(load(ROOT / "vectors", name)["count"]) for name in WORDS}
PATIENCE = 600  # seconds until a run that hangs is a failure


# What these implementations have no stores for: SPEC 13 and 14.
STORES = {"revocation", "overflow"}


def run(folder: Path, *command: str) -> str:
    """Run a program that must be there and succeed; return what it printed."""
    program = shutil.which(command[0])
    assert program is not None, f"{command[0]} is not installed; .ci/setup test installs it"
    done = subprocess.run(  # noqa: S603  # our own commands
        [program, *command[1:]],
        cwd=folder,
        env={**os.environ, "CGO_ENABLED": "0"},  # Go without a C compiler
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def test_node_passes_every_vector() -> None:
    """Each case of each file but those for stores, and the tests of the package's own."""
    printed = run(NODE, "node", "--test", "--test-reporter=tap")
    names = COUNTS.keys() - STORES
    for name in names:
        assert f"# Subtest: {name}: {COUNTS[name]} cases" in printed
    passed = re.findall(r"^# pass (\d+)$", printed, re.MULTILINE)
    assert int(passed[0]) >= sum(COUNTS[name] for name in names)
    assert (
        re.findall(r"^# (?:fail|skipped|cancelled|todo) (\d+)$", printed, re.MULTILINE) == ["0"] * 4
    )


def test_go_passes_every_vector() -> None:
    """Each case of each file but those for writers, HTTP and stores; formatted and vetted."""
    printed = run(GO, "go", "test", "-count=1", "-v", "./...")
    for name in WORDS.keys() - STORES - {"writing", "cookies", "heritage"}:
        passed = re.findall(rf"^    --- PASS: \w+/{name}/", printed, re.MULTILINE)
        cases = load(ROOT / "vectors", name)["cases"]
        assert len(passed) == sum(case.get("operation", "read") == "read" for case in cases)
    assert "FAIL" not in printed
    assert "SKIP" not in printed
    assert run(GO, "gofmt", "-l", ".") == ""
    run(GO, "go", "vet", "./...")


def test_go_needs_the_standard_library_alone() -> None:
    """No module is required."""
    assert "require" not in (GO / "go.mod").read_text()


def test_node_declarations_hold() -> None:
    """TypeScript accepts what they must accept, and refuses what they must refuse."""
    run(NODE, "node", "node_modules/typescript/bin/tsc", "-p", ".")


def test_lock_file_names_no_hosts() -> None:
    """The lock file has only versions and hashes, so it works with any registry."""
    text = (NODE / "package-lock.json").read_text()
    assert '"resolved"' not in text
    packages = json.loads(text)["packages"]
    assert all("integrity" in package for path, package in packages.items() if path)
    assert "@msgpack/msgpack" in packages[""]["dependencies"]


def test_published_secrets_are_refused_alike() -> None:
    """The lists of the three languages are one."""
    ours = set(re.findall(r'"([0-9a-f]{64})"', Path(known_secrets.__file__).read_text()))
    assert len(ours) > 20
    for path in (NODE / "src" / "published.js", GO / "published.go"):
        assert set(re.findall(r'"([0-9a-f]{64})"', path.read_text())) == ours
