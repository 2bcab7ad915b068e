"""Changes of a query in its file that leave the rest of the file untouched.

A change is made where the file spells that part of the query. The spelling of the new text depends
on the host format: JSON escapes quotes, a URL encodes spaces, a YAML block is indented. This module
does not know those rules for certain. It tries the likeliest spelling and reads the changed file
again: a change stands only if every request in the file is as expected, in its place. A change that
no spelling can express is refused and reported.
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from attrs import evolve

from odsql.commands.inputs import found_in
from odsql.syntax.scanning import tokenize

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from odsql.checks.diagnostics import Edit
    from odsql.commands.inputs import File
    from odsql.sources import Found

__all__ = ["Change", "Done", "NotRewrittenError", "apply", "write"]


class NotRewrittenError(Exception):
    """A file was not written; the message is a phrase that continues its path."""


class Change(NamedTuple):
    """Edits of a text, with the index of the request in its file and of the parameter in it."""

    found: int
    parameter: int
    edits: tuple[Edit, ...]


class Done(NamedTuple):
    """The changed file, the changes made in it, and those that it cannot hold."""

    file: File
    applied: tuple[Change, ...]
    refused: tuple[Change, ...] = ()


Spelling = Callable[[str, str], str]
"""A function that spells a new text for its host; the second argument starts each further line."""

Place = tuple[int, int]
"""The start and end of a text in its file. With YAML aliases, many queries share one text."""


def apply(file: File, found: Sequence[Found], changes: Sequence[Change]) -> Done:
    """Make as many of the changes as the file can hold.

    `found` are the requests of the file, in order. A text that several of them share is changed
    once.
    """
    broken = found_in(file)[1] is not None
    applied: list[Change] = []
    refused: list[Change] = []
    # A group that fails is split in half, so that one bad change costs little.
    waiting = [_once(found, changes)] if changes else []
    known = found
    while waiting:
        group = waiting.pop()
        tried = _try(file, known, group, broken=broken)
        if tried is not None:
            file, known = tried
            applied += group
        elif len(group) > 1:
            half = len(group) // 2
            waiting += (group[half:], group[:half])
        else:
            refused += group
    return Done(file, tuple(applied), tuple(refused))


def _once(found: Sequence[Found], changes: Sequence[Change]) -> tuple[Change, ...]:
    """Return the changes without those of texts shared with an earlier request."""
    first: dict[Place, tuple[int, int]] = {}
    kept: list[Change] = []
    for change in changes:
        of = (change.found, change.parameter)
        if first.setdefault(_place(found, *of), of) == of:
            kept.append(change)
    return tuple(kept)


def _place(found: Sequence[Found], number: int, parameter: int) -> Place:
    offsets = found[number].offsets[parameter]
    return offsets[0], offsets[-1]


def _try(
    file: File, found: Sequence[Found], changes: Sequence[Change], *, broken: bool
) -> tuple[File, Sequence[Found]] | None:
    """Make all of the changes; return None if that is not possible."""
    expected = _expected(found, changes)
    # A single change is tried in every spelling.
    for attempt in range(len(_SPELLINGS) if len(changes) == 1 else 1):
        text = _changed(file.source.text, found, changes, attempt)
        tried = file._replace(source=evolve(file.source, text=text))
        again, problem = found_in(tried)
        if (problem is not None) == broken and _matches(again, found, expected):
            return tried, again
    return None


def _expected(found: Sequence[Found], changes: Sequence[Change]) -> dict[tuple[int, int], str]:
    edits: dict[Place, list[Edit]] = {}
    for change in changes:
        edits.setdefault(_place(found, change.found, change.parameter), []).extend(change.edits)
    return {
        (number, parameter): _edited(text.text, edits[place])
        for number, one in enumerate(found)
        for parameter, text in enumerate(one.request.parameters)
        if (place := _place(found, number, parameter)) in edits
    }


def _edited(text: str, edits: Sequence[Edit]) -> str:
    for edit in sorted(edits, key=lambda one: one.start, reverse=True):
        text = text[: edit.start] + edit.replacement + text[edit.end :]
    return text


def _matches(
    again: Sequence[Found], before: Sequence[Found], expected: dict[tuple[int, int], str]
) -> bool:
    """Return whether a file read again has the same requests, apart from the intended changes."""
    return len(again) == len(before) and all(
        _agree(number, now, then, expected)
        for number, (now, then) in enumerate(zip(again, before, strict=True))
    )


def _agree(number: int, now: Found, then: Found, expected: dict[tuple[int, int], str]) -> bool:
    if _around(now) != _around(then):
        return False
    pairs = zip(now.request.parameters, then.request.parameters, strict=True)
    return all(
        _same(mine.text, expected.get((number, place), theirs.text))
        for place, (mine, theirs) in enumerate(pairs)
    )


def _around(found: Found) -> tuple[object, ...]:
    """Return everything in a request except the texts of its parameters."""
    request = found.request
    names = [one.name for one in request.parameters]
    return (
        found.name, found.ignored, found.skipped, request.dataset_id, request.endpoint, names
    )  # fmt: skip


def _same(text: str, wanted: str) -> bool:
    """Return whether two texts are the same apart from white space between their tokens."""
    return text == wanted or tokenize(text) == tokenize(wanted)


# ---------------------------------------------------------------- spelling


def _changed(text: str, found: Sequence[Found], changes: Sequence[Change], attempt: int) -> str:
    """Return the text of a file with all edits, each in the spelling of this attempt."""
    pieces: list[tuple[int, int, str]] = []
    for change in changes:
        offsets = found[change.found].offsets[change.parameter]
        value = found[change.found].request.parameters[change.parameter].text
        spelling = _spelling(text, offsets, value, attempt)
        for edit in change.edits:
            start = offsets[edit.start]
            end = offsets[edit.end] if edit.end > edit.start else start
            pieces.append((start, end, spelling(edit.replacement, _margin(text, start))))
    done: list[str] = []
    place = 0
    for start, end, new in sorted(pieces):
        done += (text[place:start], new)
        place = end
    return "".join([*done, text[place:]])


def _margin(text: str, start: int) -> str:
    """Return the start of a line below the one at `start`: a line end and its indentation."""
    first = text.rfind("\n", 0, start) + 1
    before = text[first:start]
    newline = first - 1 if first else text.find("\n", start)
    ending = "\r\n" if newline > 0 and text[newline - 1] == "\r" else "\n"
    return ending + (before if not before.strip() else "")


def _raw(text: str, margin: str) -> str:
    return text.replace("\n", margin)


def _flush(text: str, margin: str) -> str:
    """Keep the text as it is, with further lines not indented."""
    return text.replace("\n", "\r\n" if margin.startswith("\r") else "\n")


def _escaped(text: str, margin: str) -> str:
    from json import dumps  # double-quoted TOML and YAML strings accept JSON escapes

    return margin.join(dumps(line, ensure_ascii=False)[1:-1] for line in text.split("\n"))


def _in_ascii(text: str, margin: str) -> str:
    from json import dumps

    return margin.join(dumps(line)[1:-1] for line in text.split("\n"))


def _doubled(text: str, margin: str) -> str:
    """Double single quotes, as in single-quoted YAML strings."""
    return text.replace("'", "''").replace("\n", margin)


def _encoded(text: str, margin: str) -> str:  # noqa: ARG001 - a URL has one line
    return quote(text, safe="")


_SPELLINGS = (_raw, _flush, _escaped, _in_ascii, _doubled, _encoded)
_ESCAPED = re.compile(r"\\u[0-9A-Fa-f]{4}")


def _spelling(text: str, offsets: Sequence[int], value: str, attempt: int) -> Spelling:
    """Return a spelling for a text, now `value` at `offsets`; attempt 0 is the likeliest."""
    start, end = offsets[0], offsets[-1]
    opening = text[start - 1 : start]
    likely = _raw
    if opening == "=" and _is_encoded(text, offsets, value):
        likely = _encoded
    elif text[start - 3 : start] == '"""':  # it can hold quotes without escapes
        likely = _raw
    elif opening == '"' and text[start:end].isascii() and _ESCAPED.search(text, start, end):
        likely = _in_ascii
    elif opening == '"':
        likely = _escaped
    elif opening == "'":
        likely = _doubled
    return likely if not attempt else [one for one in _SPELLINGS if one is not likely][attempt - 1]


def _is_encoded(text: str, offsets: Sequence[int], value: str) -> bool:
    """Return whether characters of a text are percent-encoded; code may interrupt the text."""
    return any(
        text[place] in "%+" and text[place] != one
        for one, place in zip(value, offsets, strict=False)
    )


# ---------------------------------------------------------------- writing


def write(path: Path, before: str, after: str) -> None:
    """Replace the content of a file atomically.

    Raises:
        NotRewrittenError: it is not UTF-8, has changed since it was read, or cannot be written.
    """
    target = os.path.realpath(path)
    try:
        with open(target, "rb") as file:  # noqa: PTH123 - faster than pathlib
            content = file.read()
        mark = b"\xef\xbb\xbf" if content.startswith(b"\xef\xbb\xbf") else b""
        if content != mark + before.encode():
            msg = "is not rewritten: it is not UTF-8, or has changed since it was read"
            raise NotRewrittenError(msg)
        _replace(target, mark + after.encode())
    except OSError as error:
        msg = f"cannot be written: {error.strerror}"
        raise NotRewrittenError(msg) from None


def _replace(target: str, content: bytes) -> None:
    folder, name = os.path.split(target)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))  # noqa: PTH101, PTH116
        os.replace(temporary, target)  # noqa: PTH105
    except BaseException:
        os.unlink(temporary)  # noqa: PTH108
        raise
