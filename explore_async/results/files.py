"""Files that appear only when they are whole, and the counting of the lines that go into them.

All disk work but the opening and the final rename runs in a thread of its own: the event loop does
not wait for the disk, and the threads that resolve host names are not kept busy with it.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import secrets
import stat
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

import orjson

from explore_async.errors import (
    ConfigurationError,
    DecodeError,
    StorageError,
    TooLargeError,
    TruncatedError,
)
from explore_async.http.decoding import snippet
from explore_async.http.refusals import is_error_object
from explore_async.results.row_readers import is_cut_row

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

__all__ = [
    "Ends",
    "LineTally",
    "OwnThread",
    "PartFile",
    "broken_off",
    "cut_inside",
    "file_name",
    "is_whole",
]

_Found = TypeVar("_Found")

_DIGEST_BYTES = 8
_HEAD = 4096
_ZIP_END = 22
_TAIL = _ZIP_END + 65_535  # the end record of an archive with the longest comment
_NAME_BYTES = 200
_LINES = 64 * 1024  # as many bytes as stay in the cache of a processor
_OPENING, _CLOSING = set(b"{"), set(b"}")
_NOT_IN_NAMES = re.compile(r"[^\w.-]")

_ZIP_BEGINS = b"PK\3\4"
_ZIP_ENDS = b"PK\5\6"  # the record behind the directory, which is at the end of every archive
_ZIP = frozenset({"xlsx"})
_JSON = frozenset({"data.json", "jsonld"})
_XML = frozenset({"gpx", "kml", "rdfxml", "rss"})
_MAY_BE_EMPTY = frozenset({"jsonl", "n3", "ov2", "ttl", "turtle"})
_PROLOG = re.compile(
    rb"\A(?:\xef\xbb\xbf)?(?:\s+|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^>\[]*(?:\[.*?\]\s*)?>)*", re.DOTALL
)
_EPILOG = re.compile(rb"(?:\s|<!--(?:(?!-->).)*-->)*\Z", re.DOTALL)
_ROOT = re.compile(
    rb"""<(?P<name>[^\s<>/!?"']+)(?:\s+[^\s=<>]+\s*=\s*(?:"[^"]*"|'[^']*'))*\s*(?P<empty>/?)>"""
)


def file_name(dataset_id: str, file_format: str) -> str:
    """A name for the export of a dataset; no part of a path, whatever the identifier holds."""
    return f"{_NOT_IN_NAMES.sub('_', dataset_id)}.{file_format}"


class OwnThread:
    """A thread for work that blocks: neither the event loop waits for it, nor other such work.

    The threads that resolve host names are shared by the whole program, and may all be busy.
    """

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"explore-{name}")

    async def run(self, work: Callable[[], _Found]) -> _Found:
        """Do it after what was begun before; once begun, no cancellation ends it."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    async def end(self, clean: Callable[[], None]) -> None:
        """Clean up after what may still run there; a cancellation waits until that is done."""
        cleaning = asyncio.get_running_loop().run_in_executor(self._executor, clean)
        self.let_go()
        cancelled: asyncio.CancelledError | None = None
        while not cleaning.done():
            try:
                await asyncio.wait({cleaning})
            except asyncio.CancelledError as error:
                cancelled = error
        cleaning.result()
        if cancelled is not None:
            raise cancelled

    def let_go(self) -> None:
        """End the thread when it has nothing more to do."""
        self._executor.shutdown(wait=False)


class PartFile:
    """A hidden file beside its target, renamed onto it by `commit` and removed without it.

    Without `commit` it is removed behind the block that may still be on its way to the disk, while
    the event loop goes on.

    Args:
        target: the final name, of a file or of none yet. A symbolic link stays one: the file that
            it points to is replaced.
        tally: counts the lines, for formats of one row per line.

    Attributes:
        target: the final name.
        size: bytes written.

    Raises:
        ConfigurationError: on entering, when the file cannot be created.
    """

    def __init__(self, target: Path, *, tally: LineTally | None = None) -> None:
        self.target = target
        self.size = 0
        self._tally = tally
        self._digest = hashlib.sha256()
        self._final = Path(os.path.realpath(target))
        self._part = self._final.parent / f".{_shortened(target.name)}.{secrets.token_hex(6)}.part"
        self._descriptor = -1
        self._committed = False
        self._thread = OwnThread("file")

    @property
    def rows(self) -> int | None:
        """Lines written so far, or None where they are not counted."""
        return None if self._tally is None else self._tally.rows

    @property
    def checksum(self) -> str:
        """SHA-256 of what was written, in hexadecimal."""
        return self._digest.hexdigest()

    async def __aenter__(self) -> Self:
        if self._final.is_dir():
            raise ConfigurationError(f"{self.target} is a directory; give the name of a file.")
        if self._final.exists() and not self._final.is_file():
            # Renaming a file onto /dev/null or a pipe would replace the device itself.
            raise ConfigurationError(f"{self.target} is no regular file; give the name of a file.")
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
        try:
            # 0o666 leaves the permissions to the umask, as for any file a program creates.
            self._descriptor = os.open(self._part, flags, 0o666)
        except OSError as error:
            raise ConfigurationError(
                f"{self.target} cannot be written: {error.strerror}. Nothing was sent; check that "
                "the directory exists and may be written to."
            ) from error
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._committed:
            # Not awaited, or a cancellation could take back what has happened.
            self._thread.let_go()
            return
        await self._thread.end(self._remove)

    def _remove(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        if not self._committed:
            self._part.unlink(missing_ok=True)

    async def write(self, *pieces: bytes) -> None:
        """Append some pieces as one block.

        Raises:
            StorageError: the disk refuses it.
            TooLargeError, DecodeError: the tally refuses it.
        """
        await self._in_thread(lambda: self._append(b"".join(pieces)))

    async def finish(self) -> None:
        """Check the end of what was written and force it to the disk.

        Raises:
            TruncatedError: the last line is cut.
        """
        await self._in_thread(self._flush)

    def commit(self) -> None:
        """Give the file its final name, replacing an older one in one step.

        Not awaited, so that no cancellation can come between the rename and its report.

        Raises:
            StorageError: the rename failed; the file is removed.
        """
        try:
            if self._final.exists():
                # Who may read the older one may read this one, and nobody else.
                self._part.chmod(stat.S_IMODE(self._final.stat().st_mode))
            # Some systems rename no file that is open.
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)
            self._part.replace(self._final)
        except OSError as error:
            raise _storage_error(self.target, error) from error
        self._committed = True

    async def _in_thread(self, work: Callable[[], None]) -> None:
        try:
            await self._thread.run(work)
        except OSError as error:
            raise _storage_error(self.target, error) from error

    def _append(self, block: bytes) -> None:
        if self._tally is not None:
            self._tally.feed(block)
        self._digest.update(block)
        view = memoryview(block)
        while view:
            view = view[os.write(self._descriptor, view) :]
        self.size += len(block)

    def _flush(self) -> None:
        if self._tally is not None:
            self._tally.finish()
        os.fsync(self._descriptor)


class Ends:
    """The beginning and the end of what passes by in pieces; no piece is copied on the way.

    Attributes:
        head: the first bytes, at most 4,096.
    """

    def __init__(self) -> None:
        self.head = b""
        self._last: deque[bytes] = deque()
        self._held = 0

    @property
    def tail(self) -> bytes:
        """The last bytes, at most 64 KiB and a little."""
        return b"".join(self._last)[-_TAIL:]

    def feed(self, piece: bytes) -> None:
        """Take the next piece."""
        if len(self.head) < _HEAD:
            self.head += piece[: _HEAD - len(self.head)]
        self._last.append(piece)
        self._held += len(piece)
        while self._held - len(self._last[0]) >= _TAIL:
            self._held -= len(self._last.popleft())


def is_whole(file_format: str, head: bytes, tail: bytes) -> bool:
    """Whether a file ends as its own beginning demands, for formats that are ZIP, XML or JSON.

    Args:
        file_format: such as `kml`; empty when it is not known, as where the server packed it.
        head: its first bytes.
        tail: its last bytes.
    """
    if not head:
        return file_format in _MAY_BE_EMPTY
    if head.startswith(_ZIP_BEGINS):
        return _is_whole_zip(tail)
    if file_format in _ZIP:
        return False
    if file_format == "jsonl":
        return _ends_with_a_row(tail)
    begins, ends = _PROLOG.sub(b"", head, count=1), _EPILOG.sub(b"", tail[-_HEAD:])
    if file_format in _JSON:
        return ends[-1:] == {b"{": b"}", b"[": b"]"}.get(begins[:1])
    if file_format in _XML or head.startswith(b"<?xml"):
        return _is_whole_xml(begins, ends, far=len(head) >= _HEAD)
    return True


def _ends_with_a_row(tail: bytes) -> bool:
    """Whether the last line is whole; one that is longer than the tail is known by its end only."""
    before, _, last = tail.rpartition(b"\n")
    if not before and len(tail) == _TAIL:
        return last.rstrip().endswith(b"}")
    return not is_cut_row(last)


def _is_whole_zip(tail: bytes) -> bool:
    """Whether the end record is there, with the comment whose length is its last two bytes."""
    record = tail[max(0, tail.rfind(_ZIP_ENDS)) :]
    comment = int.from_bytes(record[_ZIP_END - 2 : _ZIP_END], "little")
    return record.startswith(_ZIP_ENDS) and len(record) == _ZIP_END + comment


def _is_whole_xml(begins: bytes, ends: bytes, *, far: bool) -> bool:
    root = _ROOT.match(begins)
    if root is None:
        # Either it is cut, or so much stands before the first element that its name is not at hand.
        return far and ends.endswith(b">")
    if root["empty"]:
        return ends.endswith(b"/>")
    return re.search(rb"</" + re.escape(root["name"]) + rb"\s*>\Z", ends) is not None


class LineTally:
    """Counts the rows of a jsonl stream and looks at its ends, without decoding what is between.

    Args:
        line_cap: the longest line allowed, in bytes.
        distinct: count different rows too. This keeps an 8-byte digest of each different row,
            about 100 bytes of memory per row with Python's set around it. Among a million rows the
            chance that any two different ones are taken for the same is 1 in 37 million.

    Attributes:
        rows: lines that are not blank.
    """

    def __init__(self, *, line_cap: int, distinct: bool = False) -> None:
        self.rows = 0
        self._line_cap = line_cap
        self._digests: set[bytes] | None = set() if distinct else None
        self._first: bytes | None = None
        self._last = b""
        self._rest = b""

    @property
    def unique(self) -> int:
        """Different rows so far; 0 when they are not counted."""
        return len(self._digests or ())

    def feed(self, block: bytes) -> None:
        """Take the next bytes.

        Raises:
            TooLargeError: a line is longer than the cap.
            DecodeError: a line is not a JSON object.
        """
        stream = BytesIO(block)  # finds lines several times as quickly as split()
        while lines := stream.readlines(_LINES):
            self._take_lines(lines)

    def _take_lines(self, lines: list[bytes]) -> None:
        lines[0] = self._rest + lines[0]
        self._rest = b"" if lines[-1].endswith(b"\n") else lines.pop()
        if len(self._rest) > self._line_cap:
            raise TooLargeError(
                f"Line {self.rows + 1} of the export is longer than {self._line_cap} bytes. "
                "Raise `caps.line`."
            )
        if _are_rows(lines):
            self._count(lines)
            return
        for line in lines:
            self._take(line.rstrip(b"\r\n"))

    def finish(self) -> None:
        """Look at the last line once all is fed.

        Raises:
            TruncatedError: it is cut, or holds the error that the server broke off with.
        """
        if self._rest:
            rest, self._rest = self._rest, b""
            if is_cut_row(rest):
                raise cut_inside(self.rows + 1)
            self._take(rest.rstrip(b"\r\n"))
        broken = self.rows > 1 and is_error_object(_decoded(self._last))
        if broken and not is_error_object(_decoded(self._first or b"")):
            self.rows -= 1
            raise broken_off(self.rows, self._last)

    def _take(self, line: bytes) -> None:
        if not line or line.isspace():
            return
        if line[:1] != b"{" or line[-1:] != b"}":
            raise DecodeError(
                f"Line {self.rows + 1} of the export is not a row; it begins {snippet(line)!r}. "
                "Ask for it again; if it persists, report it to the portal.",
                snippet=snippet(line),
                status=200,
            )
        self._count([line])

    def _count(self, rows: list[bytes]) -> None:
        if not rows:
            return
        self.rows += len(rows)
        self._last = rows[-1]
        if self._first is None:
            self._first = rows[0]
        if self._digests is not None:
            self._digests.update(map(_digest, rows))


def cut_inside(row: int) -> TruncatedError:
    """The error of an export whose last row, of this number, is not whole."""
    return TruncatedError(f"The export was cut inside row {row}. Ask for it again.", rows=row - 1)


def broken_off(rows: int, line: bytes) -> TruncatedError:
    """The error of an export that has a line with an error behind so many rows."""
    return TruncatedError(
        f"The server broke the export off after {rows} rows with an error: {snippet(line)}. Ask "
        "for it again.",
        rows=rows,
    )


def _are_rows(lines: list[bytes]) -> bool:
    """Whether all look like JSON objects; quicker than a look at each, and nearly always true."""
    begins = set(map(itemgetter(0), lines))
    return begins <= _OPENING and set(map(itemgetter(-2), lines)) <= _CLOSING


def _digest(row: bytes) -> bytes:
    return hashlib.blake2b(row.rstrip(b"\r\n"), digest_size=_DIGEST_BYTES).digest()


def _shortened(name: str) -> str:
    """A name with room for more: file systems allow 255 bytes, which are fewer characters."""
    return os.fsencode(name)[:_NAME_BYTES].decode("utf-8", errors="ignore")


def _decoded(line: bytes) -> object:
    value: object = None
    with suppress(orjson.JSONDecodeError):
        value = orjson.loads(line)
    return value


def _storage_error(target: Path, error: OSError) -> StorageError:
    return StorageError(
        f"{target} could not be written: {error.strerror}. Nothing was kept; free space or choose "
        "another place, and ask again."
    )
