"""What the command line prints: tables, bars and progress. Plain text; rich only for progress.

Text from a portal is shown with its control characters replaced, so that no dataset can send
commands to a terminal.
"""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from explore_async.models import Facet, Progress

__all__ = ["bars", "progress_bar", "table"]

_CELL_WIDTH = 32
_BAR_WIDTH = 30


def table(rows: Sequence[Mapping[str, object]], *, cell_width: int = _CELL_WIDTH) -> str:
    """Lay rows out in columns, numbers to the right; `(no rows)` for none."""
    if not rows:
        return "(no rows)"
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = [[_cell(row.get(name), cell_width) for row in rows] for name in names]
    heads = [_cell(name, cell_width) for name in names]
    widths = [max(map(len, [head, *column])) for head, column in zip(heads, columns, strict=True)]
    right = [all(_is_number(row.get(name)) for row in rows) for name in names]
    lines = [heads, ["-" * width for width in widths], *zip(*columns, strict=True)]
    return "\n".join(_line(line, widths, right) for line in lines)


def bars(facet: Facet, *, limit: int = 8) -> str:
    """Draw the most frequent values of a facet as bars, scaled to the largest count."""
    values = sorted(facet.values, key=lambda value: -(value.count or 0))[:limit]
    if not values:
        return "(no values)"
    counts = [value.count or 0 for value in values]
    names = [_cell(value.name, _CELL_WIDTH) for value in values]
    width, digits = max(map(len, names)), max(len(f"{count:,}") for count in counts)
    lines = [
        f"{name:<{width}}  {count:>{digits},}  {_bar(count / (max(counts) or 1))}"
        for name, count in zip(names, counts, strict=True)
    ]
    hidden = len(facet.values) - len(values)
    return "\n".join([*lines, f"... and {hidden} more"] if hidden else lines)


@contextmanager
def progress_bar(label: str, total: int) -> Iterator[Callable[[Progress], None]]:
    """Show progress in rows on standard error while the block runs; yields what to call."""
    try:
        from rich.console import Console
        from rich.progress import Progress as Bar
    except ImportError:
        yield _plain_progress(label, total)
        sys.stderr.write("\n")
        return
    with Bar(console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=total)
        yield lambda progress: bar.update(task, completed=progress.rows or 0)


def _plain_progress(label: str, total: int) -> Callable[[Progress], None]:
    """Write a line that overwrites itself; all there is without the `progress` extra."""

    def show(progress: Progress) -> None:
        sys.stderr.write(f"\r{label}: {progress.rows or 0:,} of {total:,} rows")
        sys.stderr.flush()

    return show


def _line(cells: Iterable[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = (
        cell.rjust(width) if to_the_right else cell.ljust(width)
        for cell, width, to_the_right in zip(cells, widths, right, strict=True)
    )
    return "  ".join(padded).rstrip()


def _cell(value: object, width: int) -> str:
    text = _text(value)
    text = "".join(one if one.isprintable() else " " for one in text)
    return text if len(text) <= width else text[: width - 1] + "…"


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    return json.dumps(value, ensure_ascii=False)


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _bar(share: float) -> str:
    return "█" * max(1, round(share * _BAR_WIDTH)) if share else ""
