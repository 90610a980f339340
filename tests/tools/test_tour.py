"""The tour: real steps, each compared with what must happen."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import NOW
from tokensession import BadClaims, KeyRing, decode
from tokensession.tools import tour, tour_steps
from tokensession.tools.cli import main

if TYPE_CHECKING:
    from pathlib import Path


def lines(**options: Any) -> tuple[bool, list[str]]:
    """Walk the tour; return its verdict and its lines."""
    said: list[str] = []
    verdict = tour.show(lambda text: said.extend(text.split("\n")), now=NOW, **options)
    return verdict, said


def test_all_steps_are_as_expected() -> None:
    """The tour succeeds, and its last line counts the steps."""
    verdict, said = lines()
    assert verdict
    assert said[-1] == "15 of 15 steps were as expected."


def test_the_main_job_is_shown(tmp_path: Path) -> None:
    """Each thing that the tour promises has a step."""
    titles = " / ".join(step.title for step in tour_steps.walk(tmp_path, now=NOW))
    for words in (
        "key file", "encode", "without the key", "with the key", "Compare", "of the header",
        "of the payload", "of the signature", "another context", "one second later", "Rotate",
        "Use both keys", "Revoke",
    ):  # fmt: skip
        assert words in titles


def test_refusals_show_code_and_sentence(tmp_path: Path) -> None:
    """Each refusal names its code, from the library's own error."""
    told = [
        line.removeprefix("refused: ")
        for step in tour_steps.walk(tmp_path, now=NOW)
        for line in step.lines
        if line.startswith("refused: ")
    ]
    assert told == [
        "unknown_key",
        "bad_signature",
        "bad_signature",
        "bad_signature",
        "expired",
        "unknown_key",
    ]


def test_it_fits_a_terminal() -> None:
    """No line is wider than 80 columns, and none has a control character."""
    for line in lines()[1]:
        assert len(line) <= 80
        assert line.isprintable()


def test_colour_is_asked_for() -> None:
    """Escape sequences appear with color=True only, and change nothing else."""
    _, said = lines(color=True)
    assert any("\x1b[32mok\x1b[0m" in line for line in said)
    assert said[-1].endswith("\x1b[0m")


def test_the_key_file_is_gone_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The temporary folder goes with the tour."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    lines()
    assert list(tmp_path.iterdir()) == []


def test_no_secret_is_shown(tmp_path: Path) -> None:
    """Neither the key of the file nor any other secret is among the lines."""
    said = [line for step in tour_steps.walk(tmp_path, now=NOW) for line in step.lines]
    document = json.loads((tmp_path / "session-keys.json").read_text())
    (secret,) = [jwk["k"] for jwk in document["keys"]]
    assert not any(secret in line for line in said)


def test_the_example_is_a_typical_session() -> None:
    """The shipped state has about 245 bytes of compact JSON."""
    compact = json.dumps(tour_steps.example(), separators=(",", ":"), ensure_ascii=False).encode()
    assert 235 <= len(compact) <= 255


def test_a_token_that_is_read_against_expectation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is refused, the steps that need a refusal fail, and so does the tour."""
    real = decode
    tokens: list[tuple[str, KeyRing]] = []

    def lenient(token: str, keys: KeyRing, **_: object) -> Any:
        tokens.append((token, keys))
        return real(*tokens[0], now=NOW)

    monkeypatch.setattr(tour_steps, "decode", lenient)
    verdict, said = lines()
    assert not verdict
    assert "   read" in said
    assert any("NOT AS EXPECTED" in line for line in said)
    assert said[-1].endswith(" of 15 steps were as expected.")


def test_a_refusal_against_expectation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a token is refused that must be read, the tour ends there, and says so."""

    def strict(*_: object, **__: object) -> Any:
        raise BadClaims("never good enough")

    monkeypatch.setattr(tour_steps, "decode", strict)
    verdict, said = lines()
    assert not verdict
    assert any("NOT AS EXPECTED" in line and "never good enough" in line for line in said)
    assert said[-1] == "3 of 4 steps were as expected."


def test_another_code_than_expected(hs256: KeyRing) -> None:
    """A refusal with another code is no success."""
    step = tour_steps._refusal("title", "a.b", hs256, "expired", now=NOW)
    assert not step.as_expected
    assert step.lines[0] == "refused: malformed"


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    """``tokensession tour`` walks the tour, plain where the output is no terminal."""
    assert main(["tour"]) == 0
    out = capsys.readouterr().out
    assert out.endswith("15 of 15 steps were as expected.\n")
    assert "\x1b" not in out


@pytest.mark.parametrize(("value", "colored"), [(None, True), ("", True), ("1", False)])
def test_colour_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    value: str | None,
    *,
    colored: bool,
) -> None:
    """A terminal gets colours, unless NO_COLOR is set to something."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    if value is not None:
        monkeypatch.setenv("NO_COLOR", value)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert main(["tour"]) == 0
    assert ("\x1b" in capsys.readouterr().out) == colored
