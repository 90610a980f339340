"""Every error of the library, sorted by who has to act.

::

    TokenSessionError
    ├── ConfigError (ValueError)      the developer or operator: keys, policy, context, arguments
    ├── StateError (ValueError)       the developer: a state that cannot be written, with its path
    ├── SessionTooLarge               the developer: state and limits do not fit each other
    ├── StoreError                    the operator: a store that cannot be reached or is full
    └── TokenError                    no one: this request has no session; ``code`` says why
        ├── Malformed                 malformed
        ├── UnknownKey                unknown_key
        ├── BadSignature              bad_signature
        ├── UnsupportedVersion        unsupported_version
        ├── DecryptFailed             decrypt_failed
        ├── BadClaims                 bad_claims
        ├── NotYetValid               not_yet_valid
        ├── Expired                   expired
        ├── Revoked                   revoked
        └── BadState                  bad_state
            └── StateLost             bad_state: its overflow is gone (SPEC section 14)

The codes are one closed list (SPEC section 5), used alike by the vectors, the log and the command
line. No message ever holds a key, a token or a value of a session.
"""

from __future__ import annotations

from typing import ClassVar


class TokenSessionError(Exception):
    """Any error that this library raises on purpose."""


class ConfigError(TokenSessionError, ValueError):
    """Keys, policy or arguments that are wrong or unsafe; the message names the remedy."""


class StateError(TokenSessionError, ValueError):
    """A state that cannot be written without being changed on the way.

    Attributes:
        path: Where the value stands, for example ``state.cart[2].price``.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path


class SessionTooLarge(TokenSessionError):
    """A session that exceeds a size limit.

    Attributes:
        size: What it takes, in the unit that the message names.
        limit: What it may take, in the same unit.
    """

    def __init__(self, message: str, *, size: int, limit: int) -> None:
        super().__init__(message)
        self.size = size
        self.limit = limit


class StoreError(TokenSessionError):
    """A store that could not be read or written."""


class TokenError(TokenSessionError):
    """A token that yields no session. Clients learn only that there is none.

    Attributes:
        code: The word of the closed list that says which check failed.
    """

    code: ClassVar[str]


class Malformed(TokenError):
    """Not framed as a token: size, characters, segments or base64url (SPEC 5, steps 1, 3, 5)."""

    code = "malformed"


class UnknownKey(TokenError):
    """No key of the ring may verify this header (SPEC 5, step 2).

    Attributes:
        key_state: ``revoked`` or ``expired`` when the ring lists the key, else None.
    """

    code = "unknown_key"

    def __init__(self, message: str, *, key_state: str | None = None) -> None:
        super().__init__(message)
        self.key_state = key_state


class BadSignature(TokenError):
    """The signature does not verify under the key and context (SPEC 5, step 4)."""

    code = "bad_signature"


class UnsupportedVersion(TokenError):
    """An authentic token of a format version that this library does not read (SPEC 5, step 5)."""

    code = "unsupported_version"


class DecryptFailed(TokenError):
    """AES-GCM did not open under the key and context (SPEC 5, step 6)."""

    code = "decrypt_failed"


class BadClaims(TokenError):
    """The decrypted bytes are not the claims of a session (SPEC 5, step 7)."""

    code = "bad_claims"


class NotYetValid(TokenError):
    """Issued in the future by more than the leeway (SPEC 5, step 8)."""

    code = "not_yet_valid"


class Expired(TokenError):
    """Past its idle window or past the end of its session (SPEC 5, step 8)."""

    code = "expired"


class Revoked(TokenError):
    """Ended before its time by a revocation (SPEC 5, step 9)."""

    code = "revoked"


class BadState(TokenError):
    """The state does not fit the application's type (SPEC 5, step 10).

    Attributes:
        bearer: Session id, subject, start and kid of the session, which all other checks have
            accepted, so that it can be ended nevertheless; None where that is not known.
    """

    code = "bad_state"
    bearer: tuple[bytes, str | int | None, int, str] | None = None


class StateLost(BadState):
    """The state is kept in a store, whose entry is gone or not the one that was written (SPEC 14).

    Its code is that of its base, as the list of codes is closed; its class tells it apart.
    """
