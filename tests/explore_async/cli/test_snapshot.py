"""`explore snapshot`: what it prints, and its exit status."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.explore_async.cli.shell import ROWS, run

if TYPE_CHECKING:
    from pathlib import Path


def lines(path: Path) -> list[object]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_each_dataset_is_told_with_its_rows(url: str, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "fixtures"
    ended = run("snapshot", "--url", url, "cities", "many", "-o", str(folder))
    assert ended.exit_code == 0
    assert ended.stderr.splitlines() == [
        f"{folder / 'cities.jsonl'}: 3 of 3 rows",
        f"{folder / 'many.jsonl'}: 1,000 of 10,001 rows",
    ]
    assert lines(folder / "cities.jsonl") == ROWS


def test_a_dataset_that_fails_is_told_at_the_end(url: str, tmp_path: Path) -> None:
    ended = run("snapshot", "--url", url, "nothing", "cities", "-o", str(tmp_path))
    assert ended.exit_code == 1
    copied, summary, reason = ended.stderr.splitlines()
    assert copied == f"{tmp_path / 'cities.jsonl'}: 3 of 3 rows"
    assert summary == "Error: 1 of 2 datasets were copied."
    assert reason.startswith("nothing: NotFoundResource")


def test_a_copy_that_exists_needs_force(url: str, tmp_path: Path) -> None:
    command = ["snapshot", "--url", url, "cities", "-o", str(tmp_path)]
    assert [run(*command).exit_code, run(*command).exit_code] == [0, 1]
    assert run(*command, "--force").exit_code == 0


@pytest.mark.parametrize(("options", "rows"), [(["--rows", "2"], 2), (["--all"], 10_001)], ids=str)
def test_a_sample_or_all_rows(url: str, tmp_path: Path, options: list[str], rows: int) -> None:
    ended = run("snapshot", "--url", url, "many", "-o", str(tmp_path), *options)
    assert ended.stderr == f"{tmp_path / 'many.jsonl'}: {rows:,} of 10,001 rows\n"


def test_conditions_and_the_filters_of_an_address_select_rows(url: str, tmp_path: Path) -> None:
    address = f"{url}/explore/dataset/cities/?refine.country=UA"
    ended = run("snapshot", address, "--where", "population < 1000000", "-o", str(tmp_path))
    assert ended.stderr == f"{tmp_path / 'cities.jsonl'}: 1 of 1 rows\n"
    assert lines(tmp_path / "cities.jsonl") == [ROWS[1]]


def test_an_address_that_selects_fields_is_no_copy(url: str, tmp_path: Path) -> None:
    address = f"{url}/api/explore/v2.1/catalog/datasets/cities/records?select=name"
    ended = run("snapshot", address, "-o", str(tmp_path))
    assert ended.exit_code == 1
    assert "Remove select" in ended.stderr


@pytest.mark.parametrize(
    "wrong", [["cities", "--all", "--rows", "5"], ["cities", "--rows", "-1"], []], ids=str
)
def test_wrong_usage_has_status_2(url: str, wrong: list[str]) -> None:
    assert run("snapshot", "--url", url, *wrong).exit_code == 2
