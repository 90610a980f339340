"""Memcached by pymemcache."""
