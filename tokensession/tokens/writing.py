"""Write a token, in the steps of SPEC section 4."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeAlias

from tokensession.errors import ConfigError, Expired, SessionTooLarge
from tokensession.format.claims import MAX_SIGNERS, StateT, write_claims
from tokensession.format.core_values import hidden
from tokensession.observer import tell
from tokensession.overflow.reference import SOME_REFERENCE
from tokensession.tokens.limits import MAX_TOKEN, TOO_LARGE, check_room
from tokensession.tokens.sealing import NONCE_BYTES

if TYPE_CHECKING:
    from tokensession.format.claims import Subject
    from tokensession.format.state_format import StateFormat
    from tokensession.observer import Observer
    from tokensession.overflow.overflow import Overflow
    from tokensession.overflow.reference import Overflowed
    from tokensession.revocation.list import RevocationList
    from tokensession.sessions.policy import Policy
    from tokensession.sessions.steps import Steps
    from tokensession.sessions.value import SessionValue
    from tokensession.tokens.derived_keys import RingKeys
    from tokensession.tokens.sealing import TokenKey


# sid, iat, ttl, age and sub.
NewClaims: TypeAlias = "tuple[bytes, int, int, int, Subject]"


class Written(NamedTuple):
    """A new token.

    Attributes:
        token: The token's text.
        seconds: Seconds for which it can be read, from its date.
        overflowed: The reference to its overflowed state, or None.
        plaintext: Its claims in msgpack.
    """

    token: str
    seconds: int
    overflowed: Overflowed | None = None
    plaintext: bytes = b""

    def __repr__(self) -> str:
        """Show no value."""
        return hidden(self)


class TokenWriter(Generic[StateT]):
    """Writes the tokens of one context.

    `write_now` needs no store; `write` lets a large state overflow.

    Args:
        context: The context of the tokens, and its bytes.
        policy: When sessions end.
        state_format: Packs and checks states.
        padding: Pad the claims to a multiple of this many bytes; 0 for no padding.
        revocations: The revocation list, or None.
        overflow: The overflow of large states, or None.
        observer: Receives events, or None.

    Attributes:
        policy: When sessions end.
        overflow: The overflow of large states, or None.
    """

    __slots__ = (
        "_context", "_encoded_context", "_format", "_observer", "_padding",
        "_revocations", "overflow", "policy",
    )  # fmt: skip

    def __init__(
        self,
        context: tuple[str, bytes],
        policy: Policy,
        state_format: StateFormat[StateT],
        *,
        padding: int,
        revocations: RevocationList | None,
        overflow: Overflow | None,
        observer: Observer | None,
    ) -> None:
        self._context, self._encoded_context = context
        self.policy: Policy = policy
        self._format = state_format
        self._padding = padding
        self._revocations = revocations
        self.overflow: Overflow | None = overflow
        self._observer = observer

    def new_now(
        self, claims: NewClaims, state: Any, cap: int | None, nonce: bytes, keys: RingKeys
    ) -> str:
        """Return the token of these claims, when no overflow is configured.

        Args:
            claims: sid, iat, ttl, age and sub.
            state: The state, not yet checked.
            cap: The longest life of the session in seconds, or None.
            nonce: 12 random bytes.
            keys: The keys of the ring to sign with.

        Raises:
            TokenSessionError: As for `write_now`, except Expired.
        """
        sid, iat, ttl, age, subject = claims
        key = keys.signing_key(iat)
        checked = self._format.checked(state, None, touched=None, former=None)
        plaintext = write_claims(sid, iat, ttl, age, subject, checked, cap, pad_to=self._padding)
        return self._token(key, plaintext, iat, nonce)

    def new(
        self, claims: NewClaims, state: Any, cap: int | None, nonce: bytes, keys: RingKeys
    ) -> Steps[str]:
        """Return the token of these claims; a large state overflows.

        Raises:
            TokenSessionError: As for `write`, except Expired.
        """
        if self.overflow is None:
            return self.new_now(claims, state, cap, nonce, keys)
        key = keys.signing_key(claims[1])
        checked = self._format.checked(state, self._format.pack(state), touched=None, former=None)
        written = yield from self._fitted(key, claims, checked, cap, nonce, MAX_TOKEN, None)
        return written.token

    def adopted(self, claims: NewClaims, state: Any, cap: int | None, keys: RingKeys) -> str:
        """Return the token of a session from another library; its state is validated core values.

        It is not known how its subject authenticated there.
        """
        sid, iat, ttl, age, subject = claims
        ttl = min(ttl, keys.longest_ttl)
        plaintext = write_claims(sid, iat, ttl, age, subject, state, cap, auth=None)
        return self._token(keys.signing_key(iat), plaintext, iat, os.urandom(NONCE_BYTES))

    def dating(self, value: SessionValue[StateT], at: int) -> Steps[None]:
        """Date a session without a token after the revocations that would end it.

        Raises:
            StoreError: The list cannot be read, or the start would be too far in the future.
        """
        if self._revocations is not None and not value.kid:
            at = max(at, value.started_at)
            start = yield from self._revocations.dating(value.sid, value.subject, at)
            value.started_at = value.issued_at = start

    def write_now(self, value: SessionValue[StateT], at: int, keys: RingKeys) -> tuple[str, int]:
        """Return a token with the session's current values, when no store is configured.

        Args:
            value: The session.
            at: Unix seconds.
            keys: The keys of the ring to sign with.

        Returns:
            The token, and the seconds for which it can be read.

        Raises:
            Expired: The session has ended, so no token is written.
            ConfigError: The session has another context, or no key can sign.
            StateError: The state cannot be written unchanged.
            SessionTooLarge: The token would have more than 8192 characters.
        """
        iat, ttl, age = self._times(value, at, keys.longest_ttl)
        key = keys.signing_key(iat)
        plaintext = write_claims(
            value.sid, iat, ttl, age, value.subject, self._checked(value, None), value.cap,
            signers=_signers(value, key.kid), auth=value.auth, pad_to=self._padding,
        )  # fmt: skip
        token = self._token(key, plaintext, iat, os.urandom(NONCE_BYTES))
        value.written = plaintext
        if self._observer is not None and value.kid:
            tell(self._observer.renewed)
        dies_at = iat + ttl
        return token, (dies_at if dies_at < key.until else int(key.until)) - at

    def write(
        self,
        value: SessionValue[StateT],
        at: int,
        keys: RingKeys,
        *,
        room: int = MAX_TOKEN,
    ) -> Steps[Written]:
        """Return a token; its state overflows if the token exceeds `room` characters.

        Raises:
            TokenSessionError: As for `write_now`.
            StoreError: The state overflows, but its store cannot be written.
        """
        if self.overflow is None:
            return Written(*self.write_now(value, at, keys))
        iat, ttl, age = self._times(value, at, keys.longest_ttl)
        key = keys.signing_key(iat)
        checked = self._checked(value, self._format.pack(value.state))
        claims = (value.sid, iat, ttl, age, value.subject)
        nonce = os.urandom(NONCE_BYTES)
        written = yield from self._fitted(
            key, claims, checked, value.cap, nonce, room, value.entry or value.overflowed,
            signers=_signers(value, key.kid), auth=value.auth,
        )  # fmt: skip
        value.written = written.plaintext
        if self._observer is not None and value.kid:
            tell(self._observer.renewed)
        return written._replace(seconds=int(min(iat + ttl, key.until)) - at)

    def _times(self, value: SessionValue[StateT], at: int, longest: int) -> tuple[int, int, int]:
        """Return iat, ttl and age of a session's next token."""
        if value.context != self._context:
            raise ConfigError(
                f"the session was decoded under context {value.context!r}, but this codec writes "
                f"{self._context!r}: renew it with a codec of its own context"
            )
        start = value.started_at
        iat = max(at, start + (value.auth or 0))
        age = iat - start
        limit = self.policy.absolute_timeout if value.cap is None else self.policy.limit(value.cap)
        ttl = min(value.ttl, longest)
        if limit is not None and ttl > limit - age:
            ttl = limit - age
            if ttl < 1:
                raise Expired("the session has ended and cannot be renewed")
        return iat, ttl, age

    def _checked(self, value: SessionValue[StateT], packed: bytes | None) -> Any:
        """Return the state for the claims (SPEC 4, step 1)."""
        touched: Any = None  # all of it
        former = None
        if not value.whole and value.opened is not None and value.refused is None:
            touched = list(value.touched)  # another thread can add to it
        elif value.overflowed is not None:
            former = value.overflowed.packed
        return self._format.checked(value.state, packed, touched=touched, former=former)

    def _fitted(
        self,
        key: TokenKey,
        claims: NewClaims,
        checked: Any,
        cap: int | None,
        nonce: bytes,
        room: int,
        former: Overflowed | None,
        *,
        signers: tuple[str, ...] = (),
        auth: int | None = 0,
    ) -> Steps[Written]:
        """Return a token; its state overflows if the token exceeds `room` characters."""
        sid, iat, ttl, _, _ = claims
        overflowed = None
        pack_claims = partial(
            write_claims, *claims, cap=cap, signers=signers, auth=auth, pad_to=self._padding
        )
        plaintext = pack_claims(state=checked)
        if key.token_length(len(plaintext)) > room:
            assert self.overflow is not None
            check_room(key.token_length(len(pack_claims(state=SOME_REFERENCE.state))), room)
            overflowed = yield partial(
                self.overflow.put, bytes(checked), sid, self._encoded_context,
                former=former, dies_at=iat + ttl, now=iat,
            )  # fmt: skip
            plaintext = pack_claims(state=overflowed.reference.state)
        return Written(self._token(key, plaintext, iat, nonce), ttl, overflowed, plaintext)

    @staticmethod
    def _token(key: TokenKey, plaintext: bytes, iat: int, nonce: bytes) -> str:
        """Encrypt and sign (SPEC 4, steps 3 to 5)."""
        if iat < 0:
            raise ConfigError(f"the clock shows {iat}, before 1970: correct the system's clock")
        token = key.token(plaintext, key.salt(), nonce)
        if len(token) > MAX_TOKEN:
            raise SessionTooLarge(
                f"the token has {len(token)} characters, but the format allows {MAX_TOKEN}: "
                f"{TOO_LARGE}",
                size=len(token),
                limit=MAX_TOKEN,
            )
        return token.decode("ascii")


def _signers(value: SessionValue[Any], kid: str) -> tuple[str, ...]:
    """Return the other keys that have signed tokens of a session.

    Raises:
        Expired: More keys have signed than a token can name. No key can be left out, so the session
            ends.
    """
    signers = value.signers_beside(kid)
    if len(signers) > MAX_SIGNERS:
        raise Expired(f"more than {MAX_SIGNERS} other keys have signed for the session")
    return signers
