"""The reader of JWT cookies, against PyJWT."""

from __future__ import annotations

import json
import warnings
from base64 import urlsafe_b64encode
from time import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from tokensession import (
    BadClaims,
    BadSignature,
    ConfigError,
    Expired,
    Malformed,
    NotYetValid,
    TokenError,
)
from tokensession.legacy.jwt import JWTReader

from .contract import SECRET, UNTIL, ReaderContract, Values

SINCE = 1_700_000_000
NOW = 1_785_000_000


def make_jwt(claims: Any, key: Any = SECRET, algorithm: str = "HS256", **header: Any) -> bytes:
    """Return what PyJWT makes of claims; old secrets may be short."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return jwt.encode(claims, key, algorithm=algorithm, headers=header or None).encode()


def sign_jws(payload: bytes, key: Any = SECRET, header: bytes | None = None) -> bytes:
    """Return any payload under any header, signed with HS256 as PyJWT does."""
    head = b'{"alg":"HS256","typ":"JWT"}' if header is None else header
    signed = b".".join(urlsafe_b64encode(part).rstrip(b"=") for part in (head, payload))
    algorithm = jwt.PyJWS().get_algorithm_by_name("HS256")
    signature = algorithm.sign(signed, algorithm.prepare_key(key))
    return signed + b"." + urlsafe_b64encode(signature).rstrip(b"=")


class TestJWT(ReaderContract):
    def make(self, state: Any, secret: str = SECRET) -> Values:
        """Return what PyJWT makes of a state."""
        return (make_jwt(state, secret),)

    def signed(self, payload: bytes, secret: str = SECRET) -> Values:
        """Return any payload in a JWS."""
        return (sign_jws(payload, secret),)

    def reader(self, secret: str | bytes = SECRET, **options: Any) -> JWTReader:
        """Return a reader of JWTs."""
        given = {"until": UNTIL, "since": SINCE, "algorithm": "HS256", "cookie_name": "token"}
        return JWTReader(secret, **{**given, **options})

    def may_refuse(self, state: dict[str, Any]) -> bool:
        """Tell whether a registered claim stands there with something else behind it."""
        return bool(state.keys() & {"aud", "exp", "nbf", "iat"})

    def test_start_is_iat_or_since(self) -> None:
        """A session starts at iat or else at since; without both there is no session."""
        for claims, start in (({"iat": 5}, 5), ({"iat": 5.9}, 5), ({}, SINCE), ({"iat": 0}, 0)):
            assert self.read((make_jwt(claims),)).start == start
        with pytest.raises(BadClaims, match="since"):
            self.read((make_jwt({}),), since=None)

    @pytest.mark.parametrize(
        ("claims", "error"),
        [
            ({"exp": NOW}, Expired), ({"exp": NOW - 1}, Expired), ({"exp": NOW + 1}, None),
            ({"nbf": NOW + 61}, NotYetValid), ({"nbf": NOW + 60}, None),
            ({"exp": "soon"}, BadClaims), ({"exp": True}, BadClaims), ({"nbf": 2**53}, BadClaims),
            ({"iat": -1}, BadClaims), ({"iat": float("nan")}, BadClaims),
        ],
    )  # fmt: skip
    def test_its_own_dates_hold(self, claims: dict[str, Any], error: type[TokenError]) -> None:
        """The token's own dates hold to the second, and invalid dates are refused."""
        value = (sign_jws(json.dumps(claims).encode()),)
        if error is None:
            assert self.reader().read(value, NOW).state == claims
            return
        with pytest.raises(error):
            self.reader().read(value, NOW)

    def test_audience_and_issuer(self) -> None:
        """A JWT for another audience is refused, also where the reader names none."""
        for claims, options, fits in (
            ({"aud": "shop"}, {"audience": "shop"}, True),
            ({"aud": ["blog", "shop"]}, {"audience": "shop"}, True),
            ({"aud": "blog"}, {"audience": "shop"}, False),
            ({"aud": "shops"}, {"audience": "shop"}, False),
            ({"aud": "shop"}, {}, False),
            ({}, {"audience": "shop"}, False),
            ({"aud": []}, {}, True),
            ({"iss": "us"}, {"issuer": "us"}, True),
            ({"iss": "us"}, {}, True),
            ({"iss": "them"}, {"issuer": "us"}, False),
            ({}, {"issuer": "us"}, False),
        ):
            value = (sign_jws(json.dumps(claims).encode()),)
            if fits:
                assert self.read(value, **options).state == claims
            else:
                with pytest.raises(BadClaims):
                    self.read(value, **options)

    def test_subject_and_state(self) -> None:
        """The default subject is ``sub``, and the state has the unregistered claims."""
        reader = self.reader()
        claims = {"sub": "ada", "iat": 1, "exp": 2**33, "jti": "x", "cart": []}
        found = reader.read((make_jwt(claims),), NOW)
        assert reader.subject(found.state) == "ada"
        assert reader.convert is not None
        assert reader.convert(found.state) == {"cart": []}

    def test_public_keys_verify(self) -> None:
        """ES256 and RS256 from PEM; a private key or one of another kind is an error."""
        curve = ec.generate_private_key(ec.SECP256R1())
        modulus = rsa.generate_private_key(65537, 2048)
        for algorithm, private in (("ES256", curve), ("RS256", modulus)):
            public = private.public_key().public_bytes(
                Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
            )
            value = (make_jwt({"a": 1}, private, algorithm),)
            assert self.read(value, secret=public, algorithm=algorithm).state == {"a": 1}
            with pytest.raises(BadSignature):
                self.read((make_jwt({}, SECRET),), secret=public, algorithm=algorithm)
            with pytest.raises(ConfigError, match="must be keys that verify"):
                self.reader(secret=public, algorithm="HS256")  # confusion, where it begins
        pem = modulus.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        for wrong in (pem, SECRET):
            with pytest.raises(ConfigError, match="must be keys that verify RS256"):
                self.reader(secret=wrong, algorithm="RS256")

    @pytest.mark.parametrize("algorithm", ["none", "NONE", "", "HS1", None, ["HS256"]])
    def test_unknown_algorithms_are_errors(self, algorithm: Any) -> None:
        """An unknown algorithm, or ``none``, is a ConfigError."""
        with pytest.raises(ConfigError, match="algorithm must be one of"):
            self.reader(algorithm=algorithm)

    @pytest.mark.parametrize(
        ("header", "error"),
        [
            (b'{"alg":"HS512"}', BadSignature), (b'{"alg":"none"}', BadSignature),
            (b"{}", BadSignature), (b'{"alg":["HS256"]}', BadSignature), (b"[]", BadClaims),
            (b'{"alg":"HS256","crit":["x"]}', BadClaims),
            (b'{"alg":"HS256","b64":false}', BadClaims),
            (b'{"alg":"HS256","zip":"DEF"}', BadClaims), (b"[" * 3000, BadClaims),
        ],
    )  # fmt: skip
    def test_the_header_chooses_nothing(self, header: bytes, error: type[TokenError]) -> None:
        """An authentic JWS with another algorithm or with extensions is refused."""
        with pytest.raises(error):
            self.read((sign_jws(b"{}", header=header),))

    def test_one_spelling(self) -> None:
        """Padding and stray low bits are refused, as is a JWT without signature."""
        value = make_jwt({"a": 1})
        for wrong in (value + b"=", value[:-1] + bytes([value[-1] + 1]), value + b".", b"..",
                      value.rpartition(b".")[0] + b"."):  # fmt: skip
            with pytest.raises((Malformed, BadSignature)):
                self.read((wrong,))

    def test_what_was_signed_is_header_and_payload(self) -> None:
        """The signed text has no signature, because ES256 can spell one in two ways."""
        value = make_jwt({"a": 1})
        assert self.read((value,)).signed == value.rpartition(b".")[0]
        assert self.reader().read((value,), int(time())).start == SINCE
