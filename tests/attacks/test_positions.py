"""What an attacker has, and what that is worth: the statements of SECURITY.md, one by one."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from tests.conftest import NOW
from tokensession import (
    BadSignature,
    ConfigError,
    Cookie,
    DecryptFailed,
    Expired,
    KeyRing,
    NotYetValid,
    Policy,
    Revoked,
    SessionCodec,
    SessionManager,
    StoreError,
    TokenError,
    UnknownKey,
)
from tokensession.format.base64url import b64url_decode, b64url_encode
from tokensession.keys.jwk import generate_key
from tokensession.revocation.lookup import Lookup
from tokensession.stores.memory.revocation import MemoryStore

ROOT = Path(__file__).parents[2]
POLICY = Policy(idle_timeout=1800, absolute_timeout=28_800)
RING = KeyRing.generate(kid="k1")
CODEC: SessionCodec[Any] = SessionCodec(RING, policy=POLICY)
MANAGER: SessionManager[Any] = SessionManager(CODEC)


def request(manager: SessionManager[Any], *cookies: str, now: int = NOW) -> Any:
    """Return the session of a request with these pairs of name and value."""
    return manager.open([(b"cookie", "; ".join(cookies).encode())], now=now)


def response(manager: SessionManager[Any], session: Any, now: int = NOW) -> list[bytes]:
    """Return the cookies that a session's response sets."""
    headers: list[tuple[bytes, bytes]] = []
    manager.save(session, headers, now=now)
    return [value for name, value in headers if name == b"set-cookie"]


def sign_out(manager: SessionManager[Any], token: str, now: int) -> None:
    """Sign out with a cookie."""
    session = request(manager, f"__Host-session={token}", now=now)
    session.clear()
    assert b"Max-Age=0" in response(manager, session, now)[0]


def two_minters() -> tuple[KeyRing, KeyRing]:
    """Return the ring of a minter, with the other's key to read only, and that of the other."""
    mine, other = generate_key("Ed25519", kid="m1"), generate_key("Ed25519", kid="m2", nbf=1)
    whole = KeyRing([mine, other]).to_jwks(private=True)
    rings = []
    for kid in ("m1", "m2"):
        document = copy.deepcopy(whole)
        for jwk in document["keys"]:
            if jwk["kid"] != kid:
                jwk.pop("d", None)
        rings.append(KeyRing.from_jwks(document))
    return rings[0], rings[1]


class TestCookie:
    def test_a_stolen_one_is_replayed_until_it_expires(self) -> None:
        """Signing out deletes the browser's cookie; without revocation a copy goes on."""
        token = CODEC.encode({}, subject="ada", now=NOW)
        sign_out(MANAGER, token, NOW + 10)
        assert request(MANAGER, f"__Host-session={token}", now=NOW + 1799).subject == "ada"
        assert request(MANAGER, f"__Host-session={token}", now=NOW + 1800).refused == "expired"

    def test_a_stolen_one_is_dead_after_signing_out_with_revocation(self) -> None:
        """A sign-out with revocation also ends what the thief renewed, before it or after it."""
        codec: SessionCodec[Any] = SessionCodec(RING, policy=POLICY, revocation=MemoryStore())
        manager: SessionManager[Any] = SessionManager(codec)
        token = codec.encode({}, subject="ada", now=NOW)
        stolen = codec.decode(token, now=NOW)
        renewed = codec.renew(stolen, now=NOW + 5)
        sign_out(manager, token, NOW + 10)
        for copied in (token, renewed, CODEC.renew(stolen, now=NOW + 20)):
            session = request(manager, f"__Host-session={copied}", now=NOW + 20)
            assert session.refused == "revoked"
            assert session.subject is None

    def test_renewing_a_stolen_one_ends_where_the_session_does(self) -> None:
        """A thief who keeps it alive has it until the absolute timeout, and no second longer."""
        token = CODEC.encode({}, subject="ada", now=NOW)
        for at in range(NOW, NOW + 28_800, 900):
            token = CODEC.renew(CODEC.decode(token, now=at), now=at)
        assert CODEC.decode(token, now=NOW + 28_799).subject == "ada"
        with pytest.raises(Expired):
            CODEC.decode(token, now=NOW + 28_800)

    def test_an_older_one_brings_old_state_back(self) -> None:
        """Rollback is not prevented: what must not come back belongs in a database."""
        before = CODEC.encode({"coupon": "unused"}, now=NOW)
        session = CODEC.decode(before, now=NOW)
        session.state["coupon"] = "used"
        CODEC.renew(session, now=NOW)
        assert CODEC.decode(before, now=NOW).state == {"coupon": "unused"}

    def test_its_holder_sees_only_lengths_key_and_salt(self) -> None:
        """Neither state nor subject nor session id stand in it, in any alignment of base64."""
        token = CODEC.encode({"secret": "S3CR3T" * 8}, subject="ada@example.org", now=NOW)
        session = CODEC.decode(token, now=NOW)
        header, payload, _ = token.split(".")
        assert b64url_decode(header.encode()) == b'{"alg":"HS256","kid":"k1"}'
        raw = b64url_decode(payload.encode())
        for hidden in (b"S3CR3T", b"secret", b"ada@", session.sid):
            assert hidden not in raw

    def test_a_token_of_one_context_is_none_of_another(self) -> None:
        """A cookie put under another name of the application is refused there."""
        other = Cookie(name="__Host-admin")
        admin: SessionManager[Any] = SessionManager(
            SessionCodec(RING, context=other.context, policy=POLICY), cookie=other
        )
        token = CODEC.encode({"role": "guest"}, now=NOW)
        session = request(admin, f"__Host-admin={token}")
        assert session.refused == "bad_signature"
        assert dict(session) == {}


class TestSibling:
    """A sibling subdomain can toss cookies: set them for the parent domain, under any name."""

    @pytest.mark.parametrize("tossed", ["", "x", "a.b.c", "A" * 4000, '"', "=", "\x7f"])
    def test_junk_beside_the_real_one(self, tossed: str) -> None:
        """An unreadable value changes nothing, before or after the real one."""
        token = CODEC.encode({}, subject="ada", now=NOW)
        for pair in (
            (f"__Host-session={tossed}", f"__Host-session={token}"),
            (f"__Host-session={token}", f"__Host-session={tossed}"),
        ):
            assert request(MANAGER, *pair).subject == "ada"

    def test_a_session_of_the_attackers_own_is_not_taken_beside_another(self) -> None:
        """Of two valid tokens neither counts, so a victim does not use the attacker's session."""
        cookie = Cookie(name="__Secure-session", domain="example.org")
        codec: SessionCodec[Any] = SessionCodec(RING, context=cookie.context, policy=POLICY)
        manager: SessionManager[Any] = SessionManager(codec, cookie=cookie)
        victim, planted = (codec.encode({}, subject=who, now=NOW) for who in ("ada", "eve"))
        for order in ((victim, planted), (planted, victim)):
            session = request(manager, *(f"__Secure-session={one}" for one in order))
            assert session.refused == "malformed"
            assert session.subject is None
            assert response(manager, session) == []

    def test_alone_a_planted_one_is_a_session(self) -> None:
        """A victim without a session can be given the attacker's, if the cookie's name allows."""
        planted = CODEC.encode({"note": "of eve"}, subject="eve", now=NOW)
        assert request(MANAGER, f"__Host-session={planted}").subject == "eve"

    @pytest.mark.parametrize("junk", range(1, 6))
    def test_one_among_junk_does_not_push_the_true_one_out_of_sight(self, junk: int) -> None:
        """A cookie of a longer path comes first, so the attacker's may be all that is looked at."""
        planted, true = (CODEC.encode({}, subject=who, now=NOW) for who in ("eve", "ada"))
        values = [planted, *["x"] * junk, true]
        session = request(MANAGER, *(f"__Host-session={value}" for value in values))
        assert session.refused == "malformed"
        assert session.subject is None

    def test_many_can_keep_a_user_out_and_not_make_work(self) -> None:
        """More than four values of one name: the rest is not looked at, and there is no session."""
        token = CODEC.encode({}, subject="ada", now=NOW)
        junk = [f"__Host-session={number}" for number in range(150)]
        session = request(MANAGER, *junk, f"__Host-session={token}")
        assert session.refused == "malformed"
        assert session.subject is None

    @pytest.mark.parametrize(
        "name", ["__host-session", "__Host-Session", " __Host-session\x0b", "session", "$__Host"]
    )
    def test_only_the_exact_name_counts(self, name: str) -> None:
        """No spelling that a browser lets a sibling set stands in for the prefix."""
        planted = CODEC.encode({}, subject="eve", now=NOW)
        session = request(MANAGER, f"{name}={planted}")
        assert session.subject is None
        assert session.refused is None


class TestReaderRing:
    @pytest.mark.parametrize("algorithm", ["Ed25519", "ES256"])
    def test_it_reads_all_contexts_and_mints_nothing(self, algorithm: str) -> None:
        """Neither a new session nor a renewed one, by the library or by hand."""
        minter = KeyRing.generate(algorithm, kid="m")
        reader = minter.reader()
        for context in ("session", "api"):
            writes: SessionCodec[Any] = SessionCodec(minter, context=context, policy=POLICY)
            reads: SessionCodec[Any] = SessionCodec(reader, context=context, policy=POLICY)
            session = reads.decode(writes.encode({"n": 1}, now=NOW), now=NOW)
            assert session.state == {"n": 1}
            with pytest.raises(ConfigError, match="sign"):
                reads.encode({"n": 2}, now=NOW)
            with pytest.raises(ConfigError, match="sign"):
                reads.renew(session, now=NOW)
        assert not any("d" in jwk for jwk in reader.to_jwks(private=True)["keys"])

    def test_another_ciphertext_under_a_true_signature(self) -> None:
        """Its holder can encrypt, and a signature of another payload does not carry over."""
        minter = KeyRing.generate("Ed25519", kid="m")
        tokens = [
            SessionCodec[Any](minter, policy=POLICY).encode({"n": n}, now=NOW) for n in (1, 2)
        ]
        (header, payload, _), (_, _, signature) = (token.split(".") for token in tokens)
        with pytest.raises(BadSignature):
            SessionCodec[Any](minter.reader(), policy=POLICY).decode(
                f"{header}.{payload}.{signature}", now=NOW
            )

    def test_hs256_has_none(self) -> None:
        """HS256 has no reader's ring, because a key that verifies can also mint."""
        with pytest.raises(ConfigError):
            RING.reader()


class TestOneMinter:
    def test_it_mints_for_anybody_under_its_own_kid_alone(self) -> None:
        """The kid in the session tells who minted it."""
        mine, other = two_minters()
        forged = SessionCodec[Any](mine, policy=POLICY).encode({}, subject="root", now=NOW)
        assert SessionCodec[Any](other, policy=POLICY).decode(forged, now=NOW).kid == "m1"
        assert SessionCodec[Any](other).encode({}, now=NOW).split(".")[0] != forged.split(".")[0]

    def test_it_cannot_sign_anothers_ciphertext(self) -> None:
        """The tag binds the kid, and each kid has an encryption secret of its own."""
        mine, other = two_minters()
        theirs = SessionCodec[Any](other, policy=POLICY).encode({}, subject="ada", now=NOW)
        header = b64url_encode(b'{"alg":"Ed25519","kid":"m1"}').decode()
        text = f"{header}.{theirs.split('.')[1]}"
        signature = b64url_encode(private_key(mine).sign(text.encode())).decode()
        with pytest.raises(DecryptFailed):
            SessionCodec[Any](other, policy=POLICY).decode(f"{text}.{signature}", now=NOW)

    def test_revoking_it_ends_what_others_have_renewed(self) -> None:
        """A session that came from it to another minter is renewed there, and ends all the same."""
        mine, other = two_minters()
        forged = SessionCodec[Any](mine, policy=POLICY).encode({}, now=NOW)
        before: SessionCodec[Any] = SessionCodec(other, policy=POLICY)
        renewed = before.renew(before.decode(forged, now=NOW), now=NOW)
        assert before.decode(renewed, now=NOW).kid == "m2"
        after: SessionCodec[Any] = SessionCodec(other.revoke("m1", now=NOW), policy=POLICY)
        with pytest.raises(Revoked):
            after.decode(renewed, now=NOW)

    def test_revoking_it_ends_its_sessions_and_no_others(self) -> None:
        """The other minter's go on."""
        mine, other = two_minters()
        forged = SessionCodec[Any](mine, policy=POLICY).encode({}, now=NOW)
        good = SessionCodec[Any](other, policy=POLICY).encode({}, now=NOW)
        after: SessionCodec[Any] = SessionCodec(other.revoke("m1", now=NOW), policy=POLICY)
        with pytest.raises(UnknownKey):
            after.decode(forged, now=NOW)
        assert after.decode(good, now=NOW).kid == "m2"


def private_key(ring: KeyRing) -> Any:
    """Return the private key of the minter m1, as a thief loads it."""
    (jwk,) = (jwk for jwk in ring.to_jwks(private=True)["keys"] if "d" in jwk)
    return ed25519.Ed25519PrivateKey.from_private_bytes(b64url_decode(jwk["d"].encode()))


class TestWholeRing:
    def test_logging_everybody_out_does_not_help(self) -> None:
        """A thief of the ring mints a session that began after any revocation."""
        codec: SessionCodec[Any] = SessionCodec(RING, policy=POLICY, revocation=MemoryStore())
        codec.revoke_all(now=NOW)
        forged = CODEC.encode({}, subject="root", now=NOW + 12)
        assert codec.decode(forged, now=NOW + 12).subject == "root"

    def test_logging_everybody_out_misses_what_is_dated_ahead(self) -> None:
        """A token can begin later by the leeway; a second call, a leeway later, ends it."""
        codec: SessionCodec[Any] = SessionCodec(RING, policy=POLICY, revocation=MemoryStore())
        ahead = CODEC.encode({}, subject="root", now=NOW + 60)
        assert codec.decode(ahead, now=NOW).subject == "root"
        codec.revoke_all(now=NOW)
        assert codec.decode(ahead, now=NOW + 60).subject == "root"
        codec.revoke_all(now=NOW + 60)
        with pytest.raises(Revoked):
            codec.decode(ahead, now=NOW + 60)

    def test_revoking_the_key_does(self) -> None:
        """No token of a revoked key is valid, with any dates, and another key signs at once."""
        forged = CODEC.encode({}, subject="root", now=NOW)
        ring = RING.revoke("k1", now=NOW).add(now=NOW)
        after: SessionCodec[Any] = SessionCodec(ring, policy=POLICY)
        for token in (forged, CODEC.encode({}, subject="root", now=NOW + 60)):
            with pytest.raises(UnknownKey):
                after.decode(token, now=NOW + 60)
        assert after.decode(after.encode({}, subject="ada", now=NOW), now=NOW).subject == "ada"

    def test_a_revoked_key_does_not_come_back(self) -> None:
        """An older document, restored from a backup, is refused where the newer one runs."""
        newer = RING.revoke("k1", now=NOW).add(now=NOW)
        document = RING.to_jwks(private=True) | {"serial": newer.serial + 1}
        with pytest.raises(ConfigError):
            KeyRing.from_jwks(document, running=newer)

    def test_there_is_no_forward_secrecy(self) -> None:
        """Tokens that were recorded before the leak can be read with the ring, for ever."""
        recorded = CODEC.encode({"n": 1}, now=NOW)
        thief = SessionCodec[Any](KeyRing.from_jwks(RING.to_jwks(private=True)))
        assert thief.decode(recorded, now=NOW + 1).state == {"n": 1}


class TestRevocationStore:
    def test_who_can_write_it_logs_people_out_and_in_no_one(self) -> None:
        """An entry only ever denies: no content of the store makes a token acceptable."""
        store = MemoryStore()
        codec: SessionCodec[Any] = SessionCodec(RING, policy=POLICY, revocation=store)
        token = codec.encode({}, subject="ada", now=NOW)
        codec.revoke_all(now=NOW)
        with pytest.raises(Revoked):
            codec.decode(token, now=NOW)
        with pytest.raises(TokenError):
            codec.decode(token[:-2] + "AA", now=NOW)
        with pytest.raises(Expired):
            codec.decode(token, now=NOW + 1800)

    def test_who_can_empty_it_brings_logged_out_sessions_back(self) -> None:
        """In processes that start afterwards, until those sessions expire by themselves."""
        codec: SessionCodec[Any] = SessionCodec(RING, policy=POLICY, revocation=MemoryStore())
        token = codec.encode({}, subject="ada", now=NOW)
        codec.revoke(codec.decode(token, now=NOW), now=NOW)
        emptied: SessionCodec[Any] = SessionCodec(RING, policy=POLICY, revocation=MemoryStore())
        assert emptied.decode(token, now=NOW + 1).subject == "ada"
        with pytest.raises(Expired):
            emptied.decode(token, now=NOW + 1800)

    def test_who_can_stop_it_gets_nobody_in(self) -> None:
        """By default a store that does not answer means no session, and no deleted cookie."""

        class Down(MemoryStore):
            def look_up(self, sid: bytes, subject: bytes | None) -> Any:
                raise StoreError(f"down for {len(sid)} and {subject is None}")

        codec: SessionCodec[Any] = SessionCodec(RING, policy=POLICY, revocation=Down())
        token = CODEC.encode({}, subject="ada", now=NOW)
        with pytest.raises(StoreError):
            codec.decode(token, now=NOW)
        open_hearted: SessionCodec[Any] = SessionCodec(
            RING, policy=POLICY, revocation=Lookup(Down(), when_down="allow")
        )
        assert open_hearted.decode(token, now=NOW).subject == "ada"

    def test_who_can_read_it_learns_no_name_and_no_token(self) -> None:
        """It holds session ids, dates and digests of subjects; a digest can be guessed at."""
        store = MemoryStore()
        codec: SessionCodec[Any] = SessionCodec(RING, policy=POLICY, revocation=store)
        token = codec.encode({"secret": "S3CR3T"}, subject="ada@example.org", now=NOW)
        codec.revoke(codec.decode(token, now=NOW), now=NOW)
        codec.revoke_subject("ada@example.org", now=NOW)
        content = repr(list(store.read(None)))
        for hidden in ("ada@", "S3CR3T", token.split(".")[1], token.split(".")[2]):
            assert hidden not in content


class TestClock:
    @pytest.mark.parametrize(("ahead", "read"), [(59, True), (60, True), (61, False)])
    def test_a_writer_that_is_ahead(self, ahead: int, *, read: bool) -> None:
        """Up to the leeway its tokens are taken; further ahead they are not valid yet."""
        token = CODEC.encode({}, now=NOW + ahead)
        if read:
            assert CODEC.decode(token, now=NOW).issued_at == NOW + ahead
        else:
            with pytest.raises(NotYetValid):
                CODEC.decode(token, now=NOW)

    @pytest.mark.parametrize(("late", "read"), [(1, True), (0, False), (-1, False)])
    def test_the_leeway_extends_no_life(self, late: int, *, read: bool) -> None:
        """By the reader's clock a token ends to the second; the leeway is for its beginning."""
        token = CODEC.encode({}, now=NOW)
        if read:
            assert CODEC.decode(token, now=NOW + 1800 - late).expires_at == NOW + 1800
        else:
            with pytest.raises(Expired):
                CODEC.decode(token, now=NOW + 1800 - late)

    def test_a_reader_that_is_behind(self) -> None:
        """A reader with a slow clock accepts expired tokens for as long as its clock is behind."""
        token = CODEC.encode({}, subject="ada", now=NOW)
        true_time, late = NOW + 86_400, 86_400
        assert CODEC.decode(token, now=true_time - late).subject == "ada"

    def test_a_clock_that_is_set_back_revives_no_revoked_key(self) -> None:
        """Revoking has no date to wait for: it holds on every clock."""
        revoked: SessionCodec[Any] = SessionCodec(RING.revoke("k1", now=NOW), policy=POLICY)
        for at in (0, NOW - 10, NOW, NOW + 10):
            with pytest.raises(UnknownKey):
                revoked.decode(CODEC.encode({}, now=at), now=at)
        # Before 1970 too, whether its material is there or gone.
        tombstone = RING.revoke("k1", now=NOW)["k1"].tombstone()
        gone: SessionCodec[Any] = SessionCodec(KeyRing([tombstone]), policy=POLICY)
        for codec in (revoked, gone):
            with pytest.raises(UnknownKey, match="revoked"):
                codec.decode(CODEC.encode({}, now=0), now=-1)


def test_every_test_that_security_names_is_there() -> None:
    """SECURITY.md cites tests by file and name, and is short."""
    text = (ROOT / "SECURITY.md").read_text()
    cited = re.findall(r"`([\w/]+\.py)::([\w:]+)`", text)
    assert len(cited) > 20
    for file, path in cited:
        source = (ROOT / "tests" / file).read_text()
        *classes, function = path.split("::")
        assert f"def {function}(" in source, f"{file}::{path}"
        assert all(f"class {name}" in source for name in classes), f"{file}::{path}"
    assert len(text.splitlines()) <= 150
