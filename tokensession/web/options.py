"""The options of managers and adapters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from tokensession.errors import ConfigError
from tokensession.tokens.codec import DEFAULT_CONTEXT, SessionCodec
from tokensession.tokens.options import CodecOptions, check_names
from tokensession.web.cookies import HEADER_CONTEXT, Cookie, Header

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tokensession.format.claims import StateT
    from tokensession.keys.ring import KeyRing
    from tokensession.keys.watcher import KeyRingWatcher
    from tokensession.legacy.reader import LegacyReader
    from tokensession.web.manager import SessionManager


class Options(CodecOptions, total=False):
    """The options of an adapter, besides its keys.

    Attributes:
        cookie: How tokens travel: a `Cookie` or a `Header`.
        legacy: Readers of the cookies of other libraries.
        state_type: The type of the state.
    """

    cookie: Cookie | Header | None
    legacy: Sequence[LegacyReader]
    state_type: type[Any] | None


def codec_of(
    keys: SessionCodec[StateT] | KeyRing | KeyRingWatcher,
    cookie: Cookie | Header,
    state_type: type[StateT] | None,
    options: CodecOptions,
) -> SessionCodec[StateT]:
    """Return the given codec, or one made of keys and options.

    Raises:
        ConfigError: An option is invalid, a codec is combined with options that it already holds,
            or its tokens would be valid in another cookie.
    """
    if not isinstance(cookie, Cookie | Header):
        raise ConfigError(f"cookie must be a Cookie or a Header, not {type(cookie).__name__}")
    if isinstance(keys, SessionCodec):
        given = [name for name, value in options.items() if value is not None]
        if state_type is not None:
            given.append("state_type")
        if given:
            raise ConfigError(
                "a codec already has its policy and all other options: pass "
                f"{', '.join(given)} to SessionCodec, or pass keys instead of a codec"
            )
        _check_context(keys.context, cookie.context)
        return keys
    if state_type is None:
        codec: SessionCodec[Any] = SessionCodec(keys, context=cookie.context, **options)
        return codec
    return SessionCodec(keys, context=cookie.context, state_type=state_type, **options)


def _check_context(context: str, of_cookie: str) -> None:
    if context != of_cookie and context in (DEFAULT_CONTEXT, HEADER_CONTEXT):
        default = "cookie" if context == DEFAULT_CONTEXT else "header"
        raise ConfigError(
            f"the codec's context {context!r} is that of the default {default}, which would accept "
            f"its tokens: pass SessionCodec(..., context={of_cookie!r}), or another context of "
            "your own"
        )


def readers_of(legacy: object) -> tuple[LegacyReader, ...]:
    """Return the legacy readers.

    Raises:
        ConfigError: The argument is not a list of them.
    """
    if not isinstance(legacy, list | tuple):
        raise ConfigError(
            f"legacy must be a list of readers, not {type(legacy).__name__}: pass legacy=[reader]"
        )
    return tuple(legacy)


def check_key(name: str, key: object) -> None:
    """Refuse the name of a session in its request that is not text.

    Raises:
        ConfigError: The name is empty or not a str.
    """
    if not isinstance(key, str) or not key:
        raise ConfigError(f"{name} must be text, such as 'session', not {type(key).__name__}")


def check_apart(manager: SessionManager[Any], others: Iterable[SessionManager[Any]]) -> None:
    """Refuse a second session of an application in the place of another.

    Raises:
        ConfigError: Both have one cookie or header, or cookies of one context.
    """
    for other in others:
        one, two = manager.cookie, other.cookie
        both = isinstance(one, Cookie) and isinstance(two, Cookie)
        if one == two or (both and (one.context == two.context)):
            raise ConfigError(
                f"this application already has a session in a cookie or header of the context "
                f"{two.context!r}, and one would take the other's place: pass another cookie_name"
            )


def manager_of(
    keys: KeyRing | KeyRingWatcher | SessionManager[Any],
    options: Options,
    *,
    cookie_name: str | None = None,
) -> SessionManager[Any]:
    """Return the given manager, or one made of keys and options.

    Args:
        keys: The ring, its watcher, or a complete manager.
        options: The options.
        cookie_name: The cookie's name, short for ``cookie=Cookie(name=...)``.

    Raises:
        ConfigError: An argument is invalid, or a manager is combined with options that it already
            holds.
    """
    # Imported here, because the manager's module imports this one.
    from tokensession.web.manager import SessionManager  # noqa: PLC0415

    given = {name: value for name, value in options.items() if value is not None}
    if cookie_name is not None:
        if "cookie" in given:
            raise ConfigError("pass cookie or cookie_name, not both: use Cookie(name=...)")
        given["cookie"] = Cookie(name=cookie_name)
    if isinstance(keys, SessionManager):
        if given:
            raise ConfigError(
                "a manager already has its policy, its cookie and all other options: pass "
                f"{', '.join(given)} to SessionManager, or pass keys instead of a manager"
            )
        return keys
    check_names(given, Options)
    manager: SessionManager[Any] = SessionManager(keys, **cast("Any", given))
    return manager
