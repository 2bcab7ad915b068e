"""Strings in JSON, decoded, with their positions. The JSON need not be valid."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from odsql.sources.views import View, decode, joined

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["STRING", "around", "cells", "decoded", "other_kernel"]

STRING = re.compile(r'"(?:[^"\\]++|\\[\s\S])*+"')

_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|[\s\S])"
)
_CHARACTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_KERNEL = re.compile(r'"(?:language|name)"\s{0,20}:\s{0,20}"(R|julia)"')
_SOURCE = re.compile(r'"source"\s{0,100}:\s{0,1000}(?=["\[])')
_BETWEEN = re.compile(r"[\s,\[]{0,10000}")


def decoded(text: str, start: int, end: int) -> View:
    """Return the content of a JSON string, between its quotes at `start` and `end`, as a view."""
    return decode(text, start, end, _ESCAPE, _unescaped)


def _unescaped(match: re.Match[str]) -> str:
    written = match[0][1:]
    if len(written) > 5:
        high, low = int(written[1:5], 16), int(written[7:11], 16)
        return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
    if len(written) > 1:
        return chr(int(written[1:], 16))
    return _CHARACTERS.get(written, written)


def around(text: str, word: str) -> Iterator[View]:
    """Yield the JSON strings that contain a word, each once."""
    done = 0
    place = text.find(word)
    while place >= 0:
        start = _opening(text, place, done)
        match = STRING.match(text, start) if start >= 0 else None
        done = match.end() if match else place + len(word)
        if match is not None and match.end() > place:
            yield decoded(text, start + 1, match.end() - 1)
        place = text.find(word, max(done, place + len(word)))


def _opening(text: str, place: int, lowest: int) -> int:
    """Return the nearest unescaped quote before `place`, or -1."""
    quote = text.rfind('"', lowest, place)
    while quote >= 0:
        first = quote
        while first > lowest and text[first - 1] == "\\":
            first -= 1
        if (quote - first) % 2 == 0:
            return quote
        quote = text.rfind('"', lowest, first)
    return -1


def other_kernel(text: str) -> str | None:
    """Return the language of a notebook, `r` or `julia`; None for Python and any other."""
    kernel = _KERNEL.search(text)
    return None if kernel is None else kernel[1].lower()


def cells(text: str) -> Iterator[View]:
    """Yield the source of each cell of a notebook as one view."""
    place = 0
    while (source := _SOURCE.search(text, place)) is not None:
        place = source.end()
        many = text[place] == "["
        lines = []
        while (string := STRING.match(text, _between(text, place))) is not None:
            lines.append(decoded(text, string.start() + 1, string.end() - 1))
            place = string.end()
            if not many:
                break
        if lines:
            yield joined(lines)


def _between(text: str, place: int) -> int:
    match = _BETWEEN.match(text, place)
    return match.end() if match else place
