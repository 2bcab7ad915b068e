"""The database of a store: its limits, and what a locked one may read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

from explore_async.portal import Store, load_files
from explore_async.portal.database import shares
from explore_async.portal.errors import StoreError
from tests.platforms import posix

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEXT = "name\nBastille\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the file of a dataset, and a file beside it."""
    inside = tmp_path / "it's data"
    inside.mkdir()
    (inside / "stations.csv").write_text(TEXT)
    (tmp_path / "secret.csv").write_text(TEXT)
    return inside


@pytest.fixture
def store() -> Iterator[Store]:
    """A store without datasets."""
    with Store() as opened:
        yield opened


def read(store: Store, path: Path) -> int:
    with store.cursor() as cursor:
        found = cursor.execute("SELECT count(*) FROM read_csv($path)", {"path": str(path)})
        return int(found.fetchall()[0][0])


def test_a_locked_store_still_reads_the_files_of_its_folders(store: Store, folder: Path) -> None:
    """They are loaded when they are first needed, and new ones may come."""
    load_files(store, folder)
    store.lock()
    loaded = store.dataset("stations")
    assert loaded is not None
    assert loaded.records_count == 1
    (folder / "new.csv").write_text(TEXT)
    assert read(store, folder / "new.csv") == 1


def test_a_locked_store_reads_a_file_in_place(store: Store, tmp_path: Path) -> None:
    """A query reads the Parquet file that was named, and no other one."""
    path = tmp_path / "trees.parquet"
    duckdb.execute(f"COPY (SELECT 'oak' AS name) TO '{path}'")
    load_files(store, path)
    store.lock()
    loaded = store.dataset("trees")
    assert loaded is not None
    with store.cursor() as cursor:
        assert cursor.execute(f"SELECT c0 FROM {loaded.table}").fetchall() == [("oak",)]


@posix
def test_a_locked_store_reads_files_behind_links(store: Store, folder: Path) -> None:
    """A mounted folder is often full of them."""
    (folder / "stations.csv").rename(folder.parent / "elsewhere.csv")
    (folder / "stations.csv").symlink_to(folder.parent / "elsewhere.csv")
    (folder.parent / "link").symlink_to(folder)
    load_files(store, folder.parent / "link")
    store.lock()
    assert store.dataset("stations") is not None


@pytest.mark.parametrize(
    "sql",
    [
        "FROM read_csv('{secret}')",
        "FROM read_text('{inside}/../secret.csv')",
        "COPY (SELECT 1) TO '{secret}'",
        "ATTACH '{secret}' AS other",
        "FROM read_text('https://example.org/x')",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET allowed_directories = ['/']",
        "SET memory_limit = '1TB'",
        "SET lock_configuration = false",
        "RESET memory_limit",
    ],
)
def test_a_locked_store_reaches_nothing_else(store: Store, folder: Path, sql: str) -> None:
    """Neither other files nor the network nor its own settings."""
    load_files(store, folder)
    store.lock()
    inside = str(folder).replace("'", "''")
    with store.cursor() as cursor:
        with pytest.raises((duckdb.PermissionException, duckdb.InvalidInputException)):
            cursor.execute(sql.format(secret=folder.parent / "secret.csv", inside=inside))


def test_a_named_file_does_not_open_its_folder(store: Store, folder: Path) -> None:
    """Only the file itself."""
    (folder / "other.csv").write_text(TEXT)
    load_files(store, folder / "stations.csv")
    store.lock()
    assert read(store, folder / "stations.csv") == 1
    with pytest.raises(duckdb.PermissionException):
        read(store, folder / "other.csv")


def test_rows_can_be_added_to_a_locked_store(store: Store) -> None:
    """They travel through a folder of the store."""
    store.lock()
    assert store.add("trees", rows=[{"name": "oak"}]).records_count == 1
    assert store.catalog().records_count == 1


def test_files_cannot_be_added_to_a_locked_store(store: Store, folder: Path) -> None:
    """The message says when they can."""
    store.lock()
    store.lock()
    with pytest.raises(StoreError, match=r"Load .* before lock\(\)"):
        load_files(store, folder)


def test_a_store_leaves_no_files_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its folder is for rows on their way and for what does not fit into memory."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Store(memory_limit="50MB", threads=1) as store, store.cursor() as cursor:
        cursor.execute("CREATE TABLE t AS SELECT hash(n) AS h, n FROM range(4000000) AS r(n)")
        (place,) = cursor.execute("SELECT current_setting('temp_directory')").fetchall()[0]
        assert [str(one) for one in tmp_path.iterdir()] == [place]
        assert any((tmp_path / place).iterdir())
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("limit", ["much", "2", "-1GB", "2GB; DROP TABLE t1", 5])
def test_a_memory_limit_is_a_size(limit: str) -> None:
    """The message shows two."""
    with pytest.raises(StoreError, match="'2GB' or '512MiB'"):
        Store(memory_limit=limit)


def test_processes_share_memory_and_cores() -> None:
    """Together they have what one has, and each a thread at least."""
    whole, threads = shares(1)
    half, fewer = shares(2)
    assert float(half.strip("GiMB")) == pytest.approx(float(whole.strip("GiMB")) / 2, abs=0.1)
    assert fewer == max(1, threads // 2)
    assert shares(1000)[1] == 1
