"""Strings that Python programs build: f-strings, `%`, `.format`, templates.

A string is a `Text`: pieces that are written as they stand, and `Slot`s, which a program fills. A
slot with a constant has its text; any other slot has a hole.
"""

from __future__ import annotations

import ast
import re
from functools import cached_property
from typing import TYPE_CHECKING

from attrs import frozen

from odsql.sources.python_literals import LITERAL, decoded, past, unescaped
from odsql.sources.views import View, closed, joined
from odsql.syntax.templates import HOLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["DIRECTIVE", "DOLLAR", "FIELD", "Slot", "Text", "f_string", "filled", "stripped"]

_MOST_PIECES = 500
_LONGEST = 2000
"""The maximum length of a constant that is filled in; longer ones become holes."""

DIRECTIVE = re.compile(
    r"%(?:\((?P<name>[^()]{1,100})\))?[-+ #0]{0,5}[\d*]{0,9}(?:\.[\d*]{1,9})?(?P<type>[a-zA-Z%])"
)
"""A directive of `%` formatting."""

FIELD = re.compile(
    r"\{\{|\}\}|\{(?P<name>\w{0,100})(?:[.\[][^{}:!]{0,200})?(?:![rsa])?(?::(?:[^{}]|\{\w{0,100}\}){0,100})?\}"
)
"""A field of `str.format`."""

DOLLAR = re.compile(r"\$\$|\$(?P<name>[A-Za-z_]\w{0,100})|\$\{(?P<braced>\w{1,100})\}")
"""A placeholder of `string.Template`."""


@frozen(eq=False)
class Slot:
    """A part that is filled in: where, the text if it is a constant, and the value."""

    start: int
    end: int
    text: str = HOLE
    value: object = None


@frozen(slots=False, eq=False)
class Text:
    """A string; `is_number` if it is a number, which a request sends as text."""

    pieces: tuple[View | Slot, ...]
    is_number: bool = False

    @cached_property
    def plain(self) -> str:
        """The text, with holes."""
        return "".join(one.text for one in self.pieces)

    @cached_property
    def span(self) -> tuple[int, int] | None:
        """Where the text begins and ends in the file; None if it is empty."""
        if not self.pieces:
            return None
        return _span(self.pieces[0])[0], _span(self.pieces[-1])[1]

    @cached_property
    def view(self) -> View:
        """The text with the positions of its characters, which never go back."""
        parts: list[View] = []
        place = 0
        for one in self.pieces:
            start, end = _span(one)
            if start < place:
                # Written elsewhere, before what precedes it here.
                part = View(one.text, (place,) * (len(one.text) + 1))
            elif isinstance(one, View):
                part = View(one.text, closed(one.offsets))
            else:
                part = _spread(one)
            parts.append(part)
            place = max(place, end)
        return parts[0] if len(parts) == 1 else joined(parts)

    @property
    def filling(self) -> str:
        """The text that a slot with this value has."""
        return self.plain if len(self.plain) <= _LONGEST else HOLE

    def followed_by(self, pieces: Iterable[View | Slot]) -> Text | None:
        """Return this text with more pieces; None if there are too many to be read."""
        more = (*self.pieces, *pieces)
        return Text(more) if len(more) <= _MOST_PIECES else None


def _span(piece: View | Slot) -> tuple[int, int]:
    if isinstance(piece, Slot):
        return piece.start, piece.end
    offsets = closed(piece.offsets)
    return offsets[0], offsets[-1]


def _spread(slot: Slot) -> View:
    if slot.text == HOLE:
        return View(HOLE, (slot.start, slot.end))
    return View(slot.text, (*(slot.start,) * len(slot.text), slot.end))


def filled(
    text: Text, pattern: re.Pattern[str], fill: Callable[[re.Match[str]], str | Slot | None]
) -> Text | None:
    """Return a text with its placeholders filled; what `fill` returns None for is a hole."""
    pieces: list[View | Slot] = []
    for one in text.pieces:
        if isinstance(one, Slot):
            pieces.append(one)
            continue
        place = 0
        for match in pattern.finditer(one.text):
            if match.start() > place:
                pieces.append(one.cut(place, match.start()))
            place = match.end()
            start, end = one.offsets[match.start()], one.offsets[match.end()]
            new = fill(match)
            if isinstance(new, str):
                pieces.append(View(new, (*(start,) * len(new), end)))
            else:
                new = new or Slot(start, end)
                pieces.append(Slot(start, end, new.text, new.value))
            if len(pieces) > _MOST_PIECES:
                return None
        if place < len(one.text):
            pieces.append(one.cut(place, len(one.text)) if place else one)
    return Text(tuple(pieces))


def stripped(text: Text) -> Text:
    """Return a text without white space at its ends."""
    pieces = list(text.pieces)
    if pieces and isinstance(first := pieces[0], View):
        pieces[0] = first.cut(len(first.text) - len(first.text.lstrip()), len(first.text))
    if pieces and isinstance(last := pieces[-1], View):
        pieces[-1] = last.cut(0, len(last.text.rstrip()))
    return Text(tuple(pieces))


# ---------------------------------------------------------------- f-strings

_OPENING = re.compile(r"(?P<prefix>[A-Za-z]{0,2})(?P<quote>'''|\"{3}|'|\")")
_INSIDE = re.compile(r"[\"'(){}\[\]:#]")


def f_string(
    text: str, start: int, end: int, node: ast.JoinedStr
) -> list[View | tuple[int, int, ast.FormattedValue]] | None:
    """Return the parts of the f-string at `text[start:end]`, which other literals may adjoin.

    A part is a view of the text, or where an expression stands, with its braces. None stands for
    an f-string that is written in a way that is not known here.
    """
    parts: list[View | tuple[int, int]] = []
    place = past(text, start)
    while place < end:
        opening = _OPENING.match(text, place, end)
        if opening is None:
            return None
        prefix = opening["prefix"].lower()
        if "f" in prefix:
            place = _body(text, opening.end(), end, opening["quote"], "r" in prefix, parts)
        elif (match := LITERAL.match(text, place, end)) is not None:
            parts.append(decoded(text, match))
            place = match.end()
        else:
            return None
        if place < 0 or len(parts) > _MOST_PIECES:
            return None
        place = past(text, place)
    return _with_expressions(parts, node)


def _with_expressions(
    parts: list[View | tuple[int, int]], node: ast.JoinedStr
) -> list[View | tuple[int, int, ast.FormattedValue]] | None:
    values = [one for one in node.values if isinstance(one, ast.FormattedValue)]
    written = "".join(one.text for one in parts if isinstance(one, View))
    read = "".join(str(one.value) for one in node.values if isinstance(one, ast.Constant))
    if written != read or sum(isinstance(one, tuple) for one in parts) != len(values):
        return None
    expressions = iter(values)
    return [one if isinstance(one, View) else (*one, next(expressions)) for one in parts]


def _body(
    text: str, place: int, end: int, quote: str, raw: bool, parts: list[View | tuple[int, int]]
) -> int:
    """Read the body of an f-string, and return where its closing quote ends; -1 if it has none."""
    escape = r"\\(?=[{}])|\\[\s\S]" if raw else r"\\(?:N\{[^}]{1,100}\}|(?=[{}])|[\s\S])"
    stop = re.compile(rf"{escape}|[{{}}]|{quote}")
    begin = place
    while (match := stop.search(text, place, end)) is not None:
        place = match.end()
        if match[0][0] == "\\":
            continue
        if match.start() > begin:
            parts.append(unescaped(text, begin, match.start(), raw=raw))
        if match[0] == quote:
            return place
        if text.startswith(match[0], place):
            parts.append(View(match[0], (place - 1, place + 1)))
            place += 1
        else:
            place = _past_expression(text, place, end)
            if place < 0:
                return -1
            parts.append((match.start(), place))
        begin = place
    return -1


def _past_expression(text: str, place: int, end: int) -> int:
    """Return where the braces opened before `place` are closed; -1 if they are not."""
    depth = 1
    in_format = False
    while (match := _INSIDE.search(text, place, end)) is not None:
        place = match.end()
        one = match[0]
        if one in "({[":
            depth += 1
        elif one in ")}]":
            depth -= 1
            if not depth:
                return place
        elif one == ":":
            in_format = in_format or depth == 1
        elif one == "#":
            if not in_format:
                place = max(place, text.find("\n", place, end))
        elif not in_format:
            string = LITERAL.match(text, match.start(), end)
            if string is None:
                return -1
            place = string.end()
    return -1
