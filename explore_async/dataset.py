"""`Dataset`: one method per operation on a dataset (tag Dataset of the specification)."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Literal

from attrs import evolve

import odsql
from explore_async.models import Attachment, DatasetInfo, as_list, as_object
from explore_async.operations import (
    COMPRESSIONS,
    DATASET_FORMATS,
    OPERATIONS,
    clauses_of,
    comma_list,
    flags,
    listed,
    operation_params,
)
from explore_async.results.requests import ExportOptions, Requests, row_limit, segment

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from explore_async.http.gate import Admission
    from explore_async.models import ExportFormat, Progress, Reconciliation, Row, SavedFile
    from explore_async.results.conversion import Converter, ConverterSource
    from explore_async.results.exports import ExportStream
    from explore_async.results.facets import Facets
    from explore_async.results.records import Records
    from odsql import Query
    from odsql.builder.expressions import Expression

__all__ = ["Dataset"]


class Dataset:
    """One dataset of a portal; made by `ExploreClient.dataset`.

    Attributes:
        dataset_id: the identifier.
    """

    def __init__(self, dataset_id: str, requests: Requests) -> None:
        self.dataset_id = dataset_id
        self._requests = requests
        self._path = f"/catalog/datasets/{segment(dataset_id, 'dataset identifier')}"
        self._known: dict[str | None, Converter] = {}
        self._learning: defaultdict[str | None, asyncio.Lock] = defaultdict(asyncio.Lock)

    def __repr__(self) -> str:
        return f"Dataset({self.dataset_id!r})"

    async def info(self, query: Query | None = None) -> DatasetInfo:
        """Schema and metadata (getDataset).

        Args:
            query: only its `select`, `lang`, `timezone` and links options; keep `dataset_id`.

        Raises:
            NotFoundResource: there is no such dataset.
        """
        return await self._info(query, None)

    async def _info(self, query: Query | None, admission: Admission | None) -> DatasetInfo:
        params = operation_params(query, OPERATIONS["getDataset"])
        return await self._requests.get(
            self._path, params, DatasetInfo.from_json, admission=admission
        )

    async def converter(
        self, *, decimals: bool = False, misfits: Literal["raise", "keep"] = "raise"
    ) -> Converter:
        """What turns the values of this dataset's rows into Python's own (getDataset).

        Args:
            decimals: make `double` a Decimal too.
            misfits: what to do with a value that is not of its field's type.
        """
        from explore_async.results.conversion import Converter  # for few programs, see `asking`

        return Converter.from_info(await self.info(), decimals=decimals, misfits=misfits)

    def records(
        self,
        query: Query | None = None,
        *,
        max_rows: int | None = None,
        page_size: int | None = None,
        typed: bool | Converter = False,
    ) -> Records:
        """The rows of a query, as one lazy object that sends nothing when made (getRecords).

        Args:
            query: the query; its `offset` is where to start, and its `limit` stands for
                `max_rows` where that is not given (-1 for all).
            max_rows: the most rows wanted; None for all. Where it is given, pages are asked for
                at once; if fewer rows match, some requests were for nothing.
            page_size: rows per request: up to 100, with `group_by` up to 20,000; None for the
                most.
            typed: convert values by the schema, which is asked for once; or by this converter.

        Raises:
            WindowExceeded: offset and `max_rows` together pass 10,000 (20,000 with `group_by`);
                or, when read without `max_rows`, more rows are there (20,000 groups or more).
            ConfigurationError: a number is out of its range, or the query holds a parameter that
                getRecords does not take.
        """
        return self._requests.records(
            f"{self._path}/records",
            "getRecords",
            query,
            max_rows=max_rows,
            page_size=page_size,
            converter=self._converting(typed),
        )

    async def record(
        self, record_id: str, query: Query | None = None, *, typed: bool | Converter = False
    ) -> Row:
        """One row by its identifier (getRecord).

        Raises:
            NotFoundResource: there is no such record.
        """
        path = f"{self._path}/records/{segment(record_id, 'record identifier')}"
        params = operation_params(query, OPERATIONS["getRecord"])
        converting = self._converting(typed)
        if converting is None:
            return await self._requests.get(path, params, partial(as_object, what="a record"))
        converter = await converting(None)

        def read(answer: object) -> Row:
            return converter.row(as_object(answer, "a record"))

        return await self._requests.get(path, params, read, converter.exact)

    def facets(self, *names: str | Expression, query: Query | None = None) -> Facets:
        """Values of facets with their counts, one concurrent request each (getRecordsFacets).

        Await it for a list of `Facet`, in the order of `names`; making it sends nothing.

        Args:
            names: fields, or `facet(name="...", limit=...)` as text or built; without any, those
                of the query, or else all that the dataset declares.
            query: which rows to count.

        Raises:
            ConfigurationError: the query holds a parameter that facets do not take, or an option
                of `facet(...)` is not listed.
        """
        return self._requests.facets(f"{self._path}/facets", "getRecordsFacets", names, query)

    async def attachments(self) -> tuple[Attachment, ...]:
        """The files that belong to the dataset (getDatasetAttachments)."""
        return await self._requests.get(f"{self._path}/attachments", [], _attachments)

    async def download(
        self,
        attachment: Attachment | str,
        path: str | os.PathLike[str],
        *,
        progress: Callable[[Progress], None] | None = None,
    ) -> SavedFile:
        """Write an attachment to a file that appears only when it is whole.

        It is asked for below this portal's own address, whatever its `href` says.

        Args:
            attachment: one of `attachments()`, or its identifier.
            path: the file; an existing one is replaced at the end, in one step.
            progress: called about once per MiB.

        Raises:
            ConfigurationError: the path cannot be written; nothing was sent.
            NotFound: there is no such attachment.
        """
        name = attachment if isinstance(attachment, str) else attachment.attachment_id
        target = f"{self._path}/attachments/{segment(name, 'attachment identifier')}"
        async with self._requests.file(target) as stream:
            return await stream.save(path, progress=progress)

    async def export_formats(self) -> tuple[ExportFormat, ...]:
        """The formats this dataset can be exported to (listDatasetExportFormats)."""
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
    ) -> ExportStream:
        """All rows of a query as one stream (exportRecords); sends nothing yet.

        `async with dataset.export("jsonl", query) as stream:` gives `stream.rows()`, `batches()`,
        `lines()`, `bytes()` and `save(path)`.

        Args:
            file_format: such as `jsonl`, `csv`, `parquet` or `geojson`; `Unlisted("...")` for one
                that the specification does not list. `export_formats` tells what the portal has.
            query: the query; exports take no `offset`.
            use_labels: name columns by label instead of by name.
            compressed: have the server compress the file itself, for formats that allow it; such
                an export can only be saved.
            epsg: EPSG code to project shapes to.
            typed: convert values of rows by the schema, which is asked for once; or by this.
            nan_as_null: read a bare NaN, Infinity or -Infinity in JSON as null instead of refusing
                it.

        Raises:
            ConfigurationError: the format is unknown, or the query holds a parameter that
                exports do not take.
        """
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
    ) -> ExportStream:
        r"""All rows as CSV, in a dialect of your own (exportRecordsCSV); sends nothing yet.

        Rows are read in the dialect that was asked for, with or without a byte order mark.

        Args:
            query: the query; exports take no `offset`.
            delimiter: between cells: `;` (the server's default), `,`, `\t` or `|`.
            list_separator: between the values of a multivalued field; `,` by default.
            quote_all: quote all text, not only where it must be.
            with_bom: begin with a byte order mark, as spreadsheets like it; true by default.
            use_labels: name columns by label instead of by name.
            compressed: have the server compress the file itself; it can only be saved then.
            epsg: EPSG code to project shapes to.
            typed: convert cells by the schema, which is asked for once; or by this converter.

        Raises:
            ConfigurationError: a value is not listed, or the query does not fit.
        """
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
    ) -> ExportStream:
        """All rows as Parquet (exportRecordsParquet); sends nothing yet.

        Args:
            query: the query; exports take no `offset`.
            parquet_compression: `snappy` (the server's default) or `zstd`.
            use_labels: name columns by label instead of by name.
            compressed: have the server compress the file as a whole.
            epsg: EPSG code to project shapes to.

        Raises:
            ConfigurationError: a value is not listed, or the query does not fit.
        """
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
    ) -> ExportStream:
        """All rows as GPX (exportRecordsGPX); sends nothing yet.

        Args:
            query: the query; exports take no `offset`.
            name_field: the field that becomes the name of a waypoint.
            description_field_list: the fields that become its description, or the one; None for
                what the server takes.
            use_extension: put attributes into extensions (the server's default), or else into the
                description.
            use_labels: name attributes by label instead of by name.
            compressed: have the server compress the file itself.
            epsg: EPSG code to project shapes to.

        Raises:
            ConfigurationError: the list is empty, or the query does not fit.
        """
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
        progress: Callable[[Progress], None] | None = None,
    ) -> Reconciliation:
        """Export to a JSON Lines file, and prove it whole by counting (exportRecords, getRecords).

        The server is asked for the count first; the file appears only when as many rows came.
        With `group_by` the groups are counted by paging, at most 20,000.

        Args:
            path: the file; an existing one is replaced at the end, in one step.
            query: the query; its `limit` is honoured.
            progress: called about once per MiB.

        Raises:
            ConfigurationError: the path cannot be written; nothing was sent.
            IntegrityError: another number of rows came than announced; there is no file.
            TruncatedError: the export ended early; there is no file.
        """
        stream = self.export("jsonl", query)

        async def count() -> int:
            total = await self._requests.count(f"{self._path}/records", "getRecords", query)
            limit = row_limit(query)
            return total if limit is None else min(total, limit)

        async with stream:
            return await stream.save_verified(path, count=count, progress=progress)

    def _export(
        self, operation_id: str, file_format: str, query: Query | None, options: ExportOptions
    ) -> ExportStream:
        path = f"{self._path}/exports"
        return self._requests.export(path, operation_id, file_format, query, options)

    def _converting(
        self,
        typed: bool | Converter,
        *,
        labels: bool | None = False,
        query: Query | None = None,
        separator: str | None = None,
    ) -> ConverterSource | None:
        """What asks for the converter of rows; None when they stay as they come."""
        if typed is False:
            return None
        # Labels are in the language of the request.
        clauses = clauses_of(query)
        lang = clauses.lang if clauses is not None and labels else None

        async def converter(admission: Admission | None) -> Converter:
            if not isinstance(typed, bool):
                return typed
            known = await self._schema_converter(lang, admission)
            return evolve(known, by_label=bool(labels), list_separator=separator or ",")

        return converter

    async def _schema_converter(self, lang: str | None, admission: Admission | None) -> Converter:
        """The converter for one language; concurrent readings ask for the schema once.

        Where the one that asks fails or is cancelled, the next asks in its place.
        """
        async with self._learning[lang]:
            if lang not in self._known:
                from explore_async.results.conversion import Converter

                # The other readings of a fan-out that wait here have to make room for this one.
                shared = admission.shared() if admission is not None else None
                info = await self._info(odsql.Query(lang=lang), shared)
                self._known[lang] = Converter.from_info(info)
            return self._known[lang]


def _attachments(answer: object) -> tuple[Attachment, ...]:
    files = as_list(as_object(answer, "an answer").get("attachments"), "attachments")
    return tuple(Attachment.from_json(one) for one in files)
