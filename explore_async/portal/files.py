"""The user's own files as datasets: Parquet, GeoParquet, CSV, JSON Lines and GeoJSON.

A file is never written. Parquet is read in place if no value can fail to be converted; everything
else is loaded. Files that are named are read at once, so that what is wrong with them is told at
once; the files of a folder are read when a request first needs them.
"""

from __future__ import annotations

import importlib
import re
import tempfile
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from explore_async.portal.entries import add_entries, add_keys
from explore_async.portal.errors import StoreError
from explore_async.portal.features import geo_columns, rewrite_geojson, rewrite_geoparquet
from explore_async.portal.reading import csv_source, json_source, parquet_source, quoted
from explore_async.portal.settings import SETTINGS_FILE, DatasetSettings, read_portal_file
from explore_async.portal.store import Store, refuse_no_store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from duckdb import DuckDBPyConnection

    from explore_async.portal.reading import Source
    from explore_async.portal.schema import Dataset, PortalField
    from explore_async.portal.settings import PortalSettings

__all__ = ["load_files"]

_SUFFIXES = {
    ".parquet": "parquet",
    ".geoparquet": "parquet",
    ".csv": "csv",
    ".csv.gz": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".jsonl.gz": "jsonl",
    ".ndjson": "jsonl",
    ".geojson": "geojson",
}
"""The kind of a file by the end of its name."""

_GEOGRAPHIC = frozenset({"geo_point_2d", "geo_shape"})


@frozen
class _File:
    """A file, its kind, and what `portal.toml` says about it."""

    path: Path
    kind: str
    said: DatasetSettings

    @property
    def dataset_id(self) -> str:
        return self.said.id or self.path.name.removesuffix(_suffix(self.path) or "")

    @property
    def advice(self) -> str:
        said = "its options and the types of its fields" if self.kind == "csv" else "its types"
        return f"Correct the file, or give {said} in {self.path.parent / SETTINGS_FILE}."


def load_files(store: Store, *paths: str | PathLike[str]) -> None:
    """Add files, and the files of folders, as datasets.

    The identifier is the name of the file without its suffix. A `portal.toml` in the folder of a
    file sets anything else. Of a folder, all files with a known suffix are added, without those of
    the folders in it; they are read when they are first needed. The API keys of every
    `portal.toml` are valid for the whole portal.

    Raises:
        StoreError: a path does not exist, a file has an unknown suffix or cannot be read, an
            identifier is taken, or a `portal.toml` is wrong.
        MissingExtraError: GeoParquet is read, and pyarrow is not installed.
    """
    refuse_no_store(store)
    origins: dict[str, Path] = {}
    folders: dict[Path, PortalSettings] = {}
    whole: set[Path] = set()
    for given in map(_path, paths):
        for one in _files(given):
            name = one.dataset_id
            if name in origins:
                raise StoreError(
                    f"{one.path} and {origins[name]} are both the dataset {name!r}. Rename one, or "
                    f"give it another id in {one.path.parent / SETTINGS_FILE}."
                )
            origins[name] = one.path
            store.add_later(name, partial(_load, store, one), visibility=one.said.visibility)
            if not given.is_dir():
                store.dataset(name)
        folder = _folder(given).absolute()
        folders[folder] = read_portal_file(folder)
        if given.is_dir():
            whole.add(folder)
            add_entries(store, folders[folder])
    add_keys(store, folders, whole)


def _path(given: object) -> Path:
    if not isinstance(given, str | PathLike):
        raise StoreError(
            f"A path has type {type(given).__name__}; it must be a string or a path. Pass a file "
            "or a folder of files."
        )
    path = Path(given)
    try:
        path.exists()
    except (ValueError, OSError) as error:
        msg = f"{str(given)!r:.200} is not a path: {error}. Pass a file or a folder of files."
        raise StoreError(msg) from None
    return path


def _files(given: Path) -> Iterator[_File]:
    """Yield the visible files that a path stands for."""
    if not given.exists():
        raise StoreError(f"{given} does not exist. Pass a file or a folder of files.")
    said = read_portal_file(_folder(given)).files
    paths = _listed(given) if given.is_dir() else [given]
    for path in paths:
        suffix = _suffix(path)
        if suffix is None:
            raise StoreError(
                f"{path} has no known suffix. The portal reads {', '.join(_SUFFIXES)}: convert or "
                "rename the file."
            )
        settings = said.get(path.name, DatasetSettings(file=path.name))
        if settings.visible:
            yield _File(path, _SUFFIXES[suffix], settings)


def _folder(given: Path) -> Path:
    """Return the folder whose `portal.toml` says something about a path."""
    return given if given.is_dir() else given.parent


def _listed(folder: Path) -> Iterable[Path]:
    try:
        paths = sorted(one for one in folder.iterdir() if _suffix(one) and one.is_file())
    except OSError as error:
        raise StoreError(
            f"Cannot list {folder}: {error.strerror}. Check its permissions."
        ) from error
    if not paths:
        raise StoreError(
            f"{folder} has no files that the portal reads. Their names end with "
            f"{', '.join(_SUFFIXES)}."
        )
    return paths


def _suffix(path: Path) -> str | None:
    """Return the end of the name that tells the kind of the file; None for hidden files, too."""
    name = path.name.lower()
    found = [suffix for suffix in _SUFFIXES if name.endswith(suffix)]
    if not found or name.startswith("."):
        return None
    return path.name[-len(found[0]) :].lower()


def _load(store: Store, file: _File) -> Dataset:
    """Read a file into a table or a view of the store, and register it."""
    duckdb = importlib.import_module("duckdb")
    try:
        with tempfile.TemporaryDirectory(prefix="portal-") as folder, store.cursor() as cursor:
            cursor.execute("SET TimeZone = 'UTC'")
            cursor.execute("SET enable_geoparquet_conversion = false")
            source = _source(cursor, file, Path(folder))
            fields = _fields(cursor, file, source)
            table = store.next_table()
            kind = "VIEW" if source.can_stay(fields) else "TABLE"
            cursor.execute(f"CREATE {kind} {table} AS {source.select(fields)}")
            return _registered(store, file, list(fields.values()), table)
    except StoreError:
        raise
    except (duckdb.Error, ValueError) as error:  # pyarrow raises ValueErrors
        raise StoreError(f"Cannot read {file.path}: {_reason(error)}. {file.advice}") from error
    except OSError as error:
        raise StoreError(f"Cannot read {file.path}: {error.strerror}. Check the file.") from error


def _reason(error: Exception) -> str:
    """Return what is wrong; DuckDB prepends a class, and appends its SQL and its own advice."""
    paragraph = str(error).partition("\n\n")[0]
    lines = re.sub(r"^[\w ]+ Error: ", "", paragraph).splitlines()
    return ", ".join(line.strip(" .") for line in lines)


def _source(cursor: DuckDBPyConnection, file: _File, folder: Path) -> Source:
    path = file.path.absolute()
    if not path.stat().st_size:
        raise StoreError(f"{file.path} is empty. Remove it, or write a header.")
    if file.kind == "csv":
        return csv_source(cursor, path, file.said)
    if file.kind == "jsonl":
        return json_source(cursor, path, file.said)
    if file.kind == "geojson":
        rewrite_geojson(file.path, folder / "rows.jsonl")
        return json_source(cursor, folder / "rows.jsonl", file.said)
    metadata = cursor.execute(
        f"SELECT value FROM parquet_kv_metadata({quoted(str(path))}) WHERE key = 'geo'"  # noqa: S608
    ).fetchone()
    if metadata is None:
        return parquet_source(cursor, path, {}, is_stable=True)
    known = geo_columns(file.path, metadata[0])
    rewrite_geoparquet(path, folder / "rows.parquet", known)
    return parquet_source(cursor, folder / "rows.parquet", known, is_stable=False)


def _fields(cursor: DuckDBPyConnection, file: _File, source: Source) -> Mapping[str, PortalField]:
    names = [one.name for one in source.columns]
    unknown = [name for name in file.said.fields if name not in names]
    if unknown:
        raise StoreError(
            f"{file.path.parent / SETTINGS_FILE} has fields that {file.path.name} lacks: "
            f"{', '.join(unknown)}. The file has {', '.join(names)}."
        )
    try:
        fields = source.fields(cursor, file.said.fields)
    except StoreError as error:
        raise StoreError(f"{file.path}: {error}") from error
    if not fields:
        raise StoreError(f"{file.path} has no visible fields. {file.advice}")
    return fields


def _registered(store: Store, file: _File, fields: list[PortalField], table: str) -> Dataset:
    features = ["analyze"]
    if any(one.type in _GEOGRAPHIC for one in fields):
        features.insert(0, "geo")
    said = file.said
    return store.register(
        file.dataset_id,
        fields,
        table,
        uid=None,
        metas=said.metas,
        features=features,
        data_visible=said.data_visible,
        visibility=said.visibility,
        attachments=said.attachments,
        alternative_exports=said.alternative_exports,
    )
