"""Facet values as bars in plain text, and progress with rich."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from explore_async.cli.tables import cut, padded, width_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from explore_async.models import Facet, Progress

__all__ = ["FACET_VALUES", "bars", "progress_bar"]

FACET_VALUES = 100
"""How many values a portal lists per facet by default."""
_NAME_WIDTH = 32
_BAR_WIDTH = 30


def bars(facet: Facet, *, limit: int = 8) -> str:
    """Draw the most frequent values of a facet as bars, scaled to the largest count."""
    values = sorted(facet.values, key=lambda value: -(value.count or 0))[:limit]
    if not values:
        return "(no values)"
    counts = [value.count or 0 for value in values]
    names = [cut(value.name, _NAME_WIDTH) for value in values]
    width, digits = max(map(width_of, names)), max(len(f"{count:,}") for count in counts)
    lines = [
        f"{padded(name, width)}  {count:>{digits},}  {_bar(count / (max(counts) or 1))}"
        for name, count in zip(names, counts, strict=True)
    ]
    hidden = len(facet.values) - len(values)
    if len(facet.values) == FACET_VALUES:
        more = f"at least {hidden} more" if hidden else "possibly more"
        lines.append(f"... and {more}; a portal lists {FACET_VALUES} values by default")
    elif hidden:
        lines.append(f"... and {hidden} more")
    return "\n".join(lines)


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[Progress], None]]:
    """Show progress on standard error while the block runs; yield the function to call.

    Nothing is shown before the first call, so that an error before it is the only output.
    """
    try:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar
    except ImportError:
        with _plain_progress(label) as show:
            yield show
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[done]}"))
    bar = Bar(*columns, console=Console(stderr=True))
    task = bar.add_task(label, total=None, done="")

    def show_bar(progress: Progress) -> None:
        bar.start()  # does nothing if already started
        bar.update(task, total=progress.expected, completed=progress.rows, done=_done(progress))

    try:
        yield show_bar
    finally:
        if bar.live.is_started:
            bar.stop()


@contextmanager
def _plain_progress(label: str) -> Iterator[Callable[[Progress], None]]:
    """Show progress on one line that overwrites itself; used without the `progress` extra.

    If standard error is not a terminal, only the last state is written, as rich does.
    """
    last = ""

    def show(progress: Progress) -> None:
        nonlocal last
        last = f"{label}: {_done(progress)}"
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{last}")
            sys.stderr.flush()

    try:
        yield show
    finally:
        if last:
            sys.stderr.write("\n" if sys.stderr.isatty() else f"{last}\n")


def _done(progress: Progress) -> str:
    if progress.rows is None:
        return f"{progress.bytes:,} bytes"
    of = "" if progress.expected is None else f" of {progress.expected:,}"
    return f"{progress.rows:,}{of} rows, {progress.bytes:,} bytes"


def _bar(share: float) -> str:
    if not share:
        return ""
    return _block() * max(1, round(share * _BAR_WIDTH))


def _block() -> str:
    """Return the character for bars: a block, or `#` if the encoding has no block."""
    try:
        "█".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return "#"
    return "█"
