"""String literals of all languages: where their characters begin and end, and their escapes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attrs import frozen

from odsql.sources.code_languages import NONE
from odsql.sources.code_pieces import Piece
from odsql.sources.views import decode

if TYPE_CHECKING:
    from odsql.sources.code_languages import Language
    from odsql.sources.code_trees import Node

__all__ = ["Literal", "around", "decoded", "literal"]

_DEEPEST_INDENT = 500
_CLOSING = {"(": ")", "[": "]", "{": "}", "<": ">"}
_CHARACTERS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "v": "\v", "a": "\a",
               "0": "\0", "e": "\x1b", "s": " "}  # fmt: skip


@frozen
class Literal:
    """Where the characters of a string begin and end, and the escapes in it."""

    begin: int
    end: int
    escapes: re.Pattern[str]


def literal(text: str, language: Language, node: Node) -> Literal | None:
    """Return how a string is written; None if it is broken."""
    openings = language.openings
    if node.kind.endswith(("body", "bare_string")):
        openings = openings[-1:]
    for opening in openings:
        match = opening.pattern.match(text, node.start, node.end)
        if match is not None:
            closing = _CLOSING.get(match[1], match[1])
            begin, end = match.end(), node.end
            last = node.children[-1] if node.children else None
            if last is not None and last.kind == "heredoc_end":
                end = last.start
            end = text.rfind(closing, begin, end) if closing else end
            if end < begin:
                return None
            found = Literal(begin, end, opening.escapes)
            return _without_margins(text, found) if opening.block else found
    return None


def _without_margins(text: str, found: Literal) -> Literal:
    """Leave out the first line break, the last one, and the common indentation."""
    written = text[found.begin : found.end]
    first, newline, rest = written.partition("\n")
    if not newline or first.strip():
        return found
    body = rest.rstrip()
    lines = [one for one in body.split("\n") if one.strip()]
    indent = min((len(one) - len(one.lstrip(" \t")) for one in lines), default=0)
    begin = found.begin + len(first) + 1
    end = begin + len(body)
    escapes = found.escapes
    if indent:
        indent = min(indent, _DEEPEST_INDENT)
        known = "" if escapes is NONE else escapes.pattern + "|"
        escapes = re.compile(rf"(?m){known}^[ \t]{{1,{indent}}}")
        begin += indent
    return Literal(min(begin, end), end, escapes)


def around(text: str, language: Language, node: Node) -> tuple[int, int]:
    """Return where a hole begins and ends, with what is written around its node."""
    start, end = node.start, node.end
    while start < end and text[start].isspace():  # in the grammar of shells
        start += 1
    if language.around is not None:
        before, after = language.around
        opening = before.search(text, max(0, start - 10), start)
        if opening is not None and text.startswith(after, end):
            return opening.start(), end + len(after)
    return start, end


def decoded(text: str, start: int, end: int, escapes: re.Pattern[str]) -> list[Piece]:
    """Return a part of a string; nothing if it is empty."""
    return [Piece(decode(text, start, end, escapes, _unescaped), start, end)] if start < end else []


def _unescaped(match: re.Match[str]) -> str:
    written = match[0]
    if written[0] != "\\":
        return "" if written.isspace() else written[0]
    letter, digits = written[1], written[2:].strip("{}")
    if letter.isdecimal() and written[1:] != "0":
        return chr(int(written[1:], 8)) if letter in "01234567" else letter
    if letter in "uUx" and digits:
        number = int(digits, 16)
        return chr(number) if number < 0x110000 else "\ufffd"
    if letter in "\r\n":
        return ""
    return _CHARACTERS.get(letter, letter)
