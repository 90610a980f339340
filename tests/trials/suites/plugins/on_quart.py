"""Puts our sessions in place of Quart's, as the configuration of every application."""

import quart

from tokensession import KeyRing
from tokensession.adapters.quart import SessionInterface

quart.Quart.session_interface = SessionInterface(KeyRing.generate())
