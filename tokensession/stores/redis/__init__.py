"""Redis and Valkey by redis-py."""

from tokensession.stores.arguments import check_client

check_client("redis", "Redis and Valkey need redis-py", "redis")
