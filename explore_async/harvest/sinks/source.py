"""The rows of one partition, from an export or from pages."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from explore_async.dataset import Dataset
    from explore_async.models import Row, SavedFile
    from explore_async.results.conversion import Converter
    from odsql import Query

__all__ = ["Source"]


@frozen(kw_only=True)
class Source:
    """The rows of one partition; each use sends the requests again.

    Attributes:
        dataset: the dataset.
        query: the rows.
        paged: fetch pages instead of an export.
    """

    dataset: Dataset
    query: Query
    paged: bool

    @asynccontextmanager
    async def rows(self, converter: Converter | None = None) -> AsyncIterator[AsyncIterator[Row]]:
        """Return the rows, converted if there is a converter."""
        typed = False if converter is None else converter
        if self.paged:
            async with self.dataset.records(self.query, typed=typed).open() as rows:
                yield rows
            return
        async with self.dataset.export("jsonl", self.query, typed=typed) as stream:
            yield stream.rows()

    async def save(self, path: Path, *, gzip: bool) -> SavedFile:
        """Save an export of JSON Lines as the portal sends it."""
        async with self.dataset.export("jsonl", self.query) as stream:
            return await stream.save(path, gzip=gzip)
