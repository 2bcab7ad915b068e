"""Kills harvests at many moments, and lets each go on; run as a program by a test.

    python -m tests.explore_async.harvest.crashing URL FOLDER MOMENTS

A moment is one operation on the disk. The process imports everything once and forks a child for
each run, which is much faster than starting an interpreter. Half of a block is written before the
process is killed in a write. Each harvest is killed twice, goes on a third time, and has to end.
It prints how many operations a run without a crash takes.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explore_async import ExploreClient
from explore_async.harvest import harvest

if TYPE_CHECKING:
    from collections.abc import Callable

STRIDE = 5
OPERATIONS = ("write", "fsync", "replace", "ftruncate", "unlink", "link")


def kill_at(moment: int) -> Callable[[], int]:
    """Kill this process at an operation; return what counts them."""
    done = 0

    def counting(name: str, operate: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            nonlocal done
            done += 1
            if done == moment:
                if name == "write":
                    operate(arguments[0], arguments[1][: len(arguments[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            return operate(*arguments, **options)

        return counted

    for name in OPERATIONS:
        setattr(os, name, counting(name, getattr(os, name)))
    return lambda: done


async def run(url: str, folder: Path, options: dict[str, Any]) -> None:
    """Harvest, or go on."""
    async with ExploreClient(url) as client:
        await harvest(client, "trees", folder, resume=True, **options)


def forked(url: str, folder: Path, moment: int, options: dict[str, Any]) -> int:
    """Run in a child that is killed at a moment; return its exit status, -9 if it was killed."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 1
    try:
        counted = kill_at(moment)
        asyncio.run(run(url, folder, options))
        if not moment:
            sys.stdout.write(f"{counted()}\n")
            sys.stdout.flush()
        status = 0
    finally:
        os._exit(status)


def main(url: str, folder: Path, moments: int) -> None:
    """Kill harvests of each kind at so many moments; the third keeps files of the first."""
    kinds: dict[str, dict[str, Any]] = {
        "exports": {"strategy": "exports"},
        "pages": {"strategy": "pages"},
        "since": {"since": folder / "exports-whole"},
    }
    for offset, (kind, chosen) in enumerate(kinds.items()):
        options = {"partition_rows": 40, **chosen}
        assert forked(url, folder / f"{kind}-whole", 0, options) == 0
        for moment in range(1, moments + 1):
            place = folder / f"{kind}-{moment}"
            first = forked(url, place, STRIDE * moment - offset, options)
            assert first in (0, -signal.SIGKILL), first
            second = forked(url, place, moment % 7 + 2, options)
            assert second in (0, -signal.SIGKILL), second
            assert forked(url, place, 0, options) == 0


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
