"""Partitions: conditions that put each row of a dataset into exactly one part.

A `Slice` is what one field says about the rows of a part. The slices that replace a part are
disjoint and complete by construction, for any values, not only for those that were counted:

* Numbers and dates are cut at bounds into half-open ranges, `low <= value < high`. The first has no
  low end and the last no high end. A date bound is written as an instant with an offset, because a
  literal without one is read in the time zone of the request, and `>=` and `<` both compare with
  the start of the period that a literal names.
* Texts are cut by prefixes, none of which begins with another: some slices have a few of them
  each, and one has all that begins with none. Only `startswith` can do that, because portals refuse
  `<` for texts.
* Rows without a value match none of these conditions, because a comparison with null is false. They
  are a slice of their own. `not startswith(...)` alone would keep them (measured: NOT is the exact
  complement), so that slice also demands a value.

Multivalued fields are never cut: `=` and `startswith` match any of their elements, so a row could
be in two parts.

`Partition` is a part in its final form: a plain value with the text of its condition, which can be
saved, sent to another machine and requested by any client.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import frozen

from odsql import F

if TYPE_CHECKING:
    from collections.abc import Sequence

    from odsql.builder.expressions import Condition

__all__ = [
    "Between",
    "Bound",
    "Equal",
    "Missing",
    "Others",
    "Partition",
    "Prefixes",
    "Slice",
    "joined",
]

Bound: TypeAlias = int | float | date | datetime


@frozen
class Between:
    """Values from `low` up to, not including, `high`; None leaves an end open.

    With both ends open, these are all values but null.
    """

    field: str
    low: Bound | None
    high: Bound | None

    def condition(self) -> Condition:
        """Return the condition of the rows."""
        one = F[self.field]
        if self.low is None and self.high is None:
            return one.is_not_null()
        ends: list[Condition] = []
        if self.low is not None:
            ends.append(one >= _literal(self.low))
        if self.high is not None:
            ends.append(one < _literal(self.high))
        return ends[0] if len(ends) == 1 else ends[0] & ends[1]

    def holds(self, value: Any) -> bool:
        """Return whether a value of the field is in this slice."""
        if value is None:
            return False
        return (self.low is None or value >= self.low) and (self.high is None or value < self.high)


@frozen
class Missing:
    """Rows without a value."""

    field: str

    def condition(self) -> Condition:
        """Return the condition of the rows."""
        return F[self.field].is_null()

    def holds(self, value: object) -> bool:
        """Return whether a value of the field is in this slice."""
        return value is None


@frozen
class Prefixes:
    """Texts that begin with one of these; case matters."""

    field: str
    starts: tuple[str, ...]

    def condition(self) -> Condition:
        """Return the condition of the rows."""
        return _begins(self.field, self.starts)

    def holds(self, value: str | None) -> bool:
        """Return whether a value of the field is in this slice."""
        return value is not None and value.startswith(self.starts)


@frozen
class Equal:
    """Texts equal to this one; `=` is exact."""

    field: str
    text: str

    def condition(self) -> Condition:
        """Return the condition of the rows."""
        return F[self.field] == self.text

    def holds(self, value: str | None) -> bool:
        """Return whether a value of the field is in this slice."""
        return value == self.text


@frozen
class Others:
    """Texts that begin with `within`, but with none of the longer `starts`, and are not `equal`.

    An empty text within nothing is a value, so it is one of these.
    """

    field: str
    within: str
    starts: tuple[str, ...]
    equal: str | None = None

    def condition(self) -> Condition:
        """Return the condition of the rows."""
        one = F[self.field]
        made = one.startswith(self.within) if self.within else one.is_not_null()
        if self.starts:
            made = made & ~_begins(self.field, self.starts)
        return made if self.equal is None else made & ~(one == self.equal)

    def holds(self, value: str | None) -> bool:
        """Return whether a value of the field is in this slice."""
        if value is None or not value.startswith(self.within) or value == self.equal:
            return False
        return not (self.starts and value.startswith(self.starts))


Slice: TypeAlias = Between | Missing | Prefixes | Equal | Others


@frozen(kw_only=True)
class Partition:
    """One unit of work: the rows of a query that also match a condition.

    Attributes:
        number: its place in the plan, from 0.
        where: the condition as ODSQL; None for all rows of the query.
        expected: the number of its rows when it was counted.
        tail: whether later rows may belong to it; see `HarvestedFile`.
    """

    number: int
    where: str | None
    expected: int
    tail: bool = False

    def to_json(self) -> dict[str, object]:
        """Return the partition as an object for JSON."""
        tail = {"tail": True} if self.tail else {}
        return {
            "partition": self.number,
            "where": self.where,
            "expected": self.expected,
            **tail,
        }

    @classmethod
    def from_json(cls, value: Any) -> Partition:
        """Read what `to_json` returned.

        Raises:
            KeyError, TypeError: it is something else.
        """
        number, where, expected = value["partition"], value["where"], value["expected"]
        if not isinstance(number, int) or not isinstance(expected, int):
            raise TypeError
        if where is not None and not isinstance(where, str):
            raise TypeError
        return cls(number=number, where=where, expected=expected, tail="tail" in value)


def joined(slices: Sequence[Slice]) -> Condition | None:
    """Return the condition of the rows in all of these slices; None for all rows."""
    whole: Condition | None = None
    for one in slices:
        whole = one.condition() if whole is None else whole & one.condition()
    return whole


def _begins(field: str, starts: tuple[str, ...]) -> Condition:
    first, *others = starts
    made = F[field].startswith(first)
    for start in others:
        made = made | F[field].startswith(start)
    return made


def _literal(bound: Bound | None) -> Any:
    """Return a bound as the builder takes it; datetimes in UTC, decimals with a point."""
    if isinstance(bound, datetime):
        return bound.astimezone(UTC)
    if not isinstance(bound, float):
        return bound
    text = f"{Decimal(repr(bound)):f}"
    # A whole number without a point would be an integer, which has 64 bits.
    return Decimal(text if "." in text else f"{text}.0")
