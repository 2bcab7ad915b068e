"""The user's own files as datasets: tables, geographic files and databases.

A file is never written. Parquet and the tables of DuckDB databases are read in place if no value
can fail to be converted; everything else is loaded. Files that are named are read at once, so that
what is wrong with them is told at once; the files of a folder are read when a request first needs
them.
"""

from __future__ import annotations

import importlib
import re
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explore_async.portal.databases import Databases
from explore_async.portal.entries import add_entries, add_keys
from explore_async.portal.errors import StoreError
from explore_async.portal.features import (
    geo_columns,
    rewrite_flatgeobuf,
    rewrite_geojson,
    rewrite_geoparquet,
)
from explore_async.portal.listing import ServedFile, checked_path, listed_files, visible_files
from explore_async.portal.reading import (
    csv_source,
    json_source,
    parquet_source,
    quoted,
    table_source,
)
from explore_async.portal.settings import SETTINGS_FILE, read_portal_file
from explore_async.portal.snapshots import load_snapshot
from explore_async.portal.store import Store, refuse_no_store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

    from duckdb import DuckDBPyConnection

    from explore_async.portal.reading import Source
    from explore_async.portal.schema import Dataset, PortalField

__all__ = ["add_files", "load_file", "load_files"]

_GEOGRAPHIC = frozenset({"geo_point_2d", "geo_shape"})


def load_files(store: Store, *paths: str | PathLike[str]) -> None:
    """Add files, and the files of folders, as datasets.

    The identifier is the name of the file without its suffix, or that of the table of a database. A
    `portal.toml` in the folder of a file sets anything else, or a dataset object beside it
    (`explore_async.portal.snapshots`). Of a folder, all files with a known suffix are added, with
    those of the folders in it, but without hidden ones; they are read when they are first needed.
    The API keys of every `portal.toml` are valid for the whole portal.

    Raises:
        StoreError: a path does not exist, a file has an unknown suffix or cannot be read, an
            identifier is taken, or a `portal.toml` is wrong.
        MissingExtraError: GeoParquet is read, and pyarrow is not installed; or FlatGeobuf, and
            pyogrio is not.
    """
    refuse_no_store(store)
    add_files(store, [checked_path(one) for one in paths], Databases(store, in_place=True))


def add_files(store: Store, paths: Sequence[Path], databases: Databases) -> dict[str, ServedFile]:
    """Add files, and the files of folders, as `load_files` does; return them by identifier."""
    for path in paths:
        store.allow(path)
    files = listed_files(paths, databases)
    for name, one in files.items():
        store.allow(one.path)  # of a folder: it may be a link to another place
        load = partial(load_file, store, one, databases)
        store.add_later(name, load, visibility=one.said.visibility)
        if one.path in paths:
            store.dataset(name)
    _add_said(store, paths)
    return files


def _add_said(store: Store, paths: Sequence[Path]) -> None:
    """Add what each `portal.toml` says about the portal itself."""
    whole = {folder.absolute() for path in paths if path.is_dir() for folder in visible_files(path)}
    folders = whole | {path.parent.absolute() for path in paths if not path.is_dir()}
    said = {folder: read_portal_file(folder) for folder in sorted(folders)}
    for folder in sorted(whole):
        add_entries(store, said[folder])
    add_keys(store, said, whole)


def load_file(store: Store, file: ServedFile, databases: Databases) -> Dataset:
    """Read a file into a table or a view of the store, and register it.

    Raises:
        StoreError: the file cannot be read.
        MissingExtraError: a library for its format is not installed.
    """
    if file.described is not None:
        return load_snapshot(store, file.path, file.described)
    duckdb = importlib.import_module("duckdb")
    try:
        with ExitStack() as stack, store.scratch() as folder, store.cursor() as cursor:
            if file.kind == "duckdb":
                source = _table(cursor, file, stack, databases)
            else:
                source = _source(cursor, file, Path(folder))
            fields = _fields(cursor, file, source)
            table = store.next_table()
            in_place = databases.in_place and source.can_stay(fields)
            kind = "VIEW" if in_place else "TABLE"
            selected = source.select(fields, in_place=in_place)
            made = cursor.execute(f"CREATE {kind} {table} AS {selected}").fetchone()
            count = None if in_place or made is None else int(made[0])
            return _registered(store, file, list(fields.values()), table, count)
    except StoreError:
        raise
    except (duckdb.Error, ValueError) as error:  # pyarrow raises ValueErrors
        raise StoreError(f"Cannot read {file}: {_reason(error)}. {file.advice}") from error
    except OSError as error:
        raise StoreError(f"Cannot read {file}: {error.strerror}. Check the file.") from error


def _reason(error: Exception) -> str:
    """Return what is wrong; DuckDB prepends a class, and appends its SQL and its own advice."""
    paragraph = str(error).partition("\n\n")[0]
    lines = re.sub(r"^[\w ]+ Error: ", "", paragraph).splitlines()
    return ", ".join(line.strip(" .") for line in lines)


def _source(cursor: DuckDBPyConnection, file: ServedFile, folder: Path) -> Source:
    """Return a file; one that DuckDB cannot read is first written anew, to a folder."""
    path = file.path.absolute()
    if not path.stat().st_size:
        raise StoreError(f"{file.path} is empty. Remove it, or write a header.")
    if file.kind == "csv":
        return csv_source(cursor, path, file.said)
    if file.kind == "jsonl":
        return json_source(cursor, path, file.said)
    if file.kind == "geojson":
        rows = folder / "rows.jsonl"
        rewrite_geojson(file.path, rows)
        return json_source(cursor, rows, file.said)
    if file.kind == "flatgeobuf":
        rows = folder / "rows.parquet"
        return parquet_source(cursor, rows, rewrite_flatgeobuf(file.path, rows), is_stable=False)
    metadata = cursor.execute(
        f"SELECT value FROM parquet_kv_metadata({quoted(str(path))}) WHERE key = 'geo'"  # noqa: S608
    ).fetchone()
    if metadata is None:
        return parquet_source(cursor, path, {}, is_stable=True)
    known = geo_columns(file.path, metadata[0])
    rows = folder / "rows.parquet"
    rewrite_geoparquet(path, rows, known)
    return parquet_source(cursor, rows, known, is_stable=False)


def _table(
    cursor: DuckDBPyConnection, file: ServedFile, stack: ExitStack, databases: Databases
) -> Source:
    """Return a table of a database; a view is loaded, because reading it may fail."""
    if file.table is None:
        databases.tables(file.path)  # This fails again, unless the database was corrected.
        raise StoreError(f"{file.path} has changed. Start the portal anew.")
    name = stack.enter_context(databases.attached(file.path))
    return table_source(cursor, name, file.table, is_stable=not file.is_view)


def _fields(
    cursor: DuckDBPyConnection, file: ServedFile, source: Source
) -> Mapping[str, PortalField]:
    names = [one.name for one in source.columns]
    unknown = [name for name in file.said.fields if name not in names]
    if unknown:
        raise StoreError(
            f"{file.path.parent / SETTINGS_FILE} has fields that {file.table or file.path.name} "
            f"lacks: {', '.join(unknown)}. It has {', '.join(names)}."
        )
    try:
        fields = source.fields(cursor, file.said.fields)
    except StoreError as error:
        raise StoreError(f"{file}: {error}") from error
    if not fields:
        raise StoreError(f"{file} has no visible fields. {file.advice}")
    return fields


def _registered(
    store: Store, file: ServedFile, fields: list[PortalField], table: str, count: int | None
) -> Dataset:
    features = ["analyze"]
    if any(one.type in _GEOGRAPHIC for one in fields):
        features.insert(0, "geo")
    said = file.said
    return store.register(
        file.dataset_id,
        fields,
        table,
        uid=None,
        metas=_dated(file),
        features=features,
        count=count,
        data_visible=said.data_visible,
        visibility=said.visibility,
        attachments=said.attachments,
        alternative_exports=said.alternative_exports,
    )


def _dated(file: ServedFile) -> dict[str, Any]:
    """Return the metadata, which say when the rows changed: when the file did."""
    changed = datetime.fromtimestamp(file.path.stat().st_mtime, UTC)
    default = {"data_processed": changed.isoformat(), **file.said.metas["default"]}
    return {**file.said.metas, "default": default}
