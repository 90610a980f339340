"""A bar chart as SVG, without any library: it is text."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, log10
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH: Final = 820
_LABELS: Final = 330  # pixels for the names at the left
_FIGURES: Final = 130  # pixels for the numbers at the right
_ROW: Final = 24
_TOP: Final = 64
_BOTTOM: Final = 34
_OWN: Final = "#1f5fa8"
_OTHERS: Final = "#a3adb8"
_TEXT: Final = "#1b1f24"
_FAINT: Final = "#5b6570"
_STEPS: Final = (1, 2, 5, 10)
_MOST_TICKS: Final = 6


@dataclass(frozen=True)
class Bar:
    """One bar.

    Attributes:
        label: Its name.
        value: Its length; what is below zero (a difference that noise swallowed) is drawn as zero.
        low: Of the first quartile, or the value itself.
        high: Of the third quartile, or the value itself.
        own: Whether it is this library's, which is drawn darker.
    """

    label: str
    value: float
    low: float
    high: float
    own: bool


def chart(title: str, unit: str, bars: Sequence[Bar]) -> str:
    """Return the chart.

    Args:
        title: Above it.
        unit: What the numbers are, and which are better.
        bars: From top to bottom; at least one.
    """
    longest = max(max(bar.high, bar.value, 0) for bar in bars)
    scale = (WIDTH - _LABELS - _FIGURES) / (longest or 1)
    height = _TOP + _ROW * len(bars) + _BOTTOM
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="sans-serif">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        _text(16, 26, title, size=16),
        _text(16, 46, unit, colour=_FAINT),
    ]
    foot = height - _BOTTOM
    for tick in _ticks(longest):
        x = _LABELS + tick * scale
        lines.append(_line(x, _TOP - 4, x, foot, "#e3e7eb"))
        lines.append(_text(x, foot + 18, f"{tick:g}", colour=_FAINT, anchor="middle"))
    for number, bar in enumerate(bars):
        lines += _bar(bar, _TOP + number * _ROW, scale)
    return "\n".join([*lines, "</svg>", ""])


def _bar(bar: Bar, top: float, scale: float) -> list[str]:
    middle = top + _ROW / 2
    colour = _OWN if bar.own else _OTHERS
    end = _LABELS + max(bar.high, bar.value, 0) * scale
    lines = [
        _text(_LABELS - 10, middle + 4, bar.label, anchor="end"),
        _block(_LABELS, top + 4, max(bar.value, 0) * scale, colour),
        _text(end + 8, middle + 4, f"{bar.value:,.2f}".removesuffix(".00")),
    ]
    if bar.high > bar.low:
        low, high = (_LABELS + max(one, 0) * scale for one in (bar.low, bar.high))
        lines.append(_line(low, middle, high, middle, _TEXT))
        lines += [_line(x, middle - 3, x, middle + 3, _TEXT) for x in (low, high)]
    return lines


def _ticks(longest: float) -> list[float]:
    """Return round numbers from 0 to the longest bar, at most six or so."""
    if longest <= 0:
        return [0]
    magnitude = 10.0 ** floor(log10(longest / _MOST_TICKS))
    step = next(
        magnitude * one for one in _STEPS if longest / (magnitude * one) <= _MOST_TICKS + 1e-9
    )
    return [step * number for number in range(ceil(longest / step)) if step * number <= longest]


def _text(
    x: float, y: float, text: str, *, colour: str = _TEXT, size: int = 13, anchor: str = "start"
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" font-size="{size}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )


def _block(x: float, y: float, width: float, colour: str) -> str:
    size = f'width="{width:.1f}" height="{_ROW - 8}"'
    return f'<rect x="{x:.1f}" y="{y:.1f}" {size} fill="{colour}"/>'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'
