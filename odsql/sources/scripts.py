"""Requests in R, Julia and Power Query M, in files, in notebooks, and in the code of documents.

What counts is a list of arguments under the names of parameters: `query = list(where = "...")`,
`req_url_query(where = "...")`, `query = Dict("where" => "...")`, `[Query = [where = "..."]]`, and
`params$where <- "..."`. It is certain if it is handed to a request by the name of its argument or
by the function, directly, in a list of lists, or by the name of a variable of the file.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attrs import define, field

from odsql.checks.diagnostics import CLAUSES
from odsql.sources import json_strings
from odsql.sources.programs import Argument, Call, leads, parameter_name
from odsql.sources.script_languages import LANGUAGES
from odsql.sources.script_values import Item, Program
from odsql.sources.urls import OLD
from odsql.sources.views import View, joined, whole
from odsql.syntax.templates import HOLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odsql.sources.script_languages import Language

__all__ = ["SUFFIXES", "find_calls"]

SUFFIXES = {
    "r": ("r",), "rprofile": ("r",), "jl": ("julia",), "m": ("m",), "pq": ("m",), "pqm": ("m",),
    "rmd": ("r", "julia"), "qmd": ("r", "julia"), "rnw": ("r",), "jmd": ("julia",),
    "ipynb": ("r", "julia"),
}  # fmt: skip
"""The languages that a file may have, by its suffix."""

_WORDS = re.compile(r"where|select|group_by|order_by|refine|exclude|facet")
_CHUNK = re.compile(r"(?m)^[ \t]{0,20}(`{3,9})\{[ \t]{0,9}(r|julia)\b[^\n]*\n")
_CELL = re.compile(r'"cell_type"\s{0,20}:\s{0,20}"(\w+)"')
_TARGET = re.compile(r"/datasets/([\w.@-]+)/(records|exports|facets)\b")
_NUMBER = re.compile(r"\A-?\d+\Z")
_SHAPES = {
    "limit": _NUMBER,
    "offset": _NUMBER,
    "where": re.compile(r"[=<>(:]|\b(?:in|like|is)\b", re.IGNORECASE),
}
"""What the values of parameters look like, where it is not certain that they are parameters."""
_REPEATED = frozenset(("where", "refine", "exclude", "facet"))
_OTHER = re.compile(rf"https?://[^/{HOLE}]+/(?!api/?\Z)[^{HOLE}]*\w[^{HOLE}]*\Z")
_ELSEWHERE = (None, "")
"""Stands for a request to another API, or to an older generation, which has other parameters."""
_MOST_LEVELS = 20
_MOST_NAMES = 50
_MOST_ITEMS = 20


def find_calls(text: str, suffix: str) -> Iterator[Call]:
    """Yield what the program in a file hands to requests, given the suffix of its name."""
    if _WORDS.search(text) is None:
        return
    for name, view in _programs(text, suffix):
        language = LANGUAGES[name]
        if _WORDS.search(view.text) and any(one in view.text for one in language.needs):
            for call in _Finder(Program(view.text, language)).calls():
                yield call if isinstance(view.offsets, range) else _inside(call, view)


def _programs(text: str, suffix: str) -> Iterator[tuple[str, View]]:
    """Yield the programs in a file, each with its language."""
    if suffix == "ipynb":
        kernel = json_strings.other_kernel(text)
        cells = [one for one in json_strings.cells(text) if _is_code(text, one)] if kernel else []
        if kernel is not None and cells:
            yield kernel, joined(cells, "\n")
    elif suffix in ("rmd", "qmd", "jmd", "rnw"):
        for name in SUFFIXES[suffix]:
            chunks = [one for of, one in _chunks(text) if of == name]
            if chunks:
                yield name, joined(chunks, "\n")
    else:
        yield SUFFIXES[suffix][0], whole(text)


def _is_code(text: str, cell: View) -> bool:
    """Return whether a cell is code; its type is written shortly before the text of prose."""
    start = cell.offsets[0]
    kinds = _CELL.findall(text, max(0, start - 1000), start)
    return not kinds or kinds[-1] == "code"


def _chunks(text: str) -> Iterator[tuple[str, View]]:
    place = 0
    while (opening := _CHUNK.search(text, place)) is not None:
        end = text.find("\n" + opening[1], opening.end() - 1)
        if end < 0:
            return
        place = end + 1
        yield opening[2], View(text[opening.end() : place], range(opening.end(), place + 1))


def _inside(call: Call, view: View) -> Call:
    arguments = (Argument(one.name, one.value and one.value.inside(view)) for one in call.arguments)
    start = view.offsets[call.start]
    return Call(tuple(arguments), start, call.certain, call.dataset_id, call.endpoint)


@define
class _Group:
    """The parameters that one list has, or that are set in one variable."""

    start: int
    certain: bool = False
    target: tuple[str | None, str] = (None, "records")
    items: list[tuple[str, Item]] = field(factory=list)


class _Finder:
    """Finds the calls of one program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.language: Language = program.language
        self.handed: set[str] = set()

    def calls(self) -> Iterator[Call]:
        """Yield the calls in order."""
        self.handed = self._handed_names()
        groups: dict[int, _Group] = {}
        variables: dict[str, _Group] = {}
        program = self.program
        for number, token in enumerate(program.tokens):
            if token.kind not in ("name", "string") or (name := self._parameter(number)) is None:
                continue
            opening = program.around[number]
            if self._is_set(number, opening):
                group = groups[opening] = _Group(program.tokens[opening - 1].start, certain=True)
                group.items.append((name, Item(name, number + 2, program.closing[opening])))
            elif self._is_named(number, opening):
                if opening not in groups and not self._is_definition(opening):
                    groups[opening] = self._group(opening, variables)
            elif (assigned := self._assigned(number)) is not None:
                variable, start = assigned
                group = variables.get(variable) or _Group(token.start)
                group.certain = group.certain or variable in self.handed
                if variable not in variables:
                    variables[variable] = groups[-number - 1] = group
                group.items.append((name, Item(name, start, program.end_of_statement(start))))
        for group in groups.values():
            yield from self._call(group)

    def _parameter(self, number: int) -> str | None:
        token = self.program.tokens[number]
        if token.kind == "string":
            return parameter_name(token.text[1:-1]) if len(token.text) < 40 else None
        return parameter_name(token.text)

    # ------------------------------------------------------------ where parameters stand

    def _is_named(self, number: int, opening: int) -> bool:
        """Return whether a token is the name of an argument, or a key of a list."""
        program = self.program
        if opening < 0 or program.token(number + 1) not in self.language.pairing:
            return False
        return program.token(opening) != "{" and (
            number == opening + 1 or program.token(number - 1) in (",", ";")
        )

    def _is_definition(self, opening: int) -> bool:
        """Return whether a bracket has the parameters of a function that is defined there."""
        callee = self.program.beginning(opening)
        return "function" in (self.program.token(callee), self.program.token(callee - 1))

    def _is_set(self, number: int, opening: int) -> bool:
        """Return whether a token is the second argument of a function that sets a parameter."""
        program = self.program
        return (
            opening >= 0
            and program.callee(opening) in self.language.setting
            and program.tokens[number].kind == "string"
            and program.token(number - 1) == program.token(number + 1) == ","
        )

    def _assigned(self, number: int) -> tuple[str, int] | None:
        """Return the variable whose parameter is assigned at a token, and where its value begins.

        These are `params$where <-`, `params["where"] =` and `params[["where"]] <-`.
        """
        program = self.program
        first, last = number, number
        while program.token(first - 1) == "[" and program.token(last + 1) == "]":
            first, last = first - 1, last + 1
        if program.token(first - 1) == "$" and first == number:
            first -= 1
        if first == number or program.token(last + 1) not in self.language.assigning:
            return None
        if first < 1 or program.tokens[first - 1].kind != "name":
            return None
        return program.token(first - 1), last + 2

    # ------------------------------------------------------------ groups

    def _group(self, opening: int, variables: dict[str, _Group]) -> _Group:
        program = self.program
        first = program.beginning(opening)
        group = _Group(program.tokens[first].start)
        for item in program.items(opening):
            name = parameter_name(item.name) if item.name is not None else None
            if name is not None:
                group.items.append((name, item))
        group.certain = self._is_handed(opening)
        group.target = self._target(opening)
        if program.token(first - 1) in self.language.assigning and first > 1:
            variables[program.token(first - 2)] = group
        return group

    def _is_handed(self, opening: int) -> bool:
        """Return whether a list of parameters is handed to a request."""
        program, language = self.program, self.language
        if program.callee(opening) in language.asking:
            return True
        for _ in range(_MOST_LEVELS):
            first = program.beginning(opening)
            if program.token(first - 1) == "!!!":
                first -= 1
            operator, name = program.token(first - 1), program.token(first - 2)
            around = program.around[opening]
            if operator in language.pairing or operator in language.assigning:
                is_variable = around < 0 or program.token(around) == "{"
                return name in language.handed or (is_variable and name in self.handed)
            if around < 0:
                return False
            callee = program.callee(around)
            if callee in language.encoding or callee in language.asking:
                return True
            if (callee or program.token(around)) not in language.lists:
                return False
            opening = around
        return False

    def _handed_names(self) -> set[str]:
        """Return the variables that are handed to a request."""
        program, language = self.program, self.language
        names: set[str] = set()
        for number, token in enumerate(program.tokens):
            if token.kind == "name" and token.text in language.handed:
                if program.token(number + 1) in language.pairing:
                    names |= self._names(number + 2)
                elif program.token(number - 1) == ";":  # HTTP.get(url; query)
                    names.add(token.text)
            elif token.text == "!!!" or program.callee(number) in language.encoding:
                names |= self._names(number + 1)
        return names

    def _names(self, start: int) -> set[str]:
        """Return the names in an expression that are not those of functions."""
        program = self.program
        names: set[str] = set()
        depth = 0
        for number in range(start, min(start + _MOST_NAMES, len(program.tokens))):
            token = program.tokens[number]
            depth += (token.kind == "open") - (token.kind == "close")
            if depth < 0 or (not depth and (token.text == "," or (token.fresh and number > start))):
                break
            if token.kind == "name" and program.token(number + 1) != "(":
                names.add(token.text)
        return names

    # ------------------------------------------------------------ datasets

    def _target(self, opening: int) -> tuple[str | None, str]:
        """Return the dataset and the operation of the URL that stands beside a list."""
        program = self.program
        if program.callee(opening) in self.language.naming_dataset:
            first = next(program.items(opening), None)
            view = program.value(first.start, first.stop) if first is not None else None
            known = first is not None and first.name in (None, "dataset_id")
            return (view.text if view is not None and known else None), "records"
        place = opening
        for _ in range(3):
            found = self._target_in(place)
            if found is not None:
                return found
            place = program.around[place]
            if place < 0:
                break
        return None, "records"

    def _target_in(self, opening: int) -> tuple[str | None, str] | None:
        """Return what the arguments of a call lead to, and those of the calls piped into it."""
        program = self.program
        for _ in range(_MOST_LEVELS):
            for number, item in enumerate(program.items(opening)):
                if number == _MOST_ITEMS:
                    break
                if item.stop - item.start == 1 and parameter_name(item.name or "") is None:
                    view = program.value(item.start, item.stop)
                    found = _led_to(view.text) if view is not None else None
                    if found is not None:
                        return found
            before = program.beginning(opening) - 1
            if program.token(before) not in self.language.piping:
                return None
            piped = program.opening.get(before - 1)
            if piped is None:
                return None
            opening = piped
        return None

    # ------------------------------------------------------------ calls

    def _call(self, group: _Group) -> Iterator[Call]:
        if group.target == _ELSEWHERE:
            return
        arguments = [one for name, item in group.items for one in self._arguments(name, item)]
        if not group.certain and not _is_plausible(arguments):
            return
        dataset_id, endpoint = group.target
        yield Call(tuple(arguments), group.start, group.certain, dataset_id, endpoint)

    def _arguments(self, name: str, item: Item) -> Iterator[Argument]:
        program = self.program
        views = program.listed(item)
        if views is None:
            yield Argument(name, program.value(item.start, item.stop))
        elif name in _REPEATED:
            for one in views:
                yield Argument(name, one if one.text else None)
        else:
            yield Argument(name, joined(views, ", "))


def _led_to(url: str) -> tuple[str | None, str] | None:
    """Return the dataset and the operation of a URL; None if it says nothing about them."""
    if OLD.search(url) or (_OTHER.match(url) and not leads(url)):
        return _ELSEWHERE
    match = _TARGET.search(url)
    return (match[1], match[2]) if match is not None else None


def _is_plausible(arguments: list[Argument]) -> bool:
    """Return whether named arguments may be a query: several parameters, one of them a clause."""
    if len({one.name for one in arguments}) < 2:
        return False
    known = [(one.name, one.value.text) for one in arguments if one.value is not None]
    if any(name in _SHAPES and not _SHAPES[name].search(text) for name, text in known):
        return False
    return any(name in CLAUSES for name, _ in known)
