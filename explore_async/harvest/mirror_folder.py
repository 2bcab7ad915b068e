"""The folder of a mirror on the disk.

    DIR/catalog.jsonl            the dataset objects of the catalog, one on each line
    DIR/mirror.json              what the last run did, written last
    DIR/DATASET/                 manifest.json and the files of a harvest,
                                 dataset.json: the dataset object, with schema and metadata
                                 attachments/: the attachments
    DIR/.mirror/new/DATASET/     a harvest that is not complete, or not in its place yet
    DIR/.mirror/old/DATASET/     what is being replaced
    DIR/.mirror/asked.json       what the harvests in `new` were asked for

A dataset is replaced by two renames: the old folder goes to `old`, the new one to its place. So its
files are always of one moment; between the renames, it is absent. `begin` ends a replacement that
was interrupted there.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import orjson

from explore_async.errors import ConfigurationError, StorageError
from explore_async.harvest.folders import (
    FolderLock,
    LocalFolder,
    storing,
    sync_folder,
    write_whole,
)
from explore_async.harvest.manifest import Manifest
from explore_async.models import safe_name

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["ATTACHMENTS", "MirrorFolder"]

ATTACHMENTS = "attachments"

_CATALOG = "catalog.jsonl"
_DATASET = "dataset.json"
_MIRROR = "mirror.json"
_VERSION = 1


class MirrorFolder:
    """The folder of a mirror; all methods block, and raise StorageError if the disk fails.

    Args:
        path: the folder.

    Attributes:
        path: the folder.
        new: the folder of harvests that are not in their place yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._own = path / ".mirror"
        self.new = self._own / "new"
        self._old = self._own / "old"

    def owned(self) -> FolderLock:
        """Keep other mirrors out."""
        return FolderLock(self._own)

    def home(self, dataset_id: str) -> Path:
        """Return the folder of a dataset.

        Raises:
            ConfigurationError: its name is used for something else.
        """
        name = safe_name(dataset_id)
        if name in (_CATALOG, _MIRROR) or name.startswith("."):
            raise ConfigurationError(
                f"The dataset {dataset_id} cannot be mirrored, because its folder would be {name}. "
                "Leave it out with --exclude, and harvest it by itself."
            )
        return self.path / name

    def staged(self, dataset_id: str) -> Path:
        """Return the folder of a dataset that is not in its place yet."""
        return self.new / safe_name(dataset_id)

    def refuse_another(self, url: str) -> None:
        """Refuse to mirror a portal into the mirror of another one.

        Raises:
            ConfigurationError: the folder is one.
        """
        before = self.report() or self._begun()
        if before is not None and before["url"] != url:
            raise ConfigurationError(
                f"{self.path} is a mirror of {before['url']}, not of {url}. Choose another folder."
            )

    def _begun(self) -> dict[str, Any] | None:
        """Return what a first run that was interrupted was asked for; None if it left no dataset.

        Then its URL may have been a mistake that is being mended.
        """
        filled = any(self.path.glob(f"*/{_DATASET}"))
        return _json(self._own / "asked.json") if filled else None

    def begin(self, asked: dict[str, Any]) -> None:
        """End what was interrupted; forget harvests that were asked for with something else.

        Raises:
            ConfigurationError: the folder is the mirror of another portal.
        """
        self.refuse_another(asked["url"])
        with storing(self.path):
            self.new.mkdir(exist_ok=True)
            self._old.mkdir(exist_ok=True)
            for old in self._old.iterdir():
                self._end(old)
            if _json(self._own / "asked.json") != asked:
                shutil.rmtree(self.new)
                self.new.mkdir()
                write_whole(self._own / "asked.json", orjson.dumps(asked))

    def _end(self, old: Path) -> None:
        """End a replacement after its first rename; the new folder was whole before."""
        home, new = self.path / old.name, self.new / old.name
        if not home.exists():
            (new if new.exists() else old).rename(home)
        if old.exists():
            shutil.rmtree(old)

    def manifest(self, folder: Path) -> Manifest | None:
        """Return the manifest of a folder; None without one."""
        return Manifest.read(folder)

    def refuse_strange(self, home: Path) -> None:
        """Refuse to replace what no mirror made.

        Raises:
            ConfigurationError: the place of a dataset holds something else.
        """
        if not os.path.lexists(home):
            return
        # A link cannot be replaced by a folder without losing what it was for.
        is_folder = home.is_dir() and not home.is_symlink()
        if is_folder and ((home / _DATASET).exists() or not any(home.iterdir())):
            return
        raise ConfigurationError(
            f"{home} was not made by a mirror, so it is not replaced. Move it away, or leave the "
            "dataset out with --exclude."
        )

    def is_whole(self, folder: Path, manifest: Manifest) -> bool:
        """Return whether the files of a manifest are there, with their sizes."""
        sizes = LocalFolder(folder).sizes()
        return all(sizes.get(file.path) == file.bytes for file in manifest.files)

    def entry(self, dataset_id: str) -> dict[str, Any]:
        """Return the dataset object of the last run; empty if there is none."""
        return _json(self.home(dataset_id) / _DATASET) or {}

    def describe(self, folder: Path, entry: bytes, attachments: Iterable[str]) -> None:
        """Write the dataset object, and remove attachments that are not among these."""
        names = set(attachments)
        with storing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            place = folder / ATTACHMENTS
            for file in place.iterdir() if place.is_dir() else ():
                if file.name not in names:
                    file.unlink()
            if place.is_dir() and not names:
                place.rmdir()
            content = orjson.dumps(orjson.loads(entry), option=orjson.OPT_INDENT_2) + b"\n"
            if LocalFolder(folder).read(_DATASET) != content:
                write_whole(folder / _DATASET, content)

    def reuse(self, old: Path, new: Path) -> bool:
        """Link or copy an attachment of the last run; return whether it is there."""
        if not old.is_file():
            return False
        if old != new:
            with storing(new):
                new.unlink(missing_ok=True)
            LocalFolder(old.parent).copy(old.name, new)
        return True

    def forget(self, dataset_id: str) -> None:
        """Remove a harvest that is not in its place yet, if there is one."""
        staged = self.staged(dataset_id)
        with storing(staged):
            if staged.exists():
                shutil.rmtree(staged)

    def publish(self, dataset_id: str) -> None:
        """Put a folder in its place, instead of an older one."""
        home, new = self.home(dataset_id), self.staged(dataset_id)
        old = self._old / home.name
        with storing(home):
            sync_folder(new)
            if home.exists():
                home.rename(old)
            new.rename(home)
            sync_folder(self.path)
            if old.exists():
                shutil.rmtree(old)

    def report(self) -> dict[str, Any] | None:
        """Return what the last run wrote; None without one.

        Raises:
            StorageError: it cannot be read.
        """
        found = _json(self.path / _MIRROR)
        if found is not None and not _is_report(found):
            raise StorageError(
                f"{self.path / _MIRROR} is not of this version. Move the folder away, and mirror "
                "the portal again."
            )
        return found

    def finish(self, entries: Iterable[bytes], report: dict[str, Any]) -> None:
        """Write the catalog and the report."""
        with storing(self.path):
            write_whole(self.path / _CATALOG, b"".join(one + b"\n" for one in entries))
            content = orjson.dumps({"mirror": _VERSION, **report}, option=orjson.OPT_INDENT_2)
            write_whole(self.path / _MIRROR, content + b"\n")


def _is_report(found: dict[str, Any]) -> bool:
    wanted = {"url": str, "filters": dict, "datasets": list, "gone": list}
    shaped = all(isinstance(found.get(name), kind) for name, kind in wanted.items())
    return found.get("mirror") == _VERSION and shaped


def _json(path: Path) -> dict[str, Any] | None:
    """Return a JSON object; None without one.

    Raises:
        StorageError: the file cannot be read, or holds something else.
    """
    content = LocalFolder(path.parent).read(path.name)
    if content is None:
        return None
    try:
        found = orjson.loads(content)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise StorageError(f"{path} holds no JSON object. Remove it, and mirror the portal again.")
    return found
