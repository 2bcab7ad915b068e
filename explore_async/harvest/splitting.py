"""Splitting a part of a dataset until no part has more rows than fit.

A part is cut by one field after the other, the best first: numbers and dates, then texts, and among
these the ones with the most different values. A part that one field cannot cut, such as all rows
with one value, is cut by the next.

Numbers and dates are counted in many narrow buckets at once, and neighbouring buckets are packed
into parts. Only where a bucket leaves much room in a part, or does not fit at all, is it counted
again in narrower ones. So a split takes a few requests where values are spread, and about two for a
part where they are crowded. Where a portal does not count buckets, parts are bisected, with one
request for each cut.

Texts are counted by their values if there are fewer than 20,000, and otherwise prefix by prefix.
"""

from __future__ import annotations

from collections import deque
from itertools import groupby
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from explore_async.errors import ConfigurationError
from explore_async.harvest.counting import ORDERED, Counter, Extent, finest
from explore_async.harvest.partitions import (
    Between,
    Bound,
    Equal,
    Missing,
    Others,
    Prefixes,
    Slice,
    joined,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from explore_async.models import DatasetField

__all__ = ["Part", "Splitter", "candidates"]

_BUCKETS_PER_PART = 20
_FEWEST_BUCKETS = 64
_ROOM = 0.15
"""The share of a part that may stay empty before a bucket is counted again in narrower ones."""
_LONGEST = 2_000
"""The characters of a condition on a text; the line of a request may have about 8,000 bytes."""
_MOST_FIELDS = 6
_COUNTABLE = 20_000


@frozen
class Part:
    """Rows that are in all of these slices, and their number."""

    slices: tuple[Slice, ...]
    rows: int


@frozen
class _Cell:
    """Rows of neighbouring values, from `low` up to `high`; None leaves an end open.

    `whole` is true if it cannot be cut, and `half` if the portal does not count buckets, so that
    cutting it is dear.
    """

    low: Bound | None
    high: Bound | None
    rows: int
    whole: bool = False
    half: bool = False


def candidates(fields: Sequence[DatasetField], split_by: Sequence[str] = ()) -> list[DatasetField]:
    """Return the fields that can cut a dataset into disjoint parts, in the order of the schema.

    Raises:
        ConfigurationError: a field of `split_by` is none of these.
    """
    usable = {one.name: one for one in fields if _can_cut(one)}
    unknown = [name for name in split_by if name not in usable]
    if unknown:
        raise ConfigurationError(
            f"{unknown[0]} cannot cut the dataset into parts. Choose from the fields with one "
            f"number, date or text: {', '.join(usable) or 'there is none'}."
        )
    return [usable[name] for name in split_by] if split_by else list(usable.values())


def _can_cut(one: DatasetField) -> bool:
    many = one.annotations.get("multivalued", False) is not False
    return not many and one.type in {*ORDERED, "text"}


@frozen
class Splitter:
    """Splits parts of a dataset.

    Attributes:
        counter: counts rows.
        most: the maximum number of rows of a part.
    """

    counter: Counter
    most: int

    async def ranked(self, fields: Sequence[DatasetField], *, chosen: bool) -> list[DatasetField]:
        """Return the fields that help, the best first; `chosen` keeps their order."""
        extents = await self.counter.extents(fields)
        useful = [one for one in fields if one.name in extents and extents[one.name].filled]
        if chosen:
            return useful
        useful = [one for one in useful if extents[one.name].distinct > 1]
        useful.sort(key=lambda one: (one.type == "text", -extents[one.name].distinct))
        return useful[:_MOST_FIELDS]

    async def split(self, part: Part, fields: Sequence[DatasetField]) -> list[Part]:
        """Return parts that together are the part; one stays too large if no field cuts it."""
        if part.rows <= self.most:
            return [part]
        for at, one in enumerate(fields):
            pieces = await self._cut(part, one)
            if pieces is None:
                continue
            made = []
            for piece in pieces:
                made += await self.split(piece, fields[at + 1 :])
            return made
        return [part]

    async def _cut(self, part: Part, one: DatasetField) -> list[Part] | None:
        """Return the parts by one field; None if it does not divide the part."""
        if one.type == "text":
            return await self._by_text(part, one.name)
        extent = (await self.counter.extents([one], part.slices)).get(one.name)
        if extent is None:
            return None
        missing = part.rows - extent.filled
        if extent.low == extent.high and not missing:
            return None
        cells = [_Cell(None, None, extent.filled, whole=extent.low == extent.high)]
        if extent.filled > self.most and not cells[0].whole:
            cells = await self._cells(part, one, cells[0], extent)
        made = await self._packed(part, one, cells)
        if missing:
            made.append(Part((*part.slices, Missing(one.name)), missing))
        return made

    # ------------------------------------------------------------ numbers and dates

    async def _packed(self, part: Part, one: DatasetField, cells: Sequence[_Cell]) -> list[Part]:
        """Pack cells into parts, in order, and cut those that do not fit well."""
        made: list[Part] = []
        waiting = deque(cells)
        held: _Cell | None = None
        while waiting:
            cell = waiting.popleft()
            rows = 0 if held is None else held.rows
            if rows + cell.rows <= self.most:
                held = cell if held is None else _both(held, cell)
                continue
            roomy = not cell.half and self.most - rows > self.most * _ROOM
            if not cell.whole and (cell.rows > self.most or roomy):
                finer = await self._finer(part, one, cell)
                waiting.extendleft(reversed(finer))
                continue
            if held is not None:
                made.append(_part(part, one, held))
            held = cell
        if held is not None:
            made.append(_part(part, one, held))
        return made

    async def _finer(self, part: Part, one: DatasetField, cell: _Cell) -> list[_Cell]:
        slices = (*part.slices, Between(one.name, cell.low, cell.high))
        extent = (await self.counter.extents([one], slices)).get(one.name)
        if extent is None or extent.low == extent.high or extent.filled != cell.rows:
            return [evolve(cell, whole=True)]
        return await self._cells(part, one, cell, extent)

    async def _cells(
        self, part: Part, one: DatasetField, cell: _Cell, extent: Extent
    ) -> list[_Cell]:
        """Return a cell in several, which leave no gap between its ends."""
        slices = (*part.slices, Between(one.name, cell.low, cell.high))
        wanted = max(_FEWEST_BUCKETS, _BUCKETS_PER_PART * -(-cell.rows // self.most))
        found = await self.counter.histogram(one, extent, slices, buckets=wanted)
        if found is None:
            return await self._halves(part, one, cell, extent)
        buckets, is_finest = found
        lows = [cell.low, *(bucket.low for bucket in buckets[1:])]
        highs = [*lows[1:], cell.high]
        # Decimals have no narrowest bucket; their cells are whole when all values are equal.
        whole = is_finest or len(buckets) == 1
        return [
            _Cell(low, high, bucket.rows, whole)
            for low, high, bucket in zip(lows, highs, buckets, strict=True)
        ]

    async def _halves(
        self, part: Part, one: DatasetField, cell: _Cell, extent: Extent
    ) -> list[_Cell]:
        """Return a cell in two, cut in the middle of its values."""
        middle = _middle(extent, one.type)
        if middle is None:
            return [evolve(cell, whole=True)]
        below = await self.counter.rows((*part.slices, Between(one.name, cell.low, middle)))
        if not 0 < below < cell.rows:
            return [evolve(cell, whole=True)]
        first = evolve(cell, high=middle, rows=below, half=True)
        return [first, _Cell(middle, cell.high, cell.rows - below, half=True)]

    # ------------------------------------------------------------ texts

    async def _by_text(self, part: Part, name: str) -> list[Part] | None:
        filled = await self.counter.rows((*part.slices, Between(name, None, None)))
        texts = await self.counter.texts(name, part.slices)
        small: list[tuple[str, int]] = []
        if texts is None:
            found = await self._by_prefix(part, name, "", filled, (), small)
        elif sum(texts.values()) != filled or (len(texts) < 2 and filled == part.rows):
            return None
        else:
            found = _by_value(name, texts, self.most, "", small)
        found += _binned(name, sorted(small), self.most)
        made = [Part((*part.slices, one.slices[-1]), one.rows) for one in found]
        if any(len(str(joined(one.slices[-1:]))) > _LONGEST for one in made):
            return None
        if filled < part.rows:
            made.append(Part((*part.slices, Missing(name)), part.rows - filled))
        return made

    async def _by_prefix(
        self,
        part: Part,
        name: str,
        prefix: str,
        rows: int,
        alphabet: Sequence[str],
        small: list[tuple[str, int]],
    ) -> list[Part]:
        """Return parts of the texts with a prefix, by the character after it.

        Longer prefixes whose texts fit in a part are added to `small` instead.

        The characters that were found elsewhere are tried first, because that takes one request for
        each, and finding another takes two.
        """
        children: dict[str, int] = {}
        equal, left = 0, rows
        for character in alphabet:
            if not left:
                break
            start = prefix + character
            children[start] = await self._count(part, Prefixes(name, (start,)))
            left -= children[start]
        while left > 0:
            starts = tuple(children)
            rest = Others(name, prefix, starts, prefix if equal else None)
            text = await self.counter.first_text(name, (*part.slices, rest))
            if text is None or not text.startswith(prefix):
                break
            if text == prefix:
                equal = await self._count(part, Equal(name, prefix))
                left -= equal
                continue
            start = text[: len(prefix) + 1]
            children[start] = await self._count(part, Prefixes(name, (start,)))
            left -= children[start]
        children = {start: found for start, found in children.items() if found}
        known = [start[len(prefix) :] for start in children]
        learnt = list(dict.fromkeys([*alphabet, *known]))
        made = [Part((Others(name, prefix, tuple(children)),), equal + max(0, left))]
        for start, found in children.items():
            if found > self.most:
                made += await self._by_prefix(part, name, start, found, learnt, small)
            else:
                small.append((start, found))
        return made

    async def _count(self, part: Part, one: Slice) -> int:
        return await self.counter.rows((*part.slices, one))


def _by_value(
    name: str, texts: dict[str, int], most: int, within: str, small: list[tuple[str, int]]
) -> list[Part]:
    """Return parts of the texts with a prefix, given all values with their rows.

    Longer prefixes whose texts fit in a part are added to `small` instead.
    """
    values = sorted(text for text in texts if text != within)
    starts: dict[str, dict[str, int]] = {}
    for _, group in groupby(values, key=lambda text: text[len(within)]):
        alike = list(group)
        starts[_common(alike[0], alike[-1])] = {text: texts[text] for text in alike}
    made = [Part((Others(name, within, tuple(starts)),), texts.get(within, 0))]
    for start, inner in starts.items():
        rows = sum(inner.values())
        if rows <= most:
            small.append((start, rows))
        elif len(inner) == 1:
            made.append(Part((Equal(name, start),), rows))
            made.append(Part((Others(name, start, (), start),), 0))
        else:
            made += _by_value(name, inner, most, start, small)
    return made


def _binned(name: str, starts: Sequence[tuple[str, int]], most: int) -> list[Part]:
    """Return neighbouring prefixes together, as many as fit in a part."""
    made: list[Part] = []
    held: list[str] = []
    rows = 0
    for start, found in starts:
        if held and (rows + found > most or _long([*held, start])):
            made.append(Part((Prefixes(name, tuple(held)),), rows))
            held, rows = [], 0
        held.append(start)
        rows += found
    if held:
        made.append(Part((Prefixes(name, tuple(held)),), rows))
    return made


def _common(first: str, last: str) -> str:
    """Return the common prefix of texts in order, of which these are the ends."""
    pairs = zip(first, last, strict=False)
    same = next((at for at, (one, other) in enumerate(pairs) if one != other), None)
    return first[: min(len(first), len(last)) if same is None else same]


def _long(starts: Sequence[str]) -> bool:
    return sum(len(start) + len("startswith(, '') OR ") for start in starts) > _LONGEST // 2


def _part(part: Part, one: DatasetField, cell: _Cell) -> Part:
    return Part((*part.slices, Between(one.name, cell.low, cell.high)), cell.rows)


def _both(first: _Cell, second: _Cell) -> _Cell:
    return _Cell(first.low, second.high, first.rows + second.rows, first.whole and second.whole)


def _middle(extent: Extent, kind: str) -> Bound | None:
    """Return the value in the middle; None if nothing is between the ends."""
    low: Any = extent.low
    high: Any = extent.high
    if kind == "double":
        half = low / 2 + high / 2
        return half if low < half <= high else None
    step: Any = finest(kind)
    if high - low < step:
        return None
    middle: Bound = low + max(step, (high - low + step) // (2 * step) * step)
    return middle
