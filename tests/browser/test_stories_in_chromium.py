"""Sessions as a user lives through them: two tabs, renewal, rotation, the back button."""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING

import pytest

from tokensession import KeyRing

from .site import POLICY, Host, kept, seen, serve, text_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import BrowserContext, Page

NAME = "__Host-session"


@pytest.fixture
def host() -> Iterator[Host]:
    """Serve the application with the default cookie."""
    with serve() as running:
        yield running


def plant(tab: Page, host: Host, token: str) -> None:
    """Give the browser a token as an earlier response would have."""
    header = host.cookie.write(token, 1800)[1].decode()
    tab.goto(host.url(f"/raw?cookie={header}"))
    assert kept(tab.context) == {NAME: token}


class TestTwoTabs:
    def test_signing_out_in_one(self, host: Host, profile: BrowserContext) -> None:
        """The other is signed out with its next request, and what it does begins anew."""
        one, other = profile.new_page(), profile.new_page()
        one.goto(host.url("/sign-in?name=ann"))
        one.goto(host.url("/set?cart=tea"))
        assert seen(other, host)["state"] == {"cart": "tea"}
        one.goto(host.url("/sign-out"))
        assert seen(other, host)["subject"] is None
        assert kept(profile) == {}
        other.goto(host.url("/set?theme=dark"))
        after = seen(one, host)
        assert (after["state"], after["subject"]) == ({"theme": "dark"}, None)

    def test_another_profile_goes_on(self, host: Host, profile: BrowserContext, tab: Page) -> None:
        """Signing out ends this browser's session, not the subject's others."""
        browser = profile.browser
        assert browser is not None
        tab.goto(host.url("/sign-in?name=ann"))
        elsewhere = browser.new_context()
        device = elsewhere.new_page()
        device.goto(host.url("/sign-in?name=ann"))
        tab.goto(host.url("/sign-out"))
        assert seen(device, host)["subject"] == "ann"
        elsewhere.close()

    def test_signing_in_as_another_in_one(self, host: Host, profile: BrowserContext) -> None:
        """There is one session for both tabs, and nothing of who was there before."""
        one, other = profile.new_page(), profile.new_page()
        one.goto(host.url("/sign-in?name=ann"))
        one.goto(host.url("/set?secret=1"))
        before = seen(other, host)
        other.goto(host.url("/sign-in?name=bob"))
        after = seen(one, host)
        assert (after["subject"], after["state"]) == ("bob", {})
        assert after["sid"] != before["sid"]

    def test_of_two_responses_the_last_received_wins(self, host: Host, tab: Page) -> None:
        """Both were made from one session; the browser keeps the cookie that came last."""
        tab.goto(host.url("/sign-in?name=ann"))
        token = kept(tab.context)[NAME]
        tab.goto(host.url("/set?one=1"))
        assert seen(tab, host)["state"] == {"one": "1"}
        plant(tab, host, token)  # as the second of two requests sent at once carried it
        tab.goto(host.url("/set?other=2"))
        assert seen(tab, host)["state"] == {"other": "2"}


class TestRenewal:
    @pytest.mark.parametrize(("age", "renewed"), [(700, False), (1000, True)])
    def test_half_of_the_window(self, host: Host, tab: Page, age: int, *, renewed: bool) -> None:
        """A session that is used in its second half goes on; before that its cookie stays."""
        token = host.codec.encode({"a": 1}, subject="ann", now=int(time()) - age)
        plant(tab, host, token)
        before = seen(tab, host)
        assert before["subject"] == "ann"
        after = seen(tab, host)
        assert after["sid"] == before["sid"]
        assert (kept(tab.context)[NAME] != token) == renewed
        assert (after["issued_at"] > before["issued_at"]) == renewed
        (cookie,) = tab.context.cookies()
        if renewed:
            assert cookie.get("expires", 0) - time() > 1700

    def test_a_page_that_does_not_touch_the_session(self, host: Host, tab: Page) -> None:
        """It renews nothing."""
        token = host.codec.encode({}, subject="ann", now=int(time()) - 1000)
        plant(tab, host, token)
        assert text_at(tab, host.url("/received")) == f"{NAME}={token}"
        assert kept(tab.context)[NAME] == token

    def test_the_end_of_a_session(self, host: Host, tab: Page) -> None:
        """It ends at the absolute timeout though it was used all the time."""
        assert POLICY.absolute_timeout is not None
        start = int(time()) - POLICY.absolute_timeout
        session = host.codec.decode(host.codec.encode({}, subject="ann", now=start), now=start)
        for at in range(start, start + POLICY.absolute_timeout - 60, 900):
            session = host.codec.decode(host.codec.renew(session, now=at), now=at)
        last = host.codec.renew(session, now=start + POLICY.absolute_timeout - 60)
        plant(tab, host, last)
        after = seen(tab, host)
        assert (after["subject"], after["refused"]) == (None, "expired")


class TestRotation:
    def test_by_hand_while_signed_in(self, tab: Page) -> None:
        """A key is added, takes over, and the old one retires: the session goes on throughout."""
        now = int(time())
        ring = KeyRing.generate(kid="first")
        with serve(keys=ring) as host:
            tab.goto(host.url("/sign-in?name=ann"))
            before = seen(tab, host)
            assert before["kid"] == "first"

            published = ring.add(now=now)
            assert set(published.states(now).values()) == {"active", "pending"}
            host.use(published)
            assert seen(tab, host)["kid"] == "first"
            assert seen(tab, host)["kid"] == "first"  # a pending key renews no session

            # A quarter of an hour later, without waiting for it.
            host.use(
                ring.add(nbf=now - 1, propagation=0, now=now - 3600).retire(
                    "first", token_lifetime=POLICY.idle_timeout, now=now
                )
            )
            assert seen(tab, host)["kid"] == "first"  # read under the old key, renewed by the new
            after = seen(tab, host)
            assert after["kid"] != "first"
            assert (after["sid"], after["subject"]) == (before["sid"], "ann")

    def test_a_key_that_is_revoked(self, tab: Page) -> None:
        """Its sessions end, the browser's cookie is left alone, and signing in works."""
        ring = KeyRing.generate(kid="first")
        with serve(keys=ring) as host:
            tab.goto(host.url("/sign-in?name=ann"))
            before = kept(tab.context)
            host.use(ring.revoke("first").add())
            after = seen(tab, host)
            assert (after["subject"], after["refused"]) == (None, "unknown_key")
            assert kept(tab.context) == before
            tab.goto(host.url("/sign-in?name=bob"))
            assert seen(tab, host)["subject"] == "bob"


class TestCaches:
    def test_a_cached_page_of_another_user(self, host: Host, profile: BrowserContext) -> None:
        """Vary: Cookie keeps the browser's cache from showing it, in a second tab as in this."""
        tab = profile.new_page()
        tab.goto(host.url("/sign-in?name=ann"))
        assert text_at(tab, host.url("/cached")) == "ann"
        assert text_at(profile.new_page(), host.url("/cached")) == "ann"
        assert host.served == 1  # kept, for an hour
        tab.goto(host.url("/sign-in?name=bob"))
        assert text_at(profile.new_page(), host.url("/cached")) == "bob"
        assert text_at(tab, host.url("/cached")) == "bob"
        tab.goto(host.url("/sign-out"))
        assert text_at(tab, host.url("/cached")) == "None"

    def test_a_cached_page_without_vary(self, host: Host, tab: Page) -> None:
        """It does show another user's, which is why everything that reads the session varies."""
        tab.goto(host.url("/sign-in?name=ann"))
        assert text_at(tab, host.url("/careless")) == "ann"
        tab.goto(host.url("/sign-in?name=bob"))
        assert text_at(tab, host.url("/careless")) == "ann"

    def test_the_back_button_after_signing_out(self, host: Host, tab: Page) -> None:
        """A page that says no-store is asked for again, and shows no user's data."""
        tab.goto(host.url("/sign-in?name=ann"))
        assert text_at(tab, host.url("/private")) == "ann"
        tab.goto(host.url("/sign-out"))
        tab.go_back()
        assert tab.url == host.url("/private")
        assert tab.locator("pre").inner_text() == "None"

    def test_the_back_button_to_a_page_that_set_the_cookie(self, host: Host, tab: Page) -> None:
        """Such a response is never stored, also where the application asks for it."""
        tab.goto(host.url("/sign-in?name=ann"))
        asked: list[str] = []
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(host.url("/sign-out"))
        tab.go_back()
        assert asked == [host.url("/sign-out"), host.url("/sign-in?name=ann")]
        assert seen(tab, host)["subject"] == "ann"  # it was asked for again, so it signed in again

    def test_what_the_browser_remembers_of_other_pages(self, host: Host, tab: Page) -> None:
        """Without no-store its memory of past pages shows the former user's pages again."""
        tab.goto(host.url("/sign-in?name=ann"))
        assert text_at(tab, host.url("/cached")) == "ann"
        tab.goto(host.url("/sign-out"))
        tab.go_back(wait_until="commit")  # a page from memory is not loaded again
        tab.get_by_text("ann", exact=True).wait_for()
        assert host.served == 1
