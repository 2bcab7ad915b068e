"""How to read an export, and what its format and options allow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from attrs import frozen

from explore_async.errors import ConfigurationError
from explore_async.operations import refuse_other_types
from explore_async.results import arrow
from explore_async.results.row_readers import ArrayReader, CSVReader

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import pyarrow as pa

    from explore_async.http.gate import Admission
    from explore_async.models import Row
    from explore_async.results.arrow import GeometryColumns
    from explore_async.results.misfits import Misfits
    from explore_async.results.row_readers import Reader, Restore

__all__ = ["ATTACHMENT", "ROWS", "Reading", "RowReader", "RowsSource"]

ATTACHMENT = "attachment"
"""The format name for a file of unknown format, which is saved unchecked."""

ROWS = frozenset({"jsonl", "json", "csv"})
"""The formats that can be read as rows."""

_NO_DELIMITERS = '"\r\n'


class RowReader(Protocol):
    """Turns the rows of an export into others: a `Converter`, or the reader of a class."""

    def restore(self, row: Row, raw: bytes) -> None:
        """Take the JSON of a row, before `exact_row`."""
        ...

    def exact_row(self, row: Row) -> Any:
        """Return the row for one of JSON; None if it is left out."""
        ...

    def text_row(self, row: Row) -> Any:
        """Return the row for one of CSV; None if it is left out."""
        ...


# Requests the schema of the dataset, under the admission of a fan-out's reading if given.
RowsSource: TypeAlias = "Callable[[Admission | None], Awaitable[RowReader]]"


@frozen(kw_only=True)
class Reading:
    """How to read the bytes of an export.

    Attributes:
        file_format: the format, such as `jsonl`.
        line_cap: the maximum length of a row, in bytes.
        delimiter: separates CSV cells.
        nan_as_null: read a bare NaN, which is not JSON, as null instead of raising an error.
        converter: provides the converter of rows; None to leave rows unchanged.
        misfits: counts the rows that do not fit their class; None if they are not of a class.
        packed: the server compresses the file, so it can only be saved.
        projected: shapes may have another projection than WGS 84.
        redact: removes the client's secrets from a string.
    """

    file_format: str
    line_cap: int
    delimiter: str = ";"
    nan_as_null: bool = False
    converter: RowsSource | None = None
    misfits: Misfits | None = None
    packed: bool = False
    projected: bool = False
    redact: Callable[[str], str] = str

    @property
    def by_line(self) -> bool:
        """Whether each line is a row."""
        return self.file_format == "jsonl" and not self.packed

    def require(self, method: str, formats: frozenset[str]) -> None:
        """Refuse an export that a method of the stream cannot read.

        Raises:
            ConfigurationError: the server compresses it, it has none of these formats, or it is
                CSV with a delimiter that is not one character.
        """
        if self.packed:
            raise ConfigurationError(
                f"{method}() cannot read a file that the server compressed. Omit `compressed` "
                "(responses are compressed in transit anyway), or use save()."
            )
        if self.file_format not in formats:
            raise ConfigurationError(
                f"{method}() reads {', '.join(sorted(formats))} exports, but this one is "
                f'{self.file_format}. Use dataset.export("jsonl", ...), or read bytes().'
            )
        delimiter = self.delimiter
        if self.file_format == "csv" and (len(delimiter) != 1 or delimiter in _NO_DELIMITERS):
            raise ConfigurationError(
                f"{method}() cannot separate cells at {delimiter!r}; nothing was sent. Pass one "
                "character that is neither a quote nor a line end, or use lines(), bytes() or "
                "save()."
            )

    def require_columns(
        self, method: str, schema: pa.Schema | None, geometry: GeometryColumns
    ) -> None:
        """Refuse an export that a method of the stream cannot turn into Arrow columns.

        Raises:
            MissingExtraError: pyarrow is not installed.
            ConfigurationError: as for `require`; or `geometry` is given, but the columns or the
                projection of the geometries are not known.
        """
        self.require(method, ROWS | {"parquet"})
        if self.misfits is not None:
            raise ConfigurationError(
                f"{method}() makes columns, but `into` asks for rows in a class of your own; "
                "nothing was sent. Use rows(), or pass typed=True instead of `into`."
            )
        pyarrow = arrow.require("pyarrow")
        if schema is not None:
            refuse_other_types("schema", schema, pyarrow.Schema, wanted="a pyarrow.Schema")
        if geometry is None or self.file_format == "parquet":
            return
        arrow.refuse_unknown_geometry(geometry, typed=self.converter is not None)
        if schema is not None or self.projected:
            raise ConfigurationError(
                f"{method}() makes WGS 84 geometries by the dataset's schema; nothing was sent. "
                "Omit `schema` and `epsg`, or export Parquet, which declares its projection."
            )

    def reader(self, restore: Restore | None) -> Reader:
        """Return a reader of JSON or CSV."""
        if self.file_format == "csv":
            return CSVReader(delimiter=self.delimiter, cap=self.line_cap)
        return ArrayReader(nan_as_null=self.nan_as_null, cap=self.line_cap, restore=restore)
