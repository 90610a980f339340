"""The charts of the benchmarks say what the tables say."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def measure(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import what a program of the benchmarks imports."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


def texts(svg: str) -> list[str]:
    """Return the words of a chart."""
    return [node.text or "" for node in ET.fromstring(svg).iter(f"{SVG}text")]  # noqa: S314  # ours


def test_the_charts_are_those_of_the_tables(measure: Any, tmp_path: Path) -> None:
    """The charts are those of the tables, and the README shows each."""
    readme = (BENCHMARKS / "README.md").read_text()
    drawn = measure("_measure.charts").draw(readme, tmp_path)
    kept = sorted((BENCHMARKS / "charts").glob("*.svg"))
    assert [path.name for path in kept] == sorted(path.name for path in drawn)
    for path in kept:
        assert path.read_text() == (tmp_path / path.name).read_text()
        assert f"(charts/{path.name})" in readme


def test_bars_are_as_long_as_their_values(measure: Any) -> None:
    """Bars are in proportion, with names escaped, ours darker, and quartiles if there are any."""
    module = measure("_measure.chart")
    bars = [
        module.Bar("a & b", 10.0, 8.0, 12.5, own=True),
        module.Bar("c", 5.0, 5.0, 5.0, own=False),
    ]
    svg = module.chart("A <title>", "microseconds", bars)
    assert {"A <title>", "microseconds", "a & b", "c", "10", "5"} <= set(texts(svg))
    _, first, second = ET.fromstring(svg).iter(f"{SVG}rect")  # noqa: S314  # ours
    assert float(first.get("width", 0)) == pytest.approx(
        2 * float(second.get("width", 0)), rel=0.01
    )
    assert first.get("fill") != second.get("fill")


def test_a_difference_below_zero_is_drawn_as_none(measure: Any) -> None:
    """Noise can make an addition negative: its row stays, with its figure and no bar."""
    (bar,) = measure("_measure.charts")._bar("read", "-2.50 (-9.00 to 4.00)", own=True)
    svg = measure("_measure.chart").chart("t", "u", [bar])
    _, block = ET.fromstring(svg).iter(f"{SVG}rect")  # noqa: S314  # ours
    assert float(block.get("width", 1)) == 0
    assert "-2.50" in texts(svg)


@pytest.mark.parametrize("longest", [0.0, 0.004, 1.0, 7.3, 999.0, 123_456.0])
def test_ticks_are_few_and_within(measure: Any, longest: float) -> None:
    """The axis reaches from zero to the longest bar, of any length."""
    ticks = measure("_measure.chart")._ticks(longest)
    assert ticks[0] == 0
    assert len(ticks) <= 7
    assert all(tick <= longest for tick in ticks)
    assert longest == 0 or len(ticks) >= 2


def test_every_report_has_its_chart(measure: Any, tmp_path: Path) -> None:
    """Each report whose section has a table has a chart."""
    section = """A replica's copy: its memory.

| entries | decode, us | check, us | check / decode |
|---|---|---|---|
| 1,000,000 | 9.12 | 0.55 | 0.06 (0.05 to 0.07) |

Asking the store each time, in microseconds.

| store | round trip | lookup |
|---|---|---|
| Valkey | 80 | 176 |"""
    load = """Milliseconds meanwhile, for the users:

| server | request | number | 50 % | 90 % | 99 % |
|---|---|---|---|---|---|
| uvicorn | no session | 1,934 | 4.9 | 5.6 | 7.9 |"""
    readme = "".join(
        f"<!-- {name} -->\n{text}\n<!-- {name} -->\n"
        for name, text in (("revocation", section), ("load", load))
    )
    drawn = {path.stem: path for path in measure("_measure.charts").draw(readme, tmp_path)}
    assert set(drawn) == {"revocation", "load"}
    words = texts(drawn["revocation"].read_text())
    assert {"9.12", "0.55", "Valkey: a lookup", "176"} <= set(words)
    assert "uvicorn: no session" in texts(drawn["load"].read_text())


def test_every_program_is_rerun_by_one_command() -> None:
    """No benchmark is left out of it."""
    text = (BENCHMARKS / "all.py").read_text()
    for path in BENCHMARKS.glob("*.py"):
        assert path.name == "all.py" or re.search(rf'"benchmarks/{path.name}"', text)
