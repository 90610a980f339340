"""Published secrets: hashes of those in standards, documentation and our vectors."""

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
    "003b0775470a2cb91c85c3b14d6e11000e9ef1b4b0fac6c45258c100e05b4e3c": _VECTORS,
    "04395c6c0c1ef324c4d66870875e3e3d836f938b2d49b659c60ee9de12dbbbd1": _VECTORS,
    "075691c58617203c41564e47aeb1cd60443a1eca93b2b9d1789b2d6f0b6a715d": _VECTORS,
    "0afd05a9b093ed5db39ca441e47a2826ea844ce7cc90aaa60e0d6a5d792b1628": _VECTORS,
    "0bc581cead5197ac449fc62ad1f6a2d70fbdd32121846721e3789e009570dd97": _VECTORS,
    "0e0c59d84fb3a83a1a7ee7a0aaaad682a33b37d87b88057ffcbbdec1cec13f1d": _VECTORS,
    "0e1fefac3a6172f690a5096ab3dfd7de4d99c1cfcd37eae0dab96e1bd011def7": _VECTORS,
    "14bf607741e2056193f4bf9cf74325b8c0a76fde30abb4aa1d05c61ae1a8129c": _VECTORS,
    "1a0e1f83e2ca7031fb02e5c86f935f9b97721a42c45196c6d4e6c536e7b1f7b6": _VECTORS,
    "1bfa0b999efe5e4b9961b90168c6104b5ede8d44d3350b929276c05cf1651700": _VECTORS,
    "1c7f0b9927276a84d809ccd939db44d7a6c92e8ff55119bc1378bc0f20ba5982": _VECTORS,
    "1f1c201b853dba444154739e98de0e21753d7d31642475917014a1f41718724c": _VECTORS,
    "23c6dd4e6fcad0729a4fd4925dcae4a98716dd4b441bead341d2097f90092dde": _VECTORS,
    "24160b4f2a46b9d85101a548f6fb3050af6ec386f51231363196efb8dbd05f82": _VECTORS,
    "284b3f9aa5c90056c6012b1479569e6010ea8e2e986d3fd849bc8e074355d719": _VECTORS,
    "2883eea52b3259d4837b01995292a807a9fe11fdcb195e8083dc0ef8fd6d742a": _VECTORS,
    "2b0d638f9417c5dd9ff4d9f2607c47958abd8b995cad77e4bbc0affdcf2b3458": _VECTORS,
    "2c07f51f200927bdedec007e4551ef9e2788afefec35806b878ba5313c04abc4": _VECTORS,
    "2c5a676af5389c13a2f42bdfbe5b0b1e98c5bad6978c1a436eab81305f8727cd": _VECTORS,
    "3d174aafcab0fc5f1cf8e91db4930ea99edb0039014a9f3d5ca28519ae885cd2": _VECTORS,
    "40f5388a30eb71adc1feac0e6bd98929f7c6ca50484728202627c35591b259aa": _VECTORS,
    "4cae2e56f5eef36c9014ef59e7108ea1e8df5a9cc66aee57c2e46fc643bf4a25": _VECTORS,
    "4d3327491167144da6228793082d41be21f3b345ad8364e6a9a2636179995b06": _VECTORS,
    "50e66f4dad228cf0ed042d01c580e6a49716b298753f3d31b489c6a9ea89cb78": _VECTORS,
    "58b042468ed50e7bf601699031a8bb6d396dfb4f4b157dd2490c225f3147629b": _VECTORS,
    "6176eda5b2936133b757418f910d8cf6c63dd2edcc4b757ed6ebe4b3cf32e38f": _VECTORS,
    "6286c605bfad2446a12ed6041bcbbc06dbf3f0f5e324e2979d363314bfbe7da3": _VECTORS,
    "629b63c4227cf6b38137ecee3883eb485face234485efa1158a2159e1fd170f1": _VECTORS,
    "66e996985128eb8c61e6d149a21caba53bad713f3bff99207c4d15928a3a5a43": _VECTORS,
    "6c4daf6b989c3ebf4ff9af74609f8c7e92e13a357fb378a86920af39adadf6f6": _VECTORS,
    "6d85a7750aa46321c3efbef9ed6f6cbdd11158db7092752e6f19588a5afb8ec6": _VECTORS,
    "72dbb7336c76780023f83da4c355f2eeea85733b13d3477697917790c1229084": _VECTORS,
    "730812e514c5f14dd3280af91f07b4634ca4b654dddaab5cc1833878d28f2ff5": _VECTORS,
    "76ba6a1be9861080339405bafb89ab58f35d4f482927cc6330cf023a0439fc56": _VECTORS,
    "76e0b1a0797a04bcf3fa68c9cfe4df1f0f5d4927824277f872248a3362d14dca": _VECTORS,
    "79c3db1ce08ee77c1d16306ad968ccc8c8cf1656262a69d2e74d59350576388c": _VECTORS,
    "7a76d0067b9c8a14ed8ec0c78f46bd2767b17e714c9f4d7438c2f45fa67fd116": _VECTORS,
    "7be1432a471d4ea43570ea88f244e1e7170a27487eacedf72c51c38a87ce178a": _VECTORS,
    "7d491a84710e52622c2d683799f9b22fb75c9f1ba2ac79dacde0f20594784a65": _VECTORS,
    "80bfe11f39d6c27d5e13a31ccb9b0e96b3be0085ba758888033a30b5b25abcaf": _VECTORS,
    "81559c208d76393a289b97adfb7bc7d4b623010c734209c08535806f4f3924a8": _VECTORS,
    "81b6d8bb1f8a7539a670544b036df0103df74b13232f68c8913f25db8c316913": _VECTORS,
    "834314ec4d086ef47ef0c175cf506f1f3163ad6c8862122786df8fa7e091d10c": _VECTORS,
    "85575e768c6eda62ae4fa4473956d54f9ad86da21b1cca25c8c64bfdf57457d2": _VECTORS,
    "86ab8be9fac3112d785ca0f0b962f8882e87db137337f2ee229f8abab8bfb0d7": _VECTORS,
    "87da4ea24b188bc6035171cf277f0a4fe884c3bfeeb7f70b0c5342348d58a16c": _VECTORS,
    "89b29b1487281e642bace37ea3948cb46f6462685e74586613d06b2c202f563a": _VECTORS,
    "8a0f78c43051cdfa1616f3b46a3f0d2b59caada6c5ed680f87698da25926fff7": _VECTORS,
    "8daacb22d66048967e2c9f9ad8f34b1d5ffd9b1d28025220ead4dcf82dcdd055": _VECTORS,
    "8dfb033c556f48c999e7044195e2051df743239c67d1918730edb8e0c47e3e6f": _VECTORS,
    "90d3d756155cb3c0dc2141970ace5bf97ac66674552ec6b39ec416b33679940a": _VECTORS,
    "98994ce0277faa4ba8aeb1f3aa18c6da4a7efb3744deac40c95cc764641921c6": _VECTORS,
    "9a6b87719f98a458fde5324080c48358e6d6c170c2b29c3139ba524474a16eef": _VECTORS,
    "9b77e04524847d95c06e63d10ac9f38c7e4e4dfd7f0425c330fe9f8ce869e117": _VECTORS,
    "9da10b775560df39eed148ec08de762fdaf0bd2960ccef730f7da68d7084f8ba": _VECTORS,
    "9dacef202d3f7b1c007eff16e39e59b0868d7711490df820f7a2ddb8e31d37a5": _VECTORS,
    "9f67397865a94b5139d9aeab45d265bb8973bee428669e4e23ddbe15406d6707": _VECTORS,
    "a6a57ff337e40d2544277cc7d1425e0c78069c59efa12553f78a45602ef0b563": _VECTORS,
    "a83876a9b8da1e2578f2721b3e69e36423597dad9b65371bb82077d8bb3a291b": _VECTORS,
    "a86b66a17ac407924f2048283758b4921deefe8f8a704a607b6f4f1a19480317": _VECTORS,
    "b5ac017e2f4c9a7d18b88e79f67fd7a46bac3065d795ecbcc0796a9c7a030426": _VECTORS,
    "ba2ac598f8ba58d7c89bbdcdda83c73876adc41104e4c5befa783b5f49e41562": _VECTORS,
    "bb953bacb00e5a725dc3d06b10c61a91fa6c4f6e5c7315a0527ab7b6affbe45c": _VECTORS,
    "c113d3030bd8d9701cf4e7182043b782ab840b21f160d9ba1a095324b1a45058": _VECTORS,
    "c1a1fdabbb9100d1cb55f6ccd15ca15e644f13c14a27d0cb74ce4578594ce3d7": _VECTORS,
    "c3da72f62d7dab38ed7fd1239e844d855d67b4e7f1fdf0218487e36bbb4108c0": _VECTORS,
    "c4e7f378ca3ca3ef16130c8dfa33cd60a4ca097d20432dd1a8d2f6eb9bb0af3d": _VECTORS,
    "c4fd193ec4340c230c9b0568ea9c51ceecffaa8a4540ac70c7476cb0768c7a10": _VECTORS,
    "c8ac73f62de27737a46d1252c8a420394586e4bcb386319b74a45ea1a085f477": _VECTORS,
    "c90e47a9c384b5e8f984b095468009d5ac44794234d15dc11185dc7de2397d68": _VECTORS,
    "cdc338b76833c47ae739856327404e6e5f1f8a89d69e9e8c1595142dbf0e3043": _VECTORS,
    "d1bf019efacaa945217c7346120890349fe9d0e209d74ca407a7864ad9e6325e": _VECTORS,
    "d31504f45e49a58e7e5ed9ad6ab3dc4031c7f0e1d1a6097458ef47fa4cb98761": _VECTORS,
    "d469080783bd3c690aeff55026bf231c38c7525e43b8552d84176a63e39f0165": _VECTORS,
    "d75113f398a2cbf0fdee66d1080ba9a60c9aedf569752a6737ce51ef24548a35": _VECTORS,
    "d899e66554cbdc935aa7224ef6cfebe793c9a2fa99974a351debc6074f19e646": _VECTORS,
    "d91b2ddeb3d1463e286a1f8c9cc6e13c461a7e53c65310b5f9b157794ab6823e": _VECTORS,
    "d9eeb72d61613fe6308502ef4b1098bb68ecfabf18285fc7e2fa59f7386d1c4c": _VECTORS,
    "e1619052f6324eb5b5926cd69917278b52a8541911097c78e203f15ffa7d8725": _VECTORS,
    "e34b8b9b09475cee75a4bf7c6fabfcc5b3b5c2f446b664164f935fd559fd5f8f": _VECTORS,
    "e80f1c4cef2a77a4e0fb6a435caa728cd5c26290970667dd783674dc360c4414": _VECTORS,
    "edb2e96806ed4fe8def2ff6366080a290bf6583b2046f1169dcb7ee4cb75b06a": _VECTORS,
    "f2c35fc5ef3eec332c359f21872eddb10a0f5d537ef77795e9df5b4209260191": _VECTORS,
    "f86e250607f9d25c584d7eefcb5c8a3c18259706086992c5ba10f298e6908136": _VECTORS,
    "f8978f8fe65841186b2bb15acf26ac1859bbf47c7ad46234a488909e6478888c": _VECTORS,
    "fee26d776e6d155b099b9aebaea827c0faec6cd479e78925532925e515436d14": _VECTORS,
    "ff3234fa7364f717564438ecfa02b9768471b10201a38579777e27b01f9ccff2": _VECTORS,
    "ff671f5de9dbd0d91c3b85a0e856bface8d09f30690fd4802d6c728193bd0e0c": _VECTORS,
}


def published_source(secret: bytes) -> str | None:
    """Return where a secret is published, or None."""
    return _SOURCES.get(sha256(secret).hexdigest())


def check_unpublished(keys: Iterable[Key]) -> None:
    """Refuse secrets that documentation, standards or this format's test vectors contain."""
    for key in keys:
        for name, secret in (("k", key.secret), ("d", _private_bytes(key.private_key))):
            source = None if secret is None else published_source(secret)
            if source is not None:
                raise ConfigError(
                    f"key {key.kid!r}: its {name} is a published example ({source}): make a new "
                    "key with `tokensession keys new`"
                )


def _private_bytes(key: PrivateKey | None) -> bytes | None:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.private_numbers().private_value.to_bytes(SECRET_BYTES, "big")
    return None if key is None else key.private_bytes_raw()
