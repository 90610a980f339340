"""Tokens: derived keys, sealing, writing and reading (SPEC sections 4 and 5)."""
