"""An immutable set of keys: the content of its document, and its states by time (SPEC 7)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar

from tokensession.errors import ConfigError
from tokensession.format.core_values import check_switch
from tokensession.format.seconds import whole_seconds
from tokensession.keys import changes
from tokensession.keys.document import Document, check_serial, parse_document, write_document
from tokensession.keys.jwk import Key
from tokensession.keys.jwk_pair import is_kid
from tokensession.keys.reuse import check_reuse, check_succession
from tokensession.keys.schedule import (
    Schedule,
    parse_schedule,
    schedule_for_revoking,
    token_lifetime,
)
from tokensession.keys.signer import Signer, State, signer_of, states_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_KeySet = TypeVar("_KeySet", bound="KeySet")


class KeySet:
    """The keys of a document, its serial and its other members.

    `KeyRing` adds how rings are read, written and changed.
    """

    __slots__ = (
        "__weakref__",
        "_ancestors",
        "_by_kid",
        "_can_mint",
        "_members",
        "_serial",
        "_token_lifetime",
    )

    def __init__(
        self, keys: Iterable[Key], *, serial: int = 0, members: Mapping[str, Any] | None = None
    ) -> None:
        if isinstance(keys, str | bytes) or not isinstance(keys, Iterable):
            raise ConfigError(
                f"the keys must be Key objects, not {type(keys).__name__}: use "
                "KeyRing.from_jwks(document)"
            )
        by_kid: dict[str, Key] = {}
        for key in keys:
            if not isinstance(key, Key):
                raise ConfigError(f"the keys must be Key objects, not {type(key).__name__}")
            if key.kid in by_kid:
                raise ConfigError(f"key {key.kid!r} occurs twice: give each key its own kid")
            by_kid[key.kid] = key
        if not by_kid:
            raise ConfigError("the ring has no keys: make one with `tokensession keys new`")
        check_reuse(tuple(by_kid.values()))
        check_serial(serial)
        self._by_kid = by_kid
        self._serial = serial
        if members is not None and not isinstance(members, Mapping):
            raise ConfigError(f"members must be a dict, not {type(members).__name__}")
        self._members = dict(members or {})
        self._token_lifetime = token_lifetime(self._members)
        self._can_mint = any(key.can_mint and not key.revoked for key in by_kid.values())
        # Digests of this set's ancestors, so that it never replaces the document of another writer.
        self._ancestors: tuple[bytes, ...] = ()

    @classmethod
    def from_jwks(
        cls, document: Mapping[str, Any] | str | bytes, *, running: KeySet | None = None
    ) -> Self:
        """Return the ring that a JWK Set describes.

        Args:
            document: The JWK Set as a dict or as JSON text.
            running: The ring in use. A document that lowers its serial, or changes material
                under one of its kids, is refused.

        Raises:
            ConfigError: SPEC section 7 refuses the document.
        """
        keys, serial, members = parse_document(document)
        ring = cls(keys, serial=serial, members=members)
        if running is not None:
            ring.check_successor_of(running)
        return ring

    # -- the keys ----------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Key]:
        """Yield the keys."""
        return iter(self._by_kid.values())

    def __len__(self) -> int:
        """Return the number of kids."""
        return len(self._by_kid)

    def __contains__(self, kid: object) -> bool:
        """Tell whether the set lists a kid."""
        return kid in self._by_kid

    def __getitem__(self, kid: str) -> Key:
        """Return the key of a kid; raise ConfigError if the set does not list it."""
        key = self._by_kid.get(kid) if isinstance(kid, str) else None
        if key is None:
            known = ", ".join(sorted(self._by_kid))
            name = f"key {kid!r}" if is_kid(kid) else "such key"
            raise ConfigError(f"the ring has no {name}: use one of {known}")
        return key

    def __repr__(self) -> str:
        """Show the kids and the serial, never material."""
        return f"<{type(self).__name__} serial={self._serial} kids={sorted(self._by_kid)}>"

    def __reduce__(self) -> NoReturn:
        """Refuse pickling, because a pickle would silently contain the secrets."""
        raise TypeError(
            "a KeyRing holds secrets and cannot be pickled: open it in each process, or pass "
            "ring.to_jwks(private=True) over a trusted channel"
        )

    def __deepcopy__(self, memo: object) -> Self:
        """Return the set itself, because it is immutable."""
        return self

    # -- the document ------------------------------------------------------------------------

    @property
    def serial(self) -> int:
        """The document's serial, which each change raises."""
        return self._serial

    @property
    def members(self) -> Mapping[str, Any]:
        """The document's other members, such as the rotation config."""
        return MappingProxyType(self._members)

    @property
    def token_lifetime(self) -> int | None:
        """The longest ttl in seconds that the rotation config allows, or None."""
        return self._token_lifetime

    @property
    def schedule(self) -> Schedule | None:
        """The rotation config of the document, or None.

        Raises:
            ConfigError: The config is invalid.
        """
        return parse_schedule(self._members)

    @property
    def numbers(self) -> Schedule:
        """The rotation config, with defaults for missing or invalid members."""
        return schedule_for_revoking(self._members)

    @property
    def fingerprint(self) -> str:
        """16 hex digits that identify the document with its secrets; safe to log."""
        return self._digest().hex()[:16]

    @property
    def can_mint(self) -> bool:
        """Whether any key can ever sign; false in a reader's ring."""
        return self._can_mint

    def to_jwks(self, *, private: bool = False) -> dict[str, Any]:
        """Return the document.

        Args:
            private: Include the secrets. Otherwise the document contains only what can be
                published: the public halves of asymmetric keys that are not revoked.
        """
        check_switch("private", private)
        if private:
            return write_document(Document([*self], self._serial, self._members))
        return {"keys": [jwk for key in self for jwk in key.to_jwks()]}

    def to_json(self) -> bytes:
        """Return the document with its secrets as JSON text, as `KeyRing.save` writes it."""
        return json.dumps(self.to_jwks(private=True), indent=1).encode() + b"\n"

    def _digest(self) -> bytes:
        text = json.dumps(self.to_jwks(private=True), sort_keys=True)
        return sha256(b"tokensession/v1/fingerprint\0" + text.encode()).digest()

    def _comes_from(self, other: KeySet) -> bool:
        """Tell whether this set is the other one or descends from it."""
        digest = other._digest()
        return digest == self._digest() or digest in self._ancestors

    # -- states by the clock -----------------------------------------------------------------

    def signer(self, now: float | None = None) -> Signer | None:
        """Return the key that signs now and for how long, or None if no key can."""
        return signer_of(self._by_kid.values(), whole_seconds(now))

    def active(self, now: float | None = None) -> Key | None:
        """Return the key that signs now, or None if no key can."""
        signer = self.signer(now)
        return None if signer is None else signer.key

    def states(self, now: float | None = None) -> dict[str, State]:
        """Return each kid's state; a reader's ring has the same states as its minter's.

        Args:
            now: Unix seconds; the system's clock when None.
        """
        return states_of(self._by_kid.values(), whole_seconds(now))

    # -- rules -------------------------------------------------------------------------------

    def check_grace(self, token_lifetime: int, *, leeway: int, now: int) -> None:
        """Refuse a key that expires before its last tokens.

        Args:
            token_lifetime: The longest ttl that is minted, in seconds.
            leeway: Seconds by which clocks can differ.
            now: Unix second. Expired keys are accepted, because it is too late for them.

        Raises:
            ConfigError: A key expires too early; the message has the numbers and the fix.
        """
        schedule = replace(self.numbers, token_lifetime=token_lifetime, leeway=leeway)
        changes.check_grace(tuple(self), schedule, now=whole_seconds(now))

    def check_successor_of(self, running: KeySet) -> None:
        """Refuse a ring that would be a step back from `running`.

        Raises:
            ConfigError: A smaller serial, a revocation that is missing, other material under a kid,
                or a revoked key's material under another kid.
        """
        check_ring("running", running)
        if self._serial < running.serial:
            raise ConfigError(
                f"the document has serial {self._serial}, older than the running {running.serial}: "
                "restore the newer one"
            )
        check_succession(tuple(self), tuple(running))


def check_ring(name: str, ring: _KeySet) -> _KeySet:
    """Return a ring.

    Raises:
        ConfigError: It is another object, such as a watcher; the message has the argument's name.
    """
    if not isinstance(ring, KeySet):
        raise ConfigError(
            f"{name} must be a KeyRing, not {type(ring).__name__}: of a watcher, pass its ring"
        )
    return ring
