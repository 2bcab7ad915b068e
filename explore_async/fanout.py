"""Many readings side by side, over datasets, clients and portals, within common bounds.

`gather_records` and `gather_facets` of a client lead here. The promises:

* bounded: at most `concurrency` requests in flight over all portals, beside what each client
  allows; and no new reading begins while finished results of about `max_bytes` wait to be taken;
* fair: a free place goes to the portal that has the fewest requests in flight, so a slow or long
  one does not starve the others;
* all or nothing, or collected: the first failure cancels the rest, or becomes part of the result;
* no strays: every task is finished or cancelled when the run ends, however it ends.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import attrs
import orjson
from attrs import frozen

from explore_async.errors import ConfigurationError, ExploreError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator

__all__ = ["FanOut", "Gate", "Job", "Outcome", "weight"]

T = TypeVar("T")

Errors = Literal["raise", "collect"]


class Gate:
    """Hands out places for requests, first to the portal that holds the fewest.

    Args:
        places: how many there are.
    """

    def __init__(self, places: int) -> None:
        self._free = places
        self._held: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def place(self, portal: str) -> AsyncIterator[None]:
        """A place for one request to a portal."""
        await self._take(portal)
        try:
            yield
        finally:
            self._give_back(portal)

    async def _take(self, portal: str) -> None:
        if self._free:
            self._free -= 1
            self._held[portal] += 1
            return
        place = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(portal, deque()).append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._give_back(portal)
            raise

    def _give_back(self, portal: str) -> None:
        self._held[portal] -= 1
        for name in sorted(self._waiting, key=self._held.__getitem__):
            queue = self._waiting[name]
            while queue:
                place = queue.popleft()
                if not place.done():
                    self._held[name] += 1
                    place.set_result(None)
                    return
            del self._waiting[name]
        self._free += 1


@frozen(kw_only=True)
class Job(Generic[T]):
    """One reading of a run.

    Attributes:
        portal: base URL of the portal it asks.
        run: reads, with each request going through the gate.
    """

    portal: str
    run: Callable[[Gate], Awaitable[T]]


@frozen(kw_only=True)
class Outcome(Generic[T]):
    """What became of one reading.

    Attributes:
        index: its place among those given.
        value: the result; None when it failed.
        error: why it failed; None when it did not.
    """

    index: int
    value: T | None
    error: ExploreError | None = None

    def result(self) -> T:
        """The value.

        Raises:
            ExploreError: the reading failed.
        """
        if self.error is not None:
            raise self.error
        return self.value  # type: ignore[return-value]


class FanOut(Generic[T]):
    """Many readings, run when it is awaited or iterated; making it sends nothing.

    Await it for a list of results in the order given; iterate it for `Outcome`s, in order or, with
    `ordered=False`, as they come. With `errors="collect"` a failed reading is an `ExploreError` in
    the list, or an `Outcome` with an error. Close the iteration (`async with fan_out.open()`) when
    leaving it early.

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
        if concurrency < 1 or max_bytes < 1:
            raise ConfigurationError(
                f"concurrency is {concurrency} and max_bytes {max_bytes}; both must be at least 1."
            )
        if errors not in {"raise", "collect"}:
            raise ConfigurationError(f"errors is {errors!r}; it must be 'raise' or 'collect'.")
        self._jobs = jobs
        self._concurrency = concurrency
        self._max_bytes = max_bytes
        self._ordered = ordered
        self._errors = errors

    def __await__(self) -> Generator[object, None, list[T | ExploreError]]:
        return self._collected().__await__()

    def __aiter__(self) -> AsyncIterator[Outcome[T]]:
        return self._outcomes()

    def open(self) -> aclosing[AsyncGenerator[Outcome[T], None]]:
        """The outcomes, in an `async with` block that has ended every reading when it is left."""
        return aclosing(self._outcomes())

    async def _collected(self) -> list[T | ExploreError]:
        results: dict[int, T | ExploreError] = {}
        async with self.open() as outcomes:
            async for one in outcomes:
                results[one.index] = one.error if one.error is not None else one.result()
        return [results[index] for index in range(len(self._jobs))]

    async def _outcomes(self) -> AsyncGenerator[Outcome[T], None]:
        run = _Run(self._jobs, Gate(self._concurrency), most=self._concurrency)
        upcoming = 0
        try:
            while upcoming < len(self._jobs):
                run.start(head=upcoming, room=run.held < self._max_bytes)
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
    """One run of a fan-out: what waits, what runs, and what is finished and not yet taken."""

    def __init__(self, jobs: list[Job[T]], gate: Gate, *, most: int) -> None:
        self.finished: dict[int, Outcome[T]] = {}
        self.held = 0
        self._jobs = jobs
        self._gate = gate
        self._most = most
        self._weights: dict[int, int] = {}
        self._running: dict[asyncio.Task[T], int] = {}
        self._active: Counter[str] = Counter()
        self._waiting: dict[str, deque[int]] = {}
        self._started: set[int] = set()
        for index, job in enumerate(jobs):
            self._waiting.setdefault(job.portal, deque()).append(index)

    def start(self, *, head: int, room: bool) -> None:
        """Start readings while there is room; the one to be delivered next needs none."""
        while len(self._running) < self._most:
            index = head if head not in self._started else self._fewest() if room else None
            if index is None:
                return
            job = self._jobs[index]
            self._waiting[job.portal].remove(index)
            self._started.add(index)
            self._active[job.portal] += 1
            # The coroutine is made inside: a task cancelled before its first step never makes it.
            self._running[asyncio.create_task(_called(job, self._gate))] = index

    def any_finished(self) -> int | None:
        """One that may be taken, the oldest first."""
        return next(iter(self.finished), None)

    async def wait(self) -> None:
        """Wait until something finishes."""
        done, _ = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            index = self._running.pop(task)
            self._active[self._jobs[index].portal] -= 1
            self._finish(index, task)

    def raise_first(self) -> None:
        """Raise the error of a reading that failed, if one did."""
        for one in self.finished.values():
            if one.error is not None:
                raise one.error

    def take(self, index: int) -> Outcome[T]:
        """Hand out what is finished."""
        self.held -= self._weights.pop(index, 0)
        return self.finished.pop(index)

    async def close(self) -> None:
        """Cancel what still runs, and wait until it has let go of its connections."""
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)
        for task in self._running:
            if not task.cancelled():
                task.exception()  # seen; the run ends for another reason

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
            self._weights[index] = weight(task.result())
            self.held += self._weights[index]
        elif isinstance(error, ExploreError):
            self.finished[index] = Outcome(index=index, value=None, error=error)
        else:
            raise error


def weight(result: object) -> int:
    """About how many bytes of JSON a result is: the size of its first items, for all of them."""
    if not isinstance(result, list) or not result:
        return 0
    sample = result[:3]
    size = sum(len(orjson.dumps(one, default=_plain)) for one in sample)
    return size * len(result) // len(sample)


def _plain(value: Any) -> object:
    return attrs.asdict(value) if attrs.has(type(value)) else str(value)


async def _called(job: Job[T], gate: Gate) -> T:
    return await job.run(gate)
