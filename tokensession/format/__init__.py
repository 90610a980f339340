"""Tokens as bytes: base64url, claims and states (SPEC section 3). Pure: no I/O."""
