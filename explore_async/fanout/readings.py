"""Concurrent readings over datasets, clients and portals, within common limits.

A reading is one whole result, such as the records of one dataset. The client's `gather_records` and
`gather_facets` run here. The guarantees:

* bounded: at most `concurrency` requests are in flight over all portals, in addition to each
  client's own limit; a slot is held while a request is in flight, not while it waits for a retry;
* bounded in memory: while about `max_bytes` of responses wait to be taken, only the reading to be
  delivered next continues;
* fair: a free slot goes to the portal with the fewest requests in flight, so a slow, long or
  paused portal does not starve the others;
* all or nothing, or collected: the first failure cancels the rest, or becomes part of the result;
* no stray tasks: every task has finished or is cancelled when the run ends, however it ends.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter, deque
from collections.abc import Iterable
from contextlib import aclosing
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

from attrs import evolve, frozen

from explore_async.errors import ConfigurationError, ExploreError
from explore_async.http.gate import Gate
from odsql.syntax.errors import shown

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator

    from explore_async.http.gate import Admission

__all__ = ["FanOut", "Job", "Outcome", "Room", "all_of"]

T = TypeVar("T")
R = TypeVar("R")

Errors = Literal["raise", "collect"]


class Room:
    """The memory limit of a run: the bytes that its readings hold, and which may read more.

    One reading may always continue; otherwise a result larger than the limit would never finish.

    Args:
        most: the limit in bytes of responses held; once it is reached, only one reading continues.
    """

    def __init__(self, most: float) -> None:
        self._most = most
        self._held: Counter[int] = Counter()
        self._total = 0
        self._first: int | None = None
        self._waiting: list[asyncio.Future[None]] = []

    def closed_to(self, index: int | None) -> bool:
        """Return whether a reading must wait; `index` is None for one that has not begun."""
        return self._total >= self._most and (index is None or index != self._first)

    async def enter(self, index: int) -> None:
        """Wait until the reading may request more."""
        while self.closed_to(index):
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            await waiter

    def add(self, index: int, size: int) -> None:
        """Add the bytes of a response."""
        self._held[index] += size
        self._total += size

    def drop(self, index: int) -> None:
        """Drop the bytes of a reading whose result was taken."""
        self._total -= self._held.pop(index, 0)
        self._wake()

    def lead(self, index: int | None) -> None:
        """Let one reading continue regardless of the limit."""
        if index != self._first:
            self._first = index
            self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)


@frozen(kw_only=True)
class _Admission:
    """The `Admission` for the requests of one reading."""

    portal: str
    index: int
    gate: Gate
    room: Room

    async def enter(self) -> None:
        await self.room.enter(self.index)

    @property
    def closed(self) -> bool:
        return self.room.closed_to(self.index)

    async def take(self) -> None:
        await self.gate.take(self.portal)

    def give_back(self) -> None:
        self.gate.give_back(self.portal)

    def received(self, size: int) -> None:
        self.room.add(self.index, size)

    def shared(self) -> _Admission:
        return evolve(self, room=Room(math.inf))


@frozen(kw_only=True)
class Job(Generic[T]):
    """One reading of a run.

    Attributes:
        portal: the portal's base URL.
        run: reads the result; it must pass the given admission to all its requests.
    """

    portal: str
    run: Callable[[Admission], Awaitable[T]]


@frozen(kw_only=True)
class Outcome(Generic[T]):
    """The outcome of one reading.

    Attributes:
        index: the position of the reading among those given.
        value: the result; None if the reading failed.
        error: the error of a failed reading, otherwise None.
    """

    index: int
    value: T | None
    error: ExploreError | None = None

    def result(self) -> T:
        """Return the value.

        Raises:
            ExploreError: the reading failed.
        """
        if self.error is not None:
            raise self.error
        return self.value  # type: ignore[return-value]


class FanOut(Generic[T, R]):
    """Concurrent readings that run when awaited or iterated; creating one sends nothing.

    Await it for a list of results in the given order. Iterate over it for `Outcome`s, in order or,
    with `ordered=False`, as they finish. With `errors="collect"` a failed reading is an
    `ExploreError` in the list, or an `Outcome` with an error. To leave an iteration early, use
    `async with fan_out.open()`, which closes it.

    `max_bytes` limits an iteration: the decoded bytes of all responses for results not yet taken,
    of finished and running readings. Once the limit is reached, no reading begins and none requests
    more, except the one to be delivered next (with `ordered=False` the oldest), which continues to
    its end. Responses in flight at that time come on top. Awaiting keeps all results anyway and is
    not limited.

    Raises while running:
        ExploreError: the first reading to fail, with `errors="raise"`; the others are cancelled.
    """

    def __init__(
        self,
        jobs: list[Job[T]],
        *,
        concurrency: int,
        max_bytes: int,
        ordered: bool,
        errors: Errors,
    ) -> None:
        if not hasattr(max_bytes, "__index__") or concurrency < 1 or max_bytes < 1:
            raise ConfigurationError(
                f"concurrency is {concurrency} and max_bytes is {shown(max_bytes)}; "
                "both must be at least 1."
            )
        if errors not in ("raise", "collect"):
            raise ConfigurationError(f"errors is {shown(errors)}; it must be 'raise' or 'collect'.")
        self._jobs = jobs
        self._concurrency = concurrency
        self._max_bytes = max_bytes
        self._ordered = ordered
        self._errors = errors

    def __await__(self) -> Generator[object, None, list[R]]:
        return self._collected().__await__()

    def __aiter__(self) -> AsyncIterator[Outcome[T]]:
        return self._outcomes(self._max_bytes)

    def open(self) -> aclosing[AsyncGenerator[Outcome[T], None]]:
        """Return the outcomes for an `async with` block that ends every reading on exit."""
        return aclosing(self._outcomes(self._max_bytes))

    async def _collected(self) -> list[R]:
        results: dict[int, T | ExploreError] = {}
        async with aclosing(self._outcomes(math.inf)) as outcomes:
            async for one in outcomes:
                results[one.index] = one.error if one.error is not None else one.result()
        return [results[index] for index in range(len(self._jobs))]  # type: ignore[misc]

    async def _outcomes(self, most_bytes: float) -> AsyncGenerator[Outcome[T], None]:
        run = _Run(self._jobs, Gate(self._concurrency), Room(most_bytes), most=self._concurrency)
        upcoming = 0
        try:
            while upcoming < len(self._jobs):
                run.start(head=upcoming if self._ordered else None)
                index = upcoming if self._ordered else run.any_finished()
                if index is None or index not in run.finished:
                    await run.wait()
                    if self._errors == "raise":
                        run.raise_first()
                    continue
                upcoming += 1
                yield run.take(index)
        finally:
            await run.close()


class _Run(Generic[T]):
    """One run of a fan-out: its waiting, running and finished readings."""

    def __init__(self, jobs: list[Job[T]], gate: Gate, room: Room, *, most: int) -> None:
        self.finished: dict[int, Outcome[T]] = {}
        self._jobs = jobs
        self._gate = gate
        self._room = room
        self._most = most
        self._running: dict[asyncio.Task[T], int] = {}
        self._active: Counter[str] = Counter()
        self._waiting: dict[str, deque[int]] = {}
        self._started: set[int] = set()
        for index, job in enumerate(jobs):
            self._waiting.setdefault(job.portal, deque()).append(index)

    def start(self, *, head: int | None) -> None:
        """Start readings while there is room; the one to be delivered next always starts.

        Args:
            head: the reading to be delivered next; None if it may be any.
        """
        while len(self._running) < self._most and (index := self._next(head)) is not None:
            job = self._jobs[index]
            self._waiting[job.portal].remove(index)
            self._started.add(index)
            self._active[job.portal] += 1
            admission = _Admission(portal=job.portal, index=index, gate=self._gate, room=self._room)
            # `_called` delays job.run: a task cancelled before its first step never calls it.
            self._running[asyncio.create_task(_called(job, admission))] = index
        # If any reading may be next and one has finished, no reading needs to continue.
        oldest = None if self.finished else next(iter(self._running.values()), None)
        self._room.lead(oldest if head is None else head)

    def any_finished(self) -> int | None:
        """Return a finished reading, the one that finished first; None if there is none."""
        return next(iter(self.finished), None)

    async def wait(self) -> None:
        """Wait until a reading finishes."""
        done, _ = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            index = self._running.pop(task)
            self._active[self._jobs[index].portal] -= 1
            self._finish(index, task)

    def raise_first(self) -> None:
        """Raise the error of the first failed reading, if any."""
        for one in self.finished.values():
            if one.error is not None:
                raise one.error

    def take(self, index: int) -> Outcome[T]:
        """Return the outcome of a finished reading and drop its bytes."""
        self._room.drop(index)
        return self.finished.pop(index)

    async def close(self) -> None:
        """Cancel the running readings, and wait until they have released their connections."""
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)
        for task in self._running:
            if not task.cancelled():
                task.exception()  # mark as retrieved; the run ends for another reason

    def _next(self, head: int | None) -> int | None:
        if head is not None and head not in self._started:
            return head
        return None if self._room.closed_to(None) else self._fewest()

    def _fewest(self) -> int | None:
        queues = [(self._active[name], queue[0]) for name, queue in self._waiting.items() if queue]
        return min(queues)[1] if queues else None

    def _finish(self, index: int, task: asyncio.Task[T]) -> None:
        if task.cancelled():
            error: BaseException | None = ConfigurationError(
                "The client was closed while its results were being read. "
                "Read them inside `async with ExploreClient(...)`."
            )
        else:
            error = task.exception()
        if error is None:
            self.finished[index] = Outcome(index=index, value=task.result())
        elif isinstance(error, ExploreError):
            self.finished[index] = Outcome(index=index, value=None, error=error)
        else:
            raise error


async def _called(job: Job[T], admission: Admission) -> T:
    return await job.run(admission)


def all_of(kind: type[T], requests: Iterable[T]) -> list[T]:
    """Return the requests as a list.

    Raises:
        ConfigurationError: they are not an iterable of `kind`.
    """
    if isinstance(requests, kind) or not isinstance(requests, Iterable):
        raise ConfigurationError(
            f"Pass an iterable of {kind.__name__} objects, not a {type(requests).__name__}."
        )
    given = list(requests)
    strangers = [one for one in given if not isinstance(one, kind)]
    if not strangers:
        return given
    raise ConfigurationError(
        f"A request is a {type(strangers[0]).__name__}; it must be a {kind.__name__} object. Pass "
        "dataset.records(...) to gather_records, and dataset.facets(...) to gather_facets."
    )
