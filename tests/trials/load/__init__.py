"""Servers with several workers under load: sessions, rotation and revocation at once."""
