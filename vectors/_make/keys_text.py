"""Key documents as text: what is JSON, and what of it a loader must see."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from .key_cases import HS_KID, hs, loads, refuses
from .material import document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .msgpack import Json
    from .vectorfile import Case

GREATEST = 2**53 - 1


def texts() -> Iterator[Case]:
    """Give the cases of K1 that need the document's text."""
    jwk = json.dumps(hs())
    whole = f'{{"serial": 1, "keys": [{jwk}]}}'
    with_kid = jwk.replace('"kid": "hs-1"', '"kid": "hs-1", {}')
    refused: list[tuple[str, str, str]] = [
        ("member-twice", "A member named twice, with one value.",
         whole.replace('"serial": 1', '"serial": 1, "serial": 1')),
        ("member-twice-in-jwk", "A member of a JWK named twice.",
         whole.replace(jwk, with_kid.replace("{}", '"kid": "hs-1"'))),
        ("member-twice-escaped", "Two spellings of one name.",
         whole.replace(jwk, with_kid.replace("{}", r'"k\u0069d": "hs-1"'))),
        ("member-twice-unknown", "An unknown member named twice.",
         whole.replace('"serial": 1', '"serial": 1, "note": 1, "note": 2')),
        ("member-twice-deep", "The same deep in an unknown member.",
         whole.replace('"serial": 1', '"serial": 1, "note": [{"a": {"b": 1, "b": 1}}]')),
        ("member-twice-proto", "The same with a name that JavaScript gives a meaning.",
         whole.replace('"serial": 1', '"serial": 1, "__proto__": 1, "__proto__": 1')),
        ("trailing-comma", "A comma after the last member.", whole[:-1] + ",}"),
        ("trailing-comma-list", "A comma after the last JWK.", whole.replace("]", ",]")),
        ("no-comma", "No comma between two members.", whole.replace(",", "", 1)),
        ("no-colon", "No colon after a name.", whole.replace('"serial": 1', '"serial" 1')),
        ("comment", "A comment.", whole + "// of 2026"),
        ("single-quotes", "Names in single quotes.", whole.replace('"serial"', "'serial'")),
        ("bare-name", "A name without quotes.", whole.replace('"serial"', "serial")),
        ("number-as-name", "A number as a name.", whole.replace('"serial"', "1")),
        ("leading-zero", "A zero before an integer.",
         whole.replace('"serial": 1', '"serial": 01')),
        ("plus-sign", "A plus before an integer.", whole.replace('"serial": 1', '"serial": +1')),
        ("exponent", "An integer has no exponent.",
         whole.replace('"serial": 1', '"serial": 1e0')),
        ("infinity", "Infinity in an unknown member.",
         whole.replace('"serial": 1', '"serial": 1, "note": Infinity')),
        ("control-character", "A tab in a string.", whole.replace("hs-1", "hs-1\t")),
        ("bad-escape", "An escape that JSON does not have.", whole.replace("hs-1", r"hs-1\x")),
        ("form-feed", "White space that JSON does not have.", whole.replace(" ", "\f", 1)),
        ("no-break-space", "The same outside ASCII.", whole + "\u00a0"),
        ("serial-too-great", "A serial of 2^53.",
         whole.replace('"serial": 1', f'"serial": {GREATEST + 1}')),
    ]  # fmt: skip
    for slug, comment, text in refused:
        assert text != whole
        yield refuses(f"text-{slug}", "K1", comment, text)
    greatest: list[tuple[str, str, dict[str, Json]]] = [
        ("serial-greatest", "The greatest serial, 2^53 - 1.", {"serial": GREATEST}),
        ("token-lifetime-greatest", "The greatest token_lifetime, 2^32 - 1.",
         {"rotation": {"token_lifetime": 2**32 - 1}}),
        ("token-lifetime-one", "The smallest token_lifetime.",
         {"rotation": {"token_lifetime": 1}}),
        ("32-levels", "32 levels of arrays and objects in all.",
         {"note": json.loads("[" * 31 + "]" * 31)}),
        ("great-numbers", "Numbers beyond 64 bits, but not beyond float 64.",
         {"note": [10**300, -(10**300), 1.5e-300]}),
        ("odd-names", "Members of any name are unknown members.",
         {"": 1, "\x00": 1, "constructor": 1, "\uffff": {"__proto__": 1, "kty": "oct"}}),
    ]  # fmt: skip
    for slug, comment, members in greatest:
        content = {"serial": 1, "keys": [hs()], **members}
        yield loads(slug, "K1", comment, content, [HS_KID])
    kid = r"\u0068s\u002D1"
    escapes = r'"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"'
    forms: list[tuple[str, str, str]] = [
        ("white-space", "All white space that JSON has, wherever it may stand.",
         re.sub(r"([{}\[\]:,])", "\t\\1 \r\n", whole.replace(" ", ""))),
        ("escapes", "Escapes in a name, in values and in an unknown member.",
         whole.replace('"hs-1"', f'"{kid}"').replace('"k":', r'"\u006b":')
         .replace('"serial": 1', f'"serial": 1, "note": {escapes}')),
        ("values", "Every kind of value in an unknown member.",
         whole.replace('"serial": 1', '"serial": 1, "note": [{}, [], "", 0, -0, -1, 0.50, 1e5,'
                       ' 1E+05, 1.5e-3, -0.0, true, false, null, {"a": {}, "b": []}]')),
    ]  # fmt: skip
    for slug, comment, text in forms:
        case = loads(f"text-{slug}", "K1", comment, {}, [HS_KID])
        yield {("text" if name == "document" else name): (text if name == "document" else value)
               for name, value in case.items()}  # fmt: skip
    either: list[tuple[str, str, str]] = [
        ("33-levels", "33 levels: more than a loader need follow.", "[" * 32 + "]" * 32),
        ("beyond-floats", "A number beyond float 64.", "1e400"),
        ("lone-surrogates", "Escapes that stand for no text.",
         r'{"\ud800": "\udc00", "\udc00": 1}'),
    ]  # fmt: skip
    for slug, comment, value in either:
        text = whole.replace('"serial": 1', f'"serial": 1, "note": {value}')
        yield {**refuses(f"text-{slug}", "K1", comment, text), "acceptable": ["ok"]}
    assert json.loads(whole) == document([hs()])
