"""Tokens that fail in steps 1 to 3: segments, header and base64url."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .claims_model import Claims
from .draft import MAX_CHARACTERS, Draft
from .material import Key, b64u, seeded
from .rings import ED, ES, HS
from .token_cases import URL_ALPHABET, draft, refused
from .tokens_accepted import padded
from .tokens_headers import headers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .vectorfile import Case


def framing() -> Iterator[Case]:
    """Give the cases of R1, R2 and R3."""
    yield from _segments()
    yield from headers()
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
