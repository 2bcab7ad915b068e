"""JSON, JSON Lines and CSV.

JSON is one array whose rows are joined by a bare comma; CSV has `;`, CRLF and a byte order mark
(all recorded). JSON Lines ends every row with a line feed and does not escape characters (unknown).
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, Literal

from explore_async.portal.answers import csv_cell, dumps, escaped, json_row
from explore_async.portal.errors import invalid_parameter
from explore_async.portal.exports.geometry import bare
from explore_async.portal.exports.rows import enclosed, stream
from explore_async.portal.requests import flag

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence

    from multidict import MultiMapping

    from explore_async.portal.engine import Engine, Row
    from explore_async.portal.exports.export import Export

__all__ = [
    "byte_order_mark",
    "csv_lines",
    "list_separator",
    "write_csv",
    "write_json",
    "write_jsonl",
]


def write_jsonl(one: Export, engine: Engine) -> AsyncGenerator[bytes]:
    """Write one object per line."""

    def write(rows: list[Row]) -> bytes:
        return b"\n".join([*(row[0] for row in rows), b""])

    return stream(one, [_encoded_row(one)], write, engine)


def write_json(one: Export, engine: Engine) -> AsyncGenerator[bytes]:
    """Write one array."""

    def write(rows: list[Row]) -> bytes:
        return escaped(b",".join([row[0] for row in rows]).decode()).encode()

    return enclosed("[", stream(one, [_encoded_row(one)], write, engine), "]", between=",")


def _encoded_row(one: Export) -> str:
    """Return SQL for a row as JSON in UTF-8; a text would be decoded and encoded again."""
    return f"encode({json_row(one.plan.outputs, one.plan.context)})"


# ---------------------------------------------------------------- CSV


def write_csv(one: Export, engine: Engine) -> AsyncGenerator[bytes]:
    """Write a header and one record per row."""
    context = one.plan.context
    lines = csv_lines(one.parameters)
    separator = context.bind(list_separator(one.parameters))
    outputs = one.plan.outputs
    shapes = [at for at, output in enumerate(outputs) if output.value.type == "geo_shape"]

    def write(rows: list[Row]) -> bytes:
        return lines(_with_geometries(rows, shapes) if shapes else rows).encode()

    header = byte_order_mark(one.parameters) + lines([[one.column(each) for each in outputs]])
    shown = [csv_cell(output.value, context, separator) for output in outputs]
    return enclosed(header, stream(one, shown, write, engine), "")


def csv_lines(parameters: MultiMapping[str]) -> Callable[[Iterable[Sequence[Any]]], str]:
    """Return a function that writes rows with the request's `delimiter` and `quote_all`."""
    delimiter = parameters.get("delimiter", "") or ";"
    if delimiter not in (";", ",", "\t", "|"):
        # The live text is unknown.
        raise invalid_parameter(f"Invalid value for delimiter API parameter: {delimiter}.")
    # `quote_all` quotes all text, including the header and null, but not numbers.
    quotes_all = flag(parameters, "quote_all", default=False)
    quoting: Literal[0, 2] = csv.QUOTE_NONNUMERIC if quotes_all else csv.QUOTE_MINIMAL

    def lines(rows: Iterable[Sequence[Any]]) -> str:
        buffer = io.StringIO(newline="")
        writer = csv.writer(buffer, delimiter=delimiter, quoting=quoting, lineterminator="\r\n")
        writer.writerows(rows)
        return buffer.getvalue()

    return lines


def list_separator(parameters: MultiMapping[str]) -> str:
    """Return what separates the elements of a list in a cell."""
    return parameters.get("list_separator", "") or ","


def byte_order_mark(parameters: MultiMapping[str]) -> str:
    """Return the byte order mark, or an empty text if `with_bom=false`."""
    return "\ufeff" if flag(parameters, "with_bom", default=True) else ""


def _with_geometries(rows: list[Row], shapes: list[int]) -> Iterator[list[Any]]:
    for row in rows:
        cells = list(row)
        for at in shapes:
            cells[at] = None if cells[at] is None else dumps(bare(cells[at]))
        yield cells
