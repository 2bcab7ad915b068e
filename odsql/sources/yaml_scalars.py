"""The positions of the characters of a YAML scalar.

PyYAML returns the value of a scalar and where it begins and ends. This module aligns the value with
its source to recover how it was folded, indented and escaped.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from odsql.sources.views import Builder, View

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["scalar"]

_QUOTED_TOKEN = re.compile(
    r"(?P<fold>[ \t]*+(?:\r\n|\r|\n)[ \t]*+)"
    r"|\\(?P<escape>x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|(?:\r\n|\r|\n)[ \t]*|[\s\S])"
    r"|(?P<one>[\s\S])"
)
_PLAIN_TOKEN = re.compile(r"(?P<fold>[ \t]*+(?:\r\n|\r|\n)[ \t]*+)|(?P<one>''|[\s\S])")
_PROPERTIES = re.compile(
    # An anchor and a tag before the scalar itself, with comments between them.
    r"(?:(?:&[^\s,\[\]{}]+|!<[^>\s]*>|![^\s,\[\]{}]*)(?:\s|#[^\n]*\n)*+)++"
)
_LINE = re.compile(r"([^\r\n]*+)(\r\n|\r|\n|\Z)")
_CHARACTERS = {
    "0": "\0", "a": "\a", "b": "\b", "t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r",
    "e": "\x1b", "N": "\x85", "_": "\xa0", "L": "\u2028", "P": "\u2029",
}  # fmt: skip

_Piece = tuple[str, int, int, bool]
"""A character, where it begins and ends, and whether it is a line break."""


def scalar(text: str, start: int, end: int, style: str, value: str) -> View:
    """Return the scalar that PyYAML reads from `text[start:end]` as a view of the text.

    If the value cannot be aligned with its source, every character gets the position `start`.
    """
    if text[start : start + 1] in ("&", "!"):
        properties = _PROPERTIES.match(text, start, end)
        start = properties.end() if properties else start
    quoted = style in ("'", '"')
    first, last = (start + 1, end - 1) if quoted else (start, end)
    if text[first:last] == value:
        return View(value, range(first, last + 1))
    if style in ("|", ">"):
        pieces = _block(text, start, end, value)
    elif style == '"':
        pieces = _quoted(text, first, last)
    else:
        pieces = _plain(text, first, last, quoted=quoted)
    view = _aligned(value, pieces)
    return view or View(value, (start,) * len(value) + (end,))


def _aligned(value: str, pieces: Iterator[_Piece]) -> View | None:
    """Align a value with the characters of its source; None if they do not match."""
    builder = Builder()
    last = 0
    for wanted in value:
        for one, place, end, breaks in pieces:
            if one == wanted or (breaks and wanted == " "):
                builder.put(wanted, place, end - place)
                builder.skip_to(end)
                last = end
                break
            if not breaks:
                return None
        else:
            return None
    return builder.view(last)


def _quoted(text: str, start: int, end: int) -> Iterator[_Piece]:
    for match in _QUOTED_TOKEN.finditer(text, start, end):
        escape = match["escape"]
        if match["fold"] is not None:
            yield from _breaks(match)
        elif escape is None:
            yield match[0], match.start(), match.end(), False
        elif len(escape) > 1 and escape[0] in "xuU":
            number = int(escape[1:], 16)
            if number < 0x110000:
                yield chr(number), match.start(), match.end(), False
        elif not escape.startswith(("\r", "\n")):
            yield _CHARACTERS.get(escape, escape), match.start(), match.end(), False


def _plain(text: str, start: int, end: int, *, quoted: bool) -> Iterator[_Piece]:
    for match in _PLAIN_TOKEN.finditer(text, start, end):
        if match["fold"] is not None:
            yield from _breaks(match)
        elif match[0] == "''" and not quoted:
            yield "'", match.start(), match.start() + 1, False
            yield "'", match.start() + 1, match.end(), False
        else:
            yield match[0][:1], match.start(), match.end(), False


def _breaks(match: re.Match[str]) -> Iterator[_Piece]:
    yield "\n", match.start(), match.end(), True


def _block(text: str, start: int, end: int, value: str) -> Iterator[_Piece]:
    """Yield the characters of a block scalar without its header and indentation."""
    header = _LINE.match(text, start)
    place = header.end() if header else end
    # The indentation is the number of spaces that the first nonblank line has beyond its value.
    first = next((one for one in value.split("\n") if one.strip(" ")), "")
    value_indent = len(first) - len(first.lstrip(" "))
    indent: int | None = None
    while place < end:
        line = _LINE.match(text, place)
        if line is None:
            return
        content = line[1]
        spaces = len(content) - len(content.lstrip(" "))
        if indent is None and content.strip(" "):
            indent = spaces - value_indent
        used = min(spaces, indent) if indent is not None else spaces
        for number in range(used, len(content)):
            yield content[number], place + number, place + number + 1, False
        yield "\n", line.end(1), line.end(), True
        if line.end() == place:
            return
        place = line.end()
