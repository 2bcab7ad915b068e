"""One logical call: the only retry loop, its queue, and the events it emits.

Before it is sent, a request waits for a pause of the whole client to end, for a slot at the gate,
and for its turn under the rate limit. In a fan-out it then waits for a slot there, which comes last
so that no request holds one while it waits for something else. This is queueing time and counts
against neither the timeouts nor the deadline; only attempts and the waits between them do.
"""

from __future__ import annotations

import asyncio
import math
from contextvars import ContextVar
from typing import TYPE_CHECKING, Self, TypeVar

import aiohttp
from attrs import define, field, frozen

from explore_async.errors import (
    APIError,
    ConfigurationError,
    ExploreError,
    QuotaExceeded,
    RequestTimeout,
    Unauthorized,
)
from explore_async.events import (
    BytesEvent,
    Counters,
    DoneEvent,
    PageEvent,
    RequestEvent,
    ResponseEvent,
    RetryEvent,
    Subscribers,
    ThrottleEvent,
)
from explore_async.http.congestion import Congestion
from explore_async.http.connection import Connection, authority, connection_error
from explore_async.http.deadlines import Deadline, Deadlines
from explore_async.http.headers import moment_after
from explore_async.http.quotas import QuotaBook
from explore_async.http.rates import Bucket, Pause, RetryBudget
from explore_async.http.retry import Decision, next_step

if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable
    from ssl import SSLContext
    from types import TracebackType
    from typing import Literal

    from explore_async.http.auth import Renewable
    from explore_async.http.gate import Admission, Gate
    from explore_async.http.policy import Retry, Timeouts, Timing
    from explore_async.http.rates import Rate
    from explore_async.http.retry import Step

__all__ = [
    "ATTEMPTS",
    "Call",
    "Caller",
    "Identity",
    "Shared",
    "share",
]

T = TypeVar("T")

_BETWEEN_BYTES_EVENTS = 0.5


_LATE = {
    "connect": "{} did not accept a connection in time. Check the host, try again later",
    "read": "{} sent nothing for too long. Try again later, request less data",
    "attempt": "{} did not answer in time. Try again later, request less data",
}
"""By the limit of `Timeouts` that was exceeded."""

ATTEMPTS: ContextVar[int] = ContextVar("explore_async_attempts", default=1)
"""The number of attempts for the last response in this context, for errors found in it later."""


@define
class Identity:
    """The state that a portal keeps per caller, not shared between API keys.

    Attributes:
        pause: the time until which no request may be sent.
        quota: the quotas that the portal has reported.
        renewable: renews the caller's secret when the portal refuses it; None if it cannot be
            renewed.
    """

    pause: Pause = field(factory=Pause)
    quota: QuotaBook = field(factory=QuotaBook)
    renewable: Renewable | None = None


@frozen(kw_only=True)
class Shared:
    """The objects that a client shares with the clients derived from it."""

    connection: Connection
    gate: Gate
    counters: Counters
    subscribers: Subscribers
    budget: RetryBudget
    bucket: Bucket | None
    congestion: Congestion
    timing: Timing
    deadlines: Deadlines = field(factory=Deadlines)

    @property
    def paced(self) -> bool:
        """Whether requests have to wait for a turn, because their rate is limited."""
        return self.bucket is not None or self.congestion.rate is not None


def share(
    *,
    gate: Gate,
    session: aiohttp.ClientSession | None = None,
    proxy: str | None = None,
    ssl: SSLContext | str | os.PathLike[str] | None = None,
    rate: Rate | None = None,
    budget: int,
    timing: Timing,
) -> Shared:
    """Create the shared objects of a client from its arguments.

    Raises:
        ConfigurationError: the proxy or the CA file cannot be used.
    """
    counters = Counters()
    return Shared(
        connection=Connection(session, proxy=proxy, ssl=ssl, on_wire=counters.sent),
        gate=gate,
        counters=counters,
        subscribers=Subscribers(counters),
        budget=RetryBudget(budget),
        bucket=Bucket(rate) if rate is not None else None,
        congestion=Congestion(gate.places, gate.resize),
        timing=timing,
    )


@frozen(kw_only=True)
class Caller:
    """Creates calls under one set of policies."""

    shared: Shared
    identity: Identity
    timeouts: Timeouts
    retry: Retry

    def call(self, url: str, admission: Admission | None = None) -> Call:
        """Create a call. Use it as a context manager, so that it also emits its final event.

        Raises:
            ConfigurationError: the client is closed, or belongs to another event loop.
        """
        self.shared.connection.claim()
        return Call(self, url, admission)


class Call:
    """One logical call, from its first request to its last byte.

    Attributes:
        number: the position among the client's calls, from 1, in the order they began.
        received: decoded bytes so far; set by the reader of the body.
        deadline: the deadline of the attempt in progress.
    """

    def __init__(self, caller: Caller, url: str, admission: Admission | None) -> None:
        shared = caller.shared
        self.url = url
        self.received = 0
        self.deadline: Deadline | None = None
        self._caller = caller
        self._shared = shared
        self._admission = admission
        self._timing = shared.timing
        self._attempt = 0
        self._not_counted = 0
        self._status: int | None = None
        self._renewals = 0
        self._asked_to_renew = False
        self._queued = 0.0
        self._sent_at = 0.0
        self._told_at = 0.0
        self._began = self._previous_sent_at = self._timing.monotonic()
        self._first_sent_at: float | None = None
        shared.counters.calls += 1
        self.number = shared.counters.calls

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        counters = self._shared.counters
        counters.received += self.received
        outcome: Literal["ok", "error", "cancelled"] = "ok"
        if isinstance(error, Exception):
            outcome = "error"
            counters.errors += 1
        elif error is not None:
            outcome = "cancelled"
            counters.cancelled += 1
        if self._shared.subscribers.listening:
            self._tell_done(outcome, error if isinstance(error, ExploreError) else None)

    async def run(self, send: Callable[[], Awaitable[T]]) -> T:
        """Send the request, and retry it as the policy allows.

        Raises:
            ExploreError: the last failure, with the number of attempts.
        """
        while True:
            try:
                result = await self._one_attempt(send)
            except ExploreError as error:
                error.attempts = self._attempt
                wait = 0.0 if self._renewed(error) else self._wait_after(error)
                if wait is None:
                    raise
            else:
                self._succeeded()
                ATTEMPTS.set(self._attempt)
                return result
            # The response and its slot are released before the wait begins.
            await self._sleep(wait)

    def responded(self, response: aiohttp.ClientResponse) -> None:
        """Record the head of a response."""
        self._status = response.status
        self._caller.identity.quota.note(response.headers, url=self.url)
        if self._shared.subscribers.listening:
            now = self._timing.monotonic()
            self._shared.subscribers.emit(
                ResponseEvent(
                    call=self.number,
                    url=self.url,
                    at=now,
                    attempt=self._attempt,
                    status=response.status,
                    seconds=now - self._sent_at,
                )
            )

    def page(self, value: object) -> None:
        """Count a JSON value that is a page of rows, and emit its event."""
        rows = value.get("results") if isinstance(value, dict) else None
        if not isinstance(value, dict) or not isinstance(rows, list):
            return
        self._shared.counters.pages += 1
        self._shared.counters.rows += len(rows)
        if self._shared.subscribers.listening:
            total = value.get("total_count")
            self._shared.subscribers.emit(
                PageEvent(
                    call=self.number,
                    url=self.url,
                    at=self._timing.monotonic(),
                    rows=len(rows),
                    total=total if isinstance(total, int) else None,
                    received=self.received,
                )
            )

    def streamed(self, received: int) -> None:
        """Record the bytes received so far, and emit an event at most twice a second."""
        self.received = received
        if not self._shared.subscribers.listening:
            return
        now = self._timing.monotonic()
        if now - self._told_at < _BETWEEN_BYTES_EVENTS:
            return
        self._told_at = now
        self._shared.subscribers.emit(
            BytesEvent(call=self.number, url=self.url, at=now, received=received)
        )

    async def _one_attempt(self, send: Callable[[], Awaitable[T]]) -> T:
        queueing = self._timing.monotonic()
        if self._admission is not None:
            return await self._one_attempt_among(self._admission, send, queueing)
        gate = self._shared.gate
        while True:
            if self._pause_left():
                await self._wait_for_the_pause()
            await gate.take()
            try:
                if self._shared.paced:
                    await self._wait_for_a_turn()
                if self._pause_left():
                    # A pause began meanwhile: release the slot and wait with the others.
                    continue
                return await self._sent(send, queueing)
            finally:
                gate.give_back()

    async def _one_attempt_among(
        self, admission: Admission, send: Callable[[], Awaitable[T]], queueing: float
    ) -> T:
        gate = self._shared.gate
        while True:
            await admission.enter()
            await self._wait_for_the_pause()
            await gate.take()
            try:
                if self._shared.paced:
                    await self._wait_for_a_turn()
                await admission.take()
                try:
                    if admission.closed or self._pause_left():
                        continue
                    result = await self._sent(send, queueing)
                    admission.received(self.received)
                    return result
                finally:
                    admission.give_back()
            finally:
                gate.give_back()

    async def _sent(self, send: Callable[[], Awaitable[T]], queueing: float) -> T:
        self._sent_at = self._told_at = self._timing.monotonic()
        self._queued += self._sent_at - queueing
        if self._first_sent_at is None:
            self._first_sent_at = self._sent_at
        self._attempt += 1
        self._status = None
        if self._caller.identity.renewable is not None:
            self._renewals = self._caller.identity.renewable.renewals
        if self._shared.subscribers.listening:
            self._tell_request()
        # The limits start after queueing, so a long queue does not count as a slow server.
        timeouts = self._caller.timeouts
        self.deadline = deadline = self._shared.deadlines.begin(
            whole=min(timeouts.attempt, self._caller.retry.deadline - self._elapsed()),
            # An injected session has its own queue and its own read timeout.
            quiet=timeouts.read if self._shared.connection.counts_wire else math.inf,
        )
        try:
            return await send()
        except asyncio.CancelledError:
            if not deadline.over():
                raise
            raise self._timeout("read" if deadline.ends < deadline.last else "attempt") from None
        except aiohttp.ConnectionTimeoutError as error:
            raise self._timeout("connect") from error
        except TimeoutError as error:
            raise self._timeout("read") from error
        except (aiohttp.ClientError, OSError, UnicodeError) as error:
            # aiohttp's response errors hold the request headers, and so the key.
            cause = None if isinstance(error, aiohttp.ClientResponseError) else error
            raise connection_error(error, self.url) from cause
        finally:
            deadline.over()
            self.deadline = None

    def _timeout(self, limit: Literal["connect", "read", "attempt"]) -> RequestTimeout:
        return RequestTimeout(
            f"{_LATE[limit].format(authority(self.url))}, or raise `timeouts.{limit}`.",
            status=self._status,
            url=self.url,
        )

    async def _sleep(self, seconds: float) -> None:
        """Wait before a request is sent.

        Raises:
            ConfigurationError: the client was closed meanwhile.
        """
        nap = self._shared.deadlines.nap()
        try:
            await self._timing.sleep(seconds)
        except asyncio.CancelledError:
            if not nap.over():
                raise
            raise ConfigurationError(
                "The client was closed while a request waited to be sent. Await requests inside "
                "`async with ExploreClient(...)`.",
                url=self.url,
                attempts=self._attempt,
            ) from None
        finally:
            nap.over()

    def _pause_left(self) -> float:
        pause = self._caller.identity.pause
        if not pause.ever:
            return 0.0
        return pause.left(self._timing.monotonic(), longest=self._caller.retry.max_wait)

    async def _wait_for_the_pause(self) -> None:
        while wait := self._pause_left():
            self._tell_throttle("pause", wait)
            if wait > self._caller.retry.max_wait:
                raise self._refusal(wait)
            await self._sleep(wait)

    async def _wait_for_a_turn(self) -> None:
        bucket = self._shared.bucket
        if bucket is not None and (wait := bucket.reserve(self._timing.monotonic())) > 0:
            self._tell_throttle("rate", wait)
            await self._sleep(wait)
        if (wait := self._shared.congestion.reserve(self._timing.monotonic())) > 0:
            self._tell_throttle("congestion", wait)
            await self._sleep(wait)

    def _refusal(self, wait: float) -> QuotaExceeded:
        reset_at = self._caller.identity.pause.reset_at
        reset_at = reset_at or moment_after(self._timing.now(), wait)
        return QuotaExceeded(
            "This request was not sent: the portal refused an earlier one and allows none before "
            f"{reset_at.isoformat()}, a longer wait than `retry.max_wait`. {QuotaExceeded.advice}",
            url=self.url,
            retry_after=wait,
            reset_at=reset_at,
        )

    def _elapsed(self) -> float:
        return self._timing.monotonic() - self._began - self._queued

    def _renewed(self, error: ExploreError) -> bool:
        """Return whether to send the request again with a renewed secret."""
        renewable = self._caller.identity.renewable
        if renewable is None or not isinstance(error, Unauthorized) or self._asked_to_renew:
            return False
        self._asked_to_renew = True
        if not renewable.refused(self._renewals) or self._attempt >= self._caller.retry.attempts:
            return False
        self._shared.counters.retries += 1
        if self._shared.subscribers.listening:
            self._tell_retry(error, 0.0)
        return True

    def _wait_after(self, error: ExploreError) -> float | None:
        if not self._attempt or (isinstance(error, QuotaExceeded) and error.status is None):
            return None
        chance, before = self._timing.random(), self._not_counted
        step = next_step(
            error,
            retry=self._caller.retry,
            attempt=self._attempt,
            counted=self._count(error),
            elapsed=self._elapsed(),
            chance=chance,
        )
        wait = step.wait
        if step.decision is Decision.THROTTLE:
            self._pause_everybody(error, step)
        elif step.decision is Decision.SLOW_DOWN and wait is not None:
            wait = self._slow_down(chance)
        if wait is None or self._shared.connection.closed:
            return None
        overloaded = step.decision is Decision.SLOW_DOWN and self._not_counted > before
        if not overloaded and not self._shared.budget.take():
            error.add_note("Not sent again: this client's retry budget is exhausted.")
            return None
        self._shared.counters.retries += 1
        if self._shared.subscribers.listening:
            self._tell_retry(error, wait)
        return wait

    def _count(self, error: ExploreError) -> int:
        """Return the attempts that say something about this request if the server is overloaded.

        An attempt does not count if it was refused for its rate, or if another request succeeded
        since the attempt before: then the server works, and only takes less.
        """
        works = self._shared.congestion.succeeded_at > self._previous_sent_at
        if works or isinstance(error, QuotaExceeded):
            self._not_counted += 1
        self._previous_sent_at = self._sent_at
        return self._attempt - self._not_counted

    def _slow_down(self, chance: float) -> float | None:
        """Pause and slow all requests; return the wait, or None beyond the deadline."""
        retry, pause = self._caller.retry, self._caller.identity.pause
        now = self._timing.monotonic()
        if self._shared.bucket is not None:
            self._shared.bucket.throttled(sent_at=self._sent_at, now=now)
        seconds = self._shared.congestion.refused(
            sent_at=self._sent_at,
            now=now,
            backoff=retry.backoff(attempt=1, chance=chance),
            longest=min(retry.max_delay, retry.max_wait),
        )
        if seconds:
            pause.until(now + seconds, now=now)
            if self._shared.bucket is not None:
                self._shared.bucket.pause_until(now + seconds)
        wait = self._pause_left()
        since = now if self._first_sent_at is None else self._first_sent_at
        return None if now - since + wait >= retry.deadline else wait

    def _pause_everybody(self, error: ExploreError, step: Step) -> None:
        asked = error.retry_after if isinstance(error, APIError) else None
        wait = step.wait if step.wait is not None else asked
        now = self._timing.monotonic()
        if isinstance(error, QuotaExceeded):
            if error.reset_at is None and asked is not None:
                error.reset_at = moment_after(self._timing.now(), asked)
            self._caller.identity.quota.refused(error)
        if self._shared.bucket is not None:
            self._shared.bucket.throttled(sent_at=self._sent_at, now=now)
        if wait is None:
            return
        reset_at = error.reset_at if isinstance(error, QuotaExceeded) else None
        self._caller.identity.pause.until(now + wait, now=now, reset_at=reset_at)
        if self._shared.bucket is not None and step.wait is not None:
            self._shared.bucket.pause_until(now + step.wait)

    def _succeeded(self) -> None:
        self._shared.budget.succeeded(retries=self._attempt - 1)
        self._shared.congestion.succeeded(self._timing.monotonic())
        if self._shared.bucket is not None:
            self._shared.bucket.succeeded()

    def _tell_request(self) -> None:
        self._shared.subscribers.emit(
            RequestEvent(call=self.number, url=self.url, at=self._sent_at, attempt=self._attempt)
        )

    def _tell_retry(self, error: ExploreError, wait: float) -> None:
        self._shared.subscribers.emit(
            RetryEvent(
                call=self.number,
                url=self.url,
                at=self._timing.monotonic(),
                attempt=self._attempt,
                wait=wait,
                error=error,
            )
        )

    def _tell_throttle(self, reason: Literal["rate", "congestion", "pause"], wait: float) -> None:
        self._shared.counters.throttled += 1
        if self._shared.subscribers.listening:
            self._shared.subscribers.emit(
                ThrottleEvent(
                    call=self.number,
                    url=self.url,
                    at=self._timing.monotonic(),
                    reason=reason,
                    wait=wait,
                    reset_at=self._caller.identity.pause.reset_at if reason == "pause" else None,
                )
            )

    def _tell_done(
        self, outcome: Literal["ok", "error", "cancelled"], error: ExploreError | None
    ) -> None:
        now = self._timing.monotonic()
        self._shared.subscribers.emit(
            DoneEvent(
                call=self.number,
                url=self.url,
                at=now,
                attempts=self._attempt,
                seconds=now - self._began,
                received=self.received,
                outcome=outcome,
                error=error,
            )
        )
