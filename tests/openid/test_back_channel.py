"""An OpenID provider's log-out ends what it names, and a token that is wrong ends nothing."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tokensession import ConfigError, KeyRing, Revoked, SessionCodec, StoreError, stores
from tokensession.openid.back_channel import MAX_BODY, BackChannelLogout

from .tokens import (
    CLIENT,
    DROPPED,
    EVENT,
    FORM,
    ISSUER,
    ec_key,
    form,
    jwk,
    key_set,
    logout_token,
    rsa_key,
)

NOW = 1_785_000_000


class Shop:
    """An application with a revocation list, and Ada signed in."""

    def __init__(self, **options: Any) -> None:
        self.store = stores.connect("memory:")
        self.codec = SessionCodec(KeyRing.generate(), revocation=self.store.revocations())
        self.token = self.codec.encode({}, subject="ada", now=NOW - 60)
        self.logout = BackChannelLogout(
            self.codec, **{"issuer": ISSUER, "audience": CLIENT, "keys": key_set(), **options}
        )

    def lives(self) -> bool:
        """Tell whether Ada's session lives."""
        try:
            self.codec.decode(self.token, now=NOW + 1)
        except Revoked:
            return False
        return True

    def hear(self, token: str, *, now: int = NOW) -> tuple[int, dict[str, Any]]:
        """Return status and body of the answer to a logout token."""
        answer = self.logout.handle(form(token), FORM, now=now)
        assert ("Cache-Control", "no-store") in answer.headers
        return answer.status, json.loads(answer.body or b"{}")


def test_the_subjects_sessions_end() -> None:
    """A good token is answered 200, and a copy of the cookie is dead."""
    shop = Shop()
    assert shop.lives()
    assert shop.hear(logout_token(NOW)) == (200, {})
    assert not shop.lives()
    assert shop.hear(logout_token(NOW)) == (200, {})  # a replay repeats the log-out


GOOD: dict[str, dict[str, Any]] = {
    "one audience of several": {"aud": [CLIENT, "another"]},
    "the type in capitals": {"header": {"typ": "LOGOUT+JWT"}},
    "the type as a media type": {"header": {"typ": "application/logout+jwt"}},
    "no kid": {"header": {"kid": DROPPED}},
    "iat a minute ahead": {"iat": NOW + 60},
    "exp within the leeway": {"exp": NOW - 59},
    "another event beside it": {"events": {EVENT: {}, "https://example.com/another": {}}},
    "a session of the provider": {"sid": "of the provider"},
    "another algorithm": {"algorithm": "ES256", "key": ec_key(), "header": {"kid": "e1"}},
}


@pytest.mark.parametrize("name", GOOD)
def test_other_spellings_of_a_good_token(name: str) -> None:
    """What the specification allows ends the sessions."""
    shop = Shop()
    assert shop.hear(logout_token(NOW, **GOOD[name])) == (200, {})
    assert not shop.lives()


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "another issuer": ({"iss": ISSUER + "/"}, "iss"),
    "no issuer": ({"iss": DROPPED}, "iss"),
    "another audience": ({"aud": "another"}, "aud"),
    "no audience": ({"aud": DROPPED}, "aud"),
    "an audience within text": ({"aud": CLIENT + "s"}, "aud"),
    "no iat": ({"iat": DROPPED}, "iat"),
    "iat as text": ({"iat": str(NOW)}, "iat"),
    "iat as a boolean": ({"iat": True}, "iat"),
    "iat in the future": ({"iat": NOW + 61}, "iat"),
    "no exp": ({"exp": DROPPED}, "exp"),
    "exp as NaN": ({"exp": float("nan")}, "exp"),
    "expired": ({"exp": NOW - 60}, "expired"),
    "no type": ({"header": {"typ": DROPPED}}, "typ"),
    "the type of other tokens": ({"header": {"typ": "JWT"}}, "typ"),
    "the type in a list": ({"header": {"typ": ["logout+jwt"]}}, "typ"),
    "the type as an object": ({"header": {"typ": {}}}, "typ"),
    "no event": ({"events": {}}, "events"),
    "events as a list": ({"events": [EVENT]}, "events"),
    "an event that is no object": ({"events": {EVENT: True}}, "events"),
    "neither sub nor sid": ({"sub": DROPPED}, "sub or sid"),
    "sub as a number": ({"sub": 1}, "sub or sid"),
    "an empty sid": ({"sid": ""}, "sub or sid"),
    "sub with a lone surrogate": ({"sub": "\ud800"}, "subject"),
    "no jti": ({"jti": DROPPED}, "jti"),
    "a nonce": ({"nonce": "n"}, "nonce"),
    "an ID token": ({"nonce": "n", "events": DROPPED, "header": {"typ": "JWT"}}, "typ"),
    "an unknown kid": ({"header": {"kid": "r2"}}, "kid"),
    "the key of another algorithm": ({"header": {"kid": "e1"}}, "kid"),
    "an extension": ({"header": {"crit": ["exp"], "exp": NOW}}, "JWT"),
    "another's signature": ({"key": rsa_key(2049)}, "signature"),
    "a shared secret": ({"algorithm": "HS256", "key": b"s" * 64}, "alg"),
}


@pytest.mark.parametrize("name", BAD)
def test_each_check_refuses_alone(name: str) -> None:
    """A token that is wrong in one way is answered 400 with the reason, and ends nothing."""
    changes, reason = BAD[name]
    shop = Shop()
    status, body = shop.hear(logout_token(NOW, **changes))
    assert (status, body["error"]) == (400, "invalid_request")
    assert reason in body["error_description"]
    assert shop.lives()


def test_an_unsigned_token_is_refused() -> None:
    """`none` is not an algorithm that can be allowed."""
    shop = Shop()
    header, payload, _ = logout_token(NOW).split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"logout+jwt"}').decode().rstrip("=")
    for token in (f"{none}.{payload}.", f"{header}.{payload}.", f"{header}.{payload}"):
        assert shop.hear(token)[0] == 400
    for name in ("none", "HS256"):
        with pytest.raises(ConfigError, match="algorithms must be some of"):
            Shop(algorithms=[name])
    assert shop.lives()


def test_the_public_key_is_no_secret() -> None:
    """An HMAC keyed with what the provider publishes is refused: the classic confusion."""
    pem = json.dumps(jwk(rsa_key(), "r1")).encode()
    token = logout_token(NOW, algorithm="HS256", key=pem)
    assert Shop().hear(token)[0] == 400


def test_what_the_provider_leaves_out() -> None:
    """If the application allows it, a token without `exp` or `typ` counts for five minutes."""
    token = logout_token(NOW, exp=DROPPED, header={"typ": DROPPED})
    for late, status in ((0, 200), (359, 200), (360, 400)):
        shop = Shop(require_exp=False, require_typ=False)
        assert shop.hear(token, now=NOW + late)[0] == status
    other = logout_token(NOW, header={"typ": "at+jwt"})
    assert Shop(require_typ=False).hear(other)[0] == 400


def test_fewer_algorithms() -> None:
    """The application can accept those alone that its provider uses."""
    assert Shop(algorithms=["ES256"]).hear(logout_token(NOW))[0] == 400


@pytest.mark.parametrize("odd", [{"keys": [jwk(rsa_key(1024), "r1")]}, {"keys": []}])
def test_keys_that_do_not_do(odd: dict[str, Any]) -> None:
    """A short RSA key verifies nothing."""
    short = logout_token(NOW, key=rsa_key(1024))
    assert Shop(keys=odd).hear(short)[0] == 400


def test_a_subject_of_the_applications() -> None:
    """The application maps the provider's names to its own; an unknown user is not an error."""
    shop = Shop(subject=lambda claims: {"0042": "ada"}.get(claims["sub"]))
    assert shop.hear(logout_token(NOW, sub="0043")) == (200, {})
    assert shop.lives()
    assert shop.hear(logout_token(NOW, sub="0042")) == (200, {})
    assert not shop.lives()


def test_an_unknown_session_of_the_provider(caplog: pytest.LogCaptureFixture) -> None:
    """An unknown `sid` without a subject is answered 200, and told in the log."""
    shop = Shop()
    assert shop.hear(logout_token(NOW, sub=DROPPED, sid="s1")) == (200, {})
    assert shop.lives()
    assert "by its sid alone" in caplog.text


def test_a_store_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider is answered 503, so that it tries again."""
    shop = Shop()

    def fail(*_: Any, **__: Any) -> None:
        raise StoreError("the revocation store does not answer")

    monkeypatch.setattr(type(shop.codec.revocations), "revoke_subject", fail)
    status, body = shop.hear(logout_token(NOW))
    assert (status, body["error"]) == (503, "server_error")


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (form("x"), FORM, 400),
        (b"", FORM, 400),
        (b"logout_token=a&logout_token=b", FORM, 400),
        (b"logout_token=\xff", FORM, 400),
        (b"&".join(b"a=1" for _ in range(99)), FORM, 400),
        (form("x"), "application/json", 415),
        (form("x"), None, 415),
        (form("x" * MAX_BODY), FORM, 413),
        (form(logout_token(NOW)), FORM + "; charset=utf-8", 200),
    ],
)
def test_requests(body: bytes, kind: str | None, status: int) -> None:
    """A body that is not the provider's form is refused for what is wrong with it."""
    assert Shop().logout.handle(body, kind, now=NOW).status == status


@pytest.mark.parametrize(
    "wrong",
    [
        {"issuer": ""},
        {"audience": None},
        {"subject": "sub"},
        {"algorithms": "RS256"},
        {"algorithms": []},
        {"algorithms": None},
        {"require_exp": "false"},
        {"require_typ": 0},
        {"keys": "http://id.example/jwks"},
        {"keys": "ftp://id.example/jwks"},
        {"keys": "https://[id.example/jwks"},
        {"keys": {}},
    ],
    ids=str,
)
def test_unsafe_configurations(wrong: dict[str, Any]) -> None:
    """They are refused when the application starts."""
    with pytest.raises(ConfigError):
        Shop(**wrong)


def test_it_needs_a_list() -> None:
    """A log-out needs a revocation list, because it could end no session without one."""
    codec: Any = SessionCodec(KeyRing.generate())
    ring: Any = KeyRing.generate()
    with pytest.raises(ConfigError, match="codec must be a SessionCodec, not KeyRing"):
        BackChannelLogout(ring, issuer=ISSUER, audience=CLIENT, keys=key_set())
    with pytest.raises(ConfigError, match="revocation"):
        BackChannelLogout(codec, issuer=ISSUER, audience=CLIENT, keys=key_set())


def test_what_is_logged_names_no_token(caplog: pytest.LogCaptureFixture) -> None:
    """A refusal names its reason, and neither token nor subject."""
    shop = Shop()
    token = logout_token(NOW, aud="another")
    shop.hear(token)
    assert "aud does not name this application" in caplog.text
    assert token not in caplog.text
    assert "ada" not in caplog.text
