"""The folder of a harvest: one owner at a time, and files that are complete or absent.

The lock is one of the operating system on an open file, so it ends with the process that holds it,
however that ends. The file itself stays: removing it would let two processes lock two files of one
name.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Self

from explore_async.errors import ConfigurationError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["FolderLock", "storage_error", "storing", "sync_folder", "write_all", "write_whole"]

_LOCK = ".harvest.lock"


class FolderLock:
    """Keeps other harvests out of a folder, which is created if it does not exist.

    Raises:
        ConfigurationError: on entering, if another harvest uses the folder, or it cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor = -1

    def __enter__(self) -> Self:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o666)
            if _lock(self._descriptor):
                return self
        except OSError as error:
            self._close()
            raise ConfigurationError(
                f"Cannot write to {self._folder}: {error.strerror}. Choose another folder."
            ) from error
        self._close()
        raise ConfigurationError(
            f"Another harvest is writing to {self._folder}. Wait until it ends, or choose another "
            "folder."
        )

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        """Close the file, which also unlocks it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True

else:
    import fcntl

    def _lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def sync_folder(folder: Path) -> None:
    """Make renames in a folder outlast a failure of power, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file by one atomic step: at every moment it has the old content or the new.

    Raises:
        OSError: writing failed; the old file is unchanged.
    """
    part = path.with_name(f".{path.name}.part")
    descriptor = os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | _BINARY, 0o666)
    try:
        write_all(descriptor, content)
        os.fsync(descriptor)
    except BaseException:
        os.close(descriptor)
        part.unlink()
        raise
    os.close(descriptor)
    part.replace(path)
    sync_folder(path.parent)


_BINARY = getattr(os, "O_BINARY", 0)


def write_all(descriptor: int, content: bytes) -> None:
    """Write all bytes, which the system may take in several steps."""
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


@contextlib.contextmanager
def storing(path: Path) -> Iterator[None]:
    """Raise StorageError for an error of the disk."""
    try:
        yield
    except OSError as error:
        raise storage_error(path, error) from error


def storage_error(path: Path, error: OSError) -> StorageError:
    """Return the error for a disk that failed."""
    return StorageError(
        f"Cannot write {path}: {error.strerror}. What is finished is kept: free space, and go on "
        "with --resume."
    )
