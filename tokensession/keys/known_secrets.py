"""Secrets that anyone can look up: hashes of those in standards, documentation and our vectors."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric import ec

from tokensession.errors import ConfigError
from tokensession.keys.material import SECRET_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokensession.keys.jwk import Key, PrivateKey

_VECTORS: Final = "the test vectors of this format"
# SHA-256 of the raw secret -> where it is published.
_SOURCES: Final = {
    "c8ecc9361a05e285f04c26f9572131a6deab07e9e2b865053c6f75a4d8bd2b32": "RFC 7515 appendix A.1",
    "cfcef6cfb631f2a350b70a6ab72b20696f65f854aa3649a26b4cc1d2b0f5ce76": "RFC 7515 appendix A.3",
    "644d50ab64864c20a12b3c4656d46b4a48f69ef7c47ecdc8415cd28316b22ef5": "RFC 8037 appendix A.1",
    "73ec74458059c70cae3f0ade8663fe0da1dc4b114ed8cdac75364140b4458a4c": "RFC 7520 section 3.5",
    "2cd6f10056d08e10430ad5658b5565056c93fcde047563f7e53a56452467c050": "RFC 7520 section 3.6",
    "465d9ad5d5528ebe287b5dce4fb51620833d09b290e49ddcc70ca6c4a0aea01b": "jwt.io",
    "0458e3f39384992c35a756d0eb288fecf02354d3fa02f2cdc1a2abb8210b528c": "iron-session",
    "fe18bd40b727a37ecce96ec8f474a82508c191b0c3bb3c47d325335cd467ad97": "Apache Superset",
    "630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd": "the bytes 00 to 1f",
    "ae216c2ef5247a3782c135efa279a3e4cdc61094270f5d2be58c6204b7a612c9": "the bytes 01 to 20",
    "fdeab9acf3710362bd2658cdc9a29e8f9c757fcf9811603a8c447cd1d9151108": "the bytes 00 to 3f",
    "3eb1bd439947eb762998e566ccc2e099c791118b2f40579cc4f7da2b5061b7f9": "the digits 0 to f, twice",
    "cd6c1f7d1dc6717d6371d2647910ca71ba3bf0b611083d322466b8843b4285b6": "the digits 0 to F, twice",
    "653bb1245e828fcda4fa53fcd5a3def5bd7654e651f54b4132b73d74e64435c4": "the alphabet",
    "f6d527e6d01865481134f29788be2afe7fc3c702e1a55d7ceafac5f35199e8dc": "the alphabet",
    "5d854a6bcae8dbe496e7040f45d970ce74c9e89200bc2af404159dcf8425ab36": "the alphabet",
    "31e4ca27dc185b83ac308b7e2bcfd64dd6d89ad342669ac4b90cc938c399a834": "the alphabet",
    "4bd42c0c0a83bc250e6fc90fb36c1f88c5c54956d0275ac5f0dffcb07fdf7b63": "tokensession.testing",
    "6c4daf6b989c3ebf4ff9af74609f8c7e92e13a357fb378a86920af39adadf6f6": _VECTORS,
    "9a6b87719f98a458fde5324080c48358e6d6c170c2b29c3139ba524474a16eef": _VECTORS,
    "629b63c4227cf6b38137ecee3883eb485face234485efa1158a2159e1fd170f1": _VECTORS,
    "1c7f0b9927276a84d809ccd939db44d7a6c92e8ff55119bc1378bc0f20ba5982": _VECTORS,
    "fee26d776e6d155b099b9aebaea827c0faec6cd479e78925532925e515436d14": _VECTORS,
    "003b0775470a2cb91c85c3b14d6e11000e9ef1b4b0fac6c45258c100e05b4e3c": _VECTORS,
    "81b6d8bb1f8a7539a670544b036df0103df74b13232f68c8913f25db8c316913": _VECTORS,
    "79c3db1ce08ee77c1d16306ad968ccc8c8cf1656262a69d2e74d59350576388c": _VECTORS,
    "90d3d756155cb3c0dc2141970ace5bf97ac66674552ec6b39ec416b33679940a": _VECTORS,
}


def published_source(secret: bytes) -> str | None:
    """Return where a secret is published, or None."""
    return _SOURCES.get(sha256(secret).hexdigest())


def check_unpublished(keys: Iterable[Key]) -> None:
    """Refuse secrets that stand in documentation, standards or this format's test vectors."""
    for key in keys:
        for name, secret in (("k", key.secret), ("d", _private_bytes(key.private_key))):
            source = None if secret is None else published_source(secret)
            if source is not None:
                raise ConfigError(
                    f"key {key.kid!r}: its {name} is a published example ({source}) that anyone "
                    "can look up; make a new one with `tokensession keys new`"
                )


def _private_bytes(key: PrivateKey | None) -> bytes | None:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.private_numbers().private_value.to_bytes(SECRET_BYTES, "big")
    return None if key is None else key.private_bytes_raw()
