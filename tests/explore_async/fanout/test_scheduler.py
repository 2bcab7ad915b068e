"""The scheduler: bounded, ordered, pulled, all or nothing, no stray tasks."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, cast

import pytest

from explore_async import ConfigurationError, NotFound
from explore_async.fanout.scheduler import Scheduler
from tests.explore_async.doubles import settle

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine


async def number(value: int) -> int:
    await asyncio.sleep(0)
    return value


async def fail(message: str = "gone") -> int:
    await asyncio.sleep(0)
    raise NotFound(message)


async def for_ever() -> int:
    await asyncio.Event().wait()
    return 0


async def test_results_come_in_order_whatever_finishes_first() -> None:
    """Here the first job finishes last."""
    gates = [asyncio.Event() for _ in range(4)]

    async def job(index: int) -> int:
        if index + 1 < len(gates):
            await gates[index + 1].wait()
        gates[index].set()
        return index

    scheduler = Scheduler(4)
    stream = scheduler.ordered(partial(job, index) for index in range(4))
    assert [result async for result in stream] == [0, 1, 2, 3]


async def test_jobs_are_taken_from_a_lazy_iterator_only_as_needed() -> None:
    """`ahead` is the maximum number of jobs started and not yet taken."""
    started = []

    async def job(index: int) -> int:
        started.append(index)
        return index

    stream = Scheduler(2).ordered((partial(job, index) for index in range(10**9)), ahead=3)
    async with aclosing(stream):
        assert await anext(stream) == 0
        await settle()
        assert started == [0, 1, 2]  # two that run, and one for the result taken
        assert await anext(stream) == 1
        await settle()
        assert started == [0, 1, 2, 3, 4]


async def test_a_failure_comes_after_the_results_before_it_and_cancels_the_rest() -> None:
    """No later job is started for nothing."""
    scheduler, slow, started = Scheduler(4), asyncio.Event(), list[int]()

    async def wait() -> int:
        await slow.wait()
        return 1

    def later() -> Coroutine[object, object, int]:
        started.append(1)
        return for_ever()

    jobs: list[Callable[[], Coroutine[object, object, int]]]
    jobs = [wait, partial(number, 2), fail, for_ever, later, later]
    results = scheduler.ordered(jobs)
    first = asyncio.ensure_future(anext(results))
    await settle()
    assert scheduler.tasks == 1  # the one before the failure; the one after it was cancelled
    slow.set()
    assert [await first, await anext(results)] == [1, 2]
    with pytest.raises(NotFound, match="gone"):
        await anext(results)
    assert (scheduler.tasks, started) == (0, [])


async def test_a_cancelled_reader_leaves_no_task() -> None:
    """The reader raises CancelledError itself."""
    scheduler = Scheduler(3)

    async def read() -> None:
        async for _ in scheduler.ordered([for_ever, for_ever]):
            pass

    reader = asyncio.create_task(read())
    await settle()
    assert scheduler.tasks == 2
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert scheduler.tasks == 0


@pytest.mark.parametrize("failing", [0, 1, 2, 3])
async def test_a_failure_ends_the_jobs_after_it_and_none_before_it(failing: int) -> None:
    failed, ended = asyncio.Event(), list[int]()

    async def job(index: int) -> int:
        if index == failing:
            failed.set()
            raise NotFound("gone")
        try:
            await failed.wait()
            for _ in range(5):
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            ended.append(index)
            raise
        return index

    taken = []
    async with aclosing(Scheduler(4).ordered(partial(job, index) for index in range(4))) as stream:
        with pytest.raises(NotFound):
            async for result in stream:
                taken.append(result)
    assert taken == list(range(failing))
    assert set(ended) <= set(range(failing + 1, 4))


async def test_gather_gives_results_in_order() -> None:
    """It accepts coroutines and other awaitables."""
    future = asyncio.get_running_loop().create_future()
    future.set_result(2)
    assert await Scheduler(1).gather([number(1), future, number(3)]) == [1, 2, 3]
    assert await Scheduler(1).gather([]) == []


async def test_gather_raises_the_error_itself() -> None:
    """It is not wrapped in an exception group, and it keeps its own cause."""
    with pytest.raises(NotFound, match="first") as caught:
        await Scheduler(1).gather([for_ever(), fail("first"), for_ever()])
    assert caught.value.__cause__ is None


async def test_gather_passes_cancellation_on() -> None:
    """Both its requests and its caller are cancelled."""
    ended = asyncio.Event()

    async def request() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    gathering = asyncio.create_task(Scheduler(1).gather([request()]))
    await settle()
    gathering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gathering
    assert ended.is_set()


async def test_gather_starts_nothing_when_one_cannot_be_awaited() -> None:
    """The message names the type, and no coroutine is left unawaited."""
    with pytest.raises(ConfigurationError, match="int"):
        await Scheduler(1).gather([number(1), cast("Awaitable[int]", 5)])


@pytest.mark.parametrize("concurrency", [0, -3, 1_000_001, 10**30])
def test_no_concurrency_is_no_scheduler(concurrency: int) -> None:
    """With no slot, nothing could run."""
    with pytest.raises(ConfigurationError, match=f"is {concurrency}; .*from 1 to 1,000,000"):
        Scheduler(concurrency)
