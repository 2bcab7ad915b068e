"""`ExploreClient` and `Dataset`: one method per operation of the Explore API v2.1.

A method here says which path and which parameters an operation has. Sending is the transport's
business, running many requests the scheduler's, and reading pages, facets and exports belongs to
`paging`, `faceting` and `exporting`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar, overload
from urllib.parse import quote

from attrs import frozen
from yarl import URL

import odsql
from explore_async.auth import as_auth
from explore_async.errors import ConfigurationError
from explore_async.exporting import EXPORT_ENDS, EXPORT_FORMATS, ExportStream
from explore_async.faceting import fetch_facets
from explore_async.models import (
    DatasetInfo,
    Operation,
    as_list,
    as_object,
    operation_params,
)
from explore_async.paging import Plan, Records
from explore_async.policy import Retry, Timeouts, Timing
from explore_async.scheduling import Scheduler
from explore_async.transport import Caps, Transport

if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable, Sequence
    from types import TracebackType

    import aiohttp

    from explore_async.auth import Auth
    from explore_async.models import Facet, Progress, Reconciliation, Row
    from odsql import Query
    from odsql.building import Expression

__all__ = ["Dataset", "ExploreClient"]

T = TypeVar("T")
T1 = TypeVar("T1")
T2 = TypeVar("T2")
T3 = TypeVar("T3")

_API_PATH = "/api/explore/v2.1"
_FILTERS = ("where", "refine", "exclude", "timezone")
_SHAPE = ("select", "group_by", "order_by")
_LINKS = ("include_links", "include_app_metas")


def _operation(name: str, *parameters: str) -> Operation:
    return Operation(name=name, parameters=frozenset(parameters))


_PAGED = (*_FILTERS, *_SHAPE, *_LINKS, "lang", "limit", "offset")
_GET_DATASETS = _operation("getDatasets", *_PAGED)
_GET_DATASETS_FACETS = _operation("getDatasetsFacets", *_FILTERS, "facet")
_GET_DATASET = _operation("getDataset", *_LINKS, "select", "lang", "timezone")
_GET_RECORDS = _operation("getRecords", *_PAGED)
_GET_RECORD = _operation("getRecord", "select", "lang", "timezone")
_GET_RECORDS_FACETS = _operation("getRecordsFacets", *_FILTERS, "lang", "facet")
_EXPORT_RECORDS = _operation(
    "exportRecords", *_FILTERS, *_SHAPE, "lang", "limit", "use_labels", "compressed", "epsg"
)


class ExploreClient:
    """A portal: its catalog, its datasets, and the one session and scheduler behind them.

    Use it as `async with ExploreClient("data.example.org") as client:`, one per event loop. Making
    it opens nothing.

    Args:
        base_url: `https://host`, `https://host/api/explore/v2.1`, or a bare `host`.
        auth: an API key, an `Auth`, or None for anonymous access. The key goes into the
            Authorization header only.
        session: an aiohttp session to use; it is never closed or changed. None to own one.
        concurrency: the most requests in flight at a time, over everything this client does.
        timeouts: how long to wait, in seconds.
        retry: when to send a request again; `Retry.never()` switches it off.
        caps: the largest bodies to hold in memory, in bytes.
        timing: clock, sleep and dice, replaced in tests.

    Raises:
        ConfigurationError: `base_url` does not lead to a portal, or a value is out of its range.
    """

    def __init__(
        self,
        base_url: str,
        *,
        auth: Auth | str | None = None,
        session: aiohttp.ClientSession | None = None,
        concurrency: int = 8,
        timeouts: Timeouts | None = None,
        retry: Retry | None = None,
        caps: Caps | None = None,
        timing: Timing | None = None,
    ) -> None:
        url = _base_url(base_url)
        self.base_url = str(url)
        self._scheduler = Scheduler(concurrency)
        self._transport = Transport(
            url,
            auth=as_auth(auth),
            session=session,
            scheduler=self._scheduler,
            timeouts=timeouts or Timeouts(),
            retry=retry or Retry(),
            timing=timing or Timing(),
            caps=caps or Caps(),
            user_agent=f"explore-async/{odsql.__version__}",
        )
        self._requests = _Requests(transport=self._transport, scheduler=self._scheduler)

    def __repr__(self) -> str:
        return f"ExploreClient({self.base_url!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Cancel what is still running and close the session, if it is ours."""
        try:
            await self._scheduler.close()
        finally:
            await self._transport.close()

    def dataset(self, dataset_id: str) -> Dataset:
        """A handle on one dataset. Sends nothing.

        Raises:
            ConfigurationError: the identifier is empty or cannot be part of a URL.
        """
        return Dataset(dataset_id, self._requests)

    def datasets(
        self,
        query: Query | None = None,
        *,
        max_rows: int | None = None,
        page_size: int | None = None,
    ) -> Records:
        """The datasets of the catalog, lazily (getDatasets).

        Rows are plain dicts; `DatasetInfo.from_json(row)` makes one a typed value.

        Args:
            query: filters, order and fields; its `offset` is where to start, and its `limit`
                stands for `max_rows` where that is not given.
            max_rows: the most rows wanted; None for all.
            page_size: rows per request; None for the most the server gives.

        Raises:
            ConfigurationError, WindowExceeded: see `Dataset.records`.
        """
        return self._requests.records(
            "/catalog/datasets", _GET_DATASETS, query, max_rows=max_rows, page_size=page_size
        )

    async def catalog_facets(
        self, query: Query | None = None, *, names: Sequence[str | Expression] = ()
    ) -> list[Facet]:
        """Facets of the catalog, one request each (getDatasetsFacets).

        Args:
            query: which datasets to count.
            names: facets such as `publisher` or `keyword`; none for all the portal declares.

        Returns:
            The facets in the order of `names`.
        """
        return await self._requests.facets("/catalog/facets", _GET_DATASETS_FACETS, names, query)

    @overload
    async def gather(self, first: Awaitable[T1], second: Awaitable[T2], /) -> tuple[T1, T2]: ...

    @overload
    async def gather(
        self, first: Awaitable[T1], second: Awaitable[T2], third: Awaitable[T3], /
    ) -> tuple[T1, T2, T3]: ...

    @overload
    async def gather(self, *requests: Awaitable[T]) -> tuple[T, ...]: ...

    async def gather(self, *requests: Awaitable[Any]) -> tuple[Any, ...]:
        """Await several requests at the same time, within this client's concurrency.

            rows, facets = await client.gather(
                dataset.records(query).to_list(), dataset.facets("genus_name", query=query)
            )

        Returns:
            The results in the order given.

        Raises:
            ExploreError: the first to fail; the others are cancelled.
        """
        return tuple(await self._scheduler.gather(requests))


class Dataset:
    """One dataset of a portal; made by `ExploreClient.dataset`.

    Attributes:
        dataset_id: the identifier.
    """

    def __init__(self, dataset_id: str, requests: _Requests) -> None:
        self.dataset_id = dataset_id
        self._requests = requests
        self._path = f"/catalog/datasets/{_segment(dataset_id, 'dataset identifier')}"

    def __repr__(self) -> str:
        return f"Dataset({self.dataset_id!r})"

    async def info(self, query: Query | None = None) -> DatasetInfo:
        """Schema and metadata (getDataset).

        Args:
            query: only its `select`, `lang`, `timezone` and links options; keep `dataset_id`.

        Raises:
            NotFoundResource: there is no such dataset.
        """
        params = operation_params(query, _GET_DATASET)
        return DatasetInfo.from_json(await self._requests.get(self._path, params))

    def records(
        self,
        query: Query | None = None,
        *,
        max_rows: int | None = None,
        page_size: int | None = None,
    ) -> Records:
        """The rows of a query, as one lazy object that sends nothing when made (getRecords).

        Args:
            query: the query; its `offset` is where to start, and its `limit` stands for
                `max_rows` where that is not given (-1 for all).
            max_rows: the most rows wanted; None for all.
            page_size: rows per request: up to 100, with `group_by` up to 20,000; None for the
                most.

        Raises:
            WindowExceeded: offset and `max_rows` together pass 10,000 (20,000 with `group_by`).
            ConfigurationError: a number is out of its range, or the query holds a parameter that
                getRecords does not take.
        """
        return self._requests.records(
            f"{self._path}/records", _GET_RECORDS, query, max_rows=max_rows, page_size=page_size
        )

    async def record(self, record_id: str, query: Query | None = None) -> Row:
        """One row by its identifier (getRecord).

        Raises:
            NotFoundResource: there is no such record.
        """
        path = f"{self._path}/records/{_segment(record_id, 'record identifier')}"
        params = operation_params(query, _GET_RECORD)
        return as_object(await self._requests.get(path, params), "a record")

    async def facets(self, *names: str | Expression, query: Query | None = None) -> list[Facet]:
        """Values of facets with their counts, one concurrent request each (getRecordsFacets).

        Args:
            names: fields, or `facet(name="...", limit=...)` as text or built; without any, those
                of the query, or else all that the dataset declares.
            query: which rows to count.

        Returns:
            The facets in the order of `names`.

        Raises:
            ConfigurationError: the query holds a parameter that facets do not take.
        """
        return await self._requests.facets(
            f"{self._path}/facets", _GET_RECORDS_FACETS, names, query
        )

    async def export_formats(self) -> tuple[str, ...]:
        """The formats this dataset can be exported to (listDatasetExportFormats)."""
        answer = as_object(await self._requests.get(f"{self._path}/exports", []), "an answer")
        links = [as_object(link, "a link") for link in as_list(answer.get("links"), "links")]
        return tuple(str(link.get("rel")) for link in links if link.get("rel") != "self")

    def export(
        self,
        file_format: str,
        query: Query | None = None,
        *,
        use_labels: bool | None = None,
        compressed: bool | None = None,
        epsg: int | None = None,
        unlisted_format: bool = False,
    ) -> ExportStream:
        """All rows of a query as one stream (exportRecords); sends nothing yet.

        `async with dataset.export("jsonl", query) as stream:` gives `stream.rows()`, `lines()`,
        `bytes()` and `save(path)`.

        Args:
            file_format: such as `jsonl`, `csv`, `parquet` or `geojson`.
            query: the query; exports take no `offset`.
            use_labels: name columns by label instead of by name.
            compressed: have the server compress the file itself, for formats that allow it.
            epsg: EPSG code to project shapes to.
            unlisted_format: allow a format the specification does not list; `export_formats`
                tells what the portal has.

        Raises:
            ConfigurationError: the format is unknown, or the query holds a parameter that
                exports do not take.
        """
        if file_format not in EXPORT_FORMATS and not unlisted_format:
            raise ConfigurationError(
                f"{file_format!r} is no export format; there are "
                f"{', '.join(sorted(EXPORT_FORMATS))}. For one that only this portal has, pass "
                "unlisted_format=True."
            )
        options = {"use_labels": use_labels, "compressed": compressed, "epsg": epsg}
        extra = [(name, str(value).lower()) for name, value in options.items() if value is not None]
        params = operation_params(query, _EXPORT_RECORDS, extra=extra)
        path = f"{self._path}/exports/{_segment(file_format, 'export format')}"
        end = b"" if compressed else EXPORT_ENDS.get(file_format, b"")
        return self._requests.export(path, params, file_format=file_format, end=end)

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
            total = await self._requests.count(f"{self._path}/records", _GET_RECORDS, query)
            limit = _row_limit(query)
            return total if limit is None else min(total, limit)

        async with stream:
            return await stream.save_verified(path, count=count, progress=progress)


@frozen(kw_only=True)
class _Requests:
    """What a client and its datasets share: how an operation becomes requests."""

    transport: Transport
    scheduler: Scheduler

    async def get(self, path: str, params: Sequence[tuple[str, str]]) -> object:
        return await self.transport.get_json(path, params)

    def records(
        self,
        path: str,
        operation: Operation,
        query: Query | None,
        *,
        max_rows: int | None,
        page_size: int | None,
    ) -> Records:
        plan = Plan(
            start=(query.clauses.offset or 0) if query is not None else 0,
            max_rows=_row_limit(query) if max_rows is None else max_rows,
            page_size=page_size,
            grouped=query is not None and bool(query.clauses.group_by),
        )
        return self._paged(path, operation, query, plan)

    async def count(self, path: str, operation: Operation, query: Query | None) -> int:
        grouped = query is not None and bool(query.clauses.group_by)
        plan = Plan(start=0, max_rows=None, grouped=grouped)
        return await self._paged(path, operation, query, plan).count()

    async def facets(
        self,
        path: str,
        operation: Operation,
        names: Sequence[str | Expression],
        query: Query | None,
    ) -> list[Facet]:
        params = operation_params(query, operation)
        wanted = [str(name) for name in names] or [
            value for name, value in params if name == "facet"
        ]
        fixed = [(name, value) for name, value in params if name != "facet"]

        async def ask(name: str | None) -> object:
            return await self.get(path, fixed if name is None else [*fixed, ("facet", name)])

        return await fetch_facets(wanted, ask=ask, scheduler=self.scheduler)

    def export(
        self, path: str, params: Sequence[tuple[str, str]], *, file_format: str, end: bytes
    ) -> ExportStream:
        return ExportStream(
            lambda: self.transport.stream(path, params),
            file_format=file_format,
            url=self.transport.url(path, params),
            line_cap=self.transport.caps.line,
            end=end,
        )

    def _paged(self, path: str, operation: Operation, query: Query | None, plan: Plan) -> Records:
        params = operation_params(query, operation)
        fixed = [(name, value) for name, value in params if name not in {"limit", "offset"}]

        def place(offset: int, limit: int) -> list[tuple[str, str]]:
            return [*fixed, ("limit", str(limit)), ("offset", str(offset))]

        async def ask(offset: int, limit: int) -> object:
            return await self.get(path, place(offset, limit))

        def address(offset: int, limit: int) -> str:
            return self.transport.url(path, place(offset, limit))

        return Records(plan=plan, ask=ask, address=address, scheduler=self.scheduler)


def _row_limit(query: Query | None) -> int | None:
    """The query's own limit; -1 is how the API says that there is none."""
    limit = query.clauses.limit if query is not None else None
    return None if limit == -1 else limit


def _segment(text: str, what: str) -> str:
    """Percent-encode one path segment."""
    if not text or text in {".", ".."}:
        raise ConfigurationError(f"{text!r} is no {what}; it would change the path of the URL.")
    return quote(text, safe="")


def _base_url(text: str) -> URL:
    """The API's base URL from whatever a user has at hand."""
    given = text.strip()
    try:
        url = URL(given if "://" in given else f"https://{given}")
        url.origin()
    except ValueError:
        raise _no_base_url("it is not a URL") from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise _no_base_url("it must begin with https:// or http:// and name a host")
    if url.user is not None or url.password is not None:
        raise _no_base_url("it holds a user name or password; pass an API key as auth= instead")
    if url.query_string or url.fragment:
        raise _no_base_url("it has a query or a fragment; pass an API key as auth= instead")
    path = url.path.rstrip("/")
    if not path or path.endswith(_API_PATH):
        return url.with_path(path or _API_PATH)
    raise _no_base_url(f"its path must be empty or end with {_API_PATH}")


def _no_base_url(reason: str) -> ConfigurationError:
    # The text itself is not repeated: someone may have put a secret into it.
    return ConfigurationError(
        f"The base URL cannot be used: {reason}. Pass the portal's address, such as "
        "https://data.example.org."
    )
