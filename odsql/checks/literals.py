"""Literals: whether dates are dates, patterns are patterns and numbers are whole.

What a date may look like is in the reference, "Lexical rules", and in texts that live portals were
seen to take: ISO 8601 in full or in part, with or without separators, time and offset, or
YYYY/MM/DD.
"""

from __future__ import annotations

import re
from functools import lru_cache

from odsql.syntax import nodes

__all__ = ["date_problem", "is_bare_day", "looks_like_date", "pattern_problem", "whole_number"]

_DATE = re.compile(
    r"""\s*(?P<year>[0-9]{4})
    (?:
      (?P<mark>[-/]?)(?P<month>[0-9]{2})
      (?:(?P=mark)(?P<day>[0-9]{2}))?
    | -?W[0-5][0-9](?:-?[1-7])?
    | -?[0-3][0-9]{2}
    | /(?P<short_month>[0-9]{1,2})/(?P<short_day>[0-9]{1,2})
    )?
    (?P<time>[T ]\ *(?P<hour>[0-9]{2})
      (?::?(?P<minute>[0-9]{2})(?::?(?P<second>[0-9]{2})(?:[.,][0-9]+)?)?)?
      \ ?(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)?
    )?\s*""",
    re.VERBOSE | re.IGNORECASE,
)
_BARE_DAY = re.compile(r"\s*[0-9]{4}(?:-?[0-9]{2}-?[0-9]{2}|/[0-9]{1,2}/[0-9]{1,2})\s*")
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@lru_cache(maxsize=1024)
def date_problem(text: str) -> str | None:
    """Say what is wrong with the text of a date literal, or None."""
    match = _DATE.fullmatch(text)
    if match is None:
        return "is no date"
    parts = match.groupdict()
    month = int(parts["month"] or parts["short_month"] or 1)
    day = int(parts["day"] or parts["short_day"] or 1)
    if not 1 <= month <= 12:
        return f"has no month {month}"
    leap_day = month == 2 and day == 29
    if not 1 <= day <= _DAYS[month - 1] or (leap_day and not _leaps(int(parts["year"]))):
        return f"has no day {day}"
    if int(parts["hour"] or 0) > 24 or int(parts["minute"] or 0) > 59:
        return "has no such time"
    return "has no such time" if int(parts["second"] or 0) > 60 else None


def _leaps(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def looks_like_date(text: str) -> bool:
    """Whether a quoted text could stand for a date: all that a date literal takes but a year."""
    return len(text.strip()) > 4 and date_problem(text) is None


def is_bare_day(node: nodes.Node) -> bool:
    """Whether this is a date literal with a day and without a time."""
    return type(node) is nodes.Date and _BARE_DAY.fullmatch(node.text) is not None


_PATTERN = re.compile(r"'(?:[^']|'')*'|([A-Za-z])\1*|'|%|[^A-Za-z'%]+")
_SYMBOLS = frozenset(
    {
        "yy", "YY", "yyyy", "YYYY", "xx", "xxxx", "w", "ww", "e", "E", "EEEE", "D", "DDD",
        "M", "MM", "MMMM", "d", "dd", "H", "HH", "m", "mm", "s", "ss",
    }
)  # fmt: skip


@lru_cache(maxsize=256)
def pattern_problem(pattern: str) -> str | None:
    """Say which symbol of a date_format() pattern the reference does not have, or None."""
    for match in _PATTERN.finditer(pattern):
        symbol = match[0]
        if symbol == "'":
            return "a quote that is never closed"
        if symbol == "%" or (match[1] is not None and symbol not in _SYMBOLS):
            return f"no symbol {symbol}"
    return None


def whole_number(node: nodes.Node) -> int | None:
    """Read a whole number with or without a sign; None for anything else."""
    sign = 1
    if type(node) is nodes.Negate:
        node, sign = node.operand, -1
    if type(node) is nodes.Number and "." not in node.text:
        return sign * int(node.text)
    return None
