"""The cases of keys.json about the material itself: secrets, public and private halves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .key_cases import ED, ED_2, ES, enc, few, hs, loads, one, pair, refuses, sig, with_k, without
from .material import P256_ORDER, P256_PRIME, ES256Key, b64u, seeded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .msgpack import Json
    from .vectorfile import Case

HS_KID = ("hs-1", "HS256", True)
ED_KID = ("ed-1", "Ed25519", True)

SPKI_ED25519 = bytes.fromhex("302a300506032b6570032100")
SPKI_X25519 = bytes.fromhex("302a300506032b656e032100")
PKCS8_ED25519 = bytes.fromhex("302e020100300506032b657004220420")
SEC1_P256 = bytes.fromhex("30310201010420"), bytes.fromhex("a00a06082a8648ce3d030107")

P256_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
LOW_X = (5, pow(5**3 - 3 * 5 + P256_B, (P256_PRIME + 1) // 4, P256_PRIME))
"""A point of P-256 whose x + p still has 32 bytes."""
LOW_Y = (0xD7325D7646CD60D80A92738CEB345F844CFFAF35841022CAB176F692DE8DE1D7, 5)
"""A point of P-256 whose y + p still has 32 bytes."""

SMALL_ORDER = (
    ("y-1", "0100000000000000000000000000000000000000000000000000000000000000"),
    ("y-1-sign", "0100000000000000000000000000000000000000000000000000000000000080"),
    ("y-1-plus-p", "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    ("y-1-plus-p-sign", "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"),
    ("y-minus-1", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    ("y-minus-1-sign", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"),
    ("y-0", "0000000000000000000000000000000000000000000000000000000000000000"),
    ("y-0-sign", "0000000000000000000000000000000000000000000000000000000000000080"),
    ("y-p", "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    ("y-p-sign", "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"),
    ("order-8", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    ("order-8-sign", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"),
    ("order-8-other", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    ("order-8-other-sign", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85"),
)
"""Every encoding of the eight points of small order; "plus p" and "y-p" are not canonical."""


def secrets() -> Iterator[Case]:
    """Give the cases of K5."""
    yield loads(
        "k-64-bytes-12-values",
        "K5",
        "The longest secret, with the fewest values.",
        with_k(few(12, 64)),
        [HS_KID],
    )
    yield loads(
        "encryption-k-12-values",
        "K5",
        "An A256GCM secret with the fewest values.",
        pair(sig(ED), enc(ED, k=b64u(few(12)))),
        [ED_KID],
    )
    yield loads(
        "k-like-der",
        "K5",
        "It begins like DER and is none: keys are found by parsing.",
        with_k(SPKI_ED25519 + seeded("der", 31)),
        [HS_KID],
    )
    yield loads(
        "k-like-jwk",
        "K5",
        "It begins like a JWK and is none.",
        with_k(b'{"kty":"oct","k":"' + seeded("jwk", 16)),
        [HS_KID],
    )
    yield from _lengths()
    yield from _spellings()
    jwk = b'{"kty":"oct","k":"c2VjcmV0LTEy"}'
    der = SPKI_ED25519 + ED.public
    for slug, comment, secret in (
        ("der-public", "An Ed25519 public key in DER.", der),
        ("der-public-x25519", "An X25519 public key in DER.", SPKI_X25519 + seeded("x25519")),
        ("der-private", "An Ed25519 private key in DER.", PKCS8_ED25519 + ED.seed),
        (
            "der-sec1",
            "A P-256 private key in DER, without its public half.",
            SEC1_P256[0] + seeded("sec1") + SEC1_P256[1],
        ),
        ("jwk", "The text of a JWK.", jwk),
        ("jwk-after-space", "The text of a JWK after a line feed.", b"\n" + jwk),
    ):
        yield refuses(f"k-is-{slug}", "K5", comment, with_k(secret))
    yield refuses(
        "encryption-k-is-jwk",
        "K5",
        "The text of a JWK, 32 bytes, as A256GCM secret.",
        pair(sig(ED), enc(ED, k=b64u(jwk))),
    )


def _lengths() -> Iterator[Case]:
    for length in (0, 16, 31, 65, 128):
        yield refuses(
            f"k-{length}-bytes",
            "K5",
            f"An HS256 secret of {length} bytes.",
            with_k(seeded("length", length)),
        )
    for length in (16, 31, 33, 64):
        yield refuses(
            f"encryption-k-{length}-bytes",
            "K5",
            f"An A256GCM secret of {length} bytes.",
            pair(sig(ED), enc(ED, k=b64u(seeded("length", length)))),
        )
    for distinct in (1, 11):
        yield refuses(
            f"k-{distinct}-values",
            "K5",
            f"Distinct byte values: {distinct} of 12.",
            with_k(few(distinct)),
        )
        yield refuses(
            f"encryption-k-{distinct}-values",
            "K5",
            f"Distinct byte values of an A256GCM secret: {distinct} of 12.",
            pair(sig(ED), enc(ED, k=b64u(few(distinct)))),
        )
    yield refuses("k-zeros", "K5", "A secret of zeros.", with_k(bytes(32)))
    yield refuses(
        "k-64-bytes-11-values", "K5", "64 bytes, but 11 distinct values.", with_k(few(11, 64))
    )


def _spellings() -> Iterator[Case]:
    text = b64u(seeded("spelling"))
    stray = text[:-1] + chr(ord(text[-1]) + 1)
    ended = b64u(b"\xff\xef\xbe" + seeded("spelling", 30))
    values: list[tuple[str, str, Json]] = [
        ("padded", "Base64 padding.", text + "="),
        ("stray-bits", "Stray low bits in the last character.", stray),
        (
            "standard-alphabet",
            "The alphabet of plain base64.",
            ended.replace("-", "+").replace("_", "/"),
        ),
        ("line-feed", "A line feed at the end.", text + "\n"),
        ("space", "A space inside.", text[:8] + " " + text[8:]),
        ("impossible-length", "4n + 1 characters.", text + "AA"),
        ("not-ascii", "A letter outside ASCII.", text + "\u00e9"),
        ("hex-list", "A list of numbers.", list(seeded("spelling"))),
        ("number", "A number.", 12345678901234567890),
        ("null", "null.", None),
    ]
    for slug, comment, value in values:
        yield refuses(f"k-{slug}", "K5", comment, one(hs(k=value)))
    yield refuses("k-missing", "K5", "No k.", one(without(hs(), "k")))
    yield refuses(
        "encryption-k-missing",
        "K5",
        "No k on the A256GCM JWK.",
        pair(sig(ED), without(enc(ED), "k")),
    )
    yield refuses(
        "encryption-k-padded",
        "K5",
        "Base64 padding on the A256GCM secret.",
        pair(sig(ED), enc(ED, k=text + "=")),
    )


def halves() -> Iterator[Case]:
    """Give the cases of K6."""
    for slug, point in SMALL_ORDER:
        weak = sig(ED, private=False, x=b64u(bytes.fromhex(point)))
        yield refuses(
            f"x-small-order-{slug}",
            "K6",
            "A point of small order verifies forgeries.",
            pair(weak, enc(ED)),
        )
    changes: list[tuple[str, str, dict[str, Json]]] = [
        ("x-of-another", "x is not that of d.", {"x": b64u(ED_2.public)}),
        ("x-31-bytes", "x of 31 bytes.", {"x": b64u(ED.public[:31])}),
        ("x-33-bytes", "x of 33 bytes.", {"x": b64u(ED.public + b"\x00")}),
        ("x-padded", "Base64 padding after x.", {"x": b64u(ED.public) + "="}),
        ("x-null", "x is null.", {"x": None}),
        ("d-31-bytes", "d of 31 bytes.", {"d": b64u(ED.seed[:31])}),
        ("d-64-bytes", "d and x together as d.", {"d": b64u(ED.seed + ED.public)}),
        ("d-empty", "An empty d.", {"d": ""}),
        ("d-padded", "Base64 padding after d.", {"d": b64u(ED.seed) + "="}),
    ]
    for slug, comment, change in changes:
        yield refuses(f"ed25519-{slug}", "K6", comment, pair(sig(ED) | change, enc(ED)))
    yield refuses("ed25519-x-missing", "K6", "No x.", pair(without(sig(ED), "x"), enc(ED)))
    yield from _es256()


def _es256() -> Iterator[Case]:
    x, y = ES.coordinates
    beyond = (P256_PRIME + 5).to_bytes(32, "big")
    public: list[tuple[str, str, dict[str, Json]]] = [
        ("off-the-curve", "A point beside the curve.", {"y": b64u(y[:-1] + bytes([y[-1] ^ 1]))}),
        ("zero-point", "x and y of zeros.", {"x": b64u(bytes(32)), "y": b64u(bytes(32))}),
        ("x-beyond-prime", "An x above the field's prime.", {"x": b64u(beyond)}),
        ("x-31-bytes", "x of 31 bytes.", {"x": b64u(x[1:])}),
        ("x-33-bytes", "A zero byte before x.", {"x": b64u(b"\x00" + x)}),
        ("y-31-bytes", "y of 31 bytes.", {"y": b64u(y[1:])}),
        ("y-33-bytes", "A zero byte before y.", {"y": b64u(b"\x00" + y)}),
        ("y-padded", "Base64 padding after y.", {"y": b64u(y) + "="}),
    ]
    for slug, comment, change in public:
        weak = sig(ES, private=False) | change
        yield refuses(f"es256-{slug}", "K6", comment, pair(weak, enc(ES)))
    for slug, comment, (x_number, y_number) in (
        ("x-plus-p", "x + p in place of x.", (LOW_X[0] + P256_PRIME, LOW_X[1])),
        ("y-plus-p", "y + p in place of y.", (LOW_Y[0], LOW_Y[1] + P256_PRIME)),
    ):
        x_text, y_text = (b64u(number.to_bytes(32, "big")) for number in (x_number, y_number))
        weak = sig(ES, private=False, x=x_text, y=y_text)
        yield refuses(f"es256-{slug}", "K6", comment, pair(weak, enc(ES)))
    for member in ("x", "y"):
        yield refuses(
            f"es256-{member}-missing",
            "K6",
            f"No {member}.",
            pair(without(sig(ES, private=False), member), enc(ES)),
        )
    for slug, comment, d in (
        ("zero", "d is 0.", bytes(32)),
        ("order", "d is the group's order.", P256_ORDER.to_bytes(32, "big")),
        ("of-another", "d is not that of x and y.", seeded("scalar/another")),
        ("31-bytes", "d of 31 bytes.", ES.scalar.to_bytes(32, "big")[:31]),
        ("33-bytes", "A zero byte before d.", ES.scalar.to_bytes(33, "big")),
    ):
        yield refuses(f"es256-d-{slug}", "K6", comment, pair(sig(ES, d=b64u(d)), enc(ES)))
    small = ES256Key("es-1", int.from_bytes(seeded("scalar/small", 27), "big"), ES.secret)
    above = (small.scalar + P256_ORDER).to_bytes(32, "big")
    comment = "d plus the group's order: x and y are those of d."
    yield refuses("es256-d-plus-order", "K6", comment, pair(sig(small, d=b64u(above)), enc(ES)))
