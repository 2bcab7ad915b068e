"""A DuckDB database with one table of all rows.

The partitions are Parquet files until all of them are finished. Then one step makes the database of
them, so it is complete or absent, and an interruption loses no partition.
"""

from __future__ import annotations

import hashlib
import os
from functools import partial
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from explore_async.errors import IntegrityError
from explore_async.harvest.folders import sync_folder
from explore_async.harvest.manifest import HarvestedFile
from explore_async.results import arrow
from explore_async.results.files import OwnThread

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from explore_async.harvest.sinks.source import Source
    from explore_async.harvest.sinks.values import Sink, Written

__all__ = ["DuckDBTable"]

_NAME = "data.duckdb"


@frozen(kw_only=True)
class DuckDBTable:
    """A table in a database, with the name of the dataset.

    Attributes:
        table: the name of the table.
        parts: writes the partitions as Parquet.
    """

    table: str
    parts: Sink

    @property
    def suffix(self) -> str:
        """The end of the names of the files of partitions."""
        return self.parts.suffix

    async def write(self, path: Path, source: Source) -> Written:
        """Write the rows of a partition."""
        return await self.parts.write(path, source)

    async def gather(
        self, folder: Path, files: Sequence[HarvestedFile]
    ) -> tuple[HarvestedFile, ...]:
        """Return the database, made of the files of all partitions.

        Raises:
            IntegrityError: it has another number of rows.
            OSError: it cannot be written.
        """
        if len(files) == 1 and files[0].path.endswith(".duckdb"):
            # It was kept of a previous harvest.
            (folder / files[0].path).replace(folder / _NAME)
            sync_folder(folder)
            return (evolve(files[0], path=_NAME),)
        thread = OwnThread("database")
        part = folder / f".{_NAME}.part"
        try:
            return (await thread.run(partial(self._made, part, files)),)
        finally:
            # Another harvest must not find the file in use.
            await thread.end(partial(part.unlink, missing_ok=True))

    def _made(self, part: Path, files: Sequence[HarvestedFile]) -> HarvestedFile:
        folder = part.parent
        part.unlink(missing_ok=True)
        rows = self._filled(part, [str(folder / file.path) for file in files])
        expected = sum(file.rows for file in files)
        if rows != expected:
            raise IntegrityError(
                f"The database has {rows:,} rows instead of {expected:,}. Go on with --resume.",
                expected=expected,
                received=rows,
            )
        with part.open("rb+") as file:
            os.fsync(file.fileno())
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        part.replace(folder / _NAME)
        sync_folder(folder)
        misfits: dict[str, int] = {}
        for one in files:
            for name, count in one.misfits.items():
                misfits[name] = misfits.get(name, 0) + count
        return HarvestedFile(
            path=_NAME,
            rows=rows,
            bytes=(folder / _NAME).stat().st_size,
            sha256=digest,
            where=None,
            misfits=misfits,
        )

    def _filled(self, path: Path, parts: list[str]) -> int:
        duckdb = arrow.require("duckdb")
        try:
            with duckdb.connect(str(path)) as database:
                name = '"' + self.table.replace('"', '""') + '"'
                # A name cannot be a parameter; its quotes are doubled.
                database.execute(
                    f"CREATE TABLE {name} AS SELECT * FROM read_parquet($parts)",  # noqa: S608
                    {"parts": parts},
                )
                (rows,) = database.execute(f"SELECT count(*) FROM {name}").fetchone()  # noqa: S608
        except duckdb.IOException as error:
            raise OSError(0, str(error)) from error
        return int(rows)
