"""Values that all sinks share."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import orjson
from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from explore_async.harvest.manifest import HarvestedFile
    from explore_async.harvest.sinks.source import Source

__all__ = ["Compression", "Files", "Misfits", "Sink", "Written", "as_json"]

Compression: TypeAlias = Literal["gzip", "zstd"] | None
Misfits: TypeAlias = Literal["fail", "null", "text"]
"""What to do with a value that does not fit the type of its field: `fail` with an error, write
`null` and count it, or write null and keep it in the column `_misfits` as JSON `text`."""


@frozen(kw_only=True)
class Written:
    """A file that a sink wrote.

    Attributes:
        rows: its rows.
        bytes: its size.
        sha256: its SHA-256 in hexadecimal.
        misfits: by column, how many values did not fit its type.
    """

    rows: int
    bytes: int
    sha256: str
    misfits: Mapping[str, int] = field(factory=dict)


class Files:
    """A sink whose files of partitions are the result."""

    async def gather(
        self,
        folder: Path,  # noqa: ARG002
        files: Sequence[HarvestedFile],
    ) -> tuple[HarvestedFile, ...]:
        """Return the files."""
        return tuple(files)


class Sink(Protocol):
    """Writes partitions as files of one format."""

    @property
    def suffix(self) -> str:
        """The end of the names of files."""

    async def write(self, path: Path, source: Source) -> Written:
        """Write the rows of a partition to a file that appears when it is complete.

        Raises:
            StorageError: writing failed.
            DecodeError: a value does not fit the type of its field.
        """

    async def gather(
        self, folder: Path, files: Sequence[HarvestedFile]
    ) -> tuple[HarvestedFile, ...]:
        """Return what replaces the files of all partitions; usually they are the result.

        Raises:
            OSError: writing failed.
        """


def as_json(value: object) -> str:
    """Return a value of a row as JSON; unlike orjson, of any depth and size."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
