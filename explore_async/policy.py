"""How long to wait, how often to try again: the policies of the client, as plain data.

Nothing here sends, sleeps or reads a clock by itself. `Retry.delay` is a pure decision; the
transport carries it out with the `Timing` it was given, so a test can run an hour in no time.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from attrs import field, frozen, validators

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from explore_async.errors import ExploreError

__all__ = ["Retry", "Timeouts", "Timing", "parse_http_date", "parse_moment", "parse_retry_after"]

_EPOCH = re.compile(r"[0-9]{9,13}(\.[0-9]{1,9})?", re.ASCII)
_POSITIVE = validators.gt(0.0)
_NOT_NEGATIVE = validators.ge(0.0)


@frozen(kw_only=True)
class Timeouts:
    """How long to wait for the server. All values are seconds.

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

    connect: float = field(default=10.0, validator=_POSITIVE)
    read: float = field(default=60.0, validator=_POSITIVE)
    attempt: float = field(default=120.0, validator=_POSITIVE)
    min_rate: float = field(default=100.0, validator=_NOT_NEGATIVE)
    window: float = field(default=60.0, validator=_POSITIVE)


@frozen(kw_only=True)
class Retry:
    """When a failed request is sent again: attempts and a deadline, whichever ends first.

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

    attempts: int = field(default=4, validator=validators.ge(1))
    deadline: float = field(default=300.0, validator=_POSITIVE)
    base_delay: float = field(default=0.5, validator=_NOT_NEGATIVE)
    max_delay: float = field(default=20.0, validator=_NOT_NEGATIVE)
    max_wait: float = field(default=60.0, validator=_NOT_NEGATIVE)
    budget: int = field(default=100, validator=validators.ge(0))
    hook: Callable[[ExploreError], bool | float | None] | None = field(default=None)

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
        backoff = min(self.max_delay, self.base_delay * 2.0 ** (attempt - 1))
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


def parse_moment(text: str) -> datetime | None:
    """Read a reset time as the API writes it, or None when it is not one.

    The bodies say `2021-01-26T00:00:00Z`, the headers `2026-08-18 00:00:00+00:00`; the
    documentation announces seconds since 1970, and gateways write milliseconds.
    """
    stripped = text.strip()
    if _EPOCH.fullmatch(stripped):
        number = float(stripped)
        return datetime.fromtimestamp(number / 1000 if number >= 1e11 else number, tz=UTC)
    try:
        moment = datetime.fromisoformat(stripped)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def parse_retry_after(text: str | None, *, now: datetime) -> float | None:
    """Read a Retry-After header (seconds, or an HTTP date) as seconds from now, never negative.

    Returns:
        None when there is no header or it cannot be read.
    """
    if text is None:
        return None
    stripped = text.strip()
    if stripped.isascii() and stripped.isdecimal() and len(stripped) <= 9:
        return float(stripped)
    moment = parse_http_date(stripped)
    return None if moment is None else max(0.0, (moment - now).total_seconds())


def parse_http_date(text: str) -> datetime | None:
    """Read the date of an HTTP header, or None when it is not one."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
