"""Counts of rows, as few requests as possible, for planning.

One request can count many ranges: `group_by=range(field, width)` returns the rows of each bucket
that has any, up to 20,000 groups. The bounds of the buckets are read from their labels, because
where a portal aligns them is unknown: `[0, 14]` for whole numbers (recorded), `[10, 20[` for
decimals and `[2017-10-10T00:00:00.000Z, ...[` for dates (documented).

A bucket must have exactly the rows between its bounds, or a plan would expect wrong numbers. So the
widths of decimals are powers of two, for which dividing and multiplying doubles is exact, and the
buckets must add up to the rows that were counted before. Where they do not, or a portal refuses
`range`, `histogram` returns None and the caller counts single ranges instead.
"""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from attrs import define, field, frozen

from explore_async.errors import BadRequest, ConfigurationError, WindowExceeded
from explore_async.harvest.partitions import Between, Bound, Slice, joined
from odsql import F, count, max_, min_, range_

if TYPE_CHECKING:
    from collections.abc import Sequence

    from explore_async.dataset import Dataset
    from explore_async.models import DatasetField
    from odsql import Query
    from odsql.builder.expressions import Grouping

__all__ = ["ORDERED", "Bucket", "Counter", "Extent", "finest", "read_bound"]

_FIELDS_AT_ONCE = 20
_GROUPS = 20_000
_SECOND = timedelta(seconds=1)
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
ORDERED = frozenset({"int", "double", "date", "datetime"})
_ROWS = "n"


@frozen
class Extent:
    """The values of a field in a part.

    Attributes:
        filled: rows with a value.
        distinct: about how many different values there are.
        low: the smallest value; None if there is none, or the field has no order.
        high: the largest value.
    """

    filled: int
    distinct: int
    low: Bound | None = None
    high: Bound | None = None


@frozen
class Bucket:
    """The rows from `low` up to the next bucket."""

    low: Bound
    rows: int


@define
class Counter:
    """Counts rows of one query of a dataset, and how many requests that takes.

    Attributes:
        dataset: the dataset.
        query: the filters of the query, without anything else.
        most: the maximum number of requests; None for no limit.
        requests: the requests sent so far.
    """

    dataset: Dataset
    query: Query
    most: int | None = None
    requests: int = field(default=0, init=False)

    async def rows(self, slices: Sequence[Slice] = ()) -> int:
        """Return the number of rows of a part, with one request."""
        self._spend()
        return await self.dataset.records(self._narrowed(slices)).count()

    async def extents(
        self, fields: Sequence[DatasetField], slices: Sequence[Slice] = ()
    ) -> dict[str, Extent]:
        """Return what is known of the values of fields, with one request per 20 fields.

        Fields that the portal cannot aggregate are left out, and so are those whose smallest value
        cannot be read.
        """
        found: dict[str, Extent] = {}
        for start in range(0, len(fields), _FIELDS_AT_ONCE):
            some = fields[start : start + _FIELDS_AT_ONCE]
            try:
                found |= await self._extents(some, slices)
            except BadRequest:
                for one in some if len(some) > 1 else ():
                    found |= await self.extents([one], slices)
        return found

    async def _extents(
        self, fields: Sequence[DatasetField], slices: Sequence[Slice]
    ) -> dict[str, Extent]:
        wanted = []
        for at, one in enumerate(fields):
            value = F[one.name]
            wanted += [count(value).as_(f"n{at}"), count(value, distinct=True).as_(f"d{at}")]
            if one.type in ORDERED:
                wanted += [min_(value).as_(f"l{at}"), max_(value).as_(f"h{at}")]
        self._spend()
        row = await self.dataset.records(self._narrowed(slices).select(*wanted)).first()
        if row is None:
            return {}
        made = {one.name: _extent(row, at, one.type) for at, one in enumerate(fields)}
        return {name: extent for name, extent in made.items() if extent is not None}

    async def histogram(
        self, one: DatasetField, extent: Extent, slices: Sequence[Slice], *, buckets: int
    ) -> tuple[list[Bucket], bool] | None:
        """Return the buckets of a part that have rows, in order, with one request.

        Args:
            one: a field with an order.
            extent: its values in the part.
            slices: the part.
            buckets: about how many buckets to make.

        Returns:
            The buckets, and whether no finer ones are possible; None if the portal cannot count so.
        """
        if extent.low is None or extent.high is None:
            return None
        grouping, is_finest = _grouping(one, extent, min(buckets, _GROUPS // 2))
        query = self._narrowed([*slices, Between(one.name, None, None)])
        self._spend()
        try:
            groups = await self.dataset.records(
                query.group_by(grouping).select(count().as_(_ROWS))
            ).to_list()
            made = sorted(
                (_bucket(group, one.type) for group in groups), key=lambda bucket: bucket.low
            )
        except (BadRequest, WindowExceeded, ValueError, TypeError, KeyError):
            return None
        if sum(bucket.rows for bucket in made) != extent.filled:
            return None
        return made, is_finest

    async def texts(self, name: str, slices: Sequence[Slice]) -> dict[str, int] | None:
        """Return the values of a text field with their rows; None if there are 20,000 or more."""
        query = self._narrowed([*slices, Between(name, None, None)])
        self._spend()
        try:
            groups = await self.dataset.records(
                query.group_by(F[name]).select(count().as_(_ROWS))
            ).to_list()
            return {_text(_key(group)): _rows(group) for group in groups}
        except (BadRequest, WindowExceeded, ValueError, TypeError, KeyError):
            return None

    async def first_text(self, name: str, slices: Sequence[Slice]) -> str | None:
        """Return one value of a text field; None if there is none."""
        query = self._narrowed([*slices, Between(name, None, None)]).select(F[name])
        self._spend()
        row = await self.dataset.records(query).first()
        return None if row is None else _text(row.get(name))

    def _narrowed(self, slices: Sequence[Slice]) -> Query:
        condition = joined(slices)
        return self.query if condition is None else self.query.where(condition)

    def _spend(self) -> None:
        if self.most is not None and self.requests >= self.most:
            raise ConfigurationError(
                f"Planning alone needs more than {self.most} requests, the most that are allowed; "
                "no row was fetched. Allow more with --max-requests, or narrow the query."
            )
        self.requests += 1


def finest(kind: str) -> int | timedelta | None:
    """Return the smallest width of a type's buckets; None for decimals, which have none."""
    widths: dict[str, int | timedelta] = {
        "int": 1,
        "date": timedelta(days=1),
        "datetime": _SECOND,
    }
    return widths.get(kind)


def _extent(row: dict[str, Any], at: int, kind: str) -> Extent | None:
    filled, distinct = row.get(f"n{at}"), row.get(f"d{at}")
    if not isinstance(filled, int) or not isinstance(distinct, int | float):
        return None
    if kind not in ORDERED or not filled:
        return Extent(filled, int(distinct))
    try:
        low, high = (read_bound(row.get(f"{end}{at}"), kind) for end in "lh")
    except (ValueError, TypeError):
        return None
    return Extent(filled, int(distinct), low, high)


def read_bound(value: Any, kind: str) -> Bound:
    """Read a value of a field.

    Raises:
        ValueError, TypeError: it is not a value of the type.
    """
    if kind == "int":
        if isinstance(value, float) and not value.is_integer():
            raise ValueError(value)
        return int(value)
    if kind == "double":
        number = float(value)
        if not math.isfinite(number):
            raise ValueError(value)
        return number
    if not isinstance(value, str):
        raise TypeError
    if kind == "date":
        return _day(value)
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError(value)
    return moment.astimezone(UTC)


def _day(text: str) -> date:
    """Read a day, also one that is written as its midnight in any zone."""
    if len(text) <= len("2024-01-31"):
        return date.fromisoformat(text + "-01-01"[len(text) - len("2024") :])
    moment = datetime.fromisoformat(text)
    if (moment.hour, moment.minute, moment.second, moment.microsecond) != (0, 0, 0, 0):
        raise ValueError(text)
    return moment.date()


def _grouping(one: DatasetField, extent: Extent, buckets: int) -> tuple[Grouping, bool]:
    """Return the grouping into about so many buckets, and whether none is finer."""
    low: Any = extent.low
    high: Any = extent.high
    subject = F[one.name]
    if one.type == "int":
        width = max(1, -(-(high - low + 1) // buckets))
        return range_(subject, width), width == 1
    if one.type == "double":
        power = max(math.ceil(math.log2(high / buckets - low / buckets)), -1000)
        return range_(subject, 2**power if power >= 0 else 2.0**power), False
    span = high - low
    if one.type == "date":
        days = max(1, -(-(span.days + 1) // buckets))
        return range_(subject, _interval(days, "day")), days == 1
    seconds = max(1, math.ceil(span.total_seconds() / buckets))
    length, unit = next(pair for pair in _UNITS if seconds >= pair[0])
    return range_(subject, _interval(-(-seconds // length), unit)), seconds == 1


def _interval(amount: int, unit: str) -> str:
    return f"{amount} {unit}{'s' if amount > 1 else ''}"


def _bucket(group: dict[str, Any], kind: str) -> Bucket:
    """Read a group; its label begins with the lower bound.

    Raises:
        ValueError, TypeError, KeyError: it is not a bucket of the type.
    """
    label = _key(group)
    if not isinstance(label, str) or label[:1] not in "[]":
        raise TypeError
    lower = label[1:].partition(", ")[0]
    return Bucket(read_bound(int(lower) if kind == "int" else lower, kind), _rows(group))


def _key(group: dict[str, Any]) -> object:
    """Return the key of a group, by whatever name: portals write expressions in several ways."""
    return next(value for name, value in group.items() if name != _ROWS)


def _rows(group: dict[str, Any]) -> int:
    rows = group[_ROWS]
    if not isinstance(rows, int):
        raise TypeError
    return rows


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
