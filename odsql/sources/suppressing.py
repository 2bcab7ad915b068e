"""Comments that ask to leave findings out.

    odsql: ignore                   every finding of this line, or of the next one
    odsql: ignore[ODS401,ODS301]    only these
    odsql: ignore-file              the whole file, or with codes only these of the whole file

The syntax of the comment does not matter. A comment is for the line it stands in; if nothing but
punctuation stands before it in that line, also for the next line. `ignore-file` needs a line of its
own, and in prose (Markdown, HTML and the like) an HTML comment, so that a text about it is no use
of it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from odsql.sources.model import SourceFile

__all__ = ["ALL", "Suppressions"]

ALL = "*"

_INLINE = re.compile(r"(?<![\w-])odsql:[ \t]*ignore(?![\w-])(?:\[([\w, \t]{0,500})\])?")
_FILE = re.compile(
    r"(?m)^([^\w`\n]{0,80})odsql:[ \t]*ignore-file(?![\w-])(?:\[([\w, \t]{0,500})\])?"
    r"[^\w`\n]{0,40}$"
)
_OWN_LINE = re.compile(r"[^\w]*")
_PROSE = (".md", ".markdown", ".mdx", ".rst", ".html", ".htm", ".txt", ".adoc")


class Suppressions:
    """What a file asks to leave out, line by line; cheap for a file that asks nothing."""

    def __init__(self, file: SourceFile) -> None:
        """Read the comments of a file."""
        self._file = file
        self._lines: dict[int, frozenset[str]] = {}
        self.everywhere: frozenset[str] = frozenset()
        if "odsql:" in file.text:
            self._read()

    @property
    def all(self) -> bool:
        """Whether the whole file is left out."""
        return ALL in self.everywhere

    def on(self, spans: Iterable[tuple[int, int]]) -> frozenset[str]:
        """Return the codes that are left out for what stands in any of these spans of the text."""
        if not self._lines:
            return self.everywhere
        codes: list[frozenset[str]] = []
        for start, end in spans:
            first = self._file.line_and_column(start)[0]
            last = self._file.line_and_column(end)[0]
            if last - first > len(self._lines):
                codes += [one for line, one in self._lines.items() if first <= line <= last]
            else:
                codes += [self._lines.get(line, frozenset()) for line in range(first, last + 1)]
        return self.everywhere.union(*codes)

    def _read(self) -> None:
        text = self._file.text
        prose = self._file.path.lower().endswith(_PROSE)
        for match in _FILE.finditer(text):
            if not prose or "<!--" in match[1] or ".." in match[1]:
                self.everywhere |= _codes(match[2])
        for match in _INLINE.finditer(text):
            line, column = self._file.line_and_column(match.start())
            self._add(line, _codes(match[1]))
            begin = match.start() - column + 1
            own = _OWN_LINE.match(text, begin, match.start())
            if own is not None and own.end() == match.start():
                self._add(line + 1, _codes(match[1]))

    def _add(self, line: int, codes: frozenset[str]) -> None:
        self._lines[line] = self._lines.get(line, frozenset()) | codes


def _codes(listed: str | None) -> frozenset[str]:
    if listed is None:
        return frozenset({ALL})
    return frozenset(one.strip().upper() for one in listed.split(",") if one.strip())
