"""Tokens as bytes: base64url, claims, and what a state may hold (SPEC section 3). Pure: no I/O."""
