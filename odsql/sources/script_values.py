"""The strings of a program in R, Julia or Power Query M, as far as they can be told from its text.

A string is a literal, literals that an operator or a function joins, or a name that the file
assigns a string once. What is unknown in it is a hole. Nothing is executed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from odsql.sources.script_tokens import filled, scan
from odsql.sources.views import Builder, View, joined
from odsql.syntax.templates import HOLE, HOLES, SAFE, has_holes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odsql.sources.script_languages import Language
    from odsql.sources.script_tokens import Token

__all__ = ["Item", "Program"]

_DEEPEST = 30
_LONGEST = 10_000
"""A longer constant is not copied into other strings, whose total size is bounded by this."""
_MOST_COPIED = 1_000_000

_CLOSING = {"(": ")", "[": "]", "{": "}"}
_ACCESS = frozenset(("$", ".", "@", "!", "::"))
_ADDING = frozenset(("*=", "+=", "^="))
_ENDING = frozenset((",", ";"))
_DIRECTIVE = re.compile(r"%%|%(?:\d{1,3}\$)?[-+ 0#]*+(?:\d++|\*)?(?:\.\d++)?[a-zA-Z]")
_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*+)\}")
_NUMBER = re.compile(r"(-?\d++(?:\.\d++)?)L?")
_NUMBERED = re.compile(r"#\{\d{1,3}\}|#\[[^\[\]]{1,100}\]")


class Item(NamedTuple):
    """An item of a list or a call: its name, if it has one, and the indices of its tokens."""

    name: str | None
    start: int
    stop: int


class Program:
    """The tokens of a program, its brackets, and the values of its expressions."""

    def __init__(self, text: str, language: Language) -> None:
        """Scan a text."""
        self.text = text
        self.language = language
        self.tokens = list(scan(text, language.tokens))
        self.closing: dict[int, int] = {}
        self.opening: dict[int, int] = {}
        self.around: list[int] = []
        self._match_brackets()
        self._constants = self._assigned_once()
        self._known: dict[str, View | None] = {}
        self._copied = 0

    def _match_brackets(self) -> None:
        """Find the closing bracket of each opening one, and the opening one around each token."""
        open_: list[int] = []
        for number, token in enumerate(self.tokens):
            if token.kind == "close" and open_:
                opening = open_.pop()
                # A bracket that another kind of bracket closes holds nothing.
                matches = token.text == _CLOSING[self.tokens[opening].text]
                self.closing[opening] = number if matches else opening
                self.opening[number] = opening
            self.around.append(open_[-1] if open_ else -1)
            if token.kind == "open":
                open_.append(number)
        for one in open_:
            self.closing[one] = one

    def _assigned_once(self) -> dict[str, int]:
        """Return where the values of the names begin that are assigned once."""
        places: dict[str, int] = {}
        for number, token in enumerate(self.tokens):
            if token.kind != "name":
                continue
            if self.is_assignment(number):
                places[token.text] = -1 if token.text in places else number + 2
            elif self.token(number + 1) in _ADDING:
                places[token.text] = -1
        return {name: place for name, place in places.items() if place > 0}

    # ------------------------------------------------------------ structure

    def token(self, number: int) -> str:
        """Return the text of a token, or "" outside the program."""
        return self.tokens[number].text if 0 <= number < len(self.tokens) else ""

    def is_assignment(self, number: int) -> bool:
        """Return whether a name is assigned a value, and is not an argument of that name."""
        if self.token(number + 1) not in self.language.assigning:
            return False
        if self.token(number - 1) in ("$", ".", "[", "@"):
            return False
        return self.token(self.around[number]) not in ("(", "[")

    def items(self, opening: int) -> Iterator[Item]:
        """Yield the items between a bracket and its closing one."""
        closing = self.closing[opening]
        start = number = opening + 1
        while number < closing:
            if self.tokens[number].text in _ENDING and self.tokens[number].kind == "other":
                yield from self._item(start, number)
                start = number + 1
            number = self.after(number)
        yield from self._item(start, closing)

    def _item(self, start: int, stop: int) -> Iterator[Item]:
        if start >= stop:
            return
        token = self.tokens[start]
        if stop - start > 2 and self.token(start + 1) in self.language.pairing:
            if token.kind == "name":
                yield Item(token.text, start + 2, stop)
                return
            if token.kind == "string":
                yield Item(self.string(start).text, start + 2, stop)
                return
        yield Item(None, start, stop)

    def after(self, number: int) -> int:
        """Return the index of the token after a token, or after the bracket that it opens."""
        return max(self.closing.get(number, number), number) + 1

    def callee(self, opening: int) -> str:
        """Return the name of the function that a bracket calls, without its package; or ""."""
        if self.token(opening) != "(":
            return ""
        number = self._before_types(opening)
        if number < 0 or self.tokens[number].kind != "name":
            return ""
        return self.tokens[number].text.rpartition(":")[2]

    def beginning(self, opening: int) -> int:
        """Return where the expression that ends in a bracket begins: its callee, or itself."""
        return self._before_types(opening) if self.callee(opening) else opening

    def _before_types(self, opening: int) -> int:
        """Return the token before a bracket and the types in `Dict{String, Any}(...)`."""
        number = opening - 1
        return self.opening.get(number, 0) - 1 if self.token(number) == "}" else number

    def end_of_statement(self, start: int) -> int:
        """Return where the statement ends whose value begins at a token."""
        number = start
        while number < len(self.tokens):
            token = self.tokens[number]
            if token.kind == "close" or (token.kind == "other" and token.text in _ENDING):
                return number
            if number > start and self._begins(number):
                return number
            number = self.after(number)
        return len(self.tokens)

    def _begins(self, number: int) -> bool:
        """Return whether a token begins a statement, after an operand on a line before."""
        token = self.tokens[number]
        if token.kind == "name" and token.text == "in":
            return True
        joining = self.language.joining | self.language.piping
        return token.fresh and self.token(number - 1) not in joining and token.text not in joining

    # ------------------------------------------------------------ values

    def value(self, start: int, stop: int, depth: int = 0) -> View | None:
        """Return the string or number that tokens stand for; None if all of it is unknown."""
        pieces: list[View] = []
        first = number = start
        while first < stop:
            while number < stop and self.token(number) not in self.language.joining:
                number = self.after(number)
            number = min(number, stop)
            one = self._operand(first, number, depth)
            if one is None and not self._is_simple(first, number):
                return None
            if first > start or number < stop:
                one = self._placed(one, first, number)
            if one is not None:
                pieces.append(one)
            number += 1
            first = number
        if not any(one.text.strip(HOLES) for one in pieces):
            return pieces[0] if len(pieces) == 1 and not pieces[0].text else None
        return pieces[0] if len(pieces) == 1 else joined(pieces)

    def string(self, number: int) -> View:
        """Return the string of a token."""
        return self.language.string(self.text, self.tokens[number], self.copied)

    def copied(self, name: str) -> str | None:
        """Return the text of a constant, to be put into another string."""
        view = self._constant(name, 0)
        return None if view is None else self._copy(view)

    def _operand(self, start: int, stop: int, depth: int) -> View | None:
        if start >= stop or depth > _DEEPEST:
            return None
        token = self.tokens[start]
        if stop - start == 1:
            if token.kind == "string":
                return self.string(start)
            if token.kind == "number":
                return _number(self.text, token, token)
            if token.kind == "name":
                return self._constant(token.text, depth)
            return None
        if stop - start == 2 and token.text == "-" and self.tokens[start + 1].kind == "number":
            return _number(self.text, token, self.tokens[start + 1])
        if token.text == "(" and self.closing.get(start) == stop - 1:
            return self.value(start + 1, stop - 1, depth + 1)
        if token.kind == "name" and self.closing.get(start + 1) == stop - 1:
            return self._built(start + 1, depth + 1)
        return None

    def _constant(self, name: str, depth: int) -> View | None:
        if name not in self._known:
            self._known[name] = None  # a constant cannot contain itself
            start = self._constants.get(name)
            if start is not None and depth <= _DEEPEST:
                self._known[name] = self.value(start, self.end_of_statement(start), depth + 1)
        return self._known[name]

    def _placed(self, view: View | None, start: int, stop: int) -> View:
        """Return an operand as a part of a longer string: as it is written there, or copied there.

        None stands for an unknown operand, which is a hole.
        """
        first, last = self.tokens[start].start, self.tokens[stop - 1].end
        if view is not None and first <= view.offsets[0] <= last:
            return view
        text = None if view is None else self._copy(view)
        return _put(HOLE if text is None else text, first, last)

    def _copy(self, view: View) -> str | None:
        if len(view.text) > _LONGEST or self._copied > _MOST_COPIED:
            return None
        self._copied += len(view.text)
        return view.text

    def _is_simple(self, start: int, stop: int) -> bool:
        """Return whether tokens are one operand: a name, what it holds, what it returns."""
        if start >= stop:
            return False
        number = start
        operand = False
        while number < stop:
            token = self.tokens[number]
            if token.kind in ("name", "string", "number"):
                if operand:
                    return False
                operand = True
            elif token.kind == "open":
                operand = True
            elif token.text in _ACCESS:
                operand = False
            else:
                return False
            number = self.after(number)
        return operand

    # ------------------------------------------------------------ functions

    def _built(self, opening: int, depth: int) -> View | None:
        """Return the string that a function makes of its arguments."""
        how = self.language.building.get(self.callee(opening))
        if how is None:
            return None
        items = list(self.items(opening))
        plain = [one for one in items if one.name is None]
        options: dict[str | None, Item] = {one.name: one for one in items if one.name}
        if how == "same":
            return self.value(plain[0].start, plain[0].stop, depth) if len(plain) == 1 else None
        if how == "listed":
            return self._listed([*plain, *(one for one in items if one.name == "sep")], depth)
        if how in ("formatted", "numbered"):
            return self._formatted(how, plain, options, depth)
        if "collapse" in options:
            return self._listed([*plain, options["collapse"]], depth)
        sep = options.get("sep") or options.get(".sep")
        separator = " " if how == "spaced" else ""
        if sep is not None:
            said = self.value(sep.start, sep.stop, depth)
            if said is None or has_holes(said.text):
                return None
            separator = said.text
        views = self._views(plain, depth)
        if how == "glued":
            views = [filled(one, _BRACES, self._brace) for one in views]
        return joined(views, separator) if views else None

    def _views(self, items: list[Item], depth: int) -> list[View]:
        return [self._placed(self.value(*one[1:], depth), *one[1:]) for one in items]

    def _listed(self, items: list[Item], depth: int) -> View | None:
        """Join the items of a list; the last argument is the separator."""
        if not 1 <= len(items) <= 2:
            return None
        separator = self.value(*items[1][1:], depth) if len(items) == 2 else None
        views = self.listed(items[0], depth)
        if views is None or (len(items) == 2 and (separator is None or has_holes(separator.text))):
            return None
        return joined(views, separator.text if separator is not None else "")

    def listed(self, item: Item, depth: int = 0) -> list[View] | None:
        """Return the items of a list, or of a constant that is a list; None if it is none."""
        start, stop = item.start, item.stop
        if stop - start == 1 and (constant := self._constants.get(self.token(start))) is not None:
            start, stop = constant, self.end_of_statement(constant)
        opening = self._list_at(start, stop)
        if opening is None:
            return None
        return self._views(list(self.items(opening)), depth) or None

    def _list_at(self, start: int, stop: int) -> int | None:
        """Return the opening bracket of the list that tokens are; None if they are none."""
        either = (one for one in (start, start + 1) if self.closing.get(one) == stop - 1)
        opening = next((one for one in either if one < stop - 1), None)
        if opening is None:
            return None
        name = self.callee(opening) if opening > start else self.token(opening)
        # A tuple has a comma; what else is in parentheses is an operand.
        is_list = name != "(" or self._has_comma(opening)
        return opening if name in self.language.lists and is_list else None

    def _has_comma(self, opening: int) -> bool:
        return next(self.items(opening), Item(None, 0, 0)).stop < self.closing[opening]

    def _formatted(
        self, how: str, items: list[Item], options: dict[str | None, Item], depth: int
    ) -> View | None:
        first = options.get("fmt") or (items.pop(0) if items else None)
        template = self.value(*first[1:], depth) if first is not None else None
        if template is None:
            return None
        if how == "numbered":
            return filled(template, _NUMBERED, lambda _: HOLE)
        values = iter(items)

        def directive(match: re.Match[str]) -> str:
            if match[0] == "%%":
                return "%"
            item = next(values, None)
            unknown = HOLE if match[0].endswith("s") else SAFE  # a number has no quote
            if item is None or match[0] not in ("%s", "%d", "%i") or item.stop - item.start > 1:
                return unknown
            view = self._operand(*item[1:], depth)
            return (None if view is None else self._copy(view)) or unknown

        return filled(template, _DIRECTIVE, directive)

    def _brace(self, match: re.Match[str]) -> str:
        if match[1] is None:
            return match[0][0]
        return self.copied(match[1].strip()) or HOLE


def _put(text: str, start: int, end: int) -> View:
    builder = Builder()
    builder.put(text, start, end - start)
    return builder.view(end)


def _number(text: str, first: Token, last: Token) -> View | None:
    """Return a number; None if it is written in another way than a server would read it."""
    match = _NUMBER.fullmatch(text, first.start, last.end)
    return View(match[1], range(first.start, match.end(1) + 1)) if match else None
