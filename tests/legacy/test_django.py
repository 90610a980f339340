"""The reader of Django's cookies, against Django."""

from __future__ import annotations

import zlib
from base64 import urlsafe_b64encode
from time import time
from typing import Any

import pytest
from django.conf import settings
from django.core import signing

from tokensession import BadClaims
from tokensession.legacy.django import DjangoReader

from .contract import SECRET, UNTIL, Compressing, Timestamped, Values

SALT = "django.contrib.sessions.backends.signed_cookies"


def django_cookie(state: Any, secret: str = SECRET) -> bytes:
    """Return the session key that the engine makes of `state`, which is the cookie's value."""
    if not settings.configured:
        settings.configure(SECRET_KEY="unused")
    from django.contrib.sessions.backends.signed_cookies import (  # noqa: PLC0415  # needs settings
        SessionStore,
    )
    from django.test.utils import override_settings  # noqa: PLC0415  # likewise

    with override_settings(SECRET_KEY=secret):
        store = SessionStore()
        store.update(state)
        store.save()
        return str(store.session_key).encode()


class TestDjango(Timestamped, Compressing):
    def make(self, state: Any, secret: str = SECRET) -> Values:
        """Return what the engine of a real project sets."""
        return (django_cookie(state, secret),)

    def signed(self, payload: bytes, secret: str = SECRET) -> Values:
        """Return any payload, signed by Django."""
        text = urlsafe_b64encode(payload).rstrip(b"=").decode()
        signer = signing.TimestampSigner(key=secret, salt=SALT, fallback_keys=[])
        return (signer.sign(text).encode(),)

    def compressed(self, payload: bytes) -> Values:
        """Return any payload, compressed as Django does."""
        text = "." + urlsafe_b64encode(zlib.compress(payload)).rstrip(b"=").decode()
        signer = signing.TimestampSigner(key=SECRET, salt=SALT, fallback_keys=[])
        return (signer.sign(text).encode(),)

    def reader(self, secret: str | bytes = SECRET, **options: Any) -> DjangoReader:
        """Return a reader of Django's cookies."""
        return DjangoReader(secret, **{"until": UNTIL, **options})

    def test_the_subject_is_the_user_signed_in(self) -> None:
        """The default subject is the user that django.contrib.auth has signed in."""
        reader = self.reader()
        found = reader.read(self.make({"_auth_user_id": "7"}), int(time()))
        assert reader.subject(found.state) == "7"
        assert reader.subject({}) is None

    def test_another_salt_is_refused(self) -> None:
        """What Django signed for other purposes is no session."""
        text = signing.dumps({"a": 1}, key=SECRET, salt="another purpose")
        with pytest.raises(Exception, match="verify") as refused:
            self.read((text.encode(),))
        assert getattr(refused.value, "code", None) == "bad_signature"

    @pytest.mark.parametrize("signed", ["e30:", "e30:*", "e30:-1", "e30", ":1", f"e30:{'z' * 16}"])
    def test_what_holds_no_time_or_state_is_refused(self, signed: str) -> None:
        """A signed value without a time or a state is refused."""
        signer = signing.Signer(key=SECRET, salt=SALT, fallback_keys=[])
        with pytest.raises(BadClaims):
            self.read((signer.sign(signed).encode(),), max_age=None)
