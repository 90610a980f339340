"""Run the test vectors of the format against this library.

Each case gives a word of a closed list. It also gives a complaint if the word or a value is
unexpected.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from tokensession.errors import (
    ConfigError,
    SessionTooLarge,
    StateError,
    StoreError,
    TokenError,
)
from tokensession.format.state import pack_state
from tokensession.format.untyped_state import UntypedState
from tokensession.keys.known_secrets import check_unpublished
from tokensession.keys.ring import KeyRing
from tokensession.overflow.reference import reference_of, seal_with, unseal
from tokensession.tokens.functions import encode
from tokensession.tokens.sealing import context_bytes, derive
from tokensession.tools.vectors.files import WORDS, Case, load
from tokensession.tools.vectors.heritage import run_heritage
from tokensession.tools.vectors.revocation import run_revocation
from tokensession.tools.vectors.sessions import run_cookies, run_lifetimes
from tokensession.tools.vectors.tagged import compare, value
from tokensession.tools.vectors.tokens import run_claims, run_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a case: its word, and a complaint or None."""

    id: str
    word: str
    complaint: str | None


def run(folder: Path) -> Iterator[Outcome]:
    """Run all cases of all files in `folder`, in the order of implementation."""
    for name in WORDS:
        content = load(folder, name)
        for case in content["cases"]:
            yield run_case(name, case, content)


def run_case(name: str, case: Case, content: dict[str, Any]) -> Outcome:
    """Run one case of the file `name`; some cases refer to the file's other content."""
    try:
        word, complaint = _RUNNERS[name](case, content)
    except TokenError as error:
        word, complaint = error.code, None
    except (ConfigError, StateError, StoreError) as error:
        word, complaint = next(word for kind, word in _WORDS if isinstance(error, kind)), None
    allowed = [case["expect"], *case.get("acceptable", ())]
    if word not in allowed:
        complaint = f"gave {word}, expected {' or '.join(allowed)}"
    return Outcome(case["id"], word, complaint)


def _run_derivation(case: Case, _: dict[str, Any]) -> tuple[str, str | None]:
    context = context_bytes(value(case["context"]))
    secret, salt = bytes.fromhex(case["secret"]), bytes.fromhex(case["salt"])
    keys = (derive(secret, b"sig", context), derive(secret, b"enc", context, salt))
    expected = [case.get("sig_key"), case.get("enc_key")]
    return "ok", compare("keys", [key.hex() for key in keys], expected)


def _run_states(case: Case, _: dict[str, Any]) -> tuple[str, str | None]:
    ring = KeyRing.from_jwks(case["document"])
    for moment in case["times"]:
        active = ring.active(moment["now"])
        found = (ring.states(moment["now"]), None if active is None else active.kid)
        complaint = compare(f"at {moment['now']}", found, (moment["states"], moment["active"]))
        if complaint is not None:
            return "ok", complaint
    return "ok", None


def _run_keys(case: Case, _: dict[str, Any]) -> tuple[str, str | None]:
    running = KeyRing.from_jwks(case["running"]) if "running" in case else None
    document: Any = case.get("document", case.get("text"))
    if "bytes" in case:
        document = bytes.fromhex(case["bytes"])
    ring = KeyRing.from_jwks(document, running=running)
    if case.get("from_file"):
        check_unpublished(ring)
    if "kids" not in case:
        return "ok", None
    kids = [
        {"kid": key.kid, "algorithm": key.algorithm, "can_mint": key.can_mint}
        for key in sorted(ring, key=lambda key: key.kid)
    ]
    return "ok", compare("keys", kids, sorted(case["kids"], key=lambda kid: str(kid["kid"])))


def _run_overflow(case: Case, _: dict[str, Any]) -> tuple[str, str | None]:
    sid, context = bytes.fromhex(case["sid"]), context_bytes(case["context"])
    entry = None if case["entry"] is None else bytes.fromhex(case["entry"])
    state = value(case["state"])
    reference = reference_of(state)
    if reference is None:
        return "ok", "the state is no reference"
    packed = unseal(reference, entry, sid, context)
    UntypedState().read_state(packed)
    if "packed" not in case:
        return "ok", None
    written, sealed = seal_with(reference.key, packed, sid, context)
    return "ok", (
        compare("packed", packed.hex(), case.get("packed"))
        or compare("reference", written.state, state)
        or compare("entry", sealed, entry)
    )


def _run_writing(case: Case, _: dict[str, Any]) -> tuple[str, str | None]:
    state = value(case["state"])
    if "document" in case:
        return _run_encode(case, state)
    try:
        packed = pack_state(state)
    except StateError as error:
        return "state_error", compare("path", error.path, case.get("path"))
    if "msgpack" in case:
        return "ok", compare("msgpack", packed.hex(), case["msgpack"])
    found = (len(packed), sha256(packed).hexdigest())
    return "ok", compare("msgpack", found, (case.get("size"), case.get("sha256")))


def _run_encode(case: Case, state: Any) -> tuple[str, str | None]:
    ring = KeyRing.from_jwks(case["document"])
    try:
        token = encode(state, ring, now=case["now"], ttl=case["ttl"])
    except SessionTooLarge:
        return "state_error", None
    return "ok", compare("characters", len(token), case.get("characters"))


_WORDS: Final = (
    (ConfigError, "config_error"),
    (StateError, "state_error"),
    (StoreError, "store_error"),
)
_RUNNERS: Final[dict[str, Callable[[Case, dict[str, Any]], tuple[str, str | None]]]] = {
    "derivation": _run_derivation,
    "claims": run_claims,
    "states": _run_states,
    "keys": _run_keys,
    "tokens": run_tokens,
    "lifetimes": run_lifetimes,
    "cookies": run_cookies,
    "heritage": run_heritage,
    "revocation": run_revocation,
    "overflow": _run_overflow,
    "writing": _run_writing,
}
