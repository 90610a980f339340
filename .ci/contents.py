# ruff: noqa: INP001 - a program beside the script that runs it, not a package
"""Says what a built wheel or sdist holds too much or too little, and exits with 1 then.

Usage: `python .ci/contents.py DIST`, beside the checkout that they were built from.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
METADATA: Final = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"}
ALWAYS: Final = {
    "tokensession/py.typed",
    "tokensession/tools/demo/style.css",
    "tokensession/tools/demo/templates/frame.html",
    "tokensession/tools/demo/page.js",
}


def main(dist: Path) -> int:
    """Check the one wheel and the one sdist of a folder, where there is git to ask."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        sys.stdout.write("no checkout of git: what wheel and sdist hold is not checked\n")
        return 0
    (wheel,) = dist.glob("*.whl")
    (sdist,) = dist.glob("*.tar.gz")
    files = _checkout(git)
    package = {name for name in files if name.startswith("tokensession/")}
    information = "-".join(wheel.name.split("-")[:2]) + ".dist-info"
    faults = [
        *_differences(
            wheel, _of_wheel(wheel), {*package, *(f"{information}/{n}" for n in METADATA)}
        ),
        *_differences(sdist, _of_sdist(sdist), {*files, "PKG-INFO"}),
    ]
    sys.stdout.writelines(f"{fault}\n" for fault in faults)
    return 1 if faults else 0


def _checkout(git: str) -> set[str]:
    """Return the files of the checkout: what git has, and what is new and not ignored."""
    listing = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(  # noqa: S603  # our own command
        [git, "-c", "safe.directory=*", *listing],  # any owner of the checkout
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return {name for name in done.stdout.split("\0") if name and (ROOT / name).exists()}


def _of_wheel(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def _of_sdist(sdist: Path) -> set[str]:
    with tarfile.open(sdist) as archive:
        return {m.name.partition("/")[2] for m in archive.getmembers() if m.isfile()}


def _differences(archive: Path, held: set[str], expected: set[str]) -> list[str]:
    missing = sorted((expected | ALWAYS) - held)
    return [
        *(f"{archive.name} lacks {name}" for name in missing),
        *(f"{archive.name} should not hold {name}" for name in sorted(held - expected)),
    ]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
