"""The rows of one partition, from an export or from pages."""

from __future__ import annotations

from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

from attrs import frozen

from explore_async.errors import TooLargeError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator
    from pathlib import Path

    from explore_async.dataset import Dataset
    from explore_async.models import Row, SavedFile
    from explore_async.results.conversion import Converter
    from odsql import Query

__all__ = ["Source"]

_BLOCK = 4 * 1024 * 1024
_LONGEST = 16 * 1024 * 1024


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

    async def blocks(self) -> AsyncGenerator[bytes, None]:
        """Yield an export of JSON Lines in blocks of whole lines, each of about 4 MiB.

        The last block comes when the end of the export is known to be complete. With it comes the
        line with which a portal breaks an export off, so that line is never taken for a row.

        Raises:
            TooLargeError: a line is longer than 16 MiB.
            TruncatedError: the export ended early.
        """
        held: list[bytes] = []
        size = 0
        export = self.dataset.export("jsonl", self.query)
        async with export as stream, aclosing(stream.bytes()) as chunks:
            async for chunk in chunks:
                if size >= _BLOCK:
                    block, rest = _cut(held)
                    held, size = [rest], len(rest)
                    if block:
                        yield block
                held.append(chunk)
                size += len(chunk)
        if last := b"".join(held):
            yield last

    async def save(self, path: Path, *, gzip: bool) -> SavedFile:
        """Save an export of JSON Lines as the portal sends it."""
        async with self.dataset.export("jsonl", self.query) as stream:
            return await stream.save(path, gzip=gzip)


def _cut(held: list[bytes]) -> tuple[bytes, bytes]:
    """Return the whole lines, and the beginning of the next."""
    whole = b"".join(held)
    end = whole.rfind(b"\n") + 1
    if len(whole) - end > _LONGEST:
        raise TooLargeError(
            f"A line of the export is longer than {_LONGEST:,} bytes. Harvest it as JSON Lines, or "
            "leave out its longest field with --select.",
            status=200,
        )
    return whole[:end], whole[end:]
