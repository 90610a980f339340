"""What is compared: each codec called as its own framework or its documentation calls it."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass
from time import time
from typing import TYPE_CHECKING, Any, Final

import django.conf
import flask
import itsdangerous
import jwt
from cryptography.fernet import Fernet
from django.contrib.sessions.serializers import JSONSerializer
from django.core import signing
from flask.sessions import SecureCookieSessionInterface
from joserfc import jwe
from joserfc.jwk import OctKey
from litestar.middleware.session.client_side import ClientSideSessionBackend, CookieBackendConfig

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_AGE: Final = 1800  # seconds, for every peer
SECRET: Final = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"  # noqa: S105


@dataclass(frozen=True)
class Peer:
    """A codec to compare with.

    Attributes:
        name: What the tables call it.
        encode: From a state to a token.
        decode: From a token to the state (or what holds it).
        encrypted: Whether its tokens hide the state.
        characters: The length of a token.
    """

    name: str
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]
    encrypted: bool
    characters: Callable[[Any], int] = len


def itsdangerous_peer() -> Peer:
    """The serializer that the documentation of itsdangerous recommends for cookies."""
    serializer = itsdangerous.URLSafeTimedSerializer(SECRET, salt="session")

    def decode(token: str) -> Any:
        return serializer.loads(token, max_age=MAX_AGE)

    return Peer("itsdangerous", serializer.dumps, decode, encrypted=False)


def starlette_peer() -> Peer:
    """What Starlette's SessionMiddleware does to its cookie, line by line."""
    signer = itsdangerous.TimestampSigner(SECRET)

    def encode(state: Any) -> str:
        return signer.sign(b64encode(json.dumps(state).encode("utf-8"))).decode("utf-8")

    def decode(token: str) -> Any:
        return json.loads(b64decode(signer.unsign(token.encode("utf-8"), max_age=MAX_AGE)))

    return Peer("Starlette", encode, decode, encrypted=False)


def flask_peer() -> Peer:
    """What Flask's session interface does when it opens and saves a session."""
    app = flask.Flask("benchmark")
    app.secret_key = SECRET
    interface = SecureCookieSessionInterface()

    def serializer() -> itsdangerous.URLSafeTimedSerializer:
        made = interface.get_signing_serializer(app)
        assert made is not None
        return made

    def encode(state: Any) -> str | bytes:
        return serializer().dumps(state)

    def decode(token: str) -> Any:
        return serializer().loads(token, max_age=MAX_AGE)

    return Peer("Flask", encode, decode, encrypted=False)


def django_peer() -> Peer:
    """What Django's signed_cookies sessions do, but for their compression."""
    if not django.conf.settings.configured:
        django.conf.settings.configure(SECRET_KEY=SECRET)
    salt = "django.contrib.sessions.backends.signed_cookies"

    def encode(state: Any) -> Any:
        return signing.dumps(state, salt=salt, serializer=JSONSerializer, compress=False)

    def decode(token: str) -> Any:
        return signing.loads(token, salt=salt, serializer=JSONSerializer, max_age=MAX_AGE)

    return Peer("Django", encode, decode, encrypted=False)


def fernet_peer() -> Peer:
    """What aiohttp-session's EncryptedCookieStorage does to its cookie."""
    fernet = Fernet(Fernet.generate_key())

    def encode(state: Any) -> str:
        return fernet.encrypt(json.dumps(state).encode("utf-8")).decode("utf-8")

    def decode(token: str) -> Any:
        return json.loads(fernet.decrypt(token.encode("utf-8"), ttl=MAX_AGE).decode("utf-8"))

    return Peer("Fernet + json", encode, decode, encrypted=True)


def litestar_peer() -> Peer:
    """Litestar's client-side session backend."""
    backend = ClientSideSessionBackend(CookieBackendConfig(secret=bytes(range(32))))

    def characters(chunks: list[bytes]) -> int:
        return sum(map(len, chunks))

    return Peer("Litestar", backend.dump_data, backend.load_data, True, characters)


def pyjwt_peer() -> Peer:
    """A JWT with the state as a claim, signed with HS256."""

    def encode(state: Any) -> str:
        now = int(time())
        claims = {"iat": now, "exp": now + MAX_AGE, "state": state}
        return jwt.encode(claims, SECRET, algorithm="HS256")

    def decode(token: str) -> Any:
        return jwt.decode(token, SECRET, algorithms=["HS256"])["state"]

    return Peer("PyJWT HS256", encode, decode, encrypted=False)


def joserfc_peer() -> Peer:
    """A JWE with the state as a claim, encrypted directly with A256GCM."""
    key = OctKey.import_key(bytes(range(32)))
    header = {"alg": "dir", "enc": "A256GCM"}

    def encode(state: Any) -> str:
        now = int(time())
        claims = {"iat": now, "exp": now + MAX_AGE, "state": state}
        return jwe.encrypt_compact(header, json.dumps(claims, separators=(",", ":")), key)

    def decode(token: str) -> Any:
        opened = jwe.decrypt_compact(token, key)
        assert opened.plaintext is not None
        claims = json.loads(opened.plaintext)
        if claims["exp"] <= time():
            raise ValueError("expired")
        return claims["state"]

    return Peer("joserfc dir A256GCM", encode, decode, encrypted=True)


def all_peers() -> list[Peer]:
    """Return every codec to compare with, in the order of the tables."""
    return [
        litestar_peer(),
        starlette_peer(),
        flask_peer(),
        itsdangerous_peer(),
        django_peer(),
        fernet_peer(),
        pyjwt_peer(),
        joserfc_peer(),
    ]
