"""The key ring: which keys sign and verify at a given time (SPEC section 7).

A ring never changes; adding, retiring or revoking a key gives a new ring with the next serial.
"""

from __future__ import annotations

import json
import logging
import math
import os
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from tokensession.errors import ConfigError
from tokensession.format.seconds import check_seconds, whole_seconds
from tokensession.keys import private_file
from tokensession.keys.document import (
    Document,
    check_reuse,
    check_serial,
    parse_document,
    write_document,
)
from tokensession.keys.jwk import Key, generate_key
from tokensession.keys.known_secrets import check_unpublished
from tokensession.keys.schedule import DEFAULT_PROPAGATION, Schedule, parse_schedule, token_lifetime

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

State = Literal["pending", "active", "retiring", "expired", "revoked"]

_log = logging.getLogger("tokensession")


@dataclass(frozen=True, slots=True)
class Signer:
    """The key that signs from the Unix second `since` to before `until` (or for ever)."""

    key: Key
    since: int
    until: float


class KeyRing:
    """An immutable set of keys.

    Args:
        keys: The keys, each kid once; their order means nothing.
        serial: Grows with each change of the document.
        members: Further members of the document, kept when it is written.

    Raises:
        ConfigError: No key, one kid twice, or a secret used twice.
    """

    __slots__ = (
        "__weakref__",
        "_by_kid",
        "_can_mint",
        "_members",
        "_serial",
        "_stored",
        "_token_lifetime",
    )

    def __init__(
        self, keys: Iterable[Key], *, serial: int = 0, members: Mapping[str, Any] | None = None
    ) -> None:
        if isinstance(keys, str | bytes):
            raise ConfigError(
                "a ring is made of keys, not of text; use KeyRing.from_jwks(document)"
            )
        by_kid: dict[str, Key] = {}
        for key in keys:
            if not isinstance(key, Key):
                raise ConfigError(f"a ring is made of Key objects, not {type(key).__name__}")
            if key.kid in by_kid:
                raise ConfigError(f"key {key.kid!r} is there twice; a kid is used once")
            by_kid[key.kid] = key
        if not by_kid:
            raise ConfigError(
                "a ring needs at least one key; make one with `tokensession keys new`"
            )
        check_reuse(by_kid.values())
        self._by_kid = by_kid
        check_serial(serial)
        self._serial = serial
        self._members = dict(members or {})
        self._token_lifetime = token_lifetime(self._members)
        self._can_mint = any(key.can_mint and not key.revoked for key in by_kid.values())
        # The ring that this one was made from, as it was last read or written; None for none.
        self._stored: KeyRing | None = None

    # -- where rings come from ---------------------------------------------------------------

    @classmethod
    def generate(cls, algorithm: str = "HS256", *, kid: str | None = None) -> KeyRing:
        """Return a ring of one new key, in memory.

        Args:
            algorithm: ``HS256``, ``Ed25519`` or ``ES256``.
            kid: The key's name; random when None.

        Raises:
            ConfigError: An unknown algorithm or a kid outside the alphabet.
        """
        return cls([generate_key(algorithm, kid=kid)])

    @classmethod
    def from_jwks(
        cls, document: Mapping[str, Any] | str | bytes, *, running: KeyRing | None = None
    ) -> KeyRing:
        """Return the ring that a JWK Set describes.

        Args:
            document: The JWK Set as a dict or as JSON text.
            running: The ring in use; a document that turns its serial back, or changes material
                under one of its kids, is refused.

        Raises:
            ConfigError: Anything that SPEC section 7 refuses.
        """
        keys, serial, members = parse_document(document)
        ring = cls(keys, serial=serial, members=members)
        ring._stored = ring
        if running is not None:
            ring.check_successor_of(running)
        return ring

    @classmethod
    def from_env(cls, name: str, *, running: KeyRing | None = None) -> KeyRing:
        """Return the ring whose document is in the environment variable `name`.

        Raises:
            ConfigError: The variable is missing or empty, its document is refused, or its
                secrets are published ones.
        """
        private_file.check_name(name)
        text = os.environ.get(name)
        if not text:
            raise ConfigError(
                f"environment variable {name} is missing or empty; set it to the JSON that "
                "`tokensession keys new` writes"
            )
        try:
            return cls._from_store(text, running=running)
        except ConfigError as error:
            raise ConfigError(f"environment variable {name}: {error}") from error

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        algorithm: str = "HS256",
        create: bool = True,
        shared_file: bool = False,
        running: KeyRing | None = None,
    ) -> KeyRing:
        """Return the ring in a file, which is created with one new key when there is none.

        Args:
            path: The file. Of several processes that create it at once, one does.
            algorithm: Of the key in a new file.
            create: False where several hosts read copies of the file: a host without its copy
                must not make keys of its own.
            shared_file: Accept a file that others can read, as mounted container secrets are.
            running: As for `from_jwks`.

        Raises:
            ConfigError: No such file with ``create=False``, readable by others, not writable, a
                document that is refused, or published secrets.
        """
        try:
            content = private_file.read_private_file(path, shared_file=shared_file)
        except FileNotFoundError:
            # A file that has vanished under a running ring is no reason for new keys.
            if not create or running is not None:
                raise ConfigError(
                    f"key file {path}: not found; copy it here, or make it with "
                    "`tokensession keys new`"
                ) from None
            ring = cls.generate(algorithm)
            if private_file.create_private_file(path, ring.to_json()):
                _log.warning("created key file %s with one new %s key", path, algorithm)
                ring._stored = ring  # noqa: SLF001  # our own class
                return ring
            return cls.open(path, create=False, shared_file=shared_file)
        try:
            return cls._from_store(content, running=running)
        except ConfigError as error:
            raise ConfigError(f"key file {path}: {error}") from error

    @classmethod
    def _from_store(cls, document: str | bytes, *, running: KeyRing | None) -> KeyRing:
        """Load a document that is meant for use, not for a test: published secrets are refused."""
        ring = cls.from_jwks(document, running=running)
        check_unpublished(ring)
        return ring

    # -- where rings go ----------------------------------------------------------------------

    def to_jwks(self, *, private: bool = False) -> dict[str, Any]:
        """Return the ring's document.

        Args:
            private: Include the secrets. Without them the document holds only what may be
                published: the public halves of asymmetric keys that are not revoked.
        """
        if private:
            return write_document(Document([*self], self._serial, self._members))
        return {"keys": [jwk for key in self for jwk in key.to_jwks()]}

    def to_json(self) -> bytes:
        """Return the document with its secrets as JSON text, as `save` writes it."""
        return json.dumps(self.to_jwks(private=True), indent=1).encode() + b"\n"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the document to a file, in one step and only over what this ring was made from.

        A new file has mode 0600; an old one keeps its owner and mode.

        Raises:
            ConfigError: The file holds something else than the ring that this one was made from
                (another writer was there first), or it cannot be written.
        """

        def check(content: bytes | None) -> None:
            if content is None:
                return
            present = KeyRing.from_jwks(content)
            known = [self] if self._stored is None else [self, self._stored]
            if not any(self._same_document(present, ring) for ring in known):
                raise ConfigError(
                    f"key file {path}: it holds serial {present.serial} of another writer; open "
                    "the file again and repeat the change"
                )

        private_file.replace_private_file(path, self.to_json(), check=check)
        self._stored = self

    @staticmethod
    def _same_document(one: KeyRing, other: KeyRing) -> bool:
        return one.to_jwks(private=True) == other.to_jwks(private=True)

    # -- what is in a ring -------------------------------------------------------------------

    @property
    def serial(self) -> int:
        """How often the document has changed."""
        return self._serial

    @property
    def token_lifetime(self) -> int | None:
        """The longest ttl in seconds that the document's rotation config allows, or None."""
        return self._token_lifetime

    @property
    def schedule(self) -> Schedule | None:
        """The rotation config of the document, or None.

        Raises:
            ConfigError: It is wrong; with the reason.
        """
        return parse_schedule(self._members)

    @property
    def fingerprint(self) -> str:
        """16 hex digits that are equal where the document is, secrets included; fit for logs."""
        text = json.dumps(self.to_jwks(private=True), sort_keys=True)
        return sha256(b"tokensession/v1/fingerprint\0" + text.encode()).hexdigest()[:16]

    @property
    def can_mint(self) -> bool:
        """Whether any key of the ring can ever sign; a reader's cannot."""
        return self._can_mint

    def __iter__(self) -> Iterator[Key]:
        """Give the keys."""
        return iter(self._by_kid.values())

    def __len__(self) -> int:
        """Count the kids."""
        return len(self._by_kid)

    def __contains__(self, kid: object) -> bool:
        """Tell whether a kid is listed."""
        return kid in self._by_kid

    def __getitem__(self, kid: str) -> Key:
        """Return the key of a kid.

        Raises:
            ConfigError: The ring does not list it.
        """
        try:
            return self._by_kid[kid]
        except KeyError:
            known = ", ".join(sorted(self._by_kid))
            raise ConfigError(f"the ring has no key {kid!r}; it has {known}") from None

    def __repr__(self) -> str:
        """Show kids and serial, never material."""
        return f"<KeyRing serial={self._serial} kids={sorted(self._by_kid)}>"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: a pickle would carry the secrets unnoticed."""
        raise TypeError(
            "a KeyRing holds secrets and is not pickled; open it in each process, or pass "
            "ring.to_jwks(private=True) over a channel that you trust with the secrets"
        )

    def __deepcopy__(self, memo: object) -> KeyRing:
        """Return the ring itself: it never changes."""
        return self

    # -- states by the clock -----------------------------------------------------------------

    def signer(self, now: int) -> Signer | None:
        """Return the key that signs at the Unix second `now`, or None when none can."""
        candidates = [key for key in self if key.can_mint and key.verifies(now)]
        return _choose(candidates, now)

    def active(self, now: float | None = None) -> Key | None:
        """Return the key that signs now, or None when none can."""
        signer = self.signer(whole_seconds(now))
        return None if signer is None else signer.key

    def states(self, now: float | None = None) -> dict[str, State]:
        """Return each kid's state. In a reader's ring they are those that its minter computes.

        Args:
            now: Unix seconds; the system's clock when None.
        """
        at = whole_seconds(now)
        verifying = [key for key in self if key.verifies(at)]
        minting = [key for key in verifying if key.can_mint] if self.can_mint else verifying
        signer = _choose(minting, at)
        states: dict[str, State] = {}
        for key in self:
            if key.revoked:
                states[key.kid] = "revoked"
            elif not key.verifies(at):
                states[key.kid] = "expired"
            elif signer is not None and key is signer.key:
                states[key.kid] = "active"
            else:
                states[key.kid] = "pending" if at < key.nbf else "retiring"
        return states

    # -- new rings ---------------------------------------------------------------------------

    def reader(self) -> KeyRing:
        """Return the ring without the means to sign.

        It still holds the encryption secrets, so it is not public: whoever has it reads every
        session.

        Raises:
            ConfigError: A key is HS256, where whoever verifies can sign.
        """
        return KeyRing([key.reader() for key in self], serial=self._serial, members=self._members)

    def add(
        self,
        algorithm: str | Key = "HS256",
        *,
        nbf: int | None = None,
        propagation: int = DEFAULT_PROPAGATION,
        now: float | None = None,
    ) -> KeyRing:
        """Return a ring with one key more: publish before use.

        Args:
            algorithm: Of the new key, or the key itself.
            nbf: Unix second from which it may sign; by default `now` + `propagation`, or none
                when no other key can sign.
            propagation: Seconds until every process has the new document: its refresh interval,
                its distribution and the largest difference between two clocks.
            now: Unix seconds; the system's clock when None.

        Raises:
            ConfigError: The kid is known already, or `nbf` is too soon; with the numbers.
        """
        at = whole_seconds(now)
        check_seconds("propagation", propagation, least=0)
        alone = self.signer(at) is None
        if isinstance(algorithm, Key):
            key = algorithm if nbf is None else algorithm.with_members(nbf=nbf)
        else:
            if nbf is None and not alone:
                nbf = at + propagation
            key = generate_key(algorithm, nbf=nbf)
            while key.kid in self:
                key = generate_key(algorithm, nbf=nbf)
        if key.kid in self:
            raise ConfigError(f"the ring has a key {key.kid!r} already; a kid is used once")
        if key.can_mint and not key.revoked and not alone and key.nbf < at + propagation:
            raise ConfigError(
                f"key {key.kid!r} would sign from {key.nbf}, before {at + propagation} (now {at} + "
                f"propagation {propagation} s): processes that do not have it yet would refuse its "
                f"tokens; give it nbf={at + propagation} or later"
            )
        return self.with_keys([*self, key])

    def retire(
        self,
        kid: str,
        *,
        token_lifetime: int | None = None,
        leeway: int = 60,
        now: float | None = None,
    ) -> KeyRing:
        """Return a ring in which a superseded key expires once its last tokens have.

        Args:
            kid: The key; another must sign now or from a known time on.
            token_lifetime: The longest ttl in seconds that any codec mints; by default that of
                the document's rotation config.
            leeway: Seconds by which clocks may differ.
            now: Unix seconds; the system's clock when None.

        Raises:
            ConfigError: No such kid, it is revoked, no successor, none that stays, or no lifetime
                known.
        """
        at = whole_seconds(now)
        check_seconds("leeway", leeway, least=0)
        key = self[kid]
        lifetime = self.token_lifetime if token_lifetime is None else token_lifetime
        if lifetime is None:
            raise ConfigError(
                "retire needs token_lifetime, the longest ttl in seconds that any codec mints: "
                'pass it, or set "rotation": {"token_lifetime": ...} in the document'
            )
        check_seconds("token_lifetime", lifetime)
        if not key.verifies(at):
            state = "revoked" if key.revoked else f"expired since {key.exp}"
            raise ConfigError(f"key {kid!r} is {state}, which is more than retired")
        successor = self._successor(key, at)
        if successor is None:
            raise ConfigError(
                f"key {kid!r} has no successor, so retiring it would end all sign-ins: "
                "add a key first"
            )
        if key.exp is None and not any(
            other.can_mint and not other.revoked and other.exp is None
            for other in self
            if other is not key
        ):
            raise ConfigError(
                f"key {kid!r} is the only one without an end; with one of its own nobody could "
                "sign in once all have expired: add a key first"
            )
        exp = max(at, successor.nbf) + lifetime + leeway
        if key.exp is not None:
            exp = min(exp, key.exp)
        ring = self._replaced(key.with_members(exp=exp))
        ring.check_grace(lifetime, leeway=leeway, now=at)
        return ring

    def revoke(self, kid: str, *, reason: str | None = None, now: float | None = None) -> KeyRing:
        """Return a ring in which a key signs and verifies nothing any more, for good.

        The kid stays listed, so that its tokens are told from those of unknown keys.

        Args:
            kid: The key.
            reason: Words for the record.
            now: Unix seconds; the system's clock when None.

        Raises:
            ConfigError: No such kid.
        """
        revoked: dict[str, object] = {"revoked_at": whole_seconds(now)}
        if reason is not None:
            if not isinstance(reason, str):
                raise ConfigError(f"reason must be a str, not {type(reason).__name__}")
            revoked["reason"] = reason
        key = self[kid]
        return self if key.revoked else self._replaced(key.with_members(revoked=revoked))

    def with_schedule(self, schedule: Schedule) -> KeyRing:
        """Return a ring whose document has this rotation config."""
        former = self._members.get("rotation") or {}
        rotation = {
            **{name: value for name, value in former.items() if name not in Schedule.__slots__},
            **schedule.to_member(),
        }
        return self._changed([*self], {**self._members, "rotation": rotation})

    def with_keys(self, keys: Iterable[Key]) -> KeyRing:
        """Return a ring of other keys, with the next serial.

        Dangerous: publishing before use is up to the caller; `add`, `retire`, `revoke` and
        `rotation.plan` see to it.
        """
        return self._changed(keys, self._members)

    def with_revocations_of(self, other: KeyRing) -> KeyRing:
        """Return this ring without the keys that another document of it revokes.

        The serial stays: this is what a process may believe of a document that it cannot take
        over, since a revocation is for good. The material stays too, as the document may hold
        another under the same kid.
        """
        revoked = {key.kid: key.to_jwks(private=True)[0]["revoked"] for key in other if key.revoked}
        if all(key.revoked for key in self if key.kid in revoked):
            return self
        keys = [
            key.with_members(revoked=revoked[key.kid])
            if key.kid in revoked and not key.revoked
            else key
            for key in self
        ]
        return KeyRing(keys, serial=self._serial, members=self._members)

    def _changed(self, keys: Iterable[Key], members: Mapping[str, Any]) -> KeyRing:
        ring = KeyRing(keys, serial=self._serial + 1, members=members)
        ring._stored = self._stored
        return ring

    # -- rules between rings, keys and lifetimes ---------------------------------------------

    def check_grace(self, token_lifetime: int, *, leeway: int, now: int) -> None:
        """Refuse a key that expires before its last tokens do.

        Args:
            token_lifetime: The longest ttl in seconds that is minted.
            leeway: Seconds by which clocks may differ.
            now: Unix second; keys that have expired already are past help and pass.

        Raises:
            ConfigError: With the numbers and the remedy.
        """
        for key in self:
            if key.exp is None or not key.can_mint or not key.verifies(now):
                continue
            successor = self._successor(key, now)
            if successor is None:
                continue
            needed = successor.nbf + token_lifetime + leeway
            if key.exp < needed:
                raise ConfigError(
                    f"key {key.kid!r} expires at {key.exp}, but tokens that it signed until "
                    f"{successor.kid!r} took over at {successor.nbf} live up to {token_lifetime} s "
                    f"(+ {leeway} s leeway), until {needed}: set its exp to {needed} or later, "
                    "or shorten the idle timeout"
                )

    def check_successor_of(self, running: KeyRing) -> None:
        """Refuse to replace `running` by this ring when that would be a step back.

        Raises:
            ConfigError: A smaller serial, a revocation undone, or other material under a kid.
        """
        if self._serial < running.serial:
            raise ConfigError(
                f"the document has serial {self._serial}, older than the running {running.serial}"
            )
        for key in self:
            if key.kid in running and running[key.kid].revoked and not key.revoked:
                raise ConfigError(
                    f"key {key.kid!r} is revoked in the running ring, and a revocation is for good"
                )
            if key.kid in running and _differs(key, running[key.kid]):
                raise ConfigError(
                    f"key {key.kid!r}: its material is not that of the running ring's key of this "
                    "name; a kid is used once: give the new key a new kid"
                )

    def _successor(self, key: Key, now: int) -> Key | None:
        """Return the key that takes over from `key`: the next in the order of (nbf, kid)."""
        later = [
            other
            for other in self
            if other.can_mint
            and other.verifies(now)
            and (other.nbf, other.kid) > (key.nbf, key.kid)
        ]
        return min(later, key=lambda other: (other.nbf, other.kid), default=None)

    def _replaced(self, key: Key) -> KeyRing:
        return self.with_keys([key if other.kid == key.kid else other for other in self])


def _choose(candidates: list[Key], now: int) -> Signer | None:
    """Choose among keys that may sign: the greatest nbf that has come, else the smallest."""
    if not candidates:
        return None
    due = [key for key in candidates if key.nbf <= now]
    if due:
        chosen = max(due, key=lambda key: (key.nbf, key.kid))
    else:
        first = min(key.nbf for key in candidates)
        chosen = max((key for key in candidates if key.nbf == first), key=lambda key: key.kid)
    changes = [key.nbf for key in candidates if key.nbf > now]
    changes += [key.exp for key in candidates if key.exp is not None]
    return Signer(chosen, now, min(changes, default=math.inf))


def _differs(key: Key, other: Key) -> bool:
    """Tell whether two keys of one kid have other material; a tombstone may have lost its own."""
    pairs = zip(key.material(), other.material(), strict=True)
    return any(a != b for a, b in pairs if a is not None and b is not None)
