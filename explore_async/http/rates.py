"""Rate limits: a rate without bursts, a pause for all requests, and a budget for retries.

Nothing here sleeps or reads a clock: methods take the current time as seconds on a monotonic clock
and return how long to wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

from explore_async.http.policy import at_least_one, positive

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Bucket", "Pause", "Rate", "RetryBudget"]

_SLOWEST = 1 / 16
_RECOVERY = 1.05
_PARTS = 5
_LONGEST_REFUSAL = 60.0


@frozen(kw_only=True)
class Rate:
    """The maximum request rate of a client: `calls` per `per` seconds.

    A value out of range raises `ConfigurationError`.

    Requests are evenly spaced from the first one on: no period begins with a burst. A client that
    was idle may send `burst` requests at once.

    Attributes:
        calls: the number of requests.
        per: the period in seconds.
        burst: the number of requests that may be sent at once after an idle time.
    """

    calls: float = field(validator=positive)
    per: float = field(default=1.0, validator=positive)
    burst: int = field(default=1, validator=at_least_one)


class Bucket:
    """A token bucket that starts empty and slows down when the server throttles.

    Args:
        rate: the rate at which tokens arrive, and how many are kept.
    """

    def __init__(self, rate: Rate) -> None:
        self._interval = rate.per / rate.calls
        self._burst = rate.burst
        self._pace = 1.0
        self._due: float | None = None
        self._slowed_at: float | None = None

    @property
    def interval(self) -> float:
        """The seconds between two tokens at the current pace."""
        return self._interval / self._pace

    def reserve(self, now: float) -> float:
        """Take the next token, and return the seconds until it may be used."""
        saved = (self._burst - 1) * self.interval
        due = now + saved if self._due is None else max(now, self._due)
        self._due = due + self.interval
        return max(0.0, due - saved - now)

    def pause_until(self, moment: float) -> None:
        """Issue no token before `moment`, and start empty then."""
        self._due = max(self._due or moment, moment + (self._burst - 1) * self.interval)

    def throttled(self, *, sent_at: float, now: float) -> None:
        """Halve the pace, down to a sixteenth.

        Of several requests in flight together only the first refusal counts: the others were sent
        at the old pace and say nothing about the new one.
        """
        if self._slowed_at is not None and sent_at <= self._slowed_at:
            return
        self._slowed_at = now
        self._pace = max(_SLOWEST, self._pace / 2)

    def succeeded(self) -> None:
        """Raise the pace by 5 percent, up to the full pace."""
        self._pace = min(1.0, self._pace * _RECOVERY)


class Pause:
    """The time until which no request is sent, because the server refused one.

    Attributes:
        reset_at: the time given by the server, or None.
        ever: whether there has been a pause; if not, there is nothing to check.
    """

    def __init__(self) -> None:
        self.reset_at: datetime | None = None
        self.ever = False
        self._resumes = 0.0
        self._believed = 0.0

    def until(self, moment: float, *, now: float, reset_at: datetime | None = None) -> None:
        """Pause until `moment`, without shortening a pause that still holds.

        A pause holds for at most a minute. A request may then try again, so that one wrong response
        does not stop a client for a year.
        """
        if moment <= self._resumes and now < self._believed:
            return
        self.ever = True
        self._resumes, self.reset_at = moment, reset_at
        self._believed = min(moment, now + _LONGEST_REFUSAL)

    def left(self, now: float, *, longest: float) -> float:
        """Return the seconds to wait, or 0 if there is no pause.

        The caller refuses to wait longer than `longest`. Such a wait is returned only while the
        pause holds.
        """
        wait = self._resumes - now
        if wait <= 0 or (wait > longest and now >= self._believed):
            return 0.0
        return wait


class RetryBudget:
    """The retries that all requests of a client may make in a row without a success.

    Without it, a thousand requests to a server that is down would each be sent `attempts` times.
    Each retry takes one from the budget. A success returns its own retries to the budget, or a
    fifth of one if it needed none.

    Attributes:
        capacity: the maximum number of retries in a row.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        # Whole parts of a retry, because five times 0.2 may be less than 1.
        self._left = capacity * _PARTS

    @property
    def left(self) -> int:
        """The number of retries left."""
        return self._left // _PARTS

    def take(self) -> bool:
        """Take one retry; return False if none is left."""
        if self._left < _PARTS:
            return False
        self._left -= _PARTS
        return True

    def succeeded(self, *, retries: int) -> None:
        """Record a request that succeeded after `retries` retries."""
        self._left = min(self.capacity * _PARTS, self._left + (retries * _PARTS or 1))
