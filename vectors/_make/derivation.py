"""derivation.json: the two keys of a secret and a context, and which contexts there are."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from .material import WORKED, derive_enc_key, derive_sig_key, seeded
from .vectorfile import Case, vector_file

if TYPE_CHECKING:
    from .msgpack import Json

WORKED_SALT = bytes(range(0xA0, 0xA8))


def derivation() -> dict[str, Json]:
    """Give the content of derivation.json."""
    other = seeded("secret/hs-1")
    long = seeded("secret/long", 64)
    text_salt = b"ccccdddd"
    composed = unicodedata.normalize("NFC", "café")
    cases = [
        _ok("worked", "D1", "The worked value of the specification.", WORKED.secret, "session"),
        _ok("secret-64", "D1", "The longest secret, 64 bytes.", long, "session"),
        _ok("another-salt", "D1", "The salt enters the encryption key only.", WORKED.secret,
            "session", b"\x00" * 8),
        _ok("context-ab", "D1", "The context ab with a salt that begins with c.", other, "ab",
            text_salt),
        _ok("context-abc", "D1", "The context abc, which is ab and the c of the case before.",
            other, "abc", text_salt),
        _ok("context-1-byte", "D2", "The shortest context.", other, "c"),
        _ok("context-255-bytes", "D2", "The longest context, 255 bytes.", other, "c" * 255),
        _ok("context-multibyte", "D2", "255 bytes in 85 characters.", other, "\u20ac" * 85),
        _ok("context-control-character", "D2", "U+0001 is a character like any other.", other,
            "a\x01b"),
        _ok("context-nfc", "D2", "A composed letter; contexts are not normalised.", other,
            composed),
        _ok("context-nfd", "D2", "The same word decomposed gives other keys.", other,
            unicodedata.normalize("NFD", composed)),
        _refused("context-empty", "An empty context.", ""),
        _refused("context-256-bytes", "256 bytes, one too many.", "c" * 256),
        _refused("context-256-bytes-multibyte",
                 "86 characters, but 256 bytes of UTF-8: bytes are counted.", "\u20ac" * 85 + "c"),
        _refused("context-nul", "U+0000 alone.", "\x00"),
        _refused("context-nul-inside", "U+0000 between two letters.", "a\x00b"),
        _refused("context-nul-last", "U+0000 at the end.", "session\x00"),
        _refused("context-lone-surrogate", "A lone surrogate has no UTF-8 form.",
                 {"$utf16": "0061d800"}),
    ]  # fmt: skip
    comment = "Keys derived from a secret; contexts that are refused before anything is derived."
    return vector_file("derivation", comment, cases)


def _ok(
    slug: str, rule: str, comment: str, secret: bytes, context: str, salt: bytes = WORKED_SALT
) -> Case:
    return {
        "id": f"derivation/{slug}",
        "rule": rule,
        "comment": comment,
        "secret": secret.hex(),
        "context": context,
        "salt": salt.hex(),
        "expect": "ok",
        "sig_key": derive_sig_key(secret, context).hex(),
        "enc_key": derive_enc_key(secret, context, salt).hex(),
    }


def _refused(slug: str, comment: str, context: Json) -> Case:
    return {
        "id": f"derivation/{slug}",
        "rule": "D2",
        "comment": comment,
        "secret": seeded("secret/hs-1").hex(),
        "context": context,
        "salt": WORKED_SALT.hex(),
        "expect": "config_error",
    }
