"""`explore mirror`: what it does and tells."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
import pytest

from explore_async.cli.mirror import MirrorDisplay
from explore_async.errors import NotFoundResource
from explore_async.events import BytesEvent
from explore_async.harvest import Listed, Mirrored, MirrorFinished, MirrorReport
from tests.explore_async.cli.shell import run
from tests.explore_async.cli.test_harvested import Clock

if TYPE_CHECKING:
    from pathlib import Path

ABSENT = Mirrored(
    dataset_id="fir", outcome="failed", error=NotFoundResource("Not\x1b there.", status=404)
)


def test_a_portal_is_mirrored_and_brought_up_to_date(url: str, tmp_path: Path) -> None:
    """What is unchanged is counted; the rest is told line by line."""
    command = ("mirror", url, "-o", str(tmp_path / "portal"), "--exclude", "odd")
    result = run(*command, "--exclude", "places", "--at-once", "1")
    assert result.exit_code == 0, result.stderr
    assert result.stderr.splitlines() == [
        "3 datasets to mirror",
        "cities: new, 3 rows, 169 bytes",
        "1 of 3 datasets",
        "trees: new, 150 rows, 3.1 kB",
        "2 of 3 datasets",
        "many: new, 10,001 rows, 168.9 kB",
        "complete: 3 datasets, 3 new",
    ]
    result = run(*command, "--exclude", "places", "--exclude", "cities")
    assert result.exit_code == 0, result.stderr
    assert result.stderr.splitlines()[-1] == "complete: 2 datasets, 2 unchanged"
    assert (tmp_path / "portal" / "trees" / "dataset.json").exists()


def test_a_dry_run_writes_nothing(url: str, tmp_path: Path) -> None:
    """It says how many rows the catalog counts."""
    result = run("mirror", url, "-o", str(tmp_path / "x"), "--dry-run", "--include", "[ct]*")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines() == [
        "cities: new, 3 rows", "trees: new, 150 rows", "2 datasets, 2 new",
    ]  # fmt: skip
    assert not (tmp_path / "x").exists()


def test_the_condition_is_one_of_the_catalog(url: str, tmp_path: Path) -> None:
    """On the metadata of the datasets."""
    result = run(
        "mirror", url, "-o", str(tmp_path), "--dry-run", "--where", "dataset_id = 'places'"
    )
    assert result.stdout.splitlines()[-1] == "1 dataset, 1 new"


@pytest.mark.parametrize("more", [(), ("--dry-run",)], ids=["run", "plan"])
def test_filters_that_no_dataset_matches_are_an_error(
    url: str, tmp_path: Path, more: tuple[str, ...]
) -> None:
    """A misspelt name would leave a mirror as it was."""
    result = run("mirror", url, "-o", str(tmp_path), "--include", "tree", *more)
    assert result.exit_code == 1
    assert "No dataset of the portal matches" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Missing argument 'URL'"),
        (("http://127.0.0.1:1",), "Missing option '-o'"),
        (("http://127.0.0.1:1", "-o", "x", "--at-once", "0"), "0 is not in the range"),
        (("http://127.0.0.1:1/explore/dataset/elm/table/", "-o", "x"), "--include elm"),
    ],
)
def test_what_is_missing_is_named(arguments: tuple[str, ...], message: str) -> None:
    """With the exit status of a wrong command line."""
    result = run("mirror", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_dataset_that_fails_ends_with_status_1(url: str, tmp_path: Path) -> None:
    """It is told when it fails, and at the end."""
    (tmp_path / "trees").mkdir()
    (tmp_path / "trees" / "manifest.json").write_text("{}")
    result = run("mirror", url, "-o", str(tmp_path), "--include", "[ct]*")
    assert result.exit_code == 1
    assert "trees: failed: " in result.stderr
    assert "cities: new, 3 rows" in result.stderr
    assert result.stderr.splitlines()[-1] == "Error: 1 dataset failed: trees."


def test_failures_and_what_is_gone_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """No text of the portal can send commands to a terminal."""
    told: list[str] = []
    monkeypatch.setattr(click, "echo", lambda text, **_: told.append(text))
    shown = MirrorDisplay(lambda: None, Clock())
    changed = Mirrored(
        dataset_id="ash", outcome="changed", rows=2, bytes=5_000, changes=("one", "two")
    )
    report = MirrorReport(url="", datasets=(changed, ABSENT), gone=("elm\x1b",))
    for event in (Listed(datasets=("ash", "fir")), changed, ABSENT, MirrorFinished(report=report)):
        shown.tell(event)
    assert shown.failed == ["fir"]
    assert told == [
        "2 datasets to mirror",
        "ash: changed, 2 rows, 5.0 kB (one; two)",
        "1 of 2 datasets",
        f"fir: failed: {str(ABSENT.error).replace(chr(27), ' ')}",
        "gone from the portal, but kept: elm ",
        "not complete: 2 datasets, 1 changed, 1 failed",
    ]


def test_on_a_terminal_a_line_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the rate, the time left and the quota."""
    told: list[str] = []
    monkeypatch.setattr(click, "echo", lambda text, **_: told.append(text))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    shown = MirrorDisplay(lambda: 70, Clock())
    shown.tell(Listed(datasets=("ash", "birch", "cedar")))
    shown.tell(Mirrored(dataset_id="ash", outcome="unchanged"))
    shown.hear(BytesEvent(call=1, url="", at=0, received=2_000))
    shown.clear()
    lines = [line for line in told if not line.startswith("\r")]
    assert lines == [
        "3 datasets to mirror",
        "1 of 3 datasets, 0 datasets/s, 6 s left, 70 calls left",
        "1 of 3 datasets, 2.0 kB received, 0 datasets/s, 10 s left, 70 calls left",
    ]
