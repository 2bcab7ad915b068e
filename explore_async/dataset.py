"""`Dataset`: one method per operation on a dataset (the specification's tag Dataset)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from explore_async.dataset_exports import DatasetExports
from explore_async.models import AlternativeExport, Attachment, DatasetInfo, as_list, as_object
from explore_async.operations import (
    OPERATIONS,
    operation_params,
    query_of,
)
from explore_async.results.requests import segment
from explore_async.results.showing import shown_portal

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from typing import Unpack

    from explore_async.models import Progress, Row, SavedFile
    from explore_async.results.conversion import Converter
    from explore_async.results.facets import Facets
    from explore_async.results.misfits import OnMisfit
    from explore_async.results.records import Records
    from odsql import Query
    from odsql.builder.expressions import Expression
    from odsql.builder.query import QueryClauses

__all__ = ["Dataset"]

C = TypeVar("C")


class Dataset(DatasetExports):
    """One dataset of a portal, created by `ExploreClient.dataset`.

    Wherever a method takes a query, it also takes the clauses of one as keywords, as `Query(...)`
    does: `dataset.records(where=F.x > 1, order_by="x desc")`. Conditions and facet filters are
    added to those of the query; other clauses replace them.

    Attributes:
        dataset_id: the dataset's identifier.
    """

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

    @overload
    def records(
        self,
        query: Query | None = None,
        *,
        max_rows: int | None = None,
        page_size: int | None = None,
        typed: bool | Converter = False,
        **clauses: Unpack[QueryClauses],
    ) -> Records: ...

    @overload
    def records(
        self,
        query: Query | None = None,
        *,
        max_rows: int | None = None,
        page_size: int | None = None,
        into: type[C],
        misfits: OnMisfit = "raise",
        **clauses: Unpack[QueryClauses],
    ) -> Records[C]: ...

    def records(
        self,
        query: Query | None = None,
        *,
        max_rows: int | None = None,
        page_size: int | None = None,
        typed: bool | Converter = False,
        into: type[Any] | None = None,
        misfits: OnMisfit = "raise",
        **clauses: Unpack[QueryClauses],
    ) -> Records[Any]:
        """Return the rows of a query as one lazy object; sends nothing yet (getRecords).

        Args:
            query: the query. Its `offset` is the index of the first row, and its `limit` is the
                default for `max_rows` (-1 for all).
            max_rows: the maximum number of rows; None for all. If given, pages are requested
                concurrently from the start, and some requests are wasted if fewer rows match.
            page_size: rows per request: up to 100, with `group_by` up to 20,000; None for the
                maximum.
            typed: convert values by the schema, which is requested once, or by a given converter.
            into: a class for the rows: an attrs class, a dataclass, a `msgspec.Struct`, a
                `TypedDict` or a pydantic model. Its attributes are fields of the dataset; another
                name is given as `Annotated[str, odsql.Field("1_uai")]`. Without `select` and
                `group_by`, only its fields are requested.
            misfits: what to do with a row that does not fit the class: `raise` a `MisfitError`,
                `skip` it, or `collect` its error; the last two count it in `records.misfits`.

        Raises:
            WindowExceeded: the sum of offset and `max_rows` exceeds 10,000 (20,000 with
                `group_by`). Without `max_rows`, raised while reading if there are more than 10,000
                rows, or 20,000 groups or more.
            ConfigurationError: a number is out of range, or the query holds a parameter that
                getRecords does not accept; or `into` is not a class of rows. Raised while reading
                if the class asks for a field that the dataset does not have.
        """
        query = query_of(query, clauses)
        asked = self._asked(into, misfits, query, typed)
        return self._rows.records(
            f"{self._path}/records",
            "getRecords",
            query if asked is None else asked.query,
            max_rows=max_rows,
            page_size=page_size,
            converter=None if asked is not None else self._converting(typed),
            into=asked,
        )

    @overload
    async def record(
        self,
        record_id: str,
        query: Query | None = None,
        *,
        typed: bool | Converter = False,
        **clauses: Unpack[QueryClauses],
    ) -> Row: ...

    @overload
    async def record(
        self,
        record_id: str,
        query: Query | None = None,
        *,
        into: type[C],
        **clauses: Unpack[QueryClauses],
    ) -> C: ...

    async def record(
        self,
        record_id: str,
        query: Query | None = None,
        *,
        typed: bool | Converter = False,
        into: type[Any] | None = None,
        **clauses: Unpack[QueryClauses],
    ) -> Any:
        """Return one row by its identifier (getRecord).

        Raises:
            NotFoundResource: there is no such record.
            MisfitError: the row does not fit the class.
        """
        path = f"{self._path}/records/{segment(record_id, 'record identifier')}"
        query = query_of(query, clauses)
        asked = self._asked(into, "raise", query, typed)
        if asked is not None:
            params = operation_params(asked.query, OPERATIONS["getRecord"])
            await asked.known(None)
            return await self._rows.get(path, params, asked.only, asked.decode_only)
        params = operation_params(query, OPERATIONS["getRecord"])
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


def _path_of(file: Attachment | AlternativeExport | str) -> str:
    if isinstance(file, AlternativeExport):
        return f"alternative_exports/{segment(file.export_id, 'alternative export identifier')}"
    name = file.attachment_id if isinstance(file, Attachment) else file
    return f"attachments/{segment(name, 'attachment identifier')}"


def _attachments(answer: object) -> tuple[Attachment, ...]:
    files = as_list(as_object(answer, "a response").get("attachments"), "attachments")
    return tuple(Attachment.from_json(one) for one in files)
