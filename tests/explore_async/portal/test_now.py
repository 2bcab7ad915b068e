"""`now(...)`: the effect of each argument on the time of the request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.explore_async.portal.asking import Asker


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("", "2026-08-29T12:00:00"),
        ("days=-7", "2026-08-22T12:00:00"),
        ("hours=+3, minutes=5, seconds=1", "2026-08-29T15:05:01"),
        ("months=6", "2027-02-28T12:00:00"),
        ("years=-1", "2025-08-29T12:00:00"),
        ("month=2, day=31", "2026-02-28T12:00:00"),
        ("month=2", "2026-02-28T12:00:00"),
        ("year=2000, hour=0, minute=30", "2000-08-29T00:30:00"),
        ("weekday=0", "2026-08-31T12:00:00"),
        ("weekday=5", "2026-08-29T12:00:00"),
        ("mondays=1", "2026-08-31T12:00:00"),
        ("mondays=-1", "2026-08-24T12:00:00"),
        ("saturdays=2", "2026-09-05T12:00:00"),
        ("day=1, day=2", "2026-08-02T12:00:00"),
    ],
)
async def test_now(ask: Asker, arguments: str, expected: str) -> None:
    """Singular names set, plural names shift, days are clamped, the last value of a name counts."""
    answer = await ask.get("datasets/things/records", select=f"now({arguments}) as t", limit=1)
    assert answer.results == [{"t": f"{expected}+00:00"}]


async def test_parts_are_set_on_the_clock_of_the_time_zone(ask: Asker) -> None:
    """With `timezone=Europe/Paris`, hour 0 is midnight in Paris."""
    answer = await ask.get(
        "datasets/things/records", select="now(hour=0) as t", limit=1, timezone="Europe/Paris"
    )
    assert answer.results == [{"t": "2026-08-29T00:00:00+02:00"}]


@pytest.mark.parametrize(
    "arguments", ["year=0", "month=13", "day=0", "hour=24", "microsecond=1000000", "weekday=-1"]
)
async def test_parts_have_bounds(ask: Asker, arguments: str) -> None:
    """A part that no clock or calendar shows is refused; days beyond a month are clamped."""
    answer = await ask.get("datasets/things/records", select=f"now({arguments})")
    assert answer.status == 400
    assert f"now() does not accept {arguments}" in answer.json["message"]


async def test_leaving_the_calendar_is_refused(ask: Asker) -> None:
    """Years are limited to 1 to 9999."""
    for arguments in ("years=9000", "years=-3000"):
        answer = await ask.get("datasets/things/records", select=f"now({arguments})")
        assert answer.status == 400
