"""The codec: sessions to tokens and back, in the numbered steps of SPEC sections 4 and 5."""

from __future__ import annotations

import logging
import os
from functools import lru_cache, partial
from time import time
from typing import TYPE_CHECKING, Any, Final, Generic, cast, overload

from cryptography.exceptions import InvalidTag

from tokensession.errors import (
    BadSignature,
    BadState,
    ConfigError,
    DecryptFailed,
    Expired,
    Malformed,
    Revoked,
    SessionTooLarge,
    TokenError,
    UnknownKey,
    UnsupportedVersion,
)
from tokensession.format.base64url import NotCanonical, b64url_decode
from tokensession.format.claims import (
    SID_BYTES,
    StateFormat,
    StateT,
    Subject,
    TypedState,
    UntypedState,
    write_claims,
)
from tokensession.format.seconds import check_seconds, whole_seconds
from tokensession.format.state import UNWRITABLE, checked_state, encode_msgpack
from tokensession.keys.ring import KeyRing
from tokensession.observer import SILENT, Observer
from tokensession.overflow.overflow import Overflow
from tokensession.overflow.reference import MARK, Overflowed, reference_of
from tokensession.sessions.policy import Policy
from tokensession.sessions.session import Origin, Session
from tokensession.tokens.derived_keys import DerivedKeys
from tokensession.tokens.sealing import NONCE_BYTES, VERSION, TokenKey, context_bytes

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from tokensession.keys.watcher import KeyRingWatcher
    from tokensession.revocation.list import Revocations
    from tokensession.revocation.lookup import Check
    from tokensession.revocation.store import Store
    from tokensession.sessions.session import SessionFields

DEFAULT_CONTEXT: Final = "session"
DEFAULT_TTL: Final = 1800  # seconds, where no policy says otherwise
MAX_TOKEN: Final = 8192  # characters
MIN_PAYLOAD: Final = 38  # version 1, salt 8, nonce 12, one byte of claims, tag 16
MAX_PADDING: Final = 256  # what a pad of up to 255 zeros reaches
CACHED_CIPHERS: Final = 1024  # about 1 kB each

_log = logging.getLogger("tokensession")


class SessionCodec(Generic[StateT]):
    """Writes and reads the tokens of one purpose.

    Safe under threads and after a fork; make one and keep it.

    Args:
        keys: The ring; or a `KeyRingWatcher`, which follows the ring's source.
        context: The purpose, 1 to 255 bytes of UTF-8; a token of one never reads in another.
        policy: When sessions end. By default a token lives 1800 s (or as long as the ring's
            rotation config allows, if that is less), and its session as long as it is renewed.
        state_type: The type of the state: anything that msgspec turns into core values and back,
            such as a ``msgspec.Struct``, a dataclass or a TypedDict. None: core values as they
            are.
        padding: Hide the length of the state: the claims are padded to a multiple of this many
            bytes (2 to 256); 0 adds none.
        revocation: A store of revocations, which is then asked for each token, or a `Lookup` or
            `Replica` of one. The policy must have an absolute timeout and 20 s of leeway. None:
            sessions end when they expire, and not before.
        observer: Is told what happens.
        overflow: Where a state goes that does not fit into its token. Reading and writing such
            ones then waits for a store, and raises StoreError when that cannot be reached. None:
            they are refused.

    Raises:
        ConfigError: Wrong arguments, lifetimes that keys and rotation do not allow for, or a store
            that may forget and was not told that it may.
    """

    __slots__ = (
        "_cipher",
        "_encoded_context",
        "_format",
        "_observer",
        "_origin",
        "_overflow",
        "_padding",
        "_pinned",
        "_policy",
        "_revocations",
        "_revokes",
        "_rings",
        "_ttl",
        "context",
    )

    @overload
    def __init__(
        self: SessionCodec[Any],
        keys: KeyRing | KeyRingWatcher,
        *,
        context: str = DEFAULT_CONTEXT,
        policy: Policy | None = None,
        state_type: None = None,
        padding: int = 0,
        revocation: Store | Check | None = None,
        observer: Observer | None = None,
        overflow: Overflow | None = None,
    ) -> None: ...

    @overload
    def __init__(
        self,
        keys: KeyRing | KeyRingWatcher,
        *,
        context: str = DEFAULT_CONTEXT,
        policy: Policy | None = None,
        state_type: type[StateT],
        padding: int = 0,
        revocation: Store | Check | None = None,
        observer: Observer | None = None,
        overflow: Overflow | None = None,
    ) -> None: ...

    def __init__(
        self,
        keys: KeyRing | KeyRingWatcher,
        *,
        context: str = DEFAULT_CONTEXT,
        policy: Policy | None = None,
        state_type: type[StateT] | None = None,
        padding: int = 0,
        revocation: Store | Check | None = None,
        observer: Observer | None = None,
        overflow: Overflow | None = None,
    ) -> None:
        ring = _ring_of(keys)
        if policy is not None and not isinstance(policy, Policy):
            raise ConfigError(f"policy must be a Policy, not {type(policy).__name__}")
        if overflow is not None and not isinstance(overflow, Overflow):
            raise ConfigError(
                f"overflow must be an Overflow, not {type(overflow).__name__}; "
                "make one with Overflow(store)"
            )
        self._encoded_context = encoded_context = context_bytes(context)
        self._overflow = overflow
        self.context: str = context
        self._policy = _default_policy(ring) if policy is None else policy
        self._ttl = self._policy.ttl(self._policy.idle_timeout, 0, None)
        self._padding = _checked_padding(padding)
        self._format = _format(state_type)
        self._origin = Origin(self._own_ttl, self._format.empty)
        self._pinned: SessionCodec[StateT] | None = None
        check = partial(
            _meet_ring, policy=self._policy, observer=observer, first_serial=ring.serial
        )
        self._rings = DerivedKeys(keys, encoded_context, check)
        # Filled only once a signature has verified; bounded, and safe under threads.
        self._cipher = lru_cache(CACHED_CIPHERS)(TokenKey.cipher)
        if policy is not None:
            _check_lifetimes(ring, policy)
        if observer is not None and not isinstance(observer, Observer):
            raise ConfigError(f"observer must be an Observer, not {type(observer).__name__}")
        self._observer = observer
        self._revocations = None
        self._revokes = None
        if revocation is not None:
            # Only now, as most applications have none, and starting is to cost them nothing.
            from tokensession.revocation.list import Revocations  # noqa: PLC0415

            self._revocations = Revocations(revocation, self._policy, observer or SILENT)
            self._revokes = self._revocations.revokes

    @property
    def is_pinned(self) -> bool:
        """Whether its ring is one for good."""
        return self._rings.is_pinned

    def pinned(self) -> SessionCodec[StateT]:
        """Return this codec with the ring of this moment.

        For the length of one request: it then uses one ring throughout, whatever a watcher loads
        meanwhile. With a plain ring it is this codec itself.
        """
        rings, pinned = self._rings.pinned(), self._pinned
        if rings is self._rings:
            return self
        if pinned is None or pinned._rings is not rings:  # noqa: SLF001
            pinned = object.__new__(type(self))
            for name in SessionCodec.__slots__:
                setattr(pinned, name, getattr(self, name))
            pinned._rings = rings
            pinned._origin = Origin(pinned._own_ttl, self._format.empty)
            self._pinned = pinned
        return pinned

    def encode(
        self,
        state: StateT,
        *,
        subject: Subject = None,
        ttl: int | None = None,
        cap: int | None = None,
        now: float | None = None,
    ) -> str:
        """Return the token of a new session.

        Args:
            state: The application's data.
            subject: Whose session: a str, an int within ±(2**53 - 1), or None.
            ttl: This session's own idle window in seconds; by default the policy's.
            cap: Seconds that this session may last at the most, for "remember me" and its
                opposite; by default the policy's absolute timeout holds.
            now: Unix seconds; the system's clock when None.

        Raises:
            StateError: A state or subject that would be changed on the way; with the path.
            SessionTooLarge: A token of more than 8192 characters.
            ConfigError: No key can sign, or a ttl, cap or clock out of range.
            StoreError: With revocation or overflow, a store that cannot be asked or written; see
                `Lookup` and `Replica`.
        """
        iat = int(time()) if now is None else whole_seconds(now)
        if ttl is not None or cap is not None:
            ttl = self._own_ttl(ttl, cap)
        random = os.urandom(SID_BYTES + NONCE_BYTES)
        sid, nonce = random[:SID_BYTES], random[SID_BYTES:]
        if self._revocations is not None:
            iat = self._revocations.first_start(sid, subject, iat)
        key = self._rings.current().signing_key(iat)
        return self._mint(key, sid, iat, ttl or self._ttl, 0, subject, state, cap, nonce)[0]

    def _own_ttl(self, ttl: int | None, cap: int | None) -> int:
        """Return the ttl of a new session that has a lifetime of its own."""
        if ttl is None:
            ttl = self._policy.idle_timeout
        else:
            check_seconds("ttl", ttl)
            _check_ttl("ttl", ttl, self._rings.current().ring)
        if cap is not None:
            self._policy.check_cap(cap)
        return self._policy.ttl(ttl, 0, cap)

    def check_cap(self, cap: int | None) -> None:
        """Refuse a cap that the policy does not grant in full; see `Policy.check_cap`.

        Raises:
            ConfigError: It does not.
        """
        if cap is not None:
            self._policy.check_cap(cap)

    def adopt(
        self,
        state: Any,
        *,
        sid: bytes,
        start: int,
        subject: Subject,
        cap: int | None,
        now: int,
    ) -> str:
        """Return a token of a session that began elsewhere (`tokensession.legacy`).

        It is on trial: only `read` tells whether the session lives, and fits the state's type.

        Args:
            state: Core values, whatever the state's type.
            sid: What will stand for the session, 16 bytes.
            start: Unix second at which it began.
            subject: Whose session.
            cap: Seconds from its start that it may last at the most, or None.
            now: Unix seconds.

        Raises:
            Expired: It has reached its end.
            StateError: As for `encode`.
            ConfigError: No key can sign.
        """
        iat = max(now, start)
        age = iat - start
        ttl = self._policy.ttl(self._policy.idle_timeout, age, cap)
        if ttl < 1:
            raise Expired("the session has reached its end and is not taken over")
        plaintext = write_claims(sid, iat, ttl, age, subject, checked_state(state), cap)
        key = self._rings.current().signing_key(iat)
        return key.token(plaintext, key.salt(), os.urandom(NONCE_BYTES)).decode("ascii")

    def new(self, *, now: float | None = None) -> Session[StateT]:
        """Return a session that begins now, empty: of nobody, and without a token yet."""
        return Session(self.new_fields(whole_seconds(now)))

    def new_fields(self, at: int) -> SessionFields[StateT]:
        """Return what `new` makes a session of, at the Unix second `at`."""
        ttl = self._ttl
        sid = os.urandom(SID_BYTES)
        state = self._format.empty()
        return (state, sid, None, at, at, at + ttl, "", self.context, ttl, None, at, self._origin,
                None)  # fmt: skip

    def renew(self, session: Session[StateT], *, now: float | None = None) -> str:
        """Return a new token of the same session, with its state as it is now.

        Session id, start, subject, idle window and cap stay; key and dates are fresh.

        Args:
            session: As `decode` or `new` gave it.
            now: Unix seconds; the system's clock when None.

        Raises:
            Expired: The session's end has come; nothing is written.
            ConfigError: The session was decoded under another context, or no key can sign.
            StateError: As for `encode`.
            SessionTooLarge: As for `encode`.
            StoreError: As for `encode`, where the session has no token yet.
        """
        at = whole_seconds(now)
        self.begin(session, at)
        return self.reissue(session, at)[0]

    def reissue(
        self,
        session: Session[StateT],
        at: int,
        *,
        room: int = MAX_TOKEN,
        packed: bytes | None = None,
    ) -> tuple[str, int]:
        """Return what `renew` returns at the Unix second `at`, and the seconds it can be read for.

        Args:
            session: As for `renew`.
            at: Unix seconds.
            room: Characters beyond which the state overflows, where it can.
            packed: What `pack` says of the state, where that was asked.

        Raises:
            TokenSessionError: As for `renew`.
        """
        if session.context != self.context:
            raise ConfigError(
                f"the session was decoded under context {session.context!r}; this codec writes "
                f"{self.context!r}, where it must not pass for one of its own"
            )
        start = session.started_at
        iat = max(at, start)
        age, cap = iat - start, session.cap
        ttl = self._policy.ttl(session.ttl, age, cap)
        if ttl < 1:
            raise Expired("the session has reached its end and is not renewed")
        key = self._rings.current().signing_key(iat)
        token, session.overflowed = self._mint(
            key, session.sid, iat, ttl, age, session._subject, session._state, cap,  # noqa: SLF001
            os.urandom(NONCE_BYTES), packed, room, session.overflowed,
        )  # fmt: skip
        if self._observer is not None and session.kid:
            self._observer.renewed()
        dies_at = iat + ttl
        return token, (dies_at if dies_at < key.until else int(key.until)) - at

    def begin(self, session: Session[StateT], at: int) -> None:
        """Date a session that has no token yet after whatever would end it.

        Raises:
            StoreError: As for `encode`.
        """
        if self._revocations is not None and not session.kid:
            at = max(at, session.started_at)
            start = self._revocations.first_start(session.sid, session.subject, at)
            session.started_at = session.issued_at = start

    def revoke(self, session: Session[StateT], *, now: float | None = None) -> None:
        """End a session before its time: none of its tokens is accepted any more.

        Args:
            session: As `decode` gave it.
            now: Unix seconds; the system's clock when None.

        Raises:
            StoreError: It could not be recorded, so the session may live on.
            ConfigError: The codec has no `revocation`.
        """
        self._list.revoke(session, now)

    def revoke_subject(
        self,
        subject: str | int,
        *,
        keep: Session[StateT] | None = None,
        now: float | None = None,
    ) -> None:
        """End all sessions of a subject, in all contexts that share the store.

        A sign-in right after it lives. (Where another process has not yet heard of it, and for as
        long as clocks differ, one can be ended too: then signing in again helps.)

        Args:
            subject: Whose sessions; 42 and "42" are one.
            keep: A session of the subject to spare, as in "log out my other devices".
            now: Unix seconds; the system's clock when None.

        Raises:
            StoreError: It could not be recorded, so the sessions may live on.
            ConfigError: The codec has no `revocation`, or `keep` is another subject's.
            StateError: No subject.
        """
        self._list.revoke_subject(subject, keep, now)

    def revoke_all(self, *, before: float | None = None, now: float | None = None) -> None:
        """End all sessions of all contexts that share the store.

        Args:
            before: Only sessions begun before this Unix second, exactly.
            now: Unix seconds; the system's clock when None.

        Raises:
            StoreError: It could not be recorded, so the sessions may live on.
            ConfigError: The codec has no `revocation`, or `before` is in the future.
        """
        self._list.revoke_all(before, now)

    def confirm(self, session: Session[StateT]) -> None:
        """Ask the store itself whether a session is revoked, whatever is asked otherwise.

        For what must not happen on word that is seconds old. It does I/O: call it in a thread
        where that must not block.

        Raises:
            Revoked: It is.
            StoreError: The store cannot be asked.
            ConfigError: The codec has no `revocation`.
        """
        self._list.confirm(session.sid, session.subject, session.started_at)

    @property
    def revocations(self) -> Revocations | None:
        """The revocation list, or None where none is configured."""
        return self._revocations

    @property
    def _list(self) -> Revocations:
        if self._revocations is None:
            raise ConfigError(
                "this codec has no revocation list: give it one by SessionCodec(revocation=store)"
            )
        return self._revocations

    @property
    def can_mint(self) -> bool:
        """Whether the ring can sign at all; a reader's cannot."""
        return self._rings.current().can_mint

    def renewal_is_due(self, session: Session[StateT], *, now: int) -> bool:
        """Tell whether a decoded session should get a fresh token, though nothing changed."""
        keyed, kid = self._rings.current(), session.kid
        signer = keyed.signer_at(now)
        if signer is None:
            return False
        # Retiring, not merely another: a node that is seconds behind still signs with the old one.
        # A key that a newer ring has dropped since is past that.
        retiring = kid != signer.kid and (kid not in keyed.ring or keyed.ring[kid].nbf <= now)
        return self._policy.renewal_is_due(session, now=now, key_is_retiring=retiring)

    def pack(self, session: Session[StateT]) -> bytes | None:
        """Return a session's state in msgpack, to tell whether it has changed; None if it fails."""
        try:
            return encode_msgpack(session._state)  # noqa: SLF001  # without a property's call
        except UNWRITABLE:
            return None

    def _mint(
        self,
        key: TokenKey,
        sid: bytes,
        iat: int,
        ttl: int,
        age: int,
        subject: Subject,
        state: StateT,
        cap: int | None,
        nonce: bytes,
        packed: bytes | None = None,
        room: int = MAX_TOKEN,
        overflowed: Overflowed | None = None,
    ) -> tuple[str, Overflowed | None]:
        """Return a token, and where its state is, if outside of it."""
        if iat < 0:
            raise ConfigError(f"the clock reads {iat}, before 1970: set it")
        # SPEC 4, step 1: the claims.
        if self._overflow is None:
            checked = self._format.checked(state, packed)
        else:
            former = None if overflowed is None else overflowed.packed
            checked = self._format.pack(state, former)
        plaintext = write_claims(sid, iat, ttl, age, subject, checked, cap, pad_to=self._padding)
        if self._overflow is not None and key.token_length(len(plaintext)) > room:
            overflowed = self._put(bytes(checked), sid, iat, ttl, overflowed)
            reference = overflowed.reference.state
            plaintext = write_claims(
                sid, iat, ttl, age, subject, reference, cap, pad_to=self._padding
            )
        # Step 2, the active key, was the caller's; step 3 is its salt; steps 4 and 5 are its own.
        token = key.token(plaintext, key.salt(), nonce)
        if len(token) > MAX_TOKEN:
            raise SessionTooLarge(
                f"the token has {len(token)} characters; the format allows {MAX_TOKEN}: "
                "keep less in the state",
                size=len(token),
                limit=MAX_TOKEN,
            )
        return token.decode("ascii"), overflowed

    def _put(
        self, packed: bytes, sid: bytes, iat: int, ttl: int, former: Overflowed | None
    ) -> Overflowed:
        """Put a state into the store, or keep it there longer if it has not changed."""
        assert self._overflow is not None
        dies_at = iat + ttl
        if (
            former is not None
            and (former.sid, former.packed) == (sid, packed)
            and self._overflow.keep(former.reference, dies_at=dies_at, now=iat)
        ):
            return former
        return self._overflow.put(packed, sid, self._encoded_context, dies_at=dies_at, now=iat)

    def pack_found(self, session: Session[StateT]) -> bytes | None:
        """Return what `pack` does for a state that has just been read."""
        overflowed = session.overflowed
        if overflowed is not None and self._format.rewrites_alike:
            return overflowed.packed
        return self.pack(session)

    def may_wait(self, session: Session[StateT], room: int) -> bool:
        """Tell whether writing a session can wait for a store; a state that surely fits cannot."""
        if self._overflow is None:
            return False
        packed = self.pack(session)
        if session.overflowed is not None or packed is None:
            return True
        # All but the state: numbers, ids and array in 64 bytes, and four for each character.
        rest = 64 + 4 * len(str(session.subject)) + self._padding
        key = self._rings.current().signer_at(session.issued_at)
        return key is None or key.token_length(len(packed) + rest) > room

    def discard(self, session: Session[StateT]) -> None:
        """Remove the state of a session that has ended from where it overflowed to."""
        if self._overflow is not None and session.overflowed is not None:
            self._overflow.drop(session.overflowed.reference)

    @property
    def can_overflow(self) -> bool:
        """Whether the codec has a store for states that do not fit."""
        return self._overflow is not None

    def decode(self, token: str | bytes, *, now: float | None = None) -> Session[StateT]:
        """Return the session that a token carries.

        Args:
            token: The token's text. Anything else is refused like a bad token.
            now: Unix seconds; the system's clock when None.

        Raises:
            TokenError: No session; its subclass and ``code`` say which check failed (SPEC 5).
            ConfigError: `now` is no finite number.
            StoreError: With revocation or overflow, a store that cannot be asked; see `Lookup` and
                `Replica`. With a watcher, its thread cannot be started.
        """
        return Session(self.read(token, int(time()) if now is None else whole_seconds(now)))

    def read(  # noqa: C901, PLR0912  # the ten steps of the SPEC, in one place
        self, token: str | bytes, at: int, *, fetch: bool = True
    ) -> SessionFields[StateT]:
        """Return what `decode` makes a session of, at the Unix second `at`.

        Args:
            token: As for `decode`.
            at: Unix seconds.
            fetch: False leaves an overflowed state where it is, for `fetched`.

        Raises:
            TokenError: As for `decode`.
            StoreError: As for `decode`.
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
                raise Malformed(f"{count} segments; a token has 3") from None
            # Step 2: the exact header of a key that may still verify; no JSON is parsed.
            key = self._rings.current().by_header.get(header)
            if key is None or at >= key.until:
                raise self._unknown_key(key)
            # Steps 3 and 4: one spelling, and the signature over it.
            if not (key.ready or key.signature).verifies(payload, signature):
                raise self._bad_signature(payload, signature, key)
            data = b64url_decode(payload)
            # Step 5: version and length.
            if data[0] != VERSION:
                raise UnsupportedVersion(f"format version {data[0]}; this library reads {VERSION}")
            if len(data) < MIN_PAYLOAD:
                raise Malformed(f"a payload of {len(data)} bytes; the least is {MIN_PAYLOAD}")
            # Step 6: open.
            cipher: AESGCM = self._cipher(key, data[1:9])
            plaintext = cipher.decrypt(data[9:21], data[21:], header)
            # Step 7: claims.
            claims, misfit = self._format.read(plaintext)
            iat, ttl, age, cap = claims.iat, claims.ttl, claims.age, claims.cap
            # Step 8: times.
            dies_at = self._policy.check_times(iat, ttl, age, cap, at)
            # Step 9: revocation, by the session's start, whatever its renewals.
            if self._revokes is not None and self._revokes(claims.sid, iat - age, claims.sub):
                raise Revoked("the session was ended before its time")
            # Step 10: the application's type, of a state that may be elsewhere.
            overflowed = None
            if plaintext.find(MARK) >= 0:  # a third faster than the operator
                overflowed = self._reference(plaintext, claims.sid)
            if misfit is not None and overflowed is None:
                raise BadState(misfit)  # noqa: TRY301  # a step as any other
        except BadState as error:
            # Raised by step 10 alone, so the steps before it have passed.
            error.bearer = claims.sid, claims.sub, iat - age, key.kid  # type: ignore[union-attr]
            raise self._refused(error) from None
        except TokenError as error:
            raise self._refused(error) from None
        except NotCanonical:
            reason = "a segment is not canonical base64url without padding"
            raise self._refused(Malformed(reason)) from None
        except InvalidTag:
            reason = f"the token is signed by its key, but not sealed for context {self.context!r}"
            raise self._refused(DecryptFailed(reason)) from None
        fields = (claims.state, claims.sid, claims.sub, iat, iat - age, dies_at, key.kid,
                  self.context, ttl, cap, at, self._origin, overflowed)  # fmt: skip
        if overflowed is not None:
            return self.fetched(fields) if fetch else fields
        if self._observer is not None:
            self._observer.decoded()
        return fields

    def _reference(self, plaintext: bytes, sid: bytes) -> Overflowed | None:
        """Return where the state is that good claims stand for, or None if it is in them.

        Raises:
            BadState: It is nowhere that this codec could ask.
        """
        claims, _ = UntypedState().read(plaintext)
        reference = reference_of(claims.state)
        if reference is None:
            return None
        if self._overflow is None:
            raise BadState(
                "the state is in a store: give this codec the same, SessionCodec(overflow=...)"
            )
        return Overflowed(reference, sid, None)

    def fetched(self, fields: SessionFields[StateT]) -> SessionFields[StateT]:
        """Return what `read` gave without fetching, with its state.

        Raises:
            BadState: The state does not fit the type; StateLost: it is gone.
            StoreError: The store cannot be asked.
        """
        overflowed = fields[-1]
        if overflowed is None or overflowed.packed is not None or self._overflow is None:
            return fields
        try:
            found = self._overflow.get(overflowed.reference, fields[1], self._encoded_context)
            state = self._format.read_state(found.packed or b"")
        except BadState as error:
            error.bearer = fields[1], fields[2], fields[4], fields[6]
            raise self._refused(error) from None
        if self._observer is not None:
            self._observer.decoded()
        return (state, *fields[1:-1], found)

    def _unknown_key(self, key: TokenKey | None) -> UnknownKey:
        if key is None:
            self._rings.missed()
            return UnknownKey("the header is not that of any key in the ring")
        state = "revoked" if key.key.revoked else "expired"
        return UnknownKey(f"key {key.kid!r} is {state}", key_state=state)

    def _refused(self, error: TokenError) -> TokenError:
        _log.debug("token refused: %s", error.code)
        if self._observer is not None:
            self._observer.refused(error.code)
        return error

    def _bad_signature(self, payload: bytes, signature: bytes, key: TokenKey) -> TokenError:
        """Tell, after a signature failed, whether step 3 had to refuse the token before step 4.

        Raises:
            NotCanonical: It had to, for the spelling of a segment.
        """
        b64url_decode(payload)
        length = key.signature.length
        if len(b64url_decode(signature)) != length:
            return Malformed(f"the signature does not have the {length} bytes of its algorithm")
        return BadSignature(f"the signature does not verify in context {self.context!r}")


def encode(
    state: Any,
    keys: KeyRing | KeyRingWatcher,
    *,
    context: str = DEFAULT_CONTEXT,
    subject: Subject = None,
    ttl: int | None = None,
    cap: int | None = None,
    now: float | None = None,
) -> str:
    """Return the token of a new session that lives `ttl` seconds (1800 by default).

    Args, errors: see `SessionCodec.encode`; this is that of a codec without a policy.

    >>> keys = KeyRing.generate()
    >>> decode(encode({"user_id": 42}, keys, subject="42"), keys).state
    {'user_id': 42}
    """
    return _codec_of(keys, context).encode(state, subject=subject, ttl=ttl, cap=cap, now=now)


def decode(
    token: str | bytes,
    keys: KeyRing | KeyRingWatcher,
    *,
    context: str = DEFAULT_CONTEXT,
    now: float | None = None,
) -> Session[Any]:
    """Return the session that a token carries.

    Args, errors: see `SessionCodec.decode`; this is that of a codec without a policy.
    """
    return _codec_of(keys, context).decode(token, now=now)


def _codec_of(keys: KeyRing | KeyRingWatcher, context: str) -> SessionCodec[Any]:
    try:
        return _codec(keys, context)
    except TypeError:  # what is not hashable is no KeyRing, or no context
        return SessionCodec(keys, context=context)


@lru_cache(maxsize=64)
def _codec(keys: KeyRing | KeyRingWatcher, context: str) -> SessionCodec[Any]:
    return SessionCodec(keys, context=context)


def _ring_of(keys: KeyRing | KeyRingWatcher) -> KeyRing:
    """Return the ring of this moment, or raise a ConfigError for what has none."""
    if isinstance(keys, KeyRing):
        return keys
    from tokensession.keys.watcher import KeyRingWatcher  # noqa: PLC0415  # as above

    if not isinstance(keys, KeyRingWatcher):
        raise ConfigError(
            f"keys must be a KeyRing, not {type(keys).__name__}; "
            'make one with KeyRing.open("session-keys.json")'
        )
    return keys.ring


def _misframed(token: object) -> Malformed:
    """Tell why something cannot be a token (SPEC 5, step 1)."""
    if not isinstance(token, str | bytes):
        return Malformed(f"a token is text, not {type(token).__name__}")
    if len(token) > MAX_TOKEN:
        return Malformed(f"{len(token)} characters; a token has at most {MAX_TOKEN}")
    return Malformed("a token is ASCII")


def _format(state_type: type[StateT] | None) -> StateFormat[StateT]:
    if state_type is None:
        return cast("StateFormat[StateT]", UntypedState())
    try:
        return cast("StateFormat[StateT]", TypedState(state_type))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"state_type is not supported: {error}") from error


def _default_policy(keys: KeyRing) -> Policy:
    lifetime = keys.token_lifetime
    idle_timeout = DEFAULT_TTL if lifetime is None else min(DEFAULT_TTL, lifetime)
    return Policy(idle_timeout=idle_timeout, absolute_timeout=None)


def _checked_padding(padding: int) -> int:
    if isinstance(padding, bool) or not isinstance(padding, int):
        raise ConfigError(f"padding must be a number of bytes, not {type(padding).__name__}")
    if padding and not 2 <= padding <= MAX_PADDING:  # noqa: PLR2004
        raise ConfigError(f"padding must be 0 or from 2 to {MAX_PADDING} bytes, not {padding}")
    return padding


def _meet_ring(
    ring: KeyRing, *, policy: Policy, observer: Observer | None, first_serial: int
) -> None:
    """Take note of a ring that a watcher has loaded, and hold the policy against it."""
    if observer is not None and ring.serial != first_serial:
        observer.ring_reloaded(ring.serial)
    _check_lifetimes(ring, policy)


def _check_lifetimes(keys: KeyRing, policy: Policy) -> None:
    """Hold the policy against the ring: what it mints must not outlive the keys (SPEC 7)."""
    if keys.can_mint:
        _check_ttl("idle_timeout", policy.idle_timeout, keys)
        _check_leeway(policy.leeway, keys)
        keys.check_grace(policy.idle_timeout, leeway=policy.leeway, now=whole_seconds(None))


def _check_ttl(name: str, seconds: int, keys: KeyRing) -> None:
    lifetime = keys.token_lifetime
    if lifetime is not None and seconds > lifetime:
        raise ConfigError(
            f"{name} ({seconds} s) exceeds the token_lifetime ({lifetime} s) of the ring's "
            "rotation config, after which keys are removed: lower it, or raise token_lifetime"
        )


def _check_leeway(leeway: int, keys: KeyRing) -> None:
    schedule = keys.schedule
    if schedule is not None and leeway > schedule.leeway:
        raise ConfigError(
            f"the policy's leeway ({leeway} s) exceeds that of the ring's rotation config "
            f"({schedule.leeway} s), after which keys are removed: lower it, or set "
            f'"leeway": {leeway} in the rotation config'
        )
