"""Requests in programs: parameters under their names, in what a program hands to a request.

Programs do not write whole URLs. They write `params={"where": f"id in ({ids})", "limit": 100}`,
`new URLSearchParams({where: ...})` or `query = list(where = "...")`. Each reader of a language
yields `Call`s; this module decides which of them are requests.

A value is a view whose unknown parts are holes (`odsql.syntax.templates.HOLE`): one character whose
offsets span what the program fills in, such as `{ids}`. A value that is unknown as a whole is None.

A file counts only if it leads to an Explore API (`leads`). In such a file, what is handed to a
request is `certain`. A dictionary with the right keys that merely stands there is a guess: it
counts only if every clause in it can be read, because it may be a form, a translation or SQL.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from odsql.checks.diagnostics import CLAUSES, PARAMETERS
from odsql.sources.requests import found
from odsql.syntax.errors import ODSQLSyntaxError
from odsql.syntax.templates import fill

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from odsql.sources.model import Found, SourceFile
    from odsql.sources.suppressing import Suppressions
    from odsql.sources.views import View

__all__ = [
    "NAMES",
    "Argument",
    "Call",
    "has_parameters",
    "leads",
    "may_have_requests",
    "parameter_name",
    "requests",
    "without",
]

NAMES = PARAMETERS
"""The names of parameters, as programs write them as keys."""

_CAMEL = {"groupBy": "group_by", "orderBy": "order_by", "useLabels": "use_labels"}
_PATH = re.compile(r"api\\{0,4}/explore\\{0,4}/v2\.[1-9](?!\\{0,4}/console)")
_CLIENTS = ("@opendatasoft/api-client", "VancouvR", "ukpyn")
_CLIENT = re.compile(r"@opendatasoft/api-client|\b(?:VancouvR|ukpyn)\b")
_WORDS = re.compile(
    r"select|where|group_?by|order_?by|refine|exclude|facet|limit|offset", re.IGNORECASE
)

_KEYS = (*CLAUSES, "groupBy", "orderBy")
_KEY_END = re.compile(r"[\"']?[ \t]{0,20}:")
_NAME_END = re.compile(r"[\"']?[ \t]{0,20}(?:[,}\r\n]|\Z)")
_LISTS = ("params", "arameters", "query", "tring", "qs")
"""The ends of the keys of lists of names and values."""


@frozen
class Argument:
    """One parameter: its name as a request has it, and its value; None if that is unknown."""

    name: str
    value: View | None


@frozen
class Call:
    """What a program hands to one request.

    Attributes:
        arguments: the parameters, in the order they are written.
        start: where the request begins in the file.
        certain: whether it is certainly handed to a request, or only looks like it.
        dataset_id: the dataset, if it is known.
        endpoint: the operation, as in `Request`.
    """

    arguments: tuple[Argument, ...]
    start: int
    certain: bool
    dataset_id: str | None = None
    endpoint: str = "records"


def leads(text: str) -> bool:
    """Return whether a file leads to an Explore API: it has the path of one, or a known client."""
    if _PATH.search(text) is not None:
        return True
    # Searching for words is much faster than for a pattern with alternatives.
    return any(one in text for one in _CLIENTS) and _CLIENT.search(text) is not None


def may_have_requests(file: SourceFile, callables: Collection[str] = ()) -> bool:
    """Return whether a program may have requests; a fast check, because most have none.

    `callables` are the functions that the configuration lists; a program that calls one need not
    lead to an Explore API.
    """
    text = file.text
    listed = file.leading or any(one.rpartition(".")[2] in text for one in callables)
    return (listed or leads(text)) and _WORDS.search(text) is not None


def has_parameters(text: str) -> bool:
    """Return whether YAML or JSON has the keys of clauses, or a list with their names."""
    if _has(_KEYS, _KEY_END, text):
        return True
    return _has(_LISTS, _KEY_END, text) and _has(_KEYS, _NAME_END, text)


def _has(words: tuple[str, ...], after: re.Pattern[str], text: str) -> bool:
    """Return whether one of the words stands before a pattern.

    This is much faster than one pattern with alternatives, because most texts have few such words.
    """
    for word in words:
        place = text.find(word)
        while place >= 0:
            if after.match(text, place + len(word)):
                return True
            place = text.find(word, place + 1)
    return False


def without(call: Call, places: Collection[int]) -> Call:
    """Return a call without the values that begin at one of these offsets; they are unknown."""
    arguments = tuple(
        Argument(one.name, None)
        if one.value is not None and one.value.offsets[0] in places
        else one
        for one in call.arguments
    )
    return evolve(call, arguments=arguments)


def parameter_name(key: str) -> str | None:
    """Return the parameter that a key of a program stands for; None if it is none."""
    name = _CAMEL.get(key, key)
    return name if name in NAMES else None


def requests(
    file: SourceFile, calls: Iterable[Call], suppressions: Suppressions
) -> Iterator[Found]:
    """Yield the requests among calls."""
    for call in calls:
        if not call.certain and not all(map(_can_be_read, call.arguments)):
            continue
        known = [(one.name, one.value) for one in call.arguments if one.value is not None]
        unknown = {one.name for one in call.arguments if one.value is None}
        # What a program adds elsewhere is unknown.
        request = found(
            file, known, suppressions,
            start=call.start, dataset_id=call.dataset_id, endpoint=call.endpoint,
            skipped={"*", *unknown},
        )  # fmt: skip
        if request is not None:
            yield request


def _can_be_read(argument: Argument) -> bool:
    if argument.value is None or argument.name not in CLAUSES:
        return True
    try:
        fill(argument.name, argument.value.text)
    except ODSQLSyntaxError:
        return False
    return True
