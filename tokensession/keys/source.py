"""Key sources: where a ring's document is stored, and how it is changed (SPEC section 7).

A source moves text, whole or not at all. This module and those above interpret the text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from tokensession.errors import ConfigError, StoreError
from tokensession.keys.document import states_serial
from tokensession.keys.known_secrets import check_unpublished
from tokensession.keys.ring import KeyRing

if TYPE_CHECKING:
    from collections.abc import Callable

# Each round has one winner, so an update fails only if this many other writers came first.
ATTEMPTS: Final = 32
MAX_DOCUMENT: Final = 4 * 2**20  # bytes; a ring of 1,000 keys has about 0.3 MB
STORE_SECONDS: Final = 5  # after this time without an answer, a store counts as unreachable


class KeySource(Protocol):
    """A place that holds one document.

    Constructors do no I/O. A StoreError means that the store is unreachable; a ConfigError means
    that it is invalid. Messages name the place without its credentials.

    Attributes:
        name: The place, safe to log.
    """

    @property
    def name(self) -> str:
        """The place, without credentials."""
        ...

    def read(self) -> bytes | None:
        """Return the document's text, or None if there is none."""
        ...

    def write(self, document: bytes, *, over: bytes | None) -> bool:
        """Replace the document if it is still `over` (None: if there is none).

        Returns:
            Whether the document was replaced; False if another writer was faster.

        Raises:
            ConfigError: The source cannot be written.
            StoreError: The source is unreachable. The document may have been written.
        """
        ...


class Update(NamedTuple):
    """The ring before an update and the ring after it."""

    before: KeyRing
    after: KeyRing


def load_ring(source: KeySource) -> KeyRing:
    """Return the ring of a source's document.

    Raises:
        ConfigError: The document is missing, invalid or without a serial, or its secrets are
            published ones.
        StoreError: The source is unreachable.
    """
    return parse_ring(source.name, _present(source))


def parse_ring(name: str, document: bytes) -> KeyRing:
    """Return the ring of a document that was read from the place `name`."""
    try:
        if len(document) > MAX_DOCUMENT:
            raise ConfigError(f"the document is larger than {MAX_DOCUMENT} bytes")  # noqa: TRY301
        ring = KeyRing.from_jwks(document)
        check_unpublished(ring)
        if not states_serial(document):
            raise ConfigError(  # noqa: TRY301  # the place is named below
                "the document has no serial, so older documents cannot be recognised: add "
                '"serial": 1 and raise it with every change'
            )
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from error
    return ring


def create(source: KeySource, ring: KeyRing) -> bool:
    """Store a ring if there is no document yet; return False if there is one."""
    return source.write(ring.to_json(), over=None)


def update(source: KeySource, change: Callable[[KeyRing], KeyRing]) -> Update:
    """Change a source's document under compare-and-swap.

    Args:
        source: The source.
        change: Returns the next ring for the current one, or the current one itself for no change.
            It is called again if another writer was faster.

    Raises:
        ConfigError: The document is missing or invalid, the source cannot be written, or `change`
            raises it.
        StoreError: The source is unreachable, or other writers were always faster.
    """
    for _ in range(ATTEMPTS):
        present = _present(source)
        before = parse_ring(source.name, present)
        after = change(before)
        if after is before or source.write(after.to_json(), over=present):
            return Update(before, after)
    raise StoreError(
        f"{source.name}: other writers were faster {ATTEMPTS} times, so nothing was changed: find "
        "the process that keeps writing"
    )


def _present(source: KeySource) -> bytes:
    document = source.read()
    if not document:
        raise ConfigError(
            f"{source.name}: there is no key document: restore it, or make the first one with "
            "`tokensession keys new`"
        )
    return document
