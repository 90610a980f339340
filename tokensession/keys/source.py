"""Key sources: where a ring's document is kept, and how it is changed (SPEC section 7).

A source moves text, whole or not at all; what the text means is decided here and above.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from tokensession.errors import ConfigError, StoreError
from tokensession.keys.document import states_serial
from tokensession.keys.known_secrets import check_unpublished
from tokensession.keys.ring import KeyRing

if TYPE_CHECKING:
    from collections.abc import Callable

# Of two writers one wins each time, so this many others would have to be there first.
ATTEMPTS: Final = 32
MAX_DOCUMENT: Final = 4 * 2**20  # bytes; a ring of 1,000 keys has about 0.3 MB
STORE_SECONDS: Final = 5  # a store that has not answered by then counts as unreachable


class KeySource(Protocol):
    """A place that holds one document.

    Constructors do no I/O. Errors are a StoreError (a store that cannot be reached) or a
    ConfigError (one that is not as it must be), and name the place without its credentials.

    Attributes:
        name: The place, fit for logs.
    """

    @property
    def name(self) -> str:
        """The place, without credentials."""
        ...

    def read(self) -> bytes | None:
        """Return the document's text, or None where there is none."""
        ...

    def write(self, document: bytes, *, over: bytes | None) -> bool:
        """Replace the document, if it is still `over` (None: if there is none).

        Returns:
            Whether it was; False when another writer has been faster.

        Raises:
            ConfigError: The source cannot be written.
            StoreError: It cannot be reached. The document may have been written.
        """
        ...


class Update(NamedTuple):
    """What an update found and what it left."""

    before: KeyRing
    after: KeyRing


def load_ring(source: KeySource) -> KeyRing:
    """Return the ring of a source's document.

    Raises:
        ConfigError: There is no document, it has no serial, is refused, or its secrets are
            published ones.
        StoreError: The source cannot be reached.
    """
    return parse_ring(source.name, _present(source))


def parse_ring(name: str, document: bytes) -> KeyRing:
    """Return the ring of a document that was read at a place of this name."""
    try:
        if len(document) > MAX_DOCUMENT:
            raise ConfigError(f"the document is larger than {MAX_DOCUMENT} bytes")  # noqa: TRY301
        ring = KeyRing.from_jwks(document)
        check_unpublished(ring)
        if not states_serial(document):
            raise ConfigError(  # noqa: TRY301  # the place is named below
                "the document has no serial, so an older one could not be told from it: add "
                '"serial": 1 and raise it with every change'
            )
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from error
    return ring


def create(source: KeySource, ring: KeyRing) -> bool:
    """Put a ring where there is no document yet; False when there is one."""
    return source.write(ring.to_json(), over=None)


def update(source: KeySource, change: Callable[[KeyRing], KeyRing]) -> Update:
    """Change a source's document under compare-and-swap.

    Args:
        source: The source.
        change: Returns the next ring for the present one, or that one itself if there is
            nothing to do; called again whenever another writer was faster.

    Raises:
        ConfigError: No document, one that is refused, a source that cannot be written, or what
            `change` raises.
        StoreError: The source cannot be reached, or other writers were always faster.
    """
    for _ in range(ATTEMPTS):
        present = _present(source)
        before = parse_ring(source.name, present)
        after = change(before)
        if after is before or source.write(after.to_json(), over=present):
            return Update(before, after)
    raise StoreError(
        f"{source.name}: other writers were faster {ATTEMPTS} times; nothing was changed: find out "
        "who keeps writing"
    )


def _present(source: KeySource) -> bytes:
    document = source.read()
    if not document:
        raise ConfigError(
            f"{source.name}: there is no key document; make one with `tokensession keys new`, or "
            "restore it: an empty store is no reason for new keys"
        )
    return document
