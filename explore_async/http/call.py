"""One logical call: the only retry loop, its queue, and the events it tells.

A request waits for three things before it is sent: until a pause of the whole client is over, for
a place at the gate, and for its turn at the rate; in a fan-out also for a place there, which
comes last, so that whoever waits for anything else does not hold one. All that is queueing and
counts against neither the timeout nor the deadline. What counts are attempts and the waits between
them.
"""

from __future__ import annotations

import asyncio
import math
from contextvars import ContextVar
from datetime import timedelta
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
from explore_async.http.connection import Connection, connection_error
from explore_async.http.deadlines import Deadline, Deadlines
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


ATTEMPTS: ContextVar[int] = ContextVar("explore_async_attempts", default=1)
"""How many attempts the last answer took that came here; for errors found in it afterwards."""


@define
class Identity:
    """What a portal counts for one caller, and so is not shared with another API key.

    Attributes:
        pause: until when the portal wants no request.
        quota: what it said about the calls left.
        renewable: what renews the caller's secret when the portal refuses it, if anything does.
    """

    pause: Pause = field(factory=Pause)
    quota: QuotaBook = field(factory=QuotaBook)
    renewable: Renewable | None = None


@frozen(kw_only=True)
class Shared:
    """What a client and all that is derived from it have in common."""

    connection: Connection
    gate: Gate
    counters: Counters
    subscribers: Subscribers
    budget: RetryBudget
    bucket: Bucket | None
    timing: Timing
    deadlines: Deadlines = field(factory=Deadlines)


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
    """What one client and its derived ones will share, from the arguments of the client.

    Raises:
        ConfigurationError: the proxy or the file of authorities cannot be used.
    """
    counters = Counters()
    return Shared(
        connection=Connection(session, proxy=proxy, ssl=ssl, on_wire=counters.sent),
        gate=gate,
        counters=counters,
        subscribers=Subscribers(counters),
        budget=RetryBudget(budget),
        bucket=Bucket(rate) if rate is not None else None,
        timing=timing,
    )


@frozen(kw_only=True)
class Caller:
    """Makes calls under one set of policies."""

    shared: Shared
    identity: Identity
    timeouts: Timeouts
    retry: Retry

    def call(self, url: str, admission: Admission | None = None) -> Call:
        """A new call; use it as a context, so that its end is told too."""
        return Call(self, url, admission)


class Call:
    """One logical call, from its first request to its last byte.

    Attributes:
        number: from 1, in the order the calls of a client began.
        received: decoded bytes so far; set by whoever reads the body.
        deadline: of the attempt that is under way.
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
        self._status: int | None = None
        self._renewals = 0
        self._asked_to_renew = False
        self._queued = 0.0
        self._sent_at = 0.0
        self._told_at = 0.0
        self._began = self._timing.monotonic()
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
        """Send, and send again where the policy says so.

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
            # The response is released and its place given back before the wait begins.
            await self._sleep(wait)

    def responded(self, response: aiohttp.ClientResponse) -> None:
        """The head of an answer came."""
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
        """A JSON value came; if it is a page of rows, count and tell it."""
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
        """So many bytes of a body have come; tell it now and then."""
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
        gate, bucket = self._shared.gate, self._shared.bucket
        while True:
            if self._pause_left():
                await self._wait_for_the_pause()
            await gate.take()
            try:
                if bucket is not None:
                    await self._wait_for_the_rate(bucket)
                if self._pause_left():
                    # It began meanwhile: give the place back and wait with the others.
                    continue
                return await self._sent(send, queueing)
            finally:
                gate.give_back()

    async def _one_attempt_among(
        self, admission: Admission, send: Callable[[], Awaitable[T]], queueing: float
    ) -> T:
        gate, bucket = self._shared.gate, self._shared.bucket
        while True:
            await admission.enter()
            await self._wait_for_the_pause()
            await gate.take()
            try:
                if bucket is not None:
                    await self._wait_for_the_rate(bucket)
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
        self._attempt += 1
        self._status = None
        if self._caller.identity.renewable is not None:
            self._renewals = self._caller.identity.renewable.renewals
        if self._shared.subscribers.listening:
            self._tell_request()
        # The queue is over, so a long one is no failure of the server.
        timeouts = self._caller.timeouts
        self.deadline = deadline = self._shared.deadlines.begin(
            whole=min(timeouts.attempt, self._caller.retry.deadline - self._elapsed()),
            # An injected session has a queue of its own, and sees to its reads itself.
            quiet=timeouts.read if self._shared.connection.counts_wire else math.inf,
        )
        try:
            return await send()
        except asyncio.CancelledError:
            if not deadline.over():
                raise
            raise self._timeout(silent=deadline.ends < deadline.last) from None
        except TimeoutError as error:
            raise self._timeout(silent=True) from error
        except (aiohttp.ClientError, OSError) as error:
            # aiohttp's error of an answer holds the request with its headers, and so the key.
            cause = None if isinstance(error, aiohttp.ClientResponseError) else error
            raise connection_error(error, self.url) from cause
        finally:
            deadline.over()
            self.deadline = None

    def _timeout(self, *, silent: bool) -> RequestTimeout:
        what, limit = (
            ("The server fell silent", "read")
            if silent
            else ("The server did not answer in time", "attempt")
        )
        return RequestTimeout(
            f"{what}. Try again later, ask for less, or raise `timeouts.{limit}`.",
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
                "The client was closed while a request waited to be sent. Await what it is asked "
                "for inside `async with ExploreClient(...)`.",
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

    async def _wait_for_the_rate(self, bucket: Bucket) -> None:
        wait = bucket.reserve(self._timing.monotonic())
        if wait > 0:
            self._tell_throttle("rate", wait)
            await self._sleep(wait)

    def _refusal(self, wait: float) -> QuotaExceeded:
        reset_at = self._caller.identity.pause.reset_at
        reset_at = reset_at or self._timing.now() + timedelta(seconds=wait)
        return QuotaExceeded(
            "The portal refused an earlier request and wants none before "
            f"{reset_at.isoformat()}, which is longer than `retry.max_wait`; this one was not "
            f"sent. {QuotaExceeded.advice}",
            url=self.url,
            attempts=self._attempt,
            retry_after=wait,
            reset_at=reset_at,
        )

    def _elapsed(self) -> float:
        return self._timing.monotonic() - self._began - self._queued

    def _renewed(self, error: ExploreError) -> bool:
        """Whether to send once more, with another secret than the one that was refused."""
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
        step = next_step(
            error,
            retry=self._caller.retry,
            attempt=self._attempt,
            elapsed=self._elapsed(),
            chance=self._timing.random(),
        )
        if step.decision is Decision.THROTTLE:
            self._pause_everybody(error, step)
        if step.wait is None or self._shared.connection.closed:
            return None
        if not self._shared.budget.take():
            error.add_note("Not sent again: the retry budget of this client is used up.")
            return None
        self._shared.counters.retries += 1
        if self._shared.subscribers.listening:
            self._tell_retry(error, step.wait)
        return step.wait

    def _pause_everybody(self, error: ExploreError, step: Step) -> None:
        asked = error.retry_after if isinstance(error, APIError) else None
        wait = step.wait if step.wait is not None else asked
        now = self._timing.monotonic()
        if isinstance(error, QuotaExceeded):
            if error.reset_at is None and asked is not None:
                error.reset_at = self._timing.now() + timedelta(seconds=asked)
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

    def _tell_throttle(self, reason: Literal["rate", "pause"], wait: float) -> None:
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
