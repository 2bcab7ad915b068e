"""Datasets, their schemas and their data, in an embedded DuckDB database.

Fill a store before serving it. Rows have the form of records in API responses, so a recorded
response can be loaded unchanged. Columns are named `c0`, `c1`, ...; tables contain no names chosen
by users.
"""

from __future__ import annotations

import logging
import tempfile
import threading
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, get_args

from explore_async.portal import functions
from explore_async.portal.access import Access
from explore_async.portal.attached import attach
from explore_async.portal.catalog import (
    CATALOG_ID,
    LINKED,
    catalog_fields,
    catalog_names,
    catalog_row,
)
from explore_async.portal.errors import StoreError, require
from explore_async.portal.geometries import Shapes
from explore_async.portal.rows import inferred_fields, refuse_no_rows, travelling, write_rows
from explore_async.portal.schema import Column, Dataset, PortalField, Visibility
from explore_async.portal.technical import technical_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from duckdb import DuckDBPyConnection

    from explore_async.portal.attached import Attached

__all__ = ["Store", "refuse_no_store"]

_LOG = logging.getLogger(__name__)


_POINT = """'{{"type": "Point", "coordinates": [' || {0}.lon || ', ' || {0}.lat || ']}}'"""


class Store:
    """The datasets of one portal, and in `access` the API keys that open restricted ones.

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
        duckdb = require("duckdb")
        try:
            opened = duckdb.connect(str(database), config=config)
        except (duckdb.Error, RuntimeError) as error:
            raise StoreError(f"DuckDB cannot open the database: {error}") from error
        self._connection: DuckDBPyConnection = opened
        functions.register(opened)
        self._datasets: dict[str, Dataset | Callable[[], Dataset]] = {}
        self._loading = threading.RLock()
        self._restricted: set[str] = set()
        self._catalogs: dict[frozenset[str], Dataset] = {}
        self._tables = 0
        self._geometries: dict[tuple[str, str], Shapes] = {}
        self._reading = threading.Lock()
        self.access = Access()

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

    def __contains__(self, dataset_id: object) -> bool:
        """Return whether there is a dataset with this identifier, loaded or not."""
        return dataset_id in self._datasets

    def cursor(self) -> DuckDBPyConnection:
        """Return another connection to the same data, for one request in one thread."""
        return self._connection.cursor()

    @property
    def datasets(self) -> tuple[Dataset, ...]:
        """All datasets, in the order in which they were added, without those that cannot load."""
        return self._without(frozenset())

    def _without(self, hidden: frozenset[str]) -> tuple[Dataset, ...]:
        for dataset_id in self.waiting:
            try:
                if dataset_id not in hidden:
                    self.dataset(dataset_id)
            except StoreError as error:
                _LOG.warning("The catalog lacks %s. %s", dataset_id, error)
        return tuple(
            one
            for name, one in self._datasets.items()
            if isinstance(one, Dataset) and name not in hidden
        )

    @property
    def waiting(self) -> tuple[str, ...]:
        """The identifiers of the datasets that are not loaded yet."""
        return tuple(name for name, one in self._datasets.items() if not isinstance(one, Dataset))

    def dataset(self, dataset_id: str) -> Dataset | None:
        """Return the dataset with this identifier, or None; load it if it is not loaded yet.

        Raises:
            StoreError: it cannot be loaded.
        """
        found = self._datasets.get(_text_id(dataset_id))
        if found is None or isinstance(found, Dataset):
            return found
        with self._loading:
            found = self._datasets[dataset_id]
            return found if isinstance(found, Dataset) else found()

    @property
    def restricted(self) -> frozenset[str]:
        """The identifiers of the datasets that only callers with a key see."""
        return frozenset(self._restricted)

    def catalog(self, *, hidden: frozenset[str] = frozenset()) -> Dataset:
        """Return a dataset with one row per dataset but the hidden ones, which ODSQL can query.

        Nothing in it tells of the hidden ones, not even the names of their metadata.

        Raises:
            StoreError: `hidden` is no frozenset.
        """
        if not isinstance(hidden, frozenset):
            raise StoreError("hidden must be a frozenset of dataset identifiers.")
        with self._loading:
            catalogs = self._catalogs
            if hidden not in catalogs:
                catalogs[hidden] = self._build_catalog(hidden)
            return catalogs[hidden]

    def add(
        self,
        dataset_id: str,
        fields: Sequence[PortalField | Mapping[str, Any]] | None = None,
        rows: Iterable[Mapping[str, Any]] = (),
        *,
        uid: str | None = None,
        metas: Mapping[str, Any] | None = None,
        features: Sequence[str] = (),
        data_visible: bool = True,
        visibility: Visibility = "domain",
        attachments: Sequence[Attached | Mapping[str, Any]] = (),
        alternative_exports: Sequence[Attached | Mapping[str, Any]] = (),
    ) -> Dataset:
        """Add a dataset from rows.

        `fields` are `PortalField`s or their JSON objects; None infers them from the rows. `rows`
        are mappings in the form of API records: datetimes as ISO 8601 strings or `datetime` (naive
        ones are UTC), geo points as `{"lon": .., "lat": ..}` in degrees, geo shapes as GeoJSON
        features or geometries, multivalued text as lists. The text that CSV files have for these
        values is accepted, too. Missing keys and empty lists are null, and so is NaN, but in a
        double. In `metas["default"]`, `records_count` is set and a missing title becomes the
        dataset identifier. With `data_visible=False` only the description can be read, and
        requests for records are answered with status 403. With `visibility="restricted"`, only
        callers with a key of `access` see the dataset at all. Without fields, as `fields=[]`, it
        is an entry of the catalog without records.

        `attachments` and `alternative_exports` are mappings with `file`, a path, and optionally
        `id`, `title`, `mimetype` and `description`. The files are read when they are asked for.

        Raises:
            StoreError: the dataset identifier or a field name is taken, a key of a row is not a
                field, a value does not fit its field, or a file is not there.
        """
        if fields is None:
            rows = refuse_no_rows(rows)
            fields = inferred_fields(rows)
        schema = _schema(fields)
        self._check_free(dataset_id)
        if not isinstance(metas, Mapping | None) or not isinstance(features, Iterable):
            raise StoreError("metas must be a mapping, and features a list of strings.")
        files, others = (
            attach(items, Path(), f"{name} of {dataset_id!r}")
            for name, items in (
                ("attachments", attachments),
                ("alternative_exports", alternative_exports),
            )
        )
        table = self._create(schema, rows)
        return self.register(
            dataset_id,
            schema,
            table,
            uid=uid,
            metas=metas or {},
            features=features,
            data_visible=data_visible,
            visibility=visibility,
            attachments=files,
            alternative_exports=others,
        )

    def remove(self, dataset_id: str) -> None:
        """Remove a dataset and its rows; its identifier is free again.

        Raises:
            StoreError: there is no such dataset.
        """
        dataset = self._datasets.pop(_text_id(dataset_id), None)
        if dataset is None:
            raise StoreError(f"There is no dataset {dataset_id!r} to remove.")
        self._catalogs = {}
        self._restricted.discard(dataset_id)
        if not isinstance(dataset, Dataset):
            return  # it was never loaded
        self._connection.execute(f"DROP TABLE {dataset.table}")
        for key in [key for key in self._geometries if key[0] == dataset.table]:
            del self._geometries[key]

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

    def add_later(
        self, dataset_id: str, load: Callable[[], Dataset], *, visibility: Visibility = "domain"
    ) -> None:
        """Add a dataset that `load` registers when it is first needed, in any thread.

        Raises:
            StoreError: the identifier is taken.
        """
        self._check_free(dataset_id)
        self._restrict(dataset_id, visibility)
        self._datasets[dataset_id] = load
        self._catalogs = {}

    def next_table(self) -> str:
        """Return the name of a table that does not exist yet."""
        self._tables += 1
        return f"t{self._tables}"

    def register(
        self,
        dataset_id: str,
        fields: Sequence[PortalField],
        table: str,
        *,
        uid: str | None,
        metas: Mapping[str, Any],
        features: Sequence[str],
        data_visible: bool = True,
        visibility: Visibility = "domain",
        attachments: tuple[Attached, ...] = (),
        alternative_exports: tuple[Attached, ...] = (),
    ) -> Dataset:
        """Register a filled table as a dataset."""
        self._restrict(dataset_id, visibility)
        count = self._count(table)
        columns = {one.name: Column(one, f"c{at}") for at, one in enumerate(fields)}
        added = datetime.now(UTC).replace(microsecond=0, tzinfo=None)
        dataset = Dataset(
            dataset_id=dataset_id,
            uid=uid or f"da_{dataset_id}",
            fields=tuple(fields),
            columns={**technical_columns(columns.values(), added), **columns},
            table=table,
            records_count=count,
            metas=_completed(metas, dataset_id, count),
            features=tuple(features),
            data_visible=data_visible,
            visibility=visibility,
            attachments=attachments,
            alternative_exports=alternative_exports,
            shapes=partial(self._shapes, table),
        )
        self._datasets[dataset_id] = dataset
        self._catalogs = {}
        return dataset

    def _restrict(self, dataset_id: str, visibility: Visibility) -> None:
        if not isinstance(visibility, str) or visibility not in get_args(Visibility):
            raise StoreError("The visibility of a dataset is 'domain' or 'restricted'.")
        if visibility == "restricted":
            self._restricted.add(dataset_id)

    def _check_free(self, dataset_id: str) -> None:
        if _text_id(dataset_id) in self._datasets:
            raise StoreError(
                f"The dataset {dataset_id!r} already exists; choose another identifier."
            )

    def _create(self, fields: Sequence[PortalField], rows: Iterable[Mapping[str, Any]] = ()) -> str:
        """Create a table with the next free name and these rows."""
        table = self.next_table()
        columns = ", ".join(f"c{at} {one.column_type}" for at, one in enumerate(fields))
        columns = columns or "c0 VARCHAR"  # DuckDB has no tables without columns
        self._connection.execute(f"CREATE OR REPLACE TABLE {table} ({columns})")
        with tempfile.TemporaryDirectory(prefix="portal-") as folder:
            path = Path(folder) / "rows.jsonl"
            if write_rows(path, fields, rows):
                if not fields:
                    raise StoreError("A dataset without fields has rows. Give it fields.")
                self._insert(table, fields, path)
        return table

    def _insert(self, table: str, fields: Sequence[PortalField], path: Path) -> None:
        """Load prepared rows; all values except lists and points are read as text and cast."""
        kinds = [travelling(one) for one in fields]
        listed = ", ".join(f"c{at}: '{kind}'" for at, kind in enumerate(kinds))
        casts = ", ".join(f"CAST(c{at} AS {one.column_type})" for at, one in enumerate(fields))
        self._connection.execute(
            f"INSERT INTO {table} SELECT {casts} FROM read_json($path, "  # noqa: S608
            "format='newline_delimited', records=true, maximum_object_size=67108864, "
            f"columns={{{listed}}})",
            {"path": str(path)},
        )

    def _count(self, table: str) -> int:
        counted = self._connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
        return int(counted[0]) if counted else 0

    def _shapes(self, table: str, column: Column) -> Shapes:
        """Return the geometries of a column, which are read when they are first needed."""
        with self._reading:
            known = self._geometries.get((table, column.sql))
            if known is None:
                text = column.sql
                if column.field.type == "geo_point_2d":
                    text = _POINT.format(column.sql)
                with self.cursor() as cursor:
                    rows = cursor.execute(
                        f"SELECT rowid, {text} FROM {table} WHERE {column.sql} IS NOT NULL"  # noqa: S608
                    ).fetchall()
                known = self._geometries[table, column.sql] = Shapes(rows)
            return known

    def _build_catalog(self, hidden: frozenset[str]) -> Dataset:
        datasets = self._without(hidden)
        fields = catalog_fields(datasets)
        table = self._create(fields, (catalog_row(one, fields) for one in datasets))
        own = {
            one.name: Column(one, f"c{at}", has_links=one.name in LINKED)
            for at, one in enumerate(fields)
        }
        return Dataset(
            dataset_id=CATALOG_ID,
            uid=CATALOG_ID,
            fields=fields,
            columns={name: own[full] for name, full in catalog_names(fields)},
            table=table,
            records_count=len(datasets),
            metas={},
            shapes=partial(self._shapes, table),
        )


def refuse_no_store(store: object) -> None:
    """Refuse something else in the place of a store, which would fail at the first request.

    Raises:
        StoreError: it is something else.
    """
    if not isinstance(store, Store):
        raise StoreError(f"The store has type {type(store).__name__}; pass a Store().")


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
    return schema


def _completed(metas: Mapping[str, Any], title: str, count: int) -> dict[str, Any]:
    default = {"title": title, **metas.get("default", {}), "records_count": count}
    return {**metas, "default": default}
