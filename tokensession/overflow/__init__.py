"""Overflow: large states, encrypted, in a store instead of the token (SPEC section 14)."""
