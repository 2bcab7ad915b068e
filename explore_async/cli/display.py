"""The output of the command line: tables and bars in plain text, and progress with rich.

Control characters in text from a portal are replaced, so that no dataset can send commands to a
terminal.
"""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
import orjson

from explore_async.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from explore_async.models import Facet, Progress, Row

__all__ = ["FACET_VALUES", "bars", "print_rows", "printable", "progress_bar", "table"]

FACET_VALUES = 100
"""How many values a portal lists per facet by default."""
_CELL_WIDTH = 32
_BAR_WIDTH = 30
_HIDDEN_CONTROLS = re.compile("[\x7f-\x9f]")


def printable(text: str) -> str:
    """Replace each unprintable character with a space, except line breaks."""
    return "".join(one if one.isprintable() or one == "\n" else " " for one in text)


def table(rows: Sequence[Mapping[str, object]], *, cell_width: int = _CELL_WIDTH) -> str:
    """Format rows as a table with numbers aligned right; `(no rows)` if there are none.

    Longer cells are cut to `cell_width` terminal columns. Chinese, Japanese and Korean characters
    take two columns each.
    """
    if not rows:
        return "(no rows)"
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = [[_cell(row.get(name), cell_width) for row in rows] for name in names]
    heads = [_cell(name, cell_width) for name in names]
    widths = [
        max(map(_width, [head, *column])) for head, column in zip(heads, columns, strict=True)
    ]
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
    width, digits = max(map(_width, names)), max(len(f"{count:,}") for count in counts)
    lines = [
        f"{_padded(name, width)}  {count:>{digits},}  {_bar(count / (max(counts) or 1))}"
        for name, count in zip(names, counts, strict=True)
    ]
    hidden = len(facet.values) - len(values)
    if len(facet.values) == FACET_VALUES:
        more = f"at least {hidden} more" if hidden else "possibly more"
        lines.append(f"... and {more}; a portal lists {FACET_VALUES} values by default")
    elif hidden:
        lines.append(f"... and {hidden} more")
    return "\n".join(lines)


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[Progress], None]]:
    """Show progress on standard error while the block runs; yield the function to call.

    Nothing is shown before the first call, so that an error before it is the only output.
    """
    try:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar
    except ImportError:
        with _plain_progress(label) as show:
            yield show
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[done]}"))
    bar = Bar(*columns, console=Console(stderr=True))
    task = bar.add_task(label, total=None, done="")

    def show_bar(progress: Progress) -> None:
        bar.start()  # does nothing if already started
        bar.update(task, total=progress.expected, completed=progress.rows, done=_done(progress))

    try:
        yield show_bar
    finally:
        if bar.live.is_started:
            bar.stop()


@contextmanager
def _plain_progress(label: str) -> Iterator[Callable[[Progress], None]]:
    """Show progress on one line that overwrites itself; used without the `progress` extra.

    If standard error is not a terminal, only the last state is written, as rich does.
    """
    last = ""

    def show(progress: Progress) -> None:
        nonlocal last
        last = f"{label}: {_done(progress)}"
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{last}")
            sys.stderr.flush()

    try:
        yield show
    finally:
        if last:
            sys.stderr.write("\n" if sys.stderr.isatty() else f"{last}\n")


def _done(progress: Progress) -> str:
    if progress.rows is None:
        return f"{progress.bytes:,} bytes"
    of = "" if progress.expected is None else f" of {progress.expected:,}"
    return f"{progress.rows:,}{of} rows, {progress.bytes:,} bytes"


def _line(cells: Iterable[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = (
        _padded(cell, width, right=to_the_right)
        for cell, width, to_the_right in zip(cells, widths, right, strict=True)
    )
    return "  ".join(padded).rstrip()


def _padded(text: str, width: int, *, right: bool = False) -> str:
    space = " " * (width - _width(text))
    return space + text if right else text + space


def _cell(value: object, width: int) -> str:
    # Only the start of a long text can be visible: four characters per column allow for marks.
    text = printable(_text(value)[: 4 * width]).replace("\n", " ")
    if _width(text) <= width:
        return text
    kept, room = 0, width - 1
    for one in text:
        room -= _columns(one)
        if room < 0:
            break
        kept += 1
    return text[:kept] + "…"


def _width(text: str) -> int:
    """Return the number of terminal columns that a text takes."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):  # marks on the character before
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    return _json(value)


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _bar(share: float) -> str:
    if not share:
        return ""
    return _block() * max(1, round(share * _BAR_WIDTH))


def _block() -> str:
    """Return the character for bars: a block, or `#` if the encoding has no block."""
    try:
        "█".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return "#"
    return "█"


def print_rows(rows: Iterable[Row], layout: str) -> None:
    """Print rows as a `table` or as `jsonl`."""
    if layout == "table":
        click.echo(table(list(rows)))
        return
    for row in rows:
        # Bytes, because JSON Lines is always UTF-8, unlike the terminal.
        click.echo(_HIDDEN_CONTROLS.sub(_escaped, _json_line(row)).encode())


def _json_line(row: Row) -> str:
    try:
        return orjson.dumps(row).decode()
    except TypeError:  # nested more deeply than orjson writes
        return _json(row)


def _json(value: object) -> str:
    """Return a value as JSON.

    Raises:
        DecodeError: it is nested too deeply.
    """
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError as error:
        raise DecodeError("A value is nested too deeply to be printed.") from error


def _escaped(control: re.Match[str]) -> str:
    """Escape a control character that JSON allows in strings but a terminal would obey."""
    return f"\\u{ord(control[0]):04x}"
