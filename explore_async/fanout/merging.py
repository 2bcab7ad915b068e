"""Several streams as one: their items as they come, of a bounded number of streams at a time.

A stream is an asynchronous generator, such as the events of one harvest. The guarantees:

* bounded: at most `at_once` streams run, and each waits until its last item is taken;
* one task for each: a stream is begun, continued and closed by the same task, so it may hold
  timeouts and locks between two items;
* no failure stops the others: the end of a stream says what went wrong, if it is an `ExploreError`;
  any other exception is a mistake in the program, and ends everything;
* no stray tasks: when the merged stream is closed, all streams are closed. An `ExploreError` that
  one raises then is dropped, because nobody reads on; a mistake is raised.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Generic, TypeVar

from attrs import frozen

from explore_async.errors import ConfigurationError, ExploreError
from odsql.syntax.errors import shown

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator, Sequence

__all__ = ["End", "Item", "merged", "refuse_none_at_once"]

T = TypeVar("T")


@frozen
class Item(Generic[T]):
    """An item of the stream with this index."""

    index: int
    value: T


@frozen
class End:
    """The end of the stream with this index, and why if it failed."""

    index: int
    error: BaseException | None = None


def refuse_none_at_once(at_once: int) -> None:
    """Refuse a number of streams below 1.

    Raises:
        ConfigurationError: it is.
    """
    if not hasattr(at_once, "__index__") or at_once < 1:
        raise ConfigurationError(f"at_once is {shown(at_once)}; it must be at least 1.")


async def merged(
    streams: Sequence[Callable[[], AsyncGenerator[T, None]]], *, at_once: int
) -> AsyncGenerator[Item[T] | End, None]:
    """Yield the items of all streams, and the end of each.

    Args:
        streams: each is called when its turn comes.
        at_once: how many run at a time, from 1.
    """
    # A stream goes on when the item before is taken, so one place each is enough.
    taken: asyncio.Queue[tuple[Item[T] | End, asyncio.Event]] = asyncio.Queue()
    upcoming = iter(enumerate(streams))
    tasks = [
        asyncio.create_task(_run_all(upcoming, taken)) for _ in range(min(at_once, len(streams)))
    ]
    try:
        left = len(streams)
        while left:
            one, passed = await taken.get()
            if isinstance(one, End):
                left -= 1
                if one.error is not None and not isinstance(one.error, ExploreError):
                    raise one.error
            yield one
            passed.set()
    finally:
        await _close(tasks)


async def _close(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Close the streams of all tasks; raise a mistake that one made meanwhile."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
    failures = [task.exception() for task in tasks if not task.cancelled()]
    for failure in failures:
        if failure is not None and not isinstance(failure, ExploreError):
            raise failure


async def _run_all(
    upcoming: Iterator[tuple[int, Callable[[], AsyncGenerator[T, None]]]],
    taken: asyncio.Queue[tuple[Item[T] | End, asyncio.Event]],
) -> None:
    """Run one stream after the other, until none is left for any task."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine runs in a task

    async def give(one: Item[T] | End) -> None:
        if task.cancelling():  # nobody would take it
            raise asyncio.CancelledError
        passed = asyncio.Event()
        taken.put_nowait((one, passed))
        await passed.wait()

    for index, stream in upcoming:
        error: BaseException | None = None
        try:
            async with aclosing(stream()) as items:
                async for item in items:
                    await give(Item(index, item))
        except (Exception, asyncio.CancelledError) as failure:
            if task.cancelling():
                raise
            error = failure  # the reader raises what is no ExploreError
        await give(End(index, error))
