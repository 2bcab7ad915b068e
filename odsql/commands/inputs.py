"""The inputs of a command: files, directories, standard input."""

from __future__ import annotations

import os
import re
import sys
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from attrs import evolve

from odsql.outputs.results import Unreadable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from odsql.commands.configuration import Configuration
    from odsql.sources import Found, SourceFile, UnreadableError
    from odsql.sources.importing import Imports

__all__ = [
    "STDIN",
    "File",
    "UsageError",
    "add_sniff",
    "configured",
    "files",
    "found_in",
    "in_url",
    "is_data",
    "shown",
    "stands_whole",
]

STDIN = "-"
_KEY = re.compile(r"[\w.%-]+\Z")
_BEFORE_KEYS = frozenset(("", " ", "\t", "\n", "{", ","))


class UsageError(Exception):
    """Wrong usage of a command; the message says what to do instead."""


class File(NamedTuple):
    """A file that was read; `named` tells whether the user named it, rather than its directory.

    `path` is its location, None for standard input. `source.path`, the reported path, may differ.
    `callables` are the functions that the configuration lists as taking parameters of requests.
    """

    source: SourceFile
    path: Path | None
    named: bool
    callables: tuple[str, ...] = ()


def shown(path: Path | str) -> str:
    """Return a path as printed: relative, so that the output is the same on every machine."""
    try:
        return os.path.relpath(path).replace(os.sep, "/")
    except ValueError:  # on another drive
        return os.path.basename(path)  # noqa: PTH119


def add_sniff(parser: argparse._ActionsContainer) -> None:
    """Define the option for hooks, which name every file of a commit."""
    parser.add_argument(
        "--sniff",
        action="store_true",
        help="treat named files like those in a directory: skip data files (for hooks)",
    )


def files(
    names: Sequence[str],
    stdin_filename: str | None = None,
    *,
    suffixes: Iterable[str] = (),
    sniff: bool = False,
) -> Iterator[File | Unreadable]:
    """Read the named files, and those in named directories that have one of the suffixes, if any.

    With `sniff`, a named file is treated like one in a directory.
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
            # Data is no reason to fail, but the user may expect it to be checked.
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
                report(path, f"is skipped: it has {size:,} bytes")
                continue
            one = _read(path, path.as_posix(), named=named)
            if not (isinstance(one, Unreadable) and one.passable and not named):
                yield one
        yield from complaints
        complaints.clear()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # reading it reports the error
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


def configured(file: File, configuration: Configuration, imports: Imports) -> File:
    """Return a file with what the configuration and its imports say of it."""
    source = file.source
    if configuration.leads(source.path) or (
        file.path is not None and imports.lead(file.path, source.text)
    ):
        source = evolve(source, leading=True)
    return file._replace(source=source, callables=configuration.callables)


def found_in(file: File) -> tuple[list[Found], Unreadable | None]:
    """Return the requests in a file, in order, and the reason if it could not be read entirely."""
    from odsql.sources import UnreadableError, find

    found: list[Found] = []
    broken = None
    try:
        found.extend(find(file.source, expected=file.named, callables=file.callables))
    except UnreadableError as error:
        broken = _unreadable(file.source.path, error)
    except RecursionError:  # a last resort: readers have their own limits
        broken = Unreadable(file.source.path, "cannot be read: it is nested too deeply")
    found.sort(key=lambda one: one.offsets[0][0] if one.offsets else 0)
    return found, broken


def _unreadable(path: str, error: UnreadableError) -> Unreadable:
    """Return an unreadable file, or one of its lines if the error names `path:line`."""
    head, _, line = error.path.rpartition(":")
    number = int(line) if head == path and line.isdecimal() else None
    return Unreadable(path, error.reason, line=number)


def in_url(found: Found, parameter: int) -> bool:
    """Return whether a parameter is in a URL, written `name=value` without spaces."""
    text, begin = found.file.text, found.offsets[parameter][0]
    if text[begin - 1 : begin] != "=":
        return False
    key = _KEY.search(text, max(0, begin - 80), begin - 1)
    # `limit=5` in a TOML file is not in a URL: its key begins a line or follows a blank.
    return key is not None and text[max(0, key.start() - 1) : key.start()] not in _BEFORE_KEYS


def is_data(path: str) -> bool:
    """Return whether a file holds only queries, not a program."""
    return path.lower().endswith((".toml", ".yaml", ".yml", ".jsonl", ".ndjson"))


def stands_whole(found: Found, parameter: int) -> bool:
    """Return whether a text is written in one piece, not joined from several strings of a program.

    In one piece, a character is written as it is, doubled, or as an escape. A URL may be joined.
    """
    if is_data(found.file.path) or in_url(found, parameter):
        return True
    text = found.file.text
    for start, end in pairwise(found.offsets[parameter]):
        if end - start == 1:
            continue
        written = text[start:end]
        if not written or (written[0] not in "\\%&" and written[:1] * 2 != written):
            return False
    return True
