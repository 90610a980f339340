"""The codec converts sessions to tokens and back."""

from __future__ import annotations

import os
from functools import partial
from time import time
from typing import TYPE_CHECKING, Any, Final, Generic, overload

from tokensession.errors import ConfigError
from tokensession.format.claims import SID_BYTES, StateT, Subject
from tokensession.format.seconds import whole_seconds
from tokensession.format.state import check_given_subject
from tokensession.format.state_format import state_format
from tokensession.observer import SILENT, checked_observer
from tokensession.overflow.overflow import Overflow, overflow_of
from tokensession.sessions.events import Events
from tokensession.sessions.listing import Listing
from tokensession.sessions.policy import Policy
from tokensession.sessions.session import Session, check_session
from tokensession.sessions.steps import run
from tokensession.sessions.value import Origin
from tokensession.tokens.changes import Changes
from tokensession.tokens.derived_keys import DerivedKeys, ring_of
from tokensession.tokens.limits import check_lifetimes, check_ttl, checked_padding, meet_ring
from tokensession.tokens.listing import Lister
from tokensession.tokens.options import CodecOptions, check_names
from tokensession.tokens.reading import TokenReader
from tokensession.tokens.sealing import NONCE_BYTES, context_bytes
from tokensession.tokens.writing import TokenWriter

if TYPE_CHECKING:
    from typing import Unpack

    from tokensession.format.seconds import Duration
    from tokensession.keys.ring import KeyRing
    from tokensession.keys.watcher import KeyRingWatcher
    from tokensession.sessions.steps import Steps
    from tokensession.sessions.value import SessionValue
    from tokensession.tokens.derived_keys import RingKeys
    from tokensession.tokens.writing import NewClaims

DEFAULT_CONTEXT: Final = "session"
# The policy of the functions: a session ends by its cap, or if it is not renewed.
UNLIMITED: Final = Policy(absolute_timeout=None)


class SessionCodec(Lister, Generic[StateT]):
    """Writes and reads the tokens of one context.

    It is thread-safe and fork-safe: create one and keep it.

    Args:
        keys: The ring, or a `KeyRingWatcher` that follows the ring's source.
        context: The purpose of the tokens, 1 to 255 bytes of UTF-8. A token of one context is
            refused in another.
        state_type: The type of the state, such as a ``msgspec.Struct``, a dataclass or a TypedDict.
            It can be any type that msgspec converts to core values and back. None: untyped core
            values.
        options: `policy`, `revocation`, `overflow`, `directory`, `padding`, `observer` and
            `convert`; see `CodecOptions`.

    Attributes:
        context: The context of the tokens.
        reader: Reads tokens; for adapters.
        writer: Writes tokens; for adapters.
        changes: Detects changes of the state; for adapters.
        rings: The keys; for adapters.
        revocations: The revocation list, or None.

    Raises:
        ConfigError: An argument is invalid, the lifetimes do not fit the ring's rotation config, a
            store can lose entries and the application has not accepted that, or a directory has no
            revocation list of its connection.
    """

    __slots__ = (
        "_policy", "_ttl", "changes", "context", "reader", "rings", "writer",
    )  # fmt: skip

    @overload
    def __init__(
        self: SessionCodec[Any],
        keys: KeyRing | KeyRingWatcher,
        *,
        context: str = ...,
        state_type: None = ...,
        **options: Unpack[CodecOptions],
    ) -> None: ...

    @overload
    def __init__(
        self,
        keys: KeyRing | KeyRingWatcher,
        *,
        context: str = ...,
        state_type: type[StateT],
        **options: Unpack[CodecOptions],
    ) -> None: ...

    def __init__(
        self,
        keys: KeyRing | KeyRingWatcher,
        *,
        context: str = DEFAULT_CONTEXT,
        state_type: type[StateT] | None = None,
        **options: Unpack[CodecOptions],
    ) -> None:
        check_names(options, CodecOptions)
        if isinstance(keys, SessionCodec):
            raise ConfigError(
                "keys is a SessionCodec, which has its keys: call codec.encode(state) and "
                "codec.decode(token), or pass the codec to SessionManager(codec)"
            )
        policy, observer = options.get("policy"), options.get("observer")
        ring = ring_of(keys)
        if policy is None:
            policy = Policy()
        elif not isinstance(policy, Policy):
            raise ConfigError(f"policy must be a Policy, not {type(policy).__name__}")
        self._policy = limits = policy.within(ring.token_lifetime)
        overflow = overflow_of(options.get("overflow"))
        self.overflow: Overflow | None = overflow
        purpose = context, context_bytes(context)
        self.context: str = context
        padding = checked_padding(options.get("padding", 0))
        read_as = state_format(state_type, options.get("convert"))
        if policy is not UNLIMITED:
            check_lifetimes(ring, limits)
        if observer is not None:
            checked_observer(observer)
        self.events: Events = Events(observer, options.get("audit"))
        check = partial(meet_ring, policy=limits, observer=observer, first_serial=ring.serial)
        self.rings: DerivedKeys = DerivedKeys(keys, purpose[1], check)
        self._ttl = limits.lifetime(None, None)[0]
        self.revocations = self.directory = None
        revocation, directory = options.get("revocation"), options.get("directory")
        if revocation is not None:
            # Imported lazily: most applications do not use revocation.
            from tokensession.revocation.list import RevocationList  # noqa: PLC0415

            listing = None if directory is None else Listing()
            self.revocations = RevocationList(revocation, limits, observer or SILENT, listing)
        if directory is not None:
            from tokensession.directory.directory import SessionDirectory  # noqa: PLC0415

            self.directory = SessionDirectory(
                directory, self.revocations, limits, observer or SILENT, self.events
            )
        origin = Origin(self._lifetime, limits.absolute_timeout, read_as.empty)
        self.reader: TokenReader[StateT] = TokenReader(
            purpose, limits, read_as, origin,
            revocations=self.revocations, overflow=overflow, observer=observer,
        )  # fmt: skip
        self.changes: Changes[StateT] = Changes(read_as)
        self.writer: TokenWriter[StateT] = TokenWriter(
            purpose, limits, read_as, padding=padding,
            revocations=self.revocations, overflow=overflow, observer=observer,
        )  # fmt: skip

    def encode(
        self,
        state: StateT,
        *,
        subject: Subject = None,
        ttl: Duration | None = None,
        cap: Duration | None = None,
        now: float | None = None,
    ) -> str:
        """Return the token of a new session.

        Args:
            state: The application's data.
            subject: The session's subject: a str, an int within ±(2**53 - 1), or None.
            ttl: The session's own idle window, in seconds or as a timedelta; by default the
                policy's.
            cap: The longest life of this session in seconds, for "remember me" or a short session.
                The default is the policy's absolute timeout.
            now: Unix seconds; the system's clock when None.

        Raises:
            StateError: The state or subject cannot be written unchanged; the message has the path.
            SessionTooLarge: The token would have more than 8192 characters.
            ConfigError: No key can sign, or a ttl, cap or clock is out of range.
            StoreError: A revocation or overflow store could not be read or written; see `Lookup`
                and `Replica`.
        """
        iat = int(time()) if now is None else whole_seconds(now)
        window, limit = self._ttl, None
        if ttl is not None or cap is not None:
            window, limit = self._lifetime(ttl, cap)
        if subject == "":
            check_given_subject(subject)
        random = os.urandom(SID_BYTES + NONCE_BYTES)
        sid, nonce = random[:SID_BYTES], random[SID_BYTES:]
        keys = self.rings.current()
        if window > keys.longest_ttl:  # noqa: PLR1730  # a later ring can lower it; a call costs more
            window = keys.longest_ttl
        claims = (sid, iat, window, 0, subject)
        if self.reader.storeless:
            return self.writer.new_now(claims, state, limit, nonce, keys)
        return run(self._encoding(state, claims, limit, nonce, keys))

    def _encoding(
        self, state: StateT, claims: NewClaims, cap: int | None, nonce: bytes, keys: RingKeys
    ) -> Steps[str]:
        sid, iat, ttl, age, subject = claims
        if self.directory is not None and subject is not None:
            value = self.reader.begin(iat)
            value.replace_state(state)
            value.sid, value.subject, value.ttl, value.cap = sid, subject, ttl, cap
            return (yield from self._written(value, iat))
        if self.revocations is not None:
            iat = yield from self.revocations.dating(sid, subject, iat)
        claims = (sid, iat, ttl, age, subject)
        return (yield from self.writer.new(claims, state, cap, nonce, keys))

    def _lifetime(self, ttl: Duration | None, cap: Duration | None) -> tuple[int, int | None]:
        """Return idle window and cap of a session that may set its own."""
        window, limit = self._policy.lifetime(ttl, cap)
        if ttl is not None:
            check_ttl("ttl", window, self.rings.current().ring)
        return window, limit

    def decode(self, token: str | bytes, *, now: float | None = None) -> Session[StateT]:
        """Return the session that a token carries.

        Args:
            token: The token's text. Other values are refused like an invalid token.
            now: Unix seconds; the system's clock when None.

        Raises:
            TokenError: The token yields no session; the subclass and ``code`` name the failed check
                (SPEC 5).
            ConfigError: `now` is not a finite number.
            StoreError: A revocation or overflow store could not be read (see `Lookup` and
                `Replica`), or the watcher's thread cannot be started.
        """
        at = int(time()) if now is None else whole_seconds(now)
        reader = self.reader
        opened = reader.open(token, at, self.rings.current())
        if reader.storeless:
            return Session(reader.fit(opened, at))
        return Session(run(reader.admit(opened, at)))

    def new(self, *, now: float | None = None) -> Session[StateT]:
        """Return a new, empty, anonymous session that has no token yet."""
        return Session(self.reader.begin(whole_seconds(now)))

    def renew(self, session: Session[StateT], *, now: float | None = None) -> str:
        """Return a new token for the same session, with its current state.

        Session id, start, subject, idle window and cap stay. Key and dates are fresh.

        Args:
            session: A session from `decode` or `new`.
            now: Unix seconds; the system's clock when None.

        Raises:
            Expired: The session has ended, so no token is written.
            ConfigError: The session has another context, the argument is not a session, or no key
                can sign.
            StateError: As for `encode`.
            SessionTooLarge: As for `encode`.
            StoreError: As for `encode`.
        """
        check_session("session", session)
        return run(self._renewing(session, whole_seconds(now)))

    def _renewing(self, session: Session[StateT], at: int) -> Steps[str]:
        value = session._value or session._open()  # noqa: SLF001  # our own class
        return (yield from self._written(value, at))

    def _written(self, value: SessionValue[StateT], at: int) -> Steps[str]:
        """Return a new token of a session, and list the session in the directory."""
        keys = self.rings.current()
        yield from self.writer.dating(value, at)
        written = yield from self.writer.write(value, at, keys)
        if self.directory is not None and value.subject is not None:
            assert self.revocations is not None
            if value.kid:
                yield from self.directory.touching(value, at)
            else:
                ended = yield from self.directory.adding(value, at)
                if self.revocations.dates_again(value, ended, at):
                    written = yield from self.writer.write(value, at, keys)
                    yield from self.directory.adding(value, at)
        value.entry = written.overflowed
        return written.token
