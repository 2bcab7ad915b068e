"""The client's policies for timeouts and retries, as plain data.

Nothing here sends, sleeps or reads a clock. `Retry.delay` is a pure function; the retry loop
applies its result with the given `Timing`, so a test can simulate an hour in no time.
"""

from __future__ import annotations

import asyncio
import random
import time
from datetime import UTC, datetime
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, NoReturn

from attrs import field, frozen

from explore_async.errors import ConfigurationError
from odsql.syntax.errors import shown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from attrs import Attribute

    from explore_async.errors import ExploreError

__all__ = [
    "Retry",
    "Timeouts",
    "Timing",
    "at_least_one",
    "not_negative",
    "positive",
]


def _refuse(policy: object, attribute: Attribute[Any], value: object, range_: str) -> NoReturn:
    raise ConfigurationError(
        f"{type(policy).__name__}({attribute.name}={shown(value)}) is invalid: it must be {range_}."
    )


def positive(policy: object, attribute: Attribute[Any], value: Any) -> None:
    """Validate that the value is a number above 0."""
    if not _holds(lambda: value > 0):
        _refuse(policy, attribute, value, "a number above 0")


def not_negative(policy: object, attribute: Attribute[Any], value: Any) -> None:
    """Validate that the value is 0 or a number above it."""
    if not _holds(lambda: value >= 0):
        _refuse(policy, attribute, value, "0 or a number above it")


def at_least_one(policy: object, attribute: Attribute[Any], value: Any) -> None:
    """Validate that the value is 1 or a number above it."""
    if not _holds(lambda: value >= 1):
        _refuse(policy, attribute, value, "1 or a number above it")


def _callable_or_none(policy: object, attribute: Attribute[Any], value: object) -> None:
    if value is not None and (not callable(value) or iscoroutinefunction(value)):
        _refuse(policy, attribute, value, "a plain function that takes one error, or None")


def _callable(policy: object, attribute: Attribute[Any], value: object) -> None:
    if not callable(value):
        _refuse(policy, attribute, value, "a function")


def _holds(comparison: Callable[[], bool]) -> bool:
    try:
        return bool(comparison())
    except TypeError:  # not a number
        return False


@frozen(kw_only=True)
class Timeouts:
    """How long to wait for the server, in seconds unless stated otherwise.

    A value out of range raises `ConfigurationError`.

    There is no limit on the total time of an export, because a large one may take hours. It fails
    when no byte arrives for `read` seconds.

    Attributes:
        connect: time to establish the TCP connection.
        read: time between two reads from the socket.
        attempt: time for one attempt at a page; for an export, until its first bytes.
        min_rate: bytes per second. A body that arrives more slowly over `window` seconds of
            waiting for the server fails, even if each read is in time. 0 disables the check.
        window: seconds over which `min_rate` is measured.
    """

    connect: float = field(default=10.0, validator=positive)
    read: float = field(default=60.0, validator=positive)
    attempt: float = field(default=120.0, validator=positive)
    min_rate: float = field(default=100.0, validator=not_negative)
    window: float = field(default=60.0, validator=positive)


@frozen(kw_only=True)
class Retry:
    """When to retry a failed request, up to a number of attempts and a deadline.

    A value out of range raises `ConfigurationError`.

    Connection errors, timeouts, truncated pages, 500, 502, 503, 504, and a 429 with a short wait
    are retried. A response that is not JSON is retried once. The full table is in
    `explore_async.http.retry`. All operations are GET, so a retry changes nothing on the server.

    Attributes:
        attempts: the maximum number of times to send a request; 1 disables retries. A 429 that
            names no time does not count, because it says nothing about the request: it is retried
            until the deadline. Nor does a 503 or a dropped connection while others succeed.
        deadline: seconds for all attempts and waits together.
        base_delay: seconds. The first wait is a random share of it, between half and all; the
            base doubles for each further wait.
        max_delay: the longest backoff, in seconds.
        max_wait: seconds. If the server asks for a longer wait, its error is raised at once.
        budget: retries that all requests of a client may make in a row without a success.
        hook: called with each error before the table is consulted. It returns True to retry,
            False to raise, seconds to retry after that time, or None to use the table.
            `attempts` and `deadline` still apply.
    """

    attempts: int = field(default=4, validator=at_least_one)
    deadline: float = field(default=300.0, validator=positive)
    base_delay: float = field(default=0.5, validator=not_negative)
    max_delay: float = field(default=20.0, validator=not_negative)
    max_wait: float = field(default=60.0, validator=not_negative)
    budget: int = field(default=100, validator=not_negative)
    hook: Callable[[ExploreError], bool | float | None] | None = field(
        default=None, validator=_callable_or_none
    )

    @classmethod
    def never(cls) -> Retry:
        """Return the policy that sends each request once."""
        return cls(attempts=1)

    def delay(
        self, *, attempt: int, elapsed: float, asked: float | None, chance: float
    ) -> float | None:
        """Return the seconds to wait before the next attempt, or None to give up.

        Args:
            attempt: the number of attempts made, from 1.
            elapsed: seconds since the first attempt began, without queueing time.
            asked: the wait requested by the server in seconds, or None.
            chance: a random number in [0, 1) that spreads the waits of many clients.
        """
        if asked is not None and asked > self.max_wait:
            return None
        wait = self.backoff(attempt=attempt, chance=chance)
        if asked is not None:
            # Jitter only lengthens a wait requested by the server, so that clients do not all
            # return at the same instant.
            wait = max(wait, asked + self._unjittered(attempt) * chance)
        return self.within(wait, attempt=attempt, elapsed=elapsed)

    def backoff(self, *, attempt: int, chance: float) -> float:
        """Return the seconds to wait after an attempt; half of them fixed and half random."""
        return self._unjittered(attempt) * (0.5 + chance / 2)

    def _unjittered(self, attempt: int) -> float:
        return min(self.max_delay, self.base_delay * 2.0 ** min(attempt - 1, 64))

    def within(self, wait: float, *, attempt: int, elapsed: float) -> float | None:
        """Return the wait, or None if the attempts or the deadline do not allow it."""
        if attempt >= self.attempts or elapsed + wait >= self.deadline:
            return None
        return max(0.0, wait)


def _utc_now() -> datetime:
    return datetime.now(UTC)


@frozen(kw_only=True)
class Timing:
    """The client's clock, sleep and random numbers; replace them to test without waiting.

    Attributes:
        sleep: waits for the given number of seconds.
        monotonic: returns seconds on a monotonic clock.
        now: returns the current time as an aware datetime, compared with quota reset times.
        random: returns a number in [0, 1).
    """

    sleep: Callable[[float], Awaitable[object]] = field(default=asyncio.sleep, validator=_callable)
    monotonic: Callable[[], float] = field(default=time.monotonic, validator=_callable)
    now: Callable[[], datetime] = field(default=_utc_now, validator=_callable)
    random: Callable[[], float] = field(default=random.random, validator=_callable)
