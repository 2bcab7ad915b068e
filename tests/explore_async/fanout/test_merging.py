"""Several streams as one: bounded, each in one task, and closed together."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explore_async.errors import ConfigurationError, IntegrityError, StorageError
from explore_async.fanout.merging import End, Item, merged, refuse_none_at_once

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable


async def counting(most: int) -> AsyncGenerator[int, None]:
    """Yield some numbers; other tasks run in between."""
    for number in range(most):
        await asyncio.sleep(0)
        yield number


@settings(max_examples=50, deadline=None)
@given(lengths=st.lists(st.integers(0, 5), max_size=8), at_once=st.integers(1, 4))
def test_each_item_comes_once_and_in_the_order_of_its_stream(
    lengths: list[int], at_once: int
) -> None:
    """And each stream ends once, after its items."""

    async def run() -> list[Item[int] | End]:
        streams = [partial(counting, most) for most in lengths]
        return [one async for one in merged(streams, at_once=at_once)]

    found = asyncio.run(run())
    for index, most in enumerate(lengths):
        mine = [one for one in found if one.index == index]
        assert mine == [*(Item(index, number) for number in range(most)), End(index)]


async def test_only_so_many_streams_run_at_a_time() -> None:
    """Another one begins when one has ended."""
    running = most = 0

    async def stream() -> AsyncGenerator[int, None]:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        yield 1
        running -= 1

    found = [one async for one in merged([stream] * 7, at_once=3)]
    assert len(found) == 14
    assert most == 3


async def test_a_stream_waits_until_its_item_is_taken() -> None:
    """So a slow reader holds one item of each stream."""
    made = 0

    async def stream() -> AsyncGenerator[int, None]:
        nonlocal made
        for number in range(100):
            made += 1
            yield number

    async with aclosing(merged([stream, stream], at_once=2)) as items:
        await anext(items)
        for _ in range(5):
            await asyncio.sleep(0)
        assert made == 2


async def test_a_stream_is_run_and_closed_by_one_task() -> None:
    """So it may hold a timeout between two items."""
    tasks = set()

    async def stream() -> AsyncGenerator[int, None]:
        try:
            async with asyncio.timeout(60):
                for number in range(3):
                    tasks.add(asyncio.current_task())
                    yield number
        finally:
            tasks.add(asyncio.current_task())

    async with aclosing(merged([stream], at_once=1)) as items:
        assert isinstance(await anext(items), Item)
        assert isinstance(await anext(items), Item)
    assert len(tasks) == 1
    assert asyncio.current_task() not in tasks


async def test_a_failure_ends_only_its_stream() -> None:
    """The end says why."""
    error = IntegrityError("Rows are missing.")

    async def fails() -> AsyncGenerator[int, None]:
        yield 1
        raise error

    streams: list[Callable[[], AsyncGenerator[int, None]]] = [fails, partial(counting, 3)]
    found = [one async for one in merged(streams, at_once=2)]
    assert End(0, error) in found
    assert End(1) in found
    assert len(found) == 6


async def test_a_mistake_ends_everything() -> None:
    """It is raised where the streams are read, and the others are closed."""
    closed = asyncio.Event()

    async def waits() -> AsyncGenerator[int, None]:
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            closed.set()

    async def fails() -> AsyncGenerator[int, None]:
        await asyncio.sleep(0)
        raise ZeroDivisionError
        yield 1

    with pytest.raises(ZeroDivisionError):
        async for _ in merged([waits, fails], at_once=2):
            pass
    assert closed.is_set()


async def test_closing_it_closes_all_streams() -> None:
    """Those that wait, too; and no task is left."""
    closed = []

    async def stream(name: str) -> AsyncGenerator[str, None]:
        try:
            yield name
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            closed.append(name)

    async with aclosing(merged([partial(stream, "a"), partial(stream, "b")], at_once=2)) as items:
        await anext(items)
        await anext(items)
    assert sorted(closed) == ["a", "b"]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def closed_after_one(stream: Callable[[], AsyncGenerator[int, None]]) -> None:
    """Read one item of a stream that is merged with another, and close both."""
    streams: list[Callable[[], AsyncGenerator[int, None]]] = [stream, partial(counting, 9)]
    both = merged(streams, at_once=2)
    async with asyncio.timeout(5), aclosing(both) as items:
        await anext(items)


async def test_an_error_of_a_stream_that_is_closed_is_dropped() -> None:
    """Nobody waits for it, and nobody waits for its reader."""

    async def stream() -> AsyncGenerator[int, None]:
        try:
            yield 1
        finally:
            msg = "The disk is full."
            raise StorageError(msg)

    await closed_after_one(stream)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_mistake_of_a_stream_that_is_closed_is_raised() -> None:
    """After all are closed."""

    async def stream() -> AsyncGenerator[int, None]:
        try:
            yield 1
        finally:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await closed_after_one(stream)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_stream_that_goes_on_when_it_is_closed_is_not_waited_for() -> None:
    """What it yields is not taken."""

    async def stream() -> AsyncGenerator[int, None]:
        with suppress(asyncio.CancelledError):
            yield 1
            await asyncio.Event().wait()
        yield 2

    async def delayed() -> AsyncGenerator[int, None]:
        await asyncio.sleep(0)
        yield 3

    async with asyncio.timeout(5), aclosing(merged([stream, delayed], at_once=2)) as items:
        assert await anext(items) == Item(0, 1)
        assert await anext(items) == Item(1, 3)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_stream_that_is_cancelled_from_within_is_a_mistake() -> None:
    """As one that awaits a task that somebody cancelled; the reader does not wait for ever."""

    async def stream() -> AsyncGenerator[int, None]:
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        yield await future

    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(5):
            await anext(merged([stream], at_once=1))


@pytest.mark.parametrize("at_once", [0, -1, 1.5, "2"])
def test_at_least_one_stream_runs(at_once: int) -> None:
    """Or none would ever end."""
    with pytest.raises(ConfigurationError, match="must be at least 1"):
        refuse_none_at_once(at_once)
