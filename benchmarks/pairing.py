"""Timing whole readings in turn: the floor, ours, the floor, ours, ... in one process and one loop.

Each of ours is divided by the mean of the two floors beside it, which takes the machine's slow and
fast phases out; the median of the quotients is the figure. Nothing to run here.
"""

from __future__ import annotations

import asyncio
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    Work = Callable[[], Awaitable[Any]]

__all__ = ["paired", "print_goals"]


async def paired(floor: Work, others: Mapping[str, Work], rounds: int) -> dict[str, float]:
    """How many times as long as the floor each of the others takes."""
    for work in (floor, *others.values()):
        await work()
    quotients: dict[str, list[float]] = {name: [] for name in others}
    before = await _seconds(floor)
    for _ in range(rounds):
        for name, work in others.items():
            seconds = await _seconds(work)
            after = await _seconds(floor)
            quotients[name].append(2 * seconds / (before + after))
            before = after
    return {name: median(found) for name, found in quotients.items()}


async def _seconds(work: Work) -> float:
    """How long until the result is there.

    Throwing it away is not timed. `asyncio.gather` leaves its result to the event loop until the
    next turn, where it would be freed at the expense of whoever comes next.
    """
    started = perf_counter()
    result = await work()
    seconds = perf_counter() - started
    del result
    await asyncio.sleep(0)
    return seconds


def print_goals(
    title: str, found: Mapping[str, float], goals: Mapping[str, float], unit: str = ""
) -> None:
    """Print each figure beside its goal, if it has one."""
    width = max(map(len, [title, *found])) + 2
    print(f"\n{title:{width}}{'measured':>12}{'at most':>10}")
    for name, figure in found.items():
        goal = goals.get(name)
        beside = "-" if goal is None else f"{goal:.2f}"
        verdict = "" if goal is None or figure <= goal else "  missed"
        print(f"{name:{width}}{figure:>12.2f}{beside:>10}{verdict}{unit and ' ' + unit}")
