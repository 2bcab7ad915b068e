"""The values of expressions in a program: texts whose unknown parts are holes.

An expression is a list of `Piece`s. Literals are known, and so are concatenations, formats, joined
lists, and names to which the same file gives one text. Everything else is a hole.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attrs import evolve

from odsql.sources.code_names import ENCODING, FORMATS, JOINS, LISTS, REPLACING, SAME
from odsql.sources.code_pieces import Piece, Pieces, hole, text_of
from odsql.sources.code_program import Assigned, Program, runs_before
from odsql.sources.code_strings import around, decoded, literal
from odsql.sources.views import View, closed
from odsql.syntax.templates import HOLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from odsql.sources.code_trees import Node

__all__ = ["Values"]

_DEEPEST = 40
_MOST_ASSIGNMENTS = 50
_MOST_ALTERNATIVES = 4
_LONGEST_CONSTANT, _MOST_PIECES = 20_000, 500
"""Limits for what stands in the place of a name; names may refer to names."""

_BLANKS = re.compile(r"\\[sn]|\[\[:space:\]\]")
_NEGATIVE = re.compile(r"-\d+")
_ADDING = re.compile(r"\s*\??(?:\.|->)?\s*(?:push|append|add|Add|unshift|concat|<<|\[\])")
_PERCENT = re.compile(r"%(?:(\d{1,3})\$)?[-+0,#]*\d*(?:\.\d+)?(?:[a-zA-Z@]|ld\b)|%%")
_BRACES = re.compile(r"\{\{|\}\}|\{([A-Za-z_]\w{0,60}|\d{0,3})(?:,-?\d+)?(?::[^{}]{0,40})?\}")


class Values:
    """Finds the values of the expressions of one program."""

    def __init__(self, program: Program) -> None:
        """Start with nothing known."""
        self.program = program
        self.text = program.text
        self.language = program.language
        self._known: dict[int, Pieces] = {}

    # ------------------------------------------------------------ values

    def alternatives(self, node: Node) -> list[Pieces]:
        """Return what an expression may be: one value, or one of several."""
        found: list[Pieces] = []
        waiting = [node]
        while waiting and len(found) < _MOST_ALTERNATIVES:
            one = self.program.bare(waiting.pop(0))
            if one.kind in self.language.choices:
                parts = [one.child(each) for each in self.language.choices[one.kind]]
                waiting[:0] = [each for each in parts if each is not None]
            elif one.kind in self.language.sums and self.program.operator(one) in (
                "??",
                "||",
                "?:",
            ):
                waiting[:0] = one.children[:2]
            elif one.kind in self.language.names:
                chosen = self._choice(one)
                waiting[:0] = chosen
                found += [] if chosen else self._named(one, 0)
            else:
                found.append(self.pieces(one))
        return found or [None]

    def _choice(self, node: Node) -> list[Node]:
        """Return the value of a name if that is one of several; nothing if it is not."""
        assigned = self.program.visible(self.program.source(node), node)
        value = assigned[0].value if len(assigned) == 1 else None
        if value is None or self.program.bare(value).kind not in self.language.choices:
            return []
        return [value]

    def pieces(self, node: Node, depth: int = 0) -> Pieces:
        """Return the value of an expression; None if nothing is known of it."""
        node = self.program.bare(node)
        if depth > _DEEPEST:
            return None
        if id(node) not in self._known:
            self._known[id(node)] = None  # what refers to itself is unknown
            self._known[id(node)] = self._pieces(node, depth)
        return self._known[id(node)]

    def _pieces(self, node: Node, depth: int) -> Pieces:
        kind, language = node.kind, self.language
        if kind in language.texts:
            return self._text(node, depth)
        if kind in language.numbers or self._is_negative(node):
            view = View(self.program.source(node), range(node.start, node.end + 1))
            return (Piece(view, node.start, node.end),)
        if kind in language.sums:
            return self._sum(node, depth)
        if kind in language.adjacent:
            return self._concatenated(node.children, depth)
        if kind in language.names or kind in language.members:
            return self._only(self._named(node, depth))
        if kind in language.calls:
            return self._call(node, depth)
        if kind == "command_substitution":
            return self._substitution(node, depth)
        body = self.program.heredocs.get(id(node))
        return self._text(body, depth) if body is not None else None

    def _is_negative(self, node: Node) -> bool:
        return (
            node.end - node.start < 20
            and _NEGATIVE.fullmatch(self.program.source(node)) is not None
        )

    def _only(self, found: Sequence[Pieces]) -> Pieces:
        return found[0] if len(found) == 1 else None

    def items(self, node: Node | None, depth: int = 0) -> list[Node] | None:
        """Return the items of a list; None if it is none."""
        if node is None or depth > 5:
            return None
        node = self.program.bare(node)
        if node.kind in self.language.lists:
            return node.children
        if node.kind in ("composite_literal", "array_creation_expression"):
            return self.items(node.children[-1], depth + 1) if node.children else None
        if node.kind in self.language.calls and self.program.callee(node) in LISTS:
            listed = (
                self.program.receiver(node)
                if self.program.callee(node) in ("filter", "compact")
                else None
            )
            if listed is not None:
                return self.items(listed, depth + 1)
            arguments = self.program.arguments(node)
            return arguments.children if arguments else None
        if node.kind in self.language.names:
            return self._items_of_name(node, depth)
        return None

    def _items_of_name(self, node: Node, depth: int) -> list[Node] | None:
        """Return the items of a list in a variable, with those that are added to it."""
        name = self.program.source(node)
        scope, values = self.program.home(name, node)
        uses = self.program.uses(name, scope)
        if len(values) != 1 or len(uses) > _MOST_ASSIGNMENTS:
            return None
        items = self.items(values[0], depth + 1)
        if items is None:
            return None
        found = [*items]
        for one in uses:
            if one.start < node.start and _ADDING.match(self.text, one.end):
                found += self._added(one, node)
        return found

    def _added(self, name: Node, use: Node) -> list[Node]:
        """Return what is added to a list where its name is used; all of it, if it may not be."""
        statement = name
        while statement.parent is not None and statement.parent.start == name.start:
            statement = statement.parent
            if statement.kind in self.language.calls or statement.kind in self.language.assignments:
                break
        arguments = self.program.arguments(statement)
        if not runs_before(name, use) or not statement.children:
            return [statement]
        return arguments.children if arguments is not None else statement.children[-1:]

    def _concatenated(self, nodes: Iterable[Node], depth: int) -> Pieces:
        found: list[Piece] = []
        for one in nodes:
            pieces = self.pieces(one, depth + 1)
            found += self._inlined(pieces, one.start, one.end)
        return tuple(found) or None

    # ------------------------------------------------------------ operators

    def _sum(self, node: Node, depth: int) -> Pieces:
        operands: list[Node] = []
        while node.kind in self.language.sums and len(node.children) >= 2:
            operator = self.program.operator(node)
            if operator == "%" and not operands:  # Ruby formats with an operator
                return self._formatted(node.children[0], node.children[1:], depth)
            if operator not in self.language.operators:
                break
            operands.append(node.children[-1])
            node = node.children[0]
        if not operands:
            return None
        operands.append(node)
        if all(one.kind in self.language.numbers for one in operands):
            return None
        return self._concatenated(reversed(operands), depth)

    # ------------------------------------------------------------ literals

    def _text(self, node: Node, depth: int) -> Pieces:
        written = literal(self.text, self.language, node)
        if written is None:
            return None
        found: list[Piece] = []
        place = written.begin
        for one in node.children:
            if one.kind in self.language.content or not written.begin <= one.start < written.end:
                continue
            start, end = around(self.text, self.language, one)
            found += self._known_text(node, place, start, written.escapes, depth)
            whole = len(one.children) < 2 or one.kind in self.language.wrappers
            inner = self.pieces(one, depth + 1) if whole else None
            found += self._inlined(inner, start, end)
            place = end
        found += self._known_text(node, place, written.end, written.escapes, depth)
        begin = written.begin
        return tuple(found) or (Piece(View("", range(begin, begin + 1)), begin, begin),)

    def _known_text(
        self, node: Node, start: int, end: int, escapes: re.Pattern[str], depth: int
    ) -> list[Piece]:
        """Return the text between holes, with the holes that the grammar takes for text."""
        found: list[Piece] = []
        if self.language.loose is not None:
            for match in self.language.loose.finditer(self.text, start, end):
                if self.text[match.start() - 1] != "\\":
                    found += decoded(self.text, start, match.start(), escapes)
                    named = self._only(self._given(match[1], node, depth))
                    found += self._inlined(named, match.start(), match.end())
                    start = match.end()
        return [*found, *decoded(self.text, start, end, escapes)]

    # ------------------------------------------------------------ names

    def _inlined(self, pieces: Pieces, start: int, end: int) -> Iterable[Piece]:
        """Return the pieces of what a place in an expression refers to."""
        if pieces is None or len(pieces) > _MOST_PIECES:
            return [hole(start, end)]
        if sum(len(one.view.text) for one in pieces) > _LONGEST_CONSTANT:
            return [hole(start, end)]
        return [
            one if start <= one.start and one.end <= end else evolve(one, start=start, end=end)
            for one in pieces
        ]

    def _named(self, node: Node, depth: int) -> list[Pieces]:
        """Return the values that a name may have where it is used."""
        if node.kind in self.language.members:
            value = self.program.constant(node)
            return [self.pieces(value, depth + 1) if value is not None else None]
        return self._given(self.program.source(node), node, depth)

    def _given(self, name: str, node: Node, depth: int) -> list[Pieces]:
        assigned = self.program.visible(name, node)
        if not assigned or len(assigned) > _MOST_ASSIGNMENTS:
            return [None]
        inside = assigned[0].node.scope is node.scope
        if inside:
            assigned = [one for one in assigned if one.node.end <= node.start]
        plain = [one for one in assigned if not one.added]
        certain = [one for one in plain if runs_before(one.node, node)]
        if not certain or any(one.value is None for one in plain):
            return [None]
        chosen = plain[plain.index(certain[-1]) :]
        if len(chosen) > _MOST_ALTERNATIVES:
            return [None]
        found = [self._grown(one, assigned, node, depth) for one in chosen]
        if len(found) > 1:
            found = [one for one in found if one is None or any(each.view.text for each in one)]
        return found

    def _grown(
        self, first: Assigned, assigned: Sequence[Assigned], use: Node, depth: int
    ) -> Pieces:
        """Return the first value of a name, with what is added to it later."""
        found = self._value(first, depth)
        place = assigned.index(first)
        for one in assigned[place + 1 :]:
            if not one.added:
                break
            more = self._value(one, depth) if runs_before(one.node, use) else None
            found = (
                *(found or [hole(first.node.start, first.node.end)]),
                *(more or [hole(one.node.start, one.node.end)]),
            )
        return tuple(found) if found else None

    def _value(self, assigned: Assigned, depth: int) -> Pieces:
        return self.pieces(assigned.value, depth + 1) if assigned.value is not None else None

    # ------------------------------------------------------------ calls

    def _call(self, node: Node, depth: int) -> Pieces:
        name = self.program.callee(node)
        listed = self.program.arguments(node)
        arguments = listed.children if listed else []
        receiver = self.program.receiver(node)
        if ENCODING.fullmatch(name):
            found = self._encoded(receiver, arguments, depth)
            return tuple(evolve(one, exact=True) for one in found) if found else None
        labelled = bool(arguments) and self.text.startswith("format:", arguments[0].start)
        if name in FORMATS or labelled:  # Swift has String(format: ...)
            return self._format(name, receiver, arguments, depth)
        if name in JOINS:
            return self._join(receiver, arguments, depth)
        if name in REPLACING and receiver is not None and arguments:
            replaced = self._replaced(receiver, arguments[0], depth)
            if replaced is not None:
                return replaced
        if name in REPLACING and any(
            _BLANKS.search(self.text, one.start, one.end) for one in arguments[:2]
        ):
            given = receiver if receiver is not None else arguments[-1]
            return self.pieces(given, depth + 1)
        if name in SAME:
            found = self.pieces(receiver, depth + 1) if receiver is not None else None
            if found is None and len(arguments) == 1:
                found = self.pieces(arguments[0], depth + 1)
            return found
        return None

    def _replaced(self, receiver: Node, old: Node, depth: int) -> Pieces:
        """Return a text in which a part is replaced by something unknown."""
        pieces, part = self.pieces(receiver, depth + 1), self.pieces(old, depth + 1)
        replaced = text_of(part) if part else ""
        if not pieces or not replaced.strip() or HOLE in replaced:
            return None
        found: list[Piece] = []
        for piece in pieces:
            place = 0
            for match in re.finditer(re.escape(replaced), piece.view.text):
                _cut(piece, place, match.start(), found)
                place = match.end()
                offsets = closed(piece.view.cut(*match.span()).offsets)
                found.append(evolve(piece, view=View(HOLE, (offsets[0], offsets[-1]))))
            _cut(piece, place, len(piece.view.text), found)
        return tuple(found)

    def _encoded(self, receiver: Node | None, arguments: list[Node], depth: int) -> Pieces:
        found = self.pieces(arguments[0], depth + 1) if arguments else None
        if found is None and receiver is not None:  # Swift: text.addingPercentEncoding(...)
            found = self.pieces(receiver, depth + 1)
        return found

    def _substitution(self, node: Node, depth: int) -> Pieces:
        """Return what a command prints that encodes or formats a text."""
        commands = [one for one in node.children if one.kind == "command"]
        if len(commands) != 1 or len(commands[0].children) < 2:
            return None
        name, *words = commands[0].children
        called = self.program.source(name)
        if called == "printf":
            return self._formatted(words[0], words[1:], depth)
        written = [self.program.source(one) for one in words]
        if called == "jq" and "@uri" in written[-1] and "--arg" in written[:-2]:
            words = words[written.index("--arg") + 2 :]
        elif not ENCODING.fullmatch(called):
            return None
        found = self.pieces(words[0], depth + 1) if words else None
        return tuple(evolve(one, exact=True) for one in found) if found else None

    def _format(
        self, name: str, receiver: Node | None, arguments: list[Node], depth: int
    ) -> Pieces:
        if name == "concat":
            first = [receiver] if receiver is not None else []
            return self._concatenated([*first, *arguments], depth)
        if receiver is not None and self.program.bare(receiver).kind in self.language.texts:
            return self._formatted(receiver, arguments, depth)
        for number, one in enumerate(arguments[:2]):
            if self.pieces(one, depth + 1) is not None:
                return self._formatted(one, arguments[number + 1 :], depth)
        return None

    def _formatted(self, template: Node, arguments: Sequence[Node], depth: int) -> Pieces:
        pieces = self.pieces(template, depth + 1)
        if pieces is None:
            return None
        found: list[Piece] = []
        used = 0
        for piece in pieces:
            if piece.view.text == HOLE:
                found.append(piece)
                continue
            place = 0
            text = piece.view.text
            for match in (_BRACES if self.language.braces else _PERCENT).finditer(text):
                _cut(piece, place, match.start(), found)
                place = match.end()
                if match[0] in ("%%", "{{", "}}"):
                    _cut(piece, place - 1, place, found)
                    continue
                number = _number(match[1], used, one_based=not self.language.braces)
                used += not match[1]
                start = piece.view.offsets[match.start()]
                end = max(start, closed(piece.view.cut(match.start(), place).offsets)[-1])
                given = self._only(self._given(match[1], template, depth)) if number < 0 else None
                if 0 <= number < len(arguments):
                    given = self.pieces(arguments[number], depth + 1)
                found += self._inlined(given, start, end)
            _cut(piece, place, len(text), found)
        return tuple(found)

    def _join(self, receiver: Node | None, arguments: list[Node], depth: int) -> Pieces:
        given = [*([receiver] if receiver is not None else []), *arguments]
        listed = next((one for one in given if self.items(one) is not None), None)
        items = self.items(listed)
        others = [one for one in given if one is not listed]
        if items is None:
            items, others = arguments[1:], arguments[:1]
        texts = [found for one in others if (found := self.pieces(one, depth + 1))]
        if len(items) < 1 or not texts:
            return None
        separator = text_of(texts[0])
        joined: list[Piece] = []
        for one in items:
            if joined:
                place = joined[-1].end
                view = View(separator, (place,) * (len(separator) + 1))
                joined.append(Piece(view, place, place))
            joined += self._inlined(self.pieces(one, depth + 1), one.start, one.end)
        return tuple(joined)


def _cut(piece: Piece, start: int, end: int, found: list[Piece]) -> None:
    if start < end:
        found.append(evolve(piece, view=piece.view.cut(start, end)))


def _number(written: str | None, used: int, *, one_based: bool) -> int:
    """Return the index of the argument that a directive stands for; -1 if it has a name."""
    if not written:
        return used
    return int(written) - one_based if written.isdecimal() else -1
