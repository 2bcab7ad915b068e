"""Messages on standard error, and below them on a terminal one line that changes."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import click

from explore_async.cli.tables import cut, width_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from explore_async.events import Event

__all__ = ["LiveLine", "Received", "counted", "pace", "size"]

_BETWEEN = 0.1  # seconds between two states of the line
_WIDTH = 80


class LiveLine:
    """The lines on standard error; without a terminal, the one that changes is never shown.

    Args:
        clock: seconds from any moment.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.live = sys.stderr.isatty()
        self._clock = clock
        self._drawn = clock()
        self._width = 0

    def say(self, text: str) -> None:
        """Print a line that stays."""
        self.clear()
        click.echo(text, err=True)

    def draw(self, line: Callable[[], str]) -> None:
        """Show the line that changes, but at most ten times a second."""
        now = self._clock()
        if not self.live or now < self._drawn + _BETWEEN:
            return
        self._drawn = now
        text = cut(line(), _terminal_width() - 1)
        self.clear()
        self._width = width_of(text)
        click.echo(text, nl=False, err=True)

    def clear(self) -> None:
        """Remove the line that changes."""
        if self._width:
            click.echo("\r" + " " * self._width + "\r", nl=False, err=True)
            self._width = 0


class Received:
    """Counts the bytes of all calls, also of those that have not ended."""

    def __init__(self) -> None:
        self._ended = 0
        self._running: dict[tuple[int, int], int] = {}

    def hear(self, event: Event) -> bool:
        """Take an event of a client; return whether it changed the number."""
        from explore_async.events import BytesEvent, DoneEvent

        call = (event.client, event.call)
        if isinstance(event, BytesEvent):
            self._running[call] = event.received
        elif isinstance(event, DoneEvent):
            self._running.pop(call, None)
            self._ended += event.received
        return isinstance(event, BytesEvent | DoneEvent)

    def __str__(self) -> str:
        """Return what a line says of it; empty if nothing was received."""
        number = self._ended + sum(self._running.values())
        return f", {size(number)} received" if number else ""


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 row`, `2,000 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size(number: int) -> str:
    """Return a number of bytes in the largest unit that leaves a whole number before the point."""
    value = float(number)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError


def pace(done: int, left: int | None, seconds: float, noun: str) -> str:
    """Return how fast it goes, and how long what is left takes; empty if nothing is done.

    Args:
        done: what was done in this time.
        left: what is left; None if it is not known.
        seconds: the time.
        noun: what it is, such as `rows`.
    """
    if not done or seconds <= 0:
        return ""
    rate = done / seconds
    said = f", {rate:,.0f} {noun}/s"
    return said if left is None else f"{said}, {_duration(left / rate)} left"


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def _terminal_width() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or _WIDTH
    except (OSError, ValueError, AttributeError):
        return _WIDTH
