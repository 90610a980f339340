"""Plugins of pytest, each putting our sessions in place of one peer's.

They run in the peer's environment, as modules of their own.
"""
