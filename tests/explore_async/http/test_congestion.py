"""Congestion: a server that takes less gets less, and the client finds out how much that is."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import pytest

from explore_async.http.congestion import Congestion

if TYPE_CHECKING:
    from collections.abc import Callable

CONCURRENCY = 16
BACKOFF = 0.375
LATENCY = 0.05


class TokenBucket:
    """A limit on requests per second, with a burst."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate, self._burst = rate, burst
        self._level = self._at = 0.0

    def takes(self, now: float, in_flight: int) -> bool:
        self._level = max(0.0, self._level - (now - self._at) * self._rate)
        self._at = now
        if self._level > self._burst:
            return False
        self._level += 1
        return True


class Workers:
    """A limit on concurrent requests."""

    def __init__(self, count: int) -> None:
        self._count = count

    def takes(self, now: float, in_flight: int) -> bool:
        return in_flight < self._count


class Simulation:
    """A client with more requests than a server takes, on a clock of its own.

    Attributes:
        seconds: the time until all requests had succeeded.
        refused: the number of refusals.
    """

    def __init__(self, requests: int, server: TokenBucket | Workers) -> None:
        self.seconds = 0.0
        self.refused = 0
        self._left = self._waiting = requests
        self._server = server
        self._slots = CONCURRENCY
        self._accepted = 0
        self._pause = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0
        self.congestion = Congestion(CONCURRENCY, self._resize)
        self._fill()
        while self._left:
            self.seconds, _, happen = heapq.heappop(self._events)
            happen()

    def _resize(self, slots: int) -> None:
        self._slots = slots

    def _at(self, moment: float, happen: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._events, (moment, self._number, happen))

    def _fill(self) -> None:
        in_flight = self._left - self._waiting
        for _ in range(min(self._waiting, self._slots - in_flight)):
            self._waiting -= 1
            self._at(max(self.seconds, self._pause), self._reserve)

    def _reserve(self) -> None:
        self._at(self.seconds + self.congestion.reserve(self.seconds), self._send)

    def _send(self) -> None:
        if self.seconds < self._pause:
            self._at(self._pause, self._reserve)
            return
        sent_at = self.seconds
        if self._server.takes(sent_at, self._accepted):
            self._accepted += 1
            self._at(sent_at + LATENCY, self._succeed)
        else:
            self._at(sent_at + LATENCY / 10, lambda: self._refuse(sent_at))

    def _succeed(self) -> None:
        self._accepted -= 1
        self._left -= 1
        self.congestion.succeeded(self.seconds)
        self._fill()

    def _refuse(self, sent_at: float) -> None:
        self.refused += 1
        self._waiting += 1
        pause = self.congestion.refused(
            sent_at=sent_at, now=self.seconds, backoff=BACKOFF, longest=20
        )
        self._pause = max(self._pause, self.seconds + pause)
        self._fill()


@pytest.mark.parametrize(("rate", "burst"), [(5, 3), (20, 3), (100, 10)])
def test_a_rate_limit_is_used_to_seven_tenths(rate: float, burst: int) -> None:
    """The server's rate is found without being told, and few requests are refused."""
    requests = int(rate * 30)
    done = Simulation(requests, TokenBucket(rate, burst))
    assert (requests - burst) / rate / done.seconds > 0.7
    assert done.refused < requests / 4


@pytest.mark.parametrize("workers", [2, 4, 8])
def test_a_limit_on_concurrent_requests_is_used_to_four_tenths(workers: int) -> None:
    """A refusal does not say which limit it met, so the rate is reduced as well."""
    requests = 400
    done = Simulation(requests, Workers(workers))
    assert requests / workers * LATENCY / done.seconds > 0.4
    assert done.refused < requests / 4


def test_requests_refused_together_halve_the_window_once() -> None:
    """They were sent before the client knew better."""
    sizes: list[int] = []
    congestion = Congestion(16, sizes.append)
    pauses = [congestion.refused(sent_at=1.0, now=1.1, backoff=0.5, longest=20) for _ in range(9)]
    assert sizes == [8]
    assert pauses == [0.5, *[0.0] * 8]


def test_the_window_grows_by_one_for_each_window_of_successes() -> None:
    """As the congestion window of TCP does."""
    congestion = Congestion(16, lambda size: None)
    for moment in (1.0, 2.0, 3.0):
        congestion.refused(sent_at=moment, now=moment, backoff=0.5, longest=20)
    assert congestion.window == 2
    for _ in range(3):
        congestion.succeeded(4.0)
    assert congestion.window == 3


def test_pauses_double_until_a_request_succeeds() -> None:
    """Up to the longest one."""
    congestion = Congestion(16, lambda size: None)

    def refused(moment: float) -> float:
        return congestion.refused(sent_at=moment, now=moment, backoff=0.5, longest=3)

    assert [refused(moment) for moment in (1, 2, 3, 4, 5)] == [0.5, 1.0, 2.0, 3.0, 3.0]
    congestion.succeeded(6)
    assert refused(7) == 0.5


def test_a_server_that_recovers_is_used_to_the_full_again() -> None:
    """The limit on the rate ends, and all slots come back."""
    congestion = Congestion(16, lambda size: None)
    for moment in (1.0, 2.0, 3.0):
        congestion.succeeded(moment)
    congestion.refused(sent_at=3.9, now=4.0, backoff=0.5, longest=20)
    assert congestion.rate == pytest.approx(0.8)
    for _ in range(300):
        congestion.succeeded(5.0)
    assert congestion.rate is None
    assert congestion.window == 16


def limited() -> Congestion:
    """Return the congestion of a server that took one request per second, and then refused."""
    congestion = Congestion(16, lambda size: None)
    for moment in (1.0, 2.0, 3.0):
        congestion.succeeded(moment)
    congestion.refused(sent_at=3.9, now=4.0, backoff=0.5, longest=20)
    assert congestion.rate == pytest.approx(0.8)
    return congestion


def test_turns_are_as_far_apart_as_the_rate_says() -> None:
    congestion = Congestion(16, lambda size: None)
    assert congestion.reserve(0.0) == congestion.reserve(0.0) == 0.0
    congestion.rate = 2.0
    assert [congestion.reserve(7.0) for _ in range(3)] == [0.0, 0.5, 1.0]
    assert congestion.reserve(8.25) == 0.25
    assert congestion.reserve(20.0) == 0.0


def test_a_rate_that_was_never_refused_grows_by_an_eighth() -> None:
    congestion = limited()
    congestion.succeeded(5.0)
    assert congestion.rate == pytest.approx(0.9)


def test_a_rate_grows_slowly_from_four_fifths_of_the_refused_one() -> None:
    congestion = limited()
    for moment in (4.5, 5.0):
        congestion.succeeded(moment)
    refused = congestion.rate
    assert refused is not None
    congestion.refused(sent_at=5.5, now=6.0, backoff=0.5, longest=20)
    lowered = congestion.rate
    assert lowered is not None
    assert lowered == pytest.approx(0.8 * refused)
    congestion.succeeded(7.0)
    assert congestion.rate == pytest.approx(lowered + 0.1 * refused / lowered)


def test_a_rate_is_lowered_to_what_the_server_took() -> None:
    """It took one request in five seconds, which is less than four fifths of the rate."""
    congestion = limited()
    congestion.succeeded(5.0)
    congestion.refused(sent_at=8.0, now=9.0, backoff=0.5, longest=20)
    assert congestion.rate == pytest.approx(0.2)


def test_a_rate_is_halved_if_the_server_took_nothing() -> None:
    congestion = limited()
    congestion.refused(sent_at=5.0, now=5.0, backoff=0.5, longest=20)
    assert congestion.rate == pytest.approx(0.4)


def test_a_pause_lasts_for_one_and_a_half_requests_of_a_known_rate() -> None:
    """If that is shorter than the backoff."""
    for backoff, pause in ((100.0, 7.5), (0.5, 0.5)):
        congestion = limited()
        congestion.succeeded(5.0)
        told = congestion.refused(sent_at=8.0, now=9.0, backoff=backoff, longest=200)
        assert told == pytest.approx(pause)


def test_a_request_sent_at_the_moment_of_a_refusal_knew_nothing_of_it() -> None:
    congestion = limited()
    assert congestion.refused(sent_at=4.0, now=4.5, backoff=0.5, longest=20) == 0.0
    assert congestion.rate == pytest.approx(0.8)


def test_a_single_quick_success_is_not_taken_for_an_endless_rate() -> None:
    congestion = Congestion(16, lambda size: None)
    congestion.succeeded(1.0)
    congestion.refused(sent_at=1.0, now=1.0, backoff=0.5, longest=20)
    assert congestion.rate == pytest.approx(0.8 / 0.05)


def test_the_window_holds_at_least_one_request() -> None:
    congestion = Congestion(3, lambda size: None)
    for moment in (1.0, 2.0, 3.0, 4.0):
        congestion.refused(sent_at=moment, now=moment, backoff=0.5, longest=20)
    assert congestion.window == 1
    congestion.succeeded(5.0)
    assert congestion.window == 2


def test_the_moment_of_the_last_success_is_known() -> None:
    congestion = Congestion(16, lambda size: None)
    assert congestion.succeeded_at == float("-inf")
    for moment in (1.0, 2.0):
        congestion.succeeded(moment)
        assert congestion.succeeded_at == moment
