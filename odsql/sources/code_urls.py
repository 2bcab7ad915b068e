"""URLs that a program composes: the parameters that the reader of URLs cannot know.

`urls` finds URLs as they are written. It leaves out a parameter with an unknown part, and it does
not see a URL whose path is in a constant. Here the values of expressions are known.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from odsql.sources.code_pieces import cut, text_of, view_of
from odsql.sources.programs import Argument, parameter_name
from odsql.sources.urls import percent_decoded, target
from odsql.syntax.templates import HOLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from odsql.sources.code_pieces import Piece

__all__ = [
    "Target",
    "arguments_in_query",
    "arguments_in_url",
    "decoded",
    "is_foreign",
    "is_written",
    "target_of",
]

_PATH = re.compile(r"/(?:records|exports(?:/[\w-]+|/\ufdd0)?|facets)/?(?=\?|\Z)")
_ABSOLUTE = re.compile(r"https?://[^/?\ufdd0]+/[^?\ufdd0]{2,}(?:\?|\Z)")
_ENDING = re.compile(r"[^/?]+/(?:records|exports|facets)(?:/[^/?]+)?/?\Z")
_LONGEST_PATH = 300
_MOST = 200
"""How many parameters of one URL are read."""
_WRITTEN = re.compile(r"api\\{0,4}/explore\\{0,4}/v2\.\w{1,4}\\{0,4}/(?:catalog|monitoring)\b")
_CATALOG = re.compile(r"explore/v2\.\d/catalog/(?:datasets|facets|exports/\w+)/?\?")
_QUERY = re.compile(r"[?&]|\A(?=(?:where|select|group_by|order_by|refine|exclude)=[^=\s])")


@frozen
class Target:
    """What a URL of a program leads to; each part is None if it is unknown."""

    dataset_id: str | None
    endpoint: str | None


def target_of(text: str) -> Target | None:
    """Return what a URL with holes leads to; None if it is no URL of one operation."""
    path = text.partition("?")[0]
    if not _PATH.search(path):
        return None
    place = path.find("/catalog/")
    if place < 0:  # the first part is unknown
        ending = _ENDING.search(path[-_LONGEST_PATH:])
        path, place = f"/catalog/datasets/{ending[0]}" if ending else "", 0
    dataset_id, endpoint = target(path[place:])
    known = dataset_id is not None and HOLE not in dataset_id
    return Target(dataset_id if known else None, endpoint)


def is_foreign(text: str) -> bool:
    """Return whether a text is a whole URL that leads to something else than an Explore API."""
    found = _ABSOLUTE.match(text)
    return found is not None and "explore" not in found[0]


def arguments_in_url(pieces: Sequence[Piece], *, written: bool) -> tuple[list[Argument], bool]:
    """Return the parameters in a URL, and whether it certainly is one of an Explore API.

    If its path is `written` in the expression, those that have no hole are left out: the reader of
    URLs has found them, or knows why not.
    """
    text = text_of(pieces)
    query = _QUERY.search(text)
    if query is None:
        return [], False
    certain = (
        _PATH.search(text[: query.start() + 1]) is not None or _CATALOG.search(text) is not None
    )
    begins = query.start() == 0 or text[: query.start()] == HOLE
    if not certain and not begins:
        return [], False
    found = [
        one
        for one in arguments_in_query(cut(pieces, query.end(), len(text)))
        if not written or one[1]
    ]
    return [argument for argument, _ in found], certain


def is_written(pieces: Sequence[Piece]) -> bool:
    """Return whether the path of the API is written in the expression itself."""
    return any(one.own and _WRITTEN.search(one.view.text) for one in pieces)


def arguments_in_query(pieces: Sequence[Piece]) -> Iterator[tuple[Argument, bool]]:
    """Yield the parameters in a query, and whether a part of each is unknown or encoded."""
    for start, end in islice(_parameters(pieces), _MOST):
        parts = cut(pieces, start, end)
        name, equals, value = text_of(parts).partition("=")
        known = parameter_name(name)
        if not equals or known is None or not value:
            continue
        written = cut(parts, len(name) + 1, end - start)
        special = any(one.exact or not one.own or one.view.text == HOLE for one in written)
        yield Argument(known, view_of(decoded(written))), special


def decoded(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """Return a part of a query as a server decodes it; what the program encodes is not encoded."""
    return tuple(
        one if one.exact or one.view.text == HOLE else evolve(one, view=percent_decoded(one.view))
        for one in pieces
    )


def _parameters(pieces: Sequence[Piece]) -> Iterator[tuple[int, int]]:
    """Yield where each parameter begins and ends; an encoded text cannot end one."""
    place = start = 0
    for one in pieces:
        text = one.view.text
        if not one.exact:
            fragment = text.find("#")
            for match in re.finditer("&(?:amp;)?", text[: fragment if fragment >= 0 else None]):
                yield start, place + match.start()
                start = place + match.end()
            if fragment >= 0:
                yield start, place + fragment
                return
        place += len(text)
    yield start, place
