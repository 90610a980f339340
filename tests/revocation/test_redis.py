"""The Redis store on Redis 7 and on Valkey 9."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tokensession.revocation import redis as redisstore

from .contract import StoreContract

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensession.revocation.store import Store


class RedisContract(StoreContract):
    @pytest.fixture
    def small_batches(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Read four entries at a time."""
        monkeypatch.setattr(redisstore, "BATCH", 4)


class TestRedis(RedisContract):
    @pytest.fixture
    def new_store(self, new_redis: Callable[[], Store]) -> Callable[[], Store]:
        """Make a store on Debian's Redis per call."""
        return new_redis


class TestValkey(RedisContract):
    @pytest.fixture
    def new_store(self, new_valkey: Callable[[], Store]) -> Callable[[], Store]:
        """Make a store on Valkey per call."""
        return new_valkey
