"""Listing the files of a repository."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["SIZE_LIMIT", "walk"]

SIZE_LIMIT = 10_000_000
"""Files in directories that have more bytes are skipped; nobody writes that much by hand."""

_NOT_ENTERED = frozenset(
    {".git", ".hg", ".svn", ".bzr", ".jj", "_darcs", "CVS", "__pycache__", ".mypy_cache",
     ".ruff_cache", ".pytest_cache", ".hypothesis", ".ipynb_checkpoints", ".cache", ".tox", ".nox",
     ".venv", ".eggs", ".terraform", ".gradle", ".idea", ".next", ".nuxt", ".parcel-cache",
     ".svelte-kit", ".yarn", "node_modules", "bower_components", "site-packages"}
)  # fmt: skip
_VENV = "pyvenv.cfg"
_NO_TEXT = frozenset(
    {"png", "jpg", "jpeg", "gif", "webp", "avif", "ico", "bmp", "tif", "tiff", "psd", "mp3", "mp4",
     "m4a", "ogg", "wav", "webm", "mov", "avi", "woff", "woff2", "ttf", "otf", "eot", "zip", "gz",
     "tgz", "bz2", "xz", "zst", "7z", "rar", "jar", "whl", "pdf", "pyc", "pyo", "class", "o", "a",
     "so", "dll", "dylib", "exe", "wasm", "parquet", "pack", "idx"}
)  # fmt: skip
"""Suffixes of images, audio, video, fonts, archives and other binary files."""


def walk(
    paths: Iterable[Path],
    *,
    size_limit: int = SIZE_LIMIT,
    report: Callable[[Path, str], None] | None = None,
) -> Iterator[Path]:
    """Yield files, each once: the named ones, and those in directories, sorted.

    Directories of version control, caches, virtual environments and installed packages are not
    entered, links in directories are not followed, and images, archives and the like are skipped.
    A named path is yielded even if it does not exist; reading it then fails. `report` is called for
    files over the size limit and for directories that cannot be listed.
    """
    named = list(paths)
    seen: set[str] = set()
    for path in named:
        files = _under(path, size_limit, report) if path.is_dir() else (path,)
        if len(named) == 1:
            yield from files
            return
        for file in files:
            key = os.path.normpath(file)
            if key not in seen:
                seen.add(key)
                yield file


def _under(
    top: Path, size_limit: int, report: Callable[[Path, str], None] | None
) -> Iterator[Path]:
    # A stack, not recursion: directories may be nested more deeply than Python's stack allows.
    waiting: list[os.DirEntry[str] | Path] = [top]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Path) or one.is_dir(follow_symlinks=False):
            waiting += _entries(one, report)
            continue
        if not one.is_file(follow_symlinks=False) or _suffix(one.name) in _NO_TEXT:
            continue
        try:
            size = one.stat(follow_symlinks=False).st_size
        except OSError:
            size = 0
        if size <= size_limit:
            yield Path(one.path)
        elif report is not None:
            report(Path(one.path), f"is skipped: it has {size:,} bytes")


def _suffix(name: str) -> str:
    stem, _, suffix = name.rpartition(".")
    return suffix.lower() if stem else ""


def _entries(
    directory: os.DirEntry[str] | Path, report: Callable[[Path, str], None] | None
) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as scanned:
            entries = [one for one in scanned if one.name not in _NOT_ENTERED]
    except OSError as error:
        if report is not None:
            report(Path(directory), f"cannot be listed: {error.strerror}")
        return []
    if not isinstance(directory, Path) and any(one.name == _VENV for one in entries):
        return []
    return sorted(entries, key=lambda one: one.name, reverse=True)
