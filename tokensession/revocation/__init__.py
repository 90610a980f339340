"""Revocation: end sessions before they expire (SPEC section 13)."""
