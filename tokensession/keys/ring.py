"""The key ring: how it is read, written and changed (SPEC section 7).

A ring is immutable. Adding, retiring or revoking a key returns a new ring with the next serial. The
module `changes` computes the keys of the new ring.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tokensession.errors import ConfigError
from tokensession.format.seconds import whole_seconds
from tokensession.keys import changes
from tokensession.keys.file_source import EnvironmentSource, FileSource
from tokensession.keys.jwk import Key, generate_key
from tokensession.keys.key_set import KeySet
from tokensession.keys.known_secrets import check_unpublished
from tokensession.keys.private_file import replace_private_file
from tokensession.keys.schedule import DEFAULT_PROPAGATION, Schedule, checked_schedule

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping
    from datetime import timedelta

    from tokensession.format.seconds import Duration
    from tokensession.keys.watcher import KeyRingWatcher, WatcherStatus

_log = logging.getLogger("tokensession")


class KeyRing(KeySet):
    """An immutable set of keys.

    Args:
        keys: The keys, each with its own kid, in any order.
        serial: A number that grows with each change of the document.
        members: Other members of the document; they are kept.

    Raises:
        ConfigError: The ring has no key, or two keys share a kid or a secret.
    """

    __slots__ = ()

    # -- where rings come from ---------------------------------------------------------------

    @classmethod
    def generate(cls, algorithm: str = "HS256", *, kid: str | None = None) -> KeyRing:
        """Return a ring with one new key, in memory.

        Args:
            algorithm: ``HS256``, ``Ed25519`` or ``ES256``.
            kid: The key's name; random when None.

        Raises:
            ConfigError: The algorithm is unknown or the kid is invalid.
        """
        return cls([generate_key(algorithm, kid=kid)])

    @classmethod
    def from_env(cls, name: str, *, running: KeyRing | None = None) -> KeyRing:
        """Return the ring in the environment variable `name`.

        Raises:
            ConfigError: The variable is missing or empty, its document is invalid, or its secrets
                are published ones.
        """
        source = EnvironmentSource(name)
        missing = "is missing or empty; set it to the JSON that `tokensession keys new` writes"
        return _ring_in(source, running, missing=f"{source.name} {missing}")

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
        """Return the ring in a file, read once. A missing file is created with one new key.

        Args:
            path: The file. If several processes create it at once, all use the ring of one.
            algorithm: The algorithm of the key in a new file.
            create: Whether to create a missing file. Pass False if several hosts read copies of the
                file, because a host without its copy must not make its own keys.
            shared_file: Accept a file that others can read too, such as a mounted container secret.
            running: As for `from_jwks`. With it, a missing file is not created.

        Raises:
            ConfigError: The file is missing and not created, readable by others or not writable;
                its document is invalid; or its secrets are published ones.
        """
        source = FileSource(path, shared_file=shared_file)
        if create and running is None:
            _create_missing(source, algorithm)
        missing = "not found: copy it here, or make it with `tokensession keys new`"
        return _ring_in(source, running, missing=f"{source.name}: {missing}")

    @classmethod
    def follow(
        cls,
        path: str | os.PathLike[str],
        *,
        refresh: float | timedelta = 60.0,
        algorithm: str = "HS256",
        create: bool = True,
        shared_file: bool = False,
        callback: Callable[[WatcherStatus], None] | None = None,
    ) -> KeyRingWatcher:
        """Return a watcher that follows the ring in a file; pass it in place of a ring.

        The file is read and created as by `open`. A thread then reloads it, so the process uses
        rotated and revoked keys without a restart.

        Args:
            path: The file. Its document must have a serial; this library always writes one.
            refresh: The longest time between two reloads, in seconds or as a timedelta.
            algorithm: The algorithm of the key in a new file.
            create: As for `open`.
            shared_file: As for `open`.
            callback: As for `KeyRingWatcher`.

        Raises:
            ConfigError: As for `open`, or the document has no serial.
        """
        # Imported lazily, because the watcher module imports this one.
        from tokensession.keys.watcher import KeyRingWatcher  # noqa: PLC0415

        source = FileSource(path, shared_file=shared_file)
        if create:
            _create_missing(source, algorithm)
        return KeyRingWatcher(source, refresh, callback=callback)

    # -- where rings go ----------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the document to a file in one step, but only over an ancestor of this ring.

        The file must hold this document, or a document that changes turned into this ring. A new
        file has mode 0600. An existing file keeps its owner, mode and access control list.

        Raises:
            ConfigError: Another writer has changed the file, or it cannot be written.
        """

        def check(content: bytes | None) -> None:
            present = None if content is None else KeyRing.from_jwks(content)
            if present is not None and not self._comes_from(present):
                raise ConfigError(
                    f"key file {path}: another writer has saved serial {present.serial}: open the "
                    "file again and repeat the change"
                )

        replace_private_file(path, self.to_json(), check=check)

    # -- new rings ---------------------------------------------------------------------------

    def reader(self) -> KeyRing:
        """Return the ring without its signing halves.

        The reader's ring keeps the encryption secrets and reads every session, so keep it private.

        Raises:
            ConfigError: A key is HS256, which signs and verifies with one secret.
        """
        return KeyRing([key.reader() for key in self], serial=self._serial, members=self._members)

    def add(
        self,
        algorithm: str | Key = "HS256",
        *,
        nbf: int | None = None,
        propagation: Duration = DEFAULT_PROPAGATION,
        now: float | None = None,
    ) -> KeyRing:
        """Return a ring with one more key: publish before use.

        Args:
            algorithm: The algorithm of the new key, or the key itself.
            nbf: Unix second from which it can sign. The default is `now` + `propagation`, or none
                if no other key can sign.
            propagation: Seconds until every process has the new document: the sum of refresh
                interval, distribution and the largest difference between two clocks.
            now: Unix seconds; the system's clock when None.

        Raises:
            ConfigError: The ring has the kid already, or `nbf` is too early.
        """
        at = whole_seconds(now)
        keys = changes.add(tuple(self), algorithm, nbf=nbf, propagation=propagation, now=at)
        return self.with_keys(keys)

    def retire(
        self,
        kid: str,
        *,
        token_lifetime: Duration | None = None,
        leeway: Duration | None = None,
        now: float | None = None,
    ) -> KeyRing:
        """Return a ring in which a key expires after its last tokens.

        If no other key without an end can sign after it, a new key is added.

        Args:
            kid: The key.
            token_lifetime: The longest ttl that any codec mints, in seconds. The default is that of
                the rotation config.
            leeway: Seconds by which clocks can differ. The default is that of the rotation config.
            now: Unix seconds; the system's clock when None.

        Raises:
            ConfigError: The kid is unknown, the key no longer verifies, no lifetime is known, or
                the ring is a reader's.
        """
        key = self[kid]
        if token_lifetime is None and self.token_lifetime is None:
            raise ConfigError(
                "retire needs token_lifetime, the longest ttl in seconds that any codec mints: "
                'pass it, or set "rotation": {"token_lifetime": ...} in the document'
            )
        numbers: dict[str, Any] = {"token_lifetime": token_lifetime, "leeway": leeway}
        given = {name: number for name, number in numbers.items() if number is not None}
        schedule = replace(self.numbers, **given)
        keys = changes.retire(tuple(self), key, schedule, now=whole_seconds(now))
        return self.with_keys(keys)

    def revoke(self, kid: str, *, reason: str | None = None, now: float | None = None) -> KeyRing:
        """Return a ring in which a key is revoked: it never signs or verifies again.

        The ring still lists the kid, so that its tokens differ from those of unknown keys. Use
        `rotation.revoke_key` to make sure that another key can sign.

        Args:
            kid: The key. An unlisted kid is a ConfigError.
            reason: A text for the record.
            now: Unix seconds; the system's clock when None.
        """
        keys = tuple(self)
        revoked = changes.revoke(keys, self[kid], reason=reason, now=whole_seconds(now))
        return self if revoked is keys else self.with_keys(revoked)

    def with_schedule(self, schedule: Schedule) -> KeyRing:
        """Return a ring with this rotation config."""
        former = self._members.get("rotation") or {}
        kept = {name: value for name, value in former.items() if name not in Schedule.__slots__}
        rotation = {**kept, **checked_schedule(schedule).to_member()}
        return self._changed(self, {**self._members, "rotation": rotation})

    def with_keys(self, keys: Iterable[Key]) -> KeyRing:
        """Return a ring with other keys and the next serial.

        Dangerous: the caller must publish keys before use.
        """
        return self._changed(keys, self._members)

    def with_revocations_of(self, other: KeyRing) -> KeyRing:
        """Return this ring, and revoke the keys that another document of it revokes.

        A process can believe these revocations even if it refuses the rest of the document.
        """
        keys = tuple(self)
        revoked = changes.revoke_like(keys, tuple(other))
        if revoked is keys:
            return self
        return KeyRing(revoked, serial=self._serial, members=self._members)

    def _changed(self, keys: Iterable[Key], members: Mapping[str, Any]) -> KeyRing:
        ring = KeyRing(keys, serial=self._serial + 1, members=members)
        ring._ancestors = (*self._ancestors, self._digest())
        return ring


def _create_missing(source: FileSource, algorithm: str) -> None:
    """Create the file with one new key, unless it exists or another process is faster."""
    if source.read() is None:
        ring = KeyRing.generate(algorithm)
        if source.write(ring.to_json(), over=None):
            _log.warning("created %s with one new %s key", source.name, algorithm)


def _ring_in(
    source: FileSource | EnvironmentSource, running: KeyRing | None, *, missing: str
) -> KeyRing:
    """Return the ring of a document; refuse published secrets."""
    content = source.read()
    if content is None:
        raise ConfigError(missing)
    try:
        ring = KeyRing.from_jwks(content, running=running)
        check_unpublished(ring)
    except ConfigError as error:
        raise ConfigError(f"{source.name}: {error}") from error
    return ring
