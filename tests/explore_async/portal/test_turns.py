"""Turns: many clients share a few threads, and none can take them all."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from explore_async.portal.turns import Turns


async def settle() -> None:
    """Let all tasks go on until they wait."""
    for _ in range(5):
        await asyncio.sleep(0)


def take(turns: Turns, *clients: str) -> list[asyncio.Task[None]]:
    return [asyncio.create_task(turns.take(client)) for client in clients]


def taken(tasks: list[asyncio.Task[None]]) -> list[bool]:
    return [task.done() for task in tasks]


async def give_up(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_one_client_leaves_a_turn_for_the_others() -> None:
    """Of four turns it takes three, and another client the last."""
    turns = Turns(4)
    greedy = take(turns, *"aaaaa")
    await settle()
    assert taken(greedy) == [True, True, True, False, False]
    modest = take(turns, *"bb")
    await settle()
    assert taken(modest) == [True, False]
    await give_up([*greedy, *modest])


async def test_a_single_turn_is_for_anyone() -> None:
    """Otherwise nobody could have it."""
    turns = Turns(1)
    await turns.take("a")
    waiting = take(turns, "a")
    await settle()
    assert taken(waiting) == [False]
    turns.give_back("a")
    await settle()
    assert taken(waiting) == [True]


async def test_the_client_with_the_fewest_turns_goes_first() -> None:
    """Even if it came last."""
    turns = Turns(3)
    first = take(turns, *"aab")
    await settle()
    waiting = take(turns, *"aabc")
    await settle()
    assert taken(first) == [True] * 3
    turns.give_back("a")
    await settle()
    assert taken(waiting) == [False, False, False, True]
    await give_up(waiting)


async def test_clients_with_as_many_turns_alternate() -> None:
    """The one who has waited longest comes first."""
    turns = Turns(1)
    await turns.take("z")
    order: list[str] = []

    async def one(client: str) -> None:
        await turns.take(client)
        order.append(client)
        turns.give_back(client)

    tasks = [asyncio.create_task(one(client)) for client in "aaabbc"]
    await settle()
    turns.give_back("z")
    await asyncio.gather(*tasks)
    assert "".join(order) == "abcaba"


async def test_who_gives_up_waiting_leaves_no_trace() -> None:
    """The turn goes to the next one."""
    turns = Turns(1)
    await turns.take("a")
    waiting = take(turns, *"bc")
    await settle()
    await give_up(waiting[:1])
    turns.give_back("a")
    await settle()
    assert waiting[1].done()


async def test_who_gives_up_just_when_the_turn_comes_passes_it_on() -> None:
    """A turn that was granted to a cancelled task would be lost for ever."""
    turns = Turns(1)
    await turns.take("a")
    waiting = take(turns, *"bc")
    await settle()
    turns.give_back("a")
    waiting[0].cancel()
    await settle()
    assert [task.cancelled() for task in waiting] == [True, False]
    assert waiting[1].done()


@pytest.mark.parametrize("most", [1, 2, 5])
@given(seed=st.integers(0, 2**32))
def test_no_turn_is_ever_lost(most: int, seed: int) -> None:
    """Whoever comes, goes and gives up: the limits hold, and in the end all are free."""
    asyncio.run(_play(most, random.Random(seed)))


async def _play(most: int, draw: random.Random) -> None:
    turns = Turns(most)
    running: Counter[str] = Counter()

    async def one(client: str, pauses: int) -> None:
        await turns.take(client)
        running[client] += 1
        assert running.total() <= most
        assert running[client] <= max(1, most - 1)
        try:
            for _ in range(pauses):
                await asyncio.sleep(0)
        finally:
            running[client] -= 1
            turns.give_back(client)

    tasks = []
    for _ in range(30):
        tasks.append(asyncio.create_task(one(draw.choice("abc"), draw.randrange(4))))
        if draw.random() < 0.3:
            draw.choice(tasks).cancel()
        if draw.random() < 0.5:
            await asyncio.sleep(0)
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert [one for one in ended if one and not isinstance(one, asyncio.CancelledError)] == []
    free = take(turns, *map(str, range(most)))
    await settle()
    assert all(taken(free))
