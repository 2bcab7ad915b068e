"""Quotas: how they are written, and when they are new."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from explore_async.portal.errors import StoreError
from explore_async.portal.quotas import Counter, Quota


def test_a_quota_is_a_number_of_calls_per_day_or_month() -> None:
    assert Quota.parse("100/day") == Quota(100, "day")
    assert Quota.parse("0/month") == Quota(0, "month")


@pytest.mark.parametrize(
    "text",
    ["", "100", "100/hour", "-1/day", "1.5/day", " 1/day", "1/day\n", "\u0661/day", None, 100],
)
def test_anything_else_is_refused(text: object) -> None:
    with pytest.raises(StoreError, match="not a quota such as 100/day or 5000/month"):
        Quota.parse(text)


@pytest.mark.parametrize(
    ("unit", "now", "end"),
    [
        ("day", "2026-08-29T12:00:00+00:00", "2026-08-30"),
        ("day", "2026-12-31T23:59:59+00:00", "2027-01-01"),
        ("day", "2026-08-30T01:00:00+02:00", "2026-08-30"),
        ("month", "2026-01-31T12:00:00+00:00", "2026-02-01"),
        ("month", "2026-12-01T00:00:00+00:00", "2027-01-01"),
        ("month", "2028-02-29T23:00:00-02:00", "2028-04-01"),
    ],
)
def test_a_period_ends_at_midnight_in_utc(unit: str, now: str, end: str) -> None:
    quota = Quota.parse(f"1/{unit}")
    assert quota.end(datetime.fromisoformat(now)) == datetime.fromisoformat(end).replace(tzinfo=UTC)


def test_calls_count_until_the_period_ends() -> None:
    """A call at its very end belongs to the next one."""
    counter = Counter(Quota(1))
    now = datetime(2026, 8, 30, 1, tzinfo=timezone(timedelta(hours=2)))
    assert [counter.count(now), counter.count(now), counter.count(now)] == [False, True, True]
    assert counter.headers["x-ratelimit-remaining"] == "0"
    assert not counter.count(datetime(2026, 8, 30, tzinfo=UTC))


def test_before_the_first_call_there_are_no_headers() -> None:
    assert Counter(Quota(1)).headers == {}
