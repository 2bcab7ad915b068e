"""Copies of datasets of a portal, for tests: `explore snapshot`, and `snapshot` in tests.

`explore_async.portal.snapshots` says how the files look, and serves them. A dataset is written to a
hidden folder, loaded once as `explore serve` will load it, and only then moved to its place. So
what is there can be served.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

from explore_async.client import ExploreClient
from explore_async.errors import (
    ConfigurationError,
    ExploreError,
    IntegrityError,
    SnapshotError,
    StorageError,
)
from explore_async.portal import Store, load_files
from explore_async.portal.errors import StoreError
from explore_async.portal.snapshots import DESCRIPTION_SUFFIX, read_description
from explore_async.results.files import PartFile, file_name
from odsql import Query

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Sequence
    from os import PathLike

    from explore_async.dataset import Dataset
    from explore_async.models import DatasetInfo, Row
    from odsql.builder.query import Filter

__all__ = ["DEFAULT_ROWS", "Snapshot", "save_dataset", "snapshot"]

DEFAULT_ROWS = 1000

_WINDOW = 10_000
"""The rows that pages can reach (behaviour of getRecords); more need an export."""

_BLOCK = 1000
"""The rows that are written at once."""


@frozen
class Snapshot:
    """A dataset that was copied.

    Attributes:
        dataset_id: its identifier.
        path: the file of its rows.
        rows: the number of rows in the file.
        total: the number of rows on the portal that match the condition; None if they cannot be
            read.
    """

    dataset_id: str
    path: Path
    rows: int
    total: int | None

    def __str__(self) -> str:
        if self.total is None:
            return f"{self.path}: no rows, because the portal does not show them"
        return f"{self.path}: {self.rows:,} of {self.total:,} rows"


async def snapshot(
    source: ExploreClient | str,
    dataset_ids: Iterable[str],
    folder: str | PathLike[str],
    *,
    rows: int | None = DEFAULT_ROWS,
    where: Filter | Sequence[Filter] = None,
    force: bool = False,
) -> tuple[Snapshot, ...]:
    """Copy datasets of a portal to a folder, which `explore serve` and `Portal` serve again.

    Each dataset becomes two files: its dataset object, which holds the schema and all metadata, and
    its first rows in the order of the portal. Served again, the answers are the same, but
    `records_count` is the number of copied rows. Attachments are described, but not copied.

    Args:
        source: a client, or the URL of a portal.
        dataset_ids: the identifiers of the datasets.
        folder: the folder of the files, which is created if needed.
        rows: the number of rows per dataset, from 0; None for all. Up to 10,000 are read in pages,
            more in an export.
        where: a condition for the rows.
        force: replace copies that exist.

    Returns:
        What was copied, in the given order.

    Raises:
        ConfigurationError: an argument is wrong; nothing was sent.
        MissingExtraError: DuckDB is not installed; nothing was sent.
        SnapshotError: datasets could not be copied; the others were.
    """
    if isinstance(dataset_ids, str):
        raise ConfigurationError(f"Pass the identifiers in a list: [{dataset_ids!r}].")
    query = Query(where=where)
    saved: list[Snapshot] = []
    failed: dict[str, ExploreError] = {}
    async with AsyncExitStack() as stack:
        if isinstance(source, str):
            source = await stack.enter_async_context(ExploreClient(source))
        for one in dict.fromkeys(dataset_ids):
            try:
                done = await save_dataset(
                    source.dataset(one), Path(folder), query, rows=rows, force=force
                )
            except ExploreError as error:
                failed[one] = error
            else:
                saved.append(done)
    if failed:
        reasons = "\n".join(f"{name}: {error}" for name, error in failed.items())
        msg = f"{len(failed)} of {len(failed) + len(saved)} datasets were not copied.\n{reasons}"
        raise SnapshotError(msg, failed=failed, saved=tuple(one.dataset_id for one in saved))
    return tuple(saved)


async def save_dataset(
    dataset: Dataset,
    folder: Path,
    query: Query,
    *,
    rows: int | None = DEFAULT_ROWS,
    force: bool = False,
) -> Snapshot:
    """Copy one dataset; see `snapshot`.

    Raises:
        ConfigurationError: a copy exists and `force` is false, an argument is wrong, or the folder
            cannot be written.
        ExploreError: the portal did not answer, or `explore serve` could not serve the copy.
    """
    if rows is not None and (not isinstance(rows, int) or rows < 0):
        raise ConfigurationError(f"rows is {rows!r}; pass a number from 0, or None for all.")
    if query.clauses.select is not None or query.clauses.group_by:
        raise ConfigurationError(
            "A copy has all fields of its dataset. Remove select and group_by."
        )
    target = folder / file_name(dataset.dataset_id, "jsonl")
    _refuse_existing(target, dataset.dataset_id, force=force)
    with Store(threads=1) as store, _hidden_folder(folder) as hidden:
        path = Path(hidden) / target.name
        info = await dataset.info()
        copied, total = await _copy_rows(dataset, info, query, rows, path)
        description = f"{json.dumps(_described(info), indent=2, ensure_ascii=False)}\n"
        await _write(_beside(path), description.encode())
        try:
            await asyncio.to_thread(load_files, store, path)
        except StoreError as error:
            msg = f"The local portal could not serve the copy. {error}".replace(hidden, str(folder))
            raise StoreError(msg) from error
        _move(path, target)
    return Snapshot(dataset.dataset_id, target, copied, total)


def _beside(rows: Path) -> Path:
    return rows.with_name(rows.name.removesuffix(".jsonl") + DESCRIPTION_SUFFIX)


def _refuse_existing(target: Path, dataset_id: str, *, force: bool) -> None:
    if not target.exists() and not _beside(target).exists():
        return
    if not force:
        raise ConfigurationError(
            f"{target} exists. Replace it with --force (force=True), or choose another folder."
        )
    described = None
    with contextlib.suppress(StoreError):  # a broken copy may be replaced
        described = read_description(target)
    if described is not None and described["dataset_id"] != dataset_id:
        raise ConfigurationError(
            f"{target} is the dataset {described['dataset_id']}, which has the same file name. "
            "Choose another folder."
        )


def _hidden_folder(folder: Path) -> tempfile.TemporaryDirectory[str]:
    """Return a folder on the same disk, which is removed after the block."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(prefix=".snapshot-", dir=folder)
    except OSError as error:
        raise ConfigurationError(
            f"Cannot write to {folder}: {error.strerror}. Choose another folder."
        ) from error


def _move(hidden: Path, target: Path) -> None:
    """Move both files; the rows first, because a dataset object alone cannot be served."""
    try:
        hidden.replace(target)
        _beside(hidden).replace(_beside(target))
    except OSError as error:
        raise StorageError(f"Cannot write {target}: {error.strerror}. Check the folder.") from error


# ---------------------------------------------------------------- rows


async def _copy_rows(
    dataset: Dataset, info: DatasetInfo, query: Query, rows: int | None, path: Path
) -> tuple[int, int | None]:
    """Write the rows; return their number, and how many the portal has."""
    total = None
    if info.data_visible and info.fields:
        total = await dataset.records(query).count()
    known = total or 0
    expected = known if rows is None else min(known, rows)
    copied = 0
    async with PartFile(path) as part:
        if expected:
            async with aclosing(_read(dataset, query, rows)) as read:
                async for block in read:
                    copied += len(block)
                    await part.write(*map(_line, block))
        if copied != expected:
            raise IntegrityError(
                f"The portal sent {copied} rows, but had counted {expected}. The dataset may have "
                "changed meanwhile. Copy it again.",
                expected=expected,
                received=copied,
            )
        await part.finish()
        part.commit()
    return copied, total


async def _read(
    dataset: Dataset, query: Query, rows: int | None
) -> AsyncGenerator[list[Row], None]:
    """Yield blocks of rows, in the order of the dataset."""
    if rows is not None and rows <= _WINDOW:
        async with aclosing(dataset.records(query, max_rows=rows).pages()) as pages:
            async for page in pages:
                yield page.rows
        return
    limited = query if rows is None else query.limit(rows)
    async with dataset.export("jsonl", limited) as stream, aclosing(stream.rows()) as all_rows:
        block: list[Row] = []
        async for row in all_rows:
            block.append(row)
            if len(block) == _BLOCK:
                yield block
                block = []
        yield block


def _line(row: Row) -> bytes:
    """Return a row as a line, as exports of portals write it."""
    return f"{json.dumps(row, ensure_ascii=False)}\n".encode()


async def _write(path: Path, content: bytes) -> None:
    async with PartFile(path) as part:
        await part.write(content)
        await part.finish()
        part.commit()


# ---------------------------------------------------------------- the dataset object


def _described(info: DatasetInfo) -> dict[str, Any]:
    """Return the dataset object as the API gave it, with its keys in the order of live portals."""
    rest = dict(info.extra)
    return {
        **{name: rest.pop(name) for name in ["visibility"] if name in rest},
        "fields": [
            {
                "name": one.name,
                "description": one.description,
                "annotations": dict(one.annotations),
                "label": one.label,
                "type": one.type,
                **one.extra,
            }
            for one in info.fields
        ],
        "dataset_id": info.dataset_id,
        "dataset_uid": info.dataset_uid,
        "has_records": info.has_records,
        "features": list(info.features),
        **{name: rest.pop(name) for name in ["attachments", "alternative_exports"] if name in rest},
        "data_visible": info.data_visible,
        "metas": info.metas,
        **rest,
    }
