"""Files that appear only when they are complete, and the counting of their lines.

All disk work except opening and renaming runs in a separate thread, so it blocks neither the event
loop nor the threads that resolve host names.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import secrets
import stat
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

from explore_async.errors import (
    ConfigurationError,
    DecodeError,
    StorageError,
    TooLargeError,
    TruncatedError,
)
from explore_async.http.decoding import snippet
from explore_async.results.row_readers import is_cut_row
from explore_async.results.structures import is_error

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

__all__ = [
    "LineTally",
    "OwnThread",
    "PartFile",
    "broken_off",
    "cut_inside",
    "file_name",
]

_Found = TypeVar("_Found")

_DIGEST_BYTES = 8
_NAME_BYTES = 200
_LINES = 64 * 1024  # bytes that fit into a processor cache
_OPENING, _CLOSING = set(b"{"), set(b"}")
_DEVICES = re.compile(r"con|prn|aux|nul|(?:com|lpt)[0-9]", re.IGNORECASE)
_NOT_IN_NAMES = re.compile(r"[^\w.-]")


def file_name(dataset_id: str, file_format: str) -> str:
    """Return a file name for the export of a dataset; never a path, for any identifier."""
    name = _NOT_IN_NAMES.sub("_", dataset_id)
    # Windows keeps these names for devices, whatever the suffix.
    reserved = _DEVICES.fullmatch(name.partition(".")[0])
    return f"{'_' if reserved else ''}{name}.{file_format}"


class OwnThread:
    """A thread for blocking work, which delays neither the event loop nor other such work.

    The event loop's own threads resolve host names for the whole program, and may all be busy.
    """

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"explore-{name}")

    async def run(self, work: Callable[[], _Found]) -> _Found:
        """Run the work after earlier work; once started, it cannot be cancelled."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    async def end(self, clean: Callable[[], None]) -> None:
        """Clean up after any running work; a cancellation is raised only after that."""
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
        """End the thread once it has no more work."""
        self._executor.shutdown(wait=False)


class PartFile:
    """A hidden file in the target's directory, renamed to the target by `commit`.

    Without `commit` it is removed after any block that is still being written; the event loop
    continues meanwhile.

    Args:
        target: the final path. If it is a symbolic link, the file that it points to is replaced.
        tally: counts the lines, for formats with one row per line.

    Attributes:
        target: the final path.
        size: the number of bytes written.

    Raises:
        ConfigurationError: on entering, if the file cannot be created.
    """

    def __init__(self, target: Path, *, tally: LineTally | None = None) -> None:
        self.target = target
        self.size = 0
        self._tally = tally
        self._digest = hashlib.sha256()
        try:
            self._final = Path(os.path.realpath(target))
        except (OSError, ValueError) as error:
            raise _unwritable(target, error) from error
        self._part = self._final.parent / f".{_shortened(target.name)}.{secrets.token_hex(6)}.part"
        self._descriptor = -1
        self._committed = False
        self._thread = OwnThread("file")

    @property
    def rows(self) -> int | None:
        """The number of rows written so far, or None if they are not counted."""
        return None if self._tally is None else self._tally.rows

    @property
    def checksum(self) -> str:
        """The SHA-256 of the bytes written, in hexadecimal."""
        return self._digest.hexdigest()

    async def __aenter__(self) -> Self:
        try:
            self._refuse_what_is_no_file()
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
            # 0o666 leaves the permissions to the umask, as for any new file.
            self._descriptor = os.open(self._part, flags, 0o666)
        except (OSError, ValueError) as error:
            raise _unwritable(self.target, error) from error
        return self

    def _refuse_what_is_no_file(self) -> None:
        if self._final.is_dir():
            raise ConfigurationError(f"{self.target} is a directory. Pass the path of a file.")
        if self._final.exists() and not self._final.is_file():
            # Renaming a file onto /dev/null or a pipe would replace the device itself.
            raise ConfigurationError(
                f"{self.target} is not a regular file. Pass the path of a file."
            )

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._committed:
            # Not awaited, because a cancellation here would contradict the commit.
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
        """Append pieces as one block.

        Raises:
            StorageError: writing failed.
            TooLargeError, DecodeError: the tally refuses the block.
        """
        await self._in_thread(lambda: self._append(b"".join(pieces)))

    async def finish(self) -> None:
        """Check the last line, and flush the file to the disk.

        Raises:
            TruncatedError: the last line is cut off.
        """
        await self._in_thread(self._flush)

    def commit(self) -> None:
        """Rename the file to its final path, atomically replacing an existing file.

        This is not a coroutine, so that no cancellation can occur between the rename and its
        report.

        Raises:
            StorageError: the rename failed; the file is removed.
        """
        try:
            if self._final.exists():
                # The new file keeps the permissions of the one it replaces.
                self._part.chmod(stat.S_IMODE(self._final.stat().st_mode))
            # Some systems cannot rename an open file.
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


class LineTally:
    """Counts the rows of a jsonl stream; only the first and last row are decoded.

    Args:
        line_cap: the maximum length of a line, in bytes.
        distinct: count unique rows too. This keeps an 8-byte digest per unique row in a set, which
            takes about 100 bytes of memory. Among a million rows, the probability that two
            different rows have the same digest is 1 in 37 million.

    Attributes:
        rows: the number of lines that are not blank.
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
        """The number of unique rows so far; 0 if they are not counted."""
        return len(self._digests or ())

    def feed(self, block: bytes) -> None:
        """Take the next bytes.

        Raises:
            TooLargeError: a line is longer than the cap.
            DecodeError: a line is not a JSON object.
        """
        stream = BytesIO(block)  # finds lines several times as fast as split()
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
        """Check the last line after all bytes.

        Raises:
            TruncatedError: the line is cut off, or is the error with which the server ended.
        """
        if self._rest:
            rest, self._rest = self._rest, b""
            if is_cut_row(rest):
                raise cut_inside(self.rows + 1)
            self._take(rest.rstrip(b"\r\n"))
        if self.rows > 1 and is_error(self._last) and not is_error(self._first or b""):
            self.rows -= 1
            raise broken_off(self.rows, self._last)

    def _take(self, line: bytes) -> None:
        if not line or line.isspace():
            return
        if line[:1] != b"{" or line[-1:] != b"}":
            raise DecodeError(
                f"Line {self.rows + 1} of the export is not a row; it begins with "
                f"{snippet(line)!r}. Request it again; if the error persists, report it to the "
                "portal.",
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
    """Return the error for an export whose last row, of this number, is incomplete."""
    return TruncatedError(
        f"The export was cut off inside row {row}. Request it again.", rows=row - 1
    )


def broken_off(rows: int, line: bytes) -> TruncatedError:
    """Return the error for an export in which an error line follows `rows` rows."""
    return TruncatedError(
        f"The server ended the export after {rows} rows with an error: {snippet(line)}. Request "
        "it again.",
        rows=rows,
    )


def _are_rows(lines: list[bytes]) -> bool:
    """Return whether all lines look like JSON objects; faster than checking each line."""
    begins = set(map(itemgetter(0), lines))
    return begins <= _OPENING and set(map(itemgetter(-2), lines)) <= _CLOSING


def _digest(row: bytes) -> bytes:
    return hashlib.blake2b(row.rstrip(b"\r\n"), digest_size=_DIGEST_BYTES).digest()


def _shortened(name: str) -> str:
    """Shorten a name to leave room for a suffix: file systems allow 255 bytes, not characters."""
    return os.fsencode(name)[:_NAME_BYTES].decode("utf-8", errors="ignore")


def _unwritable(target: Path, error: OSError | ValueError) -> ConfigurationError:
    """Return the error for a path that the system refuses, or that is not valid."""
    reason = error.strerror if isinstance(error, OSError) else "it is not a valid path"
    return ConfigurationError(
        f"Cannot write {str(target)[:200]!r}: {reason}. Nothing was sent; check that the directory "
        "exists and is writable."
    )


def _storage_error(target: Path, error: OSError) -> StorageError:
    return StorageError(
        f"Cannot write {target}: {error.strerror}. Nothing was kept. Free space or choose another "
        "path, and save it again."
    )
