"""Parsing Python, and finding in its text what a node of the tree stands for."""

from __future__ import annotations

import ast
import re
import warnings
from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

from odsql.sources.model import UnreadableError

if TYPE_CHECKING:
    from odsql.sources.model import SourceFile

__all__ = ["Places", "parse"]

_MAGIC = re.compile(r"(?m)^([ \t]*)[%!][^\n]*$")
_LINE = re.compile(r"\r\n|\r|\n")


def parse(file: SourceFile, text: str) -> ast.Module:
    """Return the tree of a text of a file: the whole, or a cell of a notebook.

    Raises:
        UnreadableError: it is not valid Python.
    """
    # Notebook magics become comments of the same length, so that positions stay the same.
    text = _MAGIC.sub(
        lambda match: match[1] + "#" + " " * (len(match[0]) - len(match[1]) - 1), text
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        if isinstance(error, SyntaxError):
            line = f":{error.lineno}" if error.lineno else ""
            path, said = file.path + line, error.msg
        else:
            path, said = file.path, str(error) or "it is nested too deeply"
        raise UnreadableError(path, f"is not valid Python: {said}") from None


class Places:
    """The offsets of nodes in the text that was parsed."""

    def __init__(self, text: str) -> None:
        """Find where the lines of a text begin."""
        self._text = text
        self._lines = [0, *(match.end() for match in _LINE.finditer(text)), len(text)]
        self._is_ascii = text.isascii()
        self._columns: dict[int, list[int]] = {}

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Return where a node begins and ends."""
        start = self.offset(node.lineno, node.col_offset)
        return start, self.offset(node.end_lineno or node.lineno, node.end_col_offset or 0)

    def offset(self, line: int, column: int) -> int:
        """Return the offset of a position from `ast`, whose columns count UTF-8 bytes."""
        start = self._lines[line - 1]
        if self._is_ascii:
            return start + column
        if line not in self._columns:
            written = self._text[start : self._lines[line]]
            widths = (len(one.encode(errors="surrogatepass")) for one in written)
            self._columns[line] = [] if written.isascii() else [0, *accumulate(widths)]
        columns = self._columns[line]
        return start + (bisect_right(columns, column) - 1 if columns else column)
