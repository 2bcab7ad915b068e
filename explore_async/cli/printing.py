"""Rows on standard output, in each of the formats that `--format` takes.

Rows are written as they come, except in a table, whose widths depend on all of them. JSON, CSV and
GeoJSON are UTF-8 whatever the terminal's encoding is. Only data goes to standard output: a line
that says what a table leaves out goes to standard error.
"""

from __future__ import annotations

import re
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import click
import orjson
from attrs import define, field

from explore_async.cli.tables import (
    as_json,
    as_text,
    expanded,
    printable,
    table,
    terminal_width,
)
from explore_async.results.csv_lines import csv_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from explore_async.models import Row

__all__ = ["Printer", "print_rows", "printing"]

_HIDDEN_CONTROLS = re.compile("[\x7f-\x9f]")


class Printer(Protocol):
    """Writes rows one by one."""

    def row(self, row: Row) -> None:
        """Write one row."""
        ...

    def end(self) -> None:
        """Write what comes after the last row."""
        ...


@contextmanager
def printing(layout: str, *, spread: bool = False, cell_width: int = 32) -> Iterator[Printer]:
    """Yield a printer; the end of the output is written only if the block completes.

    Args:
        layout: `table`, `jsonl`, `json`, `csv` or `geojson`.
        spread: whether a table is expanded to one field per line.
        cell_width: the width of a cell where the terminal's width is unknown.
    """
    printer = _Expanded() if spread else _PRINTERS[layout]()
    if isinstance(printer, _Table):
        printer.cell_width = cell_width
    yield printer
    printer.end()


def print_rows(
    rows: Iterable[Row], layout: str, *, spread: bool = False, cell_width: int = 32
) -> None:
    """Print rows in a format."""
    with printing(layout, spread=spread, cell_width=cell_width) as printer:
        for row in rows:
            printer.row(row)


@define
class _Table:
    cell_width: int = 32
    _rows: list[Row] = field(factory=list)

    def row(self, row: Row) -> None:
        self._rows.append(row)

    def end(self) -> None:
        width = terminal_width()
        made = table(self._rows, width=width, cell_width=self.cell_width)
        click.echo(made.text)
        if width is not None and (note := made.note(width)) is not None:
            sys.stdout.flush()
            click.echo(note, err=True)


@define
class _Expanded:
    _written: int = 0

    def row(self, row: Row) -> None:
        self._written += 1
        click.echo(expanded([row], start=self._written))

    def end(self) -> None:
        if not self._written:
            click.echo("(no rows)")


@define
class _JsonLines:
    def row(self, row: Row) -> None:
        _write(f"{_json(row)}\n")

    def end(self) -> None:
        pass


@define
class _Json:
    """A JSON array with one row per line."""

    opening: str = "[\n"
    closing: str = "\n]\n"
    empty: str = "[]\n"
    _started: bool = False

    def row(self, row: Row) -> None:
        _write((",\n" if self._started else self.opening) + _json(row))
        self._started = True

    def end(self) -> None:
        _write(self.closing if self._started else self.empty)


@define
class _GeoJson:
    """A FeatureCollection with one feature per line."""

    _array: _Json = field(
        factory=lambda: _Json(
            opening='{"type":"FeatureCollection","features":[\n',
            closing="\n]}\n",
            empty='{"type":"FeatureCollection","features":[]}\n',
        )
    )

    def row(self, row: Row) -> None:
        self._array.row(_feature(row))

    def end(self) -> None:
        self._array.end()


@define
class _Csv:
    """CSV with commas; the columns are the fields of the first row."""

    _names: list[str] | None = None

    def row(self, row: Row) -> None:
        if self._names is None:
            self._names = list(row)
            self._line(self._names)
        if not row.keys() <= set(self._names):
            extra = ", ".join(sorted(row.keys() - set(self._names)))
            msg = f"A row has fields that the first one lacks: {extra}. Use --format jsonl."
            raise click.ClickException(msg)
        self._line(as_text(row.get(name)) for name in self._names)

    def _line(self, cells: Iterable[str]) -> None:
        text = csv_line(cells)
        # A terminal would obey control characters; a file gets them unchanged.
        sys.stdout.buffer.write((printable(text) if sys.stdout.isatty() else text).encode())

    def end(self) -> None:
        pass


_PRINTERS: dict[str, Any] = {
    "table": _Table,
    "jsonl": _JsonLines,
    "json": _Json,
    "csv": _Csv,
    "geojson": _GeoJson,
}


def _write(text: str) -> None:
    """Write JSON as UTF-8, unlike the terminal's encoding, without what a terminal would obey."""
    sys.stdout.buffer.write(_HIDDEN_CONTROLS.sub(_escaped, text).encode())


def _json(row: Row) -> str:
    try:
        return orjson.dumps(row).decode()
    except TypeError:  # nested more deeply than orjson writes
        return as_json(row)


def _feature(row: Row) -> Row:
    """Return a row as a feature: its shape, or else its point, is the geometry.

    (Source: the values of geo_shape and geo_point_2d in recorded answers of getRecords.)
    """
    name = next((one for one in row if _is_shape(row[one])), None) or next(
        (one for one in row if _is_point(row[one])), None
    )
    properties = {one: value for one, value in row.items() if one != name}
    geometry = None if name is None else _geometry(row[name])
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def _geometry(value: Any) -> object:
    if value.get("type") == "Feature":
        return value.get("geometry")
    return {"type": "Point", "coordinates": [value["lon"], value["lat"]]}


def _is_shape(value: object) -> bool:
    return isinstance(value, dict) and value.get("type") == "Feature" and "geometry" in value


def _is_point(value: object) -> bool:
    return isinstance(value, dict) and value.keys() == {"lon", "lat"}


def _escaped(control: re.Match[str]) -> str:
    """Escape a control character that JSON allows in strings but a terminal would obey."""
    return f"\\u{ord(control[0]):04x}"
