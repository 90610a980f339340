"""The vectors: every case, the frame of the files, and what generates them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tokensession import KeyRing
from tokensession.keys.known_secrets import check_unpublished
from tokensession.tools.vectors.files import CODES, WORDS, VectorError, load
from tokensession.tools.vectors.runner import run, run_case
from tokensession.tools.vectors.tagged import value

VECTORS = Path(__file__).parents[2] / "vectors"
FILES = {name: load(VECTORS, name) for name in WORDS}
CASES = [(name, case) for name, content in FILES.items() for case in content["cases"]]


@pytest.mark.parametrize(("name", "case"), CASES, ids=[case["id"] for _, case in CASES])
def test_case(name: str, case: dict[str, Any]) -> None:
    """The case gives the word that it expects, and the values that it shows."""
    outcome = run_case(name, case, FILES[name])
    assert outcome.complaint is None


def test_generating_again_changes_nothing() -> None:
    """The files are what the program writes."""
    subprocess.run(  # noqa: S603  # our own interpreter and file
        [sys.executable, str(VECTORS / "generate.py"), "--check"], check=True, timeout=300
    )


@pytest.mark.parametrize("name", WORDS)
def test_schema(name: str) -> None:
    """Each file fits its schema, and its schema is one."""
    schema = json.loads((VECTORS / "schema" / f"{name}.schema.json").read_bytes())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(FILES[name])


def test_most_cases_are_negative_and_all_codes_occur() -> None:
    """At least 120 cases, two thirds of them negative, and every code."""
    words = Counter("either" if "acceptable" in case else case["expect"] for _, case in CASES)
    negative = sum(count for word, count in words.items() if word not in ("ok", "either"))
    assert len(CASES) >= 120
    assert negative >= len(CASES) * 2 / 3
    assert set(words) >= CODES


def test_ids_are_unique_over_all_files() -> None:
    """The id of a vector is unique over all files."""
    assert len({case["id"] for _, case in CASES}) == len(CASES)


def test_the_vectors_own_secrets_are_published() -> None:
    """Every ring of the token vectors is refused where keys are used."""
    for name, document in FILES["tokens"]["rings"].items():
        ring = KeyRing.from_jwks(document)
        if any(key.secret for key in ring):
            with pytest.raises(ValueError, match="published example"):
                check_unpublished(ring)
        assert name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a copy of the vector files, to be damaged."""
    for name in WORDS:
        (tmp_path / f"{name}.json").write_bytes((VECTORS / f"{name}.json").read_bytes())
    return tmp_path


def rewrite(folder: Path, file: str, **members: Any) -> None:
    """Replace members of a vector file."""
    content = json.loads((folder / f"{file}.json").read_bytes())
    (folder / f"{file}.json").write_text(json.dumps(content | members))


def test_damaged_files_are_told(folder: Path) -> None:
    """A wrong count, a word outside the list, another format or no file end the run."""
    assert sum(outcome.complaint is None for outcome in run(folder)) == len(CASES)
    for members, reason in (
        ({"count": 1}, "count"),
        ({"format": "tokensession/v2"}, "format"),
        ({"name": "tokens"}, "not the file"),
        ({"cases": [{"id": "a", "expect": "fine"}], "count": 1}, "unknown words"),
        ({"cases": [{"id": "a", "expect": "ok", "acceptable": ["x"]}], "count": 1}, "unknown"),
        ({"cases": 7}, "TypeError"),
    ):
        rewrite(folder, "derivation", **FILES["derivation"])
        rewrite(folder, "derivation", **members)
        with pytest.raises(VectorError, match=reason):
            list(run(folder))
    (folder / "derivation.json").write_text("{")
    with pytest.raises(VectorError, match="JSON"):
        list(run(folder))
    (folder / "derivation.json").unlink()
    with pytest.raises(VectorError, match="is not in"):
        list(run(folder))


def test_every_expected_value_counts() -> None:
    """A case whose expectation is spoilt in any place fails, so that no comparison is idle."""
    for name, case in CASES:
        for spoilt in spoil(case):
            assert run_case(name, spoilt, FILES[name]).complaint is not None, spoilt


OTHER_CLAIMS = {"sid": "ff" * 16, "iat": 1, "ttl": 77, "age": 77, "sub": "?", "cap": 77}
OTHER_CLAIMS |= {"signers": ["?"], "auth": 77}
OTHER_HERITAGE = {"signs": "?", "start": 1, "signers": ["?"], "auth": 77}
OTHER_KEY = {"kid": "?", "algorithm": "HS256", "can_mint": True}


def test_a_case_that_is_wrongly_accepted_fails() -> None:
    """A case that expects a refusal, and so shows no values, fails when it is accepted."""
    values = {"claims", "layers", "kids", "sig_key", "enc_key", "msgpack", "packed", "result"}
    values |= {"signers", "auth"}
    for name, case in CASES:
        refusals = WORDS[name] - {"ok"}
        if case["expect"] == "ok" and "acceptable" not in case and refusals:
            refused = {key: item for key, item in case.items() if key not in values}
            outcome = run_case(name, refused | {"expect": min(refusals)}, FILES[name])
            assert outcome.complaint == f"gave ok, expected {min(refusals)}"


def spoil(case: dict[str, Any]) -> list[dict[str, Any]]:
    """Return copies of a case that expect something else."""
    if "acceptable" in case:
        return []
    sessions = case.get("after", [])
    other = {"ok": "revoked", "revoked": "ok"}
    wrong = [
        case | {"after": [*sessions[:at], one | {"word": other[one["word"]]}, *sessions[at + 1 :]]}
        for at, one in enumerate(sessions)
    ]
    if case["expect"] != "ok":
        return [*wrong, case | {"expect": "ok"}]
    wrong += [case | {"expect": "config_error"}]
    wrong += [case | {"result": 77} for _ in range("result" in case)]
    if "claims" in case:
        others = OTHER_CLAIMS | ({} if "fields" in case else {"state": [{"$float": "0.125"}]})
        wrong += [case | {"claims": case["claims"] | {name: others[name]}} for name in others]
    if "verb" in case:
        wrong += [case | {name: other} for name, other in OTHER_HERITAGE.items()]
    layers = case.get("layers", {})
    wrong += [case | {"layers": layers | {name: "00"}} for name in layers]
    wrong += [
        case | {name: "00"}
        for name in ("sig_key", "enc_key", "msgpack", "sha256", "packed", "sid", "dies_at")
        if name in case
    ]
    if "kids" in case:
        wrong.append(case | {"kids": [*case["kids"], OTHER_KEY]})
    for moment in case.get("times", ())[:1]:
        wrong += [case | {"times": [moment | {"active": "?"}]}]
        wrong += [case | {"times": [moment | {"states": {}}]}]
    return wrong


def test_tagged_json() -> None:
    """Each tag stands for its value; the sign of zero and the type of a number count."""
    assert str(value({"$float": "-0.0"})) == "-0.0"
    assert value([{"$bin": "00ff"}, {"$int": "9007199254740992"}]) == [b"\x00\xff", 2**53]
    assert value({"$map": [[1, {"$utf16": "0061d800"}]]}) == {1: "a\ud800"}
    assert value({"$timestamp": [1, 500_000_000]}).isoformat() == "1970-01-01T00:00:01.500000+00:00"
    assert value({"plain": {"x": 1}}) == {"plain": {"x": 1}}


def test_schemas_are_generated_from_the_same_words() -> None:
    """The words of the schemas are those that the runner knows."""
    for name, words in WORDS.items():
        text = (VECTORS / "schema" / f"{name}.schema.json").read_text()
        for word in words:
            assert f'"{word}"' in text, (name, word)
