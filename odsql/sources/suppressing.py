"""Comments that suppress findings.

    odsql: ignore                   every finding on this line, or on the next one
    odsql: ignore[ODS401,ODS301]    only findings with these codes
    odsql: ignore-file              the whole file; with codes, only these codes in the whole file

The comment syntax of the language does not matter. A comment applies to the line it is on; if only
punctuation precedes it on that line, it also applies to the next line. A value of several lines
begins on the line that opens it, `where: |` for example. `ignore-file` needs a line of its own, and
in prose (Markdown, HTML and the like) an HTML or reStructuredText comment, so that a page can
mention it without using it.
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
"""What may precede a comment on its own line; a closing bracket or triple quote ends a value."""
_OPENS = re.compile(
    # The line that opens a value which begins on the next line: a key, a block, triple quotes.
    r"""(?:[|>][-+0-9]{0,3}|:|\"{3}\\?|'{3}\\?)[ \t]{0,300}(?:\#[^\n]{0,1000})?\r?\n\s{0,1000}\Z"""
)
_CLOSES = re.compile(r"""\s{0,1000}(?:\"{3}|'{3})""")
_PROSE = (".md", ".markdown", ".mdx", ".rst", ".html", ".htm", ".txt", ".adoc")


class Suppressions:
    """The findings that a file suppresses, by line; cheap for a file without such comments."""

    def __init__(self, file: SourceFile) -> None:
        """Read the comments of a file."""
        self._file = file
        self._lines: dict[int, frozenset[str]] = {}
        self.everywhere: frozenset[str] = frozenset()
        if "odsql:" in file.text:
            self._read()

    @property
    def all(self) -> bool:
        """Whether the whole file is ignored."""
        return ALL in self.everywhere

    def of(self, start: int | None, spans: Sequence[tuple[int, int]]) -> tuple[frozenset[str], ...]:
        """Return the suppressed codes for each parameter of a request, located by `spans`.

        `start` is where the request begins. A comment on that line applies to all parameters,
        unless one of them begins on the same line.
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
        """Return where the value that begins at `start` is opened."""
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
