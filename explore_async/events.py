"""What a client does, as one stream of typed events, and the counts of it.

A subscriber is any callable of one event. It is called in the event loop, between two steps of a
request, so it must be quick and must not wait. Events hold no key and no body.

A subscriber that raises breaks no request: its exception is logged once with its traceback under
the logger `explore_async`, counted in `Stats.subscriber_errors`, and it is called no more.
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
    """What all events have.

    Attributes:
        call: number of the logical call, from 1, the same in all its events.
        url: the URL that was asked, without secrets.
        at: seconds on the client's monotonic clock.
        client: number of the client in this process, from 1; what `with_options` derives has the
            same. `client` and `call` together name one call, also for a subscriber of several.
    """

    call: int
    url: str
    at: float
    client: int = field(default=0)


@frozen(kw_only=True)
class RequestEvent(_Event):
    """A request is about to be sent.

    Attributes:
        attempt: from 1.
    """

    attempt: int


@frozen(kw_only=True)
class ResponseEvent(_Event):
    """The head of an answer came.

    Attributes:
        attempt: from 1.
        status: HTTP status.
        seconds: since the request was sent.
    """

    attempt: int
    status: int
    seconds: float


@frozen(kw_only=True)
class RetryEvent(_Event):
    """A request failed and will be sent again.

    Attributes:
        attempt: the one that failed, from 1.
        wait: seconds until the next.
        error: how it failed.
    """

    attempt: int
    wait: float
    error: ExploreError


@frozen(kw_only=True)
class ThrottleEvent(_Event):
    """A request that is ready waits: for the client's own rate, or until a pause of all is over.

    Attributes:
        reason: `rate` or `pause`.
        wait: seconds.
        reset_at: the moment the server named, or None.
    """

    reason: Literal["rate", "congestion", "pause"]
    wait: float
    reset_at: datetime | None = None


@frozen(kw_only=True)
class PageEvent(_Event):
    """A page of rows came.

    Attributes:
        rows: how many.
        total: how many there are in all, by the server; None when it does not say.
        received: decoded bytes.
    """

    rows: int
    total: int | None
    received: int


@frozen(kw_only=True)
class BytesEvent(_Event):
    """More of an export or another file came; told twice a second at most.

    Attributes:
        received: decoded bytes of this call so far.
    """

    received: int


@frozen(kw_only=True)
class DoneEvent(_Event):
    """A call ended; the last of its events.

    Attributes:
        attempts: how often it was sent.
        seconds: since it began, with all its waits.
        received: decoded bytes.
        outcome: `ok`, `error` or `cancelled`.
        error: the error that was raised, or None.
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
    """What a client has done so far, with all that was derived from it.

    Attributes:
        calls: logical calls, such as one page or one export, however often they were sent.
        requests: requests on the wire, with retries, redirects and those that aiohttp repeats by
            itself; an injected session does not show the last.
        retries: how often a call was sent again.
        throttled: how often a request waited for a rate or a pause.
        pages: pages of rows.
        rows: rows in them.
        received: decoded bytes.
        errors: calls that ended with an error.
        cancelled: calls that were cancelled.
        subscriber_errors: subscribers dropped because they raised.
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


class Counters:
    """The numbers behind `Stats`, while they change."""

    def __init__(self) -> None:
        for one in fields(Stats):
            setattr(self, one.name, 0)

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
        """One more request is on the wire."""
        self.requests += 1

    def view(self) -> Stats:
        """The numbers now."""
        return Stats(**vars(self))


class Subscribers:
    """Those who want events.

    Args:
        counters: where one that raises is counted.

    Attributes:
        listening: whether there is anybody; without, events need not be made.
    """

    def __init__(self, counters: Counters) -> None:
        self._client = next(_clients)
        self._counters = counters
        self._subscribers: tuple[Subscriber, ...] = ()
        self.listening = False

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call it with each event from now on; returns what ends that."""
        self._subscribers = (*self._subscribers, subscriber)
        self.listening = True

        def unsubscribe() -> None:
            self._drop(subscriber)

        return unsubscribe

    def emit(self, event: Event) -> None:
        """Give the event to all, in the order they subscribed, with the number of the client."""
        event = evolve(event, client=self._client)
        for subscriber in self._subscribers:
            try:
                subscriber(event)
            except Exception:  # noqa: BLE001 - whatever it raises, no request breaks
                self._drop(subscriber)
                self._counters.subscriber_errors += 1
                _log.exception(
                    "The subscriber %r raised at a %s and is called no more.",
                    subscriber,
                    type(event).__name__,
                )

    def _drop(self, subscriber: Subscriber) -> None:
        self._subscribers = tuple(one for one in self._subscribers if one is not subscriber)
        self.listening = bool(self._subscribers)
