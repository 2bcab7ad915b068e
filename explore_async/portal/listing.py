"""Which files and tables a path stands for, and what `portal.toml` says about each."""

from __future__ import annotations

import os
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

from explore_async.portal.errors import StoreError
from explore_async.portal.settings import SETTINGS_FILE, DatasetSettings, read_portal_file
from explore_async.portal.snapshots import read_description

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from explore_async.portal.databases import Databases

__all__ = ["ServedFile", "checked_path", "listed_files", "visible_files"]

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
    ".fgb": "flatgeobuf",
    ".duckdb": "duckdb",
    ".db": "duckdb",
}
"""The kind of a file by the end of its name."""


@frozen
class ServedFile:
    """A file or a table of a database, and what `portal.toml` says about it.

    Attributes:
        path: the path of the file.
        kind: its format.
        said: its settings.
        table: the name of a table or view; None for other files, and for a broken database.
        is_view: True for a view.
        described: the dataset object beside the file, if it is a copy.
    """

    path: Path
    kind: str
    said: DatasetSettings
    table: str | None = None
    is_view: bool = False
    described: dict[str, Any] | None = None

    @property
    def dataset_id(self) -> str:
        """The identifier of the dataset."""
        if self.described is not None:
            return str(self.described["dataset_id"])
        return self.said.id or self.table or self.path.name.removesuffix(_suffix(self.path) or "")

    @property
    def is_broken(self) -> bool:
        """True for a database whose tables cannot be listed; reading it tells why."""
        return self.kind == "duckdb" and self.table is None

    @property
    def advice(self) -> str:
        """What to do if it cannot be read."""
        said = "its options and the types of its fields" if self.kind == "csv" else "its types"
        return f"Correct the file, or give {said} in {self.path.parent / SETTINGS_FILE}."

    def __str__(self) -> str:
        return f"{self.path}" if self.table is None else f"{self.path}, table {self.table}"


def listed_files(
    paths: Iterable[Path], databases: Databases, *, may_be_empty: bool = False
) -> dict[str, ServedFile]:
    """Return what the paths stand for by dataset identifier.

    Raises:
        StoreError: a file has an unknown suffix, a folder has no files, two files are the same
            dataset, or a `portal.toml` is wrong.
    """
    found: dict[str, ServedFile] = {}
    for path in paths:
        for one in _files(path, databases, may_be_empty=may_be_empty):
            other = found.setdefault(one.dataset_id, one)
            if other != one:  # a file may be named beside its folder
                raise StoreError(
                    f"{one} and {other} are both the dataset {one.dataset_id!r}. Rename one, or "
                    f"give it another id in {one.path.parent / SETTINGS_FILE}."
                )
    return found


def checked_path(given: object) -> Path:
    """Return a path.

    Raises:
        StoreError: it is something else, or does not exist.
    """
    if not isinstance(given, str | PathLike):
        raise StoreError(
            f"A path has type {type(given).__name__}; it must be a string or a path. Pass a file "
            "or a folder of files."
        )
    path = Path(given)
    try:
        exists = path.exists()
    except (ValueError, OSError) as error:
        msg = f"{str(given)!r:.200} is not a path: {error}. Pass a file or a folder of files."
        raise StoreError(msg) from None
    if not exists:
        raise StoreError(f"{path} does not exist. Pass a file or a folder of files.")
    return path


def visible_files(folder: Path) -> dict[Path, list[Path]]:
    """Return the files of a folder and of all folders in it by folder, without hidden ones.

    Links to folders are not followed, because they can lead in a circle.

    Raises:
        StoreError: a folder cannot be listed.
    """

    def refuse(error: OSError) -> None:
        raise StoreError(
            f"Cannot list {error.filename}: {error.strerror}. Check its permissions."
        ) from error

    found = {}
    for place, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found[Path(place)] = [Path(place, name) for name in sorted(names) if name[0] != "."]
    return found


def _files(given: Path, databases: Databases, *, may_be_empty: bool) -> Iterator[ServedFile]:
    """Yield the visible datasets that a path stands for."""
    if not given.is_dir():
        if _suffix(given) is None:
            raise StoreError(
                f"{given} has no known suffix. The portal reads {', '.join(_SUFFIXES)}: convert or "
                "rename the file."
            )
        yield from _in_folder(given.parent, [given], databases)
        return
    found = {
        folder: [one for one in paths if _suffix(one) and one.is_file()]
        for folder, paths in visible_files(given).items()
    }
    if not any(found.values()) and not may_be_empty:
        raise StoreError(
            f"{given} has no files that the portal reads. Their names end with "
            f"{', '.join(_SUFFIXES)}."
        )
    for folder, paths in found.items():
        yield from _in_folder(folder, paths, databases)


def _in_folder(folder: Path, paths: list[Path], databases: Databases) -> Iterator[ServedFile]:
    said = read_portal_file(folder).files
    for path in paths:
        kind = _SUFFIXES[_suffix(path) or ""]
        own = {table: one for (name, table), one in said.items() if name == path.name}
        tables = _tables(path, own, databases) if kind == "duckdb" else {None: True}
        unknown = [table for table in own if table is not None and table not in tables]
        if unknown and None not in tables:
            raise StoreError(
                f"{folder / SETTINGS_FILE} describes tables that {path.name} lacks: "
                f"{', '.join(unknown)}. It has {', '.join(filter(None, tables))}."
            )
        if unknown and kind != "duckdb":
            raise StoreError(
                f"{folder / SETTINGS_FILE} names a table of {path.name}, which has none. Remove "
                "the key table."
            )
        for table, is_table in tables.items():
            settings = own.get(table, DatasetSettings(file=path.name, table=table))
            if settings.visible:
                described = _described(path, settings)
                yield ServedFile(path, kind, settings, table, not is_table, described)


def _described(path: Path, said: DatasetSettings) -> dict[str, Any] | None:
    """Return the dataset object beside the file."""
    described = read_description(path) if path.suffix == ".jsonl" else None
    if described is not None and said != DatasetSettings(file=path.name):
        raise StoreError(
            f"{path.parent / SETTINGS_FILE} describes {path.name}, which has a dataset object "
            "beside it. Change that one, and remove the table."
        )
    return described


def _tables(
    path: Path, said: Mapping[str | None, DatasetSettings], databases: Databases
) -> Mapping[str | None, bool]:
    """Return the tables of a database, and whether they are no views; None for a broken one."""
    whole = said.get(None)
    if whole is not None and not whole.visible:
        return {}
    if whole is not None:
        raise StoreError(
            f"{path.parent / SETTINGS_FILE} describes {path.name} without a table. Add "
            'table = "..." with the name of a table.'
        )
    try:
        tables: Mapping[Any, bool] = databases.tables(path)
    except StoreError:
        return {None: True}
    return tables


def _suffix(path: Path) -> str | None:
    """Return the end of the name that tells the kind of the file; None for hidden files, too."""
    name = path.name.lower()
    found = [suffix for suffix in _SUFFIXES if name.endswith(suffix)]
    if not found or name.startswith("."):
        return None
    return path.name[-len(found[0]) :].lower()
