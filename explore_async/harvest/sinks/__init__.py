"""How the rows of a partition become a file: one sink for each format.

`values` has what sinks share, `source` the rows to write, `lines` JSON Lines and CSV, `tables`
Parquet, GeoParquet and Arrow IPC, with `blocks` and `bounds`, and `database` a DuckDB table. Each
partition is a file of its own, which appears under its name when it is complete and on the disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from explore_async.errors import ConfigurationError
from explore_async.harvest.sinks.values import Compression, Misfits, Sink, Written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from explore_async.models import DatasetField

__all__ = ["FORMATS", "Compression", "Misfits", "Sink", "Written", "make_sink"]

FORMATS = ("jsonl", "csv", "parquet", "geoparquet", "arrow", "duckdb")
"""The formats of files."""

_COMPRESSIONS = (None, "gzip", "zstd")
_MISFITS = ("fail", "null", "text")


def make_sink(
    file_format: str,
    *,
    name: str,
    fields: Sequence[DatasetField],
    columns: Sequence[str],
    compression: Compression = None,
    misfits: Misfits = "fail",
) -> Sink:
    """Return the sink of a format.

    Args:
        file_format: one of `FORMATS`.
        name: the name of the dataset.
        fields: the schema of the dataset.
        columns: the columns of the rows, in order.
        compression: of `jsonl` and `csv`; the other formats have their own.
        misfits: what to do with values that do not fit the type of their field; `jsonl` and `csv`
            have no types, so they keep all values.

    Raises:
        ConfigurationError: an argument is unknown, or does not suit the format.
        MissingExtraError: pyarrow is needed, but not installed.
    """
    if file_format not in FORMATS:
        raise ConfigurationError(
            f"The format is {file_format!r}; it must be one of {', '.join(FORMATS)}."
        )
    if compression not in _COMPRESSIONS:
        raise ConfigurationError(f"The compression is {compression!r}; it must be gzip or zstd.")
    if misfits not in _MISFITS:
        raise ConfigurationError(
            f"misfits is {misfits!r}; it must be one of {', '.join(_MISFITS)}."
        )
    if file_format in ("jsonl", "csv"):
        return _lines(file_format, columns, compression)
    if compression is not None:
        raise ConfigurationError(
            f"{file_format} has a compression of its own. Leave out the compression."
        )
    if file_format != "duckdb":
        return _tables(file_format, fields, columns, misfits)
    from explore_async.harvest.sinks.database import DuckDBTable
    from explore_async.results import arrow

    arrow.require("duckdb")
    return DuckDBTable(table=name, parts=_tables("parquet", fields, columns, misfits))


def _lines(file_format: str, columns: Sequence[str], compression: Compression) -> Sink:
    from explore_async.harvest.sinks.lines import CsvFiles, JsonLines
    from explore_async.results import arrow

    if compression == "zstd":
        arrow.require("pyarrow")
    if file_format == "jsonl":
        return JsonLines(compression=compression)
    return CsvFiles(columns=columns, compression=compression)


def _tables(
    file_format: str, fields: Sequence[DatasetField], columns: Sequence[str], misfits: Misfits
) -> Sink:
    from explore_async.harvest.sinks import tables
    from explore_async.results.conversion import Converter

    wkb = file_format == "geoparquet"
    # Values that do not fit are found when they become columns.
    converter = Converter(fields=fields, misfits="keep")
    return tables.TableFiles(
        suffix=".arrow" if file_format == "arrow" else ".parquet",
        schema=tables.columns_of(converter, columns, wkb=wkb, misfits=misfits),
        converter=converter,
        misfits=misfits,
        encoder=tables.arrow_file if file_format == "arrow" else tables.parquet_file,
    )
