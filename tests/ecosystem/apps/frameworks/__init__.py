"""Frameworks without an adapter of their own."""
