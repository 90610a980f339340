"""What every legacy reader must do: inherited, with real cookies of each library."""

from __future__ import annotations

import json
import threading
from datetime import UTC, date, datetime, timedelta, timezone
from time import time
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.adapters.foreign import FOREIGN
from tokensession import (
    BadClaims,
    BadSignature,
    ConfigError,
    KeyRing,
    Malformed,
    Policy,
    SessionManager,
    TokenError,
)
from tokensession.revocation.replica import Replica
from tokensession.stores.memory.revocation import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensession.legacy.reader import LegacyReader, LegacySession

UNTIL = date(2100, 1, 1)
TEN_YEARS = 10 * 365 * 86400
SECRET, OLD_SECRET, OTHER_SECRET = "the secret in use, of some length", "an older one", "another"
STATE: dict[str, Any] = {
    "user_id": 42, "name": "Zoë \N{SNOWMAN}", "cart": [{"id": "TEA", "n": 2}, {}], "ratio": 0.5,
    "big": 2**53 - 1, "none": None, "on": True,
}  # fmt: skip

Values = tuple[bytes, ...]

# A law runs for each library in turn, which Hypothesis would warn of, as its database could not
# tell them apart; it keeps none here.
for_each_library = settings(
    suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow]
)


def on_a_small_stack(work: Callable[[], object]) -> list[object]:
    """Run `work` on a stack of 512 kB, as the format asks of readers, and return what it gave."""
    given: list[object] = []
    before = threading.stack_size(512 * 1024)
    try:
        thread = threading.Thread(target=lambda: given.append(work()))
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    return given


# JSON that would exhaust a stack, and some that only looks like it.
DEEP = (
    b'{"a":' * 1200 + b"1" + b"}" * 1200,
    b'{"a":' + b"[" * 3000 + b"]" * 3000 + b"}",
    b"[" * 6000,
    b'{"a":"' + b"[{" * 2000 + b'"}',
)
ODD_PAYLOADS = (
    b"", b"null", b"42", b'"text"', b"[]", b"{", b"{}}", b'{"a":NaN}', b"\xff\xfe{\x00}\x00",
    b'{"a":"\\ud800"}', b'{"a":' + b"9" * 5000 + b"}", b'{"a":1,"a":2}', b"\x80\x04N.",
    b'{" t":1}', b'{" u":"x"}', b'{" d":5}', b'{"a":{" b":"*"}}', b'{" di":{"a":1,"b":2}}',
    b'{"a":{" di":7}}', b'{"a":{" m":[]}}', b'{"a":{" d":"1 Jan 2030 00:00:00 +9999999999"}}',
    b'{"iat":1e400}', b'{"iat":-1}', b'{"iat":true}', b'{"iat":"1"}', b'{"exp":[]}', b'{"aud":{}}',
)  # fmt: skip


class ReaderContract:
    """What each reader is held to.

    A test class gives `make` (the real library's cookie of a state), `signed` (what the library's
    own signing makes of any payload) and `reader`.
    """

    names_in_foreign: ClassVar[set[str]]  # the library's own cookies in `FOREIGN`

    def make(self, state: Any, secret: str = SECRET) -> Values:
        """Return the values of the cookies that the real library sets."""
        raise NotImplementedError

    def signed(self, payload: bytes, secret: str = SECRET) -> Values:
        """Return an authentic cookie with any payload, made when the library's clock says."""
        raise NotImplementedError

    def reader(self, secret: str | bytes = SECRET, **options: Any) -> LegacyReader:
        """Return a reader for it."""
        raise NotImplementedError

    def read(self, values: Values, **options: Any) -> LegacySession:
        """Return what a reader with `options` reads now."""
        return self.reader(**options).read(values, int(time()))

    def test_reads_what_the_library_wrote(self) -> None:
        """All of the state, with its types."""
        found = self.read(self.make(STATE))
        assert found.state == STATE
        assert type(found.state["ratio"]) is float
        assert type(found.state["on"]) is bool

    def test_fallbacks_verify_in_any_order(self) -> None:
        """A cookie of an older secret is read, at each place in the list."""
        values = self.make(STATE, OLD_SECRET)
        for fallbacks in ([OTHER_SECRET, OLD_SECRET], [OLD_SECRET, OTHER_SECRET]):
            assert self.read(values, fallbacks=fallbacks).state == STATE
        assert self.read(values, secret=OLD_SECRET, fallbacks=[SECRET]).state == STATE

    def test_another_secret_is_refused(self) -> None:
        """Another secret is refused as a bad signature, with and without fallbacks."""
        values = self.make(STATE, OTHER_SECRET)
        for fallbacks in ([], [OLD_SECRET]):
            with pytest.raises(BadSignature):
                self.read(values, fallbacks=fallbacks)

    def test_no_letter_of_a_secret_becomes_one(self) -> None:
        """A str or bytes where a list of secrets belongs is an error."""
        for fallbacks in (OLD_SECRET, OLD_SECRET.encode(), {OLD_SECRET}):
            with pytest.raises(ConfigError, match="fallbacks must be a list"):
                self.reader(fallbacks=fallbacks)

    @pytest.mark.parametrize("secret", ["", b"", None, 42])
    def test_no_secret_is_an_error(self, secret: Any) -> None:
        """An empty secret is an error, because everyone knows it."""
        with pytest.raises(ConfigError, match="secret"):
            self.reader(secret=secret)
        with pytest.raises(ConfigError, match="secret"):
            self.reader(fallbacks=[secret])

    def test_no_secret_shows(self) -> None:
        """Neither secrets nor states are in a repr."""
        reader = self.reader(fallbacks=[OLD_SECRET])
        assert SECRET not in repr(reader)
        assert OLD_SECRET not in repr(reader)
        assert "Zoë" not in repr(reader.read(self.make({"name": "Zoë"}), int(time())))

    def test_no_change_of_a_character_makes_another_session(self) -> None:
        """It is refused; or it is another spelling of the signature, and gives the same session."""
        values = self.make(STATE)
        reader = self.reader()
        original = reader.read(values, int(time()))
        for index, value in enumerate(values):
            for at in range(len(value)):
                for other in (value[at] ^ 1, ord(".")):  # the next of a character, and a cut
                    changed = value[:at] + bytes([other]) + value[at + 1 :]
                    try:
                        found = reader.read(
                            (*values[:index], changed, *values[index + 1 :]), int(time())
                        )
                    except TokenError:
                        continue
                    assert (found.signed, found.state) == (original.signed, original.state)

    @pytest.mark.parametrize("name", FOREIGN)
    def test_foreign_cookies_are_refused(self, name: str) -> None:
        """Those of every other library, and its own of another secret."""
        cookie = FOREIGN[name][0]().encode()
        with pytest.raises(TokenError):
            self.read((cookie, *(b"x" for _ in self.reader().names[1:])))

    @for_each_library
    @given(data=st.binary(max_size=300), tail=st.binary(max_size=40))
    @example(data=b"", tail=b"")
    @example(data=b"." * 8192, tail=b"")
    @example(data=b"=", tail=b"=")
    def test_any_bytes_are_a_refusal(self, data: bytes, tail: bytes) -> None:
        """Any bytes from a client give a session or a TokenError."""
        with pytest.raises(TokenError):
            self.read((data, *(tail for _ in self.reader().names[1:])))

    def test_size_is_bounded(self) -> None:
        """8192 bytes are looked at, one more is not."""
        rest = tuple(b"x" for _ in self.reader().names[1:])
        with pytest.raises(Malformed, match="8193"):
            self.read((b"x" * 8193, *rest))
        with pytest.raises(TokenError) as refused:
            self.read((b"x" * 8192, *rest))
        assert "8192" not in str(refused.value)

    @pytest.mark.parametrize("payload", ODD_PAYLOADS)
    def test_odd_payloads_give_a_state_or_a_refusal(self, payload: bytes) -> None:
        """A signed payload of any form gives a dict or a TokenError."""
        try:
            found = self.read(self.signed(payload))
        except TokenError:
            return
        assert isinstance(found.state, dict)

    @for_each_library
    @given(payload=st.binary(max_size=200))
    def test_authentic_bytes_give_a_state_or_a_refusal(self, payload: bytes) -> None:
        """Any at all."""
        try:
            found = self.read(self.signed(payload))
        except TokenError:
            return
        assert isinstance(found.state, dict)

    @for_each_library
    @given(
        state=st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
            max_leaves=20,
        )
    )
    def test_authentic_json_gives_a_state_or_a_refusal(self, state: Any) -> None:
        """Any at all; an object gives a state."""
        try:
            found = self.read(self.signed(json.dumps(state).encode()))
        except TokenError:
            assert not isinstance(state, dict) or self.may_refuse(state)
            return
        assert isinstance(found.state, dict)

    @pytest.mark.parametrize("kind", ["lookup", "replica"])
    def test_a_signed_out_session_stays_out(self, kind: str) -> None:
        """Other cookies that the library made for the session sign the user in no more."""
        store = MemoryStore()
        reader = self.reader(subject=lambda state: state.get("user_id"), cap=TEN_YEARS)
        manager: SessionManager[Any] = SessionManager(
            KeyRing.generate(),
            policy=Policy(longest=TEN_YEARS),
            revocation=Replica(store) if kind == "replica" else store,
            legacy=[reader],
        )

        def opened(state: dict[str, Any]) -> Any:
            pairs = zip(reader.names, self.make(state), strict=True)
            line = b"; ".join(name.encode() + b"=" + value for name, value in pairs)
            return manager.open([(b"cookie", line)])

        texts = [{"user_id": 42, "visits": n} for n in range(3)]
        session = opened(texts[1])
        assert session.subject == 42
        session.clear()
        manager.save(session, [])
        assert [opened(text).refused for text in texts] == ["revoked"] * 3
        assert opened({"user_id": 7}).subject == 7

    def may_refuse(self, state: dict[str, Any]) -> bool:
        """Tell whether an object of JSON is one that the library would not write."""
        return False

    @pytest.mark.parametrize("payload", DEEP, ids=range(4))
    def test_deep_nesting_cannot_exhaust_the_stack(self, payload: bytes) -> None:
        """On a thread's small stack, too; what only looks deep is read."""

        def outcome() -> type[Exception] | None:
            try:
                self.read(self.signed(payload))
            except TokenError as error:
                return type(error)
            return None

        (given,) = on_a_small_stack(outcome)
        assert given in ({None} if b'"[{' in payload else {BadClaims, Malformed})

    @pytest.mark.parametrize(
        ("until", "seconds"),
        [
            (date(2030, 1, 31), 1896048000),
            ("2030-01-31", 1896048000),
            (datetime(2030, 1, 31, 2, tzinfo=timezone(timedelta(hours=2))), 1896048000),
            (datetime(2030, 1, 31, tzinfo=UTC), 1896048000),
            (1896048000, 1896048000),
        ],
    )
    def test_an_end_is_a_day_or_an_instant(self, until: Any, seconds: int) -> None:
        """A date begins at midnight UTC, a datetime says where it is."""
        assert self.reader(until=until).ends_at == seconds

    @pytest.mark.parametrize(
        "option",
        [
            {"until": None},
            {"until": True},
            {"until": -1},
            {"until": 1_900_000_000_000},  # milliseconds
            {"until": 1.5},
            {"until": "2030-01-32"},
            {"until": "31.1.2030"},
            {"until": "2030-01-31T00:00:00"},
            {"until": datetime(2030, 1, 31)},  # noqa: DTZ001  # that it has no zone is the point
            {"subject": "user_id"},
            {"convert": "user_id"},
            {"cap": 0},
            {"cap": "1"},
        ],
    )
    def test_wrong_options_are_errors(self, option: dict[str, Any]) -> None:
        """At once, where the reader is made."""
        with pytest.raises(ConfigError):
            self.reader(**option)


class Timestamped(ReaderContract):
    """A library whose cookies carry a time."""

    def test_start_is_the_timestamp(self) -> None:
        """The one in the cookie."""
        before = int(time())
        found = self.read(self.make(STATE))
        assert before <= found.start <= int(time())

    def test_max_age_ends_a_cookie(self) -> None:
        """At its second and not before; None never does."""
        values = self.make(STATE)
        start = self.read(values).start
        reader = self.reader(max_age=60)
        assert reader.read(values, start + 59).start == start
        for now in (start + 60, start + 61):
            with pytest.raises(TokenError) as refused:
                reader.read(values, now)
            assert refused.value.code == "expired"
        assert self.reader(max_age=None).read(values, start + 10**9).start == start

    def test_a_wrong_max_age_is_an_error(self) -> None:
        """At once."""
        with pytest.raises(ConfigError, match="max_age"):
            self.reader(max_age=0)


class Compressing(ReaderContract):
    """A library that compresses what is long."""

    def compressed(self, payload: bytes) -> Values:
        """Return an authentic cookie with a compressed payload."""
        raise NotImplementedError

    def test_long_states_come_compressed(self) -> None:
        """The old library compresses a long state, and the reader reads it."""
        state = {"text": "tea " * 500}
        values = self.make(state)
        assert len(values[0]) < 500
        assert self.read(values).state == state

    def test_bombs_are_refused(self) -> None:
        """What decompresses to more than 65536 bytes; and not what has just that many."""
        fits = b'{"a":"' + b"x" * (65536 - 8) + b'"}'
        assert len(self.read(self.compressed(fits)).state["a"]) == 65528
        for payload in (fits + b" ", b'{"a":"' + b"x" * 5_000_000 + b'"}'):
            with pytest.raises(BadClaims, match="65536"):
                self.read(self.compressed(payload))
