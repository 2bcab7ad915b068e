"""Quotas: calls allowed per day or month in UTC, counted as on live portals.

One request is one call, a whole export too (measured). The bodies of refusals are those of the
documentation, and the headers those of recorded successes; no refusal was recorded with headers.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Literal, cast

from aiohttp import web
from attrs import define, frozen

from explore_async.portal.errors import StoreError

__all__ = ["ANONYMOUS", "DOMAIN", "Counter", "Period", "Quota", "rate_limit"]

Period = Literal["day", "month"]

_WRITTEN = re.compile(r"(\d{1,18})/(day|month)", re.ASCII)

DOMAIN = (10002, "Too many requests on the domain. Please contact the domain administrator.")
"""The number and text of the error for a whole portal (documented)."""

ANONYMOUS = (10005, "You have exceeded the requests limit for anonymous users.")
"""The number and text of the error for callers without a key (documented)."""


@frozen
class Quota:
    """The number of calls allowed in each period.

    Attributes:
        limit: the number, 0 or more.
        unit: `day` or `month`.
    """

    limit: int
    unit: Period = "day"

    @classmethod
    def parse(cls, text: object) -> Quota:
        """Read a quota such as `100/day` or `5000/month`.

        Raises:
            StoreError: it is something else.
        """
        found = _WRITTEN.fullmatch(text) if isinstance(text, str) else None
        if found is None:
            given = f"{text!r:.100}" if isinstance(text, str) else f"A {type(text).__name__}"
            raise StoreError(f"{given} is not a quota such as 100/day or 5000/month.")
        return cls(int(found[1]), cast("Period", found[2]))

    def end(self, now: datetime) -> datetime:
        """Return the end of the period that contains an aware time."""
        today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        if self.unit == "day":
            return today + timedelta(days=1)
        return (today.replace(day=1) + timedelta(days=32)).replace(day=1)


@define
class Counter:
    """The calls of one caller in the current period, counted in the memory of this process.

    Several processes count for themselves. Replace this class to let them share: `count` is the
    only writer.
    """

    quota: Quota
    used: int = 0
    ends: datetime | None = None

    def count(self, now: datetime) -> bool:
        """Count one call, and return whether it is beyond the quota."""
        if self.ends is None or now >= self.ends:
            self.used, self.ends = 0, self.quota.end(now)
        self.used += 1
        return self.used > self.quota.limit

    @property
    def headers(self) -> dict[str, str]:
        """The headers of a response; empty before the first call."""
        if self.ends is None:
            return {}
        return rate_limit(self.quota.limit, self.used, self.ends)

    def refusal(self, error: tuple[int, str] = DOMAIN) -> web.Response:
        """Return the response to a call beyond the quota."""
        assert self.ends is not None  # noqa: S101 - set when it counted
        number, text = error
        body = {
            "errorcode": number,
            "reset_time": self.ends.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "limit_time_unit": self.quota.unit,
            "call_limit": self.quota.limit,
            "error": text,
        }
        return web.json_response(body, status=429)


def rate_limit(limit: int, used: int, ends: datetime) -> dict[str, str]:
    """Return the headers that say how many calls are left until a time in UTC (recorded)."""
    return {
        "x-ratelimit-limit": str(limit),
        "x-ratelimit-remaining": str(max(0, limit - used)),
        "x-ratelimit-reset": f"{ends:%Y-%m-%d %H:%M:%S}+00:00",
    }
