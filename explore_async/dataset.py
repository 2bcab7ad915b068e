"""`Dataset`: one method per operation on a dataset (the specification's tag Dataset)."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Literal

from attrs import evolve

import odsql
from explore_async.errors import ConfigurationError
from explore_async.http.policy import Retry
from explore_async.models import AlternativeExport, Attachment, DatasetInfo, as_list, as_object
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
from explore_async.results.requests import ExportOptions, Requests, row_limit, segment
from explore_async.results.showing import shown_portal
from explore_async.results.unknown_fields import FieldNames
from odsql.syntax.errors import shown

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence
    from typing import Unpack

    from explore_async.http.gate import Admission
    from explore_async.models import ExportFormat, Progress, Reconciliation, Row, SavedFile
    from explore_async.results.conversion import Converter, ConverterSource
    from explore_async.results.exports import ExportStream
    from explore_async.results.facets import Facets
    from explore_async.results.records import Records
    from odsql import Query
    from odsql.builder.expressions import Expression
    from odsql.builder.query import QueryClauses

__all__ = ["Dataset"]


class Dataset:
    """One dataset of a portal, created by `ExploreClient.dataset`.

    Wherever a method takes a query, it also takes the clauses of one as keywords, as `Query(...)`
    does: `dataset.records(where=F.x > 1, order_by="x desc")`. Conditions and facet filters are
    added to those of the query; other clauses replace them.

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

    def __repr__(self) -> str:
        portal = shown_portal(self._requests.transport.url("", []))
        return f"Dataset({portal!r}, {self.dataset_id!r})"

    async def info(
        self, query: Query | None = None, **clauses: Unpack[QueryClauses]
    ) -> DatasetInfo:
        """Return schema and metadata (getDataset).

        Args:
            query: may hold only `select`, `lang`, `timezone`, `include_links` and
                `include_app_metas`; a `select` must keep `dataset_id`.

        Raises:
            NotFoundResource: there is no such dataset.
        """
        return await self._info(query_of(query, clauses), None)

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

    async def converter(
        self, *, decimals: bool = False, misfits: Literal["raise", "keep"] = "raise"
    ) -> Converter:
        """Return a converter of this dataset's row values to Python types (getDataset).

        Args:
            decimals: convert `double` to Decimal too.
            misfits: `raise` an error for a value that does not match its field's type, or `keep`
                the value.
        """
        from explore_async.results.conversion import Converter  # rarely needed, so loaded here

        return Converter.from_info(await self.info(), decimals=decimals, misfits=misfits)

    def records(
        self,
        query: Query | None = None,
        *,
        max_rows: int | None = None,
        page_size: int | None = None,
        typed: bool | Converter = False,
        **clauses: Unpack[QueryClauses],
    ) -> Records:
        """Return the rows of a query as one lazy object; sends nothing yet (getRecords).

        Args:
            query: the query. Its `offset` is the index of the first row, and its `limit` is the
                default for `max_rows` (-1 for all).
            max_rows: the maximum number of rows; None for all. If given, pages are requested
                concurrently from the start, and some requests are wasted if fewer rows match.
            page_size: rows per request: up to 100, with `group_by` up to 20,000; None for the
                maximum.
            typed: convert values by the schema, which is requested once, or by a given converter.

        Raises:
            WindowExceeded: the sum of offset and `max_rows` exceeds 10,000 (20,000 with
                `group_by`). Without `max_rows`, raised while reading if there are more than 10,000
                rows, or 20,000 groups or more.
            ConfigurationError: a number is out of range, or the query holds a parameter that
                getRecords does not accept.
        """
        return self._rows.records(
            f"{self._path}/records",
            "getRecords",
            query_of(query, clauses),
            max_rows=max_rows,
            page_size=page_size,
            converter=self._converting(typed),
        )

    async def record(
        self,
        record_id: str,
        query: Query | None = None,
        *,
        typed: bool | Converter = False,
        **clauses: Unpack[QueryClauses],
    ) -> Row:
        """Return one row by its identifier (getRecord).

        Raises:
            NotFoundResource: there is no such record.
        """
        path = f"{self._path}/records/{segment(record_id, 'record identifier')}"
        params = operation_params(query_of(query, clauses), OPERATIONS["getRecord"])
        converting = self._converting(typed)
        if converting is None:
            return await self._rows.get(path, params, partial(as_object, what="a record"))
        converter = await converting(None)

        def read(answer: object) -> Row:
            return converter.row(as_object(answer, "a record"))

        return await self._rows.get(path, params, read, converter.exact)

    def facets(
        self, *names: str | Expression, query: Query | None = None, **clauses: Unpack[QueryClauses]
    ) -> Facets:
        """Return facet values and counts, with one concurrent request each (getRecordsFacets).

        Await the result for a list of `Facet` in the order of `names`. Nothing is sent until then.

        Args:
            names: fields, or `facet(name="...", limit=...)` as a string or an expression. Without
                names, the facets of the query, or else all that the dataset declares.
            query: selects the rows to count.

        Raises:
            ConfigurationError: the query holds a parameter that facets do not accept, or an option
                of `facet(...)` is not listed.
        """
        return self._rows.facets(
            f"{self._path}/facets", "getRecordsFacets", names, query_of(query, clauses)
        )

    async def attachments(self) -> tuple[Attachment, ...]:
        """Return the files attached to the dataset (getDatasetAttachments)."""
        return await self._requests.get(f"{self._path}/attachments", [], _attachments)

    async def alternative_exports(self) -> tuple[AlternativeExport, ...]:
        """Return the files that the publisher offers in place of the exports (getDataset).

        Their identifiers change with updates, so list them before each `download`.
        """
        found = (await self.info()).extra.get("alternative_exports")
        if found is None:
            return ()
        return tuple(map(AlternativeExport.from_json, as_list(found, "alternative exports")))

    async def download(
        self,
        file: Attachment | AlternativeExport | str,
        path: str | os.PathLike[str],
        *,
        progress: Callable[[Progress], None] | None = None,
    ) -> SavedFile:
        """Write an attachment or an alternative export to a file that appears when complete.

        The request goes to this portal's own address, regardless of what the item links to.
        Alternative exports have no operation in the specification; portals serve them at
        `/catalog/datasets/{dataset_id}/alternative_exports/{export_id}`.

        Args:
            file: one of `attachments()` or `alternative_exports()`, or the identifier of an
                attachment.
            path: the file to write, such as `folder / file.file_name`; an existing file is
                replaced atomically at the end.
            progress: called about once per MiB.

        Raises:
            ConfigurationError: the path is not writable; nothing was sent.
            NotFound: there is no such file.
        """
        async with self._requests.file(f"{self._path}/{_path_of(file)}") as stream:
            return await stream.save(path, progress=progress)

    async def export_formats(self) -> tuple[ExportFormat, ...]:
        """Return the formats in which the dataset can be exported (listDatasetExportFormats)."""
        return await self._requests.formats(f"{self._path}/exports")

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
    ) -> ExportStream:
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
            nan_as_null: read a bare NaN, Infinity or -Infinity in JSON as null instead of raising
                an error.

        Raises:
            ConfigurationError: the format is unknown, or the query holds a parameter that the
                export does not accept.
        """
        query = query_of(query, clauses)
        listed(file_format, DATASET_FORMATS, "export format")
        options = ExportOptions(
            params=flags(use_labels=use_labels, compressed=compressed, epsg=epsg),
            nan_as_null=nan_as_null,
            converter=self._converting(typed, labels=use_labels, query=query),
        )
        return self._export("exportRecords", file_format, query, options)

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
    ) -> ExportStream:
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

        Raises:
            ConfigurationError: a value is not listed, or the query holds a parameter that the
                export does not accept.
        """
        query = query_of(query, clauses)
        options = ExportOptions.csv(
            delimiter=delimiter,
            list_separator=list_separator,
            quote_all=quote_all,
            with_bom=with_bom,
            use_labels=use_labels,
            compressed=compressed,
            epsg=epsg,
            converter=self._converting(
                typed, labels=use_labels, query=query, separator=list_separator
            ),
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


def _path_of(file: Attachment | AlternativeExport | str) -> str:
    if isinstance(file, AlternativeExport):
        return f"alternative_exports/{segment(file.export_id, 'alternative export identifier')}"
    name = file.attachment_id if isinstance(file, Attachment) else file
    return f"attachments/{segment(name, 'attachment identifier')}"


def _attachments(answer: object) -> tuple[Attachment, ...]:
    files = as_list(as_object(answer, "a response").get("attachments"), "attachments")
    return tuple(Attachment.from_json(one) for one in files)
