"""Which session a request carries: by one good token, read when it is asked for or ahead."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import NOW
from tokensession import Header, SessionCodec, SessionManager

from .exchange import request, response, token_in


class TestSeveralValues:
    @pytest.mark.parametrize(
        ("values", "read"),
        [
            ("g", True), ("jg", True), ("jjg", True), ("jjjg", True), ("jjjjg", False),
            ("gj", True), ("gjjj", True), ("gjjjj", False), ("gg", False), ("gjjjg", False),
            ("j", False),
        ],
    )  # fmt: skip
    def test_one_of_at_most_four_counts(
        self, manager: SessionManager[Any], codec: SessionCodec[Any], values: str, *, read: bool
    ) -> None:
        """Exactly one must be good (g), beside at most three that are junk (j)."""
        tokens = {"g": codec.encode({"a": 1}, now=NOW), "j": "junk"}
        session = request(manager, *(tokens[value] for value in values))
        assert session.state == ({"a": 1} if read else {})
        assert session.refused == (None if read else "malformed")

    def test_what_is_set_after_it_replaces_one(
        self, manager: SessionManager[Any], codec: SessionCodec[Any]
    ) -> None:
        """A session that none of several gave is new."""
        token = codec.encode({"a": 1}, subject="42", now=NOW)
        session = request(manager, token, token)
        session["b"] = 2
        after = codec.decode(token_in(response(manager, session)), now=NOW)
        assert (after.state, after.subject) == ({"b": 2}, None)


class TestHeaderTransport:
    @pytest.fixture
    def manager(self, codec: SessionCodec[Any]) -> SessionManager[Any]:
        """Give a manager of an API."""
        return SessionManager(codec, cookie=Header())

    def test_in_and_out(self, manager: SessionManager[Any], codec: SessionCodec[Any]) -> None:
        """A bearer token in, a response header out, and Vary to match."""
        session = request(manager, codec.encode({"a": 1}, subject="42", now=NOW))
        assert session["a"] == 1
        session["a"] = 2
        headers = response(manager, session)
        assert set(headers) == {"vary", "session-token", "cache-control"}
        assert headers["vary"] == "Authorization"
        assert codec.decode(headers["session-token"], now=NOW).state == {"a": 2}

    def test_an_emptied_session(
        self, manager: SessionManager[Any], codec: SessionCodec[Any]
    ) -> None:
        """The client is told to drop its token."""
        session = request(manager, codec.encode({"a": 1}, subject="42", now=NOW))
        session.clear()
        assert response(manager, session)["session-token"] == ""

    def test_it_may_be_larger_than_a_cookie(
        self, manager: SessionManager[Any], codec: SessionCodec[Any]
    ) -> None:
        """The format's own limit holds."""
        session = request(manager)
        session["a"] = "x" * 5000
        token = response(manager, session)["session-token"]
        assert len(token) > 4096
        assert codec.decode(token, now=NOW).state == {"a": "x" * 5000}
