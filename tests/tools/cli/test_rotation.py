"""``tokensession keys rotate`` and its kin: what they print and leave, and their exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import NOW
from tests.tools.cli.test_program import DONE, REFUSED, WRONG, Cli, assert_complaint, cli
from tokensession import KeyRing
from tokensession.keys.jwk import generate_key
from tokensession.keys.rotation import Schedule

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["cli"]

DAY = 86400
SCHEDULE = Schedule(token_lifetime=43200)


@pytest.fixture
def ring() -> KeyRing:
    """Give a ring whose key is due to be succeeded."""
    return KeyRing([generate_key("HS256", kid="first", nbf=NOW - 90 * DAY)]).with_schedule(SCHEDULE)


@pytest.fixture
def path(cli: Cli, ring: KeyRing) -> Path:
    """Give its file."""
    return cli.keys(ring)


def load(path: Path) -> KeyRing:
    """Return the ring of a file."""
    return KeyRing.open(path, create=False)


class TestRotate:
    def test_a_full_rotation(self, cli: Cli, path: Path) -> None:
        """Add, switch, retire, remove: each run does what is due and says what comes next."""
        first = cli("keys", "rotate", path, "--now", NOW)
        assert first.code == DONE
        (second,) = {key.kid for key in load(path)} - {"first"}
        assert first.out.splitlines() == [
            f"source    key file {path}",
            "serial    1 -> 2, written",
            f"added     {second}  signs from 2026-07-25T17:35:00Z (in 15m)",
            "next",
            f"  2026-07-25T17:35:00Z (in 15m): {second} signs",
            "  2026-10-23T17:20:00Z (in 90d): the next key is due",
        ]
        again = cli("keys", "rotate", path, "--now", NOW)
        assert "serial    2; nothing to do" in again.out
        retired = cli("keys", "rotate", path, "--now", NOW + 900)
        assert "retired   first     verifies until 2026-07-26T05:51:00Z" in retired.out
        removed = cli("keys", "rotate", path, "--now", NOW + 2 * DAY)
        assert "removed   first" in removed.out
        assert [key.kid for key in load(path)] == [second]
        assert load(path).serial == 4

    def test_a_dry_run(self, cli: Cli, path: Path) -> None:
        """It shows the same, and changes nothing; not even a file that cannot be written."""
        before = path.read_bytes()
        result = cli("keys", "rotate", path, "--now", NOW, "--dry-run")
        assert "1 -> 2, not written, as this is a dry run" in result.out
        assert "signs from" in result.out
        assert path.read_bytes() == before

    def test_a_dry_run_shows_no_kid_that_is_not_used(self, cli: Cli, path: Path) -> None:
        """The kid of a new key is drawn when it is made; keys that are there keep theirs."""
        result = cli("keys", "rotate", path, "--now", NOW, "--dry-run")
        assert "added     a new key  signs from 2026-07-25T17:35:00Z" in result.out
        assert "(in 15m): a new key signs" in result.out
        document = cli("keys", "rotate", path, "--now", NOW, "--dry-run", "--json").json
        assert [change["kid"] for change in document["changes"]] == ["a new key"]
        cli("keys", "rotate", path, "--now", NOW)
        later = cli("keys", "rotate", path, "--now", NOW + 900, "--dry-run")
        assert "retired   first" in later.out

    def test_json(self, cli: Cli, path: Path) -> None:
        """The same as data."""
        document = cli("keys", "rotate", path, "--now", NOW, "--json").json
        assert document["serial"] == {"before": 1, "after": 2}
        assert document["dry_run"] is False
        (change,) = document["changes"]
        assert (change["change"], change["at"]) == ("added", NOW + 900)
        assert [moment["what"] for moment in document["next"]] == ["signs", "due"]

    def test_without_a_config(self, cli: Cli, hs256: KeyRing) -> None:
        """The message says how to set one."""
        path = cli.keys(hs256)
        assert_complaint(cli("keys", "rotate", path), "keys schedule SOURCE --token-lifetime 30m")

    def test_a_source_that_is_not_there(self, cli: Cli) -> None:
        """Nothing is made."""
        assert_complaint(cli("keys", "rotate", cli.folder / "none"), "no key document")
        assert_complaint(cli("keys", "rotate", "mysql://x"), "unknown key source")
        assert list(cli.folder.iterdir()) == []

    def test_over_a_database(self, cli: Cli) -> None:
        """Made, rotated and listed by URL; made once."""
        url = f"sqlite:///{cli.folder}/keys.db#shop"
        made = cli("keys", "new", url, "--algorithm", "Ed25519", "--token-lifetime", 3600)
        assert made.code == DONE
        assert_complaint(cli("keys", "new", url), "exists already")
        assert "nothing to do" in cli("keys", "rotate", url).out
        assert cli("keys", "list", url, "--json").json["keys"][0]["algorithm"] == "Ed25519"
        token = cli("encode", url, stdin="{}").out
        assert cli("decode", url, stdin=token).code == DONE

    def test_a_password_is_never_shown(self, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
        """No argument and no error shows the password."""
        assert_complaint(cli("keys", "status", "redis://u:hunter2@127.0.0.1:1"), "process lists")
        monkeypatch.setenv("WHERE", "redis://u:hunter2@127.0.0.1:1/3#k")
        result = cli("keys", "status", "url:WHERE")
        assert_complaint(result, "redis 127.0.0.1:1/3#k", "ConnectionError")
        assert "hunter2" not in result.err


class TestSchedule:
    def test_setting(self, cli: Cli, hs256: KeyRing) -> None:
        """What is not named keeps its value; the serial grows only if something changed."""
        path = cli.keys(hs256)
        assert_complaint(cli("keys", "schedule", path, "--period", 5000), "--token-lifetime")
        assert "0 -> 1" in cli("keys", "schedule", path, "--token-lifetime", 7200).out
        cli("keys", "schedule", path, "--period", 5000, "--propagation", 60)
        cli("keys", "schedule", path, "--next-algorithm", "ES256")
        assert load(path).schedule == Schedule(
            token_lifetime=7200, period=5000, propagation=60, algorithm="ES256"
        )
        assert "serial    3; nothing to do" in cli("keys", "schedule", path).out
        assert "nothing to do" in cli("keys", "schedule", path, "--period", 5000).out
        assert_complaint(cli("keys", "schedule", path, "--period", 60), "must be longer than")

    def test_a_new_file_with_a_config(self, cli: Cli) -> None:
        """Its key is dated, so that its first rotation is a period away."""
        path = cli.folder / "new.json"
        cli("keys", "new", path, "--token-lifetime", 3600, "--next-algorithm", "Ed25519")
        (key,) = load(path)
        assert key.nbf > NOW
        assert load(path).schedule == Schedule(token_lifetime=3600, algorithm="Ed25519")
        assert_complaint(cli("keys", "new", cli.folder / "b", "--period", 9), "--token-lifetime")


class TestRevoke:
    def test_a_leaked_key(self, cli: Cli, path: Path) -> None:
        """A leaked key is revoked with its reason, and a new key signs at once."""
        result = cli("keys", "revoke", path, "first", "--reason", "in a log", "--now", NOW)
        assert "revoked   first     ended 2026-07-25T17:20:00Z (now)" in result.out
        ring = load(path)
        assert ring.states(NOW)["first"] == "revoked"
        assert ring["first"].to_jwks(private=True)[0]["revoked"]["reason"] == "in a log"
        active = ring.active(NOW)
        assert active is not None
        assert active.nbf == NOW
        again = cli("keys", "revoke", path, "first", "--now", NOW)
        assert "nothing to do" in again.out

    def test_a_new_key_now(self, cli: Cli, ring: KeyRing) -> None:
        """On demand, although another could sign."""
        path = cli.keys(KeyRing([*ring, generate_key("HS256", kid="b", nbf=NOW - 5)]))
        cli("keys", "revoke", path, "b", "--activate-new-now", "--now", NOW)
        active = load(path).active(NOW)
        assert active is not None
        assert active.kid not in ("first", "b")

    def test_an_unknown_kid(self, cli: Cli, path: Path) -> None:
        """It is refused with those that there are."""
        assert_complaint(cli("keys", "revoke", path, "second"), "only first")

    def test_a_dry_run(self, cli: Cli, path: Path) -> None:
        """Nothing is revoked."""
        cli("keys", "revoke", path, "first", "--dry-run")
        assert not load(path)["first"].revoked

    def test_it_says_what_ends_and_when(self, cli: Cli, path: Path) -> None:
        """The output says what ends and when, for each way in which processes get the document."""
        out = cli("keys", "revoke", path, "first", "--now", NOW).out
        for words in ("renewed under other keys", "refresh", "restart", "deploy", "exported"):
            assert words in out

    def test_a_kid_that_is_listed_no_more(self, cli: Cli, path: Path) -> None:
        """It needs a word, so that a slip of the pen does not succeed."""
        assert_complaint(cli("keys", "revoke", path, "gone", "--now", NOW), "--unlisted")
        result = cli("keys", "revoke", path, "gone", "--unlisted", "--now", NOW)
        assert result.code == DONE
        assert load(path)["gone"].revoked
        assert load(path).active(NOW) is not None

    @pytest.mark.parametrize(
        ("wrong", "fix"),
        [
            ({"token_lifetime": 1800, "period": 600}, ["--period", "86400"]),
            ({"token_lifetime": 1800, "algorithm": "ML-DSA-44"}, ["--next-algorithm", "HS256"]),
            ({"token_lifetime": 1800, "leeway": "60"}, ["--leeway", "60"]),
            ({"period": 86400}, ["--token-lifetime", "1800"]),
        ],
    )
    def test_a_wrong_rotation_config(self, cli: Cli, wrong: Any, fix: list[str]) -> None:
        """A key is revoked all the same; one option mends the config, and its error names it."""
        document = KeyRing.generate(kid="k1").to_jwks(private=True) | {"rotation": wrong}
        path = cli.keys(KeyRing.from_jwks(document | {"serial": 1}))
        assert cli("keys", "status", path).code == REFUSED
        assert cli("keys", "revoke", path, "k1").code == DONE
        assert load(path)["k1"].revoked
        if "--token-lifetime" not in fix:
            assert_complaint(cli("keys", "schedule", path, "--token-lifetime", "900"), "")
        assert cli("keys", "schedule", path, *fix).code == DONE
        assert load(path).schedule is not None
        assert cli("keys", "rotate", path).code == DONE


class TestRetire:
    def test_by_hand(self, cli: Cli, ring: KeyRing) -> None:
        """A superseded key gets its end; twice it is the same one; the only key has none."""
        path = cli.keys(ring.add(now=NOW))
        result = cli("keys", "retire", path, "first", "--now", NOW)
        assert "retired   first     verifies until 2026-07-26T05:51:00Z" in result.out
        assert "nothing to do" in cli("keys", "retire", path, "first", "--now", NOW).out
        only = cli.keys(KeyRing.generate(kid="a"), "only.json")
        assert_complaint(cli("keys", "retire", only, "a"), "tokensession keys schedule")


class TestStatus:
    def test_when_all_is_well(self, cli: Cli, path: Path) -> None:
        """States, dates, fingerprint and what is next; exit code 0."""
        cli("keys", "rotate", path, "--now", NOW)
        result = cli("keys", "status", path, "--now", NOW)
        assert result.code == DONE
        ring = load(path)
        for text in (f"fingerprint  {ring.fingerprint}", "first        HS256    active", "pending",
                     "period       90d", "the next key is due"):  # fmt: skip
            assert text in result.out

    def test_when_somebody_must_look(self, cli: Cli, path: Path) -> None:
        """Exit code 1, and why; as data too."""
        result = cli("keys", "status", path, "--now", NOW + DAY)
        assert result.code == REFUSED
        assert "LOOK         now" in result.out
        document = cli("keys", "status", path, "--now", NOW + DAY, "--json")
        assert document.code == REFUSED
        assert len(document.json["faults"]) == 1
        assert document.json["keys"][0]["state"] == "active"

    def test_without_a_config(self, cli: Cli, hs256: KeyRing) -> None:
        """That is one thing to look at."""
        result = cli("keys", "status", cli.keys(hs256))
        assert (result.code, "no rotation config" in result.out) == (REFUSED, True)

    def test_a_ring_that_cannot_be_read(self, cli: Cli) -> None:
        """Exit code 2, so that monitoring tells it from the other two."""
        assert cli("keys", "status", cli.file("{")).code == WRONG

    def test_no_secret_is_shown(self, cli: Cli, path: Path) -> None:
        """No verb shows a secret, as text or as JSON."""
        secret: Any = load(path).to_jwks(private=True)["keys"][0]["k"]
        for verb in ("rotate", "status", "check"):
            for form in ((), ("--json",)):
                assert secret not in cli("keys", verb, path, *form).out


class TestCheck:
    def test_the_inequalities(self, cli: Cli, path: Path) -> None:
        """Each with its numbers; exit code 1 when one does not hold."""
        cli("keys", "rotate", path, "--now", NOW)
        good = cli("keys", "check", path, "--now", NOW, "--refresh", 60, "--idle-timeout", 1800)
        assert good.code == DONE
        assert "ok    propagation 15m >= refresh 1m + 1m between clocks" in good.out
        bad = cli("keys", "check", path, "--now", NOW, "--refresh", 900)
        assert bad.code == REFUSED
        assert "LOOK  propagation 15m >= refresh 15m + 1m between clocks = 16m" in bad.out
        data = cli("keys", "check", path, "--now", NOW, "--json")
        assert all(result["holds"] for result in data.json["checks"])
