r"""The journal of an unfinished harvest: what is planned, and what is finished.

`journal.jsonl` is JSON Lines, for people too. It is created by one atomic step with the plan: a
header, and one line per partition. Each further line tells what happened:

    {"done": 3, "file": "part-00003.jsonl", "rows": 9480, "bytes": ..., "sha256": "..."}
    {"again": 3, "why": "..."}
    {"split": 3, "into": [{"partition": 12, "where": "...", "expected": 4100}, ...]}

The protocol of a partition: its rows are written to a hidden file, which is flushed to the disk and
renamed; the folder is flushed; then its line is appended and flushed. So the journal never says
more than the disk holds. A file without a line does not count, and is replaced when the partition
is fetched again. Before a finished partition is fetched again, `again` takes its line back, so no
line ever describes another file than the one on the disk.

A line that was cut off by a crash has no line end, and is removed when the journal is opened. Any
other line that cannot be read is an error, because what it said is not known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from attrs import evolve

from explore_async.errors import StorageError
from explore_async.harvest.folders import JOURNAL
from explore_async.harvest.manifest import HarvestedFile
from explore_async.harvest.partitions import Partition

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from explore_async.harvest.folders import Folder, Log

__all__ = ["JOURNAL", "Journal"]

_VERSION = 1


class Journal:
    """The journal in one folder; used in one thread at a time.

    Attributes:
        header: what the harvest is: dataset, query, format, plan.
        partitions: the partitions to fetch, by number; without those that were split.
        done: the files of the finished ones, by number.
    """

    def __init__(self, log: Log, header: Mapping[str, Any]) -> None:
        self.header = header
        self.partitions: dict[int, Partition] = {}
        self.done: dict[int, HarvestedFile] = {}
        self._log = log
        self._size = 0

    @classmethod
    def create(
        cls, folder: Folder, header: Mapping[str, Any], partitions: Sequence[Partition]
    ) -> Journal:
        """Begin a harvest.

        Raises:
            StorageError: writing failed.
        """
        made = cls(folder.log, header)
        lines = [{"journal": _VERSION, **header}, *(one.to_json() for one in partitions)]
        folder.log.begin(b"".join(map(_line, lines)))
        made.partitions = {one.number: one for one in partitions}
        return made

    @classmethod
    def open(cls, folder: Folder) -> Journal | None:
        """Return the journal of an unfinished harvest; None if there is none.

        Raises:
            StorageError: the journal cannot be read, or is of another version.
        """
        content = folder.log.read()
        if content is None:
            return None
        whole = content[: content.rfind(b"\n") + 1]
        first, *others = whole.splitlines() or [b""]
        made = cls(folder.log, _header(folder.log, first))
        for number, line in enumerate(others, start=2):
            try:
                made._take(orjson.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                raise StorageError(
                    f"Line {number} of {folder.log} is broken, so what is finished is not known. "
                    "Move the folder away, and begin again."
                ) from error
        made._size = len(whole)
        return made

    def own(self) -> None:
        """Go on with a journal that was opened.

        Raises:
            StorageError: it cannot be written.
        """
        self._log.own(self._size)

    @property
    def received(self) -> int:
        """The rows of the finished partitions."""
        return sum(file.rows for file in self.done.values())

    @property
    def expected(self) -> int:
        """The rows that all partitions had when they were counted."""
        return sum(one.expected for one in self.partitions.values())

    @property
    def pending(self) -> list[Partition]:
        """The partitions that are not finished, in order."""
        return [one for number, one in self.partitions.items() if number not in self.done]

    def commit(self, partition: Partition, file: HarvestedFile) -> None:
        """Note that a partition is finished; its file is on the disk.

        Raises:
            StorageError: writing failed; the partition is not finished.
        """
        self._append(
            {
                "done": partition.number,
                "expected": partition.expected,
                "file": file.path,
                "rows": file.rows,
                "bytes": file.bytes,
                "sha256": file.sha256,
                "misfits": dict(file.misfits),
            }
        )

    def again(self, number: int, why: str) -> None:
        """Note that a finished partition is to be fetched again.

        Raises:
            StorageError: writing failed; the partition stays finished.
        """
        self._append({"again": number, "why": why})

    def split(self, number: int, into: Sequence[Partition]) -> list[Partition]:
        """Note that other partitions replace one, and return them with free numbers.

        Raises:
            StorageError: writing failed; the partition is not replaced.
        """
        free = max(self.partitions) + 1
        made = [evolve(one, number=at) for at, one in enumerate(into, start=free)]
        self._append({"split": number, "into": [one.to_json() for one in made]})
        return made

    def close(self) -> None:
        """Close the file."""
        self._log.close()

    def remove(self) -> None:
        """Remove the journal, after the manifest is written."""
        self._log.remove()

    def _append(self, entry: Mapping[str, Any]) -> None:
        self._log.append(_line(entry))
        self._take(entry)

    def _take(self, entry: Any) -> None:
        """Apply a line.

        Raises:
            KeyError, TypeError: it is none that this class writes.
        """
        if "partition" in entry:
            partition = Partition.from_json(entry)
            self.partitions[partition.number] = partition
        elif "done" in entry:
            number = entry["done"]
            partition = self.partitions[number]
            self.done[number] = HarvestedFile(
                path=entry["file"],
                rows=entry["rows"],
                bytes=entry["bytes"],
                sha256=entry["sha256"],
                where=partition.where,
                misfits=entry["misfits"],
                tail=partition.tail,
            )
        elif "again" in entry:
            del self.done[entry["again"]]
        else:
            into = [Partition.from_json(one) for one in entry["into"]]
            del self.partitions[entry["split"]]
            self.done.pop(entry["split"], None)
            self.partitions |= {one.number: one for one in into}


def _header(path: Log, line: bytes) -> Mapping[str, Any]:
    try:
        header: dict[str, Any] = orjson.loads(line)
        version = header.pop("journal")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StorageError(
            f"{path} is not a journal of a harvest. Move it away, and begin again."
        ) from error
    if version != _VERSION:
        raise StorageError(
            f"{path} has version {version}, which this program cannot read. Finish the harvest "
            "with the program that began it, or move the folder away and begin again."
        )
    return header


def _line(entry: Mapping[str, Any]) -> bytes:
    return orjson.dumps(entry) + b"\n"
