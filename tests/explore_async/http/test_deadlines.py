"""Deadlines: many limits with one timer, kept apart from other cancellations."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator

import pytest

from explore_async.http.deadlines import Deadline, Deadlines


@pytest.fixture
async def deadlines() -> AsyncIterator[Deadlines]:
    """Deadlines that leave no timer behind."""
    made = Deadlines()
    yield made
    made.close()


async def wait(deadline: Deadline) -> str:
    """Wait forever, and return which limit ended the wait."""
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        if not deadline.over():
            raise
    return "silent" if deadline.ends < deadline.last else "in all"


async def test_a_limit_ends_the_attempt_and_cancels_nothing_else(deadlines: Deadlines) -> None:
    assert await wait(deadlines.begin(whole=0.01, quiet=5)) == "in all"
    deadline = deadlines.begin(whole=5, quiet=0.01)
    deadline.heard()
    assert await wait(deadline) == "silent"
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_each_of_many_has_its_own_limit(deadlines: Deadlines) -> None:
    """One timer serves all, in any order of starting."""
    ended = []

    async def attempt(whole: float) -> None:
        await wait(deadlines.begin(whole=whole, quiet=5))
        ended.append(whole)

    await asyncio.gather(*map(attempt, [0.05, 0.01, 0.03]))
    assert ended == [0.01, 0.03, 0.05]


async def test_what_is_heard_moves_the_limit_but_not_beyond_the_whole(
    deadlines: Deadlines,
) -> None:
    deadline = deadlines.begin(whole=5, quiet=2)
    assert deadline.ends == deadline.last  # the read limit starts with the connection
    deadline.heard()
    before = deadline.ends
    await asyncio.sleep(0.002)
    deadline.heard()
    assert before < deadline.ends < deadline.last
    assert not deadline.over()
    short = deadlines.begin(whole=0.5, quiet=1)
    short.heard()
    assert short.ends == short.last
    assert not short.over()


async def test_a_cancellation_by_somebody_else_is_none_of_it(deadlines: Deadlines) -> None:
    """This holds even if the limit is reached at the same time."""

    async def attempt() -> str:
        deadline = deadlines.begin(whole=5, quiet=5)
        asyncio.get_running_loop().call_soon(deadline.reach)
        return await wait(deadline)

    task = asyncio.ensure_future(attempt())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_attempt_that_is_over_is_not_ended_any_more(deadlines: Deadlines) -> None:
    deadline = deadlines.begin(whole=0.01, quiet=5)
    assert not deadline.over()
    await asyncio.sleep(0.03)
    assert not deadline.over()


async def test_a_limit_that_comes_nearer_is_kept(deadlines: Deadlines) -> None:
    """The timer was set for an earlier, more distant limit."""
    deadline = deadlines.begin(whole=5, quiet=0.01)
    deadline.heard()
    assert await wait(deadline) == "silent"


async def test_a_deadline_that_is_over_moves_no_more_and_keeps_no_task(
    deadlines: Deadlines,
) -> None:
    """A task's context holds its deadline: a reference back would keep the result alive."""

    async def attempt() -> list[object]:
        deadline = deadlines.begin(whole=5, quiet=0.01)
        ends = deadline.ends
        deadline.over()
        deadline.heard()
        assert deadline.ends == ends
        return Kept()

    gc.disable()
    try:
        task = asyncio.ensure_future(attempt())
        result = weakref.ref(await task)
        del task
        await asyncio.sleep(0)  # the loop releases the callback it has just called
        assert result() is None
    finally:
        gc.enable()


class Kept(list[object]):
    """A list that allows weak references."""


async def test_outside_of_a_task_nothing_can_be_ended(deadlines: Deadlines) -> None:
    failures = []

    def outside() -> None:
        try:
            deadlines.begin(whole=5, quiet=5)
        except RuntimeError as error:
            failures.append(str(error))

    asyncio.get_running_loop().call_soon(outside)
    await asyncio.sleep(0)
    assert failures == ["A request must be awaited in an asyncio task."]
