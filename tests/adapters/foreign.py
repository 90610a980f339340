"""Cookies that other libraries made, and text that looks like a token."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import jwt
from cryptography.fernet import Fernet
from django.conf import settings
from django.core import signing
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import TimestampSigner

if TYPE_CHECKING:
    from collections.abc import Callable

_SECRET = "a secret of another library, 32 bytes long"
_STATE = {"user_id": 42, "cart": ["tea"]}


def flask_cookie() -> str:
    """Return what Flask's session would set."""
    app = Flask("other")
    app.secret_key = _SECRET
    serializer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert serializer is not None
    text = serializer.dumps(_STATE)
    return text if isinstance(text, str) else text.decode()


def django_cookie() -> str:
    """Return what Django's signed_cookies backend would set."""
    if not settings.configured:
        settings.configure(SECRET_KEY=_SECRET)
    salt = "django.contrib.sessions.backends.signed_cookies"
    return str(signing.dumps(_STATE, key=_SECRET, salt=salt, compress=True))


def starlette_cookie() -> str:
    """Return what Starlette's SessionMiddleware would set."""
    data = base64.b64encode(json.dumps(_STATE).encode())
    return TimestampSigner(_SECRET).sign(data).decode()


def fernet_cookie() -> str:
    """Return what aiohttp-session's encrypted storage would set."""
    return Fernet(Fernet.generate_key()).encrypt(json.dumps(_STATE).encode()).decode()


def jwt_cookie() -> str:
    """Return an ordinary JWT."""
    return jwt.encode({"sub": "42"}, _SECRET, algorithm="HS256")


def jwt_of_a_known_kid() -> str:
    """Return a JWT whose header names a key, not in our spelling."""
    return jwt.encode({"sub": "42"}, _SECRET, algorithm="HS256", headers={"kid": "k1"})


def jwt_without_signature() -> str:
    """Return a JWT of alg none."""
    return jwt.encode({"sub": "42"}, "", algorithm="none")


def paseto_cookie() -> str:
    """Return text that looks like a PASETO."""
    body = base64.urlsafe_b64encode(bytes(range(120))).rstrip(b"=").decode()
    return f"v4.local.{body}"


def jwe_cookie() -> str:
    """Return text that looks like a compact JWE: five segments."""
    header = base64.urlsafe_b64encode(b'{"alg":"dir","enc":"A256GCM"}').rstrip(b"=").decode()
    return f"{header}..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA"


# By name, with the code that it is refused by.
FOREIGN: dict[str, tuple[Callable[[], str], str]] = {
    "flask": (flask_cookie, "malformed|unknown_key"),
    "django": (django_cookie, "malformed"),
    "starlette": (starlette_cookie, "unknown_key"),
    "fernet": (fernet_cookie, "malformed"),
    "jwt": (jwt_cookie, "unknown_key"),
    "jwt with kid": (jwt_of_a_known_kid, "unknown_key"),
    "jwt alg none": (jwt_without_signature, "unknown_key"),
    "paseto": (paseto_cookie, "unknown_key"),
    "jwe": (jwe_cookie, "malformed"),
    "empty": (lambda: "", "malformed"),
    "dots": (lambda: "..", "unknown_key"),
    "quoted": (lambda: '"quoted"', "malformed"),
    "percent": (lambda: "%22%2E%00", "malformed"),
    "spaces": (lambda: "a b  c", "malformed"),
    "umlauts": (lambda: "äöü.€.ß", "malformed"),
    "8192 characters": (lambda: "x" * 8192, "malformed"),
    "8193 characters": (lambda: "x" * 8193, "malformed"),
    "64 kB": (lambda: "x" * 65536, "malformed"),
    "64 kB of dots": (lambda: "." * 65536, "malformed"),
    "64 kB in three": (lambda: f"{'x' * 20000}.{'x' * 20000}.{'x' * 25536}", "malformed"),
}
