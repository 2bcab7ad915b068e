"""A folder in a store that fsspec knows, such as S3, Google Cloud Storage, Azure or SFTP.

Files are written in a temporary folder of this machine, and uploaded when they are complete and
verified. Then the journal says so. It is not one file but a numbered object for each step, because
stores cannot append. An object is created only if its number is free, which has two effects:

* State is never ahead of data, and never lost: no object is written twice, and one that was cut off
  does not count.
* Two harvests exclude each other. `--resume` takes a folder over with an object of its own. A
  harvest that still runs finds the number taken at its next step, and ends. Files have names of
  their own for each attempt, so it has replaced nothing.

S3, Google Cloud Storage and Azure decide by themselves which of two creations is the first one.
Elsewhere fsspec asks whether the object exists before it writes it, so two harvests that begin at
the very same moment may both go on.

The last object holds the manifest, and `manifest.json` is a copy of it. So whoever finds that
object can end the harvest, and no two manifests differ. The objects stay, so that their numbers are
never free again.
"""

from __future__ import annotations

import secrets
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

import orjson

from explore_async.errors import ConfigurationError, ExploreError, StorageError
from explore_async.harvest.folders import Folder, LocalFolder, storing, sync_file
from explore_async.results import arrow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

__all__ = ["RemoteFolder", "folder_at"]

_MANIFEST = "manifest.json"


def folder_at(place: str | Path, name: str = "") -> Folder:
    """Return the folder of a name below a path, or a URL.

    Raises:
        ConfigurationError: no store has such a URL, or it cannot be reached.
        MissingExtraError: fsspec, or what it needs for this store, is not installed.
    """
    url = str(place)
    if isinstance(place, Path) or "://" not in url:
        return LocalFolder(Path(place) / name)
    if url.startswith("file://"):
        return LocalFolder(Path(url2pathname(urlsplit(url).path)) / name)
    return RemoteFolder(f"{url.rstrip('/')}/{name}".rstrip("/"))


class RemoteFolder:
    """A folder in a store.

    Args:
        url: the URL.
    """

    def __init__(self, url: str) -> None:
        fsspec = arrow.require("fsspec")
        self._url = url
        try:
            self.store, self._path = fsspec.core.url_to_fs(url)
        except ImportError as error:
            raise ConfigurationError(f"{url} needs another package: {error}.") from error
        except Exception as error:
            raise ConfigurationError(f"{url} cannot be opened: {error}.") from error
        self._staged_path = ""
        self.log = _RemoteLog(self)

    def __str__(self) -> str:
        return self._url

    def owned(self) -> AbstractContextManager[None]:
        """Have a place for files; the steps of the journal exclude others."""
        return self.staged()

    @contextmanager
    def staged(self) -> Iterator[None]:
        """Have a place for files that are not uploaded yet."""
        with tempfile.TemporaryDirectory(prefix="explore-") as self._staged_path:
            yield

    def read(self, name: str) -> bytes | None:
        """Return a small file; None if there is none."""
        with self.reaching(name):
            try:
                content = bytes(self.store.cat_file(self.path(name)))
            except FileNotFoundError:
                content = None
        if name == _MANIFEST and (made := self.log.manifest()) and made != content:
            self.write(name, made)
            return made
        return content

    def read_all(self, names: list[str]) -> list[bytes]:
        """Return small files; many stores send them at once."""
        with self.reaching(""):
            found = self.store.cat([self.path(one) for one in names]) if names else {}
        return [found[one] for one in sorted(found)]

    def finish(self, name: str, content: bytes) -> None:
        """Write the manifest, after the journal says so."""
        self.log.finish(content)
        self.write(name, content)

    def write(self, name: str, content: bytes, *, mode: str = "overwrite") -> None:
        """Write a small file.

        Raises:
            FileExistsError: the mode is `create`, and there is one.
        """
        with self.reaching(name):
            try:
                self.store.pipe_file(self.path(name), content, mode=mode)
            except FileNotFoundError:
                self._make(name)
                self.store.pipe_file(self.path(name), content, mode=mode)

    def sizes(self, below: str = "") -> dict[str, int]:
        """Return the files with their sizes."""
        with self.reaching(below):
            self.store.invalidate_cache()
            try:
                found = self.store.ls(self.path(below), detail=True)
            except FileNotFoundError:
                return {}
        return {
            one["name"].rstrip("/").rpartition("/")[2]: one["size"]
            for one in found
            if one["type"] == "file"
        }

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        with self.reaching(name):
            try:
                self.store.rm_file(self.path(name))
            except FileNotFoundError:
                return

    def part(self, stem: str, suffix: str) -> str:
        """Return a name that no other harvest has."""
        return f"{stem}-{secrets.token_hex(4)}{suffix}"

    def place(self, name: str) -> Path:
        """Return where on this machine a sink is to write a file."""
        return Path(self._staged_path) / name

    def keep(self, name: str) -> None:
        """Upload a file."""
        local = self.place(name)
        size = local.stat().st_size
        with self.reaching(name):
            try:
                self.store.put_file(str(local), self.path(name))
            except FileNotFoundError:
                self._make(name)
                self.store.put_file(str(local), self.path(name))
            self.store.invalidate_cache()
            if (stored := self.store.size(self.path(name))) != size:
                raise OSError(f"{stored:,} of {size:,} bytes were stored")
        local.unlink()

    def rename(self, name: str, to: str) -> None:
        """Rename a file that was kept; object stores copy it."""
        with self.reaching(to):
            self.store.mv(self.path(name), self.path(to))

    def copy(self, name: str, to: Path) -> None:
        """Download a file."""
        part = to.with_name(f".{to.name}.part")
        with self.reaching(name):
            self.store.get_file(self.path(name), str(part))
        with storing(to):
            sync_file(part)
            part.replace(to)

    def path(self, name: str) -> str:
        """Return the path of a file in the store."""
        return f"{self._path}/{name}" if name else self._path

    @contextmanager
    def reaching(self, name: str) -> Iterator[None]:
        """Raise StorageError for any error of the store, which has its own kinds."""
        try:
            yield
        except (ExploreError, FileExistsError):
            raise
        except Exception as error:
            raise StorageError(
                f"Cannot reach {self._url}/{name}: {error or type(error).__name__}. What is "
                "finished is kept: go on with --resume."
            ) from error

    def _make(self, name: str) -> None:
        """Make the folder of a file; never a bucket, with which the paths of others begin."""
        parent = self.path(name).rpartition("/")[0]
        if not parent.startswith("/"):
            raise FileNotFoundError(f"{parent.partition('/')[0]} does not exist")
        self.store.makedirs(parent, exist_ok=True)


class _RemoteLog:
    """Numbered objects; the first line of each says who wrote it, and what it is."""

    def __init__(self, folder: RemoteFolder) -> None:
        self._folder = folder
        self._by = secrets.token_hex(8)
        self._next = 0
        self._failure = ""

    def __str__(self) -> str:
        return f"{self._folder}/journal"

    def read(self) -> bytes | None:
        names = sorted(self._folder.sizes("journal"))
        if names:
            self._next = int(names[-1].partition(".")[0]) + 1
        content: bytes | None = None
        for kind, payload in _parsed(self._folder.read_all([f"journal/{one}" for one in names])):
            if kind == "begin":
                content = payload
            elif content is not None:
                content += payload
        return content

    def manifest(self) -> bytes | None:
        """Return the manifest of a harvest that was interrupted after its last step."""
        names = sorted(self._folder.sizes("journal"))
        found = list(_parsed([self._folder.read(f"journal/{names[-1]}") or b""])) if names else []
        return found[0][1].removesuffix(b"\n") if found and found[0][0] == "manifest" else None

    def begin(self, content: bytes) -> None:
        self._add("begin", content)

    def own(self, size: int) -> None:  # noqa: ARG002 - what was cut off is left out when it is read
        self._add("own", b"")

    def append(self, line: bytes) -> None:
        self._add("step", line)

    def finish(self, manifest: bytes) -> None:
        """Say that the harvest is complete."""
        self._add("manifest", manifest + b"\n")

    def close(self) -> None:
        pass

    def remove(self) -> None:
        """Do nothing: the objects keep out harvests that were taken over and still run."""

    def _add(self, kind: str, payload: bytes) -> None:
        if self._failure:  # the last object may be there or not, so none may follow it
            raise StorageError(self._failure)
        name = f"journal/{self._next:06}.jsonl"
        content = orjson.dumps({"by": self._by, "kind": kind}) + b"\n" + payload
        try:
            self._folder.write(name, content, mode="create")
        except FileExistsError:
            # The store may have done what it was asked, and only its answer was lost.
            if self._folder.read(name) != content:
                raise ConfigurationError(
                    f"Another harvest is writing to {self._folder}. Wait until it ends, or choose "
                    "another folder."
                ) from None
        except StorageError as error:
            self._failure = error.message
            raise
        self._next += 1


def _parsed(objects: list[bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield kind and content of objects that are whole."""
    for one in objects:
        said, _, payload = one.partition(b"\n")
        if one.endswith(b"\n") and (payload or b'"own"' in said):
            yield orjson.loads(said)["kind"], payload
