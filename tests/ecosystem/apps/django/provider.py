"""A provider of OpenID Connect with one user, ada, who agrees to everything at once."""

from __future__ import annotations

import json
import secrets
import time
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode
from wsgiref.util import application_uri

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ADA = {"sub": "ada", "email": "ada@school.example", "email_verified": True, "name": "Ada"}
asked: dict[str, dict[str, str]] = {}  # what was asked for, by the code that was given for it


def described(url: str) -> dict[str, Any]:
    """Return the provider's own description of itself."""
    return {
        "issuer": url,
        "authorization_endpoint": f"{url}/authorize",
        "token_endpoint": f"{url}/token",
        "userinfo_endpoint": f"{url}/userinfo",
        "jwks_uri": f"{url}/keys",
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
    }


def keys(_: str) -> dict[str, Any]:
    """Return the public key."""
    public = RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
    return {"keys": [{**public, "kid": "k1", "alg": "RS256", "use": "sig"}]}


def tokens(url: str, given: dict[str, str]) -> dict[str, Any]:
    """Return the tokens for a code, once, to the one who began with its PKCE verifier, if any."""
    first = asked.pop(given["code"])
    if challenge := first.get("code_challenge"):
        digest = sha256(given["code_verifier"].encode()).digest()
        assert urlsafe_b64encode(digest).decode().rstrip("=") == challenge
    access = secrets.token_urlsafe()
    half = sha256(access.encode()).digest()[:16]
    now = int(time.time())
    claims = {
        **ADA,
        "iss": url,
        "aud": first["client_id"],
        "iat": now,
        "exp": now + 600,
        "at_hash": urlsafe_b64encode(half).decode().rstrip("="),
    }
    if "nonce" in first:
        claims["nonce"] = first["nonce"]
    signed = jwt.encode(claims, KEY, "RS256", headers={"kid": "k1"})
    return {"access_token": access, "token_type": "Bearer", "expires_in": 600, "id_token": signed}


def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """Answer a request."""
    url, path = application_uri(environ).rstrip("/"), environ["PATH_INFO"]
    query = dict(parse_qsl(environ["QUERY_STRING"]))
    if path == "/authorize":
        code = secrets.token_urlsafe()
        asked[code] = query
        answer = urlencode({"code": code, "state": query["state"]})
        start("302 Found", [("Location", f"{query['redirect_uri']}?{answer}")])
        return []
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)).decode()
    answers: dict[str, Callable[[], dict[str, Any]]] = {
        "/.well-known/openid-configuration": lambda: described(url),
        "/keys": lambda: keys(url),
        "/token": lambda: tokens(url, dict(parse_qsl(body))),
        "/userinfo": lambda: ADA,
    }
    start("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(answers[path]()).encode()]
