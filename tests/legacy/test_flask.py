"""The reader of Flask's cookies, against Flask."""

from __future__ import annotations

import zlib
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from functools import cache
from time import time
from typing import Any
from uuid import UUID

import pytest
from flask import Flask, session
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import TimestampSigner
from markupsafe import Markup

from tokensession import BadClaims
from tokensession.legacy.flask import FlaskReader

from .contract import SECRET, UNTIL, Compressing, Timestamped, Values


@cache
def flask_signer(secret: str) -> TimestampSigner:
    """Return the signer that Flask itself makes."""
    app = Flask("signer")
    app.secret_key = secret
    serializer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert serializer is not None
    signer = serializer.make_signer(serializer.salt)
    assert isinstance(signer, TimestampSigner)
    return signer


def flask_cookie(state: Any, secret: str = SECRET) -> bytes:
    """Return what a Flask application sets that puts `state` into its session."""
    app = Flask("real")
    app.secret_key = secret

    @app.get("/")
    def page() -> str:
        session.update(state)
        return ""

    client = app.test_client()
    client.get("/")
    cookie = client.get_cookie("session")
    assert cookie is not None
    return cookie.value.encode()


class TestFlask(Timestamped, Compressing):
    def make(self, state: Any, secret: str = SECRET) -> Values:
        """Return what a real application sets."""
        return (flask_cookie(state, secret),)

    def signed(self, payload: bytes, secret: str = SECRET) -> Values:
        """Return any payload, signed by Flask's own signer."""
        text = urlsafe_b64encode(payload).rstrip(b"=")
        return (flask_signer(secret).sign(text),)

    def compressed(self, payload: bytes) -> Values:
        """Return any payload, compressed as itsdangerous does."""
        text = b"." + urlsafe_b64encode(zlib.compress(payload)).rstrip(b"=")
        return (flask_signer(SECRET).sign(text),)

    def reader(self, secret: str | bytes = SECRET, **options: Any) -> FlaskReader:
        """Return a reader of Flask's cookies."""
        given = {"until": UNTIL, "subject": lambda state: state.get("user_id"), **options}
        return FlaskReader(secret, **given)

    def may_refuse(self, state: dict[str, Any]) -> bool:
        """Tell whether one of Flask's tags stands there with something else behind it."""
        return '" ' in repr(state) or "' " in repr(state)

    def test_types_of_flask_come_back(self) -> None:
        """Flask's types come back as Flask's own session gives them."""
        moment = datetime(2030, 1, 31, 12, tzinfo=UTC)
        ident = UUID("12345678-1234-5678-1234-567812345678")
        state = {
            "_flashes": [("message", "Welcome")], "raw": b"\x00\xff", "at": moment, "id": ident,
            "html": Markup("<b>"), "nested": [{"t": ((1,), 2)}], "like": {" t": [1]},
            "like_too": {" di": {" u": "x"}},
        }  # fmt: skip
        found = self.read(self.make(state)).state
        assert found == state
        assert type(found["_flashes"][0]) is tuple
        assert type(found["id"]) is UUID
        assert type(found["at"]) is datetime
        assert isinstance(found["html"], str)
        assert type(found["html"]) is not str  # `convert` can tell it from text

    def test_an_empty_compression_is_refused(self) -> None:
        """A payload that is not whole zlib data is refused."""
        data = zlib.compress(b'{"a":1}')
        for wrong in (b"", data[:-3], b"no zlib"):
            text = b"." + urlsafe_b64encode(wrong).rstrip(b"=")
            with pytest.raises(BadClaims):
                self.read((flask_signer(SECRET).sign(text),))

    def test_a_time_of_another_world_is_refused(self) -> None:
        """A signed but impossible time is refused."""
        signer = flask_signer(SECRET)
        signed = urlsafe_b64encode(b"{}") + b"." + b"_" * 11
        with pytest.raises(BadClaims, match="impossible time"):
            self.read((signed + b"." + signer.get_signature(signed),))

    def test_what_was_signed_is_its_text_without_the_signature(self) -> None:
        """Payload and time, so that two sessions of equal state differ by it."""
        (value,) = self.make({"a": 1})
        assert self.read((value,)).signed == value.rpartition(b".")[0]
        assert self.reader().read((value,), int(time())).signed == self.read((value,)).signed
