"""Datasets, their schemas and their data, in an embedded DuckDB database.

Fill a store before serving it. Rows have the form of records in API responses, so a recorded
response can be loaded unchanged. Columns are named `c0`, `c1`, ...; tables contain no names chosen
by users.
"""

from __future__ import annotations

import itertools
import logging
import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, get_args

from attrs import evolve

from explore_async.errors import MissingExtraError
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
from explore_async.portal.database import lock, open_database
from explore_async.portal.errors import StoreError
from explore_async.portal.geometries import Shapes
from explore_async.portal.rows import inferred_fields, refuse_no_rows
from explore_async.portal.schema import Column, Dataset, PortalField, Visibility
from explore_async.portal.tables import create_table
from explore_async.portal.technical import technical_columns
from explore_async.portal.words import Words, drop_index, index_words

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
        if not isinstance(database, str | Path):
            raise StoreError(f"The database has type {type(database).__name__}; pass a path.")
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
        self._restricted: set[str] = set()
        self._catalogs: dict[frozenset[str], Dataset] = {}
        self._tables = itertools.count(1)
        self._geometries: dict[tuple[str, str], Shapes] = {}
        self._words: dict[str, Words | None] = {}
        self._reading = threading.Lock()
        self._unused: list[str] = []
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
        self._cleanup()

    def allow(self, path: Path) -> None:
        """Let a locked store read a file, or the files of a folder.

        Raises:
            StoreError: the store is locked already.
        """
        if not isinstance(path, Path):
            raise StoreError(f"The path has type {type(path).__name__}; pass a pathlib.Path.")
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
            except (StoreError, MissingExtraError) as error:
                _LOG.warning("The catalog lacks %s. %s", dataset_id, error)
        return tuple(
            one
            for name, one in list(self._datasets.items())
            if isinstance(one, Dataset) and name not in hidden
        )

    @property
    def waiting(self) -> tuple[str, ...]:
        """The identifiers of the datasets that are not loaded yet."""
        known = list(self._datasets.items())  # in one step, because other threads may add some
        return tuple(name for name, one in known if not isinstance(one, Dataset))

    def is_loaded(self, dataset_id: str) -> bool:
        """Return whether the dataset has a table."""
        return isinstance(self._datasets.get(_text_id(dataset_id)), Dataset)

    def dataset(self, dataset_id: str) -> Dataset | None:
        """Return the dataset with this identifier, or None; load it if it is not loaded yet.

        Raises:
            StoreError: it cannot be loaded.
        """
        found = self._datasets.get(_text_id(dataset_id))
        if found is None or isinstance(found, Dataset):
            return found
        with self._loading:
            found = self._datasets.get(dataset_id)
            return found if found is None or isinstance(found, Dataset) else found()

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
        table, count = self._create(schema, rows)
        return self.register(
            dataset_id,
            schema,
            table,
            count=count,
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
        self._outdate_catalogs()
        self._restricted.discard(dataset_id)
        if isinstance(dataset, Dataset):
            self._drop(dataset.table)

    def change(self, dataset_id: str, apply: Callable[[DuckDBPyConnection, str], None]) -> None:
        """Let `apply` change the table of a dataset that is being served, with SQL.

        It gets a connection and the name of the table. A dataset that does not exist is ignored.

        Raises:
            StoreError: the dataset cannot be loaded.
        """
        with self._loading, self.cursor() as cursor:
            dataset = self.dataset(dataset_id)
            if dataset is None:
                return
            table = self._own_table(cursor, dataset)
            apply(cursor, table)
            count = self._count(table)
            self._datasets[dataset_id] = evolve(
                dataset,
                table=table,
                records_count=count,
                metas=_completed(dataset.metas, None, count),
                shapes=partial(self._shapes, table),
                words=partial(self._indexed, table, dataset.own_columns),
            )
            self._outdate_catalogs()
        with self._reading:
            self._forget_shapes(table)
            self._words.pop(table, None)

    def _own_table(self, cursor: DuckDBPyConnection, dataset: Dataset) -> str:
        """Return the table, or a copy in a table if it is a file that is read in place."""
        found = cursor.execute("SELECT 1 FROM duckdb_views() WHERE view_name = ?", [dataset.table])
        if not found.fetchone():
            return dataset.table
        own, columns = self.next_table(), ", ".join(f"c{at}" for at in range(len(dataset.fields)))
        cursor.execute(f"CREATE TABLE {own} AS SELECT {columns} FROM {dataset.table}")  # noqa: S608
        return own

    def retire(self, dataset_id: str) -> None:
        """Remove a dataset as `remove` does, but let requests that use it finish."""
        self._outlast(self._datasets.pop(_text_id(dataset_id), None))
        self._restricted.discard(dataset_id)
        self._outdate_catalogs()

    def sweep(self) -> None:
        """Drop the tables of datasets that were retired or replaced, and that no request uses."""
        while self._unused:
            self._drop(self._unused.pop())

    def _outlast(self, dataset: Dataset | Callable[[], Dataset] | None) -> None:
        """Note the table of a dataset for `sweep` when nothing refers to the dataset any more."""
        if isinstance(dataset, Dataset):
            finalizer = weakref.finalize(dataset, self._unused.append, dataset.table)
            finalizer.atexit = False

    def _outdate_catalogs(self) -> None:
        outdated, self._catalogs = self._catalogs, {}
        for one in outdated.values():
            self._outlast(one)

    def _drop(self, table: str) -> None:
        with self.cursor() as cursor:
            is_view = cursor.execute(
                "SELECT count(*) FROM duckdb_views() "
                "WHERE database_name = current_database() AND view_name = ?",
                [table],
            ).fetchone()
            kind = "VIEW" if is_view and is_view[0] else "TABLE"
            cursor.execute(f"DROP {kind} {table}")
            drop_index(cursor, table)
        self._forget_shapes(table)
        self._words.pop(table, None)

    def _forget_shapes(self, table: str) -> None:
        for key in [key for key in list(self._geometries) if key[0] == table]:
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
        table, _ = self._create(fields)
        load(self._connection, table)
        return self.register(dataset_id, fields, table, uid=uid, metas=metas, features=features)

    def load_copy(
        self,
        described: Mapping[str, Any],
        fields: Sequence[PortalField],
        rows: Iterable[Mapping[str, Any]],
    ) -> Dataset:
        """Load a dataset that another portal describes, for `add_later`.

        Its dataset object is served unchanged but for `records_count`; `fields` say how its values
        are stored.

        Raises:
            StoreError: a key of a row is not a field, or a value does not fit its field.
        """
        table, count = self._create(fields, rows)
        return self.register(
            described["dataset_id"],
            fields,
            table,
            count=count,
            uid=described.get("dataset_uid"),
            metas=described["metas"],
            features=described.get("features") or (),
            data_visible=described.get("data_visible") is not False,
            original=described,
        )

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
        self._outdate_catalogs()

    def next_table(self) -> str:
        """Return the name of a table that does not exist yet."""
        return f"t{next(self._tables)}"

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
        count: int | None = None,
        original: Mapping[str, Any] | None = None,
        visibility: Visibility = "domain",
        attachments: tuple[Attached, ...] = (),
        alternative_exports: tuple[Attached, ...] = (),
    ) -> Dataset:
        """Register a filled table as a dataset, in the place of that with its identifier.

        Its rows are counted if `count` is None.
        """
        self._restrict(dataset_id, visibility)
        count = self._count(table) if count is None else count
        columns = {one.name: Column(one, f"c{at}") for at, one in enumerate(fields)}
        added = datetime.now(UTC).replace(microsecond=0, tzinfo=None)
        dataset = Dataset(
            dataset_id=dataset_id,
            uid=uid or f"da_{dataset_id}",
            fields=tuple(fields),
            columns={**technical_columns(columns.values(), added), **columns},
            table=table,
            records_count=count,
            metas=_completed(metas, None if original else dataset_id, count),
            features=tuple(features),
            data_visible=data_visible,
            original=original or {},
            visibility=visibility,
            attachments=attachments,
            alternative_exports=alternative_exports,
            shapes=partial(self._shapes, table),
            words=partial(self._indexed, table, tuple(columns.values())),
        )
        self._outlast(self._datasets.get(dataset_id))
        self._datasets[dataset_id] = dataset
        self._outdate_catalogs()
        return dataset

    def _restrict(self, dataset_id: str, visibility: Visibility) -> None:
        if not isinstance(visibility, str) or visibility not in get_args(Visibility):
            raise StoreError("The visibility of a dataset is 'domain' or 'restricted'.")
        change = self._restricted.add if visibility == "restricted" else self._restricted.discard
        change(dataset_id)

    def _check_free(self, dataset_id: str) -> None:
        if _text_id(dataset_id) in self._datasets:
            raise StoreError(
                f"The dataset {dataset_id!r} already exists; choose another identifier."
            )

    def _create(
        self, fields: Sequence[PortalField], rows: Iterable[Mapping[str, Any]] = ()
    ) -> tuple[str, int]:
        """Create a table with the next free name; return its name and its number of rows."""
        table = self.next_table()
        return table, create_table(self._connection, table, fields, rows, self.scratch)

    def _count(self, table: str) -> int:
        with self.cursor() as cursor:
            counted = cursor.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
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

    def _indexed(self, table: str, columns: Iterable[Column]) -> Words | None:
        """Return the index of the words of a table, which is made when it is first needed."""
        with self._reading:
            if table not in self._words:
                texts = {one.sql: one.text for one in columns if one.field.type == "text"}
                self._words[table] = index_words(self.cursor, table, texts)
            return self._words[table]

    def _build_catalog(self, hidden: frozenset[str]) -> Dataset:
        self.sweep()
        datasets = self._without(hidden)
        fields = catalog_fields(datasets)
        table, _ = self._create(fields, (catalog_row(one, fields) for one in datasets))
        own = {
            one.name: Column(one, f"c{at}", has_links=one.name in LINKED)
            for at, one in enumerate(fields)
        }
        features = own["features"].sql
        # The specification has a list, also if it is empty.
        self._connection.execute(f"UPDATE {table} SET {features} = [] WHERE {features} IS NULL")  # noqa: S608
        return Dataset(
            dataset_id=CATALOG_ID,
            uid=CATALOG_ID,
            fields=fields,
            columns={name: own[full] for name, full in catalog_names(fields)},
            table=table,
            records_count=len(datasets),
            metas={},
            shapes=partial(self._shapes, table),
            words=partial(self._indexed, table, tuple(own.values())),
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


def _completed(metas: Mapping[str, Any], title: str | None, count: int) -> dict[str, Any]:
    given = metas.get("default") or {}
    first = {} if title is None else {"title": title}
    default = {**first, **given, "records_count": count}
    return {**metas, "default": default}
