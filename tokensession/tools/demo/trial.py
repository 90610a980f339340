"""A token presented to a reader, and which check of the reader refuses it.

Pure: a trial in, an outcome out. The reader is the library's own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tokensession.errors import TokenError
from tokensession.stores.memory.revocation import MemoryStore
from tokensession.tokens.codec import SessionCodec
from tokensession.tools.dissect import dissect
from tokensession.tools.explanation import EXPLANATIONS

if TYPE_CHECKING:
    from tokensession.keys.ring import KeyRing
    from tokensession.revocation.store import Store
    from tokensession.sessions.policy import Policy
    from tokensession.sessions.session import Session

STEPS: Final = (
    "It has at most 8192 characters, all ASCII, and exactly three segments.",
    "Its header is, byte for byte, that of a key in the ring that may still verify.",
    "Payload and signature are canonical base64url, and the signature has the right length.",
    "The signature verifies, for this key and this context.",
    "The payload begins with format version 1, and is long enough.",
    "The content can be decrypted, and belongs to this header.",
    "The claims decode, and nothing follows them.",
    "It was not made in the future, and neither token nor session has ended.",
    "No key that has signed for the session is revoked, and neither is the session.",
    "The state fits the application's type.",
)
"""The checks of SPEC section 5, in their order."""

_STEP_OF: Final = {
    "unknown_key": 2,
    "bad_signature": 4,
    "unsupported_version": 5,
    "decrypt_failed": 6,
    "bad_claims": 7,
    "not_yet_valid": 8,
    "expired": 8,
    "revoked": 9,
    "bad_state": 10,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A token, and the reader that it is presented to at `now`; nothing is revoked by default."""

    token: str
    keys: KeyRing
    policy: Policy
    now: int
    context: str = "session"
    state_type: type[Any] | None = None
    revocation: Store = field(default_factory=MemoryStore)

    def read(self) -> Session[Any]:
        """Return the session of the token."""
        return self.codec().decode(self.token, now=self.now)

    def codec(self) -> SessionCodec[Any]:
        """Return the reader."""
        keys, policy, context, store = self.keys, self.policy, self.context, self.revocation
        if self.state_type is None:
            return SessionCodec(keys, context=context, policy=policy, revocation=store)
        return SessionCodec(
            keys, context=context, policy=policy, revocation=store, state_type=self.state_type
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a trial."""

    step: int | None
    code: str | None
    sentence: str
    detail: str


def present(trial: Trial) -> Outcome:
    """Present the token, and tell which check refuses it."""
    try:
        trial.read()
    except TokenError as error:
        step = _STEP_OF.get(error.code)
        if step is None:  # malformed, the one code of several steps: its framing tells which
            problem = dissect(trial.token).problem
            step = 1 if problem is None else problem.step
        return Outcome(step, error.code, EXPLANATIONS[error.code], str(error))
    return Outcome(None, None, "All checks passed: this is a session.", "")
