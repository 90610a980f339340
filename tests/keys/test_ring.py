"""The key ring: states, changes and the rules between them (SPEC section 7)."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import types
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ALGORITHMS, NOW
from tokensession import ConfigError, KeyRing, Policy, SessionCodec, UnknownKey, decode, encode
from tokensession.format.base64url import b64url_encode
from tokensession.keys.jwk import generate_key
from tokensession.keys.schedule import Schedule

if TYPE_CHECKING:
    from pathlib import Path


def test_a_document_comes_back(ring: KeyRing) -> None:
    """A ring is its document: written, read and written again it is the same."""
    document = ring.to_jwks(private=True)
    assert KeyRing.from_jwks(document).to_jwks(private=True) == document
    assert KeyRing.from_jwks(json.dumps(document)).to_jwks(private=True) == document
    assert KeyRing.from_jwks(json.dumps(document).encode()).to_jwks(private=True) == document


def test_members_and_serial_are_kept(hs256: KeyRing) -> None:
    """Unknown members of the document survive a change, and the serial grows by one."""
    document = hs256.to_jwks(private=True) | {"serial": 7, "owner": {"team": ["web"]}}
    changed = KeyRing.from_jwks(document).add(now=NOW)
    assert changed.serial == 8
    assert changed.to_jwks(private=True)["owner"] == {"team": ["web"]}


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("-----BEGIN PUBLIC KEY-----", "not JSON"),
        ("", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("null", "JWK Set"),
        ("[]", "JWK Set"),
        ("{}", '"keys"'),
        ('{"keys": []}', "at least one key"),
        ('{"keys": {}}', "must be a list"),
        ('{"keys": "abc"}', "taken for keys"),
        ('{"keys": [7]}', "must be a JWK"),
        ('{"keys": [], "keys": []}', "member twice"),
        ('{"keys": [], "serial": NaN}', "not JSON"),
        ({"keys": [], "x": object()}, "not JSON"),
        (None, "JWK Set"),
        (7, "JWK Set"),
    ],
)
def test_what_is_no_document_is_refused(document: Any, reason: str) -> None:
    """Each with what is wrong, and nothing but a ConfigError."""
    with pytest.raises(ConfigError, match=reason):
        KeyRing.from_jwks(document)


def test_errors_do_not_hold_the_document(hs256: KeyRing) -> None:
    """Neither the text of an error nor the chain behind it holds a secret."""
    text = json.dumps(hs256.to_jwks(private=True))[:-1]
    secret = hs256.to_jwks(private=True)["keys"][0]["k"]
    with pytest.raises(ConfigError) as caught:
        KeyRing.from_jwks(text)
    assert secret not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize("keys", ["abc", b"abc", ["abc"], [None]])
def test_a_ring_is_made_of_keys(keys: Any) -> None:
    """A text is never taken for a list of one-letter keys."""
    with pytest.raises(ConfigError, match="made of"):
        KeyRing(keys)


def test_one_kid_once() -> None:
    """Two keys of one name are refused."""
    with pytest.raises(ConfigError, match="there twice"):
        KeyRing([generate_key(kid="a"), generate_key(kid="a")])


def test_looking_up(hs256: KeyRing) -> None:
    """A ring is a collection of its keys; an unknown kid is named with the known ones."""
    (key,) = hs256
    assert len(hs256) == 1
    assert key.kid in hs256
    assert hs256[key.kid] is key
    with pytest.raises(ConfigError, match=f"no key 'x'; it has {key.kid}"):
        hs256["x"]


# -- states over time -----------------------------------------------------------------------


def ring_of(**dates: tuple[int | None, int | None]) -> KeyRing:
    """Return a ring of HS256 keys with nbf and exp."""
    keys = []
    for kid, (nbf, exp) in dates.items():
        members = {name: at for name, at in (("nbf", nbf), ("exp", exp)) if at is not None}
        keys.append(generate_key(kid=kid).with_members(**members))
    return KeyRing(keys)


def test_a_life_of_a_key() -> None:
    """Pending, active, retiring, expired: each from its first second on."""
    ring = ring_of(a=(0, 300), b=(200, None))
    expected = {
        0: ("active", "pending"), 199: ("active", "pending"), 200: ("retiring", "active"),
        299: ("retiring", "active"), 300: ("expired", "active"),
    }  # fmt: skip
    for now, (a, b) in expected.items():
        assert ring.states(now) == {"a": a, "b": b}


dates = st.tuples(st.none() | st.integers(0, 20), st.none() | st.integers(21, 40))
materials = [generate_key(kid=f"k{n}") for n in range(4)]


@given(st.lists(dates, min_size=1, max_size=4), st.sets(st.integers(0, 3)))
def test_states_as_a_machine_over_time(all_dates: list[Any], revoked: set[int]) -> None:
    """At every second one key signs if any can; states move forward, but for fallbacks."""
    keys = []
    for n, (nbf, exp) in enumerate(all_dates):
        members = {name: at for name, at in (("nbf", nbf), ("exp", exp)) if at is not None}
        members |= {"revoked": {}} if n in revoked else {}
        keys.append(materials[n].with_members(**members))
    ring = KeyRing(keys)
    order = ["pending", "active", "retiring", "expired", "revoked"]
    history = [ring.states(now) for now in range(45)]
    for now, states in enumerate(history):
        active = [kid for kid, state in states.items() if state == "active"]
        usable = [key for key in ring if key.verifies(now)]
        assert len(active) == bool(usable)
        signer = ring.active(now)
        assert active == ([signer.kid] if signer else [])
        for key in ring:
            state = states[key.kid]
            assert (state == "revoked") == key.revoked
            assert (state == "expired") == (not key.revoked and not key.verifies(now))
            if state == "active" and now < key.nbf:
                assert all(other.nbf > now for other in usable)  # nothing else could sign
    for before, after in pairwise(history):
        for key in ring:
            forward = order.index(after[key.kid]) >= order.index(before[key.kid])
            # A retiring key signs again when the one that superseded it expires first.
            assert forward or (before[key.kid], after[key.kid]) == ("retiring", "active")


def test_the_signer_is_found_again_when_the_clock_goes_back() -> None:
    """Encoding follows the given time, in any order."""
    ring = ring_of(a=(0, None), b=(NOW, None))
    codec = SessionCodec(ring)
    kids = [codec.decode(codec.encode({}, now=at), now=at).kid
            for at in (NOW - 1, NOW, NOW + 5, NOW - 5, NOW)]  # fmt: skip
    assert kids == ["a", "b", "b", "a", "b"]


def test_a_pending_key_already_verifies() -> None:
    """A signer with a fast clock harms nobody."""
    fast = SessionCodec(ring_of(a=(0, None), b=(NOW, None)))
    token = fast.encode({}, now=NOW)
    assert fast.decode(token, now=NOW - 30).kid == "b"


def test_an_expired_key_is_unknown_and_says_so() -> None:
    """The error tells an expired or revoked key from one that nobody knows."""
    ring = ring_of(a=(0, NOW + 10), b=(5, None))
    (signed_by_a,) = [encode({}, KeyRing([ring["a"]]), now=NOW)]
    assert decode(signed_by_a, ring, now=NOW + 9).kid == "a"
    with pytest.raises(UnknownKey) as caught:
        decode(signed_by_a, ring, now=NOW + 10)
    assert caught.value.key_state == "expired"
    with pytest.raises(UnknownKey) as caught:
        decode(signed_by_a, ring.revoke("a"), now=NOW)
    assert caught.value.key_state == "revoked"
    with pytest.raises(UnknownKey) as caught:
        decode(signed_by_a, ring_of(c=(None, None)), now=NOW)
    assert caught.value.key_state is None


def test_no_key_can_sign() -> None:
    """Encoding says so, and decoding goes on."""
    ring = ring_of(a=(0, NOW))
    with pytest.raises(ConfigError, match="no key of the ring can sign"):
        encode({}, ring, now=NOW)
    assert ring.active(NOW) is None


# -- readers --------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["Ed25519", "ES256"])
def test_a_reader_reads_and_cannot_mint(algorithm: str) -> None:
    """Without the private half a ring verifies and decrypts; encoding is refused."""
    ring = KeyRing.generate(algorithm)
    reader = KeyRing.from_jwks(ring.reader().to_jwks(private=True))
    assert decode(encode({"a": 1}, ring), reader).state == {"a": 1}
    assert not reader.can_mint
    assert all("d" not in jwk for jwk in reader.to_jwks(private=True)["keys"])
    with pytest.raises(ConfigError, match="can sign"):
        encode({}, reader)


def test_a_reader_of_hs256_is_refused(hs256: KeyRing) -> None:
    """There, a reader could mint."""
    with pytest.raises(ConfigError, match="can mint them"):
        hs256.reader()


def test_a_reader_reports_its_minters_states() -> None:
    """Its states are computed as if it could sign; nothing signs."""
    ring = KeyRing.generate("Ed25519").add("Ed25519", now=NOW)
    for now in (NOW, NOW + 900, NOW + 5000):
        assert ring.reader().states(now) == ring.states(now)
    assert ring.reader().active(NOW) is None


def test_a_revoked_hs256_key_passes_into_a_reader_as_a_tombstone() -> None:
    """After a change of algorithm its name stays, its secret does not."""
    ring = KeyRing.generate(kid="old").revoke("old", now=NOW).add("Ed25519", now=NOW)
    reader = ring.reader()
    assert reader.states(NOW)["old"] == "revoked"
    assert reader["old"].secret is None


# -- new rings ------------------------------------------------------------------------------


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
    """With no other candidate there is nothing to wait for."""
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
    with pytest.raises(ConfigError, match="a kid is used once"):
        hs256.revoke(old.kid).add(generate_key(kid=old.kid), now=NOW)


def test_a_key_can_be_given(hs256: KeyRing) -> None:
    """With its own nbf, or one set here."""
    assert hs256.add(generate_key(kid="n"), nbf=NOW + 1000, now=NOW)["n"].nbf == NOW + 1000


def test_retiring_leaves_time_for_the_last_tokens(hs256: KeyRing) -> None:
    """The old key expires a token's life and the leeway after its successor took over."""
    (old,) = hs256
    ring = hs256.add(now=NOW).retire(old.kid, token_lifetime=3600, now=NOW)
    assert ring[old.kid].exp == NOW + 900 + 3600 + 60
    last = encode({}, ring, ttl=3600, now=NOW + 899)
    assert decode(last, ring, now=NOW + 899 + 3599).kid == old.kid


def test_retiring_later_counts_from_now(hs256: KeyRing) -> None:
    """A superseded key may have signed until this very moment on a node with an old document."""
    (old,) = hs256
    ring = hs256.add(now=NOW).retire(old.kid, token_lifetime=3600, now=NOW + 5000)
    assert ring[old.kid].exp == NOW + 5000 + 3600 + 60
    assert ring.retire(old.kid, token_lifetime=3600, now=NOW + 6000)[old.kid].exp == NOW + 8660


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda ring: ring.retire("old"), "needs token_lifetime"),
        (lambda ring: ring.retire("old", token_lifetime=0), "from 1 to"),
        (lambda ring: ring.retire("new", token_lifetime=60), "no successor"),
        (lambda ring: ring.retire("none", token_lifetime=60), "no key 'none'"),
        (
            lambda ring: ring_of(old=(0, 9), new=(5, None)).retire("old", token_lifetime=60),
            "expired",
        ),
        (lambda ring: ring.revoke("old").retire("old", token_lifetime=60), "more than retired"),
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
    assert ring.add(now=NOW).retire(old.kid, now=NOW)[old.kid].exp == NOW + 900 + 7260


@pytest.mark.parametrize(
    "rotation", [[], "x", {"token_lifetime": 0}, {"token_lifetime": "1"}, {"token_lifetime": 1.5}]
)
def test_a_wrong_rotation_config_is_refused(hs256: KeyRing, rotation: Any) -> None:
    """It is named."""
    with pytest.raises(ConfigError, match="rotation"):
        KeyRing.from_jwks(hs256.to_jwks(private=True) | {"rotation": rotation})


def test_revoking_twice_changes_nothing(hs256: KeyRing) -> None:
    """The first date stays."""
    (old,) = hs256
    once = hs256.revoke(old.kid, now=NOW)
    assert once.revoke(old.kid, now=NOW + 1) is once


def test_grace_is_checked_where_a_policy_meets_a_ring() -> None:
    """A key that would expire before its last tokens is refused, with the numbers."""
    now = 4_000_000_000  # later than any clock that runs this test, so that no key has expired
    ring = ring_of(a=(0, now + 1860), b=(now, None))
    SessionCodec(ring, policy=Policy(idle_timeout=1800, leeway=60))
    with pytest.raises(ConfigError, match=f"set its exp to {now + 1861}"):
        SessionCodec(ring, policy=Policy(idle_timeout=1801, leeway=60))


def test_expired_keys_are_past_help() -> None:
    """An old key that left too early does not stop a service from starting today."""
    SessionCodec(ring_of(a=(0, 20), b=(10, None)), policy=Policy(idle_timeout=1800))


# -- from one document to the next ----------------------------------------------------------


def test_a_serial_never_goes_back(hs256: KeyRing) -> None:
    """An older document is refused while a newer one runs."""
    newer = hs256.add(now=NOW)
    KeyRing.from_jwks(newer.to_jwks(private=True), running=hs256)
    with pytest.raises(ConfigError, match="serial 0, older than the running 1"):
        KeyRing.from_jwks(hs256.to_jwks(private=True), running=newer)


def test_material_never_changes_under_a_kid(ring: KeyRing, algorithm: str) -> None:
    """A kid that suddenly has another secret is refused; a tombstone without material is not."""
    (key,) = ring
    other = KeyRing([generate_key(algorithm, kid=key.kid)]).to_jwks(private=True)
    with pytest.raises(ConfigError, match="its material is not that of the running"):
        KeyRing.from_jwks(other, running=ring)
    tombstone = [
        {name: value for name, value in jwk.items() if name not in ("k", "d", "x", "y")}
        | {"revoked": {"revoked_at": NOW}}
        for jwk in ring.to_jwks(private=True)["keys"][:1]
    ]
    KeyRing.from_jwks({"keys": tombstone}, running=ring)


# -- files and the environment --------------------------------------------------------------


def test_open_creates_a_private_file_once(
    tmp_path: Path, algorithm: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The file has mode 0600 and one key, a warning says so, and it is read the next time."""
    path = tmp_path / "keys.json"
    ring = KeyRing.open(path, algorithm=algorithm)
    assert path.stat().st_mode & 0o777 == 0o600
    (record,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert str(path) in record.getMessage()
    again = KeyRing.open(path)
    assert again.to_jwks(private=True) == ring.to_jwks(private=True)
    assert next(iter(again)).algorithm == algorithm
    assert [entry.name for entry in tmp_path.iterdir()] == ["keys.json"]


def test_many_openers_create_one_key(tmp_path: Path) -> None:
    """Of all that open a missing file at once, one creates it and all have its key."""
    path = tmp_path / "keys.json"
    rings: list[KeyRing] = []
    start = threading.Barrier(8)

    def open_it() -> None:
        start.wait()
        rings.append(KeyRing.open(path))

    threads = [threading.Thread(target=open_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({json.dumps(ring.to_jwks(private=True)) for ring in rings}) == 1
    assert len(rings) == 8


def test_open_without_create(tmp_path: Path) -> None:
    """A host without its copy must not make keys of its own."""
    with pytest.raises(ConfigError, match="not found"):
        KeyRing.open(tmp_path / "keys.json", create=False)
    assert list(tmp_path.iterdir()) == []


def test_published_secrets_are_refused_where_keys_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dict may hold the vectors' keys; a file or an environment variable may not."""
    jwk = {"kty": "oct", "kid": "k1", "alg": "HS256",
           "k": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}  # fmt: skip
    text = json.dumps({"keys": [jwk]})
    KeyRing.from_jwks(text)
    path = tmp_path / "keys.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="published example"):
        KeyRing.open(path)
    monkeypatch.setenv("SESSION_KEYS", text)
    with pytest.raises(ConfigError, match="published example"):
        KeyRing.from_env("SESSION_KEYS")


def test_the_environment(hs256: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
    """The document may stand in a variable."""
    monkeypatch.setenv("SESSION_KEYS", json.dumps(hs256.to_jwks(private=True)))
    assert KeyRing.from_env("SESSION_KEYS").to_jwks(private=True) == hs256.to_jwks(private=True)


@pytest.mark.parametrize("value", [None, "", "{"])
def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    """Missing, empty or no document: the error begins with its name."""
    monkeypatch.delenv("SESSION_KEYS", raising=False)
    if value is not None:
        monkeypatch.setenv("SESSION_KEYS", value)
    with pytest.raises(ConfigError, match=r"^environment variable SESSION_KEYS"):
        KeyRing.from_env("SESSION_KEYS")


def test_saving_over_the_predecessor(tmp_path: Path) -> None:
    """A changed ring replaces the file that it was made from; saving it twice is harmless."""
    path = tmp_path / "keys.json"
    ring = KeyRing.open(path).add()
    ring.save(path)
    ring.save(path)
    assert KeyRing.open(path).serial == 1
    assert path.stat().st_mode & 0o777 == 0o600


def test_of_two_writers_one_wins(tmp_path: Path) -> None:
    """The second is told that the file has moved on, and changes nothing."""
    path = tmp_path / "keys.json"
    base = KeyRing.open(path)
    base.add().save(path)
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="serial 1 of another writer"):
        base.add().save(path)
    assert path.read_bytes() == before


def test_saving_never_replaces_another_ring(tmp_path: Path) -> None:
    """A file whose key has other material under the same kid is left alone."""
    path = tmp_path / "keys.json"
    KeyRing([generate_key(kid="a")]).save(path)
    before = path.read_bytes()
    for other in (KeyRing([generate_key(kid="a")], serial=1), KeyRing.generate().add()):
        with pytest.raises(ConfigError, match="another writer"):
            other.save(path)
    assert path.read_bytes() == before


def test_a_change_on_a_change_is_still_of_its_base(tmp_path: Path) -> None:
    """Two changes in memory do not pass for the next after somebody else's one."""
    path = tmp_path / "keys.json"
    base = KeyRing.open(path)
    (key,) = base
    slow = base.add().add()
    base.revoke(key.kid).save(path)
    with pytest.raises(ConfigError, match="another writer"):
        slow.save(path)
    assert KeyRing.open(path)[key.kid].revoked


def test_saving_again_and_again(tmp_path: Path) -> None:
    """What was saved is the base of what is made from it."""
    path = tmp_path / "keys.json"
    ring = KeyRing.generate()
    for serial in range(4):
        ring.save(path)
        assert KeyRing.open(path).serial == serial
        ring = ring.add()
    reopened = KeyRing.open(path).add()
    reopened.save(path)
    with pytest.raises(ConfigError, match="another writer"):
        ring.save(path)


def test_many_savers_lose_nothing(tmp_path: Path) -> None:
    """Of many that add a key to one base at once, one wins; each that tries again succeeds."""
    path = tmp_path / "keys.json"
    KeyRing.open(path)

    def add_until_saved() -> None:
        while True:
            with contextlib.suppress(ConfigError):
                KeyRing.open(path).add().save(path)
                return

    threads = [threading.Thread(target=add_until_saved) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert KeyRing.open(path).serial == 8
    assert len(KeyRing.open(path)) == 9


def test_a_vanished_file_is_not_made_anew(tmp_path: Path) -> None:
    """A process that has a ring does not take a missing file for an invitation."""
    path = tmp_path / "keys.json"
    ring = KeyRing.open(path)
    path.unlink()
    with pytest.raises(ConfigError, match="not found"):
        KeyRing.open(path, running=ring)
    assert not path.exists()


def test_a_running_ring_is_held_against_files_and_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever a document comes from, it must not be older than the one in use."""
    path = tmp_path / "keys.json"
    old = KeyRing.open(path)
    monkeypatch.setenv("SESSION_KEYS", json.dumps(old.to_jwks(private=True)))
    with pytest.raises(ConfigError, match="older than the running 1"):
        KeyRing.open(path, running=old.add())
    with pytest.raises(ConfigError, match="older than the running 1"):
        KeyRing.from_env("SESSION_KEYS", running=old.add())


def test_a_revocation_is_for_good(hs256: KeyRing) -> None:
    """A later document in which the key lives again is refused."""
    (key,) = hs256
    document = hs256.to_jwks(private=True) | {"serial": 9}
    with pytest.raises(ConfigError, match="a revocation is for good"):
        KeyRing.from_jwks(document, running=hs256.revoke(key.kid))


def test_a_successor_must_still_be_alive() -> None:
    """A key is not retired in favour of one that has expired, or is revoked."""
    with pytest.raises(ConfigError, match="no successor"):
        ring_of(a=(0, None), b=(1000, 2000)).retire("a", token_lifetime=100, now=5000)
    with pytest.raises(ConfigError, match="no successor"):
        ring_of(a=(0, None), b=(1000, None)).revoke("b").retire("a", token_lifetime=9, now=5000)


def test_an_earlier_exp_is_held_against_the_grace() -> None:
    """Retiring a key that is planned to leave too early says so."""
    with pytest.raises(ConfigError, match="set its exp to 5160"):
        ring_of(a=(0, 5050), b=(5000, None)).retire("a", token_lifetime=100, now=4000)


def test_the_signer_changes_when_its_key_expires() -> None:
    """A cached choice does not outlive the key."""
    ring = ring_of(a=(0, None), b=(5, NOW + 10))
    codec = SessionCodec(ring)
    kids = [codec.decode(codec.encode({}, now=at), now=at).kid for at in (NOW, NOW + 9, NOW + 10)]
    assert kids == ["b", "b", "a"]


def test_reading_goes_on_whatever_the_grace() -> None:
    """The plain functions read under a ring whose dates would not do for 1800 s."""
    ring = KeyRing.generate(kid="a")
    token = encode({}, ring, ttl=300)
    assert decode(token, ring.add().retire("a", token_lifetime=300)).kid == "a"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda jwk: jwk | {"alg": ["HS256"]},
        lambda jwk: jwk | {"alg": {}},
        lambda jwk: jwk | {"k": "é" * 43},
        lambda jwk: jwk | {"k": 5},
        lambda jwk: jwk | {"kid": 5},
        lambda jwk: jwk | {"kty": []},
        lambda jwk: jwk | {"key_ops": ["sign"]},
        lambda jwk: jwk | {"revoked": 1, "alg": None},
    ],
)
def test_odd_members_end_in_a_config_error(hs256: KeyRing, spoil: Any) -> None:
    """Whatever type a member has."""
    document = hs256.to_jwks(private=True)
    with pytest.raises(ConfigError) as caught:
        KeyRing.from_jwks({"keys": [spoil(document["keys"][0])]})
    assert caught.value.__context__ is None


def test_odd_private_members_do_not_stop_a_file(
    hs256: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A member that means nothing for an algorithm is unknown, and ignored."""
    for odd in (5, "a b", "é"):
        document = hs256.to_jwks(private=True)
        document["keys"][0]["d"] = odd
        monkeypatch.setenv("SESSION_KEYS", json.dumps(document))
        assert len(KeyRing.from_env("SESSION_KEYS")) == 1


def test_deep_members_are_refused(hs256: KeyRing) -> None:
    """A document nested beyond what JSON libraries take is no crash."""
    text = json.dumps(hs256.to_jwks(private=True))[:-1]
    for depth in (100, 900, 950, 980, 990, 995, 5000):
        document = f'{text}, "x": {"[" * depth}{"]" * depth}}}'
        with contextlib.suppress(ConfigError):
            assert KeyRing.from_jwks(document).serial == 0


def test_other_mappings_are_documents(hs256: KeyRing) -> None:
    """Any mapping will do."""
    document = types.MappingProxyType(hs256.to_jwks(private=True))
    assert len(KeyRing.from_jwks(document)) == 1


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


def test_a_revoked_reader_key_with_key_ops() -> None:
    """Its tombstone has no operations to contradict."""
    document = KeyRing.generate("Ed25519", kid="a").to_jwks(private=True)
    document["keys"][0]["key_ops"] = ["sign"]
    ring = KeyRing.from_jwks(document).revoke("a")
    assert ring.reader().states(NOW) == {"a": "revoked"}


def test_a_thousand_keys(hs256: KeyRing) -> None:
    """A large ring reads and writes, and finds each key by its header."""
    ring = KeyRing([*hs256, *(generate_key(nbf=10 + n) for n in range(999))])
    token = encode({"n": 1}, hs256)
    assert decode(token, ring).kid == next(iter(hs256)).kid
    assert len(ring.states(NOW)) == 1000


@pytest.mark.parametrize("text", ["hs-1", b"hs-1", ""])
def test_text_is_no_list_of_keys(text: Any) -> None:
    """Its letters are not taken for keys, and the message says what it is for."""
    with pytest.raises(ConfigError, match="made of keys, not of text"):
        KeyRing(text)


def test_a_secret_is_used_under_one_kid() -> None:
    """In rings that are put together from keys, as in documents."""
    (jwk,) = KeyRing.generate(kid="a").to_jwks(private=True)["keys"]
    one, other = (
        next(iter(KeyRing.from_jwks({"keys": [{**jwk, "kid": kid}]}))) for kid in ("a", "b")
    )
    with pytest.raises(ConfigError, match="hold the same k"):
        KeyRing([one, other])


def test_a_file_ends_with_a_line_end(hs256: KeyRing) -> None:
    """As editors and tools expect of text."""
    assert hs256.to_json().endswith(b"}\n")


def test_a_file_that_others_can_read_is_refused_unless_that_is_said(tmp_path: Path) -> None:
    """Without a word about it, the file is the process's alone."""
    path = tmp_path / "keys.json"
    ring = KeyRing.open(path)
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="others"):
        KeyRing.open(path)
    assert KeyRing.open(path, shared_file=True).serial == ring.serial


def test_an_empty_variable_is_told_from_a_wrong_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to put there."""
    monkeypatch.setenv("TOKENSESSION_KEYS", "")
    for name in ("TOKENSESSION_KEYS", "TOKENSESSION_KEYS_NOT_THERE"):
        with pytest.raises(ConfigError, match=f"variable {name} is missing or empty; set it to"):
            KeyRing.from_env(name)


def test_a_fingerprint_tells_secrets_apart() -> None:
    """Equal documents have one, in 16 hex digits; another secret under the same kid has another."""
    ring, other = KeyRing.generate(kid="a"), KeyRing.generate(kid="a")
    again = KeyRing.from_jwks(ring.to_jwks(private=True))
    assert ring.fingerprint == again.fingerprint != other.fingerprint
    (jwk,) = ring.to_jwks(private=True)["keys"]
    otherwise = {"keys": [dict(reversed(jwk.items()))], "serial": 0}
    assert KeyRing.from_jwks(otherwise).fingerprint == ring.fingerprint
    assert len(ring.fingerprint) == 16
    assert set(ring.fingerprint) <= set("0123456789abcdef")


def test_a_rotation_config_is_written_into_the_document(hs256: KeyRing) -> None:
    """With the next serial; members of it that are not the library's are kept."""
    document = hs256.to_jwks(private=True) | {"serial": 3, "rotation": {"owner": "ops"}}
    schedule = Schedule(period=10_000, propagation=900, token_lifetime=3600)
    changed = KeyRing.from_jwks(document).with_schedule(schedule)
    assert changed.serial == 4
    assert changed.schedule == schedule
    rotation = changed.to_jwks(private=True)["rotation"]
    assert rotation == {"owner": "ops", **schedule.to_member()}
    assert hs256.with_schedule(schedule).schedule == schedule  # where there was none


def test_only_revocations_are_taken_over_from_another_ring() -> None:
    """The ring keeps its serial and its other keys; where it knows them all, it is the same."""
    ring = KeyRing([generate_key(kid="a"), generate_key(kid="b")], serial=5)
    other = KeyRing([ring["a"], ring["b"], generate_key(kid="c")], serial=9)
    assert ring.with_revocations_of(other) is ring
    revoked = other.revoke("b", now=NOW).revoke("c", now=NOW)
    taken = ring.with_revocations_of(revoked)
    assert taken.serial == 5
    assert [key.kid for key in taken] == ["a", "b"]
    assert [key.revoked for key in taken] == [False, True]
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


def other_a(algorithm: str) -> KeyRing:
    """Return a ring of another key of this name, which is revoked."""
    return KeyRing.generate(algorithm, kid="a").revoke("a", now=NOW)


def test_a_new_key_may_be_due_at_once_where_it_is_said(hs256: KeyRing) -> None:
    """No propagation and no leeway are what they are: 0 s."""
    ring = hs256.add(propagation=0, now=NOW)
    (old,) = (key.kid for key in hs256)
    retired = ring.retire(old, token_lifetime=100, leeway=0, now=NOW)
    assert retired[old].exp == NOW + 100


def test_a_known_kid_is_named(hs256: KeyRing) -> None:
    """What is wrong is said of the key that was to be added."""
    (key,) = hs256
    with pytest.raises(ConfigError, match=f"the ring has a key '{key.kid}' already"):
        hs256.add(key, now=NOW)


@pytest.mark.parametrize(
    ("dates", "until"),
    [
        ([(NOW, None)], float("inf")),
        ([(NOW, None), (NOW + 100, None)], NOW + 100),
        ([(NOW, NOW + 50), (NOW + 100, None)], NOW + 50),
        ([(NOW, None), (NOW - 100, NOW + 30)], NOW + 30),
    ],
)
def test_a_signer_is_known_until_the_next_change(dates: Any, until: float) -> None:
    """From the second that was asked for to the next that could choose another."""
    keys = [
        generate_key(kid=f"k{number}", nbf=nbf).with_members(
            **({} if exp is None else {"exp": exp})
        )
        for number, (nbf, exp) in enumerate(dates)
    ]
    signer = KeyRing(keys).signer(NOW)
    assert signer is not None
    assert (signer.key.kid, signer.since, signer.until) == ("k0", NOW, until)


def test_a_key_is_shown_with_its_dates_and_whether_it_is_revoked() -> None:
    """And never with its material."""
    ring = KeyRing([generate_key(kid="a", nbf=7)])
    assert repr(ring["a"]) == "<Key 'a' HS256 nbf=7, exp=None can_mint=True>"
    revoked = ring.revoke("a", now=NOW)["a"]
    assert repr(revoked) == "<Key 'a' HS256 nbf=7, exp=None, revoked can_mint=True>"


def test_what_is_no_algorithm_makes_no_key() -> None:
    """Said of the key that was asked for, not of a document that nobody has seen."""
    with pytest.raises(ConfigError, match=r"^no key can be made: "):
        KeyRing.generate("HS512")


def test_an_unknown_algorithm_is_named_as_such(hs256: KeyRing) -> None:
    """With those that there are, and why a newer document needs newer readers first."""
    (jwk,) = hs256.to_jwks(private=True)["keys"]
    with pytest.raises(ConfigError, match="none of HS256, Ed25519, ES256 and A256GCM"):
        KeyRing.from_jwks({"keys": [{**jwk, "alg": "X25519"}]})


@pytest.mark.parametrize(
    "secret", [b'{"a":"bcdefghijklmnopqrstuvwxyz"}', b'"abcdefghijklmnopqrstuvwxyz0123"',
               b'["abcdefghijklmnopqrstuvwxyz01"]'],
)  # fmt: skip
def test_json_that_is_no_key_may_be_a_secret(secret: bytes) -> None:
    """Only a JWK or a set of them is one; 32 other bytes may look like anything."""
    k = b64url_encode(secret).decode()
    ring = KeyRing.from_jwks({"keys": [{"kty": "oct", "kid": "a", "alg": "HS256", "k": k}]})
    assert ring["a"].secret == secret


def test_dates_reach_to_the_last_exact_integer(hs256: KeyRing) -> None:
    """2**53 - 1 is a date, and one more is none."""
    (jwk,) = hs256.to_jwks(private=True)["keys"]
    ring = KeyRing.from_jwks({"keys": [{**jwk, "nbf": 2**53 - 2, "exp": 2**53 - 1}]})
    assert [(key.nbf, key.exp) for key in ring] == [(2**53 - 2, 2**53 - 1)]
    with pytest.raises(ConfigError, match="exp must be whole Unix seconds"):
        KeyRing.from_jwks({"keys": [{**jwk, "exp": 2**53}]})


def test_a_serial_reaches_to_the_last_exact_integer(hs256: KeyRing) -> None:
    """2**53 - 1 is the last serial; a change after it is refused."""
    last = KeyRing([*hs256], serial=2**53 - 1)
    assert KeyRing.from_jwks(last.to_jwks(private=True)).serial == 2**53 - 1
    with pytest.raises(ConfigError, match="serial must be an integer from 0"):
        last.add()


def test_a_tombstone_keeps_all_but_the_material(algorithm: str) -> None:
    """Its name, its dates and why; nothing that signs, verifies or decrypts."""
    ring = KeyRing([generate_key(algorithm, kid="a", nbf=7)]).revoke("a", reason="lost", now=NOW)
    (left,) = ring["a"].tombstone().to_jwks(private=True)
    assert left.pop("revoked") == {"revoked_at": NOW, "reason": "lost"}
    assert left.keys() <= {"kty", "kid", "alg", "crv", "use", "nbf"}
    assert (left["kid"], left["alg"], left["nbf"]) == ("a", algorithm, 7)


def test_the_last_key_without_an_end_is_not_retired() -> None:
    """Its successor ends by itself, and then nobody could sign in; a third key helps."""
    ring = ring_of(a=(0, None), b=(1000, 9000))
    with pytest.raises(ConfigError, match="only one without an end"):
        ring.retire("a", token_lifetime=100, now=5000)
    longer = ring.add(nbf=7000, now=5000)
    assert longer.retire("a", token_lifetime=100, now=5000)["a"].exp == 5160
