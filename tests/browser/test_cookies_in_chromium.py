"""What a real browser does with the cookies that are set: keeps, sends, withholds, deletes."""

from __future__ import annotations

import json
from time import time
from typing import TYPE_CHECKING

import pytest

from tokensession import Cookie, KeyRing, SessionTooLarge

from .chromium import DEVELOPMENT_HOST
from .site import Host, kept, seen, serve, text_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

NAME = "__Host-session"


@pytest.fixture
def host() -> Iterator[Host]:
    """Serve the application with the default cookie."""
    with serve() as running:
        yield running


class TestDefaults:
    @pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
    def test_stored_and_sent(self, host: Host, tab: Page, name: str) -> None:
        """Browsers take both names of this machine to be as good as https."""
        tab.goto(host.url("/sign-in?name=ann", name))
        (cookie,) = tab.context.cookies()
        assert (cookie.get("name"), cookie.get("domain"), cookie.get("path")) == (NAME, name, "/")
        assert cookie.get("secure")
        assert cookie.get("httpOnly")
        assert cookie.get("sameSite") == "Lax"
        assert 1700 < cookie.get("expires", 0) - time() <= 1800
        assert seen(tab, host, name)["subject"] == "ann"
        assert text_at(tab, host.url("/received", name)) == f"{NAME}={cookie.get('value')}"

    def test_scripts_do_not_see_it(self, host: Host, tab: Page) -> None:
        """HttpOnly: a script can neither read nor replace it."""
        tab.goto(host.url("/sign-in?name=ann"))
        tab.evaluate("document.cookie = 'other=1'")
        assert tab.evaluate("document.cookie") == "other=1"
        before = kept(tab.context)[NAME]
        tab.evaluate(f"document.cookie = '{NAME}=mine; Secure; Path=/'")
        assert kept(tab.context)[NAME] == before

    def test_other_sites_forms_do_not_carry_it(self, host: Host, tab: Page) -> None:
        """SameSite=Lax: neither a form nor a frame of another site, but following a link does."""
        tab.goto(host.url("/sign-in?name=ann"))
        target = host.url("/received")
        links = host.url(f"/links?to={target}", "127.0.0.1")
        tab.goto(links)
        assert tab.frame_locator("iframe").locator("pre").inner_text() == "none"
        tab.get_by_role("button").click()
        tab.wait_for_url(target)
        assert tab.locator("pre").inner_text() == "none"
        tab.goto(links)
        tab.get_by_role("link").click()
        tab.wait_for_url(target)
        assert tab.locator("pre").inner_text().startswith(f"{NAME}=")

    def test_its_own_forms_carry_it(self, host: Host, tab: Page) -> None:
        """The same page under the same name."""
        tab.goto(host.url("/sign-in?name=ann"))
        target = host.url("/received")
        tab.goto(host.url(f"/links?to={target}"))
        tab.get_by_role("button").click()
        tab.wait_for_url(target)
        assert tab.locator("pre").inner_text().startswith(f"{NAME}=")

    def test_plain_http_elsewhere(self, tab: Page) -> None:
        """A Secure cookie is not kept from there; that of http_development is."""
        with serve() as host:
            tab.goto(host.url("/sign-in?name=ann", DEVELOPMENT_HOST))
            assert kept(tab.context) == {}
        with serve(cookie=Cookie(name="session", http_development=True)) as host:
            tab.goto(host.url("/sign-in?name=ann", DEVELOPMENT_HOST))
            assert seen(tab, host, DEVELOPMENT_HOST)["subject"] == "ann"
            tab.goto(host.url("/sign-out", DEVELOPMENT_HOST))
            assert kept(tab.context) == {}

    def test_the_prefix_binds(self, host: Host, tab: Page) -> None:
        """A cookie of the name that another path or host could have set is not kept."""
        for attributes in ("Path=/raw", "Domain=localhost; Path=/", ""):
            tab.goto(host.url(f"/raw?cookie={NAME}=planted; Secure; {attributes}"))
            assert kept(tab.context) == {}
        tab.goto(host.url(f"/raw?cookie={NAME}=planted; Secure; Path=/"))
        assert kept(tab.context) == {NAME: "planted"}


class TestSize:
    def test_4096_bytes_are_kept(self, host: Host, tab: Page) -> None:
        """Of name and value: what we send at the most is what the browser keeps."""
        value = "x" * (4096 - len(NAME))
        header = host.cookie.write(value, 60)[1].decode()
        tab.goto(host.url(f"/raw?cookie={header}"))
        assert kept(tab.context) == {NAME: value}
        assert text_at(tab, host.url("/received")) == f"{NAME}={value}"

    def test_one_byte_more_is_dropped_in_silence(self, host: Host, tab: Page) -> None:
        """The browser goes on with the OLD cookie, which is why we refuse to send a larger one."""
        tab.goto(host.url("/sign-in?name=ann"))
        before = kept(tab.context)
        value = "x" * (4097 - len(NAME))
        with pytest.raises(SessionTooLarge) as caught:
            host.cookie.write(value, 60)
        assert (caught.value.size, caught.value.limit) == (4097, 4096)
        tab.goto(host.url(f"/raw?cookie={NAME}={value}; Path=/; Secure; HttpOnly; SameSite=Lax"))
        assert kept(tab.context) == before
        assert seen(tab, host)["subject"] == "ann"

    def test_a_session_of_4096_bytes(self, host: Host, tab: Page) -> None:
        """The largest that fits survives a round trip; a larger one is an error, and no cookie."""
        tab.goto(host.url("/sign-in?name=ann"))
        session = seen(tab, host)
        longest = 0
        for length in range(2600, 3100):
            token = host.codec.encode({"text": "x" * length}, subject="ann")
            longest = length if len(NAME) + len(token) <= 4096 else longest
        tab.goto(host.url(f"/set?text={'x' * longest}"))
        assert 4093 <= len(NAME) + len(kept(tab.context)[NAME]) <= 4096
        assert len(seen(tab, host)["state"]["text"]) == longest
        before = kept(tab.context)
        response = tab.goto(host.url(f"/set?text={'x' * (longest + 1)}"))
        assert response is not None
        assert response.status == 500
        assert "set-cookie" not in response.headers
        assert kept(tab.context) == before
        assert seen(tab, host)["sid"] == session["sid"]


class TestDeletion:
    @pytest.mark.parametrize(
        "cookie",
        [
            Cookie(),
            Cookie(same_site="Strict"),
            Cookie(same_site="None"),
            Cookie(persistent=False),
            Cookie(name="__Secure-s", path="/"),
            Cookie(name="__Host-p", same_site="None", partitioned=True),
            Cookie(name="__Secure-p", partitioned=True),
            Cookie(name="s"),
            Cookie(name="s", http_development=True),
        ],
        ids=repr,
    )
    def test_signing_out_deletes(self, tab: Page, cookie: Cookie) -> None:
        """A cookie of any attributes is deleted without a trace."""
        with serve(cookie=cookie) as host:
            tab.goto(host.url("/sign-in?name=ann"))
            assert list(kept(tab.context)) == [cookie.name]
            assert seen(tab, host)["subject"] == "ann"
            tab.goto(host.url("/sign-out"))
            assert kept(tab.context) == {}
            assert text_at(tab, host.url("/received")) == "none"
            assert seen(tab, host)["subject"] is None

    @pytest.mark.parametrize("path", ["/sign-in", "/s"])
    def test_a_cookie_of_a_path(self, tab: Page, path: str) -> None:
        """It is deleted from each path that the browser sends it to."""
        cookie = Cookie(name="__Secure-s", path=path)
        with serve(cookie=cookie) as host:
            tab.goto(host.url("/sign-in?name=ann"))
            assert list(kept(tab.context)) == ["__Secure-s"]
            header = cookie.delete()[1].decode()
            tab.goto(host.url(f"/raw?cookie={header}"))
            assert kept(tab.context) == {}

    def test_a_deletion_without_the_attributes_misses(self, tab: Page) -> None:
        """This is why ours repeats them: another path or partition is another cookie."""
        gone = "Max-Age=0; Secure"
        with serve(cookie=Cookie(name="__Host-p", same_site="None", partitioned=True)) as host:
            tab.goto(host.url("/sign-in?name=ann"))
            tab.goto(host.url(f"/raw?cookie=__Host-p=; Path=/; {gone}"))
            assert list(kept(tab.context)) == ["__Host-p"]
        with serve(cookie=Cookie(name="__Secure-s", path="/s")) as host:
            tab.goto(host.url("/sign-in?name=ann"))
            tab.goto(host.url(f"/raw?cookie=__Secure-s=; Path=/; {gone}"))
            assert "__Secure-s" in kept(tab.context)


class TestPartitioned:
    def test_a_jar_under_each_site(self, tab: Page) -> None:
        """In another site's frame there is a session of its own, not to be seen at the top."""
        with serve(cookie=Cookie(name="__Host-p", same_site="None", partitioned=True)) as host:
            tab.goto(host.url(f"/links?to={host.url('/sign-in?name=ann')}", "127.0.0.1"))
            frame = tab.frame_locator("iframe").locator("pre")
            frame.wait_for(state="attached")
            tab.goto(host.url(f"/links?to={host.url('/')}", "127.0.0.1"))
            assert json.loads(frame.inner_text())["subject"] == "ann"
            assert seen(tab, host)["subject"] is None

    def test_turning_it_on_under_the_same_name(self, tab: Page) -> None:
        """The old cookie stays beside the new one, and neither counts: so take a new name."""
        keys = KeyRing.generate()
        host: Host
        with serve(cookie=Cookie(same_site="None"), keys=keys) as host:
            tab.goto(host.url("/sign-in?name=ann"))
            host.cookie = Cookie(same_site="None", partitioned=True)
            host.use(keys)
            assert seen(tab, host)["subject"] == "ann"
            tab.goto(host.url("/set?a=1"))
            assert len(tab.context.cookies()) == 2
            assert seen(tab, host)["refused"] == "malformed"
