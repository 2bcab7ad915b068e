"""Datasets, their schemas and their data, in an embedded DuckDB.

A store is filled before it is served. Rows come as the API would answer them, so a recorded
answer can be loaded as it is. Columns are named `c0`, `c1`, ...: no name that a user chose ever
becomes part of a table.
"""

from __future__ import annotations

import importlib
import json
import tempfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from explore_async.portal.catalog import CATALOG_FIELDS, CATALOG_ID, catalog_names, catalog_row
from explore_async.portal.errors import missing_extra
from explore_async.portal.schema import Column, Dataset, PortalField

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import TracebackType

    from duckdb import DuckDBPyConnection

__all__ = ["Store"]


class Store:
    """The datasets of one portal.

    `database` is the path of a DuckDB file to use as scratch space for data too big for memory;
    `threads` is how many threads DuckDB may use for one query (default: all cores).

    Raises:
        MissingExtraError: DuckDB is not installed.
    """

    def __init__(self, *, database: str | Path = ":memory:", threads: int | None = None) -> None:
        """Open the database; extensions are never downloaded."""
        config: dict[str, Any] = {"autoinstall_known_extensions": False}
        if threads is not None:
            config["threads"] = threads
        duckdb = _require("duckdb")
        self._connection: DuckDBPyConnection = duckdb.connect(str(database), config=config)
        self._datasets: dict[str, Dataset] = {}
        self._catalog: Dataset | None = None
        self._tables = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database; cursors that are still open become unusable."""
        self._connection.close()

    def cursor(self) -> DuckDBPyConnection:
        """Return a connection of its own to the same data, for one request in one thread."""
        return self._connection.cursor()

    @property
    def datasets(self) -> tuple[Dataset, ...]:
        """All datasets, in the order they were added."""
        return tuple(self._datasets.values())

    def dataset(self, dataset_id: str) -> Dataset | None:
        """Return the dataset, or None if there is none of that identifier."""
        return self._datasets.get(dataset_id)

    @property
    def catalog(self) -> Dataset:
        """The datasets as a dataset of their own, so that ODSQL can query them."""
        if self._catalog is None:
            self._catalog = self._build_catalog()
        return self._catalog

    def add(
        self,
        dataset_id: str,
        fields: Sequence[PortalField | Mapping[str, Any]],
        rows: Iterable[Mapping[str, Any]] = (),
        *,
        uid: str | None = None,
        metas: Mapping[str, Any] | None = None,
        features: Sequence[str] = (),
    ) -> Dataset:
        """Add a dataset from rows.

        `fields` are `PortalField`s or their JSON objects; `rows` are mappings as the API answers
        them: datetimes as ISO 8601 text or `datetime` (naive ones are UTC), geo points as
        `{"lon": .., "lat": ..}` in degrees, geo shapes as GeoJSON features, multivalued text as
        lists. A key that is missing is null; so is an empty list. `metas["default"]` is completed
        with the title and `records_count`.

        Raises:
            ValueError: a dataset or field name is taken, a key of a row is no field, or a value
                does not fit its field.
        """
        schema = _schema(fields)
        self._check_free(dataset_id)
        table = self._create(schema, rows)
        return self.register(
            dataset_id, schema, table, uid=uid, metas=metas or {}, features=features
        )

    def fill(
        self,
        dataset_id: str,
        fields: Sequence[PortalField],
        load: Callable[[DuckDBPyConnection, str], None],
        *,
        uid: str,
        metas: Mapping[str, Any],
        features: Sequence[str],
    ) -> Dataset:
        """Add a dataset whose empty table, columns in field order, `load` fills with SQL."""
        self._check_free(dataset_id)
        table = self._create(fields)
        load(self._connection, table)
        return self.register(dataset_id, fields, table, uid=uid, metas=metas, features=features)

    def register(
        self,
        dataset_id: str,
        fields: Sequence[PortalField],
        table: str,
        *,
        uid: str | None,
        metas: Mapping[str, Any],
        features: Sequence[str],
    ) -> Dataset:
        """Make a filled table a dataset of the portal."""
        count = self._count(table)
        dataset = Dataset(
            dataset_id=dataset_id,
            uid=uid or f"da_{dataset_id}",
            fields=tuple(fields),
            columns={one.name: Column(one, f"c{at}") for at, one in enumerate(fields)},
            table=table,
            records_count=count,
            metas=_completed(metas, dataset_id, count),
            features=tuple(features),
        )
        self._datasets[dataset_id] = dataset
        self._catalog = None
        return dataset

    def _check_free(self, dataset_id: str) -> None:
        if dataset_id in self._datasets:
            raise ValueError(f"There is a dataset {dataset_id!r} already.")

    def _create(self, fields: Sequence[PortalField], rows: Iterable[Mapping[str, Any]] = ()) -> str:
        """Make a table of the next free name, with these rows."""
        self._tables += 1
        table = f"t{self._tables}"
        columns = ", ".join(f"c{at} {one.column_type}" for at, one in enumerate(fields))
        self._connection.execute(f"CREATE OR REPLACE TABLE {table} ({columns})")
        with tempfile.TemporaryDirectory(prefix="portal-") as folder:
            path = Path(folder) / "rows.jsonl"
            if _write_rows(path, fields, rows):
                self._insert(table, fields, path)
        return table

    def _insert(self, table: str, fields: Sequence[PortalField], path: Path) -> None:
        """Load prepared rows; everything but lists and points travels as text and is cast."""
        kinds = [_travelling(one) for one in fields]
        listed = ", ".join(f"c{at}: '{kind}'" for at, kind in enumerate(kinds))
        casts = ", ".join(f"CAST(c{at} AS {one.column_type})" for at, one in enumerate(fields))
        self._connection.execute(
            f"INSERT INTO {table} SELECT {casts} FROM read_json($path, "  # noqa: S608
            f"format='newline_delimited', maximum_object_size=67108864, columns={{{listed}}})",
            {"path": str(path)},
        )

    def _count(self, table: str) -> int:
        counted = self._connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
        return int(counted[0]) if counted else 0

    def _build_catalog(self) -> Dataset:
        fields = CATALOG_FIELDS
        table = self._create(fields, map(catalog_row, self.datasets))
        own = {one.name: Column(one, f"c{at}") for at, one in enumerate(fields)}
        return Dataset(
            dataset_id=CATALOG_ID,
            uid=CATALOG_ID,
            fields=fields,
            columns={name: own[full] for name, full in catalog_names()},
            table=table,
            records_count=len(self.datasets),
            metas={},
        )


def _require(package: str) -> Any:
    """Import a package of the extra, or say which extra to install."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise missing_extra(package) from error


def _schema(fields: Sequence[PortalField | Mapping[str, Any]]) -> tuple[PortalField, ...]:
    schema = tuple(
        one if isinstance(one, PortalField) else PortalField.from_json(one) for one in fields
    )
    names = [one.name for one in schema]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"Fields are declared twice: {', '.join(twice)}.")
    if not schema:
        raise ValueError("A dataset needs one field at least.")
    return schema


def _completed(metas: Mapping[str, Any], title: str, count: int) -> dict[str, Any]:
    default = {"title": title, **metas.get("default", {}), "records_count": count}
    return {**metas, "default": default}


def _travelling(one: PortalField) -> str:
    """The type in which a value is read from JSON, before the cast to its column's type."""
    if one.multivalued or one.type == "geo_point_2d":
        return one.column_type
    return "VARCHAR"


def _write_rows(
    path: Path, fields: Sequence[PortalField], rows: Iterable[Mapping[str, Any]]
) -> int:
    """Write rows as JSON Lines with the names of the columns; return how many."""
    positions = {one.name: at for at, one in enumerate(fields)}
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            unknown = row.keys() - positions.keys()
            if unknown:
                raise ValueError(f"Row {count} has keys that are no fields: {sorted(unknown)}.")
            prepared = {
                f"c{at}": _prepared(one, row[one.name])
                for at, one in enumerate(fields)
                if row.get(one.name) is not None
            }
            file.write(json.dumps(prepared) + "\n")
            count += 1
    return count


def _prepared(one: PortalField, value: Any) -> Any:
    """Turn a value of the API into what the column's cast reads."""
    if one.multivalued:
        return [str(item) for item in value] or None
    try:
        return _PREPARE[one.type](value)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise ValueError(f"{value!r} is no {one.type} for field {one.name!r}.") from error


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _integer(value: Any) -> str:
    if isinstance(value, bool) or int(value) != value:
        raise TypeError
    return str(int(value))


def _boolean(value: Any) -> str:
    if not isinstance(value, bool):
        raise TypeError
    return str(value)


def _date(value: Any) -> str:
    if isinstance(value, date):
        return value.strftime("%Y-%m-%d")
    year, month, day = ([*value.split("-"), "01", "01"])[:3]
    return date(int(year), int(month), int(day)).isoformat()


def _datetime(value: Any) -> str:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return moment.isoformat(sep=" ")


def _point(value: Any) -> dict[str, float]:
    return {"lon": float(value["lon"]), "lat": float(value["lat"])}


_PREPARE: dict[str, Callable[[Any], Any]] = {
    "text": _text,
    "int": _integer,
    "double": lambda value: repr(float(value)),
    "boolean": _boolean,
    "date": _date,
    "datetime": _datetime,
    "geo_point_2d": _point,
    "geo_shape": json.dumps,
    "file": json.dumps,
}
