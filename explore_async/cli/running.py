"""Runs the work of a command until it completes or a signal ends it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from functools import partial
from threading import current_thread, main_thread
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

__all__ = ["run"]

T = TypeVar("T")

_SIGNALLED = 128
"""The number that shells add to that of the signal that ended a program."""
_ENDING = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]
_PATIENCE = 1.0  # seconds


def run(work: Coroutine[Any, Any, T], *, drain: Callable[[], None] | None = None) -> T:
    """Run the work until it completes or a signal ends it, and return its result.

    The first signal cancels the work, which then removes partial files. The second signal gets the
    system's default action, which ends the program immediately, even if a disk hangs. With `drain`,
    which asks the work to end soon, one more signal comes before these.

    Raises:
        KeyboardInterrupt: the signal was SIGINT, as from Ctrl-C.
        SystemExit: it was another signal; the status is 128 plus its number, as in shells.
    """
    caught: list[int] = []
    try:
        return asyncio.run(_until_signalled(work, caught, drain))
    except asyncio.CancelledError:
        if signal.SIGINT in caught:
            raise KeyboardInterrupt from None
        raise SystemExit(_SIGNALLED + caught[0] if caught else 1) from None


async def _until_signalled(
    work: Coroutine[Any, Any, T], caught: list[int], drain: Callable[[], None] | None
) -> T:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def cancel() -> None:
        if task is not None:
            task.cancel()
        say = partial(click.echo, "Cleaning up. Press Ctrl-C again to quit immediately.", err=True)
        loop.call_later(_PATIENCE, say)

    def stop(number: int, _: object) -> None:
        nonlocal drain
        if drain is not None:
            loop.call_soon_threadsafe(drain)
            drain = None
            return
        if caught:
            return
        caught.append(number)
        for ending in before:
            signal.signal(ending, signal.SIG_DFL)
        loop.call_soon_threadsafe(cancel)

    before: dict[int, Any] = {}
    # Only the main thread can set signal handlers.
    for ending in _ENDING if current_thread() is main_thread() else ():
        # SIG_IGN under nohup; None if the handler was not installed from Python.
        if signal.getsignal(ending) in (signal.SIG_IGN, None):
            continue
        before[ending] = signal.getsignal(ending)
        # This wakes the event loop. Python runs handlers in the main thread, so without it a signal
        # that reaches another thread, or arrives just before the loop waits, would be delayed.
        with contextlib.suppress(NotImplementedError):  # on Windows the loop wakes anyway
            loop.add_signal_handler(ending, _nothing)
        signal.signal(ending, stop)  # runs even while the loop is busy
    try:
        return await work
    finally:
        for ending, handler in before.items():
            with contextlib.suppress(NotImplementedError):
                loop.remove_signal_handler(ending)
            signal.signal(ending, signal.SIG_DFL if caught else handler)


def _nothing() -> None:
    """Do nothing: the loop only has to wake, so that the handler set afterwards runs."""
