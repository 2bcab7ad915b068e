"""The input of the renderers and their shared helpers: positions in files, text safe to print.

The records here and in `commands` are named tuples, which are made faster than attrs classes: the
difference is noticeable in a hook that checks one query.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from odsql.checks.diagnostics import Diagnostic

__all__ = [
    "Checked",
    "Option",
    "Place",
    "Result",
    "Text",
    "Unreadable",
    "counted",
    "is_file",
    "masked",
    "place",
    "visible",
]


class Text(Protocol):
    """A file, or an option of the command line: its name and its text."""

    @property
    def path(self) -> str:
        """The path, or the name of the option."""
        ...

    @property
    def text(self) -> str:
        """The whole text."""
        ...

    def line_and_column(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both counted from 1."""
        ...


class Option(NamedTuple):
    """An option of the command line that holds a clause."""

    path: str
    text: str

    def line_and_column(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both counted from 1."""
        before = self.text[:offset]
        return before.count("\n") + 1, offset - before.rfind("\n")


class Checked(NamedTuple):
    """One clause, its place in a file, and its findings.

    `offsets` are those of `odsql.sources.Found`: the start of each character of the text in the
    file, and the end of the last one. `name` is the name of the query in the file.
    """

    file: Text
    clause: str
    text: str
    offsets: Sequence[int]
    diagnostics: tuple[Diagnostic, ...] = ()
    name: str | None = None

    @property
    def severity(self) -> Literal["error", "warning"] | None:
        """The severity of the worst finding; None without findings."""
        found = {one.severity for one in self.diagnostics}
        return "error" if "error" in found else "warning" if found else None


class Unreadable(NamedTuple):
    """An input that could not be read, or not in the expected format.

    `reason` is a phrase that continues the path; `passable` is as in `sources.UnreadableError`.
    `line` is the line of the problem, None if it concerns the whole file.
    """

    path: str
    reason: str
    passable: bool = False
    line: int | None = None

    def __str__(self) -> str:
        where = "" if self.line is None else f":{self.line}"
        return f"{visible(self.path)}{where} {visible(self.reason)}"


Result = Checked | Unreadable

# As a parameter of a URL, as the value of a header, and as a setting of a program.
_KEY = re.compile(
    r"(?i)(?:apikey|api_key|api-key)[\"']?(?:%3D|\s?[=:]\s?|\s)[\"']?([\w.~+/%-]{8,})"
)


class Place(NamedTuple):
    """A range in a file: lines and columns count from 1; the end is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


def place(checked: Checked, diagnostic: Diagnostic | None = None) -> Place:
    """Return the place of a finding in its file; without a finding, that of the clause."""
    last = len(checked.text)
    start, end = (diagnostic.start, diagnostic.end) if diagnostic else (0, last)
    start = max(0, min(start, last))
    end = max(start, min(end, last))
    begins = checked.offsets[start]
    # An escape or indentation may separate two characters, but an empty place has no width.
    ends = checked.offsets[end] if end > start else begins
    return Place(*checked.file.line_and_column(begins), *checked.file.line_and_column(ends))


def is_file(path: str) -> bool:
    """Return whether a path is that of a file, not the name of an option or standard input."""
    return not path.startswith("-")


def masked(line: str) -> str:
    """Replace each API key in a line of source, which may end up in a public log, by stars."""
    for match in _KEY.finditer(line):
        begin, end = match.span(1)
        line = f"{line[:begin]}{'*' * (end - begin)}{line[end:]}"
    return line


def visible(text: str) -> str:
    """Escape unprintable characters, so that no text can control a terminal or end a line.

    Escape the older workflow commands, too, which GitHub accepts anywhere in a line.
    """
    if not text.isprintable():
        text = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
    return text.replace("##[", "##\\x5b")


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 clause`, `2 clauses`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
