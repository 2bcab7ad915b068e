"""How many requests a portal takes, learned from those that it refuses.

A server that answers 429 or 503, or drops connections, without naming a time says only that there
were too many requests. There are two kinds of such limits, and the response does not tell which one
was met:

* Concurrent requests. As TCP does, the client halves the number in flight, and lets it grow by one
  for each full number of successes.
* Requests per second. If responses are quick, a few requests in flight are enough to exceed such a
  limit. So the client also measures the rate of successes since the last refusal and sends at that
  rate, but at most at four fifths of the rate that was refused. It grows fast up to there, and
  slowly from there.

After a refusal nobody sends for a while: for the first backoff of the retry policy, doubled for
each refusal in a row without a success; once the rate is known, for one and a half requests of it.
Refused requests that were in flight together count as one refusal.

Nothing here sleeps or reads a clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Congestion"]

_REDUCED = 0.8
_FAST = 1 + 1 / 8
_SLOW = 0.1
_REQUESTS_PAUSED = 1.5
_SHORTEST_MEASUREMENT = 0.05  # seconds
_UNLIMITED = 2000.0  # requests per second


class Congestion:
    """The limits of one client at present.

    Args:
        most: the number of requests in flight that the client may have at most.
        resize: called with the number of requests that may be in flight whenever it changes.

    Attributes:
        rate: requests per second; None without a limit.
        succeeded_at: when a request last succeeded, on the caller's clock.
    """

    def __init__(self, most: int, resize: Callable[[int], object]) -> None:
        self.rate: float | None = None
        self.succeeded_at = float("-inf")
        self._most = most
        self._window = float(most)
        self._resize = resize
        self._refused_rate: float | None = None
        self._refused_at = float("-inf")
        self._refusals_in_a_row = 0
        self._successes = 0
        self._measured_from: float | None = None
        self._next_turn = 0.0

    @property
    def window(self) -> int:
        """The number of requests that may be in flight."""
        return int(self._window)

    def reserve(self, now: float) -> float:
        """Take a turn, and return the seconds until it comes."""
        if self.rate is None:
            return 0.0
        turn = max(now, self._next_turn)
        self._next_turn = turn + 1.0 / self.rate
        return turn - now

    def refused(self, *, sent_at: float, now: float, backoff: float, longest: float) -> float:
        """Slow down, and return the seconds in which nobody may send.

        Args:
            sent_at: when the refused request was sent.
            now: the time of its refusal.
            backoff: the first backoff of the retry policy, in seconds.
            longest: the longest backoff, in seconds.
        """
        if sent_at <= self._refused_at:
            return 0.0
        measured = self._measured(now)
        if measured:
            self._refusals_in_a_row = 0
        self._refusals_in_a_row += 1
        pause = min(longest, backoff * 2.0 ** min(self._refusals_in_a_row - 1, 64))
        if self.rate is not None:
            self._refused_rate = self.rate
            self.rate = min(measured, _REDUCED * self.rate) if measured else self.rate / 2
            if measured:
                pause = min(pause, _REQUESTS_PAUSED / self.rate)
        elif measured:
            self.rate = _REDUCED * measured
        self._refused_at = self._measured_from = now
        self._successes = 0
        self._set_window(max(1.0, self._window / 2))
        return pause

    def _measured(self, now: float) -> float:
        """Return the successes per second since the last refusal."""
        began = now if self._measured_from is None else self._measured_from
        return self._successes / max(now - began, _SHORTEST_MEASUREMENT)

    def succeeded(self, now: float) -> None:
        """Let the limits grow."""
        self.succeeded_at = now
        self._successes += 1
        if self._measured_from is None:
            self._measured_from = now
        if self._window < self._most:
            self._set_window(min(self._most, self._window + 1.0 / self._window))
        if self.rate is None:
            return
        if self._refused_rate is None or self.rate < _REDUCED * self._refused_rate:
            self.rate *= _FAST
        else:
            self.rate += _SLOW * self._refused_rate / self.rate
        if self.rate > _UNLIMITED:
            self.rate = None

    def _set_window(self, window: float) -> None:
        before, self._window = self.window, window
        if self.window != before:
            self._resize(self.window)
