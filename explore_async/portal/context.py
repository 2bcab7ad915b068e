"""What every part of the compiler shares: bound parameters, typed SQL, the clause at hand."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from attrs import evolve, field, frozen

from explore_async.portal.errors import unknown_field

if TYPE_CHECKING:
    from datetime import datetime

    from explore_async.portal.schema import Column, Dataset, Precision

__all__ = ["NUMERIC", "TEMPORAL", "Context", "Parameters", "Settings", "Value", "ValueType"]

ValueType = Literal[
    "text", "int", "double", "boolean", "date", "datetime", "geo_point_2d", "geo_shape", "file"
]
NUMERIC = frozenset({"int", "double"})
TEMPORAL = frozenset({"date", "datetime"})

_REFERENCE = re.compile(r"\$p\d+")


class Parameters:
    """The values of one statement, by the names that stand for them in its SQL.

    This is the only way by which anything a user wrote reaches DuckDB.
    """

    def __init__(self) -> None:
        """Start without values."""
        self._values: dict[str, Any] = {}

    def bind(self, value: Any) -> str:
        """Keep a value and return the reference that stands for it in SQL."""
        name = f"p{len(self._values)}"
        self._values[name] = value
        return f"${name}"

    def used_by(self, sql: str) -> dict[str, Any]:
        """Return the values `sql` refers to; DuckDB refuses any more."""
        names = {reference[1:] for reference in _REFERENCE.findall(sql)}
        return {name: self._values[name] for name in sorted(names)}


@frozen
class Value:
    """SQL for one value, with what is known about it.

    `aggregate` says that it is computed over many records, `constant` that it needs no record.
    """

    sql: str
    type: ValueType
    multivalued: bool = False
    aggregate: bool = False
    constant: bool = False
    precision: Precision = "day"


@frozen
class Settings:
    """What a request says besides its query.

    `timezone` shifts datetimes in answers, groups and date functions; `now` is the moment of the
    request, with an offset; `language` names months and days.
    """

    now: datetime
    timezone: ZoneInfo = field(factory=lambda: ZoneInfo("UTC"))
    language: str = "en"

    @property
    def is_utc(self) -> bool:
        """Whether datetimes need no shift."""
        return self.timezone.key == "UTC"


@frozen
class Context:
    """The place in which a node is compiled.

    `clause` is the name errors give it, `text` what the user typed there.
    """

    dataset: Dataset
    parameters: Parameters
    settings: Settings
    clause: str = "where"
    text: str | None = None

    def within(self, clause: str, text: str | None = None) -> Context:
        """Return the same context for another clause, and its text if it was parsed from one."""
        return evolve(self, clause=clause, text=text)

    def bind(self, value: Any) -> str:
        """Bind a value; see `Parameters.bind`."""
        return self.parameters.bind(value)

    def column(self, name: str) -> Column:
        """Look a field up.

        Raises:
            PortalError: there is none of that name.
        """
        column = self.dataset.columns.get(name)
        if column is None:
            raise unknown_field(name, self.clause)
        return column

    def local(self, sql: str) -> str:
        """SQL for a UTC timestamp as the clock of the request's time zone shows it."""
        if self.settings.is_utc:
            return sql
        zone = self.bind(self.settings.timezone.key)
        return f"timezone({zone}, timezone('UTC', {sql}))"
