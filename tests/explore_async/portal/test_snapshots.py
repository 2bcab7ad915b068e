"""Files with a dataset object beside them, which people may edit."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from explore_async import APIError, ConfigurationError
from explore_async.portal import Store, load_files
from explore_async.testing import Portal

if TYPE_CHECKING:
    from pathlib import Path

WHOLE: dict[str, Any] = {
    "dataset_id": "trees@city",
    "fields": [{"name": "id", "type": "int"}],
    "metas": {"default": {"records_count": 9}},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a dataset object and two records."""
    (tmp_path / "trees.dataset.json").write_text(json.dumps(WHOLE))
    (tmp_path / "trees.jsonl").write_text('{"id": 1}\n{"id": 2}\n')
    return tmp_path


def refusal(folder: Path) -> str:
    """Return the message with which a folder is refused."""
    with Store() as store, pytest.raises(ConfigurationError) as caught:
        load_files(store, folder)
    return str(caught.value)


async def test_the_dataset_object_names_the_dataset(folder: Path) -> None:
    """A file name cannot have every character of an identifier."""
    async with Portal(folder=folder) as portal, portal.client() as client:
        assert await client.dataset("trees@city").records().to_list() == [{"id": 1}, {"id": 2}]
        assert [one["dataset_id"] async for one in client.datasets()] == ["trees@city"]


async def test_a_row_less_is_one_less(folder: Path) -> None:
    (folder / "trees.jsonl").write_text('{"id": 2}\n')
    async with Portal(folder=folder) as portal, portal.client() as client:
        info = await client.dataset("trees@city").info()
        assert info.metas["default"] == {"records_count": 1}


async def test_a_copy_stands_beside_other_files_and_rows(folder: Path) -> None:
    (folder / "birds.csv").write_text("name\ntit\n")
    async with Portal({"cats": [{"x": 1}]}, folder=folder) as portal, portal.client() as client:
        found = {one["dataset_id"] async for one in client.datasets()}
    assert found == {"trees@city", "birds", "cats"}


@pytest.mark.parametrize("wrong", ["{", "[]", '{"dataset_id": "x", "fields": {}, "metas": {}}'])
def test_what_is_no_dataset_object_is_refused_with_its_path(folder: Path, wrong: str) -> None:
    (folder / "trees.dataset.json").write_text(wrong)
    assert str(folder / "trees.dataset.json") in refusal(folder)


def test_a_copy_is_not_described_twice(folder: Path) -> None:
    (folder / "portal.toml").write_text('[[dataset]]\nfile = "trees.jsonl"\ntitle = "Trees"\n')
    assert "remove the table" in refusal(folder)


def test_a_copy_can_be_left_out(folder: Path) -> None:
    (folder / "portal.toml").write_text('[[dataset]]\nfile = "trees.jsonl"\nvisible = false\n')
    with Store() as store:
        load_files(store, folder)
        assert store.datasets == ()


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ('{"id": 1}\n{"id"\n', "line 2 is not a JSON object"),
        ("[1]\n", "line 1 is not a JSON object"),
        ('{"id": "oak"}\n', "'oak' is not a valid int for field 'id'"),
        ('{"name": 1}\n', r"Row 0 has keys that are not fields: \['name'\]"),
    ],
)
async def test_rows_that_do_not_fit_are_told_in_their_answers(
    folder: Path, rows: str, reason: str
) -> None:
    """The portal starts, as with every file of a folder."""
    (folder / "trees.jsonl").write_text(rows)
    async with Portal(folder=folder) as portal, portal.client() as client:
        with pytest.raises(APIError, match=rf"trees\.jsonl: {reason}"):
            await client.dataset("trees@city").records().to_list()


def test_a_type_that_the_portal_lacks_is_told(folder: Path) -> None:
    whole = {**WHOLE, "fields": [{"name": "id", "type": "hologram"}]}
    (folder / "trees.dataset.json").write_text(json.dumps(whole))
    with Store() as store, pytest.raises(ConfigurationError, match="hologram"):
        load_files(store, folder / "trees.jsonl")
