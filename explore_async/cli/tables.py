"""Rows as a table that fits the terminal, or expanded to one field per line.

A table that is too wide is made to fit in this order: long cells are cut; columns without any value
and columns of objects are left out; then columns from the right are. What is left out is named.
"""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from typing import TYPE_CHECKING, Any

from attrs import frozen

from explore_async.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "Table", "as_json", "as_text", "cut", "expanded", "padded", "printable", "table",
    "terminal_width", "width_of",
]  # fmt: skip

_CELL_WIDTH = 32
_NARROW = 10
"""Columns are cut to this width before one of them is left out."""
_GAP = 2


def printable(text: str) -> str:
    """Replace each unprintable character with a space, except line breaks.

    So no text of a portal can send commands to a terminal.
    """
    return "".join(one if one.isprintable() or one == "\n" else " " for one in text)


def terminal_width() -> int | None:
    """Return the width of standard output in columns; None if it is not a terminal.

    The variable COLUMNS counts first, as in other programs.
    """
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        return int(columns)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or None
    except (OSError, ValueError, AttributeError):
        return None


@frozen
class Table:
    """A table as text, and the names of the columns that did not fit."""

    text: str
    omitted: tuple[str, ...] = ()

    def note(self, width: int) -> str | None:
        """Return a line of this width that says what is left out; None if nothing is."""
        if not self.omitted:
            return None
        count = len(self.omitted)
        columns = "1 column does" if count == 1 else f"{count} columns do"
        remedy = " (--expanded shows all)"
        room = max(width - len(columns) - len(" not fit: ") - len(remedy), 1)
        return f"{columns} not fit: {cut(', '.join(self.omitted), room)}{remedy}"


def table(
    rows: Sequence[Mapping[str, object]],
    *,
    width: int | None = None,
    cell_width: int = _CELL_WIDTH,
) -> Table:
    """Format rows as a table with numbers aligned right; `(no rows)` if there are none.

    Chinese, Japanese and Korean characters take two columns each.

    Args:
        rows: the rows; the columns are their keys, in the order of their first appearance.
        width: the width to fit, in terminal columns; None for any.
        cell_width: longer cells are cut to this width if the table may have any.
    """
    if not rows:
        return Table("(no rows)")
    names = list(dict.fromkeys(name for row in rows for name in row))
    natural = {name: _natural(name, rows, width or cell_width) for name in names}
    kept = names if width is None else _chosen(names, natural, rows, width)
    widths = _fitted(kept, natural, width)
    lines = [
        [cut(name, widths[name]) for name in kept],
        ["-" * widths[name] for name in kept],
        *([cut(as_text(row.get(name)), widths[name]) for name in kept] for row in rows),
    ]
    right = [all(_is_number(row.get(name)) for row in rows) for name in kept]
    text = "\n".join(_line(line, [widths[name] for name in kept], right) for line in lines)
    return Table(text, tuple(name for name in names if name not in widths))


def expanded(rows: Iterable[Mapping[str, object]], *, start: int = 1) -> str:
    """Format rows with one field per line, values in full."""
    return "\n".join(_record(number, row) for number, row in enumerate(rows, start))


def _record(number: int, row: Mapping[str, object]) -> str:
    names = {name: printable(name).replace("\n", " ") for name in row}
    width = max(map(width_of, names.values()), default=0)
    lines = [f"-[ {number} ]".ljust(width + _GAP + 12, "-")]
    for name, shown in names.items():
        value = printable(as_text(row[name])).replace("\n", " ")
        lines.append(f"{padded(shown, width)}  {value}".rstrip())
    return "\n".join(lines)


def _natural(name: str, rows: Sequence[Mapping[str, object]], most: int) -> int:
    """Return the width of a column in which only cells wider than `most` are cut."""
    cells = [name, *(as_text(row.get(name)) for row in rows)]
    return max(width_of(cut(cell, most)) for cell in cells)


def _chosen(
    names: list[str],
    natural: Mapping[str, int],
    rows: Sequence[Mapping[str, object]],
    width: int,
) -> list[str]:
    """Return the columns that fit when they are narrow, in their order; at least one."""
    if sum(natural.values()) + _GAP * (len(names) - 1) <= width:
        return names
    filled = [name for name in names if any(row.get(name) is not None for row in rows)]
    chosen: list[str] = []
    room = width + _GAP
    # Columns of objects come last; otherwise the order is kept.
    for name in sorted(filled or names, key=lambda one: _has_objects(one, rows)):
        room -= min(natural[name], _NARROW) + _GAP
        if room < 0 and chosen:
            break
        chosen.append(name)
    return [name for name in names if name in chosen]


def _has_objects(name: str, rows: Sequence[Mapping[str, object]]) -> bool:
    return any(isinstance(row.get(name), dict) for row in rows)


def _fitted(names: list[str], natural: Mapping[str, int], width: int | None) -> dict[str, int]:
    """Return the width of each column: the widest are narrowed until all fit."""
    widths = {name: natural[name] for name in names}
    if width is None:
        return widths
    room = width - _GAP * (len(names) - 1)
    # From the narrowest: each takes what it needs, up to an equal share of what is left.
    for place, name in enumerate(sorted(names, key=natural.__getitem__)):
        widths[name] = max(1, min(natural[name], room // (len(names) - place)))
        room -= widths[name]
    return widths


def _line(cells: Iterable[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    joined = (
        padded(cell, width, right=to_the_right)
        for cell, width, to_the_right in zip(cells, widths, right, strict=True)
    )
    return "  ".join(joined).rstrip()


def padded(text: str, width: int, *, right: bool = False) -> str:
    """Fill a text with spaces to a width in terminal columns."""
    space = " " * (width - width_of(text))
    return space + text if right else text + space


def cut(text: str, width: int) -> str:
    """Return a text on one line, cut to a width in terminal columns."""
    # Only the start of a long text can be visible: four characters per column allow for marks.
    text = _one_line(text[: 4 * width + 4])
    if width_of(text) <= width:
        return text
    kept, room = 0, width - 1
    for one in text:
        room -= _columns(one)
        if room < 0:
            break
        kept += 1
    return text[:kept] + "…"


def _one_line(text: str) -> str:
    return printable(text).replace("\n", " ")


def width_of(text: str) -> int:
    """Return the number of terminal columns that a text takes."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):  # marks on the character before
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def as_text(value: Any) -> str:
    """Return a value as the text of a cell: nothing for null, JSON for objects."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    return as_json(value)


def as_json(value: object) -> str:
    """Return a value as JSON.

    Raises:
        DecodeError: it is nested too deeply.
    """
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError as error:
        raise DecodeError("A value is nested too deeply to be printed.") from error


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
