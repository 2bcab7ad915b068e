"""`explore harvest`: plans, folders, and what is told."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import orjson
import pytest

from explore_async.cli.running import run as run_work
from tests.explore_async.cli.shell import ROWS, run
from tests.platforms import posix

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def test_a_dataset_is_harvested_into_a_folder_of_its_name(url: str, tmp_path: Path) -> None:
    """What happens is on standard error."""
    result = run("harvest", "cities", "--url", url, "-o", str(tmp_path))
    assert result.exit_code == 0, result.stderr
    assert result.stdout == ""
    planned, complete = result.stderr.splitlines()
    assert planned == (
        "cities: 3 rows by export (one request brings all 3 rows), 1 partition, 3 requests"
    )
    assert complete.startswith("cities: complete: 3 rows, ")
    lines = (tmp_path / "cities" / "part-00000.jsonl").read_bytes().splitlines()
    assert [orjson.loads(line) for line in lines] == ROWS
    assert (tmp_path / "cities" / "manifest.json").exists()


def test_the_filters_are_those_of_export(url: str, tmp_path: Path) -> None:
    """Conditions, facets and columns."""
    result = run(
        "harvest", "cities", "--url", url, "-o", str(tmp_path), "--refine", "country:UA",
        "--where", "population > 1000000", "--select", "name", "--format", "csv",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "cities" / "part-00000.csv").read_text() == "name\nKyiv\n"


def test_without_a_terminal_each_tenth_is_a_line(url: str, tmp_path: Path) -> None:
    """A log stays short, however many partitions there are."""
    result = run(
        "harvest", "many", "--url", url, "-o", str(tmp_path), "--partition-rows", "500",
        "--split-by", "name",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    told = [line for line in result.stderr.splitlines() if " of 10,001 rows" in line]
    assert 5 <= len(told) <= 10


def test_a_dry_run_prints_the_plan_and_writes_nothing(url: str, tmp_path: Path) -> None:
    """With what it costs, and the first partitions."""
    result = run("harvest", "many", "--url", url, "--dry-run", "--partition-rows", "600")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == "dataset    many"
    assert lines[1].startswith("strategy   exports: one export of 10,001 rows would lose them all")
    assert lines[2].startswith("rows       10,001 in ")
    assert lines[-1].startswith("... and ")
    assert not list(tmp_path.iterdir())


def test_one_dataset_that_fails_does_not_stop_the_others(url: str, tmp_path: Path) -> None:
    """It is told when it fails, and at the end."""
    result = run("harvest", "absent", "cities", "--url", url, "-o", str(tmp_path))
    assert result.exit_code == 1
    assert "absent: " in result.stderr
    assert "cities: complete" in result.stderr
    assert result.stderr.splitlines()[-1] == "Error: 1 of 2 datasets failed: absent."


def test_the_error_of_the_only_dataset_is_the_message(url: str, tmp_path: Path) -> None:
    """Exit status 1."""
    result = run("harvest", "cities", "--url", url, "-o", str(tmp_path), "--max-requests", "5")
    assert result.exit_code == 1
    assert "would take 6 requests" in result.stderr


def test_a_harvest_needs_a_folder(url: str) -> None:
    """There is no default, because there may be many files."""
    result = run("harvest", "cities", "--url", url)
    assert result.exit_code == 2
    assert "Pass the folder to write to with -o" in result.stderr


def test_a_store_is_given_as_its_url(url: str, tmp_path: Path) -> None:
    """Each dataset has a folder there, too."""
    result = run("harvest", "cities", "--url", url, "-o", f"local://{tmp_path}/data")
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "data" / "cities" / "manifest.json").exists()
    assert (tmp_path / "data" / "cities" / "journal").is_dir()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--engine", "dask"), "Pass the address of the scheduler with --scheduler"),
        (("--scheduler", "tcp://127.0.0.1:8786"), "--scheduler needs --engine dask"),
    ],
    ids=["no-scheduler", "no-engine"],
)
def test_an_engine_and_its_scheduler_belong_together(
    url: str, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    """Neither is ignored."""
    result = run("harvest", "cities", "--url", url, "-o", str(tmp_path), *options)
    assert result.exit_code == 2
    assert message in result.stderr


def test_the_same_command_with_resume_can_be_run_until_it_succeeds(
    url: str, tmp_path: Path
) -> None:
    """Without it, a folder is never overwritten."""
    command = ("harvest", "cities", "--url", url, "-o", str(tmp_path))
    assert run(*command, "--resume").exit_code == 0
    assert run(*command, "--resume").exit_code == 0
    assert run(*command).exit_code == 1


def test_what_did_not_change_is_kept(url: str, tmp_path: Path) -> None:
    """Of all datasets in a folder; a dry run says so, too."""
    command = ("harvest", "many", "trees", "--url", url)
    assert run(*command, "-o", str(tmp_path / "1"), "--cursor-field", "population").exit_code == 1
    assert run(*command, "-o", str(tmp_path / "2")).exit_code == 0
    since = ("--since", str(tmp_path / "2"))
    told = run(*command, "--dry-run", *since).stdout
    assert "since      unchanged: 10,001 rows are kept, and nothing is fetched" in told
    assert (
        told.splitlines()[-1]
        == "total      0 rows of 2 datasets in 4 requests, about 0 bytes as JSON Lines"
    )
    result = run(*command, "-o", str(tmp_path / "3"), *since)
    assert result.exit_code == 0, result.stderr
    assert sorted(result.stderr.splitlines())[2:] == [
        "trees: complete: 150 rows, 3,150 bytes in 1 file",
        "trees: unchanged: 150 rows are kept, and nothing is fetched",
    ]


def test_a_dry_run_of_several_datasets_ends_with_the_total(url: str) -> None:
    """One that fails does not stop the others."""
    result = run("harvest", "cities", "absent", "trees", "--url", url, "--dry-run")
    assert result.exit_code == 1
    assert "absent: " in result.stderr
    assert result.stdout.count("\n\n") == 2
    assert result.stdout.splitlines()[-1].startswith(
        "total      153 rows of 2 datasets in 12 requests, about "
    )


def test_two_datasets_with_one_folder_are_refused(url: str, tmp_path: Path) -> None:
    """One would keep the other out."""
    result = run("harvest", "a:b", "a;b", "--url", url, "-o", str(tmp_path))
    assert result.exit_code == 2
    assert "2 of the datasets would be written to the folder a_b" in result.stderr


@pytest.fixture
def heeded() -> Iterator[None]:
    """Let signals end this process.

    A shell starts programs in the background with SIGINT ignored, and `run` leaves that as it is.
    """
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, signal.SIG_DFL) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@posix
@pytest.mark.usefixtures("heeded")
def test_the_first_signal_drains_and_the_second_stops() -> None:
    """A harvest finishes what is in flight, unless it is asked again."""
    drained = asyncio.Event()

    async def work() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await drained.wait()
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()

    with pytest.raises(KeyboardInterrupt):
        run_work(work(), drain=drained.set)


@posix
@pytest.mark.usefixtures("heeded")
def test_drained_work_may_end_by_itself() -> None:
    """Then its result counts."""
    drained = asyncio.Event()

    async def work() -> str:
        os.kill(os.getpid(), signal.SIGTERM)
        await drained.wait()
        for _ in range(20):
            await asyncio.sleep(0)  # one signal must not count twice
        return "done"

    assert run_work(work(), drain=drained.set) == "done"
