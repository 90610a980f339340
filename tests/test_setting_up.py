"""The scripts that set things up say what they install, and what to do where they cannot."""

from __future__ import annotations

import os
import re
import shutil
import site
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from tests.ecosystem.environments import FOLDER

ROOT = Path(__file__).parents[1]
NOTED = 'printf "%s %s\\n" "$(basename "$0")" "$*" >>"$NOTES"'
NODE = ("interop/node", "tests/legacy/express", "tests/openid/provider", "benchmarks/node")
CORE = ("sh", "basename", "cat", "chmod", "cmp", "cp", "dirname", "mkdir", "printf", "rm", "tee")


class Machine:
    """A clone of the scripts, on a machine that has these programs and notes what they are told."""

    def __init__(self, folder: Path) -> None:
        self.clone = folder / "clone"
        self.programs = folder / "bin"
        self.notes = folder / "notes"
        shutil.copytree(ROOT / ".ci", self.clone / ".ci")
        self.programs.mkdir()
        for name in CORE:
            found = shutil.which(name)
            if found is not None:
                (self.programs / name).symlink_to(found)
        self.notes.write_text("")

    def has(self, name: str, body: str = "") -> None:
        """Add a program, which notes its arguments."""
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{NOTED}\n{body}\n")
        path.chmod(0o755)

    def run(self, script: str, *arguments: str) -> tuple[int, str, list[str]]:
        """Run a script; return its exit code, what it says, and what the programs were told."""
        done = subprocess.run(  # noqa: S603  # our own text
            [self.clone / ".ci" / script, *arguments], capture_output=True, text=True, check=False,
            env={"PATH": str(self.programs), "NOTES": str(self.notes)}, timeout=60,
        )  # fmt: skip
        return done.returncode, done.stderr, self.notes.read_text().splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Give a machine whose user is not root."""
    made = Machine(tmp_path)
    made.has("id", "echo 1000")
    return made


def test_without_sudo(machine: Machine) -> None:
    """Nothing is installed, and the command is shown that root can run."""
    machine.has("apt-get")
    code, said, noted = machine.run("debian", "for the tests", "redis-server", "acl")
    assert code == 1
    assert "installing from Debian, for the tests: redis-server acl" in said
    assert "apt-get install --no-install-recommends redis-server acl" in said
    assert not [line for line in noted if line.startswith("apt-get")]


def test_without_debian(machine: Machine) -> None:
    """On another system the packages are named, and left to its user."""
    code, said, _ = machine.run("debian", "for the tests", "memcached")
    assert code == 1
    assert "memcached" in said
    assert "no apt-get" in said


def test_with_sudo(machine: Machine) -> None:
    """What is installed was said before; the services of servers do not start."""
    machine.has("apt-get")
    machine.has("sudo", 'case "$1" in apt-get) "$@" ;; *) cat >/dev/null ;; esac')
    code, said, noted = machine.run("debian", "for the tests", "redis-server")
    assert code == 0
    assert "for the tests: redis-server" in said
    installs = [line for line in noted if line.startswith("apt-get install")]
    assert installs == ["apt-get install -y -qq --no-install-recommends redis-server"]
    kept = [line for line in noted if "policy-rc.d" in line]
    if not Path("/usr/sbin/policy-rc.d").exists():
        assert [line.split()[1] for line in kept] == ["tee", "chmod", "rm"]


def test_servers_are_named_one_by_one(machine: Machine) -> None:
    """Those that are there are left out; with all of them nothing is said."""
    for name in ("redis-server", "memcached", "faketime", "setpriv"):
        machine.has(name)
    code, said, _ = machine.run("servers")
    assert code == 1
    missing = "acl" if Path("/usr/sbin/pgbouncer").exists() else "pgbouncer acl"
    assert f"no service is started: {missing}\n" in said
    if missing == "acl":
        machine.has("setfacl")
        assert machine.run("servers")[:2] == (0, "")


VENV = """
case "$*" in
--version) echo Python 3.11.9 ;;
*venv*) mkdir -p .venv/bin; cp "$(command -v pip)" .venv/bin/pip ;;
esac
"""


def test_the_set_up_says_what_it_installs(machine: Machine) -> None:
    """The environment, then the extras and where their versions stand; a second run makes none."""
    machine.has("python3", VENV)
    machine.has("pip")
    code, said, noted = machine.run("setup", "demo")
    assert code == 0
    making, installing = said.splitlines()
    assert making == "making .venv with Python 3.11.9"
    assert installing.startswith("installing into .venv: tokensession with the extras demo, in the")
    assert ".ci/constraints.txt" in installing
    assert noted[-1].startswith("pip install --quiet")
    assert noted[-1].endswith("--editable .[demo]")
    assert "making .venv" not in machine.run("setup")[1]


def test_the_set_up_for_the_tests_says_what_comes_from_elsewhere(machine: Machine) -> None:
    """From Debian and from npm, each before it is installed."""
    machine.has("python3", VENV)
    machine.has("pip")
    assert (
        "for the tests in other languages and in a browser: nodejs npm golang-go chromium"
        in (machine.run("setup", "test")[1])
    )
    for name in ("node", "npm", "go", "chromium"):
        machine.has(name, "mkdir -p node_modules")
    for name in NODE:
        folder = machine.clone / name
        folder.mkdir(parents=True)
        (folder / "package-lock.json").write_text("{}")
    code, said, noted = machine.run("setup", "test")
    assert code == 0
    installs = [line for line in noted if line.startswith("npm")]
    assert said.count("installing from npm") == len(installs) == len(NODE)
    assert "npm" not in machine.run("setup", "test")[1]


def test_an_old_python(machine: Machine) -> None:
    """It is refused before anything is made."""
    machine.has("python3", 'case "$*" in *version_info*) exit 1 ;; esac')
    code, said, _ = machine.run("setup")
    assert (code, "set PYTHON to one" in said) == (1, True)
    assert not (machine.clone / ".venv").exists()


@pytest.mark.parametrize(("script", "count"), [("demo", 3), ("test", 7)])
def test_every_stage_has_a_head(script: str, count: int) -> None:
    """Numbered, so that one sees how far it is."""
    text = (ROOT / ".ci" / script).read_text()
    heads = re.findall(r'^stage "(\d) of (\d): ', text, re.MULTILINE)
    assert heads == [(str(number), str(count)) for number in range(1, count + 1)]


def test_what_is_skipped_without_git_is_said(machine: Machine) -> None:
    """At the beginning, not at the end of a long run."""
    machine.has("git", "exit 128")
    machine.has("python3", "exit 1")
    said = machine.run("test")[1]
    assert "the check of what wheel and sdist hold is skipped" in said
    machine.has("git")
    assert "skipped" not in machine.run("test")[1]


def test_the_scripts_can_be_started() -> None:
    """Each is executable and has a first line that says with what."""
    for path in (ROOT / ".ci").iterdir():
        if path.suffix == "":
            assert path.read_text().startswith("#!/bin/sh\n"), path.name
            assert os.access(path, os.X_OK), path.name


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="pip takes what a later Python runs")
def test_what_is_installed_runs_on_debians_python() -> None:
    """Each installed package accepts Python 3.11.2, which Debian 12 has."""
    folders = [*map(Path, site.getsitepackages()), *FOLDER.glob("*/lib/python*/site-packages")]
    refused = [
        f"{package.name} {package.version}: {needed}"
        for package in distributions(path=[str(folder) for folder in folders])
        if "3.11.2"
        not in SpecifierSet(needed := str(package.metadata.json.get("requires_python", "")))
    ]
    assert refused == []
