"""Pieces of texts: known ones, and holes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from odsql.sources.views import View, closed, decode, joined
from odsql.syntax.templates import HOLE

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Piece", "Pieces", "cut", "hole", "text_of", "view_of"]


@frozen
class Piece:
    """A known text, or a hole.

    `view` knows where the text is written. `start` and `end` are where the expression uses it,
    which differs for the text of a name. `exact` means that it is encoded for a URL at run time, so
    every character stands for itself.
    """

    view: View
    start: int
    end: int
    exact: bool = False

    @property
    def own(self) -> bool:
        """Whether the text is written where it is used."""
        return self.start <= self.view.offsets[0] and self.view.offsets[-1] <= self.end


Pieces = tuple[Piece, ...] | None
"""The value of an expression; None if nothing is known of it."""


_PLACEHOLDER = re.compile(r"\{{1,2}\w{0,60}\}{1,2}|%(?:\d\$)?[sd@](?!\w)")
"""What another part of the program, or a library, fills in: `{town}`, `%s`."""


def hole(start: int, end: int) -> Piece:
    """Return a hole that spans a part of the file."""
    return Piece(View(HOLE, (start, end)), start, end)


def view_of(pieces: Sequence[Piece]) -> View | None:
    """Return pieces as one text; None if nothing in it is known.

    Placeholders that are filled in elsewhere are holes, too. Where a name or an argument is only a
    part of the text, what it stands for is at its own place, so that the places of all characters
    are in order.
    """
    view = _joined(pieces)
    if "{" in view.text or "%" in view.text:
        view = decode(view.text, 0, len(view.text), _PLACEHOLDER, lambda _: HOLE).inside(view)
    return view if view.text.strip(HOLE) or not view.text else None


def _joined(pieces: Sequence[Piece]) -> View:
    views = [one.view for one in pieces]
    if len(views) == 1:
        return views[0]
    if any(one.own for one in pieces) or not _in_order(views):
        views = [
            one.view if one.own else View(one.view.text, (one.start,) * (len(one.view.text) + 1))
            for one in pieces
        ]
    return joined(views)


def _in_order(views: Sequence[View]) -> bool:
    ends = [closed(one.offsets)[-1] for one in views]
    return all(end <= after.offsets[0] for end, after in zip(ends, views[1:], strict=False))


def text_of(pieces: Sequence[Piece]) -> str:
    """Return the text of pieces, with holes."""
    return "".join(one.view.text for one in pieces)


def cut(pieces: Sequence[Piece], start: int, end: int) -> tuple[Piece, ...]:
    """Return the part of pieces from one index of their text to another."""
    found = []
    place = 0
    for one in pieces:
        length = len(one.view.text)
        first, last = max(start - place, 0), min(end - place, length)
        if first < last:
            view = one.view if last - first == length else one.view.cut(first, last)
            found.append(evolve(one, view=view))
        place += length
    return tuple(found)
