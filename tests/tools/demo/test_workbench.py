"""The workbench of ``tokensession demo``: tokens, keys and sessions, over real HTTP."""

from __future__ import annotations

import logging
import re
from html import escape
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import NOW
from tests.tools.demo.test_page import COOKIE, Served, Visitor, steps_of, text_of
from tokensession import ConfigError, KeyRing, decode, encode
from tokensession.keys.jwk import generate_key
from tokensession.keys.rotation import revoke_key
from tokensession.tools.demo.bench import MAX_KEYS, SCHEDULE, first_ring, rotated
from tokensession.tools.demo.timeline import STATES, Stretch, next_change, revoked_at, stretches

DELAY = SCHEDULE.propagation
MARKUP = ("<script>alert(1)</script>", '"><img src=x>', "</textarea><b>", "$csrf ${name}")


def csrf_of(visitor: Visitor) -> str:
    """Return the token of the visitor's forms."""
    visitor.get()
    return str(visitor.session.state["csrf"])


class TestPastedToken:
    @staticmethod
    def paste(visitor: Visitor, token: str) -> str:
        """Send a token, and return the page that answers."""
        answer = visitor.post("/token", csrf=csrf_of(visitor), token=token)
        assert answer.status_code == 200, answer.text
        return str(answer.text)

    def test_a_good_one(self, visitor: Visitor) -> None:
        """All ten checks pass, and its parts, bytes and content are shown."""
        token = encode({"cart": 3}, visitor.bench.keys.ring, subject="Zoë")
        page = self.paste(visitor, token)
        assert [word for _, word in steps_of(page)][:10] == ["passed"] * 10
        for text in ("Every byte of it", '{"cart": 3}', '"Zoë"', "key state active"):
            assert text in text_of(page)
        found = re.findall(r'<tr class="part-(\w+)">.*?<code>([^<]*)</code>', page)
        dumped = b"".join(bytes.fromhex(line) for part, line in found if part == "header")
        assert dumped.startswith(b'{"alg":"HS256"')
        assert {part for part, _ in found} == {
            "header", "version", "salt", "nonce", "ciphertext", "tag", "signature",
        }  # fmt: skip

    @pytest.mark.parametrize("before", ["", " \n", f"{COOKIE}="])
    def test_what_stands_around_it(self, visitor: Visitor, before: str) -> None:
        """White space and the cookie's name are no part of it."""
        token = encode({}, visitor.bench.keys.ring)
        assert "It is read" in self.paste(visitor, f"{before}{token}\r\n")

    @pytest.mark.parametrize(
        ("token", "words"),
        [
            ("a.b", "Step 1 refuses it: malformed"),
            ("a.b.c", "Step 2 refuses it: unknown_key"),
            ("é" * 5000, "Step 1 refuses it: malformed"),
        ],
    )
    def test_what_is_none(self, visitor: Visitor, token: str, words: str) -> None:
        """Any text is refused by one check, and nothing is revealed."""
        page = self.paste(visitor, token)
        assert words in text_of(page)
        assert page.count('class="failed"') == 1

    def test_a_token_of_another_ring(self, visitor: Visitor) -> None:
        """Nothing of what it holds is shown."""
        page = self.paste(visitor, encode({"secret": "hush"}, KeyRing.generate()))
        assert "Step 2 refuses it: unknown_key" in text_of(page)
        assert "hush" not in page

    @pytest.mark.parametrize("token", MARKUP)
    def test_it_is_text(self, visitor: Visitor, token: str) -> None:
        """Markup in it is shown, and acts nowhere."""
        page = self.paste(visitor, token)
        assert f">\n{escape(token)}</textarea>" in page
        assert page.count("</textarea>") == 1
        assert not re.search(r"<script>|<img|<b>", page)

    def test_nothing_of_it_is_kept(self, visitor: Visitor) -> None:
        """Neither the next page nor the cookie nor the list of sessions has it."""
        token = encode({"secret": "hush"}, visitor.bench.keys.ring, subject="Zoë")
        before = visitor.cookie
        self.paste(visitor, token)
        assert visitor.cookie == before
        page = visitor.get().text
        assert token not in page
        assert "Zoë" not in page

    @pytest.mark.parametrize(
        ("token", "status"), [("x" * 8193, 400), ("", 400), ("é" * 20000, 413)]
    )
    def test_it_has_a_length(self, visitor: Visitor, token: str, status: int) -> None:
        """None, and more than any token has, is refused in words."""
        answer = visitor.post("/token", csrf=csrf_of(visitor), token=token)
        assert answer.status_code == status
        assert "characters" in answer.text or "bytes" in answer.text

    def test_a_pad_and_what_json_has_not(self, visitor: Visitor) -> None:
        """A state that JSON cannot write is shown all the same."""
        token = encode({"raw": b"\x00\xff"}, visitor.bench.keys.ring)
        assert "What the key reveals" in self.paste(visitor, token)


class TestKeyRing:
    def test_rotating(self, visitor: Visitor) -> None:
        """The next key is pending, the one that signs has an end, and the session goes on."""
        visitor.send("/rotate")
        ring = visitor.bench.keys.ring
        assert sorted(ring.states().values()) == ["active", "pending"]
        page = visitor.get().text
        assert visitor.session.subject == "Ann"
        for kid in ring.states():
            assert page.count(f"<code>{kid}</code>") >= 2  # drawn, and in the table
        assert "disabled>Rotate" in page
        assert 'class="bar-pending"' in page

    def test_rotating_twice(self, visitor: Visitor) -> None:
        """A second key before the first signs is refused, with the seconds."""
        visitor.send("/rotate")
        answer = visitor.post("/rotate", csrf=csrf_of(visitor))
        assert answer.status_code == 409
        assert "rotate again after that" in answer.text
        assert len(visitor.bench.keys.ring) == 2

    def test_revoking_the_active_key(
        self, visitor: Visitor, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Its sessions end, the page says why, and another key signs at once."""
        caplog.set_level(logging.ERROR)
        (key,) = visitor.bench.keys.ring
        visitor.send("/revoke-key", kid=key.kid)
        page = visitor.get().text
        assert "Its key was revoked" in page
        assert "<h1>Hello" not in page
        states = visitor.bench.keys.ring.states()
        assert states.pop(key.kid) == "revoked"
        assert list(states.values()) == ["active"]
        assert visitor.session.kid in states

    def test_revoking_a_pending_key(self, visitor: Visitor) -> None:
        """All sessions go on, and a revoked key has no button any more."""
        visitor.send("/rotate")
        (pending,) = [
            kid for kid, state in visitor.bench.keys.ring.states().items() if state == "pending"
        ]
        visitor.send("/revoke-key", kid=pending)
        page = visitor.get().text
        assert "Hello, <bdi>Ann" in page
        assert f'aria-label="Revoke the key {pending}"' not in page
        assert re.search(r"revoked <time", page)

    def test_the_pending_key_takes_over(self, visitor: Visitor) -> None:
        """Where the active key is revoked, the next signs ahead of its date, as the table says."""
        visitor.send("/rotate")
        (active,) = [
            kid for kid, state in visitor.bench.keys.ring.states().items() if state == "active"
        ]
        visitor.send("/revoke-key", kid=active)
        assert "now, ahead of its date" in visitor.get().text
        visitor.send("/rotate")  # as nothing is pending any more
        assert sorted(visitor.bench.keys.ring.states().values()) == ["active", "pending", "revoked"]

    def test_a_rotation_in_the_second_of_a_revocation(self) -> None:
        """The key after that signs later than the one that took over, in any order of kids."""
        for _ in range(16):
            ring = rotated(first_ring(NOW), NOW)
            active = ring.active(NOW)
            assert active is not None
            ring, _events = revoke_key(ring, active.kid, NOW, reason="a test")
            states = sorted(rotated(ring, NOW).states(NOW).values())
            assert states == ["active", "pending", "revoked"]

    @pytest.mark.parametrize("kid", ["", "none", "<b>"])
    def test_a_key_that_is_not_there(self, visitor: Visitor, kid: str) -> None:
        """It is refused, and the ring stays."""
        serial = visitor.bench.keys.ring.serial
        answer = visitor.post("/revoke-key", csrf=csrf_of(visitor), kid=kid)
        assert answer.status_code == 400
        assert visitor.bench.keys.ring.serial == serial

    def test_a_ring_has_a_size(self) -> None:
        """Beyond what the page shows, rotating waits, in words."""
        ring, now = first_ring(NOW), NOW
        while len(ring) < MAX_KEYS:
            ring = rotated(ring, now)
            now += DELAY
        with pytest.raises(ConfigError, match=f"lists {MAX_KEYS} keys"):
            rotated(ring, now)
        later = now + SCHEDULE.grace + 3600
        assert len(rotated(ring, later)) == 2  # those that have expired are gone

    def test_no_key_ends_before_its_tokens(self) -> None:
        """What a superseded key signed last is read for as long as it lives."""
        ring = first_ring(NOW)
        later = rotated(ring, NOW)
        last = encode({}, later, ttl=SCHEDULE.token_lifetime, now=NOW + DELAY - 1)
        assert decode(last, later, now=NOW + DELAY + SCHEDULE.token_lifetime - 2).state == {}


class TestTimeline:
    def test_a_life(self) -> None:
        """Pending, active, retiring, expired: each from its second on."""
        ring = rotated(first_ring(NOW), NOW)
        old, new = sorted(ring, key=lambda key: key.nbf)
        switch, end = NOW + DELAY, NOW + DELAY + SCHEDULE.grace
        assert stretches(ring, NOW - 10, NOW + 9999) == {
            old.kid: [
                Stretch("active", NOW, switch),
                Stretch("retiring", switch, end),
                Stretch("expired", end, NOW + 9999),
            ],
            new.kid: [Stretch("pending", NOW, switch), Stretch("active", switch, NOW + 9999)],
        }
        assert next_change(ring, NOW) == switch
        assert next_change(ring, switch) == end
        assert next_change(ring, end) is None

    def test_a_key_that_is_revoked(self) -> None:
        """It is what it was until then, and the key that stands in begins there."""
        ring = first_ring(NOW)
        (old,) = ring
        ring, _ = revoke_key(ring, old.kid, NOW + 100)
        (new,) = (key for key in ring if not key.revoked)
        assert stretches(ring, NOW, NOW + 200) == {
            old.kid: [
                Stretch("active", NOW, NOW + 100),
                Stretch("revoked", NOW + 100, NOW + 200),
            ],
            new.kid: [Stretch("active", NOW + 100, NOW + 200)],
        }
        assert revoked_at(ring[old.kid]) == NOW + 100

    def test_a_revocation_without_a_date(self) -> None:
        """It counts from ever."""
        key = generate_key("HS256", nbf=NOW).with_members(revoked={})
        ring = KeyRing([generate_key("HS256"), key])
        assert stretches(ring, NOW, NOW + 9)[key.kid] == [Stretch("revoked", NOW, NOW + 9)]

    @given(
        st.lists(
            st.tuples(st.integers(0, 90), st.none() | st.integers(1, 99), st.booleans()),
            min_size=1,
            max_size=5,
        )
    )
    def test_the_future_is_that_of_the_ring(self, keys: list[tuple[int, int | None, bool]]) -> None:
        """Each second from now on is drawn as the ring says it."""
        made = []
        for nbf, exp, revoked in keys:
            members: dict[str, object] = {} if exp is None else {"exp": nbf + exp}
            if revoked:
                members["revoked"] = {"revoked_at": 0}
            made.append(generate_key("HS256", nbf=nbf).with_members(**members))
        ring = KeyRing(made)
        drawn = stretches(ring, 0, 200)
        for kid, row in drawn.items():
            for stretch in row:
                for at in {stretch.start, stretch.end - 1}:
                    assert stretch.state in STATES
                    assert ring.states(at)[kid] == stretch.state


class TestStory:
    def test_six_steps_lead_to_their_places(self, visitor: Visitor) -> None:
        """Numbered, at the top, each a link to a part of the page."""
        page = visitor.get().text
        story = page[page.index('id="story"') : page.index('id="state"')]
        steps = re.findall(r'<li><a href="#([a-z-]+)">([^<]+)</a>', story)
        assert [title for _, title in steps] == [
            "Sign in", "Look at the cookie", "Tamper with a copy", "Rotate the keys",
            "See where you are signed in", "Replay a stolen cookie",
        ]  # fmt: skip
        for place, _ in steps:
            assert page.count(f'id="{place}"') == 1

    def test_before_the_first_cookie(self, served: Served) -> None:
        """The places are there as well, but for the tampering, which needs one."""
        stranger = Visitor(served)
        page = stranger.get().text
        stranger.http.close()
        for place in re.findall(r'<li><a href="#([a-z-]+)">', page):
            assert page.count(f'id="{place}"') == 1


class TestConfirmations:
    """Beside the form that was sent, and only where it is so."""

    def done(self, visitor: Visitor, path: str, **fields: str) -> list[str]:
        """Send a form; return what the page that follows confirms."""
        answer = visitor.send(path, **fields)
        where = urlsplit(answer.headers["location"])
        page = visitor.get(where.path, **dict(parse_qsl(where.query))).text
        fragment = where.fragment
        assert page.count(f'id="{fragment}"') == 1
        return re.findall(r'<p class="done" role="status">([^<]+)</p>', page)

    def test_each_form(self, visitor: Visitor) -> None:
        """What was done, with what has come of it."""
        (text,) = self.done(visitor, "/sign-in", name="Ben")
        assert text.endswith(f"Your session id is new: {visitor.session.sid.hex()}.")
        (text,) = self.done(visitor, "/cart", sku="ESPRESSO-1KG")
        assert text == "Your cart holds 1 article now, and your browser has a new cookie."
        (text,) = self.done(visitor, "/cart", sku="")
        assert "holds nothing now" in text
        (text,) = self.done(visitor, "/theme", theme="dark")
        assert "“Dark”" in text
        (text,) = self.done(visitor, "/sign-in", name="Ben", label="Laptop")
        assert text == (
            "This browser is signed in again as “Laptop”. That session replaces its old one."
        )
        (text,) = self.done(visitor, "/other-browser", label="Telephone")
        assert text == "Another browser is signed in as “Telephone”."
        assert visitor.another is not None
        name = decode(visitor.another, visitor.bench.keys).listed_id
        (text,) = self.done(visitor, "/end-session", id=name)
        assert text == "“Telephone” has ended. Now replay its cookie."
        self.done(visitor, "/other-browser", label="Tablet")
        (text,) = self.done(visitor, "/revoke-others")
        assert text == "This session goes on. You have 1 session now."
        (text,) = self.done(visitor, "/rotate")
        pending = [k for k, s in visitor.bench.keys.ring.states().items() if s == "pending"]
        assert text.startswith(f"Key {pending[0]} is published, and signs in ")
        (text,) = self.done(visitor, "/revoke-key", kid=pending[0])
        assert text == f"Revoked, with every session that they signed: {pending[0]}."

    @pytest.mark.parametrize(
        "name", ["rotated", "revoked", "ended", "elsewhere", "<b>", "nonsense"]
    )
    def test_a_link_confirms_nothing_that_is_not_so(self, visitor: Visitor, name: str) -> None:
        """The page says what the ring says, not what an address says."""
        page = visitor.get(done=name).text
        assert 'class="done"' not in page
        assert "<b>" not in page
