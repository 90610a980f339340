"""Revocation: ending sessions before their time (SPEC section 13)."""
