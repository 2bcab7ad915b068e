"""The positions of the strings and numbers under `queries` in TOML.

The scanner accepts any text, stops where it does not understand it, and keeps what it has found by
then. It makes one pass and does not validate; `tomllib` does.
"""

from __future__ import annotations

import re

from attrs import define, field, frozen

from odsql.sources.views import View, decode

__all__ = ["Scan", "TooDeepError", "scan"]

Path = tuple["str | int", ...]

_SPACE = re.compile(r"[ \t]*+")
_BLANK = re.compile(r"(?:[ \t\r\n]++|\#[^\n]*+)*")
_LINE = re.compile(r"[^\n]*+\n?")
_KEY = re.compile(
    r'(?P<bare>[A-Za-z0-9_-]++)|"(?P<basic>(?:[^"\\\n]++|\\.)*)"'
    r"|'(?P<literal>[^'\n]*+)'"
)
_VALUE = re.compile(
    r'"""(?P<long>(?:[^"\\]++|\\[\s\S]|"{1,2}(?!"))*)(?P<more>"{3,5})'
    r"|'''(?P<rawlong>(?:[^']++|'{1,2}(?!'))*)(?P<rawmore>'{3,5})"
    r'|"(?P<basic>(?:[^"\\\n]++|\\.)*)"'
    r"|'(?P<literal>[^'\n]*+)'"
    r"|(?P<other>[^\s\[\]{},#\"']++)"
)
_ESCAPE = re.compile(
    r"\\(?:[ \t]*\r?\n[ \t\r\n]*|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|[\s\S])|\r\n"
)
_NEWLINE = re.compile(r"\r\n")
_CHARACTERS = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b"}
_DEEPEST = 50


class TooDeepError(Exception):
    """Keys with so many parts, or lists nested so deeply, that reading them would take forever."""


@frozen
class Scan:
    """The result: where tables begin, and the strings and numbers, all by path."""

    tables: dict[Path, int] = field(factory=dict)
    values: dict[Path, View] = field(factory=dict)


def scan(text: str) -> Scan:
    """Return the positions of the values under `queries`.

    Raises:
        TooDeepError: the text is nested more deeply than any file of queries.
    """
    scanner = _Scanner(text)
    scanner.document()
    return scanner.result


@define
class _Scanner:
    text: str
    place: int = 0
    result: Scan = field(factory=Scan)
    lengths: dict[Path, int] = field(factory=dict)

    def document(self) -> None:
        """Read tables and values up to the first text that is not understood."""
        prefix: Path = ()
        while True:
            self._pass(_BLANK)
            start = self.place
            if self._take("["):
                many = self._take("[")
                key = self._key()
                if key is None or not self._take("]") or (many and not self._take("]")):
                    return
                prefix = self._table(key, start, many=many)
            elif not self._member(prefix, 0):
                return
            self._pass(_LINE)

    def _table(self, key: Path, start: int, *, many: bool) -> Path:
        if key[0] != "queries":
            return key
        path: Path = ()
        for number, one in enumerate(key):
            path = (*path, one)
            if many and number == len(key) - 1:
                self.lengths[path] = self.lengths.get(path, 0) + 1
            if path in self.lengths:
                path = (*path, self.lengths[path] - 1)
        self.result.tables.setdefault(path, start)
        return path

    # ------------------------------------------------------------ keys and values

    def _member(self, prefix: Path, depth: int) -> bool:
        start = self.place
        key = self._key()
        if key is None or not self._take("="):
            return False
        path = (*prefix, *key)
        if len(path) > 1:
            self.result.tables.setdefault(path[:2], start)
        self._pass(_SPACE)
        return self._value(path, depth)

    def _key(self) -> Path | None:
        parts: list[str] = []
        while True:
            self._pass(_SPACE)
            match = _KEY.match(self.text, self.place)
            if match is None:
                return None
            self.place = match.end()
            if match["basic"] is not None:
                parts.append(decode(self.text, *match.span("basic"), _ESCAPE, _unescaped).text)
            else:
                parts.append(match["bare"] or match["literal"] or "")
            if len(parts) > _DEEPEST:
                raise TooDeepError
            self._pass(_SPACE)
            if not self._take("."):
                return tuple(parts)

    def _value(self, path: Path, depth: int) -> bool:
        if depth > _DEEPEST:
            raise TooDeepError
        if self._take("["):
            return self._list(path, depth)
        start = self.place
        if self._take("{"):
            if path[0] == "queries":
                self.result.tables.setdefault(path, start)
            return self._inline_table(path, depth)
        match = _VALUE.match(self.text, self.place)
        if match is None:
            return False
        self.place = match.end()
        if path[0] == "queries":
            self.result.values[path] = _decoded(self.text, match)
        return True

    def _list(self, path: Path, depth: int) -> bool:
        number = 0
        while True:
            self._pass(_BLANK)
            if self._take("]"):
                return True
            if not self._value((*path, number), depth + 1):
                return False
            number += 1
            self._pass(_BLANK)
            self._take(",")

    def _inline_table(self, path: Path, depth: int) -> bool:
        while True:
            self._pass(_BLANK)
            if self._take("}"):
                return True
            if not self._member(path, depth + 1):
                return False
            self._pass(_BLANK)
            self._take(",")

    # ------------------------------------------------------------ characters

    def _pass(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.place)
        if match is not None:
            self.place = match.end()

    def _take(self, one: str) -> bool:
        if not self.text.startswith(one, self.place):
            return False
        self.place += 1
        return True


def _decoded(text: str, match: re.Match[str]) -> View:
    if match["literal"] is not None:
        return decode(text, *match.span("literal"), _NEWLINE, _unescaped)
    if match["basic"] is not None:
        return decode(text, *match.span("basic"), _ESCAPE, _unescaped)
    if match["other"] is not None:
        return View(match["other"], range(match.start(), match.end() + 1))
    raw = match["rawlong"] is not None
    start, _ = match.span("rawlong" if raw else "long")
    # A newline right after the opening quotes is not part of the string.
    start += 2 if text.startswith("\r\n", start) else 1 if text.startswith("\n", start) else 0
    return decode(text, start, match.end() - 3, _NEWLINE if raw else _ESCAPE, _unescaped)


def _unescaped(match: re.Match[str]) -> str:
    if match[0] == "\r\n":
        return "\n"
    written = match[0][1:]
    if written[0] in "uUx" and len(written) > 1:
        number = int(written[1:], 16)
        return chr(number) if number < 0x110000 else "\ufffd"
    return "" if written.isspace() else _CHARACTERS.get(written, written)
