"""SPEC.md agrees with the vectors and the code."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from tokensession.format import claims, core_values
from tokensession.keys import jwk, material, schedule
from tokensession.revocation import decision
from tokensession.sessions import listing, policy
from tokensession.tokens import limits, sealing
from tokensession.tools.vectors.files import CODES, WORDS, load

ROOT = Path(__file__).parents[2]
SPEC = (ROOT / "SPEC.md").read_text()
FILES = {name: load(ROOT / "vectors", name) for name in WORDS}


def section(number: int) -> str:
    """Return the text of one section."""
    return SPEC.split(f"\n## {number}. ")[1].split("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    """Return the cells of the tables in a text."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_it_can_be_read_at_a_sitting() -> None:
    """At most 400 lines of at most 120 columns."""
    lines = SPEC.splitlines()
    assert len(lines) <= 400
    assert [line for line in lines if len(line) > 120] == []


def test_every_rule_has_its_vectors_and_every_vector_its_rule() -> None:
    """The table lists, rule by rule and file by file, exactly the cases that are there."""
    listed = {}
    for row in rows(section(12))[1:]:
        for rule, counts in ((row[0], row[2]), (row[3], row[5])):
            for entry in filter(None, counts.split(", ")):
                name, count = entry.split(" ")
                listed[rule, name] = int(count)
    found = Counter((case["rule"], name) for name in WORDS for case in FILES[name]["cases"])
    assert listed == found


def test_codes() -> None:
    """The table of steps names each code of the closed list, and no other."""
    assert set(re.findall(r"`([a-z_]+)`", "".join(map(str, rows(section(5)))))) == CODES


def test_the_listed_id() -> None:
    """Section 13 gives the one of a session id."""
    (name,) = re.findall(r"that of 000102\.\.0f is `([0-9a-f]{32})`", section(13))
    assert listing.listed_id(bytes(range(16))).hex() == name


def test_worked_examples() -> None:
    """Every value of section 9 is that of the vectors."""
    text = re.sub(r"\n +", "", section(9))
    cases = {case["id"]: case for case in FILES["tokens"]["cases"]}
    both = text.split("\nHS256\n")[1].split("\nEd25519\n")
    for values, name in zip(both, ("tokens/worked", "tokens/worked-ed25519"), strict=True):
        shown = dict(re.findall(r"^(\w+) +(\S+)$", values, re.MULTILINE))
        layers = cases[name]["layers"]
        assert shown.pop("token") == cases[name]["token"]
        assert shown.pop("encKey") == layers["enc_key"]
        assert shown.pop("sigKey", None) == layers.get("sig_key")
        assert shown.pop("x", None) == layers.get("public_key")
        assert set(shown) == {"header", "payload", "signature"}
        assert all(layers[layer] == text for layer, text in shown.items())
        assert f"claims     {layers['plaintext']}" in section(9)


def test_limits() -> None:
    """The numbers of the text are those of the code."""
    assert limits.MAX_TOKEN == 8192
    assert limits.MIN_PAYLOAD == 38
    assert sealing.TOKENS_PER_SALT == 4096
    assert sealing.SECONDS_PER_SALT == 15 * 60
    assert sealing.MAX_CONTEXT_BYTES == 255
    assert core_values.MAX_DEPTH == 32
    assert core_values.MAX_INT == 2**53 - 1
    assert claims.MAX_SECONDS == 2**32 - 1
    assert claims.MAX_SIGNERS == 15
    assert (material.SECRET_BYTES, material.MAX_SECRET_BYTES) == (32, 64)
    assert material.MIN_DISTINCT_BYTES == 12
    assert schedule.DEFAULT_PROPAGATION == 900
    assert policy.Policy().leeway == 60
    assert (decision.CLOCK_SKEW, decision.MIN_LEEWAY) == (5, 20)
    assert jwk.generate_key(kid="a" * 32).kid == "a" * 32
