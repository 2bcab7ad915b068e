"""Python string literals, decoded, with the positions of their characters."""

from __future__ import annotations

import re
import unicodedata

from odsql.sources.views import View, decode, joined

__all__ = ["LITERAL", "decoded", "literal", "past", "unescaped"]

_SKIPPED = re.compile(r"(?:[\s()]|\\\r?\n|#[^\r\n]*)*")
LITERAL = re.compile(
    r"""(?P<prefix>[rRuUbB]{0,2})(?:
        '''(?P<a>(?:[^'\\]++|\\[\s\S]|'(?!''))*)'''
      | \"""(?P<b>(?:[^"\\]++|\\[\s\S]|"(?!""))*)\"""
      | '(?P<c>(?:[^'\\\r\n]++|\\\r\n|\\[\s\S])*)'
      | "(?P<d>(?:[^"\\\r\n]++|\\\r\n|\\[\s\S])*)" )""",
    re.VERBOSE,
)
_ESCAPE = re.compile(
    r"\\(?:\r\n|[0-7]{1,3}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|N\{[^}]{1,100}\}|[\s\S])"
    r"|\r\n?"
)
_NEWLINE = re.compile(r"\r\n?")
_CHARACTERS = {
    "\\": "\\", "'": "'", '"': '"', "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r",
    "t": "\t", "v": "\v", "\n": "", "\r": "", "\r\n": "",
}  # fmt: skip


def literal(text: str, start: int, end: int, value: str) -> View:
    """Return the string that Python reads from `text[start:end]`, as a view of the text.

    Adjacent literals are one string. If the result differs from `value`, the string that Python
    read, every character gets the position `start`.
    """
    parts = []
    place = past(text, start)
    while place < end and (match := LITERAL.match(text, place, end)) is not None:
        parts.append(decoded(text, match))
        place = past(text, match.end())
    view = parts[0] if len(parts) == 1 else joined(parts)
    if view.text != value:
        return View(value, (start,) * len(value) + (end,))
    return view


def decoded(text: str, match: re.Match[str]) -> View:
    """Return the string in a literal that `LITERAL` matches."""
    group = next(name for name in "abcd" if match[name] is not None)
    return unescaped(text, *match.span(group), raw="r" in match["prefix"].lower())


def unescaped(text: str, start: int, end: int, *, raw: bool) -> View:
    """Return the string that is written between quotes at `text[start:end]`."""
    return decode(text, start, end, _NEWLINE if raw else _ESCAPE, _character)


def past(text: str, place: int) -> int:
    """Return where the next literal begins, after white space, comments and parentheses."""
    match = _SKIPPED.match(text, place)
    return match.end() if match else place


def _character(match: re.Match[str]) -> str:
    if match[0][0] == "\r":
        return "\n"
    written = match[0][1:]
    if written in _CHARACTERS:
        return _CHARACTERS[written]
    try:
        if written[0] in "01234567":
            return chr(int(written, 8))
        if len(written) > 1:
            return (
                unicodedata.lookup(written[2:-1])
                if written[0] == "N"
                else chr(int(written[1:], 16))
            )
    except (KeyError, ValueError, OverflowError):
        return ""
    return match[0]  # Python keeps an unknown escape as it is written
