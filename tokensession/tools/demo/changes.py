"""Changes of a token, or of the reader that it is presented to, so that some check refuses it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from tokensession.format.base64url import b64url_decode, b64url_encode
from tokensession.stores.memory.revocation import MemoryStore
from tokensession.tokens.sealing import NONCE_BYTES, TokenKey, context_bytes
from tokensession.tools.dissect import dissect

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensession.tools.demo.trial import Trial

OTHER_CONTEXT: Final = "password-reset"


class Change(NamedTuple):
    """A prepared change: its name and title, what it does in a sentence, and the change itself."""

    name: str
    title: str
    sentence: str
    make: Callable[[Trial], Trial]


def other_character(character: str) -> str:
    """Return a character of base64url that is not this one."""
    return "B" if character == "A" else "A"


def change_character(trial: Trial, at: int, to: str) -> Trial:
    """Return the trial with the character at `at`, counted from 0, replaced."""
    token = trial.token
    return replace(trial, token=f"{token[:at]}{to}{token[at + 1 :]}")


def _in_the_middle(name: str) -> Callable[[Trial], Trial]:
    """Return the change of one character in the middle of a part."""

    def change(trial: Trial) -> Trial:
        (part,) = (part for part in dissect(trial.token).parts if part.name == name)
        at = (part.start + part.end) // 2
        return change_character(trial, at, other_character(trial.token[at]))

    return change


def _revoke_key(trial: Trial) -> Trial:
    return replace(trial, keys=trial.keys.revoke(trial.read().kid, now=trial.now))


def _revoke_session(trial: Trial) -> Trial:
    revoking = replace(trial, revocation=MemoryStore())
    revoking.codec().revoke(trial.read(), now=trial.now)
    return revoking


def _too_early(trial: Trial) -> Trial:
    return replace(trial, now=trial.read().issued_at - trial.policy.leeway - 1)


def _token_key(trial: Trial) -> TokenKey:
    return TokenKey(trial.keys[trial.read().kid], context_bytes(trial.context))


def _signed_again(byte: int) -> Callable[[Trial], Trial]:
    """Return the change of one byte of the payload, signed by the key as if nothing were wrong."""

    def change(trial: Trial) -> Trial:
        key = _token_key(trial)
        payload = bytearray(b64url_decode(trial.token.split(".")[1].encode("ascii")))
        payload[byte] ^= 3  # version 1 becomes 2
        segment = b64url_encode(bytes(payload))
        signed = b".".join((key.header, segment, key.signature.sign(segment)))
        return replace(trial, token=signed.decode("ascii"))

    return change


def _other_claims(trial: Trial) -> Trial:
    key = _token_key(trial)
    token = key.token(b"\x90", key.salt(), os.urandom(NONCE_BYTES))  # an empty array
    return replace(trial, token=token.decode("ascii"))


@dataclass
class Invoice:
    """The state of another application."""

    invoice_number: int


def _cut(trial: Trial) -> Trial:
    return replace(trial, token=trial.token[:-1])


def _without_dot(trial: Trial) -> Trial:
    return replace(trial, token=trial.token.replace(".", "", 1))


def _in_other_context(trial: Trial) -> Trial:
    return replace(trial, context=OTHER_CONTEXT)


def _at_its_end(trial: Trial) -> Trial:
    return replace(trial, now=trial.read().expires_at)


def _as_invoice(trial: Trial) -> Trial:
    return replace(trial, state_type=Invoice)


def _as_it_was(name: str, title: str, but: str, make: Callable[[Trial], Trial]) -> Change:
    """Return a change of the reader alone."""
    return Change(name, title, f"The token is as it was, but {but}.", make)


_ONE = "One character in the middle of the {} is another."
GROUPS: Final[dict[str, tuple[Change, ...]]] = {
    "What anyone can try": (
        Change("header", "Change the header", _ONE.format("header"), _in_the_middle("header")),
        Change(
            "payload",
            "Change the ciphertext",
            _ONE.format("ciphertext"),
            _in_the_middle("ciphertext"),
        ),
        Change(
            "signature",
            "Change the signature",
            _ONE.format("signature"),
            _in_the_middle("signature"),
        ),
        Change("cut", "Cut off the end", "The last character is missing.", _cut),
        Change("dot", "Drop a dot", "The first dot is missing.", _without_dot),
    ),
    "The same token, before another reader": (
        _as_it_was("context", "In another context", f"read as {OTHER_CONTEXT}", _in_other_context),
        _as_it_was("expired", "After its end", "this is its first dead second", _at_its_end),
        _as_it_was("early", "Before it was made", "its reader's clock is late", _too_early),
        _as_it_was("revoked-key", "With its key revoked", "its key is revoked", _revoke_key),
        _as_it_was("revoked", "With its session revoked", "its session was ended", _revoke_session),
        _as_it_was(
            "type", "For another type of state", "its reader expects another state", _as_invoice
        ),
    ),
    "What only a holder of the key can make": (
        Change(
            "version", "Format version 2", "Format version 2, signed by the key.", _signed_again(0)
        ),
        Change(
            "ciphertext",
            "Another ciphertext",
            "One byte of the ciphertext is another, signed by the key again.",
            _signed_again(30),
        ),
        Change(
            "claims",
            "Empty claims",
            "No claims at all, encrypted and signed by the key.",
            _other_claims,
        ),
    ),
}
"""The prepared changes, by what they take."""

PREPARED: Final[dict[str, Change]] = {
    change.name: change for group in GROUPS.values() for change in group
}
