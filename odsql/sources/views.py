"""Strings that know where they come from.

A `View` is a decoded string with, for each of its characters, the offset in the file at which that
character is written. A view can be decoded several times (JSON, then a string literal, then percent
escapes) and stays correct, because its offsets compose. Offsets are stored as runs of adjacent
characters, so a long string with few escapes costs little.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

from attrs import frozen

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterable

__all__ = ["Builder", "View", "closed", "compose", "decode", "joined", "whole"]


class _Offsets(Sequence[int]):
    """The base class of offsets: an index gives one, a slice gives a list."""

    __slots__ = ()

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> list[int]: ...
    def __getitem__(self, index: int | slice) -> int | list[int]:
        numbers = range(len(self))[index]
        return self._at(numbers) if isinstance(numbers, int) else [self._at(n) for n in numbers]

    def _at(self, index: int) -> int:
        raise NotImplementedError

    def end_of(self, index: int) -> int:
        """Return where the character before `index` ends."""
        return self._at(index)


class _Runs(_Offsets):
    """Offsets in runs: from index `starts[k]`, the characters are adjacent, from `places[k]` on."""

    __slots__ = ("_length", "_places", "_starts")

    def __init__(self, starts: list[int], places: list[int], length: int) -> None:
        self._starts = starts
        self._places = places
        self._length = length

    def __len__(self) -> int:
        return self._length

    def _at(self, index: int) -> int:
        run = bisect_right(self._starts, index) - 1
        return self._places[run] + index - self._starts[run]

    def end_of(self, index: int) -> int:
        # Of several entries for one start, the first is the end of the character before it.
        run = bisect_left(self._starts, index)
        found = run < len(self._starts) and self._starts[run] == index
        return self._places[run] if found else self._at(index)


class _Composed(_Offsets):
    """Offsets that are looked up in other offsets."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, outer: Sequence[int], inner: Sequence[int]) -> None:
        self._outer = outer
        self._inner = inner

    def __len__(self) -> int:
        return len(self._inner)

    def _at(self, index: int) -> int:
        return self._outer[self._inner[index]]

    def end_of(self, index: int) -> int:
        return _end(self._outer, _end(self._inner, index))


class _Ended(_Offsets):
    """Offsets whose last character ends before something that is not part of the string."""

    __slots__ = ("_end", "_offsets")

    def __init__(self, offsets: Sequence[int], end: int) -> None:
        self._offsets = offsets
        self._end = end

    def __len__(self) -> int:
        return len(self._offsets)

    def _at(self, index: int) -> int:
        return self._end if index == len(self._offsets) - 1 else self._offsets[index]


def _end(offsets: Sequence[int], index: int) -> int:
    """Return where the character before `index` ends; the next may begin later."""
    return offsets.end_of(index) if isinstance(offsets, _Offsets) else offsets[index]


def closed(offsets: Sequence[int]) -> Sequence[int]:
    """Return offsets whose last entry is the end of the last character."""
    last = len(offsets) - 1
    end = _end(offsets, last) if last else offsets[last]
    return offsets if end == offsets[last] else _Ended(offsets, end)


def compose(outer: Sequence[int], inner: Sequence[int]) -> Sequence[int]:
    """Return the offsets in the file of `inner`, whose offsets point into the text of `outer`."""
    if isinstance(outer, range):
        if outer.start == 0:
            return inner
        if isinstance(inner, range):
            return outer[inner.start : inner.stop]
    return _Composed(outer, inner)


@frozen
class View:
    """A decoded string, and the offset in the file of each of its characters and of its end."""

    text: str
    offsets: Sequence[int]

    def cut(self, start: int, end: int) -> View:
        """Return the part from `start` to `end`."""
        return View(self.text[start:end], compose(self.offsets, range(start, end + 1)))

    def inside(self, outer: View) -> View:
        """Return this view, whose offsets point into `outer`, as a view of the file of `outer`."""
        return View(self.text, compose(outer.offsets, self.offsets))


def whole(text: str) -> View:
    """Return the view of a file's unchanged text."""
    return View(text, range(len(text) + 1))


class Builder:
    """Collects a view piece by piece."""

    __slots__ = ("_length", "_pieces", "_places", "_starts")

    def __init__(self) -> None:
        """Start with an empty view."""
        self._pieces: list[str] = []
        self._starts: list[int] = []
        self._places: list[int] = []
        self._length = 0

    def add(self, text: str, place: int) -> None:
        """Add text that is written unchanged at `place`."""
        self._starts.append(self._length)
        self._places.append(place)
        self._pieces.append(text)
        self._length += len(text)

    def put(self, text: str, place: int, width: int) -> None:
        """Add text written with `width` characters, divided equally among its own."""
        step = width // len(text) if text else 0
        for number, one in enumerate(text):
            self.add(one, place + number * step)

    def skip_to(self, place: int) -> None:
        """Set the position of the next character, or of the end."""
        self._starts.append(self._length)
        self._places.append(place)

    def view(self, end: int) -> View:
        """Return the collected view; its last character ends at `end`."""
        self.skip_to(end)
        return View("".join(self._pieces), _Runs(self._starts, self._places, self._length + 1))


def decode(
    text: str,
    start: int,
    end: int,
    pattern: re.Pattern[str],
    replacement: Callable[[re.Match[str]], str],
) -> View:
    """Return `text[start:end]` with every match of the pattern replaced, as a view of `text`."""
    first = pattern.search(text, start, end)
    if first is None:
        return View(text[start:end], range(start, end + 1))
    builder = Builder()
    place = start
    for match in pattern.finditer(text, first.start(), end):
        builder.add(text[place : match.start()], place)
        new = replacement(match)
        if new:
            builder.put(new, match.start(), match.end() - match.start())
        else:
            builder.skip_to(match.start())
        place = match.end()
        builder.skip_to(place)
    builder.add(text[place:end], place)
    return builder.view(end)


def joined(views: Iterable[View], separator: str = "") -> View:
    """Join consecutive views of one file into one view.

    The separator is located at the source text between two views.
    """
    builder = Builder()
    end = 0
    for number, view in enumerate(views):
        if separator and number:
            builder.put(separator, end, view.offsets[0] - end)
        _add(builder, view)
        end = _end(view.offsets, len(view.text))
        builder.skip_to(end)
    return builder.view(end)


def _add(builder: Builder, view: View) -> None:
    if isinstance(view.offsets, range):
        builder.add(view.text, view.offsets.start)
        return
    start = 0
    places = list(view.offsets)
    for index in range(1, len(view.text) + 1):
        if index == len(view.text) or places[index] != places[index - 1] + 1:
            builder.add(view.text[start:index], places[start])
            start = index
