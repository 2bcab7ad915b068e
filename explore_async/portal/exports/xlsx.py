"""XLSX: one sheet with a header and a row per record.

No XLSX export is recorded. Numbers, booleans, days and datetimes are cells of these kinds.
Datetimes are in the time zone of the request, because cells have none. Anything else is text as in
CSV, also days before March 1900, which cells cannot hold, and whole numbers that they would round.
xlsxwriter keeps one row in memory and the rest in temporary files.
"""

from __future__ import annotations

import importlib
import json
from datetime import UTC, date, datetime
from functools import partial
from math import isfinite
from typing import TYPE_CHECKING, Any

from explore_async.portal.answers import plain_cell
from explore_async.portal.errors import not_supported
from explore_async.portal.exports.geometry import bare
from explore_async.portal.exports.rows import as_file, pull

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
    from pathlib import Path

    from explore_async.portal.context import Context, Value
    from explore_async.portal.engine import Engine, Row
    from explore_async.portal.exports.export import Export

__all__ = ["fill_workbook", "write_xlsx"]

_MOST_ROWS = 1_048_576
_LONGEST_TEXT = 32_767
_FIRST_DAY = date(1900, 3, 1)  # Excel counts a day before it that does not exist
_EXACT = 2**53
_FORMATS: dict[type, str] = {date: "yyyy-mm-dd", datetime: "yyyy-mm-dd hh:mm:ss"}


def write_xlsx(one: Export, engine: Engine) -> AsyncGenerator[bytes]:
    """Write a workbook to a temporary file, and send it."""
    outputs, context = one.plan.outputs, one.plan.context
    header = [one.column(output) for output in outputs]
    separator = context.bind(",")
    shown = [_cell(output.value, context, separator) for output in outputs]
    shapes = [at for at, output in enumerate(outputs) if output.value.type == "geo_shape"]

    def fill(path: Path, batches: Iterator[list[Row]]) -> None:
        rows = (_with_geometries(row, shapes) for rows in batches for row in rows)
        fill_workbook(path, header, rows, context.settings.now)

    async def make(folder: Path) -> Path:
        path = folder / "export.xlsx"
        await pull(one, shown, partial(fill, path), engine)
        return path

    return as_file(make, engine)


def fill_workbook(
    path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]], created: datetime
) -> None:
    """Write a workbook with one sheet.

    Raises:
        PortalError: there are more rows, or longer texts, than a sheet can hold.
    """
    package = importlib.import_module("xlsxwriter")
    options = {"constant_memory": True, "tmpdir": str(path.parent)}
    with package.Workbook(str(path), options) as book:
        book.set_properties({"created": created.astimezone(UTC).replace(tzinfo=None)})
        formats = {kind: book.add_format({"num_format": text}) for kind, text in _FORMATS.items()}
        sheet = book.add_worksheet()
        for at, name in enumerate(header):
            sheet.write_string(0, at, name)
        for number, row in enumerate(rows, start=1):
            if number >= _MOST_ROWS:
                raise not_supported(f"An XLSX export of more than {_MOST_ROWS - 1} rows")
            for at, value in enumerate(row):
                _write(sheet, number, at, value, formats)


def _write(sheet: Any, row: int, column: int, value: Any, formats: dict[type, Any]) -> None:
    """Write one cell; null is no cell."""
    if value is None:
        return
    kind = type(value)
    if kind in formats and date(value.year, value.month, value.day) >= _FIRST_DAY:
        sheet.write_datetime(row, column, value, formats[kind])
    elif kind is bool:
        sheet.write_boolean(row, column, value)
    elif kind in (int, float) and isfinite(value) and (kind is float or abs(value) <= _EXACT):
        sheet.write_number(row, column, value)
    else:
        text = value.isoformat() if kind in formats else str(value)
        if len(text) > _LONGEST_TEXT:
            raise not_supported(f"An XLSX export of texts longer than {_LONGEST_TEXT} characters")
        sheet.write_string(row, column, text)


def _cell(value: Value, context: Context, separator: str) -> str:
    if value.type == "date" and value.precision == "day":
        return value.sql
    if value.type == "datetime":
        return context.local(value.sql)
    return plain_cell(value, context, separator)


def _with_geometries(row: Row, shapes: list[int]) -> Sequence[Any]:
    if not shapes:
        return row
    cells = list(row)
    for at in shapes:
        cells[at] = None if cells[at] is None else json.dumps(bare(cells[at]))
    return cells
