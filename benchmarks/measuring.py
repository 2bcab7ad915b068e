"""Helpers for all benchmarks: timing two calls in turn, and printing the ratios.

Two calls are timed in turn, many times, and only the ratios are kept. If the machine slows down, it
slows both sides of a ratio, and the median ignores disturbed rounds.

This file is not a script: run `.venv/bin/pip install ".[benchmark]"`, then
`.venv/bin/python benchmarks/parse.py`.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from itertools import repeat
from statistics import geometric_mean, median
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = [
    "Cold",
    "Effort",
    "cold",
    "cold_output",
    "cold_ratio",
    "compare",
    "print_table",
    "settle",
]


@frozen
class Effort:
    """How long to measure: the number of `rounds`, and the `seconds` for which a call repeats."""

    rounds: int
    seconds: float


def settle() -> None:
    """Exclude start-up objects from garbage collection, so that no contestant pays for them.

    The collector stays on, as it does for users, so a tree with cycles costs more.
    """
    gc.collect()
    gc.freeze()


def compare(
    ours: Callable[[], Any], others: Mapping[str, Callable[[], Any]], effort: Effort
) -> tuple[float, dict[str, float]]:
    """Time ours, A, ours, B, ... in every round.

    Returns the seconds that ours takes, and the ratio of every other call to ours; both are medians
    of the rounds.
    """
    our_times = _repetitions(ours, effort.seconds)
    their_times = {name: _repetitions(call, effort.seconds) for name, call in others.items()}
    seconds: list[float] = []
    quotients: dict[str, list[float]] = {name: [] for name in others}
    for _ in range(effort.rounds):
        for name, call in others.items():
            seconds.append(_seconds(ours, our_times))
            quotients[name].append(_seconds(call, their_times[name]) / seconds[-1])
    return median(seconds), {name: median(found) for name, found in quotients.items()}


def _repetitions(call: Callable[[], Any], seconds: float) -> int:
    """Warm a call up, and return how many repetitions take about `seconds`."""
    call()
    times = 1
    while (one := _seconds(call, times)) * times < seconds / 2:
        times *= 2
    return max(1, int(seconds / one))


def _seconds(call: Callable[[], Any], times: int) -> float:
    started = perf_counter()
    for _ in repeat(None, times):
        call()
    return (perf_counter() - started) / times


# ---------------------------------------------------------------- cold processes


class Cold(NamedTuple):
    """The time in a fresh process, `inside`, and of the `whole` process, in seconds."""

    inside: float
    whole: float


def cold(first: str, second: str, runs: int) -> tuple[list[Cold], list[Cold]]:
    """Run two pieces of code in fresh processes, in turn, and return the times of each."""
    _process(first)
    _process(second)
    pairs = [(_process(first), _process(second)) for _ in range(runs)]
    return [one for one, _ in pairs], [other for _, other in pairs]


def cold_ratio(first: list[Cold], second: list[Cold]) -> Cold:
    """Return the median ratios of the first times to the second."""
    pairs = list(zip(first, second, strict=True))
    return Cold(
        median(one.inside / other.inside for one, other in pairs),
        median(one.whole / other.whole for one, other in pairs),
    )


def cold_output(code: str) -> str:
    """Run code in a fresh process and return its output."""
    # -P: measure the installed package, whatever the working directory.
    environment = {**os.environ}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-P", "-c", code]
    return subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, env=environment
    ).stdout


def _process(code: str) -> Cold:
    clocked = _CLOCK.format(code=code)
    started = perf_counter()
    inside = float(cold_output(clocked))
    return Cold(inside, perf_counter() - started)


_CLOCK = """\
from time import perf_counter
started = perf_counter()
{code}
print(perf_counter() - started)
"""


# ---------------------------------------------------------------- tables


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Mapping[str, Sequence[float | None]],
    goals: Sequence[float | None] = (),
) -> None:
    """Print named rows of ratios and, with `goals`, the geometric means and the goals."""
    lines = dict(rows)
    if goals:
        lines["geometric mean"] = [_mean(column) for column in zip(*rows.values(), strict=True)]
        lines["goal, at most"] = goals
    width = max(map(len, [title, *lines]))
    print(f"\n{title:{width}}" + "".join(f"{name:>12}" for name in columns))
    for name, cells in lines.items():
        print(f"{name:{width}}" + "".join(f"{_shown(cell):>12}" for cell in cells))


def _mean(cells: Sequence[float | None]) -> float | None:
    known = [cell for cell in cells if cell is not None]
    return geometric_mean(known) if known else None


def _shown(cell: float | None) -> str:
    return "-" if cell is None else f"{cell:.2f}"
