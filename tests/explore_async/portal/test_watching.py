"""Files that change while a portal serves them."""

from __future__ import annotations

import asyncio
import gc
import sys
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from explore_async import ExploreClient, ExploreError
from explore_async.portal import Store, serve
from explore_async.portal.watching import INTERVAL, WatchedFiles, watching
from tests.explore_async.portal.test_databases import made
from tests.explore_async.portal.test_files import flatgeobuf, written

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def store() -> Iterator[Store]:
    """An empty store."""
    with Store(threads=1) as opened:
        yield opened


def table_rows(store: Store, dataset_id: str) -> list[tuple[Any, ...]]:
    """Return the rows of a dataset."""
    dataset = store.dataset(dataset_id)
    assert dataset is not None
    with store.cursor() as cursor:
        return cursor.execute(f"FROM {dataset.table}").fetchall()


def test_nothing_is_read_while_nothing_changes(tmp_path: Path, store: Store) -> None:
    """Files of a folder still wait until they are needed."""
    written(tmp_path / "a.csv", "x\n1\n")
    files = WatchedFiles(store, tmp_path)
    assert files.refresh() == []
    assert store.waiting == ("a",)


@pytest.mark.parametrize("named", [True, False], ids=["file", "folder"])
def test_a_file_that_changes_is_read_again(tmp_path: Path, store: Store, named: bool) -> None:
    """Also if it has other fields; one that changes once is read once."""
    path = written(tmp_path / "a.csv", "x\n1\n")
    files = WatchedFiles(store, path if named else tmp_path)
    assert table_rows(store, "a") == [(1,)]
    written(path, "x,y\n10,20\n")
    assert files.refresh() == [f"Reloaded a ({path})."]
    assert files.refresh() == []
    assert table_rows(store, "a") == [(10, 20)]
    assert [one.records_count for one in store.datasets] == [1]


def test_files_that_appear_and_disappear_are_datasets_or_not(tmp_path: Path, store: Store) -> None:
    """In folders of the folder, too; it may become empty."""
    first = written(tmp_path / "a.csv", "x\n1\n")
    files = WatchedFiles(store, tmp_path)
    (tmp_path / "new").mkdir()
    second = written(tmp_path / "new" / "b.csv", "x\n1\n")
    assert files.refresh() == [f"Added b ({second})."]
    first.unlink()
    assert files.refresh() == [f"Removed a ({first})."]
    second.unlink()
    assert files.refresh() == [f"Removed b ({second})."]
    assert store.datasets == ()
    written(first, "x\n1\n")
    assert files.refresh() == [f"Added a ({first})."]


def test_a_named_file_may_go_and_come_back(tmp_path: Path, store: Store) -> None:
    """Meanwhile it is no dataset."""
    path = written(tmp_path / "a.csv", "x\n1\n")
    files = WatchedFiles(store, path)
    path.unlink()
    assert files.refresh() == [f"Removed a ({path})."]
    assert store.dataset("a") is None
    written(path, "x\n2\n")
    assert files.refresh() == [f"Added a ({path})."]


def test_portal_toml_counts_anew(tmp_path: Path, store: Store) -> None:
    """Only the datasets that it describes otherwise are read again."""
    path = written(tmp_path / "a.csv", "x\n1\n")
    written(tmp_path / "b.csv", "x\n1\n")
    files = WatchedFiles(store, tmp_path)
    said = written(tmp_path / "portal.toml", '[[dataset]]\nfile = "a.csv"\ntitle = "A"\n')
    assert files.refresh() == [f"Reloaded a ({path})."]
    assert [one.title for one in store.datasets] == ["A", "b"]
    written(said, '[[dataset]]\nfile = "a.csv"\nid = "other"\n')
    assert files.refresh() == [f"Removed a ({path}).", f"Added other ({path})."]


def test_a_file_that_becomes_broken_keeps_its_rows(tmp_path: Path, store: Store) -> None:
    """One line says so, once; when it is correct again, it is read."""
    path = written(tmp_path / "a.jsonl", '{"x": 1}\n')
    files = WatchedFiles(store, path)
    written(path, '{"x": \n')
    (line,) = files.refresh()
    assert line.startswith(f"Cannot read {path}: ")
    assert line.endswith(" Its old rows are still served.")
    assert "\n" not in line
    assert files.refresh() == []
    assert table_rows(store, "a") == [(1,)]
    written(path, '{"x": 22}\n')
    assert files.refresh() == [f"Reloaded a ({path})."]
    assert table_rows(store, "a") == [(22,)]


def test_a_broken_portal_toml_changes_nothing(tmp_path: Path, store: Store) -> None:
    """One line says so; when it is correct again, it counts."""
    path = written(tmp_path / "a.csv", "x\n1\n")
    files = WatchedFiles(store, tmp_path)
    said = written(tmp_path / "portal.toml", "[[dataset]")
    (line,) = files.refresh()
    assert "is not TOML" in line
    assert table_rows(store, "a") == [(1,)]
    written(said, '[[dataset]]\nfile = "a.csv"\ntitle = "A"\n')
    assert files.refresh() == [f"Reloaded a ({path})."]


def test_a_second_file_of_a_dataset_is_one_line(tmp_path: Path, store: Store) -> None:
    """The first is still served."""
    first = written(tmp_path / "a.csv", "x\n1\n")
    files = WatchedFiles(store, tmp_path)
    second = written(tmp_path / "a.tsv", "x\n2\n")
    (line,) = files.refresh()
    assert line.startswith(f"{second} and {first} are both the dataset 'a'.")
    assert table_rows(store, "a") == [(1,)]


async def test_a_new_file_that_is_broken_leaves_the_others(tmp_path: Path, store: Store) -> None:
    """One line says so, and its requests are refused."""
    written(tmp_path / "a.csv", "x\n1\n")
    files = WatchedFiles(store, tmp_path)
    path = written(tmp_path / "b.jsonl", "oops\n")
    (line,) = files.refresh()
    assert line.startswith(f"Cannot read {path}: ")
    async with serve(store) as url, ExploreClient(url) as client:
        assert [one["dataset_id"] async for one in client.datasets()] == ["a"]
        with pytest.raises(ExploreError, match="UnreadableFile"):
            await client.dataset("b").info()
    path.unlink()
    assert files.refresh() == [f"Removed b ({path})."]


def test_a_missing_library_is_one_line(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what to install."""
    written(tmp_path / "a.csv", "x\n1\n")
    files = WatchedFiles(store, tmp_path)
    flatgeobuf(tmp_path / "b.fgb", [None])
    monkeypatch.setitem(sys.modules, "pyogrio", None)
    (line,) = files.refresh()
    assert "explore-async[portal]" in line


def test_parquet_is_loaded(tmp_path: Path, store: Store) -> None:
    """A file that is read in place would change under its readers."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"x": [1]}), path)
    files = WatchedFiles(store, path)
    path.write_bytes(b"oops")
    assert table_rows(store, "a") == [(1,)]
    assert files.refresh()[0].endswith("Its old rows are still served.")
    pq.write_table(pa.table({"x": ["new"]}), path)
    files.refresh()
    assert table_rows(store, "a") == [("new",)]


def test_a_database_can_be_written_while_it_is_served(tmp_path: Path, store: Store) -> None:
    """Its tables are added, read again and removed."""
    path = made(tmp_path / "a.duckdb", "CREATE TABLE x AS SELECT 1 AS n", "CREATE TABLE y (n INT)")
    files = WatchedFiles(store, path)
    assert table_rows(store, "x") == [(1,)]
    made(path, "DROP TABLE y", "UPDATE x SET n = 2", "CREATE TABLE z AS SELECT 3 AS n")
    assert files.refresh() == [
        f"Removed y ({path}, table y).",
        f"Reloaded x ({path}, table x).",
        f"Added z ({path}, table z).",
    ]
    assert table_rows(store, "x") == [(2,)]


def test_a_database_that_becomes_broken_keeps_its_rows(tmp_path: Path, store: Store) -> None:
    """One line says so, and not again."""
    path = made(tmp_path / "a.duckdb", "CREATE TABLE x AS SELECT 1 AS n")
    other = written(tmp_path / "b.csv", "x\n1\n")
    files = WatchedFiles(store, tmp_path)
    assert len(store.datasets) == 2
    whole = path.read_bytes()
    path.write_bytes(b"oops")
    (line,) = files.refresh()
    assert line.startswith(f"{path} is not a DuckDB database.")
    assert table_rows(store, "x") == [(1,)]
    written(other, "x\n10\n")
    assert files.refresh() == [f"Reloaded b ({other})."]
    assert store.dataset("a") is None
    path.write_bytes(whole)
    assert files.refresh() == [f"Reloaded x ({path}, table x)."]


def test_old_rows_stay_until_nobody_uses_them(tmp_path: Path, store: Store) -> None:
    """Then their table is dropped."""
    path = written(tmp_path / "a.csv", "x\n1\n")
    files = WatchedFiles(store, path)
    old = store.dataset("a")
    assert old is not None
    table = old.table
    written(path, "x\n10\n")
    files.refresh()
    files.refresh()
    with store.cursor() as cursor:
        assert cursor.execute(f"FROM {table}").fetchall() == [(1,)]
        del old
        gc.collect()
        files.refresh()
        with pytest.raises(duckdb.CatalogException):
            cursor.execute(f"FROM {table}")


async def test_an_export_finishes_on_the_rows_with_which_it_began(
    tmp_path: Path, store: Store
) -> None:
    """The next one has the new rows."""
    path = written(tmp_path / "a.csv", "x\n" + "1\n" * 200_000)
    files = WatchedFiles(store, path)
    async with serve(store) as url, ExploreClient(url) as client:
        async with client.dataset("a").export("jsonl") as stream:
            rows = stream.rows()
            assert dict(await anext(rows)) == {"x": 1}
            written(path, "x\n2\n")
            await asyncio.to_thread(files.refresh)
            assert [dict(row) async for row in rows] == [{"x": 1}] * 199_999
        assert [dict(row) async for row in client.dataset("a").records()] == [{"x": 2}]


async def test_watching_polls_until_the_block_ends(tmp_path: Path, store: Store) -> None:
    """Each line is reported."""
    path = written(tmp_path / "a.csv", "x\n1\n")
    waits: list[float] = []
    lines: asyncio.Queue[str] = asyncio.Queue()

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await asyncio.sleep(0)

    async with watching(WatchedFiles(store, path), lines.put_nowait, sleep=sleep):
        written(path, "x\n10\n")
        assert await lines.get() == f"Reloaded a ({path})."
        path.unlink()
        assert await lines.get() == f"Removed a ({path})."
    assert set(waits) == {INTERVAL}
    assert len(asyncio.all_tasks()) == 1
