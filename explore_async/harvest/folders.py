"""The folder of a harvest: one owner at a time, and files that are complete or absent.

`Folder` and `Log` are what a harvest needs of a place, and `LocalFolder` is a folder of the disk;
`remote` has the one of any other store.

The lock of a local folder is one of the operating system on an open file, so it ends with the
process that holds it, however that ends. The file itself stays: removing it would let two processes
lock two files of one name.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from typing import TYPE_CHECKING, Protocol, Self

from explore_async.errors import ConfigurationError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

__all__ = [
    "JOURNAL",
    "Folder",
    "FolderLock",
    "LocalFolder",
    "Log",
    "storage_error",
    "storing",
    "sync_file",
    "sync_folder",
    "write_all",
    "write_whole",
]

JOURNAL = "journal.jsonl"
_LOCK = ".harvest.lock"


class Log(Protocol):
    """The content of a journal: lines that are there once they are written, whatever happens.

    All methods raise StorageError if the store fails, and ConfigurationError if another harvest has
    taken the folder over.
    """

    def __str__(self) -> str:
        """Return where it is, for messages."""

    def read(self) -> bytes | None:
        """Return the content, whose last line may be cut off; None if there is no journal."""

    def begin(self, content: bytes) -> None:
        """Replace the content by one atomic step."""

    def own(self, size: int) -> None:
        """Go on with the first bytes of what `read` returned."""

    def append(self, line: bytes) -> None:
        """Add a line, or nothing if it fails."""

    def close(self) -> None:
        """Release what is open."""

    def remove(self) -> None:
        """Remove the journal of a complete harvest, unless it is to stay."""


class Folder(Protocol):
    """Where the files of one harvest are.

    All methods block, and raise StorageError if the store fails.
    """

    @property
    def log(self) -> Log:
        """The journal."""

    def __str__(self) -> str:
        """Return where it is, for messages."""

    def owned(self) -> AbstractContextManager[object]:
        """Keep other harvests out, as well as the store can.

        Raises:
            ConfigurationError: another harvest uses the folder, or it cannot be made.
        """

    def staged(self) -> AbstractContextManager[object]:
        """Have a place for files without keeping others out, for one part of a harvest."""

    def read(self, name: str) -> bytes | None:
        """Return a small file; None if there is none."""

    def finish(self, name: str, content: bytes) -> None:
        """Write the last file by one atomic step."""

    def sizes(self) -> dict[str, int]:
        """Return the files with their sizes."""

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""

    def part(self, stem: str, suffix: str) -> str:
        """Return the name of a file to write."""

    def place(self, name: str) -> Path:
        """Return where on this machine a sink is to write a file."""

    def keep(self, name: str) -> None:
        """Make a file that was written there outlast any failure."""

    def rename(self, name: str, to: str) -> None:
        """Rename a file that was kept; it replaces another one."""

    def copy(self, name: str, to: Path) -> None:
        """Put a file in a place of this machine where there is none, whole or not at all."""


class LocalFolder:
    """A folder of the disk.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log = _LocalLog(path / JOURNAL)

    def __str__(self) -> str:
        return str(self.path)

    def owned(self) -> FolderLock:  # noqa: D102 - as in Folder, and so on
        return FolderLock(self.path)

    def staged(self) -> AbstractContextManager[object]:  # noqa: D102
        return contextlib.nullcontext()

    def read(self, name: str) -> bytes | None:  # noqa: D102
        return _content(self.path / name)

    def finish(self, name: str, content: bytes) -> None:  # noqa: D102
        with storing(self.path / name):
            write_whole(self.path / name, content)

    def sizes(self) -> dict[str, int]:  # noqa: D102
        with storing(self.path):
            return {one.name: one.stat().st_size for one in self.path.iterdir() if one.is_file()}

    def remove(self, name: str) -> None:  # noqa: D102
        with storing(self.path / name):
            (self.path / name).unlink(missing_ok=True)

    def part(self, stem: str, suffix: str) -> str:  # noqa: D102
        return stem + suffix

    def place(self, name: str) -> Path:  # noqa: D102
        return self.path / name

    def keep(self, name: str) -> None:  # noqa: ARG002, D102
        with storing(self.path):
            sync_folder(self.path)

    def rename(self, name: str, to: str) -> None:  # noqa: D102
        with storing(self.path / to):
            (self.path / name).replace(self.path / to)
            sync_folder(self.path)

    def copy(self, name: str, to: Path) -> None:
        """Link a file, or copy it to another file system."""
        source = self.path / name
        if not source.is_file():
            raise StorageError(f"{source} is gone. Harvest without --since into another folder.")
        with storing(to):
            try:
                to.hardlink_to(source)
            except OSError:
                part = to.with_name(f".{to.name}.part")
                shutil.copyfile(source, part)
                sync_file(part)
                part.replace(to)


class _LocalLog:
    """A file to which each line is appended and flushed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    def __str__(self) -> str:
        return str(self._path)

    def read(self) -> bytes | None:
        return _content(self._path)

    def begin(self, content: bytes) -> None:
        self.close()
        with storing(self._path):
            write_whole(self._path, content)
            self._open()

    def own(self, size: int) -> None:
        with storing(self._path):
            self._open()
            os.ftruncate(self._descriptor, size)

    def append(self, line: bytes) -> None:
        before = os.lseek(self._descriptor, 0, os.SEEK_END)
        with storing(self._path):
            try:
                write_all(self._descriptor, line)
                os.fsync(self._descriptor)
            except OSError:
                # A part of a line would make the next one unreadable.
                os.ftruncate(self._descriptor, before)
                raise

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def remove(self) -> None:
        self.close()
        with storing(self._path):
            self._path.unlink(missing_ok=True)

    def _open(self) -> None:
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | _BINARY)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(f"Cannot read {path}: {error.strerror}.") from error


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


def sync_file(path: Path) -> None:
    """Make the content of a file outlast a failure of power."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


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
    why = error.strerror or error
    return StorageError(
        f"Cannot write {path}: {why}. What is finished is kept: free space, and run it again; "
        "`explore harvest` needs --resume for that."
    )
