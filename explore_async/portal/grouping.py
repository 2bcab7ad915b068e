"""Keys of `group_by`: fields, functions and ranges.

A key has two values: the one by which records are grouped and ordered, and the one in the result.
For a field both are the same. A range groups by its lower bound, or by the position of its step,
and shows a label such as `[15, 29]`.

Labels are closed for whole numbers (`[15, 29]`, recorded) and half-open for decimals and dates
(`[10, 20[`, documented). Empty buckets are absent, records outside explicit steps are in no bucket,
and null has a bucket of its own (the first two unknown).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from attrs import frozen

from explore_async.portal import dates
from explore_async.portal.context import NUMERIC, OBJECTS, TEMPORAL, Value
from explore_async.portal.errors import geo_grouping, malformed, not_supported
from explore_async.portal.geometry import point_field
from explore_async.portal.values import compile_value, has_aggregate, has_field
from odsql import nodes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import tzinfo

    from explore_async.portal.context import Context

__all__ = ["GroupKey", "compile_key"]

_DEEPEST = 25
_SMALLEST = 0.001


@frozen
class GroupKey:
    """One key of `group_by`.

    Attributes:
        node: the expression.
        label: the name of the key in the result.
        named: True if the label is an alias.
        grouped: SQL over records, by which they are grouped.
        show: makes the SQL of the result from the SQL of the grouped value.
        condition: SQL that drops the records in no group; None if every record is in one.
        unnested: SQL that unnests a list, whose elements are the keys; None for other keys.
        joined: makes, from the SQL of the records that match the filters, a SELECT of their row
            identifiers `r` and keys `grouped`; None for a key that depends on one record only.
    """

    node: nodes.Node
    label: str
    named: bool
    grouped: str
    show: Callable[[str], Value]
    condition: str | None = None
    unnested: str | None = None
    joined: Callable[[str], str] | None = None


def compile_key(
    node: nodes.Node, label: str, context: Context, *, named: bool, position: int
) -> GroupKey:
    """Compile one key of `group_by`; `named` is True if the label is an alias."""
    if isinstance(node, nodes.Call) and node.name == "range":
        return _range(node, label, context, named=named)
    if isinstance(node, nodes.Call) and node.name == "geo_cluster":
        return _cluster(node, label, context, named=named, position=position)
    if has_aggregate(node) or not has_field(node):
        raise malformed("group_by takes fields and functions of fields", context.clause)
    value = compile_value(node, context)
    if value.type in OBJECTS:
        raise geo_grouping()
    kind, precision = value.type, value.precision

    def show(sql: str) -> Value:
        return Value(sql, kind, precision=precision)

    if not value.multivalued:
        return GroupKey(node, label, named, value.sql, show)
    # Each distinct element counts once per record, as search engines count documents.
    elements = (
        f"unnest(CASE WHEN coalesce(len({value.sql}), 0) = 0 THEN [NULL] "
        f"ELSE list_distinct({value.sql}) END)"
    )
    return GroupKey(node, label, named, f"u{position}", show, unnested=elements)


def _cluster(
    node: nodes.Call, label: str, context: Context, *, named: bool, position: int
) -> GroupKey:
    """Compile `geo_cluster(point, zoom[, radius])`; see `clusters`.

    The result is the mean of the points, with the latitude first (recorded). Records without a
    point are a cluster of their own (unknown).
    """
    if len(node.arguments) not in (2, 3):
        raise malformed("geo_cluster() takes a field, a zoom and a radius", context.clause)
    point = point_field(node.arguments[0], context)
    zoom, radius = (_zoom(node.arguments[1], context), _radius(node.arguments[2:], context))
    grouped = f"j{position}"

    def joined(records: str) -> str:
        listed = (
            "SELECT list(r ORDER BY r) AS r, list(p ORDER BY r) AS p "  # noqa: S608
            f"FROM (SELECT rowid AS r, {point} AS p FROM {records}) WHERE p IS NOT NULL"
        )
        numbered = (
            f"SELECT unnest(r) AS r, unnest(p) AS p, "  # noqa: S608
            f"unnest(portal_clusters(p, {zoom}, {radius})) AS n FROM ({listed})"
        )
        means = "avg(p.lat) OVER (PARTITION BY n), 'lon': avg(p.lon) OVER (PARTITION BY n)"
        return f"SELECT r, {{'n': n, 'lat': {means}}} AS {grouped} FROM ({numbered})"  # noqa: S608

    def show(sql: str) -> Value:
        latitude, longitude = (f"CAST({sql}.{name} AS VARCHAR)" for name in ("lat", "lon"))
        centre = f"'{{\"lat\": ' || {latitude} || ', \"lon\": ' || {longitude} || '}}'"
        return Value(f"('{{\"cluster_centroid\": ' || {centre} || '}}')", "file")

    return GroupKey(node, label, named, grouped, show, joined=joined)


def _zoom(node: nodes.Node, context: Context) -> str:
    zoom = node.value if isinstance(node, nodes.Number) else None
    if not isinstance(zoom, int) or zoom > _DEEPEST:
        raise malformed(f"geo_cluster() takes a whole zoom from 0 to {_DEEPEST}", context.clause)
    return context.bind(zoom)


def _radius(nodes_: Sequence[nodes.Node], context: Context) -> str:
    """Return a bound radius in pixels, 40 by default (documented)."""
    (node,) = nodes_ or (nodes.Number("40"),)
    if not isinstance(node, nodes.Number) or float(node.value) < _SMALLEST:
        raise malformed("geo_cluster() takes a positive radius in pixels", context.clause)
    return f"CAST({context.bind(float(node.value))} AS DOUBLE)"


def _range(node: nodes.Call, label: str, context: Context, *, named: bool) -> GroupKey:
    if len(node.arguments) < 2:
        raise malformed("range() takes a field and a width or steps", context.clause)
    value = compile_value(node.arguments[0], context)
    steps = node.arguments[1:]
    if value.type not in NUMERIC | TEMPORAL:
        raise malformed("range() takes a number or a date", context.clause)
    if isinstance(steps[0], nodes.StaticRange):
        raise not_supported("The bracketed form of range()")
    if len(steps) > 1:
        return _steps(node, value, steps, label, context, named=named)
    if isinstance(steps[0], nodes.Quantity):
        return _interval(node, value, steps[0], label, context, named=named)
    return _width(node, value, steps[0], label, context, named=named)


# ---------------------------------------------------------------- equal widths


def _width(
    node: nodes.Call, value: Value, width: nodes.Node, label: str, context: Context, *, named: bool
) -> GroupKey:
    number = width.value if isinstance(width, nodes.Number) else 0
    if value.type not in NUMERIC or number <= 0:
        raise malformed("range() of numbers takes a positive width", context.clause)
    if value.type == "int" and isinstance(number, int):
        step = f"CAST({context.bind(number)} AS BIGINT)"
        grouped = f"({value.sql} - ((({value.sql} % {step}) + {step}) % {step}))"
        return GroupKey(
            node, label, named, grouped, lambda sql: _closed(sql, f"{sql} + {step} - 1")
        )
    step = f"CAST({context.bind(float(number))} AS DOUBLE)"
    grouped = f"(floor({value.sql} / {step}) * {step})"
    return GroupKey(node, label, named, grouped, lambda sql: _half_open(sql, f"{sql} + {step}"))


def _closed(low: str, high: str) -> Value:
    return Value(f"('[' || ({low}) || ', ' || ({high}) || ']')", "text")


def _half_open(low: str, high: str) -> Value:
    """Return a half-open label; a trailing `.0` is removed from its numbers."""
    shown = (f"regexp_replace(CAST({one} AS VARCHAR), '\\.0$', '')" for one in (low, high))
    first, second = shown
    return Value(f"('[' || {first} || ', ' || {second} || '[')", "text")


# ---------------------------------------------------------------- explicit steps


def _steps(
    node: nodes.Call,
    value: Value,
    steps: Sequence[nodes.Node],
    label: str,
    context: Context,
    *,
    named: bool,
) -> GroupKey:
    """Compile explicit steps, `*` for an open end; lower bounds included, upper excluded."""
    if any(isinstance(step, nodes.Star) for step in steps[1:-1]):
        raise malformed("range() takes * only as its first or last step", context.clause)
    bounds = [
        None if isinstance(step, nodes.Star) else _bound(step, value, context) for step in steps
    ]
    known = [bound for bound in bounds if bound is not None]
    if not known or any(a >= b for a, b in pairwise(known)):  # type: ignore[operator]
        raise malformed("The steps of range() must be in ascending order", context.clause)
    closed = value.type == "int" and all(isinstance(bound, int) for bound in known)
    zone = context.settings.timezone if value.type == "datetime" else UTC
    cases, labels = [], []
    for at, (low, high) in enumerate(pairwise(bounds), start=1):
        tests = [f"{value.sql} IS NOT NULL"]
        if low is not None:
            tests.append(f"{value.sql} >= {context.bind(low)}")
        if high is not None:
            tests.append(f"{value.sql} < {context.bind(high)}")
        cases.append(f"WHEN {' AND '.join(tests)} THEN {at}")
        labels.append(_step_label(low, high, closed=closed, zone=zone))
    grouped = f"(CASE {' '.join(cases)} END)"
    shown = f"CAST({context.bind(labels)} AS VARCHAR[])"
    return GroupKey(
        node,
        label,
        named,
        grouped,
        lambda sql: Value(f"list_extract({shown}, {sql})", "text"),
        condition=f"({value.sql} IS NULL OR {grouped} IS NOT NULL)",
    )


def _bound(step: nodes.Node, value: Value, context: Context) -> float | datetime:
    sign = 1
    if isinstance(step, nodes.Negate):
        step, sign = step.operand, -1
    if value.type in NUMERIC and isinstance(step, nodes.Number):
        number = step.value
        return sign * (number if isinstance(number, int) else float(number))
    if value.type in TEMPORAL and isinstance(step, nodes.Date | nodes.Text):
        return dates.period_of(step, value.type, context).start
    raise malformed("The steps of range() must have the type of its field", context.clause)


def _step_label(
    low: float | datetime | None, high: float | datetime | None, *, closed: bool, zone: tzinfo
) -> str:
    """Return the label of a step; it is closed if the field and all steps are whole numbers."""
    first = "*" if low is None else _step_text(low, zone)
    if high is None:
        return f"[{first}, *]" if closed else f"[{first}, *["
    if closed and isinstance(high, int):
        return f"[{first}, {high - 1}]"
    return f"[{first}, {_step_text(high, zone)}["


def _step_text(bound: float | datetime, zone: tzinfo) -> str:
    """Return a bound; a date as in equal intervals: `.000Z` in UTC, an offset elsewhere."""
    if not isinstance(bound, datetime):
        return str(bound).removesuffix(".0")
    clock = bound.isoformat(timespec="milliseconds")
    if str(zone) == "UTC":
        return f"{clock}Z"
    try:
        local = bound.replace(tzinfo=UTC).astimezone(zone)
    except OverflowError:  # a zone ahead of UTC at the end of the calendar
        return f"{clock}Z"
    minutes = (local.utcoffset() or timedelta()) // timedelta(minutes=1)
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    clock = local.replace(tzinfo=None).isoformat(timespec="milliseconds").removesuffix(".000")
    return f"{clock}{sign}{hours:02}:{rest:02}"


# ---------------------------------------------------------------- intervals of time

_FIXED = {
    "ms": 1, "millisecond": 1, "s": 1000, "second": 1000, "m": 60_000, "minute": 60_000,
    "h": 3_600_000, "hour": 3_600_000, "d": 86_400_000, "day": 86_400_000,
}  # fmt: skip
_LONGEST = 10_000 * 366 * 86_400_000
_CALENDAR = {
    "w": "week", "week": "week", "M": "month", "month": "month", "q": "quarter",
    "quarter": "quarter", "y": "year", "year": "year",
}  # fmt: skip


def _interval(
    node: nodes.Call,
    value: Value,
    interval: nodes.Quantity,
    label: str,
    context: Context,
    *,
    named: bool,
) -> GroupKey:
    """Compile a histogram: buckets of fixed length, or of one week, month, quarter or year."""
    amount = interval.amount.value
    unit = interval.unit if interval.unit in _CALENDAR or len(interval.unit) < 3 else ""
    unit = unit or interval.unit.removesuffix("s")
    if value.type not in TEMPORAL or not isinstance(amount, int) or amount < 1:
        raise malformed("range() of dates takes a positive whole interval", context.clause)
    local = context.local(value.sql) if value.type == "datetime" else value.sql
    moment = f"CAST({local} AS TIMESTAMP)"
    if unit in _CALENDAR:
        if amount != 1:
            raise malformed(f"range() takes one {_CALENDAR[unit]} only", context.clause)
        whole = True
        step = f"INTERVAL 1 {_CALENDAR[unit]}"
        first = "1970-01-05" if _CALENDAR[unit] == "week" else "1970-01-01"
    elif unit in _FIXED:
        length = amount * _FIXED[unit]
        whole = length % 1000 == 0
        step = f"to_milliseconds({context.bind(_fitting(length, context))})"
        first = "1970-01-01"
    else:
        raise malformed(f"range() does not accept the unit {interval.unit}", context.clause)
    grouped = f"time_bucket({step}, {moment}, TIMESTAMP '{first}')"
    shifted = value.type == "datetime" and not context.settings.is_utc

    def show(sql: str) -> Value:
        ends = (
            _moment(end, context, shifted=shifted, whole=whole)
            for end in (sql, f"({sql} + {step})")
        )
        return Value(f"('[' || {next(ends)} || ', ' || {next(ends)} || '[')", "text")

    return GroupKey(node, label, named, grouped, show)


def _fitting(milliseconds: int, context: Context) -> int:
    """Return an interval, if it is not longer than the calendar."""
    if milliseconds > _LONGEST:
        raise malformed("range() takes an interval of at most 10,000 years", context.clause)
    return milliseconds


def _moment(sql: str, context: Context, *, shifted: bool, whole: bool) -> str:
    """Return SQL for a bound of a bucket: `.000Z` in UTC, an offset in another time zone.

    There, `whole` is True if the bounds have no fraction of a second, which is then left out.
    """
    clock = f"strftime({sql}, '%Y-%m-%dT%H:%M:%S{'' if shifted and whole else '.%g'}')"
    if not shifted:
        return f"{clock} || 'Z'"
    zone = context.bind(context.settings.timezone.key)
    utc = f"timezone('UTC', timezone({zone}, {sql}))"
    minutes = f"date_diff('minute', {utc}, {sql})"
    return f"{clock} || {offset_text(minutes)}"


def offset_text(minutes: str) -> str:
    """Return SQL that writes an offset in minutes as `+02:00`."""
    return (
        f"(CASE WHEN {minutes} < 0 THEN '-' ELSE '+' END || "
        f"lpad(CAST(abs({minutes}) // 60 AS VARCHAR), 2, '0') || ':' || "
        f"lpad(CAST(abs({minutes}) % 60 AS VARCHAR), 2, '0'))"
    )
