"""The reader of Express's cookies, against the package cookie-session."""

from __future__ import annotations

import hmac
import json
import subprocess
from base64 import b64encode, urlsafe_b64encode
from functools import cache
from pathlib import Path
from time import time
from typing import Any

import pytest

from tokensession import BadSignature, ConfigError
from tokensession.legacy.express import ExpressReader

from .contract import SECRET, STATE, UNTIL, ReaderContract, Values

FOLDER = Path(__file__).parent / "express"
SINCE = 1_700_000_000


@cache
def _answers(jobs: str) -> Any:
    done = subprocess.run(
        ["node", "make.js"],  # noqa: S607  # found on the path
        cwd=FOLDER, input=jobs.encode(), capture_output=True, check=True, timeout=300,
    )  # fmt: skip
    return json.loads(done.stdout)


def express(state: Any, *, cookie: str = "", **options: Any) -> dict[str, Any]:
    """Return what an application with cookie-session sets for a state, or reads from a cookie."""
    job = {"options": options, "state": state} | ({"cookie": cookie} if cookie else {})
    answer: dict[str, Any] = _answers(json.dumps([job]))[0]
    return answer


def express_cookies(state: Any, secret: str = SECRET, **options: Any) -> dict[str, str]:
    """Return the cookies that it sets, by name."""
    lines = express(state, keys=[secret], **options)["cookies"]
    pairs = (line.partition(";")[0].partition("=") for line in lines)
    return {name: value for name, _, value in pairs}


class TestExpress(ReaderContract):
    def make(self, state: Any, secret: str = SECRET) -> Values:
        """Return what a real application sets."""
        cookies = express_cookies(state, secret)
        return (cookies["session"].encode(), cookies["session.sig"].encode())

    def signed(self, payload: bytes, secret: str = SECRET) -> Values:
        """Return any payload, signed as keygrip does."""
        value = b64encode(payload)
        digest = hmac.digest(secret.encode(), b"session=" + value, "sha1")
        return (value, urlsafe_b64encode(digest).rstrip(b"="))

    def reader(self, secret: str | bytes = SECRET, **options: Any) -> ExpressReader:
        """Return a reader of its cookies."""
        given = {"until": UNTIL, "since": SINCE, **options}
        given.setdefault("subject", lambda state: state.get("userId"))
        return ExpressReader(secret, **given)

    def test_our_way_of_signing_is_the_packages(self) -> None:
        """The tests sign as the package itself does."""
        values = self.make({"a": 1})
        assert values == self.signed(b'{"a":1}')
        read = express({}, cookie=f"session={values[0].decode()}; session.sig={values[1].decode()}",
                       keys=[SECRET])  # fmt: skip
        assert read["read"] == {"a": 1}

    def test_start_is_since(self) -> None:
        """A session starts at `since`, because Express's cookies have no time."""
        assert self.read(self.make(STATE)).start == SINCE
        with pytest.raises(ConfigError, match="since"):
            self.reader(since=None)

    def test_the_name_is_signed(self) -> None:
        """A cookie of another name is refused, and one of that name read."""
        cookies = express_cookies({"a": 1}, name="basket")
        values = (cookies["basket"].encode(), cookies["basket.sig"].encode())
        with pytest.raises(BadSignature):
            self.read(values)
        reader = self.reader(cookie_name="basket")
        assert reader.names == ("basket", "basket.sig")
        assert reader.read(values, int(time())).state == {"a": 1}

    def test_what_was_signed_is_name_and_value(self) -> None:
        """The signed text is name and value, without the signature."""
        values = self.make({"a": 1})
        assert self.read(values).signed == b"session=" + values[0]
