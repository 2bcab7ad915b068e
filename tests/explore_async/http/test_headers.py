"""Headers: timestamps and waits are parsed in the formats that servers send."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from explore_async.http.headers import moment_after, parse_moment, parse_retry_after, readable
from tests.explore_async.doubles import NOW


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("0", 0.0),
        (" 120 ", 120.0),
        ("Mon, 17 Aug 2026 12:01:00 GMT", 60.0),
        ("Mon, 17 Aug 2026 11:59:00 GMT", 0.0),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("9" * 30, None),
        ("٣", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str | None, expected: float | None) -> None:
    """Any other value is ignored."""
    assert parse_retry_after(text, now=NOW) == expected


@pytest.mark.parametrize(
    "text", ["2026-08-18T00:00:00Z", "2026-08-18 00:00:00+00:00", "2026-08-18T00:00:00"]
)
def test_reset_times_are_read_as_bodies_and_headers_write_them(text: str) -> None:
    """The result is always aware, and UTC is the default."""
    assert parse_moment(text) == datetime(2026, 8, 18, tzinfo=UTC)


def test_a_reset_time_that_cannot_be_read_is_none() -> None:
    """An invalid value must not replace the 429 with another error."""
    assert parse_moment("tomorrow") is None


def test_a_moment_beyond_the_last_year_is_the_last_moment() -> None:
    """Retry-After may name the year 9999, and be counted from a clock that runs ahead."""
    assert moment_after(NOW, 60) == NOW + timedelta(minutes=1)
    assert moment_after(NOW, 1e12) == datetime.max.replace(tzinfo=UTC)


def test_a_header_can_be_printed_whatever_it_holds() -> None:
    """aiohttp keeps bytes that are not UTF-8 as lone surrogates."""
    assert readable("text/\udcff\udcfe; é") == "text/\ufffd\ufffd; é"
