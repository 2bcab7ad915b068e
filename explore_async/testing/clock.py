"""A clock that only moves when something sleeps, so that tests do not wait."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from explore_async.http.policy import Timing

__all__ = ["Clock"]

_NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Clock:
    """A clock that moves when something sleeps on it, and sleeping takes no time.

    Args:
        now: where it starts, as an aware datetime; by default noon of 1 January 2026 in UTC.

    Attributes:
        now: the current time.
        waits: the seconds of every sleep, in order.
    """

    def __init__(self, now: datetime = _NOON) -> None:
        self.now = now
        self.waits: list[float] = []
        self._start = now

    async def sleep(self, seconds: float) -> None:
        """Move the clock, and let other tasks run."""
        self.waits.append(seconds)
        self.advance(seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        """Move the clock."""
        self.now += timedelta(seconds=seconds)

    def timing(self, *, chance: float = 0.0) -> Timing:
        """Return the `timing=` argument for a client; `chance` stands for its random numbers."""
        return Timing(
            sleep=self.sleep,
            monotonic=lambda: (self.now - self._start).total_seconds(),
            now=lambda: self.now,
            random=lambda: chance,
        )
