# ruff: noqa: INP001 - a program beside the implementations that it compares
"""Puts random cases to Python, Node and Go, and reports where they disagree.

Usage: `python interop/differential.py [--cases 1000000] [--seed 1] [--first 0]`

A case is made from the seed and its number alone, so `--first N --cases 1` replays one. They
disagree when their words differ (but for the choices that SPEC section 3 leaves to readers), when
their values differ, or when their word is not the one that an independent look at the claims
expects. Exit code 1 when there is any disagreement. An interrupt ends it after the current batch.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

from _fuzz import cases, peers
from _fuzz.core import judge
from _fuzz.documents import document
from _fuzz.writing import writing

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
BATCH = 400
SHOWN = 20
READ_ON = ("ok", "not_yet_valid", "expired", "revoked", "bad_state")
RINGS = {
    name: json.dumps(ring)
    for name, ring in json.loads((VECTORS / "tokens.json").read_bytes())["rings"].items()
}


def originals() -> list[dict[str, Any]]:
    """Return the key documents of the vectors, to be changed at random."""
    found = [json.loads(ring) for ring in RINGS.values()] * 4
    for name in ("keys", "states"):
        for case in json.loads((VECTORS / f"{name}.json").read_bytes())["cases"]:
            if isinstance(case.get("document"), dict):
                found += [case["document"]] * (5 if case["expect"] == "ok" else 1)
    return found


class Cases:
    """All cases of a seed."""

    def __init__(self, seed: int, python: peers.Python) -> None:
        self._seed = seed
        self._ring = python.rings["main"]
        self._originals = originals()

    def __getitem__(self, number: int) -> peers.Question:
        """Return one case by its number."""
        rng = Random(self._seed << 40 | number)
        pick = rng.random()
        if pick < 0.3:
            return {"kind": "claims", "plaintext": cases.plaintext(rng).hex()}
        if pick < 0.6:
            return cases.token(rng, self._ring)
        if pick < 0.85:
            return document(rng, self._originals)
        return writing(rng, self._ring)


def complaint(  # noqa: PLR0911  # one line for each complaint
    question: peers.Question, python: tuple[str, str], node: str, go: str
) -> str | None:
    """Return what is wrong with the answers to a question, or None."""
    untyped, typed = python
    words = {text.split(" ")[0] for text in (untyped, node, *([] if go == "skip" else [go]))}
    kind = question["kind"]
    expected, comparable = "", True
    if kind in ("claims", "token") and words & {"bad_claims", *READ_ON}:
        expected, comparable = judge(bytes.fromhex(question["plaintext"]))
    if len(words) > 1:
        if kind == "keys" and _holds_damaged_der(question["text"]):
            return None
        # The choice is a reader's; later steps come only to those that read on.
        if expected == "either" and any(words == {"bad_claims", later} for later in READ_ON):
            return None
        return f"python {untyped}, node {node}, go {go}"
    (word,) = words
    if kind == "claims" and expected not in ("either", word):
        return f"all say {word}, but the plaintext is {expected}"
    if kind == "token" and word == "ok" and expected == "bad_claims":
        return "all take a token whose claims are not well-formed"
    if (comparable or word != "ok") and (untyped != node or typed != go):
        return f"other values: python {untyped} {typed}, node {node}, go {go}"
    return None


def _holds_damaged_der(text: str) -> bool:
    """Tell whether a k begins as DER does: libraries differ in what damage they overlook.

    Those of the vectors: PKCS #8 and SubjectPublicKeyInfo of Ed25519, and SEC 1 of P-256.
    """
    return any(f'"{beginning}' in text for beginning in ("MC4CAQ", "MCowBQ", "MDECAQ"))


def _batch(made: Cases, start: int, end: int) -> list[peers.Question]:
    return [made[number] for number in range(start, min(start + BATCH, end))]


def main() -> int:
    """Compare; 1 when there is any disagreement."""
    parser = argparse.ArgumentParser(description="Compare Python, Node and Go on random cases.")
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    options = parser.parse_args()
    counts: Counter[str] = Counter()
    disagreements = 0
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        node, go = (
            stack.enter_context(peer) for peer in (peers.node(), peers.go(folder / "answer"))
        )
        python = peers.Python(RINGS)
        for peer in (node, go):
            peer.ask(
                [
                    peers.line({"kind": "ring", "name": name, "text": text})
                    for name, text in RINGS.items()
                ]
            )
            assert peer.answers(len(RINGS)) == ["ok"] * len(RINGS)
        made = Cases(options.seed, python)
        end = options.first + options.cases
        interrupted: list[int] = []
        signal.signal(signal.SIGINT, lambda number, _: interrupted.append(number))
        questions = _batch(made, options.first, end)
        for start in range(options.first, end, BATCH):
            if interrupted:
                break
            numbers = range(start, min(start + BATCH, end))
            lines = [peers.line(question) for question in questions]
            node.ask(lines)
            go.ask(lines)
            ours = [python.answer(question) for question in questions]
            following = _batch(made, start + BATCH, end)  # made while the peers are at work
            theirs = zip(node.answers(len(lines)), go.answers(len(lines)), strict=True)
            for number, question, answer, other in zip(
                numbers, questions, ours, theirs, strict=True
            ):
                counts[f"{question['kind']} {answer[0].split(' ')[0]}"] += 1
                wrong = complaint(question, answer, *other)
                if wrong is not None:
                    disagreements += 1
                    if disagreements <= SHOWN:
                        sys.stdout.write(f"case {number}: {wrong}\n  {json.dumps(question)}\n")
            questions = following
    for name, count in sorted(counts.items()):
        sys.stdout.write(f"{name:30} {count:9}\n")
    sys.stdout.write(
        f"seed {options.seed}: {sum(counts.values())} cases, {disagreements} disagreements\n"
    )
    return 1 if disagreements else 0


if __name__ == "__main__":
    sys.exit(main())
