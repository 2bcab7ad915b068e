"""Dates: literals as periods, `now(...)` and date parts.

A date literal is the whole period it names: `date'2026-08-29'` is that day, so `>` skips it and
`<=` includes it. This was measured on live portals for days; the portal treats years, months,
hours, minutes and seconds in the same way (unknown).

When a literal without an offset is compared with a datetime field, it is in the `timezone` of the
request (unknown on live portals); with a date field no time zone applies.
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

from attrs import frozen

from explore_async.portal.context import Value
from explore_async.portal.errors import incompatible_types, malformed
from odsql import nodes
from odsql.syntax.functions import NOW_PARTS, NOW_SHIFTS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import tzinfo

    from explore_async.portal.context import Context, ValueType

__all__ = [
    "PARTS",
    "Period",
    "compare_with_period",
    "date_part",
    "now",
    "period_of",
    "read_period",
]

_LITERAL = re.compile(
    r"(?P<year>\d{4})"
    r"(?:(?P<separator>[-/]?)(?P<month>\d{2})(?:(?P=separator)(?P<day>\d{2}))?)?"
    r"(?:[T ](?P<hour>\d{2})(?::?(?P<minute>\d{2})"
    r"(?::?(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?)?"
    r"\s*(?P<offset>Z|[+-]\d{2}(?::?\d{2})?)?)?",
    re.IGNORECASE,
)
_FULL_DAY = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ].*)?", re.DOTALL)


@frozen
class Period:
    """The time from `start` up to, not including, `end`; naive UTC, or no zone for date fields."""

    start: datetime
    end: datetime


def read_period(text: str, *, zone: tzinfo, clause: str) -> Period:
    """Read a date literal.

    It is a year, a month or a day (`2024-01-31`, `2024/01/31`, `20240131`); a day may have a time
    and an offset. `zone` is the time zone of a literal without an offset.

    Raises:
        PortalError: the text is not a date literal.
    """
    match = _LITERAL.fullmatch(text.strip())
    if match is None or (match["hour"] and not match["day"]):
        raise malformed(f"Invalid date to parse '{text}'", clause)
    if match["separator"] == "" and match["month"] and not match["day"]:
        raise malformed(f"Invalid date to parse '{text}'", clause)
    try:
        start = _start(match)
        if match["offset"]:
            zone = _offset(match["offset"])
    except ValueError as error:
        raise malformed(f"Invalid date to parse '{text}'", clause) from error
    end = _end(start, match)
    return Period(_in_utc(start, zone), _in_utc(end, zone))


def _start(match: re.Match[str]) -> datetime:
    fraction = (match["fraction"] or "").ljust(6, "0")[:6]
    return datetime(
        int(match["year"]),
        int(match["month"] or 1),
        int(match["day"] or 1),
        int(match["hour"] or 0),
        int(match["minute"] or 0),
        int(match["second"] or 0),
        int(fraction),
    )


def _end(start: datetime, match: re.Match[str]) -> datetime:
    """Return the end of the period: one unit of the smallest written part after its start."""
    try:
        if not match["month"]:
            return start.replace(year=start.year + 1)
        if not match["day"]:
            return _add_months(start, 1)
        for part, step in (
            ("fraction", timedelta(microseconds=1)),
            ("second", timedelta(seconds=1)),
            ("minute", timedelta(minutes=1)),
            ("hour", timedelta(hours=1)),
        ):
            if match[part]:
                return start + step
        return start + timedelta(days=1)
    except (ValueError, OverflowError):
        return datetime.max


def _add_months(moment: datetime, months: int) -> datetime:
    """Shift by months; a day that the new month lacks becomes its last day."""
    index = moment.year * 12 + moment.month - 1 + months
    year, month = divmod(index, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


def _offset(text: str) -> tzinfo:
    if text in ("Z", "z"):
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    delta = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-delta if text[0] == "-" else delta)


def _in_utc(moment: datetime, zone: tzinfo) -> datetime:
    try:
        return moment.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        return moment


# ---------------------------------------------------------------- comparing


def period_of(node: nodes.Node, kind: ValueType, context: Context) -> Period:
    """Read the literal with which a date or datetime field is compared.

    A date literal may be partial. A text literal must name a whole day and a number is refused, as
    on live portals: `"2024-05-01"` is accepted, `"2024"` and `2024` are not.
    """
    zone = UTC if kind == "date" else context.settings.timezone
    if isinstance(node, nodes.Date):
        return read_period(node.text, zone=zone, clause=context.clause)
    if isinstance(node, nodes.Text) and _FULL_DAY.fullmatch(node.value):
        return read_period(node.value, zone=zone, clause=context.clause)
    raise incompatible_types(context.clause)


def compare_with_period(value: Value, operator: str, period: Period, context: Context) -> str:
    """Return SQL that compares a date value with a whole period."""
    if operator in ("=", ":", "!="):
        low, high = context.bind(period.start), context.bind(period.end)
        inside = f"({value.sql} >= {low} AND {value.sql} < {high})"
        return f"(NOT {inside})" if operator == "!=" else inside
    after = operator in (">", "<=")
    bound = context.bind(period.end if after else period.start)
    sign = ">=" if operator.startswith(">") else "<"
    return f"({value.sql} {sign} {bound})"


# ---------------------------------------------------------------- functions

PARTS = frozenset({"year", "month", "day", "hour", "minute", "second"})
"""The functions that return one part of a date."""


def date_part(name: str, value: Value, context: Context) -> Value:
    """Compile `year(date)` and similar; datetimes are in the time zone of the request."""
    if value.type not in ("date", "datetime"):
        raise malformed(f"{name}() takes a date", context.clause)
    local = context.local(value.sql) if value.type == "datetime" else value.sql
    return Value(
        f"CAST(date_part('{name}', CAST({local} AS TIMESTAMP)) AS BIGINT)",
        "int",
        constant=value.constant,
        aggregate=value.aggregate,
    )


_WEEKDAYS = ("mondays", "tuesdays", "wednesdays", "thursdays", "fridays", "saturdays", "sundays")
_DURATIONS = frozenset(NOW_SHIFTS) - {"years", "months", *_WEEKDAYS}


def now(arguments: Iterable[nodes.Node], context: Context) -> Value:
    """Compile `now(...)`: singular names set a part, plural names shift.

    If a name is repeated, its last value counts. Parts are set first, in the time zone of the
    request; then years and months are shifted, then the other units, then the weekdays.
    """
    parts: dict[str, int] = {}
    for argument in arguments:
        if not isinstance(argument, nodes.Named):
            raise malformed("now() takes only named arguments", context.clause)
        parts.pop(argument.name, None)
        parts[argument.name] = _whole(argument, context)
    try:
        moment = _moved(context.settings.now.astimezone(context.settings.timezone), parts)
    except (ValueError, OverflowError) as error:
        raise malformed("now() must stay within the years 1 to 9999", context.clause) from error
    return Value(
        f"CAST({context.bind(_in_utc(moment, context.settings.timezone))} AS TIMESTAMP)",
        "datetime",
        constant=True,
    )


def _whole(argument: nodes.Named, context: Context) -> int:
    node: nodes.Node = argument.value
    sign = 1
    if isinstance(node, nodes.Negate):
        node, sign = node.operand, -1
    name = argument.name
    if not isinstance(node, nodes.Number) or not isinstance(node.value, int):
        raise malformed(f"now({name}=...) takes a whole number", context.clause)
    if name not in NOW_PARTS:
        raise malformed(f"now() has no argument {name}", context.clause)
    number = sign * node.value
    low, high = NOW_PARTS[name]
    if (low is not None and number < low) or (high is not None and number > high):
        raise malformed(f"now() does not accept {name}={number}", context.clause)
    return number


def _moved(moment: datetime, parts: dict[str, int]) -> datetime:
    naive = moment.replace(tzinfo=None)
    for name in ("year", "month", "hour", "minute", "second", "microsecond"):
        if name in parts:
            last = _last_day(naive, name, parts[name])
            naive = naive.replace(**{name: parts[name], "day": min(naive.day, last)})  # type: ignore[arg-type]
    if "day" in parts:
        naive = naive.replace(
            day=min(parts["day"], calendar.monthrange(naive.year, naive.month)[1])
        )
    naive = _add_months(naive, 12 * parts.get("years", 0) + parts.get("months", 0))
    naive += timedelta(**{name: parts[name] for name in _DURATIONS if name in parts})
    if "weekday" in parts:
        naive += timedelta(days=(parts["weekday"] - naive.weekday()) % 7)
    for weekday, name in enumerate(_WEEKDAYS):
        if parts.get(name):
            naive = _to_weekday(naive, weekday, parts[name])
    return naive


def _last_day(moment: datetime, name: str, number: int) -> int:
    """Return the last day of the month after setting one part."""
    year = number if name == "year" else moment.year
    month = number if name == "month" else moment.month
    return calendar.monthrange(year, month)[1]


def _to_weekday(moment: datetime, weekday: int, count: int) -> datetime:
    """Return the count-th such weekday on or after `moment`, or on or before it if negative."""
    if count > 0:
        return moment + timedelta(days=(weekday - moment.weekday()) % 7 + 7 * (count - 1))
    return moment - timedelta(days=(moment.weekday() - weekday) % 7 + 7 * (-count - 1))
