"""Points of the curves in odd places, encoded keys as secrets, and members of other keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .key_cases import (
    ED,
    ED_KID,
    ES,
    ES_KID,
    HS_KID,
    enc,
    hs,
    loads,
    one,
    pair,
    refuses,
    sig,
    with_k,
)
from .material import b64u, seeded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .material import Jwk
    from .msgpack import Json
    from .vectorfile import Case

PRIME = 2**255 - 19
SIGN = 1 << 255
READER_ED = ("ed-1", "Ed25519", False)


def _on_curve(y: int) -> bool:
    d = -121665 * pow(121666, -1, PRIME)
    square = (y * y - 1) * pow(d * y * y + 1, -1, PRIME)
    return pow(square, (PRIME - 1) // 2, PRIME) == 1


def _x(encoded: int) -> str:
    return b64u(encoded.to_bytes(32, "little"))


def points() -> Iterator[Case]:
    """Give the cases of K6 about Ed25519 points whose order is not small."""
    below = [y for y in range(2, 19) if _on_curve(y)]
    off = [y for y in range(2, 19) if not _on_curve(y)]
    refused: list[tuple[str, str, int]] = [
        ("off-curve", "No point has this y.", off[0]),
        ("off-curve-sign", "The same with the other sign.", off[0] | SIGN),
        ("off-curve-great", "No point has this y, which is near the prime.", PRIME - off[0]),
        ("y-beyond-p", "The y of a point, plus the prime.", below[0] + PRIME),
        ("y-beyond-p-sign", "The same with the other sign.", (below[0] + PRIME) | SIGN),
        ("y-beyond-p-greatest", "The greatest such y.", below[-1] + PRIME),
    ]
    for slug, comment, encoded in refused:
        content = pair(sig(ED, private=False, x=_x(encoded)), enc(ED))
        yield refuses(f"x-{slug}", "K6", comment, content)
    for slug, comment, encoded in (
        ("small-y", "A small y of a point whose order is not small.", below[0]),
        ("small-y-sign", "The same with the other sign.", below[0] | SIGN),
        ("great-y", "The greatest y of such a point.", PRIME - below[0]),
    ):
        content = pair(sig(ED, private=False, x=_x(encoded)), enc(ED))
        yield loads(f"x-{slug}", "K6", comment, content, [READER_ED])
    d_null: list[tuple[str, dict[str, Json]]] = [
        ("ed25519", pair(sig(ED, d=None), enc(ED))),
        ("es256", pair(sig(ES, d=None), enc(ES))),
    ]
    for slug, content_ in d_null:
        yield refuses(f"{slug}-d-null", "K6", "null is not a missing d.", content_)


def encoded_secrets() -> Iterator[Case]:
    """Give the cases of K5 about PEM, SSH and JWK forms in 64 bytes."""
    blob = b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20" + ED.public
    base64 = b64u(blob).encode()
    for slug, comment, secret in (
        ("pem", "The head of a PEM block.", b"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA"),
        ("pem-after-text", "The same after some text.",
         b"Key of 2026:\n-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIA"),
        ("ssh-text", "The head of an SSH public key as text.", (b"ssh-ed25519 " + base64)[:64]),
        ("ssh-text-rsa", "The same of RSA.", b"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC7"),
        ("ssh-text-ecdsa", "The same of P-256.",
         b"ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAI"),
        ("ssh-text-security-key", "The same of a key in hardware.",
         b"sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9w"),
        ("ssh-binary", "A whole SSH public key, 51 bytes.", blob),
        ("ssh-private", "The head of an SSH private key.",
         b"openssh-key-v1\x00\x00\x00\x00\x04none\x00\x00\x00\x04none\x00\x00\x00\x00"),
        ("jwk-set", "A JWK Set.", b'{"keys":[{"kid":"abcdef","k":"wxyz"}]}'),
        ("jwk-kty-null", "A JWK whose kty is null.", b'{"kty":null,"kid":"abcdef","k":"wxyz"}'),
        ("jwk-kty-twice", "A JWK that names kty twice.",
         b'{"kty":"oct","kid":"abcdef","kty":"oct"}'),
        ("jwk-spelled", "kty with an escape.", rb'{"kt\u0079":"oct","kid":"abcdefg","k":"AB"}'),
    ):  # fmt: skip
        yield refuses(f"k-is-{slug}", "K5", comment, with_k(secret))
    for slug, comment, secret in (
        ("pem-end", "The end of a PEM block alone.", b"AwEHoUQDQg==\n-----END EC PRIVATE KEY-----"),
        ("ssh-within", "ssh-ed25519 behind the fifth byte.", b"\x00" * 5 + blob[4:46]),
        ("json", "JSON of another kind.", b'{"kid":"abcdefghi","k":"jklmnopqrstu"}'),
        ("json-list", "A JWK in a list.", b'[{"kty":"oct","kid":"abcdefg","k":"h"}]'),
        ("jwk-cut", "A JWK that lacks its last brace.", b'{"kty":"oct","kid":"abcdefg","k":"hij"'),
        ("jwk-behind-nul", "A JWK and a zero byte.", b'{"kty":"oct","kid":"abcdefg","k":"h"}\x00'),
        ("der-trailing", "A DER key and a byte.",
         bytes.fromhex("302a300506032b6570032100") + ED.public + b"\x00"),
        ("hex", "Hex digits.", seeded("hex").hex().encode()),
    ):  # fmt: skip
        yield loads(f"k-like-{slug}", "K5", comment, with_k(secret), [HS_KID])


def foreign_members() -> Iterator[Case]:
    """Give the cases of K8 about members that the table lists for other JWKs."""
    taken: list[tuple[str, str, dict[str, Json], tuple[str, str, bool]]] = [
        ("hs256", "d, x, y and crv on an HS256 JWK.", one(hs(d="no", x=1, y=None, crv=[])), HS_KID),
        ("ed25519", "y on an Ed25519 JWK.", pair(sig(ED, y="no"), enc(ED)), ED_KID),
        ("encryption", "d, x, y and crv on an A256GCM JWK.",
         pair(sig(ES), enc(ES, d="no", x="no", y=1, crv="P-256")), ES_KID),
    ]  # fmt: skip
    for slug, comment, content, kid in taken:
        yield loads(f"foreign-{slug}", "K8", comment, content, [kid])
    yield refuses(
        "foreign-k-es256", "K8", "A k on the ES256 JWK.", pair(sig(ES, k=enc(ES)["k"]), enc(ES))
    )
    yield refuses("foreign-k-null", "K8", "The same with null.", pair(sig(ED, k=None), enc(ED)))
    both: list[Jwk] = [
        sig(ED, private=False, key_ops=["verify", "sign"]),
        enc(ED, key_ops=["encrypt", "decrypt"]),
    ]
    yield loads("key-ops-reader-both", "K8", "key_ops may name more than a key without d does.",
                pair(*both), [READER_ED])  # fmt: skip
    refused: list[tuple[str, str, dict[str, Json]]] = [
        ("use-other", "A use beside sig and enc.", one(hs(use="wrap"))),
        ("use-case", "SIG is not sig.", one(hs(use="SIG"))),
        ("use-list", "A list is no use.", pair(sig(ED), enc(ED, use=["enc"]))),
        ("key-ops-other", "An operation beside the two.", one(hs(key_ops=["sign", "verify", "x"]))),
        ("key-ops-number", "A number is no operation.", one(hs(key_ops=["sign", "verify", 1]))),
        ("key-ops-object", "Nor is an object.",
         pair(sig(ED, key_ops=["sign", {}]), enc(ED))),
        ("key-ops-map", "An object is no list.", one(hs(key_ops={"sign": 1, "verify": 1}))),
        ("key-ops-encryption-sign", "Signing beside the operations of an A256GCM JWK.",
         pair(sig(ED), enc(ED, key_ops=["encrypt", "decrypt", "sign"]))),
        ("key-ops-encryption-twice", "An operation of an A256GCM JWK named twice.",
         pair(sig(ED), enc(ED, key_ops=["encrypt", "decrypt", "decrypt"]))),
        ("key-ops-encryption-null", "null is no list.", pair(sig(ED), enc(ED, key_ops=None))),
    ]  # fmt: skip
    for slug, comment, content in refused:
        yield refuses(slug, "K8", comment, content)
    greatest = 2**53 - 1
    yield loads("dates-greatest", "K7", "The greatest dates.",
                one(hs(nbf=greatest - 1, exp=greatest)), [HS_KID])  # fmt: skip
    for member in ("nbf", "exp"):
        yield refuses(f"{member}-too-great", "K7", f"{member} is 2^53.",
                      one(hs(**{member: greatest + 1})))  # fmt: skip
