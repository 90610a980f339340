"""Puts our sessions in place of Flask's, as the configuration of every application."""

import flask

from tokensession import KeyRing
from tokensession.adapters.flask import SessionInterface
from tokensession.stores import connect

flask.Flask.session_interface = SessionInterface(
    KeyRing.generate(), revocation=connect("memory:").revocations()
)
