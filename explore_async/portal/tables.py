"""Tables made from rows: a few travel in one statement, the rest through a file.

All values except lists and points travel as texts, and are cast to the types of their columns.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explore_async.portal.errors import StoreError
from explore_async.portal.rows import prepared_rows, travelling

if TYPE_CHECKING:
    import tempfile
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from duckdb import DuckDBPyConnection

    from explore_async.portal.schema import PortalField

__all__ = ["create_table"]

_AT_ONCE = 1_000
"""So many rows go into a table in one statement; the rest goes through a file."""


def create_table(
    connection: DuckDBPyConnection,
    table: str,
    fields: Sequence[PortalField],
    rows: Iterable[Mapping[str, Any]],
    scratch: Callable[[], tempfile.TemporaryDirectory[str]],
) -> int:
    """Create a table with a column for each field, fill it, and return the number of rows.

    `scratch` makes temporary folders that the database may read.

    Raises:
        StoreError: a row does not fit the fields, or there are rows and no fields.
    """
    prepared = prepared_rows(fields, rows)
    first = list(itertools.islice(prepared, _AT_ONCE))
    if not fields:
        if first:
            raise StoreError("A dataset without fields has rows. Give it fields.")
        # DuckDB has no tables without columns.
        connection.execute(f"CREATE OR REPLACE TABLE {table} (c0 VARCHAR)")
        return 0
    kinds = json.dumps({f"c{at}": travelling(one) for at, one in enumerate(fields)})
    casts = ", ".join(
        f"CAST(r.c{at} AS {one.column_type}) AS c{at}" for at, one in enumerate(fields)
    )
    connection.execute(
        f"CREATE OR REPLACE TABLE {table} AS SELECT {casts} FROM "  # noqa: S608
        f"(SELECT unnest(from_json($rows, '[{kinds}]')) AS r)",
        {"rows": f"[{', '.join(first)}]"},
    )
    if len(first) < _AT_ONCE:
        return len(first)
    insert = (
        f"INSERT INTO {table} SELECT {casts} FROM (SELECT from_json(json, '{kinds}') AS r "  # noqa: S608
        "FROM read_json_objects($path, format='newline_delimited', maximum_object_size=67108864))"
    )
    with scratch() as folder:
        path = Path(folder) / "rows.jsonl"
        count = _write(path, prepared)
        connection.execute(insert, {"path": str(path)})
    return len(first) + count


def _write(path: Path, rows: Iterator[str]) -> int:
    with path.open("w", encoding="ascii") as file:
        return sum(1 for row in rows if file.write(f"{row}\n"))
