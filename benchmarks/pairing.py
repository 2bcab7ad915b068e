"""Timing downloads in turn: the baseline, ours, the baseline, ours, ... in one event loop.

Each time of ours is divided by the mean of the baselines before and after it, which cancels slow
and fast phases of the machine. The figure is the median of these ratios. This file is not a script.
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
    """Return how many times as long as the floor, the baseline, each of the others takes."""
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
    """Return the time until the result is available.

    Freeing the result is not timed. `asyncio.gather` leaves its result to the event loop until the
    next iteration, where freeing it would be charged to the next contestant.
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
    """Print each figure, and its goal if it has one."""
    width = max(map(len, [title, *found])) + 2
    print(f"\n{title:{width}}{'measured':>12}{'at most':>10}")
    for name, figure in found.items():
        goal = goals.get(name)
        beside = "-" if goal is None else f"{goal:.2f}"
        verdict = "" if goal is None or figure <= goal else "  missed"
        print(f"{name:{width}}{figure:>12.2f}{beside:>10}{verdict}{unit and ' ' + unit}")
