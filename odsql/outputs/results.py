"""What the renderers are given and what they share: places in files, text that is safe to show.

The records here and in `commands` are named tuples: they are made faster than attrs classes, and a
hook that checks one query feels it.
"""

from __future__ import annotations

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
    "place",
    "visible",
]


class Text(Protocol):
    """A file, or an option of the command line: what it is called, and its text."""

    @property
    def path(self) -> str:
        """The path, or the name of the option."""
        ...

    @property
    def text(self) -> str:
        """All of it."""
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
    """One clause, where it stands, and what is said about it.

    `offsets` are those of `odsql.sources.Found`: where in the file each character of the text
    begins, and where the last one ends. `name` is what the query is called in the file.
    """

    file: Text
    clause: str
    text: str
    offsets: Sequence[int]
    diagnostics: tuple[Diagnostic, ...] = ()
    name: str | None = None

    @property
    def severity(self) -> Literal["error", "warning"] | None:
        """That of the worst finding; None if there is none."""
        found = {one.severity for one in self.diagnostics}
        return "error" if "error" in found else "warning" if found else None


class Unreadable(NamedTuple):
    """An input that could not be read, or not as what it should be.

    `reason` is a phrase that begins behind the path; `passable` as in `sources.UnreadableError`.
    `line` is where in the file it is, None if it is all of it.
    """

    path: str
    reason: str
    passable: bool = False
    line: int | None = None

    def __str__(self) -> str:
        where = "" if self.line is None else f":{self.line}"
        return f"{visible(self.path)}{where} {visible(self.reason)}"


Result = Checked | Unreadable


class Place(NamedTuple):
    """A stretch of a file: lines and columns count from 1, the end is the first one behind it."""

    line: int
    column: int
    end_line: int
    end_column: int


def place(checked: Checked, diagnostic: Diagnostic | None = None) -> Place:
    """Where a finding stands in its file; without one, where the clause does."""
    last = len(checked.text)
    start, end = (diagnostic.start, diagnostic.end) if diagnostic else (0, last)
    start = max(0, min(start, last))
    end = max(start, min(end, last))
    begins = checked.offsets[start]
    # Between two characters there may be an escape or an indentation: an empty place has no width.
    ends = checked.offsets[end] if end > start else begins
    return Place(*checked.file.line_and_column(begins), *checked.file.line_and_column(ends))


def is_file(path: str) -> bool:
    """Whether it is the path of a file, and neither an option's name nor standard input."""
    return not path.startswith("-")


def visible(text: str) -> str:
    """Write out what is not printable, so that no text can steer a terminal or end a line.

    Nor can it be one of the older workflow commands, which GitHub takes anywhere in a line.
    """
    if not text.isprintable():
        text = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
    return text.replace("##[", "##\\x5b")


def counted(number: int, noun: str) -> str:
    """Say how many: `1 clause`, `2 clauses`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
