"""Runs the work of a command until it is done, or a signal ends it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from functools import partial
from threading import current_thread, main_thread
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Coroutine

__all__ = ["SIGNALLED", "run"]

SIGNALLED = 128
"""What shells add to the number of the signal that ended a program."""
_ENDING = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]
_PATIENCE = 1.0  # seconds


def run(work: Coroutine[Any, Any, None]) -> None:
    """Do the work until it is done, or a signal ends it.

    The first signal cancels the work, which then removes what it has begun. The second ends the
    program at once, wherever it is: the system does that, so that not even a disk that hangs can
    hold it up.

    Raises:
        KeyboardInterrupt: it was SIGINT, as Ctrl-C sends.
        SystemExit: it was another one; the status is 128 and its number, as shells have it.
    """
    caught: list[int] = []
    try:
        asyncio.run(_until_signalled(work, caught))
    except asyncio.CancelledError:
        if signal.SIGINT in caught:
            raise KeyboardInterrupt from None
        raise SystemExit(SIGNALLED + caught[0] if caught else 1) from None


async def _until_signalled(work: Coroutine[Any, Any, None], caught: list[int]) -> None:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def cancel() -> None:
        if task is not None:
            task.cancel()
        say = partial(click.echo, "Cleaning up. Once more ends it at once.", err=True)
        loop.call_later(_PATIENCE, say)

    def stop(number: int, _: object) -> None:
        if caught:
            return
        caught.append(number)
        for ending in before:
            signal.signal(ending, signal.SIG_DFL)
        loop.call_soon_threadsafe(cancel)

    before: dict[int, Any] = {}
    # Outside of the main thread signals are not ours.
    for ending in _ENDING if current_thread() is main_thread() else ():
        # Ignored behind nohup, and None where another language has its handler.
        if signal.getsignal(ending) in (signal.SIG_IGN, None):
            continue
        before[ending] = signal.getsignal(ending)
        # This wakes the loop up. The handler alone would wait for it where the signal comes to
        # another thread, or just before the loop begins to wait: it runs in the main thread.
        with contextlib.suppress(NotImplementedError):  # the loop of Windows always wakes up
            loop.add_signal_handler(ending, stop, ending, None)
        signal.signal(ending, stop)  # at once, also where the loop is busy
    try:
        await work
    finally:
        for ending, handler in before.items():
            with contextlib.suppress(NotImplementedError):
                loop.remove_signal_handler(ending)
            signal.signal(ending, signal.SIG_DFL if caught else handler)
