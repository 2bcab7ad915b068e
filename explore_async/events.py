"""Typed events of a client's calls, their subscribers, and the counters behind `Stats`.

A subscriber is any callable that takes one event. It is called synchronously in the event loop
between two steps of a request, so it must be quick and must not block. Events hold no API key and
no body.

An exception in a subscriber does not affect the request. It is logged with its traceback under the
logger `explore_async` and counted in `Stats.subscriber_errors`, and the subscription ends.
"""

from __future__ import annotations

import itertools
import logging
from typing import TYPE_CHECKING, Literal, TypeAlias

from attrs import evolve, field, fields, frozen

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from explore_async.errors import ExploreError

__all__ = [
    "BytesEvent",
    "Counters",
    "DoneEvent",
    "Event",
    "PageEvent",
    "RequestEvent",
    "ResponseEvent",
    "RetryEvent",
    "Stats",
    "Subscriber",
    "Subscribers",
    "ThrottleEvent",
]

_log = logging.getLogger("explore_async")
_clients = itertools.count(1)


@frozen(kw_only=True)
class _Event:
    """The attributes of every event.

    Attributes:
        call: number of the logical call, from 1, the same in all its events.
        url: the requested URL, without secrets.
        at: seconds on the client's monotonic clock.
        client: number of the client in this process, from 1, the same for clients derived by
            `with_options`. `client` and `call` together identify a call across all clients.
    """

    call: int
    url: str
    at: float
    client: int = field(default=0)


@frozen(kw_only=True)
class RequestEvent(_Event):
    """A request is about to be sent.

    Attributes:
        attempt: number of the attempt, from 1.
    """

    attempt: int


@frozen(kw_only=True)
class ResponseEvent(_Event):
    """The head of a response arrived.

    Attributes:
        attempt: number of the attempt, from 1.
        status: HTTP status.
        seconds: time since the attempt began.
    """

    attempt: int
    status: int
    seconds: float


@frozen(kw_only=True)
class RetryEvent(_Event):
    """A request failed and will be sent again.

    Attributes:
        attempt: number of the failed attempt, from 1.
        wait: seconds until the next attempt.
        error: the error of the failed attempt.
    """

    attempt: int
    wait: float
    error: ExploreError


@frozen(kw_only=True)
class ThrottleEvent(_Event):
    """A request must wait before it is sent.

    Attributes:
        reason: `rate` for the client's own rate limit, `congestion` for the rate that the portal
            sustains, or `pause` until a pause of the whole client ends.
        wait: seconds to wait.
        reset_at: the time that the server named, or None.
    """

    reason: Literal["rate", "congestion", "pause"]
    wait: float
    reset_at: datetime | None = None


@frozen(kw_only=True)
class PageEvent(_Event):
    """A page of rows arrived.

    Attributes:
        rows: number of rows on the page.
        total: the server's `total_count`; None if it sent none.
        received: decoded bytes.
    """

    rows: int
    total: int | None
    received: int


@frozen(kw_only=True)
class BytesEvent(_Event):
    """More of an export or another file arrived; sent at most twice a second.

    Attributes:
        received: decoded bytes of this call so far.
    """

    received: int


@frozen(kw_only=True)
class DoneEvent(_Event):
    """A call ended; its last event.

    Attributes:
        attempts: how many times it was sent.
        seconds: time since the call began, including all waits.
        received: decoded bytes.
        outcome: `ok`, `error` or `cancelled`.
        error: the `ExploreError` raised, or None.
    """

    attempts: int
    seconds: float
    received: int
    outcome: Literal["ok", "error", "cancelled"]
    error: ExploreError | None = field(default=None)


Event: TypeAlias = (
    RequestEvent | ResponseEvent | RetryEvent | ThrottleEvent | PageEvent | BytesEvent | DoneEvent
)
Subscriber: TypeAlias = "Callable[[Event], object]"


@frozen(kw_only=True)
class Stats:
    """What a client and the clients derived from it have done so far, and their present limits.

    Attributes:
        calls: logical calls, such as one page or one export, regardless of retries.
        requests: requests on the wire, including retries, redirects and those that aiohttp itself
            repeats, except those repeated by an injected session.
        retries: how many times a call was sent again.
        throttled: how many times a request waited for a rate or a pause.
        pages: pages of rows.
        rows: rows on these pages.
        received: decoded bytes.
        errors: calls that ended with an error.
        cancelled: calls that were cancelled.
        subscriber_errors: subscribers dropped because they raised an exception.
        window: the requests that may be in flight now; fewer than `concurrency` after the portal
            refused some for their number.
        rate: the requests per second that the portal sustains, by the client's measurement; None
            unless it refused some.
    """

    calls: int = 0
    requests: int = 0
    retries: int = 0
    throttled: int = 0
    pages: int = 0
    rows: int = 0
    received: int = 0
    errors: int = 0
    cancelled: int = 0
    subscriber_errors: int = 0
    window: int = 0
    rate: float | None = None


class Counters:
    """The mutable counters behind `Stats`."""

    def __init__(self) -> None:
        for name in _COUNTED:
            setattr(self, name, 0)

    calls: int
    requests: int
    retries: int
    throttled: int
    pages: int
    rows: int
    received: int
    errors: int
    cancelled: int
    subscriber_errors: int

    def sent(self) -> None:
        """Count one more request on the wire."""
        self.requests += 1

    def view(self, *, window: int, rate: float | None) -> Stats:
        """Return a snapshot."""
        return Stats(**vars(self), window=window, rate=rate)


_COUNTED = tuple(one.name for one in fields(Stats) if one.name not in ("window", "rate"))


class Subscribers:
    """The subscribers of a client.

    Args:
        counters: counts the subscribers that raise.

    Attributes:
        listening: whether there are subscribers; otherwise events need not be created.
    """

    def __init__(self, counters: Counters) -> None:
        self._client = next(_clients)
        self._counters = counters
        self._subscribers: tuple[Subscriber, ...] = ()
        self.listening = False

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call `subscriber` with each event from now on; return a function that ends this."""
        self._subscribers = (*self._subscribers, subscriber)
        self.listening = True

        def unsubscribe() -> None:
            self._drop(subscriber)

        return unsubscribe

    def emit(self, event: Event) -> None:
        """Add the client's number to the event, and call the subscribers in order."""
        event = evolve(event, client=self._client)
        for subscriber in self._subscribers:
            try:
                subscriber(event)
            except Exception:  # noqa: BLE001 - a subscriber must not break a request
                self._drop(subscriber)
                self._counters.subscriber_errors += 1
                _log.exception(
                    "The subscriber %r raised an exception on a %s and will not be called again.",
                    subscriber,
                    type(event).__name__,
                )

    def _drop(self, subscriber: Subscriber) -> None:
        self._subscribers = tuple(one for one in self._subscribers if one is not subscriber)
        self.listening = bool(self._subscribers)
