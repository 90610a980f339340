"""Schedule and plan: what is done when, and that nothing is done twice (SPEC section 7)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ALGORITHMS, NOW
from tokensession import ConfigError, KeyRing, Policy, SessionCodec, decode, encode
from tokensession.format.seconds import in_utc
from tokensession.keys.forecast import check, upcoming
from tokensession.keys.jwk import generate_key
from tokensession.keys.rotation import Schedule, next_rotation, plan, revoke_key

DAY = 86400
SCHEDULE = Schedule(period=90 * DAY, propagation=900, token_lifetime=43200, algorithm="HS256")
GRACE = 900 + 43260  # propagation, token_lifetime and leeway


def ring_of(**keys: tuple[int, int | None]) -> KeyRing:
    """Return a ring of keys by kid, each with nbf and exp."""
    made = []
    for kid, (nbf, exp) in keys.items():
        key = generate_key("HS256", kid=kid, nbf=nbf)
        made.append(key if exp is None else key.with_members(exp=exp))
    return KeyRing(made)


def words(events: tuple[Any, ...]) -> list[str]:
    """Return what was done, in order."""
    return [event.change for event in events]


class TestSchedule:
    def test_the_four_numbers(self) -> None:
        """They are kept, and written as the member of the document."""
        assert SCHEDULE.to_member() == {
            "period": 7776000, "propagation": 900, "token_lifetime": 43200, "algorithm": "HS256",
        }  # fmt: skip
        assert Schedule(token_lifetime=60, leeway=90).to_member()["leeway"] == 90
        assert SCHEDULE.grace == GRACE

    @pytest.mark.parametrize(
        ("numbers", "reason"),
        [
            ({"token_lifetime": 0}, '"token_lifetime" .* from 1 to'),
            ({"token_lifetime": True}, "not bool"),
            ({"token_lifetime": 60, "period": 900}, "period .900 s. must be longer than the prop"),
            ({"token_lifetime": 60, "propagation": 0}, '"propagation" .* from 1 to'),
            ({"token_lifetime": 60, "algorithm": "EdDSA"}, "HS256, Ed25519, ES256"),
            ({"token_lifetime": 60, "algorithm": []}, "HS256, Ed25519, ES256"),
            ({"token_lifetime": 60, "leeway": 3601}, '"leeway" .* from 0 to 3600'),
            ({"period": 5}, 'lacks "token_lifetime"'),
            ([], "must be an object"),
        ],
    )
    def test_refused_with_the_reason(self, numbers: Any, reason: str, hs256: KeyRing) -> None:
        """A wrong config fails when its schedule is read, with the reason, and not before."""
        with pytest.raises(ConfigError, match=reason):
            _ = KeyRing.from_jwks(hs256.to_jwks(private=True) | {"rotation": numbers}).schedule
        Schedule(token_lifetime=1, period=901, propagation=900, leeway=3600)

    def test_in_the_document(self, hs256: KeyRing) -> None:
        """It survives writing and reading, with members of a later version beside it."""
        document = hs256.to_jwks(private=True) | {"rotation": {"token_lifetime": 9, "new": [1]}}
        ring = KeyRing.from_jwks(document).with_schedule(SCHEDULE)
        again = KeyRing.from_jwks(ring.to_json())
        assert again.schedule == SCHEDULE
        assert again.serial == hs256.serial + 1
        assert again.to_jwks(private=True)["rotation"]["new"] == [1]
        assert hs256.schedule is None

    def test_leeways_that_do_not_fit(self, hs256: KeyRing) -> None:
        """A policy's leeway above that of the config is refused when the codec is made."""
        ring = hs256.with_schedule(SCHEDULE)
        SessionCodec(ring, policy=Policy(leeway=60))
        with pytest.raises(ConfigError, match=r"leeway \(61 s\) exceeds .* \(60 s\)"):
            SessionCodec(ring, policy=Policy(leeway=61))


class TestAdding:
    def test_at_the_right_time(self) -> None:
        """The next key is added one delay before the period ends, and signs when it does."""
        ring = ring_of(a=(NOW, None))
        due = NOW + SCHEDULE.period - SCHEDULE.propagation
        assert next_rotation(ring, NOW, SCHEDULE) == due
        assert plan(ring, due - 1, SCHEDULE) == (ring, ())
        for late in (0, 1, 100 * DAY):
            after, (event,) = plan(ring, due + late, SCHEDULE)
            assert event.change == "added"
            assert event.at == after[event.kid].nbf == due + late + SCHEDULE.propagation
            assert after.active(event.at - 1) is ring["a"]
            assert after.active(event.at) is after[event.kid]
            assert after.serial == ring.serial + 1

    def test_a_key_of_unknown_age(self, hs256: KeyRing) -> None:
        """Without nbf it counts as old: the next one is added at once."""
        after, (event,) = plan(hs256, NOW, SCHEDULE)
        assert (event.change, event.at) == ("added", NOW + 900)
        assert next_rotation(hs256, NOW, SCHEDULE) == NOW
        assert plan(after, NOW, SCHEDULE) == (after, ())

    @pytest.mark.parametrize("old", ALGORITHMS)
    @pytest.mark.parametrize("new", ALGORITHMS)
    def test_another_algorithm_is_a_rotation(self, old: str, new: str) -> None:
        """Published first, used later; the old one is superseded as always."""
        ring = KeyRing([generate_key(old, nbf=NOW - DAY)])
        schedule = Schedule(token_lifetime=60, algorithm=new)
        after, events = plan(ring, NOW, schedule)
        assert words(events) == ([] if old == new else ["added"])
        if events:
            assert after[events[0].kid].algorithm == new
            assert events[0].at == NOW + 900

    def test_the_algorithm_stays(self) -> None:
        """Without one in the config, new keys have that of the newest."""
        ring = KeyRing([generate_key("ES256", nbf=1)])
        after, (event,) = plan(ring, NOW, Schedule(token_lifetime=60))
        assert after[event.kid].algorithm == "ES256"

    def test_a_pending_key_of_the_wrong_algorithm(self) -> None:
        """It is superseded as soon as it signs, so it can never come back."""
        ring = ring_of(a=(NOW - DAY, None), b=(NOW + 800, None))
        after, (event,) = plan(ring, NOW, Schedule(token_lifetime=60, algorithm="Ed25519"))
        assert event.at == NOW + 900
        ring = ring_of(a=(NOW - DAY, None), b=(NOW + 5000, None))
        after, (event,) = plan(ring, NOW, Schedule(token_lifetime=60, algorithm="Ed25519"))
        assert event.at == NOW + 5001
        assert plan(after, NOW, Schedule(token_lifetime=60, algorithm="Ed25519")) == (after, ())

    def test_when_nobody_can_sign(self) -> None:
        """After an emergency a key starts at once, dated."""
        ring = ring_of(a=(1, None)).revoke("a", now=NOW)
        after, events = plan(ring, NOW, SCHEDULE)
        assert words(events) == ["added", "cleared"]
        active = after.active(NOW)
        assert active is not None
        assert active.nbf == NOW

    def test_a_planned_end_is_a_reason(self) -> None:
        """A key with an exp gets its successor early enough for its last tokens."""
        end = NOW + 50 * DAY
        ring = ring_of(a=(NOW, end))
        due = end - GRACE - 900  # published then, it signs 900 s later
        assert words(plan(ring, NOW, SCHEDULE)[1]) == ["added"], "a key without an end is left"
        after, events = plan(ring, due, SCHEDULE)
        assert words(events) == ["added"]
        late, events = plan(ring, due + 500, SCHEDULE)
        assert words(events) == ["added", "extended"]
        assert late["a"].exp == due + 500 + 900 + GRACE
        assert after["a"].exp == end

    @pytest.mark.parametrize("years", [-5, 5])
    def test_a_clock_that_jumped(self, years: int) -> None:
        """Runs with a wrong clock end nothing; the next right one puts right what they left."""
        ring = ring_of(a=(NOW - 89 * DAY, NOW + 1000), b=(NOW - 10, None))
        for day in range(300):
            now = NOW + day * DAY
            jump = years * 365 * DAY if day % 25 == 7 else 0
            before = ring.active(now)
            ring, _ = plan(ring, now + jump, SCHEDULE)
            if jump:
                assert before is not None
                active = ring.active(now)
                assert active is not None
                assert active.kid == before.kid
                assert active.verifies(now + 30 * DAY)
            else:
                assert len(ring) <= 3
                assert all(key.nbf <= now + SCHEDULE.period for key in ring)
                assert all((key.exp or now) < now + 2 * DAY for key in ring)
        assert ring.serial >= 3

    def test_a_readers_ring(self, algorithm: str) -> None:
        """It is refused; so is a schedule of another type."""
        ring = KeyRing.generate(algorithm)
        if algorithm != "HS256":
            with pytest.raises(ConfigError, match="can only read"):
                plan(ring.reader(), NOW, SCHEDULE)
            with pytest.raises(ConfigError, match="can only read"):
                revoke_key(ring.reader(), next(iter(ring)).kid, NOW)
        with pytest.raises(ConfigError, match="must be a Schedule"):
            plan(ring, NOW, {"period": 5})  # type: ignore[arg-type]

    def test_a_kid_is_used_once(self) -> None:
        """A kid that any key of the ring has is drawn again."""
        ring = ring_of(a=(1, None))
        kids = iter(["a", "a", "b"])

        def make(algorithm: str, *, nbf: int) -> Any:
            return generate_key(algorithm, kid=next(kids), nbf=nbf)

        _, (event,) = plan(ring, NOW, SCHEDULE, make_key=make)
        assert event.kid == "b"

    def test_keys_dated_far_ahead_for_one_second(self) -> None:
        """The one that signs, by its kid, goes on to sign."""
        ring = ring_of(a=(NOW + 200 * DAY, NOW + 201 * DAY), b=(NOW + 200 * DAY, None))
        after, _ = plan(ring, NOW, SCHEDULE)
        assert [made.active(NOW).kid for made in (ring, after)] == ["b", "b"]  # type: ignore[union-attr]


class TestGrace:
    def test_a_superseded_key_gets_its_end(self) -> None:
        """A superseded key gets an end once its successor signs, late enough for slow processes."""
        ring = ring_of(a=(NOW, None), b=(NOW + 5000, None))
        assert plan(ring, NOW + 4999, SCHEDULE) == (ring, ())
        for late in (0, 7, 30 * DAY):
            after, (event,) = plan(ring, NOW + 5000 + late, SCHEDULE)
            assert event.change == "retired"
            assert after["a"].exp == event.at == NOW + 5000 + late + GRACE
            assert plan(after, NOW + 5000 + late, SCHEDULE) == (after, ())

    @pytest.mark.parametrize("end", [-1, 0, 1])
    def test_an_end_that_comes_too_soon(self, end: int) -> None:
        """It is moved to the last token's end; one that is late enough stays."""
        needed = NOW + GRACE
        ring = ring_of(a=(1, needed + end), b=(NOW, None))
        after, events = plan(ring, NOW, SCHEDULE)
        assert words(events) == (["extended"] if end < 0 else [])
        assert after["a"].exp == max(needed, needed + end)


class TestRemoving:
    @pytest.mark.parametrize("seconds", [-1, 0, 1])
    def test_what_verifies_nothing(self, seconds: int) -> None:
        """An expired key is removed once every clock says so."""
        ring = ring_of(a=(1, NOW), b=(NOW - DAY, None))
        after, events = plan(ring, NOW + 960 + seconds, SCHEDULE)
        assert words(events) == (["removed"] if seconds >= 0 else [])
        assert ("a" in after) == (seconds < 0)

    def test_a_tombstone_stays(self, algorithm: str) -> None:
        """Of a revoked key, name and reason are left, and no material."""
        key = generate_key(algorithm, kid="a", nbf=1)
        ring = KeyRing([key, *ring_of(b=(NOW, None))]).revoke("a", reason="leaked", now=NOW)
        after, events = plan(ring, NOW, SCHEDULE)
        assert words(events) == ["cleared"]
        (jwk,) = after["a"].to_jwks(private=True)
        assert not {"k", "d", "x", "y"} & set(jwk)
        assert jwk["revoked"] == {"revoked_at": NOW, "reason": "leaked", "used": key.digests()}
        assert plan(after, NOW + 89 * DAY, SCHEDULE)[0] is after
        assert KeyRing.from_jwks(after.to_json()).states(NOW)["a"] == "revoked"

    def test_nothing_while_the_clock_is_in_doubt(self) -> None:
        """No key is removed beside an active one of over two periods: the clock can have jumped."""
        ring = ring_of(a=(1, NOW), b=(NOW, None))
        for periods, kept in ((2, False), (3, True)):
            after, events = plan(ring, NOW + periods * SCHEDULE.period, SCHEDULE)
            assert ("a" in after) == kept
            assert "added" in words(events)


class TestReaders:
    @pytest.mark.parametrize("spoil", ["expired", "revoked", "fresh"])
    def test_a_reader_never_becomes_a_minter(self, spoil: str) -> None:
        """A reader's ring never gets a signing key, even if its own keys are unusable."""
        key = generate_key("Ed25519", kid="a", nbf=1)
        if spoil == "expired":
            key = key.with_members(exp=NOW - 5)
        ring = KeyRing([key])
        reader = (ring.revoke("a", now=NOW) if spoil == "revoked" else ring).reader()
        with pytest.raises(ConfigError, match="can only read"):
            plan(reader, NOW, SCHEDULE)
        with pytest.raises(ConfigError, match="can only read"):
            revoke_key(reader, "a", NOW, activate_new_now=True)

    def test_a_minter_stays_one(self) -> None:
        """A minter whose key has expired gets a new one, beside another minter's key."""
        other = KeyRing.generate("Ed25519", kid="other").reader()
        ring = KeyRing([generate_key(kid="a", nbf=1).with_members(exp=NOW - 5), *other])
        after, events = plan(ring, NOW, SCHEDULE)
        assert "added" in words(events)
        assert after.active(NOW) is not None


class TestRevoking:
    def test_the_only_key(self) -> None:
        """A new one signs at once."""
        ring = ring_of(a=(1, None)).with_schedule(SCHEDULE)
        after, events = revoke_key(ring, "a", NOW, reason="laptop stolen")
        assert words(events) == ["revoked", "added", "cleared"]
        assert after.serial == ring.serial + 1
        active = after.active(NOW)
        assert active is not None
        assert active.nbf == NOW
        assert after.states(NOW)["a"] == "revoked"

    def test_another_takes_over(self) -> None:
        """The one before it signs again, with a successor on its way and no end too soon."""
        ring = ring_of(a=(NOW - 9000, NOW + 500), b=(NOW - 5000, None)).with_schedule(SCHEDULE)
        after, events = revoke_key(ring, "b", NOW)
        assert words(events) == ["revoked", "added", "extended", "cleared"]
        assert after.active(NOW) is after["a"]
        assert after["a"].exp == NOW + 900 + GRACE

    def test_a_new_one_now(self) -> None:
        """On demand a new key signs at once, though others could; the algorithm is the config's."""
        ring = ring_of(a=(NOW - 9000, None), b=(NOW - 5000, None))
        ring = ring.with_schedule(Schedule(token_lifetime=60, algorithm="Ed25519"))
        after, _ = revoke_key(ring, "b", NOW, activate_new_now=True)
        active = after.active(NOW)
        assert active is not None
        assert (active.nbf, active.algorithm) == (NOW, "Ed25519")

    def test_twice(self) -> None:
        """The second time there is nothing to do; an unknown kid is an error."""
        ring = ring_of(a=(1, None), b=(2, None))
        once, _ = revoke_key(ring, "a", NOW)
        assert revoke_key(once, "a", NOW) == (once, ())
        with pytest.raises(ConfigError, match=r"no key 'c'.*--unlisted"):
            revoke_key(ring, "c", NOW)

    def test_a_key_that_can_sign_and_has_no_end_is_left(self) -> None:
        """One is published, and what the present signer signs until then lives to its end."""
        ring = ring_of(a=(0, NOW + 3600), b=(NOW - 5, None))
        after, events = revoke_key(ring, "b", NOW)
        assert words(events) == ["revoked", "added", "extended"]
        for at in range(NOW, NOW + 9000, 300):
            token = encode({}, after, ttl=1800, now=at)
            assert decode(token, after, now=at + 1799).issued_at == at

    @pytest.mark.parametrize(
        "rotation",
        [
            {"token_lifetime": 1800, "period": 600},
            {"token_lifetime": 1800, "algorithm": "ML-DSA-44"},
            {"token_lifetime": 1800, "leeway": "60"},
            {"period": 5},
        ],
    )
    def test_a_wrong_rotation_config_stands_in_the_way_of_nothing(self, rotation: Any) -> None:
        """The key is revoked, another signs, and the config stays for its author to mend."""
        ring = ring_of(a=(1, None))
        ring = KeyRing.from_jwks(ring.to_jwks(private=True) | {"rotation": rotation})
        after, events = revoke_key(ring, "a", NOW)
        assert words(events) == ["revoked", "added"]
        assert after.active(NOW) is not None
        assert after.members["rotation"] == rotation
        assert any("tokensession keys schedule" in result.text for result in check(after, NOW))
        assert SessionCodec(after).encode({}, now=NOW)

    @pytest.mark.parametrize("reads", [False, True])
    def test_a_kid_that_is_listed_no_more(self, reads: bool) -> None:  # noqa: FBT001
        """Its tombstone is added, in a reader's ring too, and readers are given it."""
        ring = KeyRing.generate("Ed25519", kid="a")
        ring = ring.reader() if reads else ring
        after, events = revoke_key(ring, "gone", NOW, reason="leaked", unlisted=True)
        assert words(events) == ["revoked"]
        for made in (after, after.reader()):
            (jwk,) = made["gone"].to_jwks(private=True)
            assert jwk == {
                "kty": "oct", "kid": "gone", "alg": "HS256",
                "revoked": {"revoked_at": NOW, "reason": "leaked"},
            }  # fmt: skip
        KeyRing.from_jwks(after.to_json(), running=ring)
        with pytest.raises(ConfigError, match="invalid kid"):
            revoke_key(ring, "no kid", NOW, unlisted=True)
        with pytest.raises(ConfigError, match="reason must be a str, not int"):
            revoke_key(ring, "gone", NOW, reason=5, unlisted=True)  # type: ignore[arg-type]


@st.composite
def rings(draw: st.DrawFn) -> KeyRing:
    """Give rings of one to four keys in any state."""
    keys = []
    for kid in "abcd"[: draw(st.integers(1, 4))]:
        nbf = draw(st.integers(NOW - 200 * DAY, NOW + 200 * DAY) | st.sampled_from([0, NOW]))
        key = generate_key(draw(st.sampled_from(("HS256", "Ed25519"))), kid=kid, nbf=nbf)
        exp = draw(st.none() | st.integers(nbf + 1, nbf + 300 * DAY))
        key = key if exp is None else key.with_members(exp=exp)
        if draw(st.integers(0, 3)) == 0:
            key = key.with_members(revoked={"revoked_at": NOW})
        keys.append(key)
    return KeyRing(keys)


schedules = st.builds(
    Schedule,
    period=st.integers(2, 100) .map(lambda days: days * DAY),
    propagation=st.integers(1, DAY),
    token_lifetime=st.integers(1, 30 * DAY),
    algorithm=st.sampled_from([None, "HS256", "Ed25519"]),
)  # fmt: skip


@given(ring=rings(), schedule=schedules, times=st.lists(st.integers(0, 400 * DAY), max_size=6))
def test_the_laws_of_planning(ring: KeyRing, schedule: Schedule, times: list[int]) -> None:
    """For any ring and runs planning is idempotent, a key signs, and no valid token ends early."""
    for now in [NOW, *(NOW + seconds for seconds in sorted(times))]:
        before = ring.active(now)
        after, events = plan(ring, now, schedule)
        assert plan(after, now, schedule) == (after, ())
        assert (after is ring) == (not events)
        active = after.active(now)
        assert active is not None
        assert any(key.exp is None for key in after if key.can_mint and not key.revoked)
        if before is not None:
            assert active.kid == before.kid, "a plan never changes who signs at its moment"
        for key in ring:
            kept = key.kid in after
            assert kept or not key.verifies(now)
            if kept and key.exp is not None and key.verifies(now):
                assert (after[key.kid].exp or 0) >= min(key.exp, now + schedule.grace)
            assert kept or not key.revoked
        for key in after:
            if key.kid not in ring and before is not None:
                assert key.nbf >= now + schedule.propagation
        dated = after.with_schedule(schedule)
        dated.check_grace(schedule.token_lifetime, leeway=schedule.leeway, now=now)
        ring = after


class TestOutlook:
    def test_what_the_clock_brings(self) -> None:
        """Switches, ends and the next run, in order; only a key that will sign is said to."""
        ring = ring_of(a=(NOW - 10, NOW + 90000), b=(NOW + 900, None), c=(NOW + 900, None))
        ring = ring.with_schedule(SCHEDULE)
        assert [tuple(moment) for moment in upcoming(ring, NOW)] == [
            (NOW + 900, "signs", "c"),
            (NOW + 90000, "expires", "a"),
            (NOW + SCHEDULE.period, "due", ""),
        ]

    @pytest.mark.parametrize(
        ("ring", "fault"),
        [
            (ring_of(a=(1, None)), "no rotation config"),
            (ring_of(a=(1, 5)).with_schedule(SCHEDULE), "no key can sign"),
            (ring_of(a=(0, None)).with_schedule(SCHEDULE), "no nbf, so its age is unknown"),
            (ring_of(a=(1, None)).with_schedule(SCHEDULE), "the scheduled .* runs"),
            (ring_of(a=(NOW, None), b=(2 * NOW, None)).with_schedule(SCHEDULE), "wrong clock"),
            (ring_of(a=(NOW + 10**9, None)).with_schedule(SCHEDULE), "wrong clock"),
            (
                ring_of(a=(1, NOW + 5), b=(NOW, None)).with_schedule(SCHEDULE),
                rf"exp {in_utc(NOW + 5)} >= {in_utc(NOW + GRACE)} = nbf {in_utc(NOW)} .*rotate,",
            ),
        ],
    )  # fmt: skip
    def test_what_somebody_must_look_at(self, ring: KeyRing, fault: str) -> None:
        """Each rule that is broken, with its numbers and the remedy."""
        broken = [result.text for result in check(ring, NOW) if not result.holds]
        assert any(re.search(fault, text) for text in broken), broken

    def test_a_ring_in_order(self) -> None:
        """Every rule holds, with the numbers of those who use it; beyond them one does not."""
        ring = ring_of(a=(NOW - 9, NOW + 99999), b=(NOW, None)).with_schedule(SCHEDULE)
        results = check(ring, NOW, refresh=840, idle_timeout=43200)
        assert all(result.holds for result in results)
        results = check(ring, NOW, refresh=841, idle_timeout=43201)
        broken = [result.text for result in results if not result.holds]
        assert any("= 15m1s: raise --propagation" in text for text in broken)
        assert any("raise --token-lifetime" in text for text in broken)

    def test_a_readers_ring_is_in_order(self) -> None:
        """It is its minter's that is checked."""
        reader = KeyRing.generate("Ed25519").reader()
        assert [result.holds for result in check(reader, NOW)] == [True]
        assert upcoming(reader, NOW) == ()
