"""The display of harvests: lines, and on a terminal one more that changes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
import pytest

from explore_async.cli.harvested import HarvestDisplay, total_of
from explore_async.cli.live import Received, counted, pace, size
from explore_async.errors import IntegrityError
from explore_async.events import BytesEvent, DoneEvent, RequestEvent
from explore_async.harvest import (
    Changed,
    Committed,
    Failed,
    HarvestedFile,
    HarvestPlan,
    Partition,
    Planned,
    Resumed,
    Retried,
    Since,
    Split,
    State,
)

if TYPE_CHECKING:
    from collections.abc import Callable

PARTITION = Partition(number=3, where="a < 1", expected=5)


class Clock:
    """A clock that goes on by a second each time it is read."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def committed(rows: int, total: int, new: int) -> Committed:
    """Return what is told of a finished partition."""
    file = HarvestedFile(
        path="part-00003.jsonl", rows=new, bytes=9, sha256="", where=None, misfits={}
    )
    return Committed(partition=PARTITION, file=file, rows=rows, total=total)


def planned(rows: int, *, kept: int | None = None, size: int | None = None) -> HarvestPlan:
    """Return a plan for some rows besides those that are kept."""
    since = Since(folder="before", outcome="grown", rows=kept, changes=("more",)) if kept else None
    return HarvestPlan(
        dataset_id="trees", strategy="export", reason="it was chosen",
        state=State(total=rows + (kept or 0), data_processed=None, fields=()),
        partitions=(Partition(number=4 if kept else 0, where=None, expected=rows),),
        fields=(), columns=(), planning_requests=3, requests=3, bytes=size, since=since,
    )  # fmt: skip


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is printed."""
    lines: list[str] = []
    monkeypatch.setattr(click, "echo", lambda text, **_: lines.append(text))
    return lines


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make standard error a terminal."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)


def display(*names: str, calls: Callable[[], int | None] = lambda: None) -> HarvestDisplay:
    """Return a display of these datasets."""
    return HarvestDisplay(names, calls, Clock())


@pytest.mark.usefixtures("terminal")
def test_on_a_terminal_a_line_changes(told: list[str]) -> None:
    """It has rows, bytes, rate, time left and quota, and is removed before other lines."""
    shown = display("trees", calls=lambda: 4_998)
    shown.hear(BytesEvent(call=1, url="", at=0, received=1_500_000))
    shown.tell("trees", committed(20, 100, 20))
    shown.tell("trees", Changed(changes=("more rows",), again=1))
    assert told == [
        "trees: 0 of 0 rows, 1.5 MB received, 4,998 calls left",
        f"\r{' ' * 53}\r",
        "trees: 20 of 100 rows, 1.5 MB received, 4 rows/s, 20 s left, 4,998 calls left",
        f"\r{' ' * 77}\r",
        "trees: more rows",
    ]


@pytest.mark.usefixtures("terminal")
def test_the_line_that_changes_fits_the_terminal(told: list[str]) -> None:
    """One that is wrapped could not be removed."""
    shown = display("t" * 100)
    shown.tell("t" * 100, committed(20, 100, 20))
    assert told == [f"{'t' * 78}…"]


@pytest.mark.usefixtures("terminal")
def test_one_line_is_for_all_datasets(told: list[str]) -> None:
    """What is left is told when all are planned."""
    shown = display("trees", "shrubs")
    shown.tell("trees", committed(20, 100, 20))
    shown.tell("shrubs", Resumed(finished=1, partitions=2, rows=5, total=9))
    shown.tell("shrubs", committed(9, 9, 4))
    shown.tell("shrubs", Failed(error=IntegrityError("It failed.", expected=1, received=2)))
    shown.tell("trees", committed(40, 100, 20))
    lines = [line for line in told if not line.startswith("\r")]
    assert lines == [
        "0 of 2 datasets, 20 of 100 rows, 7 rows/s",
        "shrubs: going on with 1 of 2 partitions finished",
        "0 of 2 datasets, 29 of 109 rows, 5 rows/s, 17 s left",
        "shrubs: It failed.",
        "1 of 2 datasets, 49 of 109 rows, 6 rows/s, 10 s left",
    ]


@pytest.mark.usefixtures("terminal")
def test_rows_that_are_kept_are_rows_of_the_dataset(told: list[str]) -> None:
    """But not of the rate, because they take no time."""
    shown = display("trees")
    shown.tell("trees", Planned(plan=planned(10, kept=90)))
    shown.hear(BytesEvent(call=1, url="", at=0, received=1_500))
    assert told[-1] == "trees: 0 of 100 rows, 1.5 kB received"
    shown.tell("trees", committed(90, 100, 90))
    assert told[-1] == "trees: 90 of 100 rows, 1.5 kB received"


def test_a_total_has_a_size_if_each_plan_has_one() -> None:
    """Or it would be too small."""
    known, unknown = planned(10, size=1_000), planned(5)
    assert total_of([known, known]).endswith("12 requests, about 2.0 kB as JSON Lines")
    assert total_of([known, unknown]) == "total      15 rows of 2 datasets in 12 requests"


def test_without_a_terminal_each_tenth_is_a_line(told: list[str]) -> None:
    """For each dataset; the last one is the line that says that it is complete."""
    shown = display("trees", "shrubs")
    for rows in range(5, 101, 5):
        shown.tell("trees", committed(rows, 100, 5))
    assert told[:2] == ["trees: 10 of 100 rows", "trees: 20 of 100 rows"]
    assert len(told) == 9


def test_what_goes_wrong_is_a_line(told: list[str]) -> None:
    """No text of the portal can send commands to a terminal."""
    shown = display("trees")
    shown.tell("trees", Retried(partition=PARTITION, why="The body\x1b[31m ended."))
    shown.tell("trees", Split(partition=PARTITION, into=(PARTITION,) * 2, why="Too many rows."))
    assert told == [
        "trees: partition 3 again: The body [31m ended.",
        "trees: partition 3 in 2 parts: Too many rows.",
    ]


@pytest.mark.parametrize(
    ("done", "left", "seconds", "said"),
    [
        (0, 10, 5.0, ""),
        (10, None, 5.0, ", 2 rows/s"),
        (10, 100, 5.0, ", 2 rows/s, 50 s left"),
        (10, 2_000, 5.0, ", 2 rows/s, 17 min left"),
        (10, 20_000, 5.0, ", 2 rows/s, 2 h 47 min left"),
        (100_000, 0, 5.0, ", 20,000 rows/s, 0 s left"),
    ],
)
def test_the_pace_has_a_rate_and_the_time_left(
    done: int, left: int | None, seconds: float, said: str
) -> None:
    """In seconds, minutes or hours."""
    assert pace(done, left, seconds, "rows") == said


def test_numbers_are_readable() -> None:
    """With separators, units, and nouns in the plural."""
    assert counted(1, "row") == "1 row"
    assert counted(12_000, "row") == "12,000 rows"
    assert [size(one) for one in (0, 999, 1_000, 2_500_000, 5 * 10**12)] == [
        "0 bytes", "999 bytes", "1.0 kB", "2.5 MB", "5000.0 GB",
    ]  # fmt: skip


def test_bytes_are_counted_once() -> None:
    """Those of a call that ended, and those of a call that goes on."""
    received = Received()
    assert str(received) == ""
    for call in (1, 2):
        received.hear(BytesEvent(call=call, url="", at=0, received=1_000))
        received.hear(BytesEvent(call=call, url="", at=0, received=3_000))
    assert str(received) == ", 6.0 kB received"
    done = DoneEvent(call=1, url="", at=0, attempts=1, seconds=1, received=5_000, outcome="ok")
    assert received.hear(done)
    assert str(received) == ", 8.0 kB received"
    assert not received.hear(RequestEvent(call=3, url="", at=0, attempt=1))
