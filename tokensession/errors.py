"""Every error of the library, sorted by who must act.

::

    TokenSessionError
    ├── ConfigError (ValueError)      the developer or operator: invalid keys, policy, arguments
    ├── StateError (ValueError)       the developer: the state cannot be written; has its path
    ├── SessionTooLarge               the developer: the state exceeds a size limit
    ├── StoreError                    the operator: a store is unreachable, invalid or full
    └── TokenError                    no action: the request has no session; see ``code``
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
            └── StateLost             bad_state: its overflow entry is gone (SPEC section 14)

The codes are a closed list (SPEC section 5). The vectors, the log and the command line use the same
codes. A message never contains a key, a token or a value of a session.
"""

from __future__ import annotations

from typing import Any, ClassVar


class TokenSessionError(Exception):
    """Base class of the errors that this library raises."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the message and the attributes, as pools of processes do with errors."""
        return _unpickled, (type(self), self.args, self.__dict__)


class ConfigError(TokenSessionError, ValueError):
    """Keys, policy or arguments are invalid or unsafe; the message says how to fix them."""


class StateError(TokenSessionError, ValueError):
    """The state contains a value that cannot be written unchanged.

    Attributes:
        path: The place of the value, for example ``state.cart[2].price``.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path


class SessionTooLarge(TokenSessionError):
    """The session exceeds a size limit.

    Attributes:
        size: The size of the session, in the unit that the message names.
        limit: The limit, in the same unit.
    """

    def __init__(self, message: str, *, size: int, limit: int) -> None:
        super().__init__(message)
        self.size = size
        self.limit = limit


class StoreError(TokenSessionError):
    """The store could not be read or written."""


class TokenError(TokenSessionError):
    """The token yields no session. Clients learn only that they have no session.

    Attributes:
        code: The name of the failed check, from the closed list.
    """

    code: ClassVar[str]


class Malformed(TokenError):
    """The text has no valid token framing: size, segments or base64url (SPEC 5, steps 1, 3, 5)."""

    code = "malformed"


class UnknownKey(TokenError):
    """The ring has no key that can verify this header (SPEC 5, step 2).

    Attributes:
        key_state: ``revoked`` or ``expired`` if the ring lists the key, else None.
    """

    code = "unknown_key"

    def __init__(self, message: str, *, key_state: str | None = None) -> None:
        super().__init__(message)
        self.key_state = key_state


class BadSignature(TokenError):
    """The signature does not verify under the key and context (SPEC 5, step 4)."""

    code = "bad_signature"


class UnsupportedVersion(TokenError):
    """The token is authentic, but has an unsupported format version (SPEC 5, step 5)."""

    code = "unsupported_version"


class DecryptFailed(TokenError):
    """AES-GCM could not decrypt under the key and context (SPEC 5, step 6)."""

    code = "decrypt_failed"


class BadClaims(TokenError):
    """The decrypted bytes are not valid claims (SPEC 5, step 7)."""

    code = "bad_claims"


class NotYetValid(TokenError):
    """The token was issued further in the future than the leeway (SPEC 5, step 8)."""

    code = "not_yet_valid"


class Expired(TokenError):
    """The idle window or the session has ended (SPEC 5, step 8)."""

    code = "expired"


class Revoked(TokenError):
    """The session was revoked (SPEC 5, step 9)."""

    code = "revoked"


class BadState(TokenError):
    """The state does not fit the application's type (SPEC 5, step 10).

    Attributes:
        bearer: Session id, subject, start and kid of the session. All other checks have accepted
            them, so the session can still be revoked. None if they are not known.
    """

    code = "bad_state"
    bearer: tuple[bytes, str | int | None, int, str] | None = None


class StateLost(BadState):
    """The overflow store has lost the state, or holds a different entry (SPEC 14).

    The list of codes is closed, so its code is that of its base class.
    """


def _unpickled(
    kind: type[TokenSessionError], args: tuple[Any, ...], attributes: dict[str, Any]
) -> TokenSessionError:
    error = kind.__new__(kind, *args)  # the constructors take other arguments than the message
    error.__dict__.update(attributes)
    return error


def how_to_install(extra: str) -> str:
    """Return the command that installs an extra, for the error of a package that is missing.

    No index has this package yet, so the command runs in a clone of the repository.
    """
    return f"run pip install '.[{extra}]' in a clone of tokensession"
