"""Parsers for HTTP header values: timestamps, waits and counts.

Each function takes the value of a header, or of a member of an error body in the same format, and
returns None if it cannot parse it. Servers and the proxies in front of them may send anything.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

__all__ = [
    "moment_after",
    "parse_count",
    "parse_http_date",
    "parse_moment",
    "parse_retry_after",
    "readable",
]

_EPOCH = re.compile(r"[0-9]{9,13}(\.[0-9]{1,9})?", re.ASCII)
_MOST_DIGITS = 40


def parse_moment(text: str) -> datetime | None:
    """Parse a reset time of the API; return None if it is not a timestamp.

    Bodies contain `2021-01-26T00:00:00Z`, headers `2026-08-18 00:00:00+00:00`; the documentation
    specifies seconds since 1970, and gateways send milliseconds.
    """
    stripped = text.strip()
    if _EPOCH.fullmatch(stripped):
        number = float(stripped)
        return datetime.fromtimestamp(number / 1000 if number >= 1e11 else number, tz=UTC)
    try:
        moment = datetime.fromisoformat(stripped)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def parse_retry_after(text: str | None, *, now: datetime) -> float | None:
    """Parse a Retry-After header (seconds, or an HTTP date) as seconds from now, never negative.

    Returns:
        The seconds, or None if the header is missing or cannot be parsed.
    """
    if text is None:
        return None
    stripped = text.strip()
    if stripped.isascii() and stripped.isdecimal() and len(stripped) <= 9:
        return float(stripped)
    moment = parse_http_date(stripped)
    return None if moment is None else max(0.0, (moment - now).total_seconds())


def parse_http_date(text: str) -> datetime | None:
    """Parse the date of an HTTP header; return None if it is not a date."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def parse_count(text: str | None) -> int | None:
    """Parse a number of calls; return None if it is not a number of at most 40 digits."""
    stripped = (text or "").strip()
    plain = stripped.isascii() and stripped.isdecimal() and len(stripped) <= _MOST_DIGITS
    return int(stripped) if plain else None


def moment_after(now: datetime, seconds: float) -> datetime:
    """Return the time that many seconds from now, or the last that a datetime can express."""
    try:
        return now + timedelta(seconds=seconds)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def readable(value: str) -> str:
    """Return a header value that can be printed, whatever bytes it was made of."""
    return value.encode("utf-8", errors="surrogateescape").decode("utf-8", errors="replace")
