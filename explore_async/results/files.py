"""Files that appear only when they are complete.

All disk work except opening and renaming runs in a separate thread, so it blocks neither the event
loop nor the threads that resolve host names.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import stat
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path
from sys import getsizeof
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

from explore_async.errors import ConfigurationError, StorageError, TruncatedError
from explore_async.models import safe_name

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from types import TracebackType


__all__ = ["OwnThread", "PartFile", "RowTally", "file_name", "in_blocks", "target_of"]

_Found = TypeVar("_Found")

_BLOCK = 1024 * 1024
_NAME_BYTES = 200
_GZIP_WINDOW = 31


def file_name(dataset_id: str, file_format: str) -> str:
    """Return a file name for the export of a dataset; never a path, for any identifier."""
    return f"{safe_name(dataset_id)}.{file_format}"


class OwnThread:
    """A thread for blocking work, which delays neither the event loop nor other such work.

    The event loop's own threads resolve host names for the whole program, and may all be busy.
    """

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"explore-{name}")

    async def run(self, work: Callable[[], _Found]) -> _Found:
        """Run the work after earlier work; once started, it cannot be cancelled."""
        return await self.start(work)

    def start(self, work: Callable[[], _Found]) -> asyncio.Future[_Found]:
        """Begin the work after earlier work, without waiting for it."""
        return asyncio.get_running_loop().run_in_executor(self._executor, work)

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


class RowTally(Protocol):
    """Counts the rows of a file while it is written."""

    @property
    def rows(self) -> int | None:
        """The number of rows so far; None if it is not known yet."""

    def feed(self, block: bytes) -> None:
        """Take the next bytes."""

    def finish(self, file: Path, /) -> None:
        """Check the end, after all bytes are in the file."""


class PartFile:
    """A hidden file in the target's directory, renamed to the target by `commit`.

    Without `commit` it is removed after any block that is still being written; the event loop
    continues meanwhile.

    Args:
        target: the final path. If it is a symbolic link, the file that it points to is replaced.
        tally: counts the rows; None to leave them uncounted.
        gzip: whether the file is compressed.

    Attributes:
        target: the final path.
        size: the number of bytes of the file so far.
        taken: the number of bytes before they were compressed.

    Raises:
        ConfigurationError: on entering, if the file cannot be created.
    """

    def __init__(self, target: Path, *, tally: RowTally | None = None, gzip: bool = False) -> None:
        self.target = target
        self.size = 0
        self.taken = 0
        self._tally = tally
        # No name and no time in the header, so that equal rows make equal files.
        self._packer = zlib.compressobj(wbits=_GZIP_WINDOW) if gzip else None
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
        """The SHA-256 of the file, in hexadecimal."""
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
        """Check the end, and flush the file to the disk.

        Raises:
            TruncatedError, DecodeError: the tally refuses the end.
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
        self.taken += len(block)
        self._store(block if self._packer is None else self._packer.compress(block))

    def _store(self, block: bytes) -> None:
        self._digest.update(block)
        view = memoryview(block)
        while view:
            view = view[os.write(self._descriptor, view) :]
        self.size += len(block)

    def _flush(self) -> None:
        if self._tally is not None:
            self._tally.finish(self._part)
        if self._packer is not None:
            self._store(self._packer.flush())
        os.fsync(self._descriptor)


async def in_blocks(chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[list[bytes], None]:
    """Yield chunks in lists of about 1 MiB; those before an early end are not lost."""
    pieces: list[bytes] = []  # a list, because one growing buffer would be copied repeatedly
    held = 0
    cut: TruncatedError | None = None
    try:
        async with aclosing(chunks) as source:
            async for chunk in source:
                pieces.append(chunk)
                # Includes the object's overhead, which dominates small chunks.
                held += getsizeof(chunk)
                if held >= _BLOCK:
                    yield pieces
                    pieces, held = [], 0
    except TruncatedError as error:
        cut = error
    yield pieces
    if cut is not None:
        raise cut


def target_of(path: str | os.PathLike[str]) -> Path:
    """Return the path of a file to write.

    Raises:
        ConfigurationError: it is no path; nothing was sent.
    """
    try:
        return Path(path)
    except TypeError:
        raise ConfigurationError(
            f"The path has type {type(path).__name__}; nothing was sent. Pass a string or a Path."
        ) from None


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
