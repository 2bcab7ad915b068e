"""The scheduler for the requests of one client.

Other modules decide *which* requests to make; a `Scheduler` decides *when* they run. Tasks are
created only here, in `readings` for runs over several clients, and for the one OAuth2 token refresh
that many requests wait for. A `Scheduler` guarantees:

* bounded: at most `concurrency` requests are in flight, over all users of one client;
* ordered: results arrive in the order of the jobs;
* pulled: `ordered` starts a new job only when a result is taken, so a slow reader stops new
  requests, and at most `ahead` results wait;
* fail fast: a failure cancels the sibling tasks, except those whose results `ordered` can still
  deliver before it;
* no stray tasks: every task has finished or is cancelled when its owner ends; `close` ends the
  rest.

`ordered` does not yield inside an `asyncio.TaskGroup`: a group cancels the task that entered it,
which at a `yield` is the reader in the middle of unrelated work. Instead it gives the same
guarantees by owning its tasks in a `try ... finally`.
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

_MOST_CONCURRENT = 1_000_000


class Scheduler:
    """Runs a bounded number of requests, in order, with structured cancellation.

    Args:
        concurrency: the maximum number of requests in flight.

    Attributes:
        gate: the slots for requests. Only a single request holds a slot, never a job that waits for
            other requests, so nested jobs of any depth cannot deadlock.

    Raises:
        ConfigurationError: `concurrency` is below 1 or above 1,000,000.
    """

    def __init__(self, concurrency: int) -> None:
        if not hasattr(concurrency, "__index__") or not 1 <= concurrency <= _MOST_CONCURRENT:
            raise ConfigurationError(
                f"concurrency is {concurrency}; it must be from 1 to {_MOST_CONCURRENT:,}."
            )
        self.concurrency = concurrency
        self.gate = Gate(concurrency)
        self._tasks: set[asyncio.Task[object]] = set()

    @property
    def tasks(self) -> int:
        """The number of background tasks; 0 while nothing iterates."""
        return len(self._tasks)

    async def gather(self, requests: Iterable[Awaitable[T]]) -> list[T]:
        """Await all requests concurrently.

        Args:
            requests: coroutines or other awaitables; each takes slots as it sends requests.

        Returns:
            The results in the order of `requests`.

        Raises:
            ConfigurationError: a request cannot be awaited; none was started.
            ExploreError: the first request to fail; the others were cancelled.
        """
        waiting = list(requests)
        _refuse_what_cannot_be_awaited(waiting)
        return await self.together([_coroutine(request) for request in waiting])

    async def together(self, requests: list[Coroutine[object, object, T]]) -> list[T]:
        """Await coroutines concurrently, like `gather` but without checking them."""
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(request) for request in requests]
        except BaseExceptionGroup as failures:
            # The group lists failures in order of occurrence; the first keeps its own cause.
            first = failures.exceptions[0]
            raise first from first.__cause__
        return [task.result() for task in tasks]

    async def ordered(
        self,
        jobs: Iterable[Callable[[], Coroutine[object, object, T]]],
        *,
        ahead: int | None = None,
    ) -> AsyncGenerator[T, None]:
        """Run jobs concurrently and yield their results in order.

        Args:
            jobs: called one by one as slots become free; may be a lazy iterator.
            ahead: the maximum number of jobs running, or finished but not yet taken; by default
                twice `concurrency`, so that a free slot is filled at once even while the next
                result is pending.

        Raises:
            ExploreError: a job failed; raised in its turn, after the results before it.
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
                # Start more only now: the result may have told the reader that there are no more.
                for job in islice(upcoming, most - len(window.tasks)):
                    window.start(job)
        finally:
            await window.close()

    async def close(self) -> None:
        """Cancel all remaining tasks and wait until they have released their connections."""
        await _cancelled(self._tasks)


class _Window(Generic[T]):
    """The jobs of one `ordered` run that have started and are not yet taken."""

    def __init__(self, registry: set[asyncio.Task[object]]) -> None:
        self.tasks: deque[asyncio.Task[T]] = deque()
        self._registry = registry
        self._failed = False

    def start(self, job: Callable[[], Coroutine[object, object, T]]) -> None:
        if self._failed:
            return  # its result would never be taken
        task = asyncio.get_running_loop().create_task(job())
        self.tasks.append(task)
        self._registry.add(task)
        task.add_done_callback(self._settled)

    async def next(self) -> T:
        head = self.tasks[0]
        if not head.done():
            # wait() does not raise the task's error, and cancelling it does not cancel the task.
            await asyncio.wait((head,))
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
        if task.exception() is None or task not in self.tasks:
            return
        # The results before it can still be delivered, and those after it cannot.
        self._failed = True
        for later in islice(self.tasks, self.tasks.index(task) + 1, None):
            later.cancel()


async def _cancelled(tasks: Iterable[asyncio.Task[T]]) -> None:
    pending = [task for task in tasks if not task.done()]
    for task in pending:
        task.cancel()
    if pending:
        await asyncio.wait(pending)


async def _awaited(request: Awaitable[T]) -> T:
    return await request


def _coroutine(request: Awaitable[T]) -> Coroutine[object, object, T]:
    # A coroutine must be the task's own and not wrapped: a task cancelled before its first step
    # would never start a wrapped one.
    return request if iscoroutine(request) else _awaited(request)


def _refuse_what_cannot_be_awaited(requests: list[Awaitable[T]]) -> None:
    strangers = [request for request in requests if not isawaitable(request)]
    if not strangers:
        return
    for request in requests:
        if iscoroutine(request):
            request.close()
    raise ConfigurationError(
        f"gather() got {type(strangers[0]).__name__}, which cannot be awaited. "
        "Pass calls such as dataset.records(query).to_list() or dataset.facets('name')."
    )
