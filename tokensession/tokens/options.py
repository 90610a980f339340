"""The options of a codec, which managers and adapters accept too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensession.directory.directory import Directory
    from tokensession.directory.store import Store as DirectoryStore
    from tokensession.format.core_values import Convert
    from tokensession.observer import Observer
    from tokensession.overflow.overflow import Overflow
    from tokensession.overflow.store import Store as OverflowStore
    from tokensession.revocation.lookup import Check
    from tokensession.revocation.store import Store
    from tokensession.sessions.events import Audit
    from tokensession.sessions.policy import Policy


class CodecOptions(TypedDict, total=False):
    """The options of a codec, besides keys, context and state type.

    Attributes:
        policy: When sessions end; by default the OWASP profile.
        revocation: A revocation store, which is read for each token, or a `Lookup` or `Replica` of
            one. With it, a sign-out is final. The policy must have an absolute timeout and 20 s of
            leeway. By default there is no revocation, and sessions end only when they expire.
        overflow: A store for states that are too large for a token, or an `Overflow`. Reading and
            writing such sessions waits for the store, and raises StoreError if it is unreachable.
            By default such states are refused.
        directory: The directory of the revocation list's connection, or a `Directory` of it with a
            limit. It lists a subject's sessions, so that you can end them one by one. It costs a
            write for each sign-in and renewal. By default there is no directory.
        padding: Pad the claims to a multiple of this many bytes (2 to 256), to hide the length of
            the state. By default 0: no padding.
        observer: Receives the events of the library.
        audit: Records sign-ins, sign-outs and sessions that are ended from elsewhere, each as an
            `Event`. By default there is no audit log.
        convert: Converts values that are neither core values nor equal to one, for example ``str``
            for a Decimal, UUID or lazy text; an integer beyond 2**53 - 1, a NaN or a datetime
            without a zone; and keys that are not text. It is called once for each such value when
            the session is written. The next request reads the converted value. By default such
            values are refused.
    """

    policy: Policy | None
    revocation: Store | Check | None
    overflow: Overflow | OverflowStore | None
    directory: Directory | DirectoryStore | None
    padding: int
    observer: Observer | None
    audit: Audit | None
    convert: Convert | None


def check_names(options: Mapping[str, Any], known: Any) -> None:
    """Refuse option names that a typed dict does not have.

    Raises:
        TypeError: An option is unknown, as in a Python call.
    """
    for name in options:
        if name not in known.__annotations__:
            raise TypeError(f"unexpected keyword argument {name!r}")
