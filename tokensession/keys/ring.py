"""The key ring: where it comes from, where it goes, and how it changes (SPEC section 7).

A ring never changes. Adding, retiring or revoking a key returns a new ring with the next serial;
the module `changes` decides what the new ring holds.
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
from tokensession.keys.schedule import DEFAULT_PROPAGATION, Schedule

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
        keys: The keys, each kid once; their order means nothing.
        serial: Grows with each change of the document.
        members: Further members of the document, kept when it is written.

    Raises:
        ConfigError: No key, one kid twice, or a secret used twice.
    """

    __slots__ = ()

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
    def from_env(cls, name: str, *, running: KeyRing | None = None) -> KeyRing:
        """Return the ring whose document is in the environment variable `name`.

        Raises:
            ConfigError: The variable is missing or empty, its document is refused, or its
                secrets are published ones.
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
        """Return the ring in a file, which is read once; create a missing file with one new key.

        Args:
            path: The file. Of several processes that create it at once, one does.
            algorithm: The algorithm of the key in a new file.
            create: Pass False where several hosts read copies of the file. A host without its
                copy must not make keys of its own.
            shared_file: Accept a file that others can read, as mounted container secrets are.
            running: As for `from_jwks`. With it, a missing file is not created.

        Raises:
            ConfigError: A missing file that is not created, a file that others can read or that
                cannot be written, a document that is refused, or published secrets.
        """
        source = FileSource(path, shared_file=shared_file)
        if create and running is None:
            _create_missing(source, algorithm)
        missing = "not found; copy it here, or make it with `tokensession keys new`"
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

        The file is read and created as by `open`. A thread then reloads it, so that the process
        uses rotated and revoked keys without a restart.

        Args:
            path: The file. Its document must have a serial, as documents of this library do.
            refresh: Seconds between two reloads, at most, or a timedelta.
            algorithm: The algorithm of the key in a new file.
            create: As for `open`.
            shared_file: As for `open`.
            callback: As for `KeyRingWatcher`.

        Raises:
            ConfigError: As for `open`, or a document without a serial.
        """
        # Imported lazily, because the watcher is made of rings.
        from tokensession.keys.watcher import KeyRingWatcher  # noqa: PLC0415

        source = FileSource(path, shared_file=shared_file)
        if create:
            _create_missing(source, algorithm)
        return KeyRingWatcher(source, refresh, callback=callback)

    # -- where rings go ----------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the document to a file, in one step and only over what this ring was made from.

        The file must hold this document, or one from which changes have led to this ring. A new
        file has mode 0600; an old one keeps its owner, mode and access control list.

        Raises:
            ConfigError: The file holds another document, because another writer was faster, or
                it cannot be written.
        """

        def check(content: bytes | None) -> None:
            present = None if content is None else KeyRing.from_jwks(content)
            if present is not None and not self._comes_from(present):
                raise ConfigError(
                    f"key file {path}: it holds serial {present.serial} of another writer; open "
                    "the file again and repeat the change"
                )

        replace_private_file(path, self.to_json(), check=check)

    # -- new rings ---------------------------------------------------------------------------

    def reader(self) -> KeyRing:
        """Return the ring without the means to sign.

        It still holds the encryption secrets and reads every session, so keep it private.

        Raises:
            ConfigError: A key is HS256, which verifies and signs with one secret.
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
        """Return a ring with one key more: publish before use.

        Args:
            algorithm: The algorithm of the new key, or the key itself.
            nbf: Unix second from which it may sign; by default `now` + `propagation`, or none
                when no other key can sign.
            propagation: Seconds until every process has the new document: its refresh interval,
                its distribution and the largest difference between two clocks.
            now: Unix seconds; the system's clock when None.

        Raises:
            ConfigError: The kid is known already, or `nbf` is too soon; with the numbers.
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
        """Return a ring in which a key expires once its last tokens have.

        Where no other key without an end can sign after it, one is added: publish before use.

        Args:
            kid: The key.
            token_lifetime: The longest ttl in seconds that any codec mints; by default that of
                the document's rotation config.
            leeway: Seconds by which clocks may differ; by default that of the rotation config.
            now: Unix seconds; the system's clock when None.

        Raises:
            ConfigError: No such kid, it verifies no more, no lifetime known, or a reader's ring.
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
        """Return a ring in which a key signs and verifies nothing any more, for good.

        The ring still lists the kid, so that its tokens are told from those of unknown keys.
        `rotation.revoke_key` also sees to it that another key can sign.

        Args:
            kid: The key; one that the ring does not list is a ConfigError.
            reason: Words for the record.
            now: Unix seconds; the system's clock when None.
        """
        keys = tuple(self)
        revoked = changes.revoke(keys, self[kid], reason=reason, now=whole_seconds(now))
        return self if revoked is keys else self.with_keys(revoked)

    def with_schedule(self, schedule: Schedule) -> KeyRing:
        """Return a ring whose document has this rotation config."""
        former = self._members.get("rotation") or {}
        kept = {name: value for name, value in former.items() if name not in Schedule.__slots__}
        rotation = {**kept, **schedule.to_member()}
        return self._changed(self, {**self._members, "rotation": rotation})

    def with_keys(self, keys: Iterable[Key]) -> KeyRing:
        """Return a ring of other keys, with the next serial.

        Dangerous: publishing before use is up to the caller.
        """
        return self._changed(keys, self._members)

    def with_revocations_of(self, other: KeyRing) -> KeyRing:
        """Return this ring without the keys that another document of it revokes.

        A process can believe this much of a document that it cannot take over.
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
    """Return the ring of a document that is meant for use: published secrets are refused."""
    content = source.read()
    if content is None:
        raise ConfigError(missing)
    try:
        ring = KeyRing.from_jwks(content, running=running)
        check_unpublished(ring)
    except ConfigError as error:
        raise ConfigError(f"{source.name}: {error}") from error
    return ring
