"""The options of managers and adapters, said once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict, cast

from tokensession.errors import ConfigError
from tokensession.tokens.codec import SessionCodec
from tokensession.web.cookies import Cookie

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tokensession.format.claims import StateT
    from tokensession.keys.ring import KeyRing
    from tokensession.keys.watcher import KeyRingWatcher
    from tokensession.legacy.reader import LegacyReader
    from tokensession.observer import Observer
    from tokensession.overflow.overflow import Overflow
    from tokensession.overflow.store import Store as OverflowStore
    from tokensession.revocation.lookup import Check
    from tokensession.revocation.store import Store
    from tokensession.sessions.policy import Policy
    from tokensession.web.cookies import Header
    from tokensession.web.manager import SessionManager


class CodecOptions(TypedDict, total=False):
    """What a codec is made with, besides keys, context and the state's type.

    Attributes:
        policy: When sessions end; the OWASP profile by default.
        revocation: A store of revocations, or a `Lookup` or `Replica` of one: then signing out
            is final.
        overflow: A store of states that do not fit into the cookie, or an `Overflow`.
        padding: Hide the length of the state: a multiple of bytes, 2 to 256.
        observer: Is told what happens.
    """

    policy: Policy | None
    revocation: Store | Check | None
    overflow: Overflow | OverflowStore | None
    padding: int
    observer: Observer | None


class Options(CodecOptions, total=False):
    """What an adapter is made with, besides keys.

    Attributes:
        cookie: How tokens travel: a `Cookie`, or a `Header`.
        legacy: Readers of the cookies of other libraries.
        state_type: The type of the state.
    """

    cookie: Cookie | Header | None
    legacy: Sequence[LegacyReader]
    state_type: type[Any] | None


def codec_of(
    keys: SessionCodec[StateT] | KeyRing | KeyRingWatcher,
    context: str,
    state_type: type[StateT] | None,
    options: CodecOptions,
) -> SessionCodec[StateT]:
    """Return the codec that a manager was given, or one made of keys and options.

    Raises:
        ConfigError: Wrong options, or a codec together with what it already holds.
    """
    if isinstance(keys, SessionCodec):
        given = [name for name, value in options.items() if value is not None]
        if state_type is not None:
            given.append("state_type")
        if given:
            raise ConfigError(
                "a codec has its policy and all other options: give "
                f"{', '.join(given)} to SessionCodec, or give the manager keys in its place"
            )
        return keys
    _check_names(options, CodecOptions)
    if state_type is None:
        return cast("SessionCodec[StateT]", SessionCodec(keys, context=context, **options))
    return SessionCodec(keys, context=context, state_type=state_type, **options)


def manager_of(
    keys: KeyRing | KeyRingWatcher | SessionManager[Any],
    options: Options,
    *,
    cookie_name: str | None = None,
) -> SessionManager[Any]:
    """Return the manager that an adapter was given, or one made of keys and options.

    Args:
        keys: The ring, its watcher, or a manager with everything in it.
        options: The options.
        cookie_name: The cookie's name, as the short form of ``cookie=Cookie(name=...)``.

    Raises:
        ConfigError: Wrong arguments, or a manager together with what it already holds.
    """
    # Here, since a manager is made of this module's parts.
    from tokensession.web.manager import SessionManager  # noqa: PLC0415

    given = {name: value for name, value in options.items() if value is not None}
    if cookie_name is not None:
        if "cookie" in given:
            raise ConfigError("give cookie or cookie_name, not both: Cookie(name=...) has the name")
        given["cookie"] = Cookie(name=cookie_name)
    if isinstance(keys, SessionManager):
        if given:
            raise ConfigError(
                "a manager has its policy, its cookie and all other options: give "
                f"{', '.join(given)} to SessionManager, or give the adapter keys in its place"
            )
        return keys
    _check_names(given, Options)
    manager: SessionManager[Any] = SessionManager(keys, **cast("Any", given))
    return manager


def _check_names(options: Mapping[str, Any], known: Any) -> None:
    """Refuse options of other names, as Python does with arguments."""
    for name in options:
        if name not in known.__annotations__:
            raise TypeError(f"unexpected keyword argument {name!r}")
