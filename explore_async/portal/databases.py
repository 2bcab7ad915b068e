"""DuckDB databases of the user, which are attached to the database of a store and never written."""

from __future__ import annotations

import contextlib
import importlib
from typing import TYPE_CHECKING

from explore_async.portal.errors import StoreError
from explore_async.portal.reading import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from explore_async.portal.store import Store

__all__ = ["Databases"]

_TABLES = """
    SELECT table_name, true FROM duckdb_tables()
    WHERE database_name = $name AND schema_name = 'main' AND NOT internal
    UNION ALL
    SELECT view_name, false FROM duckdb_views()
    WHERE database_name = $name AND schema_name = 'main' AND NOT internal
    ORDER BY 1
"""

_IN_USE = ("Could not set lock on file", "used by another process")
"""What DuckDB says on POSIX, and what Windows says."""


class Databases:
    """The databases that a store reads.

    If they are read `in_place`, they stay attached, so that no other program can write them;
    otherwise they are attached while they are read.
    """

    def __init__(self, store: Store, *, in_place: bool) -> None:
        self.in_place = in_place
        self._store = store
        self._kept: dict[Path, str] = {}

    def tables(self, path: Path) -> dict[str, bool]:
        """Return the names of the tables and views of the schema `main`: True for a table.

        Raises:
            StoreError: the file is not a database, is in use, or has no tables.
        """
        with self.attached(path) as name, self._store.cursor() as cursor:
            rows = cursor.execute(_TABLES, {"name": name}).fetchall()
        if not rows:
            raise StoreError(f"{path} has no tables in the schema main. Create one, or remove it.")
        return dict(rows)

    @contextlib.contextmanager
    def attached(self, path: Path) -> Iterator[str]:
        """Attach a database, and yield its name in SQL.

        Raises:
            StoreError: the file is not a database, or is in use.
        """
        if self.in_place:
            if path not in self._kept:
                self._kept[path] = self._attach(path)
            yield self._kept[path]
            return
        name = self._attach(path)
        try:
            yield name
        finally:
            with self._store.cursor() as cursor:
                cursor.execute(f"DETACH {name}")

    def _attach(self, path: Path) -> str:
        duckdb = importlib.import_module("duckdb")
        name = self._store.next_table()
        try:
            with self._store.cursor() as cursor:
                cursor.execute(
                    f"ATTACH {quoted(str(path.absolute()))} AS {name} (READ_ONLY, TYPE duckdb)"
                )
        except duckdb.Error as error:
            raise _refusal(path, str(error)) from error
        return name


def _refusal(path: Path, reason: str) -> StoreError:
    if any(sign in reason for sign in _IN_USE):
        return StoreError(
            f"{path} is in use by another program, which may write to it. Close the program, or "
            "serve a copy of the file."
        )
    if "not a valid DuckDB database" in reason:
        return StoreError(
            f"{path} is not a DuckDB database. Remove it, or give it the suffix of its format."
        )
    line = reason.partition("\n")[0].partition(": ")[2].strip(" .")
    return StoreError(f"Cannot read {path}: {line}. Write the database anew, or remove it.")
