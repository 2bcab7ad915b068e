"""Programs that lead to an Explore API through what they import.

The address of a portal is often a constant in a file of its own. A program counts if a file of the
same repository that it imports, in Python or in JavaScript and TypeScript, leads to an Explore API.
Only files that write a clause under its name are looked into, and each imported file is read once.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from odsql.sources.model import UnreadableError
from odsql.sources.programs import leads
from odsql.sources.reading import read_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Imports"]

_CLAUSE = re.compile(
    r"(?:where|order_by|group_by|orderBy|groupBy|refine|exclude)[\"'`]{0,1}\s{0,20}(?:[:=,\]]|=>)"
)
_WORDS = ("where", "order_by", "group_by", "orderBy", "groupBy", "refine", "exclude")
_PYTHON = re.compile(r"(?m)^[ \t]{0,40}from[ \t]+(\.{0,5}[\w.]*)[ \t]+import[ \t]+([\w, \t]*)")
_SCRIPT = re.compile(r"(?:\bfrom|\brequire\(|\bimport)\s{0,5}[\"'](\.{1,2}/[^\"'\n]{1,200})[\"']")
_ENDINGS = ("", ".ts", ".tsx", ".js", ".jsx", ".mjs", "/index.ts", "/index.js")
_MOST = 100
_LARGEST = 1_000_000  # bytes
_HIGHEST = 20


class Imports:
    """What the files of one run import."""

    def __init__(self) -> None:
        self._leads: dict[Path, bool] = {}

    def lead(self, path: Path, text: str) -> bool:
        """Return whether a program leads to an Explore API through a file that it imports."""
        files = _imported(path, text)
        return files is not None and any(map(self._leads_itself, files))

    def _leads_itself(self, path: Path) -> bool:
        if path not in self._leads:
            self._leads[path] = _leads(path)
        return self._leads[path]


def _leads(path: Path) -> bool:
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            return False
        return leads(read_text(path).text)
    except (OSError, ValueError, UnreadableError):
        return False


def _imported(path: Path, text: str) -> Iterator[Path] | None:
    reader = _READERS.get(path.suffix.lower())
    # Searching for words is much faster than for a pattern with alternatives.
    if reader is None or not any(one in text for one in _WORDS) or not _CLAUSE.search(text):
        return None
    return None if leads(text) else reader(path, text)


def _of_python(path: Path, text: str) -> Iterator[Path]:
    for number, match in enumerate(_PYTHON.finditer(text)):
        if number == _MOST:
            return
        module, names = match[1], match[2]
        dots = len(module) - len(module.lstrip("."))
        parts = [one for one in module[dots:].split(".") if one]
        for folder in _folders(path, dots):
            place = folder.joinpath(*parts)
            yield place.with_suffix(".py") if parts else place / "__init__.py"
            yield place / "__init__.py"
            yield from (place / f"{one.strip()}.py" for one in names.split(",") if one.strip())


def _folders(path: Path, dots: int) -> Iterator[Path]:
    """Yield the folders that a module may be in: one if it is relative, else those above."""
    parents = path.parents
    if dots:
        if dots <= len(parents):
            yield parents[dots - 1]
        return
    for number, folder in enumerate(parents):
        if number == _HIGHEST:
            return
        yield folder
        if (folder / ".git").exists() or (folder / "pyproject.toml").exists():
            yield folder / "src"
            return


def _of_script(path: Path, text: str) -> Iterator[Path]:
    for number, match in enumerate(_SCRIPT.finditer(text)):
        if number == _MOST:
            return
        for ending in _ENDINGS:
            yield path.parent / (match[1].removesuffix(".js") + ending)
            yield path.parent / (match[1] + ending)


_READERS = {
    ".py": _of_python,
    **dict.fromkeys((".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx", ".vue", ".svelte"), _of_script),
}
