"""Ready-made subscribers for logging, OpenTelemetry spans and progress reports.

client.subscribe(log_events())
client.subscribe(OpenTelemetryEvents())
client.subscribe(ProgressEvents(lambda tally: print(tally.rows), every=1.0))
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen
from yarl import URL

from explore_async.errors import MissingExtraError
from explore_async.events import (
    BytesEvent,
    DoneEvent,
    PageEvent,
    RequestEvent,
    ResponseEvent,
    RetryEvent,
    ThrottleEvent,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from explore_async.events import Event, Subscriber

__all__ = ["OpenTelemetryEvents", "ProgressEvents", "Tally", "log_events"]


def log_events(logger: logging.Logger | None = None) -> Subscriber:
    """Log retries, pauses and errors at level WARNING, and all other events at DEBUG.

    Args:
        logger: the logger; `explore_async` by default.
    """
    log = logger or logging.getLogger("explore_async")

    def write(event: Event) -> None:
        level = _level(event)
        if log.isEnabledFor(level):
            log.log(level, "#%d %s %s", event.call, _words(event), event.url)

    return write


def _level(event: Event) -> int:
    failed = isinstance(event, DoneEvent) and event.outcome == "error"
    paused = isinstance(event, ThrottleEvent) and event.reason == "pause"
    return logging.WARNING if failed or paused or isinstance(event, RetryEvent) else logging.DEBUG


def _words(event: Event) -> str:
    match event:
        case RequestEvent():
            return f"attempt {event.attempt}"
        case ResponseEvent():
            return f"HTTP {event.status} after {event.seconds:.3f} s"
        case RetryEvent():
            name = type(event.error).__name__
            return f"attempt {event.attempt} failed ({name}), retrying in {event.wait:.2f} s"
        case ThrottleEvent():
            return f"waiting {event.wait:.2f} s ({event.reason})"
        case PageEvent():
            return f"{event.rows} rows"
        case BytesEvent():
            return f"{event.received} bytes so far"
        case DoneEvent():
            why = f" ({type(event.error).__name__})" if event.error is not None else ""
            return f"{event.outcome}{why} after {event.seconds:.3f} s, {event.received} bytes"


class OpenTelemetryEvents:
    """A subscriber that records one client span per call, from its first event to its last.

    Waits and retries are events of the span. Attribute names follow the OpenTelemetry conventions
    for HTTP clients. The URL's query is omitted, because it can contain personal data. One instance
    may subscribe to several clients.

    Args:
        tracer: an OpenTelemetry tracer; the global provider's tracer by default.

    Raises:
        MissingExtraError: `opentelemetry-api` is not installed.
    """

    def __init__(self, tracer: Any = None) -> None:
        try:
            from opentelemetry import trace
        except ImportError as error:
            raise MissingExtraError(
                "OpenTelemetryEvents needs opentelemetry-api; "
                "run: pip install 'explore-async[otel]'",
                name="opentelemetry",
            ) from error
        self._trace: Any = trace
        self._tracer: Any = tracer or trace.get_tracer("explore_async")
        self._spans: dict[tuple[int, int], Any] = {}

    def __call__(self, event: Event) -> None:
        """Process one event."""
        # Each client numbers its calls from 1.
        key = (event.client, event.call)
        span = self._spans.get(key)
        if span is None:
            span = self._spans[key] = self._begin(event)
        match event:
            case ResponseEvent():
                span.set_attribute("http.response.status_code", event.status)
            case RetryEvent():
                name = type(event.error).__name__
                span.add_event("retry", {"error.type": name, "wait": event.wait})
            case ThrottleEvent():
                span.add_event("throttle", {"reason": event.reason, "wait": event.wait})
            case PageEvent():
                span.set_attribute("explore.rows", event.rows)
            case DoneEvent():
                self._end(event, self._spans.pop(key))

    def _begin(self, event: Event) -> Any:
        url = URL(event.url, encoded=True)
        attributes = {
            "http.request.method": "GET",
            "server.address": url.host or "",
            "server.port": url.port or 0,
            "url.full": str(url.with_query(None)),
        }
        kind = self._trace.SpanKind.CLIENT
        return self._tracer.start_span("GET", kind=kind, attributes=attributes)

    def _end(self, event: DoneEvent, span: Any) -> None:
        span.set_attribute("http.request.resend_count", max(0, event.attempts - 1))
        span.set_attribute("http.response.body.size", event.received)
        if event.outcome != "ok":
            error = type(event.error).__name__ if event.error is not None else event.outcome
            span.set_attribute("error.type", error)
            span.set_status(self._trace.Status(self._trace.StatusCode.ERROR, error))
        span.end()


@frozen(kw_only=True)
class Tally:
    """The progress so far.

    Attributes:
        calls: calls that have ended.
        pages: pages that have arrived.
        rows: rows on these pages.
        received: decoded bytes of the calls that have ended, and of the exports and files being
            read.
        total: the largest `total_count` of these pages, or None.
    """

    calls: int = 0
    pages: int = 0
    rows: int = 0
    received: int = 0
    total: int | None = None


class ProgressEvents:
    """A subscriber that adds up events and reports the totals, for a progress bar.

    Args:
        report: called with a `Tally`.
        every: minimum seconds between two reports; call `flush` for the last one.
    """

    def __init__(self, report: Callable[[Tally], object], *, every: float = 0.1) -> None:
        self.tally = Tally()
        self._report = report
        self._every = every
        self._reported: float | None = None
        self._streams: dict[tuple[int, int], int] = {}

    def __call__(self, event: Event) -> None:
        """Process one event."""
        tally = self.tally
        match event:
            case PageEvent():
                total = max(tally.total or 0, event.total or 0) or tally.total
                self.tally = evolve(
                    tally, pages=tally.pages + 1, rows=tally.rows + event.rows, total=total
                )
            case BytesEvent():
                self.tally = evolve(tally, received=tally.received + self._more(event))
                self._streams[event.client, event.call] = event.received
            case DoneEvent():
                received = tally.received + self._more(event)
                self.tally = evolve(tally, calls=tally.calls + 1, received=received)
                self._streams.pop((event.client, event.call), None)
            case _:
                return
        if self._reported is None or event.at - self._reported >= self._every:
            self._reported = event.at
            self.flush()

    def _more(self, event: BytesEvent | DoneEvent) -> int:
        """Return the call's bytes that are not in the tally yet."""
        return event.received - self._streams.get((event.client, event.call), 0)

    def flush(self) -> None:
        """Report the current tally at once."""
        self._report(self.tally)
