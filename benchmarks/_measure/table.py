"""A table, as Markdown that is also readable as it stands."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Table:
    """Rows of text under a heading; the first column is aligned left, the others right.

    Attributes:
        columns: Their names.
        rows: The cells.
    """

    columns: list[str]
    rows: list[list[str]] = field(default_factory=list)

    def add(self, *cells: str) -> None:
        """Append a row."""
        self.rows.append(list(cells))

    def __str__(self) -> str:
        """Show the table."""
        lines = [self.columns, *self.rows]
        widths = [max(3, *map(len, column)) for column in zip(*lines, strict=True)]
        rule = [_dashes(index, width) for index, width in enumerate(widths)]
        return "\n".join(_line(line, widths) for line in [self.columns, rule, *self.rows])


def _dashes(index: int, width: int) -> str:
    return "-" * width if index == 0 else "-" * (width - 1) + ":"


def _line(cells: list[str], widths: list[int]) -> str:
    first, *others = zip(cells, widths, strict=True)
    padded = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
    return "| " + " | ".join(padded) + " |"
