"""The implementations: each takes a batch of questions and gives an answer to each."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec

from tokensession import ConfigError, KeyRing, Policy, SessionCodec, StateError, TokenError
from tokensession.errors import UnknownKey
from tokensession.format.claims import write_claims
from tokensession.format.state import checked_state
from tokensession.format.untyped_state import UntypedState
from tokensession.keys.known_secrets import check_unpublished
from tokensession.tokens.sealing import Salt
from tokensession.tools.vectors.tagged import value

from .canonical import digest
from .cases import key_in

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER = Path(__file__).resolve().parents[1]
Question = dict[str, Any]


class Peer:
    """A program that answers lines on its standard input (interop/node, interop/go)."""

    def __init__(self, name: str, folder: Path, *command: str) -> None:
        self.name = name
        self._process = subprocess.Popen(  # noqa: S603  # our own programs
            command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def ask(self, lines: Sequence[bytes]) -> None:
        """Send a batch; answers are read later, so that all peers work at once."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"".join(lines) + b"\n")
        self._process.stdin.flush()

    def answers(self, count: int) -> list[str]:
        """Return the answers to the batch."""
        assert self._process.stdout is not None
        return [self._process.stdout.readline().decode().rstrip("\n") for _ in range(count)]


def node() -> Peer:
    """Return the Node package."""
    return Peer("node", FOLDER / "node", _program("node"), "fuzz/answer.js")


def go(binary: Path) -> Peer:
    """Return the Go package, built into `binary`."""
    folder = FOLDER / "go"
    subprocess.run(  # noqa: S603  # our own program
        [_program("go"), "build", "-o", str(binary), "./cmd/answer"],
        cwd=folder,
        env={**os.environ, "CGO_ENABLED": "0"},  # without a C compiler
        check=True,
    )
    return Peer("go", folder, str(binary))


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise SystemExit(f"{name} is not installed; .ci/setup test installs it")
    return found


class UserId(msgspec.Struct):
    """What a typed reader asks for."""

    user_id: str


class Python:
    """This library. Each answer has two texts: with integers told from floats, and without."""

    def __init__(self, rings: dict[str, str]) -> None:
        self.rings = {name: KeyRing.from_jwks(text) for name, text in rings.items()}

    def answer(self, question: Question) -> tuple[str, str]:
        """Return the word and the values, typed and not."""
        try:
            values = getattr(self, "_" + str(question["kind"]))(question)
        except UnknownKey as error:
            word = f"{error.code} {error.key_state or 'null'}"
        except TokenError as error:
            word = error.code
        except ConfigError:
            word = "config_error"
        except StateError:
            word = "state_error"
        else:
            if isinstance(values, str):
                return f"ok {values}", "skip"
            return f"ok {digest(*values, typed=False)}", f"ok {digest(*values, typed=True)}"
        return word, "skip" if question["kind"] == "write" else word

    def _claims(self, question: Question) -> list[Any]:
        claims, _ = UntypedState().read(bytes.fromhex(question["plaintext"]))
        return _comparable(
            claims.sid, claims.iat, claims.ttl, claims.age, claims.sub, claims.state, claims.cap,
            claims.signers, claims.auth,
        )  # fmt: skip

    def _token(self, question: Question) -> list[Any]:
        policy = Policy(
            absolute_timeout=question["absolute"],
            longest=question["longest"],
            leeway=question["leeway"],
        )
        ring, context = self.rings[question["ring"]], question["context"]
        codec: SessionCodec[Any] = SessionCodec(ring, context=context, policy=policy)
        session = codec.decode(question["token"], now=question["now"])
        if question["typed"]:
            typed = SessionCodec(ring, context=context, policy=policy, state_type=UserId)
            typed.decode(question["token"], now=question["now"])
        dates = (session.issued_at, session.started_at, session.expires_at)
        return _comparable(
            session.sid, [*dates, session.ttl, session.cap, session.authenticated_at],
            session.subject, session.state, session.kid, session.signers,
        )  # fmt: skip

    def _keys(self, question: Question) -> list[Any]:
        running = KeyRing.from_jwks(question["running"]) if question["running"] else None
        ring = KeyRing.from_jwks(question["text"], running=running)
        if question["store"]:
            check_unpublished(ring)
        keys = [
            [key.kid, key.algorithm, key.can_mint] for key in sorted(ring, key=lambda key: key.kid)
        ]
        looks = []
        for now in question["moments"]:
            active = ring.active(now)
            looks.append([ring.states(now), None if active is None else active.kid])
        return [ring.serial, keys, *looks]

    def _write(self, question: Question) -> str:
        claims = question["claims"]
        key = key_in(self.rings[question["ring"]], question["kid"], question["context"])
        salt, nonce, sid = (
            bytes.fromhex(text) for text in (question["salt"], question["nonce"], claims["sid"])
        )
        state = checked_state(value(claims["state"]))
        dates = (claims["iat"], claims["ttl"], claims["age"])
        plaintext = write_claims(
            sid, *dates, value(claims["sub"]), state, claims["cap"],
            signers=tuple(claims["signers"] or ()), auth=claims["auth"],
        )  # fmt: skip
        token = key.token(plaintext, Salt(salt, key.cipher(salt)), nonce).decode()
        return token if len(token) <= 8192 else "state_error"


def _comparable(*values: Any) -> list[Any]:
    """Return values that have a canonical text; what is outside the core has none."""
    try:
        digest(*values, typed=True)
    except (TypeError, AttributeError, OverflowError, RecursionError):
        return ["outside the core"]
    return list(values)


def line(question: Question) -> bytes:
    """Return a question as a peer reads it."""
    return (
        json.dumps({name: item for name, item in question.items() if item is not None}).encode()
        + b"\n"
    )
