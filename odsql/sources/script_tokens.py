"""Tokens of R, Julia and Power Query M, and the decoding of their strings.

The three languages have calls with named arguments, lists of pairs, and one operator or function
that joins strings. What differs is in a table for each: see `script_languages`. The scanner never
fails: an unclosed string or comment goes to the end of the text. Its time is linear.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from odsql.sources.views import Builder, View, decode
from odsql.syntax.templates import HOLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Fill = Callable[[str], str | None]
    """Returns the text of a constant; None if the name is none."""

__all__ = ["Token", "filled", "julia_string", "m_string", "r_string", "scan"]


class Token(NamedTuple):
    """A token: its kind, its text, where it stands, and whether it begins a line.

    The kinds are string, number, name, open, close and other; `text` of a name is without quotes.
    """

    kind: str
    text: str
    start: int
    end: int
    fresh: bool


_NESTED = re.compile(r"#=|=#")
_RAW_CLOSING = {"(": ")", "[": "]", "{": "}"}


def scan(text: str, pattern: re.Pattern[str]) -> Iterator[Token]:
    """Yield the tokens of a text.

    The groups of the pattern are the kinds of tokens, and besides: `skip` for what is no token,
    `raw` for the opening of a raw string of R, `comment` and `text` for the opening of a comment
    and of a string of Julia, `quoted` for a quoted name, `symbol` for a name with a colon. It
    matches at every place.
    """
    place = 0
    fresh = False
    unclosed: set[str] = set()
    while (match := pattern.match(text, place)) is not None:
        kind, start = match.lastgroup or "other", place
        place = match.end()
        written = match[0]
        if kind == "comment":
            place = _after_comment(text, place)
        elif kind == "raw":
            place = _after_raw(text, match, unclosed)
            kind, written = "string", text[start:place]
        elif kind == "text":
            place = _after_text(text, match)
            kind, written = "string", text[start:place]
        elif kind == "quoted":
            kind, written = "name", written.lstrip("#")[1:-1]
        elif kind == "symbol":
            kind, written = "name", written[1:]
        if kind in ("skip", "comment"):
            fresh = fresh or "\n" in text[start:place]
            continue
        yield Token(kind, written, start, place, fresh)
        fresh = False


def _after_comment(text: str, place: int) -> int:
    depth = 1
    for match in _NESTED.finditer(text, place):
        depth += 1 if match[0] == "#=" else -1
        if not depth:
            return match.end()
    return len(text)


def _after_raw(text: str, opening: re.Match[str], unclosed: set[str]) -> int:
    r"""Return the end of `r"--(...)--"`; a bracket that is never closed opens none."""
    written = opening[0]
    closing = _RAW_CLOSING[written[-1]] + written[2:-1] + written[1]
    # Otherwise, many openings would each search the rest of the text.
    place = -1 if closing in unclosed else text.find(closing, opening.end())
    if place < 0:
        unclosed.add(closing)
        return opening.end()
    return place + len(closing)


_JULIA = re.compile(r'\\[\s\S]|\$\(|"{3}|"')
_PARENTHESES = re.compile(r"[()]")


def _after_text(text: str, opening: re.Match[str]) -> int:
    """Return the end of a string of Julia, in which `$(...)` may have other strings."""
    quote = '"' * (3 if opening[0].endswith('"""') else 1)
    raw = opening[0].startswith("raw")
    place = opening.end()
    while (match := _JULIA.search(text, place)) is not None:
        place = match.end()
        if match[0] == "$(":
            place = place if raw else _after_code(text, place)
        elif match[0][0] == '"' and match[0].startswith(quote):
            return match.start() + len(quote)
    return len(text)


def _after_code(text: str, place: int, end: int | None = None) -> int:
    """Return the end of `$(...)`; of one that is not closed soon, the end of its opening."""
    depth = 1
    last = min(place + 300, len(text) if end is None else end)
    for match in _PARENTHESES.finditer(text, place, last):
        depth += 1 if match[0] == "(" else -1
        if not depth:
            return match.end()
    return place


# ---------------------------------------------------------------- strings


_ESCAPE = (
    r"\\(?:x[0-9a-fA-F]{1,2}|u\{?[0-9a-fA-F]{1,4}\}?|U\{?[0-9a-fA-F]{1,8}\}?|[0-7]{1,3}|\r\n"
    r"|[\s\S])"
)
_ESCAPED = re.compile(_ESCAPE)
_INTERPOLATED = re.compile(rf"(?P<escape>{_ESCAPE})|\$(?:(?P<name>[^\W\d]\w*)|(?P<code>\())")
_RAW_QUOTE = re.compile(r'\\"')
_CHARACTERS = {
    "n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "e": "\x1b",
    "\n": "", "\r\n": "",
}  # fmt: skip


def _unescaped(match: re.Match[str]) -> str:
    written = match[0][1:]
    if written in _CHARACTERS:
        return _CHARACTERS[written]
    if written[0] in "01234567":
        return chr(int(written, 8))
    if len(written) > 1:
        number = int(written[1:].strip("{}"), 16)
        return chr(number) if number < 0x110000 else "\ufffd"
    return written


def r_string(text: str, token: Token, fill: Fill) -> View:  # noqa: ARG001
    """Return the string of a token of R as a view of the text."""
    if token.text[0] in "rR":
        width = token.text.index(token.text[-1]) + 1
        dashes = len(token.text[width:]) - len(token.text[width:].lstrip("-"))
        start, end = token.start + width + dashes + 1, token.end - width - dashes
        return View(text[start:end], range(start, max(start, end) + 1))
    return decode(text, token.start + 1, _content_end(token, 1), _ESCAPED, _unescaped)


def julia_string(text: str, token: Token, fill: Fill) -> View:
    """Return the string of a token of Julia as a view; what is filled in is a hole."""
    prefix = token.text.index('"')
    width = 3 if token.text.startswith('"""', prefix) and len(token.text) >= prefix + 6 else 1
    start, end = token.start + prefix + width, _content_end(token, width)
    if width == 3:  # the first line break is not part of it
        start += next((len(one) for one in ("\r\n", "\n") if text.startswith(one, start)), 0)
    if prefix:
        return decode(text, start, max(start, end), _RAW_QUOTE, lambda _: '"')
    builder = Builder()
    place = start
    while (match := _INTERPOLATED.search(text, place, end)) is not None:
        after = _after_code(text, match.end(), end) if match["code"] else match.end()
        builder.add(text[place : match.start()], place)
        new = _unescaped(match) if match["escape"] else fill(match["name"] or "") or HOLE
        builder.put(new, match.start(), after - match.start())
        place = after
        builder.skip_to(place)
    builder.add(text[place:end], place)
    return builder.view(max(end, place))


_M_ESCAPE = re.compile(r'""|#\(([^()"]{1,100})\)')
_M_CHARACTERS = {"lf": "\n", "cr": "\r", "tab": "\t", "#": "#"}


def m_string(text: str, token: Token, fill: Fill) -> View:  # noqa: ARG001
    """Return the string of a token of Power Query M as a view of the text."""
    return decode(text, token.start + 1, _content_end(token, 1), _M_ESCAPE, _m_unescaped)


def _m_unescaped(match: re.Match[str]) -> str:
    if match[1] is None:
        return '"'
    return "".join(_m_character(one.strip(), match[0]) for one in match[1].split(","))


def _m_character(written: str, otherwise: str) -> str:
    if written in _M_CHARACTERS:
        return _M_CHARACTERS[written]
    if re.fullmatch(r"[0-9a-fA-F]{4}|[0-9a-fA-F]{8}", written) and int(written, 16) < 0x110000:
        return chr(int(written, 16))
    return otherwise


def _content_end(token: Token, width: int) -> int:
    """Return where the content of a string ends; one that is not closed has no content."""
    quote = token.text[-1:]
    closed = len(token.text) >= 2 * width and quote in ("'", '"')
    return token.end - width if closed else token.end


def filled(
    view: View, pattern: re.Pattern[str], replacement: Callable[[re.Match[str]], str]
) -> View:
    """Return a view in which each match is replaced, by a text or by a hole."""
    return decode(view.text, 0, len(view.text), pattern, replacement).inside(view)
