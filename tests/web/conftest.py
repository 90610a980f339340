"""What the tests of the web share: a codec and a manager of the default cookie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tokensession import SessionCodec, SessionManager

from .exchange import POLICY

if TYPE_CHECKING:
    from tokensession import KeyRing


@pytest.fixture
def codec(hs256: KeyRing) -> SessionCodec[Any]:
    """Give a codec of the default context."""
    return SessionCodec(hs256, policy=POLICY)


@pytest.fixture
def manager(codec: SessionCodec[Any]) -> SessionManager[Any]:
    """Give a manager with the default cookie."""
    return SessionManager(codec)
