"""What a command was asked to look at: files, directories, standard input."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, NamedTuple

from odsql.outputs.results import Unreadable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from odsql.sources import Found, SourceFile, UnreadableError

__all__ = ["STDIN", "File", "UsageError", "add_sniff", "files", "found_in", "in_url", "shown"]

STDIN = "-"
_KEY = re.compile(r"[\w.%-]+\Z")
_BEFORE_KEYS = frozenset(("", " ", "\t", "\n", "{", ","))


class UsageError(Exception):
    """The command cannot do what it was asked; the message says what to ask instead."""


class File(NamedTuple):
    """A file that could be read; `named` says that somebody asked for it, and not for its folder.

    `path` is where it is, None for standard input. What its text is found under may be another.
    """

    source: SourceFile
    path: Path | None
    named: bool


def shown(path: Path | str) -> str:
    """Return a path as it is printed: relative to here, so that every machine prints the same."""
    try:
        return os.path.relpath(path).replace(os.sep, "/")
    except ValueError:  # on another drive
        return os.path.basename(path)  # noqa: PTH119


def add_sniff(parser: argparse._ActionsContainer) -> None:
    """Describe the option that hooks need: they name every file of a commit."""
    parser.add_argument(
        "--sniff",
        action="store_true",
        help="look at the files that are named as at those of a directory: data is passed by",
    )


def files(
    names: Sequence[str],
    stdin_filename: str | None = None,
    *,
    suffixes: Iterable[str] = (),
    sniff: bool = False,
) -> Iterator[File | Unreadable]:
    """Read what the arguments name; of what is in directories, files with one of the suffixes.

    With `sniff` a file that is named counts as one that is in a directory.
    """
    from pathlib import Path

    from odsql.sources.walking import SIZE_LIMIT, walk

    asked = set() if sniff else {shown(name) for name in names if name != STDIN}
    complaints: list[Unreadable] = []

    def report(path: Path, reason: str) -> None:
        one = Unreadable(shown(path), reason)
        if reason.startswith("cannot"):
            complaints.append(one)
        elif not suffixes or path.suffix.lower() in suffixes:
            # A file of data is no reason to fail; but somebody may have thought it is checked.
            sys.stderr.write(f"odsql: {one}\n")

    seen: set[Path] = set()
    for name in names:
        if name == STDIN:
            yield _read(STDIN, STDIN, named=True, stdin_filename=stdin_filename)
            continue
        for path in walk([Path(shown(name))], report=report):
            named = path.as_posix() in asked
            if path in seen or (not named and suffixes and path.suffix.lower() not in suffixes):
                continue
            seen.add(path)
            if sniff and (size := _size(path)) > SIZE_LIMIT:
                report(path, f"is not looked into: it has {size:,} bytes")
                continue
            one = _read(path, path.as_posix(), named=named)
            if not (isinstance(one, Unreadable) and one.passable and not named):
                yield one
        yield from complaints
        complaints.clear()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # reading it says so
        return 0


def _read(
    path: Path | str, label: str, *, named: bool, stdin_filename: str | None = None
) -> File | Unreadable:
    from odsql.sources import SourceFile, UnreadableError, read_text

    try:
        source = read_text(path if isinstance(path, str) else label)
    except UnreadableError as error:
        return Unreadable(label, error.reason, error.passable)
    if isinstance(path, str):
        return File(SourceFile(stdin_filename or STDIN, source.text), None, named)
    return File(source, path, named)


def found_in(file: File) -> tuple[list[Found], Unreadable | None]:
    """Return the requests in a file in their order, and what could not be read of it."""
    from odsql.sources import UnreadableError, find

    found: list[Found] = []
    broken = None
    try:
        found.extend(find(file.source, expected=file.named))
    except UnreadableError as error:
        broken = _unreadable(file.source.path, error)
    except RecursionError:  # the last resort; readers have their own limits
        broken = Unreadable(file.source.path, "cannot be read: it is nested too deep")
    found.sort(key=lambda one: one.offsets[0][0] if one.offsets else 0)
    return found, broken


def _unreadable(path: str, error: UnreadableError) -> Unreadable:
    """Return what is said of a file, or of one of its lines: `path:line`."""
    head, _, line = error.path.rpartition(":")
    number = int(line) if head == path and line.isdecimal() else None
    return Unreadable(path, error.reason, line=number)


def in_url(found: Found, parameter: int) -> bool:
    """Whether a parameter stands in a URL: there it is written `name=value`, without a gap."""
    text, begin = found.file.text, found.offsets[parameter][0]
    if text[begin - 1 : begin] != "=":
        return False
    key = _KEY.search(text, max(0, begin - 80), begin - 1)
    # `limit=5` of a TOML file is no URL: there the key begins a line or stands behind a blank.
    return key is not None and text[max(0, key.start() - 1) : key.start()] not in _BEFORE_KEYS
