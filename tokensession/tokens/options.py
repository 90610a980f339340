"""The options of a codec, said once: managers and adapters take them too."""

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
    from tokensession.sessions.policy import Policy


class CodecOptions(TypedDict, total=False):
    """What a codec is made with, besides keys, context and the state's type.

    Attributes:
        policy: When sessions end; the OWASP profile by default.
        revocation: A store of revocations, which is then asked for each token, or a `Lookup` or
            `Replica` of one: then signing out is final. The policy must have an absolute timeout
            and 20 s of leeway. By default sessions end when they expire, and not before.
        overflow: A store of overflowed states, or an `Overflow`: a state that does not fit into
            its token goes there. Reading and writing such sessions waits for the store, and raises
            StoreError when that cannot be reached. By default they are refused.
        directory: The directory of the connection that holds the revocation list, or a `Directory`
            of it with a limit: then a subject's sessions can be listed and ended one by one, at
            the price of a write for each sign-in and renewal. By default none is kept.
        padding: Hide the length of the state: the claims are padded to a multiple of this many
            bytes (2 to 256); 0 adds none.
        observer: Is told what happens.
        convert: Returns what a value is written as that is neither a core value nor equal to one,
            such as ``str`` for a Decimal, UUID or lazy text. It is called once for each such value
            when the session is written; the next request reads what it returned. By default such
            values are refused.
    """

    policy: Policy | None
    revocation: Store | Check | None
    overflow: Overflow | OverflowStore | None
    directory: Directory | DirectoryStore | None
    padding: int
    observer: Observer | None
    convert: Convert | None


def check_names(options: Mapping[str, Any], known: Any) -> None:
    """Refuse options of other names than a typed dict has.

    Raises:
        TypeError: As Python raises for a call.
    """
    for name in options:
        if name not in known.__annotations__:
            raise TypeError(f"unexpected keyword argument {name!r}")
