"""What befell session libraries and their users, tried on this one; each test names the peers."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import NOW
from tokensession import (
    BadSignature,
    ConfigError,
    Cookie,
    Expired,
    KeyRing,
    Malformed,
    NotYetValid,
    Policy,
    Revoked,
    SessionCodec,
    SessionManager,
    SessionTooLarge,
    StateError,
    TokenError,
    UnknownKey,
    decode,
    encode,
)
from tokensession.format.base64url import b64url_decode, b64url_encode
from tokensession.stores.memory.revocation import MemoryStore
from tokensession.tokens.sealing import Salt, TokenKey, context_bytes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RING = KeyRing.generate(kid="k1")
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
CODEC: SessionCodec[Any] = SessionCodec(RING, policy=Policy())
MANAGER: SessionManager[Any] = SessionManager(CODEC)


def sealed(ring: KeyRing, plaintext: bytes) -> str:
    """Return an authentic token of any plaintext."""
    key = TokenKey(next(iter(ring)), context_bytes("session"))
    return key.token(plaintext, Salt(bytes(8), key.cipher(bytes(8))), bytes(12)).decode()


def request(*tokens: str, now: int = NOW) -> Any:
    """Return the session of a request with these cookies."""
    value = "; ".join(f"__Host-session={token}" for token in tokens)
    return MANAGER.open([(b"cookie", value.encode())], now=now)


def response(session: Any, now: int = NOW, headers: Any = ()) -> dict[bytes, bytes]:
    """Return the response headers that a session makes."""
    written = list(headers)
    MANAGER.save(session, written, now=now)
    return dict(written)


@pytest.mark.parametrize(
    "plaintext",
    [b"", b"\xc1", b"{}", b'{"user_id":1}', b"null", b"\x80", b"\x96" + b"\xc0" * 6, b"\x91" * 3000,
     b"\xdd\xff\xff\xff\xff", b"gANLAS4=", b"\x00" * 40, b"\xff" * 500],
    ids=lambda data: data[:6].hex(),
)  # fmt: skip
def test_signed_but_odd_payloads(plaintext: bytes) -> None:
    """Flask and Starlette answer 500 to those: here they are refused, and the session is empty."""
    token = sealed(RING, plaintext)
    with pytest.raises(TokenError) as caught:
        decode(token, RING, now=NOW)
    # An empty plaintext is a payload too short to hold any.
    assert caught.value.code == ("bad_claims" if plaintext else "malformed")
    session = request(token)
    assert dict(session) == {}
    assert session.refused == caught.value.code


def test_forged_and_unauthenticated_payloads_are_not_parsed() -> None:
    """Litestar parses JSON before the tag check: here a forged payload reaches no parser."""
    header = encode({}, RING).split(".")[0]
    deep = b64url_encode(b"\x01" + bytes(20) + b"[" * 5000).decode()
    with pytest.raises(BadSignature):
        decode(f"{header}.{deep}.{'A' * 43}", RING)


@pytest.mark.parametrize("change", [
    lambda token: token + "=", lambda token: token + "\n", lambda token: " " + token,
    lambda token: token.replace(".", ".\n", 1), lambda token: token + ".",
    lambda token: f'"{token}"',
    lambda token: token.replace("-", "+"), lambda token: token + "%3D", lambda token: token + "\0",
])  # fmt: skip
def test_malleable_text(ring: KeyRing, change: Callable[[str], str]) -> None:
    """PyJWT takes a trailing =, Fernet inserted junk, itsdangerous other last characters."""
    token = encode({"n": list(range(40))}, ring)
    changed = change(token)
    if changed != token:
        with pytest.raises((Malformed, UnknownKey, BadSignature)):
            decode(changed, ring)


def test_es256_has_two_spellings(ring: KeyRing) -> None:
    """(r, n - s) verifies where (r, s) does; it is the same session, and ends with it."""
    codec: SessionCodec[Any] = SessionCodec(ring, revocation=MemoryStore())
    token = codec.encode({})
    head, _, signature = token.rpartition(".")
    raw = b64url_decode(signature.encode())
    opposite = (P256_ORDER - int.from_bytes(raw[32:], "big")) % 2**256
    other = f"{head}.{b64url_encode(raw[:32] + opposite.to_bytes(32, 'big')).decode()}"
    if next(iter(ring)).algorithm != "ES256":
        with pytest.raises((BadSignature, Malformed)):
            codec.decode(other)
        return
    assert codec.decode(other).sid == codec.decode(token).sid
    codec.revoke(codec.decode(token))
    for one in (token, other):
        with pytest.raises(Revoked):
            codec.decode(one)


def test_each_token_has_one_last_character(hs256: KeyRing) -> None:
    """Of the 64 last characters of each segment exactly one is the token's."""
    token = encode({}, hs256)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    ends = [at - 1 for at, char in enumerate(token) if char == "."] + [len(token) - 1]
    for at in ends:
        good = []
        for char in alphabet:
            try:
                decode(token[:at] + char + token[at + 1 :], hs256)
            except TokenError:
                continue
            good.append(char)
        assert good == [token[at]]


def test_context_and_name_do_not_run_together(hs256: KeyRing) -> None:
    """CVE-2026-6873 (Django): ("ab", "c") and ("a", "bc") are different purposes."""
    contexts = ["ab", "abc", "a", "session", "session2", "enc", "sig", "ab\u0441", "AB", "ab "]
    for one in contexts:
        token = encode({}, hs256, context=one)
        for other in contexts:
            if other != one:
                with pytest.raises(BadSignature):
                    decode(token, hs256, context=other)
    assert Cookie(name="__Host-session").context != Cookie(name="__Host-session2").context


def test_oversize_cookies_are_told() -> None:
    """Starlette, Django and aiohttp drop them in silence: here writing raises."""
    session = request()
    session["essay"] = "x" * 4000
    with pytest.raises(SessionTooLarge, match="4096"):
        response(session)


@pytest.mark.parametrize("change", [
    lambda s: s["cart"].append("x"), lambda s: s["cart"][0].update(n=2), lambda s: s.popitem(),
    lambda s: s.setdefault("new", 1), lambda s: s.update(a=1),
    lambda s: s.pop("cart"), lambda s: s.clear(),
    lambda s: s.__delitem__("cart"), lambda s: s["cart"][0].__delitem__("n"),
])  # fmt: skip
def test_no_change_is_lost(change: Callable[[Any], Any]) -> None:
    """Flask, Django, Starlette, aiohttp and Pyramid lose nested ones: here all are written."""
    session = request(CODEC.encode({"cart": [{"n": 1}]}, now=NOW))
    change(session)
    assert b"set-cookie" in response(session)


@pytest.mark.parametrize("read", [
    lambda s: "cart" in s, len, list, bool, lambda s: s.get("cart"), lambda s: list(s.keys()), dict,
    lambda s: s.subject, lambda s: s == {}, lambda s: s.refused, lambda s: list(s.items()),
])  # fmt: skip
def test_every_reading_varies(read: Callable[[Any], Any]) -> None:
    """CVE-2023-30861, CVE-2026-27205 (Flask), CVE-2026-35192 (Django): pages in shared caches."""
    session = request(CODEC.encode({"cart": []}, now=NOW))
    read(session)
    assert response(session)[b"vary"].lower() == b"cookie"
    assert b"vary" not in response(request(CODEC.encode({}, now=NOW)))


def test_a_response_with_a_cookie_is_stored_nowhere() -> None:
    """Not even where the application said so: public leaves, no-store comes."""
    session = request()
    session["n"] = 1
    headers = response(session, headers=[(b"cache-control", b"public, max-age=600")])
    assert b"no-store" in headers[b"cache-control"]
    assert b"public" not in headers[b"cache-control"]


def test_deletion_names_the_cookie_that_was_set() -> None:
    """Deleted with another Path, Domain, Secure or SameSite a cookie stays: they are the same."""
    for cookie in (Cookie(), Cookie(name="s", domain="example.org", path="/a", same_site="Strict"),
                   Cookie(name="p", partitioned=True, same_site="None")):  # fmt: skip
        _, written = cookie.write("token", 60)
        _, deleted = cookie.delete()
        attributes = {part.strip() for part in written.decode().split(";")[1:]} - {"Max-Age=60"}
        assert attributes <= {part.strip() for part in deleted.decode().split(";")[1:]}


def test_a_clock_one_second_ahead_logs_nobody_out(ring: KeyRing) -> None:
    """PyJWT and itsdangerous refuse such a token: here a minute is forgiven, and no more."""
    token = encode({}, ring, now=NOW)
    assert decode(token, ring, now=NOW - 60).state == {}
    with pytest.raises(NotYetValid):
        decode(token, ring, now=NOW - 61)


@pytest.mark.parametrize("value", [
    datetime(2026, 7, 25, 17, 20, tzinfo=UTC), b"\0\xff", 1.0, -0.0, 2**53 - 1, "zoë",
    [1, [2]], True, None,
])  # fmt: skip
def test_values_keep_their_type(ring: KeyRing, value: Any) -> None:
    """JSON sessions turn bytes and dates into something else: here they come back, or raise."""
    back = decode(encode({"v": value}, ring), ring).state["v"]
    assert (back, type(back), repr(back)) == (value, type(value), repr(value))
    for changed in (
        {1: value},
        {"v": {value}} if not isinstance(value, list) else {"v": {1}},
        {"v": 1j},
    ):
        with pytest.raises(StateError):
            encode(changed, ring)


def test_deep_nesting_on_a_small_stack(hs256: KeyRing) -> None:
    """Decoders recurse: an authentic token of 5000 levels is refused on 512 kB of stack."""
    sid = b"\xc4\x10" + bytes(16)
    plaintext = b"\x96" + sid + b"\x00\x01\x00\xc0" + b"\x91" * 5000 + b"\x90"
    token = sealed(hs256, plaintext)
    found = []

    def read() -> None:
        try:
            decode(token, hs256, now=0)
        except TokenError as error:
            found.append(error.code)

    before = threading.stack_size(512 * 1024)
    try:
        thread = threading.Thread(target=read)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    assert found == ["bad_claims"]


def test_a_session_that_is_renewed_for_ever_ends(ring: KeyRing) -> None:
    """No peer has an end that survives re-issue: here a day of renewals ends where it must."""
    codec: SessionCodec[Any] = SessionCodec(ring, policy=Policy(absolute_timeout=43200))
    token, ended = codec.encode({}, now=NOW), None
    for at in range(NOW, NOW + 86400, 600):
        try:
            token = codec.renew(codec.decode(token, now=at), now=at)
        except Expired:
            ended = at
            break
    assert ended == NOW + 43200


def test_a_second_good_cookie_is_no_choice() -> None:
    """A sibling subdomain plants a session: of two good ones none is taken or deleted."""
    mine = CODEC.encode({"user": "victim"}, now=NOW)
    planted = CODEC.encode({"user": "attacker"}, now=NOW)
    for order in ((mine, planted), (planted, mine)):
        session = request(*order)
        assert dict(session) == {}
        assert session.refused == "malformed"
        assert b"set-cookie" not in response(session)
    assert dict(request("planted", mine)) == {"user": "victim"}


def test_fixation() -> None:
    """A session id from before the sign-in is worth nothing after it."""
    token = CODEC.encode({"cart": []}, now=NOW)
    session = request(token)
    before = session.sid
    session.sign_in("ada")
    cookie = response(session)[b"set-cookie"].decode().split("=", 1)[1].split(";")[0]
    assert CODEC.decode(cookie, now=NOW).sid != before
    assert CODEC.decode(token, now=NOW).subject is None


@pytest.mark.parametrize("keys", ["old", b"old", '"old"', '{"keys":"old"}'])
def test_a_string_is_no_list_of_keys(keys: Any) -> None:
    """Flask's SECRET_KEY_FALLBACKS="old" made "o", "l" and "d" keys: here text is no list."""
    with pytest.raises(ConfigError):
        KeyRing.from_jwks(keys)
    with pytest.raises(ConfigError):
        KeyRing(keys)
    with pytest.raises(ConfigError):
        KeyRing.from_jwks({"keys": keys})


def test_order_means_nothing() -> None:
    """CVE-2025-47278 (Flask): a fallback key signed, for its place in the list."""
    ring = KeyRing.generate(kid="a").add(now=NOW - 5000)
    document = ring.to_jwks(private=True)
    turned = document | {"keys": document["keys"][::-1]}
    for now in (NOW - 5000, NOW, NOW + 5000):
        one, other = KeyRing.from_jwks(document), KeyRing.from_jwks(turned)
        assert one.states(now) == other.states(now)
        active = one.active(now), other.active(now)
        assert active[0] is not None
        assert active[1] is not None
        assert active[0].kid == active[1].kid


def test_a_rolling_deploy_logs_nobody_out() -> None:
    """To sign with the first key fails where half the processes have it: here it has to wait."""
    old = KeyRing.generate(kid="a")
    new = old.add(now=NOW)
    updated, behind = SessionCodec[Any](new), SessionCodec[Any](old)
    for now in range(NOW, NOW + 900, 60):
        assert behind.decode(updated.encode({}, now=now), now=now).kid == "a"
        assert updated.decode(behind.encode({}, now=now), now=now).kid == "a"
    assert updated.decode(updated.encode({}, now=NOW + 900), now=NOW + 900).kid != "a"
    assert updated.decode(behind.encode({}, now=NOW + 900), now=NOW + 900).kid == "a"


def test_an_unreadable_store_is_not_an_empty_one(tmp_path: Path) -> None:
    """ASP.NET took one for the other, and made keys for a day: here damage is an error."""
    path = tmp_path / "keys.json"
    KeyRing.open(path)
    for content in ("", "{}", '{"keys":[]}', path.read_text()[:-9], "\0"):
        path.write_text(content)
        with pytest.raises(ConfigError):
            KeyRing.open(path)
        assert path.read_text() == content
    path.unlink()
    with pytest.raises(ConfigError, match="not found"):
        KeyRing.open(path, create=False)


def test_two_processes_do_not_each_make_a_key(tmp_path: Path) -> None:
    """ASP.NET, 11 linked issues: of many that create the file at once, one does and all read it."""
    path = tmp_path / "keys.json"
    start = threading.Barrier(8)
    kids: list[str] = []

    def opened() -> None:
        start.wait()
        kids.extend(key.kid for key in KeyRing.open(path))

    threads = [threading.Thread(target=opened) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kids) == 8
    assert len(set(kids)) == 1


def test_the_whole_key_changes_or_none_of_it() -> None:
    """In oauth2-proxy the MAC changed and the cipher did not: here both halves change together."""
    ring = KeyRing.generate("Ed25519", kid="a")
    other = KeyRing.generate("Ed25519", kid="a")
    for mixed in ([0, 1], [1, 0]):
        jwks = [(ring, other)[which].to_jwks(private=True)["keys"][half]
                for half, which in enumerate(mixed)]  # fmt: skip
        document = {"keys": jwks, "serial": 1}
        with pytest.raises(ConfigError, match="material"):
            KeyRing.from_jwks(document, running=ring)
        with pytest.raises(TokenError):
            decode(encode({}, ring), KeyRing.from_jwks(document))


def test_a_cache_by_kid_alone() -> None:
    """Clerk let one tenant's token in at another, by a cache of keys: here rings share none."""
    tenants = [KeyRing.generate(kid="k1") for _ in range(3)]
    codecs = [SessionCodec[Any](ring) for ring in tenants]
    tokens = [codec.encode({}, now=NOW) for codec in codecs]
    for _ in range(2):
        for mine, codec in enumerate(codecs):
            for number, token in enumerate(tokens):
                if number == mine:
                    codec.decode(token, now=NOW)
                else:
                    with pytest.raises(BadSignature):
                        codec.decode(token, now=NOW)


def test_leaked_and_default_keys(tmp_path: Path) -> None:
    """CVE-2023-27524 (Superset), 260,000 Laravel keys: what is published is refused in a file."""
    published = b64url_encode(bytes(range(32))).decode()
    document = {"serial": 0, "keys": [{"kty": "oct", "kid": "k", "alg": "HS256", "k": published}]}
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(document))
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="published"):
        KeyRing.open(path)


def test_what_a_leaked_key_is_worth(hs256: KeyRing) -> None:
    """Data and nothing but data: nothing in a state runs or imports anything."""
    assert decode(sealed(hs256, b"\x96\xc4\x10" + bytes(16) + b"\x00\x01\x00\xc0\xaacos\nsystem"),
                  hs256, now=0).state == "cos\nsystem"  # fmt: skip
    revoked = hs256.revoke(next(iter(hs256)).kid)
    with pytest.raises(UnknownKey):
        decode(encode({}, hs256), revoked)
