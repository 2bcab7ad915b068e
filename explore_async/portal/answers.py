"""The format of values in a response: JSON text and CSV cells.

JSON has the layout of Python's `json.dumps` (recorded): `", "` and `": "`, doubles with their
`.0`, geo points `{"lon": .., "lat": ..}`, datetimes with an offset, non-ASCII characters escaped.
There are two writers of JSON, which write the same. For an export, one SQL expression builds the
text of a row, so its values never become Python objects. Planning such an expression takes DuckDB
longer than Python needs for a page of rows, so a page is written by Python.
"""

from __future__ import annotations

import json
import math
import re
from json.encoder import encode_basestring_ascii
from typing import TYPE_CHECKING, Any

from explore_async.portal.grouping import offset_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from explore_async.portal.compiling import Output
    from explore_async.portal.context import Context, Value

__all__ = ["csv_cell", "dumps", "escaped", "json_page", "json_row", "plain_cell"]

_NOT_ASCII = re.compile("[\x7f-\U0010ffff]+")
_PRECISIONS = {"day": "%Y-%m-%d", "month": "%Y-%m", "year": "%Y"}


def dumps(value: object) -> str:
    """Write a JSON body as the live server does."""
    return json.dumps(value)


def escaped(text: str) -> str:
    """Escape non-ASCII characters and DEL in JSON text."""
    if text.isascii() and "\x7f" not in text:
        return text
    return _NOT_ASCII.sub(lambda match: json.dumps(match[0])[1:-1], text)


# ---------------------------------------------------------------- JSON by Python


def json_page(
    outputs: Sequence[Output], context: Context
) -> tuple[list[str], Callable[[Sequence[Any]], str]]:
    """Return SQL for the values of a row, and a function that writes them as a JSON object."""
    shown = [_moment_or_value(one.value, context) for one in outputs]
    names = [f"{encode_basestring_ascii(one.label)}: " for one in outputs]
    writers = [_writer(one.value) for one in outputs]
    columns = list(zip(names, writers, strict=True))

    def write(row: Sequence[Any]) -> str:
        return "{" + ", ".join([
            name + ("null" if value is None else writer(value))
            for (name, writer), value in zip(columns, row, strict=True)
        ]) + "}"  # fmt: skip

    return shown, write


def _moment_or_value(value: Value, context: Context) -> str:
    return _moment(value, context) if value.type in ("date", "datetime") else value.sql


def _writer(value: Value) -> Callable[[Any], str]:
    if value.multivalued:
        return dumps
    return _WRITERS.get(value.type, encode_basestring_ascii)


def _write_double(value: float) -> str:
    return repr(value) if math.isfinite(value) else dumps(value)


def _write_boolean(value: bool) -> str:
    return "true" if value else "false"


def _write_point(value: dict[str, float]) -> str:
    longitude, latitude = _write_double(value["lon"]), _write_double(value["lat"])
    return f'{{"lon": {longitude}, "lat": {latitude}}}'


_WRITERS: dict[str, Callable[[Any], str]] = {
    "int": str,
    "double": _write_double,
    "boolean": _write_boolean,
    "geo_point_2d": _write_point,
    "geo_shape": escaped,
    "file": escaped,
    "json_blob": escaped,
}


# ---------------------------------------------------------------- JSON by SQL


def json_row(outputs: Sequence[Output], context: Context) -> str:
    """Return SQL for one row as a JSON object, with non-ASCII characters as they are."""
    if not outputs:
        return "'{}'"
    parts = []
    for at, output in enumerate(outputs):
        start = "{" if at == 0 else ", "
        parts.append(context.bind(f"{start}{json.dumps(output.label, ensure_ascii=False)}: "))
        parts.append(f"coalesce({_json(output.value, context)}, 'null')")
    return f"concat({', '.join(parts)}, '}}')"


def _json(value: Value, context: Context) -> str:
    sql = value.sql
    if value.multivalued:
        return _list(sql)
    if value.type == "text":
        return f"CAST(to_json({sql}) AS VARCHAR)"
    if value.type in ("int", "boolean"):
        return f"CAST({sql} AS VARCHAR)"
    if value.type == "double":
        return _double(sql)
    if value.type in ("date", "datetime"):
        return f"('\"' || {_moment(value, context)} || '\"')"
    if value.type == "geo_point_2d":
        longitude, latitude = _double(f"{sql}.lon"), _double(f"{sql}.lat")
        point = f"""concat('{{"lon": ', {longitude}, ', "lat": ', {latitude}, '}}')"""
        return f"CASE WHEN {sql} IS NOT NULL THEN {point} END"
    return sql


def _list(sql: str) -> str:
    """Return SQL for a list of texts.

    Spacing its JSON is faster than writing each text, but only possible without quotes in a text.
    """
    text = f"CAST(to_json({sql}) AS VARCHAR)"
    items = f"list_transform({sql}, lambda e: CAST(to_json(e) AS VARCHAR))"
    written = f"concat('[', array_to_string({items}, ', '), ']')"
    spaced = f"""replace({text}, '","', '", "')"""
    return f"CASE WHEN contains({text}, '\\\"') THEN {written} ELSE {spaced} END"


def _double(sql: str) -> str:
    """Return SQL for the shortest digits that round-trip; `NaN` and infinities as in Python.

    JSON numbers take DuckDB a third of the time of a cast. They differ in their exponents only.
    """
    return (
        f"CASE WHEN abs({sql}) BETWEEN 0.0001 AND 1e15 THEN CAST(to_json({sql}) AS VARCHAR) "
        f"WHEN isfinite({sql}) THEN CAST({sql} AS VARCHAR) "
        f"WHEN isnan({sql}) THEN 'NaN' WHEN {sql} > 0 THEN 'Infinity' "
        f"WHEN {sql} < 0 THEN '-Infinity' END"
    )


def _moment(value: Value, context: Context) -> str:
    if value.type == "date":
        return f"strftime({value.sql}, '{_PRECISIONS[value.precision]}')"
    local = context.local(value.sql)
    clock = f"strftime({local}, '%Y-%m-%dT%H:%M:%S')"
    fraction = (
        f"CASE WHEN date_part('us', {local}) % 1000000 = 0 THEN '' "
        f"ELSE strftime({local}, '.%f') END"
    )
    if context.settings.is_utc:
        return f"{clock} || {fraction} || '+00:00'"
    offset = offset_text(f"date_diff('minute', {value.sql}, {local})")
    return f"{clock} || {fraction} || {offset}"


def csv_cell(value: Value, context: Context, separator: str) -> str:
    """Return SQL for one CSV cell; numbers stay numbers, which the writer leaves unquoted."""
    sql = value.sql
    if value.type == "boolean":
        return f"CASE WHEN {sql} THEN 'True' WHEN NOT {sql} THEN 'False' END"
    return plain_cell(value, context, separator)


def plain_cell(value: Value, context: Context, separator: str) -> str:
    """Return SQL for one cell: a number, a boolean or a text; a shape is still a feature."""
    sql = value.sql
    if value.multivalued:
        return f"array_to_string({sql}, {separator})"
    if value.type in ("date", "datetime"):
        return f"({_moment(value, context)})"
    if value.type == "geo_point_2d":
        return f"({_double(f'{sql}.lat')} || ', ' || {_double(f'{sql}.lon')})"
    return sql
