"""Types that all parts of the compiler share: bound parameters, typed SQL and the context."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from attrs import evolve, field, frozen

from explore_async.portal.catalog import BASE
from explore_async.portal.errors import unknown_field

if TYPE_CHECKING:
    from datetime import datetime

    from explore_async.portal.schema import Column, Dataset, Precision

__all__ = [
    "NUMERIC",
    "OBJECTS",
    "TEMPORAL",
    "Context",
    "Parameters",
    "Settings",
    "Value",
    "ValueType",
]

ValueType = Literal[
    "text", "int", "double", "boolean", "date", "datetime", "geo_point_2d", "geo_shape", "file",
    "json_blob",
]  # fmt: skip
OBJECTS = frozenset({"geo_point_2d", "geo_shape", "file", "json_blob"})
NUMERIC = frozenset({"int", "double"})
TEMPORAL = frozenset({"date", "datetime"})

_REFERENCE = re.compile(r"\$p\d+")


class Parameters:
    """The bound values of one statement, by parameter name.

    Everything a user wrote reaches DuckDB as a bound value, except the column names of a Parquet
    export, which are quoted identifiers.
    """

    def __init__(self) -> None:
        """Start with no values."""
        self._values: dict[str, Any] = {}

    def bind(self, value: Any) -> str:
        """Store a value and return its placeholder for SQL."""
        name = f"p{len(self._values)}"
        self._values[name] = value
        return f"${name}"

    def used_by(self, sql: str) -> dict[str, Any]:
        """Return the values that `sql` refers to; DuckDB refuses unused ones."""
        names = {reference[1:] for reference in _REFERENCE.findall(sql)}
        return {name: self._values[name] for name in sorted(names)}


@frozen
class Value:
    """SQL for one value, with its properties.

    Attributes:
        sql: the SQL expression.
        type: the ODS type of the value.
        multivalued: True if the value is a list.
        aggregate: True if it is computed over many records.
        constant: True if it does not depend on a record.
        precision: the precision of a date.
    """

    sql: str
    type: ValueType
    multivalued: bool = False
    aggregate: bool = False
    constant: bool = False
    precision: Precision = "day"


@frozen
class Settings:
    """The settings of a request besides its query.

    Attributes:
        now: the time of the request, as an aware datetime.
        timezone: the time zone of datetimes in results, groups and date functions.
        language: the language of month and day names.
        base: the URL of the API, as the client wrote it.
    """

    now: datetime
    timezone: ZoneInfo = field(factory=lambda: ZoneInfo("UTC"))
    language: str = "en"
    base: str = ""

    @property
    def is_utc(self) -> bool:
        """True if datetimes need no conversion."""
        return self.timezone.key == "UTC"


@frozen
class Context:
    """The context in which a node is compiled.

    Attributes:
        dataset: the dataset of the query.
        parameters: the bound values of the statement.
        settings: the settings of the request.
        clause: the name of the current clause, as errors quote it.
        text: the text of the clause as the user typed it; None if it was not parsed from text.
    """

    dataset: Dataset
    parameters: Parameters
    settings: Settings
    clause: str = "where"
    text: str | None = None

    def within(self, clause: str, text: str | None = None) -> Context:
        """Return a copy of this context for another clause and its text."""
        return evolve(self, clause=clause, text=text)

    def bind(self, value: Any) -> str:
        """Bind a value; see `Parameters.bind`."""
        return self.parameters.bind(value)

    def column(self, name: str) -> Column:
        """Look up a field.

        Raises:
            PortalError: the dataset has no field of that name.
        """
        column = self.dataset.columns.get(name)
        if column is None:
            raise unknown_field(name, self.clause)
        if column.has_links:
            base = json.dumps(self.settings.base)[1:-1]
            linked = f"replace({column.sql}, {self.bind(BASE)}, {self.bind(base)})"
            return evolve(column, sql=linked)
        return column

    def local(self, sql: str) -> str:
        """Return SQL that converts a UTC timestamp to local time in the request's time zone."""
        if self.settings.is_utc:
            return sql
        zone = self.bind(self.settings.timezone.key)
        return f"timezone({zone}, timezone('UTC', {sql}))"
