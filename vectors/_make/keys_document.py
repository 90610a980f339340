"""Key documents whose frame or kids are wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .key_cases import ED, HS, enc, hs, one, pair, refuses, sig, without
from .material import b64u, document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .msgpack import Json
    from .vectorfile import Case


def shapes() -> Iterator[Case]:
    """Give documents that are not JWK Sets of this format."""
    whole: Json = [hs()]
    contents: list[tuple[str, str, dict[str, Json]]] = [
        ("empty-object", "No members at all.", {}),
        ("no-keys", "A serial and no keys.", {"serial": 1}),
        ("keys-empty", "An empty list of keys.", {"keys": []}),
        ("keys-map", "A map where a list belongs.", {"keys": {"hs-1": hs()}}),
        ("keys-one-jwk", "A JWK where a list belongs.", {"keys": hs()}),
        (
            "keys-string",
            "A string where a list belongs: its characters are no keys.",
            {"keys": str(hs()["k"])},
        ),
        ("keys-null", "null where a list belongs.", {"keys": None}),
        ("keys-number", "A number where a list belongs.", {"keys": 1}),
        ("keys-of-strings", "A list of strings.", {"keys": [str(hs()["k"])]}),
        ("keys-with-null", "null beside a JWK.", {"keys": [hs(), None]}),
        ("bare-jwk", "A JWK where a set of them belongs.", hs()),
        ("serial-negative", "A serial below 0.", {"keys": whole, "serial": -1}),
        ("serial-string", "A serial in quotes.", {"keys": whole, "serial": "1"}),
        ("serial-fraction", "A serial with a fraction.", {"keys": whole, "serial": 1.5}),
        ("serial-true", "true is no number.", {"keys": whole, "serial": True}),
        ("serial-null", "null is not a missing serial.", {"keys": whole, "serial": None}),
        ("rotation-string", "A rotation that is no object.", {"keys": whole, "rotation": "90d"}),
        ("rotation-list", "A rotation in a list.", {"keys": whole, "rotation": [{}]}),
        (
            "token-lifetime-zero",
            "A token_lifetime of 0 s.",
            {"keys": whole, "rotation": {"token_lifetime": 0}},
        ),
        (
            "token-lifetime-string",
            "A token_lifetime in quotes.",
            {"keys": whole, "rotation": {"token_lifetime": "3600"}},
        ),
        (
            "token-lifetime-too-great",
            "A token_lifetime of 2^32 s, one too many.",
            {"keys": whole, "rotation": {"token_lifetime": 2**32}},
        ),
    ]
    for slug, comment, content in contents:
        yield refuses(slug, "K1", comment, content)
    text = json.dumps(document(HS.jwks()))
    public = b64u(ED.public)
    for slug, comment, content_ in (
        ("text-empty", "No characters at all.", ""),
        ("text-not-json", "No JSON.", "hs-1 = " + str(hs()["k"])),
        ("text-cut", "JSON without its last character.", text[:-1]),
        ("text-trailing", "Something after the JSON.", text + " {}"),
        ("text-list", "A list of JWKs, not a set.", json.dumps([hs()])),
        ("text-string", "A JSON string.", json.dumps("secret")),
        ("text-null", "null.", "null"),
        ("text-secret", "A secret alone.", str(hs()["k"])),
        ("text-pem", "A PEM block.",
         f"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA{public}=\n-----END PUBLIC KEY-----\n"),
        ("text-deep", "5000 brackets opened.", "[" * 5000),
        ("text-serial-point", "An integer has no fraction, not even one of 0.",
         text.replace('"serial": 1', '"serial": 1.0')),
    ):  # fmt: skip
        yield refuses(slug, "K1", comment, content_)
    yield refuses("text-bom", "K1", "A byte order mark before the JSON.", "\ufeff" + text)
    note = json.dumps(document(HS.jwks()) | {"note": "caf\u00e9"}, ensure_ascii=False)
    for slug, comment, data in (
        ("bytes-bom", "A byte order mark before the JSON.", b"\xef\xbb\xbf" + text.encode()),
        ("bytes-latin-1", "A letter in ISO 8859-1.", note.encode("iso-8859-1")),
        ("bytes-cut", "A letter of two bytes that lacks its second.",
         note.encode().replace(b"\xc3\xa9", b"\xc3")),
        ("bytes-overlong", "A letter in more bytes than it needs.",
         note.encode().replace(b"\xc3\xa9", b"\xe0\x83\xa9")),
        ("bytes-surrogate", "A surrogate written as UTF-8.",
         note.encode().replace(b"\xc3\xa9", b"\xed\xa0\x80")),
        ("bytes-utf-16", "UTF-16 with its byte order mark.", text.encode("utf-16")),
        ("bytes-utf-16-be", "UTF-16 without one.", text.encode("utf-16-be")),
        ("bytes-utf-32", "UTF-32.", text.encode("utf-32-le")),
    ):  # fmt: skip
        yield refuses(slug, "K1", comment, data)


def kids() -> Iterator[Case]:
    """Give kids outside of the alphabet."""
    values: list[tuple[str, str, Json]] = [
        ("empty", "An empty kid.", ""),
        ("33-characters", "33 characters, one too many.", "k" * 33),
        ("space", "A space in the kid.", "k 1"),
        ("dot", "A dot in the kid.", "k.1"),
        ("slash", "A slash in the kid.", "k/1"),
        ("quote", "A quotation mark, which would end the header's string.", 'k"1'),
        ("line-feed", "A line feed after the kid.", "k1\n"),
        ("nul", "U+0000 in the kid.", "k\x001"),
        ("letter", "A letter outside ASCII.", "cl\u00e9"),
        ("digit", "A digit outside ASCII.", "k\u0661"),
        ("number", "A number as kid.", 1),
        ("null", "null as kid.", None),
        ("list", "A list as kid.", ["k1"]),
    ]
    for slug, comment, kid in values:
        yield refuses(f"kid-{slug}", "K2", comment, one(hs(kid=kid)))
    yield refuses("kid-missing", "K2", "No kid.", one(without(hs(), "kid")))
    yield refuses(
        "kid-missing-encryption",
        "K2",
        "No kid on the A256GCM JWK.",
        pair(sig(ED), without(enc(ED), "kid")),
    )
