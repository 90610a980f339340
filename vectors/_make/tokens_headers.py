"""Tokens that fail in step 2: the header is not, byte for byte, that of a key that verifies."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from .draft import header_text
from .material import Key, b64u, derive_sig_key, hmac_sha256
from .rings import BOTH, ED, ES, GONE, HS, LOST, OLD, OLD_ENDS, STRANGER
from .token_cases import URL_ALPHABET, Reading, draft, unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .vectorfile import Case


def headers() -> Iterator[Case]:
    """Give the cases of R2."""
    yield from _spellings()
    yield from _other_algorithms()
    yield from _keys_that_do_not_verify()


def _spellings() -> Iterator[Case]:
    exact = header_text(HS.alg, HS.kid)
    for part, comment, header in (
        ("swapped", "The members in the other order.", '{"kid":"hs-1","alg":"HS256"}'),
        ("with-spaces", "A space after each colon and comma.",
         '{"alg": "HS256", "kid": "hs-1"}'),
        ("newline-after", "A line feed after the JSON.", exact + "\n"),
        ("typ", "A further member typ.", '{"alg":"HS256","kid":"hs-1","typ":"JWT"}'),
        ("typ-first", "typ before the rest, as many libraries write it.",
         '{"typ":"JWT","alg":"HS256","kid":"hs-1"}'),
        ("crit", "A member crit.", '{"alg":"HS256","kid":"hs-1","crit":["exp"],"exp":1}'),
        ("b64-false", "An unencoded payload is announced.",
         '{"alg":"HS256","kid":"hs-1","b64":false,"crit":["b64"]}'),
        ("zip", "Compression is announced.", '{"alg":"HS256","kid":"hs-1","zip":"DEF"}'),
        ("jku", "A place to fetch keys from.",
         '{"alg":"HS256","kid":"hs-1","jku":"https://example.org/keys"}'),
        ("kid-twice", "The kid is there twice.", '{"alg":"HS256","kid":"x","kid":"hs-1"}'),
        ("no-kid", "No kid.", '{"alg":"HS256"}'),
        ("no-alg", "No alg.", '{"kid":"hs-1"}'),
        ("escaped", "A letter of a member's name is escaped.",
         '{"\\u0061lg":"HS256","kid":"hs-1"}'),
        ("escaped-kid", "A letter of the kid is escaped.",
         '{"alg":"HS256","kid":"\\u0068s-1"}'),
        ("bom", "A byte order mark before the JSON.", "\ufeff" + exact),
        ("kid-other-case", "The kid in capitals.", header_text("HS256", "HS-1")),
        ("kid-with-space", "A space after the kid.", header_text("HS256", "hs-1 ")),
        ("kid-path", "A path as kid.", header_text("HS256", "../../dev/null")),
        ("kid-empty", "An empty kid.", header_text("HS256", "")),
        ("alg-lower-case", "The alg in small letters.", header_text("hs256", "hs-1")),
        ("empty-object", "An empty object.", "{}"),
        ("not-an-object", "JSON, but not an object.", '["HS256","hs-1"]'),
        ("not-json", "No JSON.", "HS256 hs-1"),
    ):  # fmt: skip
        slug = f"header-{part}"
        yield unknown(slug, comment, replace(draft(HS, slug), header=header))
    stranger = {"kty": "oct", "k": b64u(STRANGER.secret)}
    embedded = exact[:-1] + f',"jwk":{json.dumps(stranger, separators=(",", ":"))}}}'
    yield unknown(
        "header-jwk",
        "The key to verify with is in the header.",
        replace(draft(STRANGER, "header-jwk"), header=embedded),
    )
    segment = draft(HS, "").the_header()
    standard = b64u(b'{"alg":"HS256","kid":">>>???"}').replace("-", "+").replace("_", "/")
    tail = URL_ALPHABET[URL_ALPHABET.index(segment[-1]) | 1]
    for part, comment, spelled in (
        ("segment-empty", "An empty header segment.", ""),
        ("segment-raw-json", "The header as JSON, not as base64url.", exact),
        ("segment-padded", "The header with base64 padding.", segment + "=="),
        ("segment-stray-bits", "A stray low bit in the header's last character.",
         segment[:-1] + tail),
        ("segment-standard-alphabet", "The alphabet of plain base64.", standard),
        ("segment-cut", "The header without its last character.", segment[:-1]),
        ("segment-space-before", "A space before the token.", " " + segment),
        ("segment-newline-before", "A line feed before the token.", "\n" + segment),
        ("segment-space-after", "A space before the first dot.", segment + " "),
        ("segment-nul-after", "U+0000 before the first dot.", segment + "\x00"),
    ):  # fmt: skip
        slug = f"header-{part}"
        yield unknown(slug, comment, replace(draft(HS, slug), header_segment=spelled))


def _other_algorithms() -> Iterator[Case]:
    kinds: list[tuple[str, str, Key, str]] = [
        ("hs512", "HS512 of an HS256 key.", HS, "HS512"),
        ("eddsa", "The older name EdDSA for Ed25519.", ED, "EdDSA"),
        ("ed448", "Ed448 of an Ed25519 key.", ED, "Ed448"),
        ("es384", "ES384 of an ES256 key.", ES, "ES384"),
        ("ed25519-of-hs256", "Ed25519 and the kid of an HS256 key.", HS, "Ed25519"),
        ("es256-of-ed25519", "ES256 and the kid of an Ed25519 key.", ED, "ES256"),
        ("hs256-of-ed25519", "HS256 and the kid of an Ed25519 key.", ED, "HS256"),
    ]
    for part, comment, key, alg in kinds:
        slug = f"alg-{part}"
        yield unknown(slug, comment, replace(draft(key, slug), header=header_text(alg, key.kid)))
    for part, alg in (("none", "none"), ("none-capitals", "NONE")):
        slug = f"alg-{part}"
        for signed, signature in (("", b""), ("-signed", None)):
            made = replace(draft(HS, slug + signed), header=header_text(alg, HS.kid))
            with_one = "no" if signature is not None else "an HS256"
            yield unknown(
                slug + signed,
                f"alg {alg} and {with_one} signature.",
                replace(made, signature=signature),
            )
    publics: list[tuple[str, str, Key, bytes]] = [
        ("x", "the bytes of x", ED, ED.public),
        ("x-text", "the text of x", ED, b64u(ED.public).encode()),
        ("point", "the point x || y", ES, b"".join(ES.coordinates)),
    ]
    for part, told, key, public in publics:
        slug = f"alg-hmac-by-{part}"
        forged = replace(draft(key, slug), header=header_text("HS256", key.kid))
        mac = hmac_sha256(public, forged.the_signing_input().encode())
        yield unknown(
            slug, f"An HMAC keyed by a public key: {told}.", replace(forged, signature=mac)
        )
    derived = replace(draft(ED, "alg-hmac-by-derived"), header=header_text("HS256", ED.kid))
    mac = hmac_sha256(derive_sig_key(ED.secret, "session"), derived.the_signing_input().encode())
    yield unknown(
        "alg-hmac-by-derived",
        "An HMAC keyed by what HS256 would derive from the encryption secret.",
        replace(derived, signature=mac),
    )


def _keys_that_do_not_verify() -> Iterator[Case]:
    yield unknown(
        "kid-unknown", "A kid that the ring does not have.", draft(STRANGER, "kid-unknown")
    )
    yield unknown(
        "kid-of-another-ring",
        "A kid that only another ring has.",
        draft(HS, "kid-of-another-ring"),
        Reading(ring="worked"),
    )
    yield unknown(
        "key-at-exp",
        "now is the key's exp.",
        draft(OLD, "key-at-exp"),
        Reading(now=OLD_ENDS),
        key_state="expired",
    )
    yield unknown(
        "key-past-exp",
        "now is a second past the key's exp; leeway is not for keys.",
        draft(OLD, "key-past-exp"),
        Reading(now=OLD_ENDS + 1),
        key_state="expired",
    )
    yield unknown(
        "key-revoked",
        "A revoked key whose material is still listed.",
        draft(GONE, "key-revoked"),
        key_state="revoked",
    )
    yield unknown(
        "key-revoked-bare",
        "A revoked key of which only the kid is left.",
        draft(LOST, "key-revoked-bare"),
        key_state="revoked",
    )
    yield unknown(
        "key-revoked-and-expired",
        "A key both revoked and past its exp is revoked.",
        draft(BOTH, "key-revoked-and-expired"),
        key_state="revoked",
    )
