"""Overflow: states too large for their tokens, encrypted, in a store (SPEC section 14)."""
