"""Memcached by pymemcache."""

from tokensession.stores.arguments import check_client

check_client("pymemcache", "Memcached needs pymemcache", "memcached")
