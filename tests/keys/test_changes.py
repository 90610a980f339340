"""The changes of a key ring, and the rules between its keys (SPEC section 7)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import ALGORITHMS, NOW
from tests.keys.rings import ring_of
from tokensession import ConfigError, KeyRing, decode, encode
from tokensession.keys.jwk import generate_key


def test_publish_before_use(hs256: KeyRing) -> None:
    """A new key signs once it has had the time to spread, by default 15 minutes."""
    (old,) = hs256
    ring = hs256.add(now=NOW)
    new = next(key for key in ring if key.kid != old.kid)
    assert new.nbf == NOW + 900
    assert ring.states(NOW + 899) == {old.kid: "active", new.kid: "pending"}
    assert ring.states(NOW + 900) == {old.kid: "retiring", new.kid: "active"}


def test_publishing_too_late_is_refused(hs256: KeyRing) -> None:
    """The error shows the numbers; the exact bound is accepted."""
    hs256.add(nbf=NOW + 900, now=NOW)
    with pytest.raises(ConfigError, match=f"from {NOW + 899}, before {NOW + 900}"):
        hs256.add(nbf=NOW + 899, now=NOW)
    with pytest.raises(ConfigError, match="propagation 60 s"):
        hs256.add(generate_key(nbf=NOW + 59), propagation=60, now=NOW)


def test_after_an_emergency_a_key_may_start_at_once(hs256: KeyRing) -> None:
    """After the only key was revoked, a new key can sign at once."""
    (old,) = hs256
    ring = hs256.revoke(old.kid, reason="leaked", now=NOW).add(now=NOW)
    active = ring.active(NOW)
    assert active is not None
    assert active.nbf == 0
    assert ring.to_jwks(private=True)["keys"][0]["revoked"] == {
        "revoked_at": NOW,
        "reason": "leaked",
    }


def test_a_kid_is_never_used_again(hs256: KeyRing) -> None:
    """Not even that of a revoked key."""
    (old,) = hs256
    with pytest.raises(ConfigError, match="already has a key"):
        hs256.revoke(old.kid).add(generate_key(kid=old.kid), now=NOW)


def test_a_key_can_be_given(hs256: KeyRing) -> None:
    """A given key is added with its own nbf, or with a new one."""
    assert hs256.add(generate_key(kid="n"), nbf=NOW + 1000, now=NOW)["n"].nbf == NOW + 1000


def test_retiring_leaves_time_for_the_last_tokens(hs256: KeyRing) -> None:
    """The old key expires a token's life and the leeway after all processes know its successor."""
    (old,) = hs256
    ring = hs256.add(now=NOW).retire(old.kid, token_lifetime=3600, now=NOW)
    assert ring[old.kid].exp == NOW + 900 + 900 + 3600 + 60
    last = encode({}, ring, ttl=3600, now=NOW + 899)
    assert decode(last, ring, now=NOW + 899 + 3599).kid == old.kid


def test_retiring_later_counts_from_now(hs256: KeyRing) -> None:
    """A superseded key may have signed until this very moment on a node with an old document."""
    (old,) = hs256
    ring = hs256.add(now=NOW).retire(old.kid, token_lifetime=3600, now=NOW + 5000)
    assert ring[old.kid].exp == NOW + 5000 + 900 + 3600 + 60
    assert ring.retire(old.kid, token_lifetime=3600, now=NOW + 6000)[old.kid].exp == NOW + 9560


@pytest.mark.parametrize("late", [-1, 0, 1, 10**8])
def test_a_key_that_would_sign_in_a_far_future_can_be_retired(late: int) -> None:
    """It gets an end, whether or not a plan would have dated it so; its successor follows it."""
    ring = ring_of(now=(NOW, None), far=(NOW + 90 * 86400 + 900 + late, None))
    after = ring.retire("far", token_lifetime=3600, now=NOW)
    (new,) = (key for key in after if key.kid not in ring)
    assert after["far"].nbf < new.nbf
    assert after["far"].exp == new.nbf + 900 + 3600 + 60
    assert after.active(NOW) is after["now"]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda ring: ring.retire("old"), "needs token_lifetime"),
        (lambda ring: ring.retire("old", token_lifetime=0), "from 1 to"),
        (
            lambda ring: (
                KeyRing.generate("Ed25519", kid="r").reader().retire("r", token_lifetime=60)
            ),
            "can only read",
        ),
        (lambda ring: ring.retire("none", token_lifetime=60), "no key 'none'"),
        (
            lambda ring: ring_of(old=(0, 9), new=(5, None)).retire("old", token_lifetime=60),
            "expired",
        ),
        (lambda ring: ring.revoke("old").retire("old", token_lifetime=60), "already revoked"),
        (lambda ring: ring.revoke("none"), "no key 'none'"),
        (lambda ring: ring.add(propagation=-1), "propagation must be"),
    ],
)
def test_wrong_changes_are_refused(spoil: Any, reason: str) -> None:
    """Each with its own reason, and the ring as it was."""
    with pytest.raises(ConfigError, match=reason):
        spoil(ring_of(old=(0, None), new=(NOW, None)))


def test_the_rotation_config_gives_the_lifetime(hs256: KeyRing) -> None:
    """A document that names its token_lifetime needs no argument."""
    document = hs256.to_jwks(private=True) | {"rotation": {"token_lifetime": 7200}}
    ring = KeyRing.from_jwks(document)
    assert ring.token_lifetime == 7200
    (old,) = ring
    assert ring.add(now=NOW).retire(old.kid, now=NOW)[old.kid].exp == NOW + 900 + 900 + 7260


def test_revoking_twice_changes_nothing(hs256: KeyRing) -> None:
    """The first date stays."""
    (old,) = hs256
    once = hs256.revoke(old.kid, now=NOW)
    assert once.revoke(old.kid, now=NOW + 1) is once


def test_material_never_changes_under_a_kid(ring: KeyRing, algorithm: str) -> None:
    """A kid that suddenly has another secret is refused; a tombstone without material is not."""
    (key,) = ring
    other = KeyRing([generate_key(algorithm, kid=key.kid)]).to_jwks(private=True)
    with pytest.raises(ConfigError, match="its material differs from the running"):
        KeyRing.from_jwks(other, running=ring)
    tombstone = [
        {name: value for name, value in jwk.items() if name not in ("k", "d", "x", "y")}
        | {"revoked": {"revoked_at": NOW}}
        for jwk in ring.to_jwks(private=True)["keys"][:1]
    ]
    KeyRing.from_jwks({"keys": tombstone}, running=ring)


def test_a_revocation_is_for_good(hs256: KeyRing) -> None:
    """A later document in which the key lives again is refused."""
    (key,) = hs256
    document = hs256.to_jwks(private=True) | {"serial": 9}
    with pytest.raises(ConfigError, match="revocations are permanent"):
        KeyRing.from_jwks(document, running=hs256.revoke(key.kid))


@pytest.mark.parametrize(
    "ring",
    [
        ring_of(a=(0, None)),
        ring_of(a=(0, None), b=(1000, 2000)),
        ring_of(a=(0, None), b=(1000, None)).revoke("b", now=NOW),
        ring_of(b=(0, None), a=(1000, None)),
        ring_of(a=(0, None), b=(NOW, NOW + 90_000)),
    ],
)
def test_retiring_leaves_a_key_that_signs_after_it_and_has_no_end(ring: KeyRing) -> None:
    """Retiring leaves a key that signs without an end, or adds one."""
    retired = ring.retire("a", token_lifetime=100, now=NOW)
    (new,) = (key for key in retired if key.kid not in ring)
    assert (new.exp, new.nbf >= NOW + 900) == (None, True)
    assert (retired["a"].exp or 0) >= min(key.nbf for key in retired if key.nbf >= NOW) + 900 + 160
    before, after = ring.active(NOW), retired.active(NOW)
    assert before is not None
    assert after is not None
    assert before.kid == after.kid


def test_an_end_that_comes_too_soon_is_moved() -> None:
    """Retiring a key that is planned to leave too early gives its last tokens their time."""
    ring = ring_of(a=(0, 5050), b=(5000, None)).retire("a", token_lifetime=100, now=4000)
    assert ring["a"].exp == 5000 + 900 + 160


def test_reading_goes_on_whatever_the_grace() -> None:
    """The plain functions read under a ring whose dates would not do for 1800 s."""
    ring = KeyRing.generate(kid="a")
    token = encode({}, ring, ttl=300)
    assert decode(token, ring.add().retire("a", token_lifetime=300)).kid == "a"


@pytest.mark.parametrize(
    "make",
    [
        lambda ring: KeyRing.generate(kid=5),  # type: ignore[arg-type]
        lambda ring: KeyRing.generate("A256GCM"),
        lambda ring: ring.revoke(next(iter(ring)).kid, reason=b"x"),
        lambda ring: ring.add().retire(next(iter(ring)).kid, token_lifetime=9, leeway="x"),
        lambda ring: ring.add().retire(next(iter(ring)).kid, token_lifetime=9, leeway=-1),
        lambda ring: encode({}, ring.to_jwks(private=True)),
        lambda ring: encode({}, ring, context=["a"]),  # type: ignore[arg-type]
    ],
)
def test_arguments_of_wrong_types(hs256: KeyRing, make: Any) -> None:
    """Each is a ConfigError, also where the document is passed for the ring."""
    with pytest.raises(ConfigError):
        make(hs256)


def test_only_revocations_are_taken_over_from_another_ring() -> None:
    """The ring keeps its serial and its other keys, and gets tombstones of unknown ones."""
    ring = KeyRing([generate_key(kid="a"), generate_key(kid="b")], serial=5)
    other = KeyRing([ring["a"], ring["b"], generate_key(kid="c")], serial=9)
    assert ring.with_revocations_of(other) is ring
    revoked = other.revoke("b", now=NOW).revoke("c", now=NOW)
    taken = ring.with_revocations_of(revoked)
    assert taken.serial == 5
    assert [key.kid for key in taken] == ["a", "b", "c"]  # the tombstone of c
    assert [key.revoked for key in taken] == [False, True, True]
    assert taken.with_revocations_of(revoked) is taken
    assert taken["a"] is ring["a"]


def test_a_revocation_is_taken_over_without_the_material_beside_it() -> None:
    """The other document may hold another key under the kid, or another's secret."""
    ring = KeyRing([generate_key(kid="a"), generate_key(kid="b")], serial=5)
    swapped = ring.to_jwks(private=True)["keys"]
    swapped[0] |= {"k": swapped[1]["k"], "revoked": {"revoked_at": NOW, "reason": "leaked"}}
    others = [KeyRing.from_jwks({"keys": swapped[:1]}), *map(other_a, ALGORITHMS)]
    for other in others:
        taken = ring.with_revocations_of(other)
        assert taken.states(NOW) == {"a": "revoked", "b": "active"}
        assert taken["a"].material() == ring["a"].material()
        documents = [found.to_jwks(private=True)["keys"][0] for found in (taken, other)]
        assert documents[0]["revoked"] == documents[1]["revoked"]
        # So the document that is right again is taken over.
        ring.revoke("a", now=NOW).check_successor_of(taken)


def test_a_new_key_may_be_due_at_once_where_it_is_said(hs256: KeyRing) -> None:
    """No propagation and no leeway are what they are: 0 s."""
    ring = hs256.add(propagation=0, now=NOW)
    (old,) = (key.kid for key in hs256)
    retired = ring.retire(old, token_lifetime=100, leeway=0, now=NOW)
    assert retired[old].exp == NOW + 900 + 100


def test_a_known_kid_is_named(hs256: KeyRing) -> None:
    """What is wrong is said of the key that was to be added."""
    (key,) = hs256
    with pytest.raises(ConfigError, match=f"the ring already has a key '{key.kid}'"):
        hs256.add(key, now=NOW)


def other_a(algorithm: str) -> KeyRing:
    """Return a ring of another key of this name, which is revoked."""
    return KeyRing.generate(algorithm, kid="a").revoke("a", now=NOW)
