"""The command line: what each command prints, what it refuses, and with which exit code."""

from __future__ import annotations

import io
import json
import os
import runpy
import stat
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.conftest import NOW
from tokensession import KeyRing, decode, encode
from tokensession.format.claims import write_claims
from tokensession.keys.private_file import create_private_file
from tokensession.tokens.sealing import TokenKey
from tokensession.tools.cli import demos, main, streams
from tokensession.tools.cli.states import parse_state, tagged

DONE, REFUSED, WRONG = 0, 1, 2


class Terminal(io.TextIOWrapper):
    """Standard input as a terminal."""

    def isatty(self) -> bool:
        """Claim to be one."""
        return True


@dataclass
class Result:
    """What a run of the program gave."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)


class Cli:
    """The program, run in this process."""

    def __init__(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, folder: Path
    ) -> None:
        self._capsys = capsys
        self._monkeypatch = monkeypatch
        self.folder = folder

    def __call__(self, *arguments: object, stdin: bytes | str = b"", tty: bool = False) -> Result:
        """Run it with arguments and standard input."""
        content = stdin.encode() if isinstance(stdin, str) else stdin
        stream = (Terminal if tty else io.TextIOWrapper)(io.BytesIO(content))
        self._monkeypatch.setattr(sys, "stdin", stream)
        self._capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = self._capsys.readouterr()
        return Result(code, captured.out, captured.err)

    def keys(self, ring: KeyRing, name: str = "keys.json") -> Path:
        """Write a key file."""
        path = self.folder / name
        assert create_private_file(path, ring.to_json())
        return path

    def file(self, content: str | bytes, name: str = "input") -> Path:
        """Write an input file."""
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cli:
    """Give the program."""
    return Cli(capsys, monkeypatch, tmp_path)


def assert_complaint(result: Result, *words: str) -> None:
    """One line on standard error with these words, nothing on standard output, exit code 2."""
    assert (result.code, result.out) == (WRONG, "")
    assert result.err.startswith("tokensession: error: ")
    assert result.err.count("\n") == 1
    for word in words:
        assert word in result.err


class TestProgram:
    def test_version(self, cli: Cli) -> None:
        """--version prints the name and the version."""
        result = cli("--version")
        assert result.code == DONE
        assert result.out == f"tokensession {version('tokensession')}\n"

    def test_help_documents_exit_codes(self, cli: Cli) -> None:
        """--help lists the commands and what each exit code means."""
        result = cli("--help")
        assert result.code == DONE
        for word in (
            "keys",
            "encode",
            "decode",
            "inspect",
            "tour",
            "demo",
            "exit codes",
            "  2    wrong",
        ):
            assert word in result.out

    @pytest.mark.parametrize(
        "arguments",
        [
            [],
            ["bogus"],
            ["keys"],
            ["keys", "bogus"],
            ["keys", "new"],
            ["decode"],
            ["encode", "k", "--ttl", "soon"],
            ["encode", "k", "--subject", "a", "--subject-int", "1"],
            ["keys", "new", "f", "--algorithm", "none"],
            ["keys", "export-reader", "k"],
        ],
    )
    def test_wrong_usage(self, cli: Cli, arguments: list[str]) -> None:
        """A wrong command line is explained on standard error, with exit code 2."""
        result = cli(*arguments)
        assert (result.code, result.out) == (WRONG, "")
        assert "usage: tokensession" in result.err

    def test_ctrl_c(self, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
        """An interruption ends it with 130 and without a traceback."""

        def interrupted(*_: object, **__: object) -> bool:
            raise KeyboardInterrupt

        monkeypatch.setattr(demos, "show", interrupted)
        assert cli("tour") == Result(130, "", "")

    def test_broken_pipe(self, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
        """A reader of the output that went away ends it with 141, in silence."""

        def broken(*_: object, **__: object) -> bool:
            raise BrokenPipeError

        monkeypatch.setattr(demos, "show", broken)
        assert cli("tour") == Result(141, "", "")

    def test_a_stream_that_fails(self, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
        """A failing stream is a complaint without a file name."""

        def full(*_: object, **__: object) -> bool:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(demos, "show", full)
        assert cli("tour").err == "tokensession: error: No space left on device\n"

    @pytest.mark.parametrize(("good", "code"), [(True, DONE), (False, REFUSED)])
    def test_tour(
        self, cli: Cli, monkeypatch: pytest.MonkeyPatch, *, good: bool, code: int
    ) -> None:
        """The exit code of the tour says whether all was as expected."""
        monkeypatch.setattr(demos, "show", lambda *_, **__: good)
        assert cli("tour").code == code

    def test_module(self, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
        """``python -m tokensession`` is the same program."""
        monkeypatch.setattr(sys, "argv", ["tokensession", "--version"])
        with pytest.raises(SystemExit) as stop:
            runpy.run_module("tokensession", run_name="__main__")
        assert stop.value.code == DONE

    def test_import_alone_runs_nothing(self) -> None:
        """Importing ``tokensession.__main__`` does not run the program."""
        runpy.run_module("tokensession.__main__", run_name="other")


class TestProcess:
    """The program as a process of its own."""

    @staticmethod
    def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run it and wait for its end."""
        command = [sys.executable, "-m", "tokensession", *arguments]
        return subprocess.run(command, input=stdin, capture_output=True, check=False)  # noqa: S603

    def test_from_keys_to_refusal(self, tmp_path: Path) -> None:
        """A key file, a token through a pipe, its state, and the refusal of another token."""
        keys = str(tmp_path / "keys.json")
        assert self.run("keys", "new", keys).returncode == DONE
        token = self.run("encode", keys, stdin=b'{"user_id": 42}')
        assert (token.returncode, token.stderr) == (DONE, b"")
        read = self.run("decode", keys, "--json", stdin=token.stdout)
        assert json.loads(read.stdout)["state"] == {"user_id": 42}
        refused = self.run("decode", keys, stdin=token.stdout.replace(b".", b".A", 1))
        assert (refused.returncode, refused.stdout) == (REFUSED, b"")
        assert b"bad_signature" in refused.stderr

    def test_a_reader_that_leaves(self, tmp_path: Path) -> None:
        """A closed pipe ends it without a word."""
        command = [sys.executable, "-m", "tokensession", "tour"]
        with subprocess.Popen(  # noqa: S603
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()
            assert process.stderr.read() == b""
        assert process.returncode == 141

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
    def test_a_full_disk(self) -> None:
        """Output that cannot be written is one complaint and exit code 2."""
        with Path("/dev/full").open("wb") as full:
            process = subprocess.run(
                [sys.executable, "-m", "tokensession", "--version"],
                stdout=full,
                stderr=subprocess.PIPE,
                check=False,
            )
        assert process.returncode == WRONG
        assert process.stderr.count(b"\n") == 1

    def test_the_library_does_not_load_it(self) -> None:
        """``import tokensession`` leaves the command line and argparse alone."""
        code = (
            "import sys, tokensession; "
            "tools = {'argparse', 'tokensession.tools.cli', 'tokensession.tools.demo'}; "
            "print(tools & {*sys.modules})"
        )
        process = subprocess.run(  # noqa: S603
            [sys.executable, "-c", code], capture_output=True, check=True
        )
        assert process.stdout.strip() == b"set()"

    def test_no_terminal_encoding_is_too_small(self, tmp_path: Path) -> None:
        """Text that the output's encoding lacks is escaped."""
        keys = tmp_path / "keys.json"
        ring = KeyRing.generate()
        create_private_file(keys, ring.to_json())
        process = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "tokensession", "decode", str(keys)],
            input=encode({"name": "Zoë"}, ring).encode(),
            capture_output=True,
            check=True,
            env={**os.environ, "PYTHONIOENCODING": "ascii"},
        )
        assert rb"Zo\xeb" in process.stdout


class TestKeysNew:
    def test_a_private_file_with_one_key(self, cli: Cli, algorithm: str) -> None:
        """The file has mode 0600 and one key; kid, algorithm and path are printed."""
        path = cli.folder / "new.json"
        result = cli("keys", "new", path, "--algorithm", algorithm)
        (key,) = KeyRing.open(path, create=False)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert key.algorithm == algorithm
        assert result == Result(
            DONE, f"kid        {key.kid}\nalgorithm  {algorithm}\nfile       {path}\n", ""
        )

    def test_an_existing_file_is_left_alone(self, cli: Cli) -> None:
        """It is refused, and its content stays."""
        path = cli.file("precious")
        assert_complaint(cli("keys", "new", path), "exists already")
        for odd in ("-", "", "file:"):  # such as the content of a variable that is not set
            assert_complaint(cli("keys", "new", odd), "the name of a key file is needed")
        assert path.read_text() == "precious"

    def test_a_missing_folder(self, cli: Cli) -> None:
        """The folder is not made."""
        assert_complaint(cli("keys", "new", cli.folder / "no" / "keys.json"), "cannot be written")


class TestKeysList:
    @pytest.fixture
    def rotating(self) -> KeyRing:
        """Give a ring whose first key is succeeded 900 s from now, and revoked keys beside it."""
        ring = KeyRing.generate(kid="first").add(now=NOW, nbf=NOW + 900)
        second = next(key.kid for key in ring if key.kid != "first")
        ring = ring.retire("first", token_lifetime=1800, now=NOW)
        return ring.add("ES256", now=NOW, nbf=NOW + 5000).revoke(second, now=NOW + 3000)

    def test_states_at_a_time(self, cli: Cli, rotating: KeyRing) -> None:
        """Each key is listed with state, dates and when it signs."""
        path = cli.keys(rotating)
        listed = cli("keys", "list", path, "--json", "--now", NOW).json
        assert listed["serial"] == rotating.serial
        assert listed["now"] == NOW
        states = {key["kid"]: key["state"] for key in listed["keys"]}
        assert states == rotating.states(NOW)
        assert listed["keys"][0] == {
            "kid": "first",
            "algorithm": "HS256",
            "state": "active",
            "nbf": 0,
            "exp": NOW + 900 + 900 + 1800 + 60,
            "signs": "now",
        }
        assert [key["signs"] for key in listed["keys"]] == ["now", "no", "later"]

    def test_table(self, cli: Cli, rotating: KeyRing) -> None:
        """The table has a line for each key, in the order in which they begin to sign."""
        result = cli("keys", "list", cli.keys(rotating), "--now", NOW)
        heading, *rows = [line.split("  ") for line in result.out.splitlines()]
        assert heading[0] == "kid"
        assert rows[0][0] == "first"
        assert "2026-07-25T18:21:00Z" in result.out
        assert [row[-1].strip() for row in rows] == ["now", "no", "later"]

    def test_a_document_that_cannot_sign(self, cli: Cli) -> None:
        """A reader's says so."""
        result = cli("keys", "list", cli.keys(KeyRing.generate("Ed25519").reader()))
        assert result.out.endswith("no key of this document can sign\n")

    def test_from_the_environment(self, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
        """env:NAME reads the document from a variable."""
        ring = KeyRing.generate(kid="mine")
        monkeypatch.setenv("SESSION_KEYS", ring.to_json().decode())
        assert "mine" in cli("keys", "list", "env:SESSION_KEYS").out

    def test_from_a_file_by_its_url(self, cli: Cli) -> None:
        """The source can be a file's URL, as for `keys rotate`."""
        path = cli.keys(KeyRing.generate(kid="mine"))
        assert "mine" in cli("keys", "list", f"file:{path}").out

    @pytest.mark.parametrize("value", [None, "", "{"])
    def test_a_bad_variable(
        self, cli: Cli, monkeypatch: pytest.MonkeyPatch, value: str | None
    ) -> None:
        """A variable that is missing, empty or no document is named."""
        monkeypatch.delenv("SESSION_KEYS", raising=False)
        if value is not None:
            monkeypatch.setenv("SESSION_KEYS", value)
        assert_complaint(cli("keys", "list", "env:SESSION_KEYS"), "SESSION_KEYS")

    def test_a_missing_file(self, cli: Cli) -> None:
        """It is not created on the way."""
        path = cli.folder / "none.json"
        assert_complaint(cli("keys", "list", path), "not found")
        assert not path.exists()

    def test_a_file_that_others_can_read(self, cli: Cli, hs256: KeyRing) -> None:
        """It is refused, unless --shared-file says that it is meant to be."""
        path = cli.keys(hs256)
        path.chmod(0o644)
        assert_complaint(cli("keys", "list", path), "mode 0644", "--shared-file")
        assert cli("keys", "list", path, "--shared-file").code == DONE

    def test_a_document_as_argument(self, cli: Cli, hs256: KeyRing) -> None:
        """It is refused, and not shown once more."""
        result = cli("keys", "list", hs256.to_json().decode())
        assert_complaint(result, "Process lists")
        assert '"k"' not in result.err


class TestExportReader:
    @pytest.fixture
    def signers(self) -> KeyRing:
        """Give a ring that has readers."""
        return KeyRing.generate("Ed25519", kid="ed")

    def test_a_file_for_readers(self, cli: Cli, signers: KeyRing) -> None:
        """The file is private, reads tokens and cannot sign; the report says what it holds."""
        output = cli.folder / "reader.json"
        result = cli("keys", "export-reader", cli.keys(signers), "--output", output)
        assert result.code == DONE
        assert "still holds the encryption secret" in result.out
        assert stat.S_IMODE(output.stat().st_mode) == 0o600
        reader = KeyRing.open(output, create=False)
        assert not reader.can_mint
        assert decode(encode({"a": 1}, signers), reader).state == {"a": 1}

    def test_to_standard_output(self, cli: Cli, signers: KeyRing) -> None:
        """With - the document alone is printed, and the note goes to standard error."""
        result = cli("keys", "export-reader", cli.keys(signers), "--output", "-")
        assert not KeyRing.from_jwks(result.out).can_mint
        assert "still holds the encryption secret" in result.err

    def test_the_next_export_replaces_the_last(self, cli: Cli, signers: KeyRing) -> None:
        """After a rotation the reader's file is written again."""
        output = cli.folder / "reader.json"
        cli("keys", "export-reader", cli.keys(signers), "--output", output)
        rotated = cli.keys(signers.add("Ed25519"), "rotated.json")
        assert cli("keys", "export-reader", rotated, "--output", output).code == DONE
        assert len(KeyRing.open(output, create=False)) == 2

    def test_keys_that_sign_are_never_replaced(self, cli: Cli, signers: KeyRing) -> None:
        """Naming the key file itself as the output loses nothing."""
        path = cli.keys(signers)
        result = cli("keys", "export-reader", path, "--output", path)
        assert_complaint(result, "holds keys that can sign")
        assert KeyRing.open(path, create=False).can_mint

    def test_hs256_has_no_readers(self, cli: Cli, hs256: KeyRing) -> None:
        """Who verifies HS256 can sign, so nothing is written."""
        output = cli.folder / "reader.json"
        result = cli("keys", "export-reader", cli.keys(hs256), "--output", output)
        assert_complaint(result, "HS256")
        assert not output.exists()


class TestEncode:
    def test_a_token_of_a_session(self, cli: Cli, ring: KeyRing) -> None:
        """State, subject and dates of the token are those of the arguments."""
        result = cli(
            "encode", cli.keys(ring), cli.file('{"user_id": 42}'),
            "--subject", "42", "--ttl", 600, "--cap", 3600, "--now", NOW,
        )  # fmt: skip
        assert (result.code, result.err) == (DONE, "")
        session = decode(result.out.removesuffix("\n"), ring, now=NOW)
        assert session.state == {"user_id": 42}
        assert (session.subject, session.issued_at, session.ttl, session.cap) == (
            "42",
            NOW,
            600,
            3600,
        )

    def test_defaults(self, cli: Cli, hs256: KeyRing) -> None:
        """Standard input, no subject, 1800 s, no cap, the context session."""
        token = cli("encode", cli.keys(hs256), stdin="[1.5, null]").out.strip()
        session = decode(token, hs256)
        assert session.state == [1.5, None]
        assert (session.subject, session.ttl, session.cap) == (None, 1800, None)

    def test_an_integer_subject(self, cli: Cli, hs256: KeyRing) -> None:
        """--subject-int is an integer, also a negative or zero one."""
        for number in (0, -7):
            result = cli("encode", cli.keys(hs256, f"{number}"), "--subject-int", number, stdin="1")
            assert decode(result.out.strip(), hs256).subject == number

    def test_another_context(self, cli: Cli, hs256: KeyRing) -> None:
        """--context is that of the token."""
        result = cli("encode", cli.keys(hs256), "--context", "login", stdin="{}")
        assert decode(result.out.strip(), hs256, context="login").context == "login"

    def test_the_ring_bounds_the_lifetime(self, cli: Cli) -> None:
        """The default lifetime is that of the ring's rotation, if that is shorter."""
        ring = KeyRing([*KeyRing.generate()], members={"rotation": {"token_lifetime": 600}})
        path = cli.keys(ring)
        token = cli("encode", path, "--now", NOW, stdin="{}").out
        assert cli("decode", path, "--json", "--now", NOW, stdin=token).json["ttl"] == 600
        assert_complaint(cli("encode", path, "--ttl", "601", stdin="{}"), "token_lifetime")

    @pytest.mark.parametrize(
        ("state", "words"),
        [
            ("", "the input is empty"),
            ("{", "not JSON: Expecting property name"),
            ("{'a': 1}", "not JSON"),
            ('{"a": 1} x', "Extra data"),
            ("\ufeff{}", "BOM"),
            (b"\xff{}", "not UTF-8 (at byte 0)"),
            ('{"a": {"b\\n": 1, "b\\n": 2}}', r'names the member "b\n" twice'),
            ("[NaN]", "NaN"),
            ("[-Infinity]", "-Infinity"),
            ("[1e999]", "beyond the range of float64"),
            ("1" * 5000, "too many digits"),
            ("[" * 100_000, "too deep"),
            ('{"id": 9007199254740992}', "state.id: the integer is beyond"),
            ('["\\ud800"]', "state[0]: the text contains a lone surrogate"),
            ('{"__proto__": 1}', "__proto__"),
            ('"' + "x" * 9000 + '"', "the format allows 8192"),
        ],
    )
    def test_a_bad_state(self, cli: Cli, hs256: KeyRing, state: str | bytes, words: str) -> None:
        """It is refused with what is wrong and where."""
        assert_complaint(cli("encode", cli.keys(hs256), stdin=state), words)

    def test_too_large_an_input(
        self, cli: Cli, hs256: KeyRing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An input of the limit is read, one byte more is not."""
        monkeypatch.setattr(streams, "MAX_INPUT", 4)
        path = cli.keys(hs256)
        assert cli("encode", path, stdin="1234").code == DONE
        assert_complaint(cli("encode", path, stdin="12345"), "larger than 4 bytes")
        assert_complaint(cli("encode", path, cli.file("12345")), "larger than 4 bytes")

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["--ttl", "0"], "ttl must be from 1"),
            (["--cap", "0"], "cap must be from 1"),
            (["--context", ""], "context must be 1 to 255 bytes"),
            (["--now", "-5"], "before 1970"),
            (["--subject-int", str(2**53)], "--subject-int: the integer is beyond"),
        ],
    )
    def test_bad_arguments(
        self, cli: Cli, hs256: KeyRing, arguments: list[str], words: str
    ) -> None:
        """What the library refuses is one line."""
        assert_complaint(cli("encode", cli.keys(hs256), *arguments, stdin="{}"), words)

    def test_a_missing_state(self, cli: Cli, hs256: KeyRing) -> None:
        """The file is named."""
        result = cli("encode", cli.keys(hs256), cli.folder / "none")
        assert_complaint(result, "none: No such file or directory")

    def test_a_folder_as_state(self, cli: Cli, hs256: KeyRing) -> None:
        """A folder is no file."""
        assert_complaint(cli("encode", cli.keys(hs256), cli.folder), "Is a directory")

    def test_a_reader_cannot_mint(self, cli: Cli) -> None:
        """A reader's ring makes no token."""
        path = cli.keys(KeyRing.generate("Ed25519").reader())
        assert_complaint(cli("encode", path, stdin="{}"), "no key of the ring can sign")

    def test_a_terminal_is_told(self, cli: Cli, hs256: KeyRing) -> None:
        """A user at a terminal is told what the command waits for."""
        result = cli("encode", cli.keys(hs256), stdin="{}", tty=True)
        assert result.code == DONE
        assert "reading the state from standard input" in result.err


class TestDecode:
    def test_every_field_is_explained(self, cli: Cli, ring: KeyRing) -> None:
        """Sid, dates, key, size against the cookie, and the state."""
        token = encode({"name": "Zoë"}, ring, subject="42", cap=3600, now=NOW)
        result = cli("decode", cli.keys(ring), cli.file(token), "--now", NOW + 2)
        session = decode(token, ring, now=NOW)
        assert (result.code, result.err) == (DONE, "")
        for text in (
            session.sid.hex(),
            '"42"',
            "2026-07-25T17:20:00Z (2s ago)",
            "(in 29m58s)",
            session.kid,
            "active",
            f"{len(token)} characters; as cookie {len(token) + 14} of 4096 bytes",
            '"name": "Zoë"',
        ):
            assert text in result.out

    def test_json(self, cli: Cli, ring: KeyRing) -> None:
        """--json gives the same as data."""
        token = encode({"a": b"\0\xff"}, ring, subject=42, now=NOW)
        session = decode(token, ring, now=NOW)
        result = cli("decode", cli.keys(ring), "--json", "--now", NOW + 2.5, stdin=token)
        assert result.json == {
            "sid": session.sid.hex(),
            "subject": 42,
            "context": "session",
            "issued_at": NOW,
            "started_at": NOW,
            "authenticated_at": NOW,
            "expires_at": NOW + 1800,
            "ttl": 1800,
            "cap": None,
            "kid": session.kid,
            "signers": [],
            "algorithm": next(key.algorithm for key in ring),
            "key_state": "active",
            "now": NOW + 2,
            "size": {
                "characters": len(token),
                "cookie_name": "__Host-session",
                "cookie_bytes": len(token) + 14,
                "cookie_limit": 4096,
            },
            "state": {"a": {"$bin": "00ff"}},
        }

    def test_a_state_cannot_act_on_the_terminal(self, cli: Cli, hs256: KeyRing) -> None:
        """Controls in a state are shown as escapes, and the JSON still reads back."""
        state = {"name": "\x9b2J\u202e\x1b", "more": ["\x7f"]}
        token = encode(state, hs256)
        result = cli("decode", cli.keys(hs256), stdin=token)
        assert all(line.isprintable() for line in result.out.splitlines())
        assert json.loads(result.out.partition("\nstate\n")[2]) == state

    @pytest.mark.parametrize("newline", ["", "\n", "\r\n"])
    def test_one_newline_is_dropped(self, cli: Cli, hs256: KeyRing, newline: str) -> None:
        """A newline at the end belongs to the file, not to the token."""
        token = encode({}, hs256) + newline
        assert cli("decode", cli.keys(hs256), stdin=token).code == DONE

    @pytest.mark.parametrize("form", ["{}\n\n", "{} \n", " {}", '"{}"', "{}\r"])
    def test_nothing_else_is_dropped(self, cli: Cli, hs256: KeyRing, form: str) -> None:
        """Other characters around a token make it invalid."""
        text = form.replace("{}", encode({}, hs256))
        assert cli("decode", cli.keys(hs256), stdin=text).code == REFUSED

    @pytest.mark.parametrize("text", ["", "\n", "\r\n"])
    def test_no_token(self, cli: Cli, hs256: KeyRing, text: str) -> None:
        """Empty input is wrong input, not a refused token."""
        assert_complaint(cli("decode", cli.keys(hs256), stdin=text), "there is no token")

    def test_text_that_is_not_utf8(self, cli: Cli, hs256: KeyRing) -> None:
        """Any bytes are a token to be refused."""
        result = cli("decode", cli.keys(hs256), stdin=b"\xff.\x00.a")
        assert (result.code, result.out) == (REFUSED, "")
        assert result.err.startswith("tokensession: refused: malformed: ")

    def test_a_refusal_is_code_and_sentence(self, cli: Cli, hs256: KeyRing) -> None:
        """On standard error in one line; exit code 1."""
        token = encode({}, hs256, now=NOW)
        result = cli("decode", cli.keys(hs256), "--now", NOW + 1800, stdin=token)
        assert result == Result(
            REFUSED,
            "",
            "tokensession: refused: expired: The session was idle for too long, or has reached "
            "its end. (expired 0 s ago)\n",
        )

    def test_a_refusal_as_json(self, cli: Cli, hs256: KeyRing) -> None:
        """On standard output, with the code; exit code 1."""
        token = encode({}, hs256)
        path = cli.keys(hs256)
        result = cli("decode", path, "--context", "other", "--json", stdin=token)
        assert (result.code, result.err) == (REFUSED, "")
        assert result.json["refused"] == "bad_signature"
        assert set(result.json) == {"refused", "explanation", "detail"}

    def test_a_revoked_key_is_told_from_an_unknown_one(self, cli: Cli, hs256: KeyRing) -> None:
        """The code is the same, the detail names the key's state."""
        token = encode({}, hs256)
        (key,) = hs256
        path = cli.keys(hs256.revoke(key.kid))
        assert f"(key '{key.kid}' is revoked)" in cli("decode", path, stdin=token).err
        other = cli.keys(KeyRing.generate(), "other.json")
        assert "not that of any key" in cli("decode", other, stdin=token).err

    def test_a_ring_with_little_grace_still_reads(self, cli: Cli) -> None:
        """Dates that would trouble a minter do not keep anyone from reading."""
        (key,) = KeyRing.generate(kid="a")
        ring = KeyRing([key.with_members(exp=NOW + 10**9)]).add(nbf=NOW + 10**9 - 900)
        token = encode({"a": 1}, KeyRing([key]), now=NOW)
        assert cli("decode", cli.keys(ring), "--now", NOW, stdin=token).code == DONE

    @pytest.mark.parametrize("option", [(), ("--json",)])
    def test_a_state_that_nests_too_deep(
        self, cli: Cli, hs256: KeyRing, option: tuple[str, ...]
    ) -> None:
        """A reader takes what a broken writer has made; to show it is another matter."""
        (key,) = hs256
        made = TokenKey(key, b"session")
        nested = msgspec.Raw(b"\x91" * 490 + b"\xc0")
        claims = write_claims(bytes(16), NOW, 60, 0, None, nested, None)
        token = made.token(claims, made.salt(), bytes(12)).decode()
        result = cli("decode", cli.keys(hs256), "--now", NOW, *option, stdin=token)
        assert_complaint(result, "nested too deep")

    @pytest.mark.parametrize("form", ["{}", "Bearer {}", "__Host-session={}"])
    def test_a_token_as_argument(self, cli: Cli, hs256: KeyRing, form: str) -> None:
        """It is refused, and not shown once more."""
        token = encode({}, hs256)
        result = cli("decode", cli.keys(hs256), form.format(token))
        assert_complaint(result, "process lists")
        assert token not in result.err

    def test_a_missing_token_file(self, cli: Cli, hs256: KeyRing) -> None:
        """The file is named."""
        assert_complaint(cli("decode", cli.keys(hs256), cli.folder / "none"), "none: No such file")


class TestInspect:
    def test_what_is_public(self, cli: Cli, ring: KeyRing) -> None:
        """Parts, sizes, and the header as unverified; no keys are needed."""
        token = encode({"name": "Zoë"}, ring)
        result = cli("inspect", cli.file(token))
        (key,) = ring
        assert (result.code, result.err) == (DONE, "")
        assert f"unverified kid  {key.kid}" in result.out
        assert "Zoë" not in result.out

    def test_json(self, cli: Cli, hs256: KeyRing) -> None:
        """--json gives each part with its range, so that it can be cut out of the token."""
        token = encode({}, hs256)
        shown = cli("inspect", "--json", stdin=token + "\n").json
        assert shown["unverified_alg"] == "HS256"
        assert shown["refused"] is None
        names = ["header", "version", "salt", "nonce", "ciphertext", "tag", "signature"]
        assert [part["name"] for part in shown["parts"]] == names
        start, end = shown["parts"][-1]["characters"]
        assert token[start:end] == token.rpartition(".")[2]
        assert shown["parts"][2]["bytes"] == [1, 9]

    def test_what_is_no_token(self, cli: Cli) -> None:
        """It is taken apart as far as possible, and refused with its code."""
        result = cli("inspect", stdin="a.b")
        assert result.code == REFUSED
        assert "text" in result.out
        assert "tokensession: refused: malformed: " in result.err

    def test_what_is_no_token_as_json(self, cli: Cli) -> None:
        """The code and what is known are in one document."""
        result = cli("inspect", "--json", stdin=b"\xff..")
        assert (result.code, result.err) == (REFUSED, "")
        assert result.json["refused"] == "malformed"
        assert result.json["parts"][0]["hex"] is None


class TestStates:
    @pytest.mark.parametrize(
        ("value", "json_value"),
        [
            ({"a": [1, "b", True, None, 1.5]}, {"a": [1, "b", True, None, 1.5]}),
            ((1, 2), [1, 2]),
            (b"\0\xff", {"$bin": "00ff"}),
            (datetime(2026, 7, 25, 17, 20, tzinfo=UTC), {"$timestamp": [NOW, 0]}),
            (
                datetime(1969, 12, 31, 23, 59, 59, 500000, tzinfo=UTC),
                {"$timestamp": [-1, 500000000]},
            ),
            (float("inf"), {"$float": "inf"}),
            (float("-inf"), {"$float": "-inf"}),
            (float("nan"), {"$float": "nan"}),
            (2**53 - 1, 2**53 - 1),
            (2**53, {"$int": "9007199254740992"}),
            (-(2**53), {"$int": "-9007199254740992"}),
            ({"$bin": "00"}, {"$map": [["$bin", "00"]]}),
            ({1: b"\1"}, {"$map": [[1, {"$bin": "01"}]]}),
            (msgspec.msgpack.Ext(5, b"\1"), {"$ext": [5, "01"]}),
        ],
    )
    def test_tags(self, value: Any, json_value: Any) -> None:
        """What JSON lacks is an object of one member; nothing else looks like one."""
        assert tagged(value) == json_value
        json.dumps(tagged(value), allow_nan=False)

    def test_a_state_is_taken_as_it_stands(self) -> None:
        """Tags are written and not read."""
        assert parse_state(b'{"$bin": "00"}') == {"$bin": "00"}


def test_no_command_prints_a_secret(cli: Cli, algorithm: str) -> None:
    """No command shows a k or a d of a ring, except the reader's k by name."""
    path = cli.folder / "keys.json"
    results = [cli("keys", "new", path, "--algorithm", algorithm)]
    document = json.loads(path.read_text())
    secrets = {jwk[name] for jwk in document["keys"] for name in ("k", "d") if name in jwk}
    private = {jwk["d"] for jwk in document["keys"] if "d" in jwk}
    token = cli("encode", path, stdin='{"a": 1}').out
    broken = cli.file(path.read_bytes().replace(b"}", b"", 1), "broken.json")
    broken.chmod(0o600)
    results += [
        cli("keys", "new", path),
        cli("keys", "list", path),
        cli("keys", "list", path, "--json"),
        cli("keys", "list", broken),
        cli("keys", "list", path.read_text()),
        cli("keys", "export-reader", path, "--output", cli.folder / "reader.json"),
        cli("decode", path, stdin=token),
        cli("decode", path, "--json", stdin=token),
        cli("decode", path, stdin=path.read_bytes()),
        cli("inspect", stdin=token),
        cli("inspect", "--json", stdin=token),
        cli("encode", path, stdin=path.read_bytes() + b"x"),
    ]
    for result in results:
        assert not any(secret in result.out + result.err for secret in secrets)
    printed = cli("keys", "export-reader", path, "--output", "-")
    assert not any(secret in printed.out + printed.err for secret in private)


def test_vectors_run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """All pass on the files of the repository; a failing one is named, a missing one an error."""
    folder = Path(__file__).parents[3] / "vectors"
    assert main(["vectors", "run", str(folder)]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith(" passed, 0 failed")
    for file in folder.glob("*.json"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    content = json.loads((tmp_path / "writing.json").read_bytes())
    content["cases"][0]["msgpack"] = "00"
    (tmp_path / "writing.json").write_text(json.dumps(content))
    assert main(["vectors", "run", str(tmp_path)]) == 1
    assert f"failed  {content['cases'][0]['id']}: msgpack" in capsys.readouterr().out
    assert main(["vectors", "run", str(tmp_path), "--json"]) == 1
    assert set(json.loads(capsys.readouterr().out)["failed"]) == {content["cases"][0]["id"]}
    (tmp_path / "keys.json").unlink()
    assert main(["vectors", "run", str(tmp_path)]) == 2
    assert "keys.json is not in" in capsys.readouterr().err
