"""`DatasetExports`: the exports of a dataset, and the schema by which its rows are read.

This is the part of `Dataset` whose results are streams; `dataset` has the operations on pages.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, overload

from attrs import evolve

import odsql
from explore_async.errors import ConfigurationError
from explore_async.http.policy import Retry
from explore_async.models import DatasetInfo
from explore_async.operations import (
    COMPRESSIONS,
    DATASET_FORMATS,
    OPERATIONS,
    clauses_of,
    comma_list,
    flags,
    listed,
    operation_params,
    query_of,
)
from explore_async.results.misfits import Misfits
from explore_async.results.requests import ExportOptions, Requests, row_limit, segment
from explore_async.results.unknown_fields import FieldNames
from odsql.syntax.errors import shown

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence
    from typing import Unpack

    from explore_async.http.gate import Admission
    from explore_async.models import ExportFormat, Progress, Reconciliation
    from explore_async.results.conversion import Converter, ConverterSource
    from explore_async.results.exports import ExportStream
    from explore_async.results.into import Into
    from explore_async.results.misfits import OnMisfit
    from explore_async.results.reading import RowsSource
    from odsql import Query
    from odsql.builder.query import QueryClauses

__all__ = ["DatasetExports"]

C = TypeVar("C")


class DatasetExports:
    """The exports of one dataset; `Dataset` adds the other operations.

    Attributes:
        dataset_id: the dataset's identifier.
    """

    def __init__(self, dataset_id: str, requests: Requests) -> None:
        self.dataset_id = dataset_id
        self._requests = requests
        self._rows = evolve(requests, names=FieldNames(self._schema))
        self._path = f"/catalog/datasets/{segment(dataset_id, 'dataset identifier')}"
        self._known: dict[str | None, Converter] = {}
        self._learning: defaultdict[str | None, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def _info(self, query: Query | None, admission: Admission | None) -> DatasetInfo:
        params = operation_params(query, OPERATIONS["getDataset"])
        return await self._requests.get(
            self._path, params, DatasetInfo.from_json, admission=admission
        )

    async def _schema(self) -> odsql.Schema:
        once = self._requests.transport.with_options(retry=Retry.never())
        requests = evolve(self._requests, transport=once)
        info = await requests.get(self._path, [], DatasetInfo.from_json)
        fields = [{"name": one.name, "type": one.type} for one in info.fields]
        return odsql.Schema.from_json({"dataset_id": info.dataset_id, "fields": fields})

    async def export_formats(self) -> tuple[ExportFormat, ...]:
        """Return the formats in which the dataset can be exported (listDatasetExportFormats)."""
        return await self._requests.formats(f"{self._path}/exports")

    @overload
    def export(
        self,
        file_format: str,
        query: Query | None = None,
        *,
        use_labels: bool | None = None,
        compressed: bool | None = None,
        epsg: int | None = None,
        typed: bool | Converter = False,
        nan_as_null: bool = False,
        **clauses: Unpack[QueryClauses],
    ) -> ExportStream: ...

    @overload
    def export(
        self,
        file_format: str,
        query: Query | None = None,
        *,
        use_labels: bool | None = None,
        compressed: bool | None = None,
        epsg: int | None = None,
        into: type[C],
        misfits: OnMisfit = "raise",
        nan_as_null: bool = False,
        **clauses: Unpack[QueryClauses],
    ) -> ExportStream[C]: ...

    def export(
        self,
        file_format: str,
        query: Query | None = None,
        *,
        use_labels: bool | None = None,
        compressed: bool | None = None,
        epsg: int | None = None,
        typed: bool | Converter = False,
        into: type[Any] | None = None,
        misfits: OnMisfit = "raise",
        nan_as_null: bool = False,
        **clauses: Unpack[QueryClauses],
    ) -> ExportStream[Any]:
        """Return an export of all rows as one stream (exportRecords); sends nothing yet.

        Use it as `async with dataset.export("jsonl", query) as stream:`, and read with
        `stream.rows()`, `batches()`, `lines()`, `bytes()` or `save(path)`.

        Args:
            file_format: such as `jsonl`, `csv`, `parquet` or `geojson`; `Unlisted("...")` for one
                that the specification does not list. `export_formats` returns those of the portal.
            query: the query; exports do not accept `offset`.
            use_labels: use labels as column names.
            compressed: have the server compress the file, for formats that allow it; such an
                export can only be saved.
            epsg: EPSG code of the projection for shapes.
            typed: convert values by the schema, which is requested once, or by a given converter.
            into: a class for the rows that `stream.rows` yields, as for `records`; it needs names,
                not labels.
            misfits: what to do with a row that does not fit the class, as for `records`.
            nan_as_null: read a bare NaN, Infinity or -Infinity in JSON as null instead of raising
                an error.

        Raises:
            ConfigurationError: the format is unknown, or the query holds a parameter that the
                export does not accept.
        """
        query = query_of(query, clauses)
        listed(file_format, DATASET_FORMATS, "export format")
        query, converter, left_out = self._reading(
            query, typed, into, misfits, labels=use_labels, separator=None
        )
        options = ExportOptions(
            params=flags(use_labels=use_labels, compressed=compressed, epsg=epsg),
            nan_as_null=nan_as_null,
            converter=converter,
            misfits=left_out,
        )
        return self._export("exportRecords", file_format, query, options)

    @overload
    def export_csv(
        self,
        query: Query | None = None,
        *,
        delimiter: str | None = None,
        list_separator: str | None = None,
        quote_all: bool | None = None,
        with_bom: bool | None = None,
        use_labels: bool | None = None,
        compressed: bool | None = None,
        epsg: int | None = None,
        typed: bool | Converter = False,
        **clauses: Unpack[QueryClauses],
    ) -> ExportStream: ...

    @overload
    def export_csv(
        self,
        query: Query | None = None,
        *,
        delimiter: str | None = None,
        list_separator: str | None = None,
        quote_all: bool | None = None,
        with_bom: bool | None = None,
        use_labels: bool | None = None,
        compressed: bool | None = None,
        epsg: int | None = None,
        into: type[C],
        misfits: OnMisfit = "raise",
        **clauses: Unpack[QueryClauses],
    ) -> ExportStream[C]: ...

    def export_csv(
        self,
        query: Query | None = None,
        *,
        delimiter: str | None = None,
        list_separator: str | None = None,
        quote_all: bool | None = None,
        with_bom: bool | None = None,
        use_labels: bool | None = None,
        compressed: bool | None = None,
        epsg: int | None = None,
        typed: bool | Converter = False,
        into: type[Any] | None = None,
        misfits: OnMisfit = "raise",
        **clauses: Unpack[QueryClauses],
    ) -> ExportStream[Any]:
        r"""Return a CSV export of all rows (exportRecordsCSV); sends nothing yet.

        The stream's `rows` reads the requested dialect, with or without a byte order mark.

        Args:
            query: the query; exports do not accept `offset`.
            delimiter: separates cells: `;` (the server's default), `,`, `\t` or `|`.
            list_separator: separates the values of a multivalued field; `,` by default.
            quote_all: quote all text, not only where necessary.
            with_bom: begin with a byte order mark, for spreadsheets; true by default.
            use_labels: use labels as column names.
            compressed: have the server compress the file; it can then only be saved.
            epsg: EPSG code of the projection for shapes.
            typed: convert cells by the schema, which is requested once, or by a given converter.
            into: a class for the rows that `stream.rows` yields, as for `records`; it needs names,
                not labels.
            misfits: what to do with a row that does not fit the class, as for `records`.

        Raises:
            ConfigurationError: a value is not listed, or the query holds a parameter that the
                export does not accept.
        """
        query = query_of(query, clauses)
        query, converter, left_out = self._reading(
            query, typed, into, misfits, labels=use_labels, separator=list_separator
        )
        options = ExportOptions.csv(
            delimiter=delimiter,
            list_separator=list_separator,
            quote_all=quote_all,
            with_bom=with_bom,
            use_labels=use_labels,
            compressed=compressed,
            epsg=epsg,
            converter=converter,
            misfits=left_out,
        )
        return self._export("exportRecordsCSV", "csv", query, options)

    def export_parquet(
        self,
        query: Query | None = None,
        *,
        parquet_compression: str | None = None,
        use_labels: bool | None = None,
        compressed: bool | None = None,
        epsg: int | None = None,
        **clauses: Unpack[QueryClauses],
    ) -> ExportStream:
        """Return a Parquet export of all rows (exportRecordsParquet); sends nothing yet.

        Args:
            query: the query; exports do not accept `offset`.
            parquet_compression: `snappy` (the server's default) or `zstd`.
            use_labels: use labels as column names.
            compressed: have the server compress the file as a whole.
            epsg: EPSG code of the projection for shapes.

        Raises:
            ConfigurationError: a value is not listed, or the query holds a parameter that the
                export does not accept.
        """
        query = query_of(query, clauses)
        if parquet_compression is not None:
            listed(parquet_compression, COMPRESSIONS, "compression")
        params = flags(
            parquet_compression=parquet_compression,
            use_labels=use_labels,
            compressed=compressed,
            epsg=epsg,
        )
        options = ExportOptions(params=params)
        return self._export("exportRecordsParquet", "parquet", query, options)

    def export_gpx(
        self,
        query: Query | None = None,
        *,
        name_field: str | None = None,
        description_field_list: str | Sequence[str] | None = None,
        use_extension: bool | None = None,
        use_labels: bool | None = None,
        compressed: bool | None = None,
        epsg: int | None = None,
        **clauses: Unpack[QueryClauses],
    ) -> ExportStream:
        """Return a GPX export of all rows (exportRecordsGPX); sends nothing yet.

        Args:
            query: the query; exports do not accept `offset`.
            name_field: the field with the names of the waypoints.
            description_field_list: one or more fields for their descriptions; None for the
                server's default.
            use_extension: write attributes as extensions (the server's default) instead of in the
                description.
            use_labels: use labels as attribute names.
            compressed: have the server compress the file.
            epsg: EPSG code of the projection for shapes.

        Raises:
            ConfigurationError: the list is empty, or the query holds a parameter that the export
                does not accept.
        """
        query = query_of(query, clauses)
        fields = description_field_list
        params = flags(
            name_field=name_field,
            description_field_list=comma_list("description_field_list", fields),
            use_extension=use_extension,
            use_labels=use_labels,
            compressed=compressed,
            epsg=epsg,
        )
        options = ExportOptions(params=params)
        return self._export("exportRecordsGPX", "gpx", query, options)

    async def export_verified(
        self,
        path: str | os.PathLike[str],
        query: Query | None = None,
        *,
        file_format: str = "jsonl",
        gzip: bool = False,
        progress: Callable[[Progress], None] | None = None,
        **clauses: Unpack[QueryClauses],
    ) -> Reconciliation:
        """Export to a file and verify its row count (exportRecords, getRecords).

        The client first requests the count; the file appears only if as many rows arrive. With
        `group_by` the groups are counted by paging, which works for fewer than 20,000.

        Args:
            path: the file to write; an existing file is replaced atomically at the end.
            query: the query; its `limit` is respected.
            file_format: `jsonl`, `json`, `csv`, `geojson` or `parquet`; the last one needs the
                extra `parquet`.
            gzip: compress the file; not for `parquet`, whose columns are compressed.
            progress: called about once per MiB.

        Raises:
            ConfigurationError: the rows of the format cannot be counted, or the path is not
                writable; nothing was sent.
            MissingExtraError: the format is Parquet, and pyarrow is not installed; nothing was
                sent.
            IntegrityError: the number of rows differs from the count; no file is written.
            TruncatedError: the export ended early; no file is written.
        """
        query = query_of(query, clauses)
        stream = self.export(file_format, query)

        async def count() -> int:
            total = await self._rows.count(f"{self._path}/records", "getRecords", query)
            limit = row_limit(query)
            return total if limit is None else min(total, limit)

        async with stream:
            return await stream.save_verified(path, count=count, gzip=gzip, progress=progress)

    def _export(
        self, operation_id: str, file_format: str, query: Query | None, options: ExportOptions
    ) -> ExportStream:
        path = f"{self._path}/exports"
        return self._rows.export(path, operation_id, file_format, query, options)

    def _reading(
        self,
        query: Query | None,
        typed: bool | Converter,
        into: type[Any] | None,
        misfits: OnMisfit,
        *,
        labels: bool | None,
        separator: str | None,
    ) -> tuple[Query | None, RowsSource | None, Misfits | None]:
        """Return the query of an export, the reader of its rows, and what counts misfits."""
        asked = self._asked(into, misfits, query, typed)
        if asked is None:
            converter = self._converting(typed, labels=labels, query=query, separator=separator)
            return query, converter, None
        if labels:
            raise ConfigurationError(
                "A class asks for fields by their names. Omit `use_labels` or `into`."
            )
        from explore_async.results.into import ClassRows

        left_out = Misfits()

        async def rows(admission: Admission | None) -> ClassRows:
            return ClassRows(
                into=asked,
                fields=await asked.known(admission),
                list_separator=separator or ",",
                misfits=left_out,
            )

        return asked.query, rows, left_out

    def _asked(
        self,
        into: type[Any] | None,
        misfits: OnMisfit,
        query: Query | None,
        typed: bool | Converter,
    ) -> Into | None:
        """Return what `into` asks for; None without it."""
        if into is None:
            if misfits != "raise":
                raise ConfigurationError("misfits is for rows in a class. Pass `into` with it.")
            return None
        if typed is not False:
            raise ConfigurationError(
                "A class has the types of its rows. Pass either `typed` or `into`."
            )
        from explore_async.results.into import Into

        return Into.of(
            into,
            misfits,
            query,
            dataset_id=self.dataset_id,
            schema=partial(self._schema_converter, None),
        )

    def _converting(
        self,
        typed: bool | Converter,
        *,
        labels: bool | None = False,
        query: Query | None = None,
        separator: str | None = None,
    ) -> ConverterSource | None:
        """Return a function that provides the converter of rows; None to leave rows unchanged."""
        if typed is False:
            return None
        from explore_async.results.conversion import Converter

        if typed is not True and not isinstance(typed, Converter):
            raise ConfigurationError(
                f"typed is {shown(typed)}; it must be True, False or a Converter."
            )
        # The labels depend on the language of the request.
        clauses = clauses_of(query)
        lang = clauses.lang if clauses is not None and labels else None

        async def converter(admission: Admission | None) -> Converter:
            if not isinstance(typed, bool):
                return typed
            known = await self._schema_converter(lang, admission)
            return evolve(known, by_label=bool(labels), list_separator=separator or ",")

        return converter

    async def _schema_converter(self, lang: str | None, admission: Admission | None) -> Converter:
        """Return the converter for one language; concurrent readings request the schema once.

        If that request fails or is cancelled, the next waiting reading sends it again.
        """
        self._requests.transport.claim()  # the lock belongs to the event loop, too
        async with self._learning[lang]:
            if lang not in self._known:
                from explore_async.results.conversion import Converter

                # Other readings of a fan-out wait here; the memory they hold must not block this.
                shared = admission.shared() if admission is not None else None
                info = await self._info(odsql.Query(lang=lang), shared)
                self._known[lang] = Converter.from_info(info)
            return self._known[lang]
