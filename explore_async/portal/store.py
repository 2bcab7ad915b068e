"""Datasets, their schemas and their data, in an embedded DuckDB database.

Fill a store before serving it. Rows have the form of records in API responses, so a recorded
response can be loaded unchanged. Columns are named `c0`, `c1`, ...; tables contain no names chosen
by users.
"""

from __future__ import annotations

import importlib
import json
import tempfile
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from explore_async.portal.catalog import CATALOG_FIELDS, CATALOG_ID, catalog_names, catalog_row
from explore_async.portal.errors import StoreError, missing_extra
from explore_async.portal.schema import Column, Dataset, PortalField

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from duckdb import DuckDBPyConnection

__all__ = ["Store", "refuse_no_store"]


class Store:
    """The datasets of one portal.

    `database` is the path of a DuckDB file, used as scratch space for data larger than memory.
    `threads` is the number of threads that DuckDB may use (default: all cores).

    Raises:
        MissingExtraError: DuckDB is not installed.
        StoreError: DuckDB cannot open the file, or cannot use as many threads.
    """

    def __init__(self, *, database: str | Path = ":memory:", threads: int | None = None) -> None:
        """Open the database; DuckDB does not download extensions automatically."""
        config: dict[str, Any] = {"autoinstall_known_extensions": False}
        if threads is not None:
            config["threads"] = threads
        duckdb = _require("duckdb")
        try:
            opened = duckdb.connect(str(database), config=config)
        except (duckdb.Error, RuntimeError) as error:
            raise StoreError(f"DuckDB cannot open the database: {error}") from error
        self._connection: DuckDBPyConnection = opened
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
        """Close the database; open cursors become unusable."""
        self._connection.close()

    def cursor(self) -> DuckDBPyConnection:
        """Return another connection to the same data, for one request in one thread."""
        return self._connection.cursor()

    @property
    def datasets(self) -> tuple[Dataset, ...]:
        """All datasets, in the order in which they were added."""
        return tuple(self._datasets.values())

    def dataset(self, dataset_id: str) -> Dataset | None:
        """Return the dataset with this identifier, or None."""
        return self._datasets.get(_text_id(dataset_id))

    @property
    def catalog(self) -> Dataset:
        """A dataset with one row per dataset, which ODSQL can query."""
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

        `fields` are `PortalField`s or their JSON objects. `rows` are mappings in the form of API
        records: datetimes as ISO 8601 strings or `datetime` (naive ones are UTC), geo points as
        `{"lon": .., "lat": ..}` in degrees, geo shapes as GeoJSON features, multivalued text as
        lists. Missing keys and empty lists are null. In `metas["default"]`, `records_count` is set
        and a missing title becomes the dataset identifier.

        Raises:
            StoreError: the dataset identifier or a field name is taken, there are no fields, a key
                of a row is not a field, or a value does not fit its field.
        """
        schema = _schema(fields)
        self._check_free(dataset_id)
        if not isinstance(metas, Mapping | None) or not isinstance(features, Iterable):
            raise StoreError("metas must be a mapping, and features a list of strings.")
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
        """Add a dataset whose empty table `load` fills with SQL; columns are in field order."""
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
        """Register a filled table as a dataset."""
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
        if _text_id(dataset_id) in self._datasets:
            raise StoreError(
                f"The dataset {dataset_id!r} already exists; choose another identifier."
            )

    def _create(self, fields: Sequence[PortalField], rows: Iterable[Mapping[str, Any]] = ()) -> str:
        """Create a table with the next free name and these rows."""
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
        """Load prepared rows; all values except lists and points are read as text and cast."""
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


def refuse_no_store(store: object) -> None:
    """Refuse something else in the place of a store, which would fail at the first request.

    Raises:
        StoreError: it is something else.
    """
    if not isinstance(store, Store):
        raise StoreError(f"The store has type {type(store).__name__}; pass a Store().")


def _require(package: str) -> Any:
    """Import a package of the extra; if it is missing, the error names the extra."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise missing_extra(package) from error


def _text_id(dataset_id: object) -> str:
    if not isinstance(dataset_id, str):
        raise StoreError(f"A dataset identifier has type {type(dataset_id).__name__}, not str.")
    return dataset_id


def _schema(fields: Sequence[PortalField | Mapping[str, Any]]) -> tuple[PortalField, ...]:
    if not isinstance(fields, Iterable):
        raise StoreError("fields must be a list of PortalFields or of their JSON objects.")
    schema = tuple(
        one if isinstance(one, PortalField) else PortalField.from_json(one) for one in fields
    )
    names = [one.name for one in schema]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise StoreError(f"Fields are declared twice: {', '.join(twice)}.")
    if not schema:
        raise StoreError("A dataset needs at least one field.")
    return schema


def _completed(metas: Mapping[str, Any], title: str, count: int) -> dict[str, Any]:
    default = {"title": title, **metas.get("default", {}), "records_count": count}
    return {**metas, "default": default}


def _travelling(one: PortalField) -> str:
    """Return the type as which a value is read from JSON, before the cast to its column type."""
    if one.multivalued or one.type == "geo_point_2d":
        return one.column_type
    return "VARCHAR"


def _write_rows(
    path: Path, fields: Sequence[PortalField], rows: Iterable[Mapping[str, Any]]
) -> int:
    """Write rows as JSON Lines, keyed by column name, and return their number."""
    positions = {one.name: at for at, one in enumerate(fields)}
    count = 0
    if not isinstance(rows, Iterable):
        raise StoreError("rows must be mappings of values by field name.")
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            if not isinstance(row, Mapping):
                raise StoreError(
                    f"Row {count} has type {type(row).__name__}; it must be a mapping."
                )
            unknown = row.keys() - positions.keys()
            if unknown:
                raise StoreError(
                    f"Row {count} has keys that are not fields: {sorted(map(str, unknown))}."
                )
            prepared = {
                f"c{at}": _prepared(one, row[one.name])
                for at, one in enumerate(fields)
                if row.get(one.name) is not None
            }
            file.write(json.dumps(prepared) + "\n")
            count += 1
    return count


def _prepared(one: PortalField, value: Any) -> Any:
    """Convert an API value to the form that the cast of its column reads."""
    if one.multivalued:
        return [str(item) for item in value] or None
    try:
        return _PREPARE[one.type](value)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise StoreError(f"{value!r} is not a valid {one.type} for field {one.name!r}.") from error


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
