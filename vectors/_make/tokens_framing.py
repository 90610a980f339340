"""Tokens that fail in steps 1 to 3: segments, header and base64url."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from .claims_model import Claims
from .draft import MAX_CHARACTERS, Draft, header_text
from .material import Key, b64u, derive_sig_key, hmac_sha256, seeded
from .rings import BOTH, ED, ES, GONE, HS, LOST, OLD, OLD_ENDS, STRANGER
from .token_cases import Reading, draft, refused, unknown
from .tokens_accepted import padded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .vectorfile import Case

URL_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def framing() -> Iterator[Case]:
    """Give the cases of R1, R2 and R3."""
    yield from _segments()
    yield from _headers()
    yield from _other_algorithms()
    yield from _keys_that_do_not_verify()
    yield from _payload_spellings()
    yield from _signature_spellings()
    yield from _signature_lengths()


def _segments() -> Iterator[Case]:
    whole = draft(HS, "segments")
    header, payload, signature = whole.text().split(".")
    for slug, comment, token in (
        ("empty", "No characters at all.", ""),
        ("one-segment", "A header and nothing else.", header),
        ("two-segments", "No signature and no dot before it.", f"{header}.{payload}"),
        ("four-segments", "A fourth segment.", f"{whole.text()}.{signature}"),
        ("five-segments", "Five segments, as an encrypted JWS has.", f"{whole.text()}.AA.AA"),
        ("dot-last", "A dot after the signature.", f"{whole.text()}."),
        ("dot-first", "A dot before the header.", f".{whole.text()}"),
        ("not-ascii", "A letter outside ASCII in the payload.",
         f"{header}.{payload[:-1]}\u00e9.{signature}"),
        ("full-width", "A full-width letter, which compatibility folding would turn into A.",
         f"{header}.{payload[:-1]}\uff21.{signature}"),
        ("not-ascii-signature", "A character beyond 16 bits in the signature.",
         f"{header}.{payload}.{signature[:-1]}\U0001d538"),
    ):  # fmt: skip
        yield refused(slug, "R1", "malformed", comment, token)
    yield refused(
        "too-long",
        "R1",
        "malformed",
        "8193 characters, one too many.",
        padded(HS, "too-long", MAX_CHARACTERS + 1),
    )


def _headers() -> Iterator[Case]:
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


def _payload_spellings() -> Iterator[Case]:
    """Give payloads in another spelling, each signed as it is spelled."""
    for slug, comment, respell in (
        ("padded", "Base64 padding after the payload.", lambda text: text + "="),
        ("space", "A space inside the payload.", lambda text: text[:20] + " " + text[20:]),
        ("tab", "A tab after the payload.", lambda text: text + "\t"),
        ("line-feed", "A line feed inside the payload.", lambda text: text[:76] + "\n" + text[76:]),
        ("nul", "U+0000 after the payload.", lambda text: text + "\x00"),
        ("comma", "A character of no alphabet.", lambda text: text + ","),
        ("stray-bits", "Stray low bits in the last character.", _stray),
        ("impossible-length", "4n + 1 characters encode no bytes.", lambda text: text + "AA"),
    ):  # fmt: skip
        yield _respelled(slug, comment, respell(b64u(_payload(slug, 2).the_payload())), slug)
    for slug, letter, other in (("plus", "-", "+"), ("slash", "_", "/")):
        made, segment = _payload_with(letter, slug)
        comment = f"The character {other} of the other base64 alphabet."
        yield refused(
            f"payload-{slug}",
            "R3",
            "malformed",
            comment,
            replace(made, payload_segment=segment.replace(letter, other)),
        )
    yield refused(
        "payload-empty",
        "R3",
        "malformed",
        "An empty payload, signed as it is.",
        replace(draft(HS, "payload-empty"), payload_segment=""),
    )


def _respelled(slug: str, comment: str, segment: str, label: str) -> Case:
    made = replace(_payload(label, 2), payload_segment=segment)
    return refused(f"payload-{slug}", "R3", "malformed", comment, made)


def _payload(label: str, over: int) -> Draft:
    """Give a token whose payload has 3n + `over` bytes."""
    for pad in range(3):
        plaintext = Claims().pack(then=[None, b"\x00" * pad])
        made = replace(draft(HS, f"payload-{label}"), plaintext=plaintext)
        if len(made.the_payload()) % 3 == over:
            return made
    raise AssertionError("one of three lengths fits")


def _payload_with(letter: str, label: str) -> tuple[Draft, str]:
    """Give a token whose payload segment contains a letter of the alphabet's end."""
    for attempt in range(100):
        made = draft(HS, f"payload-{label}-{attempt}")
        segment = b64u(made.the_payload())
        if letter in segment:
            return made, segment
    raise AssertionError("one of a hundred payloads has the letter")


def _stray(text: str) -> str:
    last = URL_ALPHABET.index(text[-1])
    if last & 1:
        raise AssertionError("a canonical last character has no low bit")
    return text[:-1] + URL_ALPHABET[last | 1]


def _signature_spellings() -> Iterator[Case]:
    keys: list[Key] = [HS, ED, ES]
    for key in keys:
        slug = f"signature-stray-bits-{key.alg.lower()}"
        made = draft(key, slug)
        yield refused(
            slug,
            "R3",
            "malformed",
            "A stray low bit in the last character.",
            replace(made, signature_segment=_stray(b64u(made.the_signature()))),
        )
    for part, comment, head, tail in (
        ("padded", "Base64 padding after the signature.", "", "="),
        ("newline-after", "A line feed after the token.", "", "\n"),
        ("crlf-after", "A carriage return and line feed after the token.", "", "\r\n"),
        ("space-after", "A space after the token.", "", " "),
        ("space-before", "A space after the second dot.", " ", ""),
        ("nul-after", "U+0000 after the token.", "", "\x00"),
        ("impossible-length", "4n + 1 characters encode no bytes.", "", "AA"),
    ):
        slug = f"signature-{part}"
        made = draft(HS, slug)
        yield refused(
            slug,
            "R3",
            "malformed",
            comment,
            replace(made, signature_segment=head + b64u(made.the_signature()) + tail),
        )
    for part, letter, other in (("plus", "-", "+"), ("slash", "_", "/")):
        slug = f"signature-{part}"
        for attempt in range(100):
            made = draft(HS, f"{slug}-{attempt}")
            segment = b64u(made.the_signature())
            if letter in segment:
                break
        comment = f"The character {other} of the other base64 alphabet."
        yield refused(
            slug,
            "R3",
            "malformed",
            comment,
            replace(made, signature_segment=segment.replace(letter, other)),
        )


def _signature_lengths() -> Iterator[Case]:
    empty = replace(draft(HS, "signature-empty"), signature=b"")
    yield refused("signature-empty", "R3", "malformed", "An empty signature.", empty)
    keys: list[tuple[Key, tuple[int, ...]]] = [
        (HS, (16, 31, 33, 64)), (ED, (32, 63, 65)), (ES, (32, 63, 65)),
    ]  # fmt: skip
    for key, lengths in keys:
        for length in lengths:
            slug = f"signature-{key.alg.lower()}-{length}-bytes"
            made = draft(key, slug)
            signature = (made.the_signature() + seeded(slug, 64))[:length]
            yield refused(
                slug,
                "R3",
                "malformed",
                f"A signature of {length} bytes for {key.alg}.",
                replace(made, signature=signature),
            )
    der = draft(ES, "signature-es256-der")
    yield refused(
        "signature-es256-der",
        "R3",
        "malformed",
        "An ES256 signature in DER, which is longer than 64 bytes.",
        replace(der, signature=ES.sign_der(der.the_signing_input().encode())),
    )
