"""Datasets, their schemas and their data, in an embedded DuckDB database.

Fill a store before serving it. Rows have the form of records in API responses, so a recorded
response can be loaded unchanged. Columns are named `c0`, `c1`, ...; tables contain no names chosen
by users.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from explore_async.portal import functions
from explore_async.portal.catalog import CATALOG_ID, catalog_fields, catalog_names, catalog_row
from explore_async.portal.database import lock, open_database
from explore_async.portal.errors import StoreError
from explore_async.portal.geometries import Shapes
from explore_async.portal.rows import inferred_fields, refuse_no_rows, travelling, write_rows
from explore_async.portal.schema import Column, Dataset, PortalField
from explore_async.portal.technical import technical_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from duckdb import DuckDBPyConnection

__all__ = ["Store", "refuse_no_store"]

_LOG = logging.getLogger(__name__)


_POINT = """'{{"type": "Point", "coordinates": [' || {0}.lon || ', ' || {0}.lat || ']}}'"""


class Store:
    """The datasets of one portal.

    `database` is the path of a DuckDB file, used as scratch space for data larger than memory.
    `threads` is the number of threads that DuckDB may use (default: all cores), and `memory_limit`
    the memory, such as `2GB` or `512MiB` (default: 80 % of what the system or container has).

    Raises:
        MissingExtraError: DuckDB is not installed.
        StoreError: DuckDB cannot open the file, cannot use as many threads, or the memory limit is
            not a size.
    """

    def __init__(
        self,
        *,
        database: str | Path = ":memory:",
        threads: int | None = None,
        memory_limit: str | None = None,
    ) -> None:
        """Open the database; DuckDB does not download extensions automatically."""
        self._scratch = Path(tempfile.mkdtemp(prefix="portal-"))
        self._cleanup = weakref.finalize(self, shutil.rmtree, self._scratch, ignore_errors=True)
        self._connection = open_database(
            str(database), threads=threads, memory_limit=memory_limit, spill=self._scratch
        )
        functions.register(self._connection)
        self._readable: set[Path] = {self._scratch}
        self._locked = False
        self._datasets: dict[str, Dataset | Callable[[], Dataset]] = {}
        self._loading = threading.RLock()
        self._catalog: Dataset | None = None
        self._tables = 0
        self._geometries: dict[tuple[str, str], Shapes] = {}
        self._reading = threading.Lock()

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
        self._cleanup()

    def allow(self, path: Path) -> None:
        """Let a locked store read a file, or the files of a folder.

        Raises:
            StoreError: the store is locked already.
        """
        if self._locked:
            raise StoreError(f"The store is locked. Load {path} before lock().")
        self._readable.add(path.absolute())

    def lock(self) -> None:
        """Let SQL read no files but those that were loaded, and change no settings, from now on.

        Datasets can still be added from rows, and files that were found in folders still be read.
        DuckDB can neither undo nor extend this. Without effect on a locked store.
        """
        if not self._locked:
            lock(self._connection, self._readable)
            self._locked = True

    def scratch(self) -> tempfile.TemporaryDirectory[str]:
        """Return a temporary folder that a locked store may read, too."""
        return tempfile.TemporaryDirectory(dir=self._scratch)

    def cursor(self) -> DuckDBPyConnection:
        """Return another connection to the same data, for one request in one thread."""
        return self._connection.cursor()

    @property
    def datasets(self) -> tuple[Dataset, ...]:
        """All datasets, in the order in which they were added, without those that cannot load."""
        for dataset_id in self.waiting:
            try:
                self.dataset(dataset_id)
            except StoreError as error:
                _LOG.warning("The catalog lacks %s. %s", dataset_id, error)
        return tuple(one for one in self._datasets.values() if isinstance(one, Dataset))

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
    def catalog(self) -> Dataset:
        """A dataset with one row per dataset, which ODSQL can query."""
        with self._loading:
            if self._catalog is None:
                self._catalog = self._build_catalog()
            return self._catalog

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
    ) -> Dataset:
        """Add a dataset from rows.

        `fields` are `PortalField`s or their JSON objects; None infers them from the rows. `rows`
        are mappings in the form of API records: datetimes as ISO 8601 strings or `datetime` (naive
        ones are UTC), geo points as `{"lon": .., "lat": ..}` in degrees, geo shapes as GeoJSON
        features or geometries, multivalued text as lists. The text that CSV files have for these
        values is accepted, too. Missing keys and empty lists are null, and so is NaN, but in a
        double. In `metas["default"]`, `records_count` is set and a missing title becomes the
        dataset identifier. With `data_visible=False` only the description can be read, and
        requests for records are answered with status 403.

        Raises:
            StoreError: the dataset identifier or a field name is taken, there are no fields, a key
                of a row is not a field, or a value does not fit its field.
        """
        if fields is None:
            rows = refuse_no_rows(rows)
            fields = inferred_fields(rows)
        schema = _schema(fields)
        self._check_free(dataset_id)
        if not isinstance(metas, Mapping | None) or not isinstance(features, Iterable):
            raise StoreError("metas must be a mapping, and features a list of strings.")
        table = self._create(schema, rows)
        return self.register(
            dataset_id,
            schema,
            table,
            uid=uid,
            metas=metas or {},
            features=features,
            data_visible=data_visible,
        )

    def remove(self, dataset_id: str) -> None:
        """Remove a dataset and its rows; its identifier is free again.

        Raises:
            StoreError: there is no such dataset.
        """
        dataset = self._datasets.pop(_text_id(dataset_id), None)
        if dataset is None:
            raise StoreError(f"There is no dataset {dataset_id!r} to remove.")
        self._catalog = None
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

    def add_later(self, dataset_id: str, load: Callable[[], Dataset]) -> None:
        """Add a dataset that `load` registers when it is first needed, in any thread.

        Raises:
            StoreError: the identifier is taken.
        """
        self._check_free(dataset_id)
        self._datasets[dataset_id] = load
        self._catalog = None

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
    ) -> Dataset:
        """Register a filled table as a dataset."""
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
            shapes=partial(self._shapes, table),
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
        table = self.next_table()
        columns = ", ".join(f"c{at} {one.column_type}" for at, one in enumerate(fields))
        self._connection.execute(f"CREATE OR REPLACE TABLE {table} ({columns})")
        with self.scratch() as folder:
            path = Path(folder) / "rows.jsonl"
            if write_rows(path, fields, rows):
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

    def _build_catalog(self) -> Dataset:
        datasets = self.datasets
        fields = catalog_fields(datasets)
        table = self._create(fields, (catalog_row(one, fields) for one in datasets))
        own = {one.name: Column(one, f"c{at}") for at, one in enumerate(fields)}
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
    if not schema:
        raise StoreError("A dataset needs at least one field.")
    return schema


def _completed(metas: Mapping[str, Any], title: str, count: int) -> dict[str, Any]:
    default = {"title": title, **metas.get("default", {}), "records_count": count}
    return {**metas, "default": default}
