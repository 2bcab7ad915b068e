"""The format of values in a response: JSON text and CSV cells, produced by DuckDB.

JSON has the layout of Python's `json.dumps` (recorded): `", "` and `": "`, doubles with their
`.0`, geo points `{"lon": .., "lat": ..}`, datetimes with an offset, non-ASCII characters escaped.
One SQL expression builds the JSON text of a row, so its values never become Python objects.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from explore_async.portal.grouping import offset_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from explore_async.portal.compiling import Output
    from explore_async.portal.context import Context, Value

__all__ = ["csv_cell", "dumps", "escaped", "json_row", "plain_cell"]

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


def json_row(outputs: Sequence[Output], context: Context) -> str:
    """Return SQL for one row as a JSON object."""
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
        items = f"list_transform({sql}, lambda e: CAST(to_json(e) AS VARCHAR))"
        return f"('[' || array_to_string({items}, ', ') || ']')"
    if value.type == "text":
        return f"CAST(to_json({sql}) AS VARCHAR)"
    if value.type in ("int", "boolean"):
        return f"CAST({sql} AS VARCHAR)"
    if value.type == "double":
        return _double(sql)
    if value.type in ("date", "datetime"):
        return f"('\"' || {_moment(value, context)} || '\"')"
    if value.type == "geo_point_2d":
        return (
            f"('{{\"lon\": ' || {_double(f'{sql}.lon')} || ', \"lat\": ' || "
            f"{_double(f'{sql}.lat')} || '}}')"
        )
    return sql


def _double(sql: str) -> str:
    """Return SQL for the shortest digits that round-trip; `NaN` and infinities as in Python."""
    return (
        f"CASE WHEN isfinite({sql}) THEN CAST({sql} AS VARCHAR) "
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
