"""When the requests of one client run.

Other modules decide *which* requests there are; a `Scheduler` decides *when*. Tasks are created
here, in `readings` for runs over several clients, and for the one refresh of an OAuth2 token that
many requests wait for; nowhere else. The promises of a `Scheduler`:

* bounded: no more than `concurrency` requests are in flight, over all users of one client;
* ordered: results come in the order the jobs were given;
* pulled: `ordered` starts a new job only when a result is taken, so a slow reader stops new
  requests, and never more than `ahead` results wait;
* all or nothing: the first failure cancels the siblings and is the error that is raised;
* no strays: every task is finished or cancelled when its owner ends, and `close` ends the rest.

`ordered` does not yield from inside an `asyncio.TaskGroup`: a group cancels the task that entered
it, which at a `yield` is the reader in the middle of unrelated work. It keeps the same promises by
owning its tasks in a `try ... finally`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from inspect import isawaitable, iscoroutine
from itertools import islice
from typing import TYPE_CHECKING, Generic, TypeVar

from explore_async.errors import ConfigurationError
from explore_async.http.gate import Gate

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable

__all__ = ["Scheduler"]

T = TypeVar("T")


class Scheduler:
    """Runs requests in bounded numbers, in order, with structured cancellation.

    Args:
        concurrency: the most requests in flight at a time.

    Attributes:
        gate: the places for them. Only a single request holds a place, never something that waits
            for other requests; so jobs may be nested to any depth without waiting for each other
            for ever.

    Raises:
        ConfigurationError: `concurrency` is below 1.
    """

    def __init__(self, concurrency: int) -> None:
        if concurrency < 1:
            raise ConfigurationError(f"concurrency is {concurrency}; it must be at least 1.")
        self.concurrency = concurrency
        self.gate = Gate(concurrency)
        self._tasks: set[asyncio.Task[object]] = set()

    @property
    def tasks(self) -> int:
        """How many background tasks exist now; 0 when nobody iterates."""
        return len(self._tasks)

    async def gather(self, requests: Iterable[Awaitable[T]]) -> list[T]:
        """Await all requests at the same time.

        Args:
            requests: coroutines or other awaitables; each takes its places as it goes.

        Returns:
            The results in the order of `requests`.

        Raises:
            ConfigurationError: one of them cannot be awaited; none was started.
            ExploreError: the first request to fail; the others were cancelled.
        """
        waiting = list(requests)
        _refuse_what_cannot_be_awaited(waiting)
        return await self.together([_coroutine(request) for request in waiting])

    async def together(self, requests: list[Coroutine[object, object, T]]) -> list[T]:
        """`gather`, for coroutines of our own."""
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(request) for request in requests]
        except BaseExceptionGroup as failures:
            # The group lists failures as they happened; the first keeps its own cause.
            first = failures.exceptions[0]
            raise first from first.__cause__
        return [task.result() for task in tasks]

    async def ordered(
        self,
        jobs: Iterable[Callable[[], Coroutine[object, object, T]]],
        *,
        ahead: int | None = None,
    ) -> AsyncGenerator[T, None]:
        """Run jobs concurrently and give their results in order.

        Args:
            jobs: called one by one as room appears; may be a lazy iterator.
            ahead: the most jobs running or finished but not yet taken; by default twice
                `concurrency`, so that a place that gets free is filled at once, though the result
                that is to be taken next is still to come.

        Raises:
            ExploreError: the first job to fail, even when earlier results are still to come.
        """
        window: _Window[T] = _Window(self._tasks)
        upcoming = iter(jobs)
        most = ahead or 2 * self.concurrency
        try:
            for job in islice(upcoming, min(most, self.concurrency)):
                window.start(job)
            while window.tasks:
                result = await window.next()
                for job in islice(upcoming, 1):
                    window.start(job)
                yield result
                # Only now, as the reader may have learnt from the result that there is no more.
                for job in islice(upcoming, most - len(window.tasks)):
                    window.start(job)
        finally:
            await window.close()

    async def close(self) -> None:
        """Cancel every task that is left and wait until it has let go of its connection."""
        await _cancelled(self._tasks)


class _Window(Generic[T]):
    """The jobs of one `ordered` run that are started and not yet taken."""

    def __init__(self, registry: set[asyncio.Task[object]]) -> None:
        self.tasks: deque[asyncio.Task[T]] = deque()
        self._registry = registry
        self._failure: BaseException | None = None

    def start(self, job: Callable[[], Coroutine[object, object, T]]) -> None:
        task = asyncio.get_running_loop().create_task(job())
        self.tasks.append(task)
        self._registry.add(task)
        task.add_done_callback(self._settled)

    async def next(self) -> T:
        head = self.tasks[0]
        if not head.done():
            # wait() neither raises the task's error nor cancels the task when we are cancelled.
            await asyncio.wait((head,))
        if self._failure is not None:
            raise self._failure
        if head.cancelled():
            raise ConfigurationError(
                "The client was closed while its results were being read. "
                "Read them inside `async with ExploreClient(...)`."
            )
        self.tasks.popleft()
        return head.result()

    async def close(self) -> None:
        remaining, self.tasks = self.tasks, deque()
        await _cancelled(remaining)

    def _settled(self, task: asyncio.Task[T]) -> None:
        self._registry.discard(task)
        if task.cancelled():
            return
        failure = task.exception()
        if failure is None or self._failure is not None:
            return
        self._failure = failure
        for sibling in self.tasks:
            sibling.cancel()


async def _cancelled(tasks: Iterable[asyncio.Task[T]]) -> None:
    pending = [task for task in tasks if not task.done()]
    for task in pending:
        task.cancel()
    if pending:
        await asyncio.wait(pending)


async def _awaited(request: Awaitable[T]) -> T:
    return await request


def _coroutine(request: Awaitable[T]) -> Coroutine[object, object, T]:
    # A coroutine must be the task's own and not wrapped: a task that is cancelled before its first
    # step would never begin it.
    return request if iscoroutine(request) else _awaited(request)


def _refuse_what_cannot_be_awaited(requests: list[Awaitable[T]]) -> None:
    stranger = next((request for request in requests if not isawaitable(request)), None)
    if stranger is None:
        return
    for request in requests:
        if iscoroutine(request):
            request.close()
    raise ConfigurationError(
        f"gather() got {type(stranger).__name__}, which cannot be awaited. "
        "Pass calls, such as dataset.records(query).to_list() or dataset.facets('name')."
    )
