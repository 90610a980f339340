"""The environments in which the applications run: one for each group of packages.

Usage: `python -m tests.ecosystem.environments [GROUP ...] [--all]`
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = Path(__file__).parent / "requirements"
FOLDER = ROOT / ".environments"
# The others take minutes to install or to start.
QUICK = ("aiohttp", "asgi", "django", "flask", "frameworks")


def groups() -> list[str]:
    """Return the names of all groups, in the order of the alphabet."""
    return sorted(path.stem for path in REQUIREMENTS.glob("*.txt"))


def python(group: str) -> Path:
    """Return the interpreter of a group's environment."""
    return FOLDER / group / "bin" / "python"


def is_current(group: str) -> bool:
    """Return whether the environment has what the group's file pins."""
    installed = FOLDER / group / "requirements.txt"
    wanted = (REQUIREMENTS / f"{group}.txt").read_bytes()
    return installed.is_file() and installed.read_bytes() == wanted


def make(group: str) -> None:
    """Make a group's environment anew, unless it is current."""
    if is_current(group):
        return
    wanted = REQUIREMENTS / f"{group}.txt"
    sys.stderr.write(f"installing the packages of {group} into {FOLDER.name}/{group}\n")
    venv.create(FOLDER / group, clear=True)
    pip = [sys.executable, "-m", "pip", "--python", str(python(group))]
    quick = ["--quiet", "--disable-pip-version-check", "--no-compile"]
    # The file names every package with its version, so that there is nothing to resolve.
    subprocess.run([*pip, "install", *quick, "--no-deps", "--requirement", str(wanted)], check=True)
    (FOLDER / group / "requirements.txt").write_bytes(wanted.read_bytes())


def main() -> None:
    """Make the environments of the named groups; without a name, of the quick ones."""
    parser = argparse.ArgumentParser(description="Makes the environments of the packages' groups.")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=", ".join(groups()))
    parser.add_argument("--all", action="store_true", help="the heavy groups too")
    arguments = parser.parse_args()
    known = groups()
    for name in arguments.groups:
        if name not in known:
            parser.error(f"unknown group {name!r}: choose from {', '.join(known)}")
    chosen = known if arguments.all else arguments.groups or [g for g in QUICK if g in known]
    for group in chosen:
        make(group)


if __name__ == "__main__":
    main()
