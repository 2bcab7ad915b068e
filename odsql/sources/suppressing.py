"""Comments that ask to leave findings out.

    odsql: ignore                   every finding of this line, or of the next one
    odsql: ignore[ODS401,ODS301]    only these
    odsql: ignore-file              the whole file, or with codes only these of the whole file

The syntax of the comment does not matter. A comment is for the line it stands in; if nothing but
punctuation stands before it in that line, also for the next line. A text of several lines begins in
the line that opens it, `where: |` for example. `ignore-file` needs a line of its own, and in prose
(Markdown, HTML and the like) an HTML comment, so that a text about it is no use of it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from odsql.sources.model import SourceFile

__all__ = ["ALL", "Suppressions"]

ALL = "*"

_INLINE = re.compile(r"(?<![\w-])odsql:[ \t]*ignore(?![\w-])(?:[ \t]{0,9}\[([\w, \t]{0,500})\])?")
_FILE = re.compile(
    r"(?m)^([^\w`\n]{0,80})odsql:[ \t]*ignore-file(?![\w-])(?:[ \t]{0,9}\[([\w, \t]{0,500})\])?"
    r"[^\w`\n]{0,40}$"
)
_OWN_LINE = re.compile(r"""(?:(?!\"{3}|'{3})[^\w)\]])*""")
"""What begins a comment; brackets and three quotes are the end of something in that line."""
_OPENS = re.compile(
    # The line before a text that begins with a line of its own: a key, a block, three quotes.
    r"""(?:[|>][-+0-9]{0,3}|:|\"{3}\\?|'{3}\\?)[ \t]{0,300}(?:\#[^\n]{0,1000})?\r?\n\s{0,1000}\Z"""
)
_CLOSES = re.compile(r"""\s{0,1000}(?:\"{3}|'{3})""")
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

    def of(self, start: int | None, spans: Sequence[tuple[int, int]]) -> tuple[frozenset[str], ...]:
        """Return the codes that are left out, text by text of a request, whose places are `spans`.

        `start` is where the request begins: a comment there is for all of it, if no text begins in
        that line, too.
        """
        if not self._lines:
            return (self.everywhere,) * len(spans)
        around = self.everywhere
        if start is not None:
            line = self._line(start)
            if all(self._line(self._opening(first)) != line for first, _ in spans):
                around |= self._lines.get(line, frozenset())
        return tuple(around | self._on(*one) for one in spans)

    def _on(self, start: int, end: int) -> frozenset[str]:
        written = self._file.text[start:end]
        first = self._line(self._opening(start))
        end = start + len(written.rstrip())
        closing = _CLOSES.match(self._file.text, end)
        last = self._line(closing.end() if closing else end)
        if last - first > len(self._lines):
            codes = [one for line, one in self._lines.items() if first <= line <= last]
        else:
            codes = [self._lines.get(line, frozenset()) for line in range(first, last + 1)]
        return frozenset().union(*codes)

    def _opening(self, start: int) -> int:
        """Return where a text is opened that begins at `start`."""
        lowest = max(0, start - 2000)
        opening = _OPENS.search(self._file.text, lowest, start)
        return start if opening is None else opening.start()

    def _line(self, offset: int) -> int:
        return self._file.line_and_column(offset)[0]

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
