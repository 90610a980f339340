"""The shell completes commands, options and names of files."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from tests.tools.cli.test_program import DONE, Cli, assert_complaint, cli
from tokensession.tools.cli.completion import SHELLS

__all__ = ["cli"]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_for_each_shell(cli: Cli, shell: str) -> None:
    """It is printed, and names the commands."""
    result = cli("--print-completion", shell)
    assert (result.code, result.err) == (DONE, "")
    for word in ("keys", "decode", "revocations"):
        assert word in result.out


def completed(cli: Cli, *words: str) -> set[str]:
    """Return what bash offers for the last of these words."""
    script = cli("--print-completion", "bash").out
    line = " ".join(f"'{word}'" for word in words)
    program = (
        f"{script}\nCOMP_WORDS=({line}); COMP_CWORD={len(words) - 1}\n"
        "_shtab_tokensession\nprintf '%s\\n' \"${COMPREPLY[@]}\""
    )
    bash = shutil.which("bash")
    assert bash is not None
    done = subprocess.run(  # noqa: S603  # our own text
        [bash, "-c", program], capture_output=True, text=True, check=True, cwd=cli.folder
    )
    return set(done.stdout.split())


def test_bash_completes(cli: Cli) -> None:
    """Commands, verbs, options, the values of an option, and files where one is named."""
    cli.file("{}", "session-keys.json")
    assert completed(cli, "tokensession", "rev") == {"revoke", "revocations"}
    assert completed(cli, "tokensession", "keys", "ro") == {"rotate"}
    assert "--dry-run" in completed(cli, "tokensession", "keys", "rotate", "--")
    assert completed(cli, "tokensession", "decode", "sess") == {"session-keys.json"}
    algorithms = completed(cli, "tokensession", "keys", "new", "--algorithm", "")
    assert {"HS256", "Ed25519", "ES256"} <= algorithms


def test_without_the_extra(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line says what to install."""
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert_complaint(cli("--print-completion", "bash"), "pip install '.[completion]' in a clone")
