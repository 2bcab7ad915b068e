"""How long to wait, how often to try again: the policies of the client, as plain data.

Nothing here sends, sleeps or reads a clock by itself. `Retry.delay` is a pure decision; the
transport carries it out with the `Timing` it was given, so a test can run an hour in no time.
"""

from __future__ import annotations

import asyncio
import random
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

from attrs import field, frozen

from explore_async.errors import ConfigurationError

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
        f"{type(policy).__name__}({attribute.name}={value!r}) cannot work; it must be {range_}."
    )


def positive(policy: object, attribute: Attribute[Any], value: Any) -> None:
    """Refuse what is no number above 0; a validator, as the next two."""
    if not _holds(lambda: value > 0):
        _refuse(policy, attribute, value, "a number above 0")


def not_negative(policy: object, attribute: Attribute[Any], value: Any) -> None:
    """Refuse what is neither 0 nor a number above it."""
    if not _holds(lambda: value >= 0):
        _refuse(policy, attribute, value, "0 or a number above it")


def at_least_one(policy: object, attribute: Attribute[Any], value: Any) -> None:
    """Refuse what is neither 1 nor a number above it."""
    if not _holds(lambda: value >= 1):
        _refuse(policy, attribute, value, "1 or a number above it")


def _callable_or_none(policy: object, attribute: Attribute[Any], value: object) -> None:
    if value is not None and not callable(value):
        _refuse(policy, attribute, value, "a function of one error, or None")


def _holds(comparison: Callable[[], bool]) -> bool:
    try:
        return bool(comparison())
    except TypeError:  # no number
        return False


@frozen(kw_only=True)
class Timeouts:
    """How long to wait for the server. All values are seconds.

    A value out of its range is a `ConfigurationError`.

    There is no limit on the whole of an export: a large one may rightly take hours. It ends when
    no byte comes for `read` seconds.

    Attributes:
        connect: until the TCP connection stands.
        read: between two reads of the socket.
        attempt: for one whole try of a page; of an export, until its first bytes.
        min_rate: bytes per second; a body that comes more slowly over `window` seconds of waiting
            for the server is given up, though each single read is in time. 0 switches it off.
        window: seconds over which `min_rate` is measured.
    """

    connect: float = field(default=10.0, validator=positive)
    read: float = field(default=60.0, validator=positive)
    attempt: float = field(default=120.0, validator=positive)
    min_rate: float = field(default=100.0, validator=not_negative)
    window: float = field(default=60.0, validator=positive)


@frozen(kw_only=True)
class Retry:
    """When a failed request is sent again: attempts and a deadline, whichever ends first.

    A value out of its range is a `ConfigurationError`.

    Tried again are connection errors, timeouts, cut pages, 500, 502, 503, 504, a 429 whose wait is
    short, and, once, an answer that is not JSON; `retrying` holds the table. All operations are
    GET, so trying again changes nothing on the server.

    Attributes:
        attempts: how often a request is sent at most; 1 switches retries off.
        deadline: seconds over all attempts and waits.
        base_delay: seconds; the first wait is a random share of it, each next one of twice that.
        max_delay: seconds; no backoff is longer.
        max_wait: seconds; a server that asks to wait longer gets no wait but its error raised.
        budget: retries that all requests of a client may make in a row without success.
        hook: asked before the table with each error: True to try again, False not to, seconds to
            try again after so long, None to leave it to the table. `attempts` and `deadline` hold
            for it too.
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
        """The policy that sends each request once."""
        return cls(attempts=1)

    def delay(
        self, *, attempt: int, elapsed: float, asked: float | None, chance: float
    ) -> float | None:
        """Seconds to wait before the next attempt, or None to give up.

        Args:
            attempt: how many attempts were made, from 1.
            elapsed: seconds since the first began, without the time spent queueing.
            asked: seconds the server asks to wait, or None.
            chance: a random number in [0, 1) that spreads the waits of many clients.
        """
        if asked is not None and asked > self.max_wait:
            return None
        backoff = min(self.max_delay, self.base_delay * 2.0 ** min(attempt - 1, 64))
        # A wait the server asked for is only ever made longer, so that clients do not all return
        # in the same instant; without one, half of the backoff is fixed and half is chance.
        own = backoff * (0.5 + chance / 2)
        wait = own if asked is None else max(own, asked + backoff * chance)
        return self.within(wait, attempt=attempt, elapsed=elapsed)

    def within(self, wait: float, *, attempt: int, elapsed: float) -> float | None:
        """The same wait, or None where attempts or deadline forbid it."""
        if attempt >= self.attempts or elapsed + wait >= self.deadline:
            return None
        return max(0.0, wait)


def _utc_now() -> datetime:
    return datetime.now(UTC)


@frozen(kw_only=True)
class Timing:
    """The clock, the sleep and the dice that the client uses; replace them to test without waiting.

    Attributes:
        sleep: waits that many seconds.
        monotonic: seconds on a clock that never goes back.
        now: the present as an aware datetime, compared with the reset times of quotas.
        random: a number in [0, 1).
    """

    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = _utc_now
    random: Callable[[], float] = random.random
