"""The text of date literals.

The reference describes it under "Lexical rules", and live portals were seen to accept more: ISO
8601 in full or in part, with or without separators, time and offset, or YYYY/MM/DD.
"""

from __future__ import annotations

import re
from functools import lru_cache

from odsql.syntax import nodes

__all__ = ["date_problem", "is_bare_day", "looks_like_date"]

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
    """Return what is wrong with the text of a date literal, or None."""
    match = _DATE.fullmatch(text)
    if match is None:
        return "is not a date"
    parts = match.groupdict()
    month = int(parts["month"] or parts["short_month"] or 1)
    day = int(parts["day"] or parts["short_day"] or 1)
    if not 1 <= month <= 12:
        return f"has an invalid month: {month}"
    leap_day = month == 2 and day == 29
    if not 1 <= day <= _DAYS[month - 1] or (leap_day and not _leaps(int(parts["year"]))):
        return f"has an invalid day: {day}"
    if int(parts["hour"] or 0) > 24 or int(parts["minute"] or 0) > 59:
        return "has an invalid time"
    return "has an invalid time" if int(parts["second"] or 0) > 60 else None


def _leaps(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def looks_like_date(text: str) -> bool:
    """Return whether a quoted text could be a date: any date literal except a lone year."""
    return len(text.strip()) > 4 and date_problem(text) is None


def is_bare_day(node: nodes.Node) -> bool:
    """Return whether this is a date literal with a day and without a time."""
    return type(node) is nodes.Date and _BARE_DAY.fullmatch(node.text) is not None
