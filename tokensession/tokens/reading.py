"""Read a token, in the ten steps of SPEC section 5."""

from __future__ import annotations

import logging
import os
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Generic

from cryptography.exceptions import InvalidTag

from tokensession.errors import (
    BadSignature,
    BadState,
    DecryptFailed,
    Malformed,
    Revoked,
    TokenError,
    UnknownKey,
    UnsupportedVersion,
)
from tokensession.format.base64url import NotCanonical, b64url_decode
from tokensession.format.claims import SID_BYTES, StateT, read_claims
from tokensession.observer import tell
from tokensession.overflow.reference import MARK, Overflowed, reference_of
from tokensession.sessions.value import Opened, SessionValue
from tokensession.tokens.limits import CACHED_CIPHERS, MAX_TOKEN, MIN_PAYLOAD
from tokensession.tokens.sealing import VERSION, TokenKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from tokensession.format.state_format import StateFormat
    from tokensession.observer import Observer
    from tokensession.overflow.overflow import Overflow
    from tokensession.revocation.list import RevocationList
    from tokensession.sessions.policy import Policy
    from tokensession.sessions.steps import Steps
    from tokensession.sessions.value import Origin
    from tokensession.tokens.derived_keys import RingKeys

_log = logging.getLogger("tokensession")


class TokenReader(Generic[StateT]):
    """Reads the tokens of one context.

    `open` is pure: steps 1 to 8, and step 9 for keys. `admit` does steps 9 and 10, which can need a
    store. `fit` does step 10 as far as no store is needed.

    Args:
        context: The context of the tokens, and its bytes.
        policy: When sessions end.
        state_format: Reads the states.
        origin: The initial values of new sessions.
        revocations: The revocation list, or None.
        overflow: The overflow of large states, or None.
        observer: Receives events, or None.

    Attributes:
        storeless: Whether reading never needs a store.
    """

    __slots__ = (
        "_cipher", "_context", "_encoded_context", "_format", "_idle", "_observer", "_origin",
        "_overflow", "_policy", "_revoking", "storeless",
    )  # fmt: skip

    def __init__(
        self,
        context: tuple[str, bytes],
        policy: Policy,
        state_format: StateFormat[StateT],
        origin: Origin[StateT],
        *,
        revocations: RevocationList | None,
        overflow: Overflow | None,
        observer: Observer | None,
    ) -> None:
        self._context, self._encoded_context = context
        self._policy = policy
        self._format = state_format
        self._origin = origin
        self._idle = origin.lifetime(None, None)[0]
        self._revoking = None if revocations is None else revocations.revoking
        self._overflow = overflow
        self._observer = observer
        self.storeless: bool = revocations is None and overflow is None
        # Filled only after a signature was verified; bounded and thread-safe.
        self._cipher = lru_cache(CACHED_CIPHERS)(TokenKey.cipher)

    def open(  # noqa: C901  # nine steps of the SPEC, in one place
        self, token: str | bytes, at: int, keys: RingKeys
    ) -> Opened[StateT]:
        """Return the content of a token after steps 1 to 8 and the check for revoked keys.

        Args:
            token: The token's text. Other values are refused like an invalid token.
            at: Unix seconds.
            keys: The keys of the ring to read with.

        Raises:
            TokenError: The token yields no session; the subclass and ``code`` name the failed
                check.
        """
        try:
            # SPEC 5, step 1: framing.
            if isinstance(token, str) and len(token) <= MAX_TOKEN and token.isascii():
                token = token.encode("ascii")
            elif not isinstance(token, bytes) or len(token) > MAX_TOKEN or not token.isascii():
                raise _misframed(token)
            try:
                header, payload, signature = token.split(b".")
            except ValueError:
                count = token.count(b".") + 1
                raise Malformed(f"{count} segments instead of 3") from None
            # Step 2: the exact header of a key that can still verify; no JSON is parsed.
            key = keys.by_header.get(header)
            if key is None or at >= key.until:
                raise _unknown_key(key, keys)
            # Steps 3 and 4: the canonical spelling, and the signature.
            if not (key.ready or key.signature).verifies(payload, signature):
                raise self._bad_signature(payload, signature, key)
            data = b64url_decode(payload)
            # Step 5: version and length.
            if data[0] != VERSION:
                raise UnsupportedVersion(
                    f"format version {data[0]}, but this library reads {VERSION}"
                )
            if len(data) < MIN_PAYLOAD:
                raise Malformed(f"a payload of {len(data)} bytes, but the minimum is {MIN_PAYLOAD}")
            # Step 6: decrypt.
            cipher: AESGCM = self._cipher(key, data[1:9])
            plaintext = cipher.decrypt(data[9:21], data[21:], header)
            # Step 7: claims.
            claims, misfit = self._format.read(plaintext)
            # Step 8: times.
            dies_at = self._policy.check_times(claims.iat, claims.ttl, claims.age, claims.cap, at)
            # Step 9, for keys: revoking a key ends every session that it has ever signed for.
            if claims.signers is not None and (kids := keys.revoked.intersection(claims.signers)):
                raise Revoked(f"key {min(kids)!r} has signed for the session and is revoked")
        except TokenError as error:
            raise self._refused(error) from None
        except NotCanonical:
            reason = "a segment is not canonical base64url without padding"
            raise self._refused(Malformed(reason)) from None
        except InvalidTag:
            reason = f"signed by the key, but not encrypted for context {self._context!r}"
            raise self._refused(DecryptFailed(reason)) from None
        return Opened(claims, misfit, plaintext, key.kid, dies_at)

    def admit(self, opened: Opened[StateT], at: int) -> Steps[SessionValue[StateT]]:
        """Return the session of an opened token, after steps 9 and 10.

        Raises:
            TokenError: The session is revoked, or its state does not fit.
            StoreError: A store cannot be read.
        """
        # Step 9, for sessions: by their start, regardless of renewals.
        if self._revoking is not None:
            claims = opened.claims
            if (yield from self._revoking(claims.sid, opened.started_at, claims.sub)):
                raise self._refused(Revoked("the session was revoked"))
        value = self.fit(opened, at)
        if value.overflowed is not None:
            assert self._overflow is not None
            reference, sid = value.overflowed.reference, value.sid
            try:
                value.overflowed = found = yield partial(
                    self._overflow.get, reference, sid, self._encoded_context
                )
                value.state = self._format.read_state(found.packed or b"")
            except TokenError as error:
                raise self._refused(error) from None
            if self._observer is not None:
                tell(self._observer.decoded)
        return value

    def fit(self, opened: Opened[StateT], at: int) -> SessionValue[StateT]:
        """Return the session of an opened token after step 10.

        If its state is in the overflow, the session has only the reference.

        Raises:
            BadState: The state does not fit the application's type, or this codec has no overflow
                store for it.
        """
        claims, overflowed = opened.claims, None
        # `find` is a third faster than the operator `in`.
        if opened.misfit is not None or opened.plaintext.find(MARK) >= 0:
            try:
                overflowed = self._overflowed(opened)
            except BadState as error:
                raise self._refused(error) from None
        if self._observer is not None and overflowed is None:
            tell(self._observer.decoded)
        iat = claims.iat
        return SessionValue(
            claims.state, claims.sid, claims.sub, iat, iat - claims.age, opened.dies_at, opened.kid,
            self._context, claims.ttl, claims.cap, claims.auth, at, self._origin, opened,
            overflowed,
        )  # fmt: skip

    def begin(self, at: int) -> SessionValue[StateT]:
        """Return a new, empty, anonymous session that has no token yet."""
        state = self._origin.empty_state()
        return SessionValue(
            state, os.urandom(SID_BYTES), None, at, at, at + self._idle, "",
            self._context, self._idle, None, 0, at, self._origin, begun=self._format.pack(state),
        )  # fmt: skip

    def _overflowed(self, opened: Opened[Any]) -> Overflowed | None:
        """Return the reference to an overflowed state, or None if the claims hold the state.

        Raises:
            BadState: As for `fit`.
        """
        reference = None
        if opened.plaintext.find(MARK) >= 0:
            reference = reference_of(read_claims(opened.plaintext).state)
        if reference is None:
            if opened.misfit is not None:
                raise BadState(opened.misfit)
            return None
        if self._overflow is None:
            raise BadState("the state is in an overflow store: pass it, SessionCodec(overflow=...)")
        return Overflowed(reference, opened.claims.sid, None)

    def _bad_signature(self, payload: bytes, signature: bytes, key: TokenKey) -> TokenError:
        """Return the error of a failed signature: step 3 comes before step 4.

        Raises:
            NotCanonical: A segment is not canonical base64url.
        """
        b64url_decode(payload)
        length = key.signature.length
        if len(b64url_decode(signature)) != length:
            return Malformed(f"the signature does not have the {length} bytes of its algorithm")
        return BadSignature(f"the signature does not verify in context {self._context!r}")

    def _refused(self, error: TokenError) -> TokenError:
        _log.debug("token refused: %s", error.code)
        if self._observer is not None:
            tell(self._observer.refused, error.code)
        return error


def _misframed(token: object) -> Malformed:
    """Return why a value cannot be a token (step 1)."""
    if not isinstance(token, str | bytes):
        return Malformed(f"a token must be text, not {type(token).__name__}")
    if len(token) > MAX_TOKEN:
        return Malformed(f"{len(token)} characters, but a token has at most {MAX_TOKEN}")
    return Malformed("a token must be ASCII")


def _unknown_key(key: TokenKey | None, keys: RingKeys) -> UnknownKey:
    """Return why no key can verify a token (step 2); report an unlisted key to the watcher."""
    if key is None:
        keys.missed()
        return UnknownKey("the header is not that of any key in the ring")
    state = "revoked" if key.key.revoked else "expired"
    return UnknownKey(f"key {key.kid!r} is {state}", key_state=state)
