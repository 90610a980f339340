"""Whether the time of a refusal tells where a signature differs from the right one.

Usage: `python -m tests.attacks.timing [--pairs 200000]`

Refusals of two kinds, a signature wrong in its first character and one wrong in its last, are
timed in random order and compared by Welch's t-test, with the slowest tenth of each left out, as
dudect does it (Reparaz, Balasch, Verbauwhede 2017). As a control the same is done with a comparison
that stops at the first difference, which must show. Exit code 1 when the library shows a difference
(|t| above 4.5, twice in two runs), or the control none.
"""

from __future__ import annotations

import argparse
import secrets
import statistics
import sys
from time import perf_counter_ns
from typing import TYPE_CHECKING

from tokensession import BadSignature, KeyRing, SessionCodec

if TYPE_CHECKING:
    from collections.abc import Callable

    Refusal = Callable[[str], object]

NOTICEABLE = 4.5
KEPT = 0.9


def welch(refuse: Refusal, early: str, late: str, pairs: int) -> float:
    """Return t of the times of two refusals."""
    times: dict[str, list[int]] = {early: [], late: []}
    for byte in secrets.token_bytes(pairs):
        for token in (early, late) if byte & 1 else (late, early):
            began = perf_counter_ns()
            refuse(token)
            times[token].append(perf_counter_ns() - began)
    kept = [sorted(found)[: int(pairs * KEPT)] for found in times.values()]
    means = [statistics.fmean(found) for found in kept]
    variances = [statistics.variance(found) / len(found) for found in kept]
    return float((means[0] - means[1]) / sum(variances) ** 0.5)


def changed(token: str, at: int) -> str:
    """Return a token with another character, which is canonical at either end of a signature."""
    return token[:at] + ("E" if token[at] != "E" else "I") + token[at:][1:]


def library(codec: SessionCodec[object]) -> Refusal:
    """Return how the library refuses."""

    def refuse(token: str) -> None:
        try:
            codec.decode(token, now=0)
        except BadSignature:
            return
        raise AssertionError("a changed signature must not verify")

    return refuse


def control(right: str) -> Refusal:
    """Return a comparison that stops at the first difference."""

    def refuse(token: str) -> bool:
        return all(one == other for one, other in zip(right, token, strict=True))

    return refuse


def main() -> int:
    """Compare; 1 when the library shows what it must not, or the control nothing."""
    parser = argparse.ArgumentParser(description="Time refusals by where the signature differs.")
    parser.add_argument("--pairs", type=int, default=200_000)
    pairs = parser.parse_args().pairs
    codec: SessionCodec[object] = SessionCodec(KeyRing.generate())
    token = codec.encode({"user_id": 42}, now=0)
    early, late = changed(token, token.rindex(".") + 1), changed(token, len(token) - 1)
    shown = welch(control(token), early, late, pairs // 10)
    found = [welch(library(codec), early, late, pairs) for _ in range(2)]
    texts = ", ".join(f"{t:.2f}" for t in found)
    sys.stdout.write(
        f"{pairs} pairs: t = {texts}; a comparison that stops early: t = {shown:.2f}\n"
    )
    leaks = min(map(abs, found)) > NOTICEABLE
    return 1 if leaks or abs(shown) <= NOTICEABLE else 0


if __name__ == "__main__":
    sys.exit(main())
