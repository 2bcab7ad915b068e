"""How fast: a rate without bursts, a pause for everybody, and a budget against retry storms.

Nothing here sleeps or reads a clock: each method takes the present as seconds on a monotonic clock
and says how long to wait.
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
_REFUND = 0.2
_LONGEST_REFUSAL = 60.0


@frozen(kw_only=True)
class Rate:
    """The most requests per time, over all that a client does.

    A value out of its range is a `ConfigurationError`.

    The requests are spaced evenly and the first ones too: no window begins with a burst. A client
    that was idle may send `burst` requests at once.

    Attributes:
        calls: how many requests.
        per: in how many seconds.
        burst: how many of them may go at once after idling.
    """

    calls: float = field(validator=positive)
    per: float = field(default=1.0, validator=positive)
    burst: int = field(default=1, validator=at_least_one)


class Bucket:
    """A token bucket that begins empty; it slows down when the server throttles.

    Args:
        rate: how fast tokens come, and how many are kept.
    """

    def __init__(self, rate: Rate) -> None:
        self._interval = rate.per / rate.calls
        self._burst = rate.burst
        self._pace = 1.0
        self._due: float | None = None
        self._slowed_at: float | None = None

    @property
    def interval(self) -> float:
        """Seconds from one token to the next, at the present pace."""
        return self._interval / self._pace

    def reserve(self, now: float) -> float:
        """Take the next token; returns the seconds until it may be used."""
        saved = (self._burst - 1) * self.interval
        due = now + saved if self._due is None else max(now, self._due)
        self._due = due + self.interval
        return max(0.0, due - saved - now)

    def pause_until(self, moment: float) -> None:
        """Give no token before that moment, and begin empty then."""
        self._due = max(self._due or moment, moment + (self._burst - 1) * self.interval)

    def throttled(self, *, sent_at: float, now: float) -> None:
        """Halve the pace, down to a sixteenth.

        Of requests that were in flight together only the first refusal counts: the others were
        sent at the old pace and say nothing about the new one.
        """
        if self._slowed_at is not None and sent_at <= self._slowed_at:
            return
        self._slowed_at = now
        self._pace = max(_SLOWEST, self._pace / 2)

    def succeeded(self) -> None:
        """Come back to the full pace, slowly."""
        if self._pace < 1.0:
            self._pace = min(1.0, self._pace * _RECOVERY)


class Pause:
    """Until when nobody sends, because the server said so to one of us.

    Attributes:
        reset_at: the moment the server named, or None when it named none.
        ever: whether there was one; without, there is nothing to look at.
    """

    def __init__(self) -> None:
        self.reset_at: datetime | None = None
        self.ever = False
        self._resumes = 0.0
        self._believed = 0.0

    def until(self, moment: float, *, now: float, reset_at: datetime | None = None) -> None:
        """Pause until a moment; never shortens a pause.

        A moment far away is believed for a minute only. Then a request may ask anew, so that one
        wrong answer does not stop a client for a year.
        """
        if moment <= self._resumes and now < self._believed:
            return
        self.ever = True
        self._resumes, self.reset_at = moment, reset_at
        self._believed = min(moment, now + _LONGEST_REFUSAL)

    def left(self, now: float, *, longest: float) -> float:
        """Seconds to wait, 0 when there is no pause.

        A wait longer than `longest` is what the caller will refuse to make, for as long as it is
        believed.
        """
        wait = self._resumes - now
        if wait <= 0 or (wait > longest and now >= self._believed):
            return 0.0
        return wait


class RetryBudget:
    """How many retries a client may make in a row without success, over all its requests.

    When a server is down, each of a thousand requests would be sent `attempts` times. Each retry
    takes one from the budget; each success gives back a fifth, and one that needed a retry all of
    it.

    Attributes:
        capacity: the most retries in a row.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._left = float(capacity)

    @property
    def left(self) -> int:
        """How many retries may be made now."""
        return int(self._left)

    def take(self) -> bool:
        """Take one; False when there is none."""
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True

    def succeeded(self, *, retries: int) -> None:
        """A request succeeded after so many retries."""
        if self._left < self.capacity:
            self._left = min(self.capacity, self._left + (retries or _REFUND))
