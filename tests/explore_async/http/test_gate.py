"""Gates: slots are shared fairly, and none is lost."""

from __future__ import annotations

import asyncio

import pytest

from explore_async.http.gate import Gate
from tests.explore_async.doubles import settle


async def test_a_place_goes_to_the_portal_that_holds_the_fewest() -> None:
    """This holds even if another portal has queued many requests earlier."""
    gate, order = Gate(2), list[str]()
    ends = asyncio.Event()

    async def one(portal: str) -> None:
        await gate.take(portal)
        order.append(portal)
        await ends.wait()
        await asyncio.sleep(0)
        gate.give_back(portal)

    async with asyncio.TaskGroup() as group:
        for name in ["slow"] * 6 + ["quick"] * 2:
            group.create_task(one(name))
        stopped = group.create_task(one("quick"))
        await settle()
        stopped.cancel()
        ends.set()
    assert order[:2] == ["slow", "slow"]
    assert order[2] == "quick"
    assert len(order) == 8


async def test_a_place_that_was_given_to_somebody_who_is_cancelled_is_free_again() -> None:
    """The cancellation may arrive at the same time as the slot."""
    gate = Gate(1)
    await gate.take()
    waiting = asyncio.ensure_future(gate.take())
    await asyncio.sleep(0)
    gate.give_back()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    async with asyncio.timeout(5):
        await gate.take()


async def test_a_smaller_gate_lets_those_in_it_finish_and_a_larger_one_lets_more_in() -> None:
    """The number of slots follows what the portal takes."""
    gate = Gate(3)
    for _ in range(3):
        await gate.take()
    waiting = [asyncio.ensure_future(gate.take()) for _ in range(3)]
    gate.resize(1)
    gate.give_back()
    gate.give_back()
    await settle()
    assert not any(one.done() for one in waiting)
    gate.give_back()
    await settle()
    assert [one.done() for one in waiting] == [True, False, False]
    gate.resize(2)
    await settle()
    assert [one.done() for one in waiting] == [True, True, False]
    waiting[2].cancel()


async def test_somebody_who_is_cancelled_holds_no_place() -> None:
    """The portal is served in its turn afterwards."""
    gate = Gate(1)
    await gate.take("x")
    stopped = asyncio.ensure_future(gate.take("ours"))
    await settle()
    gate.give_back("x")
    stopped.cancel()
    await settle()
    await gate.take("x")
    waiting = [asyncio.ensure_future(gate.take(name)) for name in ("ours", "other")]
    await settle()
    gate.give_back("x")
    await settle()
    assert [one.done() for one in waiting] == [True, False]
    gate.give_back("ours")
    await waiting[1]


@pytest.mark.parametrize("waited", [False, True])
async def test_a_place_that_was_given_back_is_held_by_nobody(waited: bool) -> None:
    """The portal that gave it back is served in its turn."""
    gate = Gate(1)
    for _ in range(3):
        await gate.take("x")
        ours = asyncio.ensure_future(gate.take("ours"))
        if not waited:
            gate.give_back("x")
        await settle()
        if waited:
            gate.give_back("x")
        await ours
        gate.give_back("ours")
    await gate.take("x")
    waiting = [asyncio.ensure_future(gate.take(name)) for name in ("ours", "other")]
    await settle()
    gate.give_back("x")
    await settle()
    assert [one.done() for one in waiting] == [True, False]
    gate.give_back("ours")
    await waiting[1]
