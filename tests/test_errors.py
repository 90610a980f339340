"""The errors of the library, as other processes get them."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING

import pytest

from tokensession import errors

if TYPE_CHECKING:
    from collections.abc import Iterator


def below(kind: type[Exception]) -> Iterator[type[Exception]]:
    """Yield the classes below a class."""
    for one in kind.__subclasses__():
        yield one
        yield from below(one)


WITH_MORE = [
    errors.StateError("state.cart[2]", "a set"),
    errors.SessionTooLarge("the token is too large", size=5000, limit=4096),
    errors.UnknownKey("the key is revoked", key_state="revoked"),
]
KINDS = set(below(errors.TokenSessionError)) - {type(error) for error in WITH_MORE}
ERRORS = [*WITH_MORE, *(kind("a message") for kind in sorted(KINDS, key=repr))]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_from_another_process(error: Exception) -> None:
    """A pool of processes pickles errors; they keep their class, message and attributes."""
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):  # noqa: S301  # our own
        assert type(other) is type(error)
        assert (str(other), other.args, vars(other)) == (str(error), error.args, vars(error))
