"""Clauses with holes: text that is only partly known, because a program fills in the rest.

A hole is one character, `HOLE` or `SAFE`, in the text of a clause. The known text is right if there
is a reading of the holes with which it parses:

* Inside quotes, a hole is any text without a quote.
* Elsewhere, it is a part of a name or of a number, or one of the `_READINGS`: a value, a condition,
  a list, a word or nothing.

`fill` looks for a reading. It tries the readings of one hole after the other, and drops a reading
as soon as the automaton refuses the known text behind it. Two readings after which the automaton is
in the same states are one, so the work grows with the number of holes and not exponentially. If no
reading is accepted, the error stands where the best one was refused: it is in the known text.

Nothing is said about a clause with more than `_MOST_HOLES` holes, nor about one that takes too much
work or nests too deeply, nor about one that ends inside quotes, because a hole may hold a quote.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from attrs import frozen

from odsql.syntax import errors, nodes, tables
from odsql.syntax.errors import BuildError, ODSQLSyntaxError
from odsql.syntax.machine import step
from odsql.syntax.parsing import parse, parse_refinement
from odsql.syntax.scanning import TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["HOLE", "HOLES", "SAFE", "Filled", "fill", "has_holes", "parse_template", "shown"]

HOLE = "\ufdd0"
"""Stands for a part of a text that is unknown. It is no character, so no file can hold it."""

SAFE = "\ufdd1"
"""A hole whose value cannot hold a quote, such as a formatted number."""

HOLES = HOLE + SAFE

_HOLE = re.compile(f"[{HOLES}]")
_INSIDE = "x"
_READINGS = ("x", "1", "'x'", "date'2000-01-01'", "(1)", "x = 1", "", "null", "desc", "=", "and",
             "[1..2]", "geom'POINT(0 0)'", "*", "and x = 1", ", x", "1 km")  # fmt: skip
_FUNCTIONS = ("lower", "avg", "search", "distance", "intersects", "range", "count", "include")
"""Readings of a hole before a parenthesis: one function of each kind."""
_MOST_HOLES = 300
_MOST_STEPS = 20_000
_CHARACTERS = 100
"""How much text counts as one more step."""
_MOST_STATES = 2_000
"""The states are copied with every token, so that deep nesting would take quadratic time."""
_REFINED = ("refine", "exclude")
_CLAUSES = ("where", "select", "group_by", "order_by", "facet", "refine", "exclude")

_States = tuple[int, ...]


@frozen
class _Hole:
    """A hole outside of quotes, or inside: its place in the text."""

    place: int
    quoted: bool


@frozen
class Filled:
    """A clause whose holes are filled so that it parses.

    Attributes:
        template: the text with holes.
        text: the text without.
        spans: for each hole, in order, the place of what fills it in `text`.
        holes: for each hole, its place in `template`.
        quoted: for each hole, whether it is inside quotes.
    """

    template: str
    text: str
    spans: tuple[tuple[int, int], ...]
    holes: tuple[int, ...]
    quoted: tuple[bool, ...]

    @property
    def is_text(self) -> bool:
        """Whether all holes are inside quotes, so that they can add nothing but text."""
        return all(self.quoted)

    def touches_hole(self, start: int, end: int) -> bool:
        """Return whether a part of the filled text depends on what fills a hole."""
        return any(begin <= end and start <= stop for begin, stop in self.spans)

    def place(self, offset: int) -> int:
        """Return the offset in the template of an offset in the filled text."""
        moved = 0
        for begin, stop in self.spans:
            if offset <= begin:
                break
            if offset < stop:
                return begin - moved
            moved += stop - begin - 1
        return offset - moved


def has_holes(text: str) -> bool:
    """Return whether a clause has a hole."""
    return HOLE in text or SAFE in text


def shown(text: str) -> str:
    """Return a clause as people read it, with "…" for each hole; it has the same length."""
    return _HOLE.sub("…", text) if has_holes(text) else text


def parse_template(clause: str, parts: str | Iterable[object]) -> Any:
    """Parse a clause of which only parts are known.

    Every name, literal or condition that depends on a hole is a `Hole` in the tree. A hole that
    stands for nothing, an operator, a direction or the name of a function leaves none, and neither
    does one in refine and exclude.

    Args:
        clause: where, select, group_by, order_by, facet, refine or exclude.
        parts: the known parts as strings; anything else, such as None, is a hole. A string template
            of Python 3.14 is such a list.

    Returns:
        The tree; None if the clause takes too much work to be read, or ends inside quotes.

    Raises:
        ODSQLSyntaxError: there is no value of the holes with which the known text is ODSQL.
        BuildError: there is no such clause, or the parts are not a list.
    """
    if not isinstance(clause, str) or clause not in _CLAUSES:
        msg = f"the clause must be one of {', '.join(_CLAUSES)}, not {errors.shown(clause)}"
        raise BuildError(msg)
    if not isinstance(parts, Iterable):
        msg = f"the parts must be a string or a list, not {errors.shown(parts)}"
        raise BuildError(msg)
    pieces = [parts] if isinstance(parts, str) else parts
    text = "".join(one if isinstance(one, str) else HOLE for one in pieces)
    filled = fill(clause, text)
    if filled is None:
        return None
    if clause in _REFINED:
        return parse_refinement(filled.text, clause=clause)
    tree = parse(clause, filled.text)
    return nodes.rewrite(tree, lambda node: _with_hole(node, filled))


def fill(clause: str, text: str) -> Filled | None:
    """Return the clause with its holes filled; None if nothing can be said about it.

    Raises:
        ODSQLSyntaxError: no reading of the holes is ODSQL. Its text has "…" for each hole.
    """
    if not has_holes(text):
        parse_refinement(text, clause=clause) if clause in _REFINED else parse(clause, text)
        return Filled(text, text, (), (), ())
    holes, closed = _holes(text)
    if not closed or len(holes) > _MOST_HOLES:
        return None
    if clause in _REFINED:
        return _filled(text, holes, ())
    search = _Search(clause, text, holes)
    chosen = search.run()
    if chosen is not None:
        return _filled(text, holes, chosen)
    error = None if search.exhausted else _error(clause, text, _filled(text, holes, search.best))
    if error is None:
        return None
    raise error


# ---------------------------------------------------------------- the text


def _holes(text: str) -> tuple[list[_Hole], bool]:
    """Return the holes, and whether the text ends outside of quotes."""
    holes: list[_Hole] = []
    quote, place = "", 0
    while place < len(text):
        one = text[place]
        if one in HOLES:
            holes.append(_Hole(place, quoted=bool(quote)))
        elif quote and one == "\\" and quote != "`":
            if text[place + 1 : place + 2] not in ("", HOLE, SAFE):
                place += 1
        elif one == quote:
            quote = ""
        elif not quote and one in "'\"`":
            quote = one
        place += 1
    return holes, not quote


def _filled(text: str, holes: list[_Hole], readings: Iterable[str]) -> Filled:
    """Fill the holes outside of quotes with readings, as far as there are any."""
    pieces: list[str] = []
    places: list[tuple[int, int]] = []
    end = length = 0
    left = iter(readings)
    for hole in holes:
        reading = _INSIDE if hole.quoted else next(left, _READINGS[0])
        known = text[end : hole.place]
        length += len(known)
        pieces += (known, reading)
        places.append((length, length + len(reading)))
        length += len(reading)
        end = hole.place + 1
    pieces.append(text[end:])
    return Filled(
        text,
        "".join(pieces),
        tuple(places),
        tuple(one.place for one in holes),
        tuple(one.quoted for one in holes),
    )


def _error(clause: str, text: str, filled: Filled) -> ODSQLSyntaxError | None:
    """Return the error of the best reading, at its place in the template."""
    try:
        parse(clause, filled.text)
    except ODSQLSyntaxError as error:
        place = filled.place(error.position)
        found = "…" if has_holes(text[place : place + 1]) else error.found
        return ODSQLSyntaxError(clause, shown(text), place, found, error.expected, error.hint)
    return None


# ---------------------------------------------------------------- the search


class _Search:
    """Looks for readings of the holes outside of quotes, depth first.

    Attributes:
        best: the readings with which the most text was accepted.
        exhausted: whether the search was given up, so that nothing is known.
    """

    def __init__(self, clause: str, text: str, holes: list[_Hole]) -> None:
        self.best: list[str] = []
        self.exhausted = False
        self._states: _States = (tables.STARTS[clause],)
        self._known = _between(text, holes)
        self._furthest = (-1, -1)
        self._failed: set[tuple[int, _Reached]] = set()
        self._steps = 0

    def run(self) -> list[str] | None:
        """Return a reading of each hole; None if there is none."""
        reached = self._feed(_Reached(self._states, "", ""), [])
        if reached is None:
            return None
        # For each hole that was read: the states before it, and the readings that are left.
        open_: list[tuple[_Reached, Iterator[str]]] = []
        readings: list[str] = []
        while len(readings) < len(self._known) - 1:
            if len(open_) == len(readings):
                open_.append((reached, self._readings(len(readings))))
            before, choices = open_[-1]
            after = self._first(before, choices, readings)
            if after is not None:
                reached = after
                continue
            if self.exhausted or not readings:
                return None
            open_.pop()
            self._failed.add((len(readings), before))
            readings.pop()
        return readings

    def _first(
        self, before: _Reached, choices: Iterator[str], readings: list[str]
    ) -> _Reached | None:
        """Append the first reading that leads on, and return where it leads."""
        for reading in choices:
            continued = before._replace(pending=before.pending + reading)
            after = self._feed(continued, [*readings, reading])
            if after is not None and (len(readings) + 1, after) not in self._failed:
                readings.append(reading)
                return after
        return None

    def _readings(self, number: int) -> Iterator[str]:
        called = self._known[number + 1].lstrip().startswith("(")
        return iter((*_FUNCTIONS, *_READINGS) if called else _READINGS)

    def _feed(self, before: _Reached, readings: list[str]) -> _Reached | None:
        """Read what is pending and the known text behind it; None if it is refused.

        The last token stays pending, because it may go on in the next hole.
        """
        number = len(readings)
        text = before.pending + self._known[number]
        self._steps += 1 + len(text) // _CHARACTERS
        if self._steps > _MOST_STEPS:
            self.exhausted = True
            return None
        at_end = number == len(self._known) - 1
        stop = len(text) if at_end else _last_token(text)
        states, last = before.states, before.last
        for match in TOKEN.finditer(text[:stop].rstrip()):
            token = match[1]
            if not token and not at_end:
                break
            after = step(states, token, last)
            if after is None:
                self._note(number, match.start(1) - len(before.pending), readings)
                return None
            if len(after) > _MOST_STATES:
                self.exhausted = True
                return None
            states, last = after, token
        return _Reached(states, text[stop:], last)

    def _note(self, number: int, place: int, readings: list[str]) -> None:
        if (number, place) > self._furthest:
            self._furthest, self.best = (number, place), readings


class _Reached(NamedTuple):
    """How far the automaton got: its states, the text that is not read yet, and the last token."""

    states: _States
    pending: str
    last: str


def _between(text: str, holes: list[_Hole]) -> list[str]:
    """Return the known text between the holes outside of quotes; those inside are filled."""
    known, begin = [], 0
    for hole in holes:
        if not hole.quoted:
            known.append(text[begin : hole.place])
            begin = hole.place + 1
    known.append(text[begin:])
    return [_HOLE.sub(_INSIDE, one) for one in known]


def _last_token(text: str) -> int:
    """Return where the token begins that the next hole may continue, or the end of the text."""
    start = end = 0
    for match in TOKEN.finditer(text):
        token = match[1]
        if not token:
            break
        # After a dot, a name or a number goes on.
        if token != "." or match.start(1) != end:
            start = match.start(1)
        end = match.end(1)
    return start if end == len(text) else len(text)


# ---------------------------------------------------------------- the tree


def _with_hole(node: nodes.Node, filled: Filled) -> nodes.Node:
    kind = type(node)
    if kind not in _ATOMS and kind is not nodes.Comparison:
        return node
    span = node.span
    if span is None:
        return node
    if kind is nodes.Comparison:
        inside = any(begin <= span.start and span.end <= end for begin, end in filled.spans)
        return nodes.Hole("condition", at=node.at) if inside else node
    if not any(begin < span.end and span.start < end for begin, end in filled.spans):
        return node
    return nodes.Hole(_ATOMS[kind], at=node.at)


_ATOMS: dict[type[nodes.Node], str] = {
    nodes.Text: "text",
    nodes.Number: "number",
    nodes.Date: "date",
    nodes.Geometry: "geometry",
    nodes.Field: "name",
    nodes.Word: "name",
    nodes.Quantity: "quantity",
}
