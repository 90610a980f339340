"""How a codec reads, packs and checks states: as core values, or as the application's type."""

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
    """Reads, packs, checks and creates the states of one codec."""

    @property
    def empty(self) -> Callable[[], StateT]:
        """The function that creates the state of a new session."""
        ...

    @property
    def lacks(self) -> str:
        """Why the state of a new session does not fit, where that is known; else empty."""
        ...

    def read(self, plaintext: bytes) -> tuple[Claims[StateT], str | None]:
        """Return the claims, and the reason why the state does not fit, if any."""
        ...

    def read_state(self, packed: bytes) -> StateT:
        """Return a state that was stored apart from its claims, or raise BadState."""
        ...

    def pack(self, state: Any) -> bytes | None:
        """Return a state or a part of it in msgpack, for comparison; None if that fails."""
        ...

    def repacked(self, packed: bytes) -> bytes | None:
        """Return another writer's packed state as this one would pack it; None if that fails."""
        ...

    def checked(
        self,
        state: StateT,
        packed: bytes | None,
        *,
        touched: Collection[Any] | None,
        former: bytes | None,
    ) -> Any:
        """Return the state for the claims, or raise a StateError.

        Args:
            state: The state.
            packed: The state in msgpack, if known.
            touched: The members that can have changed since the state was read; None for all. The
                others came from a key holder and are not checked again.
            former: A large state as it was read in msgpack. Members with the same bytes need no
                check.
        """
        ...


def state_format(
    state_type: type[StateT] | None, convert: Convert | None = None
) -> StateFormat[StateT]:
    """Return the format of a state type; None means core values.

    Raises:
        ConfigError: msgspec does not support the type, or `convert` is not a function.
    """
    if convert is not None and not callable(convert):
        raise ConfigError(f"convert must be a function, not {type(convert).__name__}")
    if state_type is None:
        return cast("StateFormat[StateT]", UntypedState(convert))
    try:
        return cast("StateFormat[StateT]", TypedState(state_type, convert))
    except (TypeError, ValueError, NameError, AttributeError) as error:  # of its annotations
        raise ConfigError(f"state_type is not supported: {error}") from error
