"""Where one is signed in, on the page of ``tokensession demo``: two browsers, over real HTTP."""

from __future__ import annotations

import re
from html import escape, unescape
from typing import NamedTuple

import pytest

from tests.tools.demo.test_page import ANOTHER, HOSTILE, Served, Visitor, text_of
from tokensession.directory.directory import ListedSession
from tokensession.tools.demo.bench import LIMIT
from tokensession.tools.demo.panels.signed_in import MAX_ROWS
from tokensession.tools.demo.signed_in import MOST_COPIES, CopiedCookies, Copy, device

OVER = ("revoked", False)  # what the page says of a session that has ended: its cookie, no button
LIVE = ("accepted", True)
MINE = "A browser"  # as the client of these tests gives no name of one


class Shown(NamedTuple):
    """A row of the list: label, mark, what its cookie is, and whether it can be ended."""

    label: str
    mark: str
    cookie: str
    can_end: bool
    id: str
    ends: str


def rows_of(page: str) -> list[Shown]:
    """Return the rows of the list on a page."""
    rows = []
    for kind, row in re.findall(
        r'<tr role="row" class="(listed|over)">(.*?)</tr>', page, re.DOTALL
    ):
        cells = {
            name: text_of(text)
            for name, text in re.findall(r'data-label="([^"]+)">(.*?)</t[hd]>', row, re.DOTALL)
        }
        label = re.search(r"<bdi>(.*?)</bdi>", row, re.DOTALL)
        name = re.search(r'value="([0-9a-f]{32})"', row)
        assert label is not None
        said = unescape(label[1])
        can_end = 'name="id"' in row
        assert can_end is (kind == "listed")
        rows.append(
            Shown(
                said, cells["label"].removeprefix(" ".join(said.split())).strip(),
                cells["its cookie is"], can_end, name[1] if name else "", cells["ends"],
            )
        )  # fmt: skip
    return rows


def rows(visitor: Visitor) -> list[Shown]:
    """Return what the visitor's list shows now."""
    return rows_of(visitor.get().text)


def row(visitor: Visitor, label: str) -> Shown:
    """Return the one row with a label."""
    (found,) = (one for one in rows(visitor) if one.label == label)
    return found


def replayed(visitor: Visitor, name: str) -> list[str]:
    """Return what the readers with and without a list make of a copied cookie."""
    page = visitor.get(replay=name).text
    part = page[page.index('id="replayed"') :] if 'id="replayed"' in page else ""
    return [text_of(verdict) for verdict in re.findall(r"<h4>(.*?)</h4>", part)]


class TestTheList:
    @pytest.mark.parametrize(
        ("agent", "label"),
        [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
             "Firefox on Linux"),
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) Version/18.5 Safari/604.1",
             "Safari on iPhone"),
            ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
             "Edge on Windows"),
            ("", "A browser"),
        ],
    )  # fmt: skip
    def test_a_browser_has_a_label(self, agent: str, label: str) -> None:
        """The application gives it, from what the browser calls itself."""
        assert device(agent) == label

    def test_two_browsers_side_by_side(self, visitor: Visitor) -> None:
        """Each session with its label, its mark and its end; what the directory says, no more."""
        visitor.send("/other-browser", label="Telephone")
        shown = {one.label: one for one in rows(visitor)}
        assert {label: one.mark for label, one in shown.items()} == {
            MINE: "this browser",
            "Telephone": "the other browser",
        }
        assert {(one.cookie, one.can_end) for one in shown.values()} == {LIVE}
        listed = visitor.bench.codec.sessions("Ann")
        assert {one.id for one in listed} == {one.id for one in shown.values()}
        page = visitor.get().text
        for one in listed:
            for second in (one.started_at, one.last_seen, one.ends_at):
                assert f'data-second="{second}"' in page

    def test_a_browser_that_signs_in_again(self, visitor: Visitor) -> None:
        """Its new session replaces its old one, which ends."""
        visitor.get()
        visitor.send("/sign-in", name="Ann", label="Laptop")
        new, old = rows(visitor)
        assert (new.label, new.mark, new.cookie, new.can_end) == ("Laptop", "this browser", *LIVE)
        assert (old.label, old.cookie, old.can_end) == (MINE, *OVER)

    def test_a_real_second_browser(self, visitor: Visitor, second: Visitor) -> None:
        """It is listed; the copy of its cookie is there once it has sent one."""
        waiting, _ = sorted(rows(visitor), key=lambda one: one.mark)
        assert waiting.cookie == "not seen yet"
        second.get()
        assert [(one.cookie, one.can_end) for one in rows(visitor)] == [LIVE, LIVE]

    def test_of_another_user_there_is_nothing(self, served: Served, visitor: Visitor) -> None:
        """Neither in the list, nor by the id, which is unknown."""
        visitor.get()
        name = row(visitor, MINE).id
        other = Visitor(served)
        other.send("/sign-in", name="Bob")
        assert [one.mark for one in rows(other)] == ["this browser"]
        assert replayed(other, name) == []
        csrf = other.session.state["csrf"]
        answer = other.post("/end-session", csrf=csrf, id=name)
        other.http.close()
        assert answer.status_code == 409
        assert "has no such session" in text_of(answer.text)
        assert row(visitor, MINE).cookie == "accepted"

    def test_labels_are_escaped(self, visitor: Visitor) -> None:
        """A label is text at each place of the page."""
        for label in HOSTILE:
            visitor.send("/sign-in", name="Ann")  # so that this browser is not the oldest for long
            visitor.send("/other-browser", label=label)
            page = visitor.get(done="elsewhere").text
            assert f"<bdi>{escape(label)}</bdi>" in page
            assert f"signed in as “{escape(label)}”" in page
            if escape(label) != label:
                assert label not in page

    def test_labels_have_a_length(self, visitor: Visitor) -> None:
        """None and too much of one are refused in words, and no session begins."""
        visitor.get()
        csrf = visitor.session.state["csrf"]
        for path in ("/sign-in", "/other-browser"):
            for label in ("", " ", "x" * 65):
                answer = visitor.post(path, csrf=csrf, name="Ann", label=label)
                assert answer.status_code == 400
                assert "label of 1 to 64 characters" in answer.text
        assert len(rows(visitor)) == 1

    def test_without_a_user(self, served: Served) -> None:
        """There is no list, and the page offers nothing."""
        stranger = Visitor(served)
        page = stranger.get().text
        for told in ("Sign in there", "Log out my other devices", "End</button>"):
            assert told not in page
        csrf = stranger.session.state["csrf"]
        for path in ("/revoke-others", "/end-session", "/other-browser"):
            answer = stranger.post(path, csrf=csrf, id="0" * 32, label="Telephone")
            assert answer.status_code == 409
            assert "is signed in, so" in answer.text
        stranger.http.close()

    def test_the_other_browser_belongs_to_this_one(self, served: Served, visitor: Visitor) -> None:
        """A visitor with neither of the cookies sees nothing of them."""
        visitor.get()
        answer = visitor.send("/other-browser", label="Telephone")
        (cookie,) = answer.headers.get_list("set-cookie")
        assert cookie.startswith(f"{ANOTHER}=")
        for attribute in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
            assert f"; {attribute}" in cookie
        stranger = Visitor(served)
        page = stranger.get().text
        assert "Telephone" not in page
        stranger.another = "nonsense"
        assert "Telephone" not in stranger.get().text
        stranger.http.close()


class TestEnding:
    def test_the_other_browser(self, served: Served, visitor: Visitor) -> None:
        """Its cookie is taken before, and refused after, as the library's own reader says."""
        visitor.send("/other-browser", label="Telephone")
        name = row(visitor, "Telephone").id
        assert replayed(visitor, name) == ["It is read", "It is read"]
        visitor.send("/end-session", id=name)
        over = row(visitor, "Telephone")
        assert (over.cookie, over.can_end) == OVER
        assert over.ends.endswith(", by the user")
        assert replayed(visitor, name) == ["Step 9 refuses it: revoked", "It is read"]
        copy = visitor.bench.copies.find(name)
        assert copy is not None
        thief = Visitor(served)
        thief.cookie = copy.token
        assert "was refused: revoked" in text_of(thief.get().text)
        thief.http.close()

    def test_a_real_second_browser(self, visitor: Visitor, second: Visitor) -> None:
        """It is refused with its code, and the first goes on."""
        second.get()
        name = next(one.id for one in rows(visitor) if not one.mark)
        visitor.send("/end-session", id=name)
        page = text_of(second.get().text)
        assert "was refused: revoked" in page
        assert "Hello" not in page
        assert "Hello, Ann" in text_of(visitor.get().text)

    def test_ones_own(self, visitor: Visitor) -> None:
        """The next request of this browser is refused."""
        visitor.get()
        visitor.send("/end-session", id=row(visitor, MINE).id)
        assert "was refused: revoked" in text_of(visitor.get().text)

    def test_twice(self, visitor: Visitor) -> None:
        """A session that has ended is unknown."""
        visitor.send("/other-browser", label="Telephone")
        name = row(visitor, "Telephone").id
        visitor.send("/end-session", id=name)
        answer = visitor.post("/end-session", csrf=visitor.session.state["csrf"], id=name)
        assert answer.status_code == 409
        assert "has ended meanwhile" in answer.text

    def test_all_others(self, visitor: Visitor, second: Visitor) -> None:
        """Both other browsers are refused, the real one too."""
        second.get()
        visitor.send("/other-browser", label="Telephone")
        visitor.send("/revoke-others")
        mine, *others = rows(visitor)
        assert (mine.mark, mine.cookie, mine.can_end) == ("this browser", *LIVE)
        assert [(one.cookie, one.can_end) for one in others] == [OVER, OVER]
        assert all(one.ends.endswith(", by the user") for one in others)
        visitor.send("/sign-in", name="Ann", label="Laptop")
        assert rows(visitor)[1].ends == "ended"  # replaced, and not by that button
        assert "was refused: revoked" in text_of(second.get().text)

    def test_by_signing_out(self, visitor: Visitor) -> None:
        """The page after it replays that very cookie, which is dead for a reader with a list."""
        visitor.get()
        stolen = visitor.cookie
        name = row(visitor, MINE).id
        visitor.send("/sign-out")
        (link,) = re.findall(r'href="(/\?replay=[^"]+)">replay my', visitor.get("/signed-out").text)
        assert link == f"/?replay={name}#replayed"
        assert replayed(visitor, name) == ["Step 9 refuses it: revoked", "It is read"]
        page = text_of(visitor.get(replay=name).text)
        assert "Until it expires, nothing tells it from a cookie that was not stolen." in page
        (over,) = rows(visitor)
        assert over.ends.endswith(", by signing out")
        visitor.cookie = stolen
        assert "<code>revoked</code>" in visitor.get().text

    def test_signing_out_without_a_user(self, served: Served) -> None:
        """There is no cookie of a user to replay."""
        stranger = Visitor(served)
        stranger.send("/sign-out")
        page = stranger.get("/signed-out").text
        stranger.http.close()
        assert "Signed out" in page
        assert "replay" not in page

    def test_a_revoked_key(self, visitor: Visitor) -> None:
        """Its sessions stay listed, as a directory knows no keys, and their cookies are refused."""
        visitor.send("/other-browser", label="Telephone")
        (key,) = visitor.bench.keys.ring
        visitor.send("/revoke-key", kid=key.kid)
        assert "Its key was revoked" in visitor.get().text
        visitor.send("/sign-in", name="Ann")
        assert row(visitor, "Telephone").cookie == "unknown_key"


class TestLimit:
    def test_one_beyond_it_ends_the_oldest(self, visitor: Visitor) -> None:
        """The page names the session that has ended, and its cookie is refused."""
        visitor.get()
        for number in range(LIMIT - 1):
            visitor.send("/other-browser", label=f"Window {number}")
        before = {one.label: one.id for one in rows(visitor)}
        assert len(before) == LIMIT
        visitor.send("/other-browser", label="One more")
        page = visitor.get(done="elsewhere").text
        shown = rows_of(page)
        live = [one for one in shown if one.can_end]
        (over,) = (one for one in shown if not one.can_end)
        assert len(live) == LIMIT
        assert "One more" in {one.label for one in live}
        assert over.id == before[over.label]
        assert over.cookie == "revoked"
        assert over.ends.endswith(", by the limit")
        told = f"That was one beyond {LIMIT}, so “{over.label}” has ended."
        assert told in text_of(page)
        assert replayed(visitor, over.id) == ["Step 9 refuses it: revoked", "It is read"]

    def test_where_this_browser_is_the_oldest(self, visitor: Visitor) -> None:
        """It is signed out; the list goes on as the other browser sees it, until that has ended."""
        visitor.get()
        bench, later = visitor.bench, visitor.session.started_at + 1
        cookies = [bench.sign_in_elsewhere("Ann", f"Window {n}", later) for n in range(LIMIT)]
        visitor.another = cookies[-1].decode().partition("=")[2].partition(";")[0]
        page = text_of(visitor.get(done="elsewhere").text)
        assert "was refused: revoked" in page
        assert "The sessions of Ann , as the other browser sees them" in page
        assert f"That was one beyond {LIMIT}, so “{MINE}” has ended." in page
        other = next(one for one in rows(visitor) if one.mark == "the other browser")
        visitor.send("/end-session", id=other.id)
        page = text_of(visitor.get().text)
        assert "Sessions that have ended None yet." in page
        assert "Sign in with this browser first." in page

    def test_a_long_list_is_cut(self, visitor: Visitor) -> None:
        """Those that live are shown, and the latest of those that have ended."""
        visitor.get()
        for number in range(LIMIT + MAX_ROWS):
            visitor.send("/other-browser", label=f"Window {number}")
        shown = rows(visitor)
        assert [one.can_end for one in shown] == [True] * LIMIT + [False] * (MAX_ROWS - LIMIT)


class TestReplay:
    def test_an_id_of_nothing(self, visitor: Visitor) -> None:
        """The page comes as without it."""
        visitor.get()
        for name in ("", "0" * 32, "<script>", "with"):
            page = visitor.get(replay=name).text
            assert 'id="replayed"' not in page
            assert "<script>" not in page

    def test_copies_are_bounded(self) -> None:
        """Those used or ended longest ago are forgotten."""
        copies = CopiedCookies()
        names = [f"{number:032x}" for number in range(MOST_COPIES + 1)]
        for name in [names[0], *names]:
            copies.keep(Copy("Ann", ListedSession(name, "", 0, 0, 0), "token"))
        assert [one.session.id for one in copies.latest()] == names[:0:-1]
        assert copies.find(names[0]) is None
