"""How the state of a codec is read, packed and checked: core values, or a type of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast

from tokensession.errors import ConfigError
from tokensession.format.claims import Claims, StateT
from tokensession.format.typed_state import TypedState
from tokensession.format.untyped_state import UntypedState

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from tokensession.format.core_values import Convert


class StateFormat(Protocol[StateT]):
    """How the state of one codec's claims is read, packed, checked and begun."""

    @property
    def empty(self) -> Callable[[], StateT]:
        """What makes the state of a new session."""
        ...

    @property
    def lacks(self) -> str:
        """Why the state of a new session does not fit, where that is known; else empty."""
        ...

    def read(self, plaintext: bytes) -> tuple[Claims[StateT], str | None]:
        """Return claims, and None or how the state misses the type, or raise BadClaims."""
        ...

    def read_state(self, packed: bytes) -> StateT:
        """Return a state that was kept apart from its claims, or raise BadState."""
        ...

    def pack(self, state: Any) -> bytes | None:
        """Return a state or a part of one in msgpack, to compare it; None if that fails."""
        ...

    def repacked(self, packed: bytes) -> bytes | None:
        """Return a state that another writer has packed as this one would; None if it cannot."""
        ...

    def checked(
        self,
        state: StateT,
        packed: bytes | None,
        *,
        touched: Collection[Any] | None,
        former: bytes | None,
    ) -> Any:
        """Return what goes into the claims, or raise a StateError.

        Args:
            state: The state.
            packed: The state in msgpack, where that is known.
            touched: The members that can have changed since the state was read; None for all. The
                others come from a key holder, and stay as they came.
            former: The state as it was read in msgpack, where it is large: then members with the
                same bytes need no check.
        """
        ...


def state_format(
    state_type: type[StateT] | None, convert: Convert | None = None
) -> StateFormat[StateT]:
    """Return the format of a state type; None stands for core values.

    Raises:
        ConfigError: A type that msgspec does not support, or a `convert` that is not a function.
    """
    if convert is not None and not callable(convert):
        raise ConfigError(f"convert must be a function, not {type(convert).__name__}")
    if state_type is None:
        return cast("StateFormat[StateT]", UntypedState(convert))
    try:
        return cast("StateFormat[StateT]", TypedState(state_type, convert))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"state_type is not supported: {error}") from error
