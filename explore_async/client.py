"""`ExploreClient`: a portal, and one method per operation on its catalog.

A method here says which operation it is and checks its values. What operations there are stands in
`operations`; sending is the transport's business, running many requests the scheduler's, and
reading pages, facets and exports belongs to `paging`, `faceting` and `exporting`.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, overload

import aiohttp
from attrs import evolve
from yarl import URL

import odsql
from explore_async.dataset import Dataset
from explore_async.errors import ConfigurationError
from explore_async.fanout.readings import FanOut
from explore_async.fanout.scheduler import Scheduler
from explore_async.http.auth import Keep, Renewable, as_auth
from explore_async.http.call import share
from explore_async.http.connection import Hidden
from explore_async.http.policy import Retry, Timeouts, Timing
from explore_async.http.rates import Rate
from explore_async.http.transport import Caps, Transport
from explore_async.operations import (
    CATALOG_FORMATS,
    DATASET_FORMATS,
    DCAT_VARIANTS,
    comma_list,
    flags,
    listed,
    refuse_fractions,
    several,
)
from explore_async.results.facets import Facets
from explore_async.results.records import Records
from explore_async.results.requests import ExportOptions, Requests

if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from ssl import SSLContext
    from types import TracebackType

    from explore_async.errors import ExploreError
    from explore_async.events import Stats, Subscriber
    from explore_async.http.auth import Auth
    from explore_async.http.quotas import Quota
    from explore_async.models import ExportFormat, Facet, Row
    from explore_async.results.exports import ExportStream
    from odsql import Query
    from odsql.builder.expressions import Expression

__all__ = ["Dataset", "ExploreClient"]

T = TypeVar("T")
T1 = TypeVar("T1")
T2 = TypeVar("T2")
T3 = TypeVar("T3")

_API_PATH = "/api/explore/v2.1"
_KINDS: dict[str, type] = {
    "session": aiohttp.ClientSession,
    "timeouts": Timeouts,
    "retry": Retry,
    "rate": Rate,
    "caps": Caps,
    "timing": Timing,
}
"""Of which class the options of a client are."""


class ExploreClient:
    """A portal: its catalog, its datasets, and the one session and scheduler behind them.

    Use it as `async with ExploreClient("data.example.org") as client:`, one per event loop. Making
    it opens nothing.

    Args:
        base_url: `https://host`, `https://host/api/explore/v2.1`, or a bare `host`.
        auth: an API key, an `Auth`, or None for anonymous access. The key goes into the
            Authorization header only.
        session: an aiohttp session to use; it is never closed or changed. None to own one.
        concurrency: the most requests in flight at a time, over everything this client does. An
            export counts only until its first bytes are there, so that its reader may send
            requests; how many are open at a time is the caller's to bound.
        timeouts: how long to wait, in seconds.
        retry: when to send a request again; `Retry.never()` switches it off.
        rate: the most requests per time; None for no limit but the server's.
        proxy: `http://[user:password@]host:port`; the environment is not looked at.
        ssl: an `ssl.SSLContext`, or a PEM file with the authorities to trust.
        on_event: called with each event; see `subscribe`.
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
        rate: Rate | None = None,
        proxy: str | None = None,
        ssl: SSLContext | str | os.PathLike[str] | None = None,
        on_event: Subscriber | None = None,
        caps: Caps | None = None,
        timing: Timing | None = None,
    ) -> None:
        if not isinstance(base_url, str | URL):
            raise ConfigurationError(
                f"The base URL is a {type(base_url).__name__}, not a text. Pass the portal's "
                "address, such as https://data.example.org."
            )
        # Crash reporters print the locals of every frame.
        base_url = Hidden(base_url)
        if isinstance(auth, str):
            auth = Hidden(auth)
        if proxy is not None:
            proxy = Hidden(proxy)
        url = _base_url(base_url)
        self.base_url = str(url)
        _refuse_other_kinds(
            session=session, timeouts=timeouts, retry=retry, rate=rate, caps=caps, timing=timing
        )
        refuse_fractions(concurrency=concurrency)
        self._scheduler = Scheduler(concurrency)
        self._derived = False
        caller = as_auth(auth)
        self._transport = Transport(
            url,
            auth=caller,
            shared=share(
                gate=self._scheduler.gate,
                session=session,
                proxy=proxy,
                ssl=ssl,
                rate=rate,
                budget=(retry or Retry()).budget,
                timing=timing or Timing(),
            ),
            timeouts=timeouts or Timeouts(),
            retry=retry or Retry(),
            caps=caps or Caps(),
            user_agent=f"explore-async/{odsql.__version__}",
        )
        self._renewables: list[Renewable] = []
        self._learn_to_renew(caller, self._transport)
        if on_event is not None:
            self.subscribe(on_event)
        self._requests = Requests(transport=self._transport, scheduler=self._scheduler)

    def __repr__(self) -> str:
        # One that could not be made is shown too, where the locals of a traceback are printed.
        return f"ExploreClient({getattr(self, 'base_url', '')!r})"

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
        """Cancel what is still running and close the session, if it is ours.

        Calls that somebody awaits elsewhere end with an error: those under way as their connection
        is cut off, those that wait to be sent at once.

        A refresh of OAuth2 tokens is not cancelled but awaited, so that the new ones are saved.
        A client made by `with_options` leaves that to the one it was made from.
        """
        if self._derived:
            return
        try:
            await self._scheduler.close()
            for one in self._renewables:
                await one.settle()
        finally:
            await self._transport.close()

    @property
    def stats(self) -> Stats:
        """Calls, wire requests, retries, rows and bytes so far; a value, not a live view."""
        return self._transport.shared.counters.view()

    @property
    def quota(self) -> Quota:
        """What the portal's latest answers said about the calls left, for this caller."""
        return self._transport.identity.quota.view()

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call it with each event from now on, also those of derived clients.

        One that raises is logged with its traceback and called no more; no request breaks.

        Returns:
            What ends the subscription when called.
        """
        return self._transport.shared.subscribers.subscribe(subscriber)

    def with_options(
        self,
        *,
        auth: Auth | str | Keep | None = Keep.SAME,
        timeouts: Timeouts | None = None,
        retry: Retry | None = None,
        caps: Caps | None = None,
    ) -> Self:
        """A client of the same portal under other policies; what is not given stays.

        It shares connection, scheduler, rate, retry budget, stats and events, and closes nothing:
        close the client it was made from. Quota and pause are shared too, unless `auth` is given,
        because a portal counts them per caller.

        Raises:
            ConfigurationError: `retry` has a budget of its own, which only a new client can have.
        """
        if isinstance(auth, str):
            auth = Hidden(auth)
        _refuse_other_kinds(timeouts=timeouts, retry=retry, caps=caps)
        if retry is not None:
            self._refuse_another_budget(retry.budget)
        caller = None if isinstance(auth, Keep) else as_auth(auth)
        transport = self._transport.with_options(
            auth=caller,
            timeouts=timeouts,
            retry=retry,
            caps=caps,
        )
        if caller is not None:
            self._learn_to_renew(caller, transport)
        twin = copy(self)
        twin._derived = True  # noqa: SLF001 - of this very class
        twin._transport = transport  # noqa: SLF001
        twin._requests = evolve(self._requests, transport=transport)  # noqa: SLF001
        return twin

    def _refuse_another_budget(self, budget: int) -> None:
        shared = self._transport.shared.budget.capacity
        if budget not in {shared, Retry().budget}:
            raise ConfigurationError(
                f"The retry budget is {budget}, but a derived client shares the one of {shared}. "
                "Leave `budget` out here, and set it where the first client is made."
            )

    def _learn_to_renew(self, auth: Auth, transport: Transport) -> None:
        if not isinstance(auth, Renewable):
            return
        auth.connect(transport.shared.connection.options)
        transport.identity.renewable = auth
        self._renewables.append(auth)

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
            "/catalog/datasets", "getDatasets", query, max_rows=max_rows, page_size=page_size
        )

    def catalog_facets(
        self,
        query: Query | None = None,
        *,
        names: str | Expression | Sequence[str | Expression] = (),
    ) -> Facets:
        """Facets of the catalog, one request each (getDatasetsFacets).

        Await it for a list of `Facet`, in the order of `names`; making it sends nothing.

        Args:
            query: which datasets to count.
            names: facets such as `publisher` or `keyword`, or one; none for all the portal
                declares.
        """
        return self._requests.facets("/catalog/facets", "getDatasetsFacets", names, query)

    async def export_formats(self) -> tuple[ExportFormat, ...]:
        """The formats the catalog can be exported to (listExportFormats)."""
        return await self._requests.formats("/catalog/exports")

    def export(
        self, file_format: str, query: Query | None = None, *, nan_as_null: bool = False
    ) -> ExportStream:
        """The catalog as one stream (exportDatasets); sends nothing yet.

        Args:
            file_format: such as `json`, `csv`, `rdf` or `rss`; `Unlisted("...")` for one that the
                specification does not list. `export_formats` tells what the portal has.
            query: which datasets, and what of them.
            nan_as_null: read a bare NaN, Infinity or -Infinity in JSON as null instead of refusing
                it.

        Raises:
            ConfigurationError: the format is unknown, or the query does not fit.
        """
        listed(file_format, CATALOG_FORMATS, "export format of a catalog")
        options = ExportOptions(nan_as_null=nan_as_null)
        return self._export("exportDatasets", file_format, query, options)

    def export_csv(
        self,
        query: Query | None = None,
        *,
        delimiter: str | None = None,
        list_separator: str | None = None,
        quote_all: bool | None = None,
        with_bom: bool | None = None,
    ) -> ExportStream:
        r"""The catalog as CSV, in a dialect of your own (exportCatalogCSV); sends nothing yet.

        Args:
            query: which datasets, and what of them.
            delimiter: between cells: `;` (the server's default), `,`, `\t` or `|`.
            list_separator: between the values of a multivalued cell; `,` by default.
            quote_all: quote all text, not only where it must be.
            with_bom: begin with a byte order mark, as spreadsheets like it; true by default.

        Raises:
            ConfigurationError: a value is not listed, or the query does not fit.
        """
        options = ExportOptions.csv(
            delimiter=delimiter,
            list_separator=list_separator,
            quote_all=quote_all,
            with_bom=with_bom,
        )
        return self._export("exportCatalogCSV", "csv", query, options)

    def export_dcat(
        self,
        dcat_ap_format: str,
        query: Query | None = None,
        *,
        include_exports: str | Sequence[str] | None = None,
        use_labels_in_exports: bool | None = None,
    ) -> ExportStream:
        """The catalog as RDF/XML in an application profile of DCAT (exportCatalogDCAT).

        Args:
            dcat_ap_format: the profile: `_ap_ch`, `_ap_de`, `_ap_se`, `_ap_sp`, `_ap_it`, `_ap_vl`
                or `_ap_benap`; `Unlisted("...")` for another. Portals activate them one by one.
            query: which datasets.
            include_exports: the formats to offer as distributions, or the one; None for all.
            use_labels_in_exports: whether the distributions name columns by label.

        Raises:
            ConfigurationError: a value is not listed, the list is empty, or the query does not fit.
        """
        listed(dcat_ap_format, DCAT_VARIANTS, "DCAT profile")
        for file_format in several(include_exports or ()):
            listed(file_format, DATASET_FORMATS, "export format")
        params = flags(
            include_exports=comma_list("include_exports", include_exports),
            use_labels_in_exports=use_labels_in_exports,
        )
        file_format = f"dcat{dcat_ap_format}"
        options = ExportOptions(params=params)
        return self._export("exportCatalogDCAT", file_format, query, options)

    def _export(
        self, operation_id: str, file_format: str, query: Query | None, options: ExportOptions
    ) -> ExportStream:
        path = "/catalog/exports"
        return self._requests.export(path, operation_id, file_format, query, options)

    @overload
    def gather_records(
        self,
        requests: Iterable[Records],
        *,
        concurrency: int | None = None,
        max_bytes: int = 64 * 1024 * 1024,
        ordered: bool = True,
        errors: Literal["raise"] = "raise",
    ) -> FanOut[list[Row], list[Row]]: ...

    @overload
    def gather_records(
        self,
        requests: Iterable[Records],
        *,
        concurrency: int | None = None,
        max_bytes: int = 64 * 1024 * 1024,
        ordered: bool = True,
        errors: Literal["collect"],
    ) -> FanOut[list[Row], list[Row] | ExploreError]: ...

    def gather_records(
        self,
        requests: Iterable[Records],
        *,
        concurrency: int | None = None,
        max_bytes: int = 64 * 1024 * 1024,
        ordered: bool = True,
        errors: Literal["raise", "collect"] = "raise",
    ) -> FanOut[list[Row], Any]:
        """Read many records side by side, also of other clients and portals (getRecords).

            for rows in await client.gather_records([parks.records(), trees.records(query)]): ...

        Args:
            requests: what to read; made by this client or any other of the same event loop.
            concurrency: the most requests in flight over all portals; None for this client's.
            max_bytes: about how many bytes of answers may wait to be taken by an iteration, before
                only the reading whose turn is next goes on; see `FanOut`.
            ordered: whether an iteration gives results in the order of `requests`, or as they come.
            errors: `raise` the first error and cancel the rest, or `collect` errors as results.

        Returns:
            What gives a list of lists of rows when awaited, and outcomes when iterated.

        Raises:
            ConfigurationError: a number is below 1, or something else than records was given.
        """
        jobs = [one.job() for one in _all_of(Records, requests)]
        places = self._places(concurrency)
        return FanOut(jobs, concurrency=places, max_bytes=max_bytes, ordered=ordered, errors=errors)

    @overload
    def gather_facets(
        self,
        requests: Iterable[Facets],
        *,
        concurrency: int | None = None,
        max_bytes: int = 64 * 1024 * 1024,
        ordered: bool = True,
        errors: Literal["raise"] = "raise",
    ) -> FanOut[list[Facet], list[Facet]]: ...

    @overload
    def gather_facets(
        self,
        requests: Iterable[Facets],
        *,
        concurrency: int | None = None,
        max_bytes: int = 64 * 1024 * 1024,
        ordered: bool = True,
        errors: Literal["collect"],
    ) -> FanOut[list[Facet], list[Facet] | ExploreError]: ...

    def gather_facets(
        self,
        requests: Iterable[Facets],
        *,
        concurrency: int | None = None,
        max_bytes: int = 64 * 1024 * 1024,
        ordered: bool = True,
        errors: Literal["raise", "collect"] = "raise",
    ) -> FanOut[list[Facet], Any]:
        """Ask for many facets side by side, also of other clients and portals (getRecordsFacets).

        Args:
            requests: such as `dataset.facets("name")` or `client.catalog_facets()`.
            concurrency: the most requests in flight over all portals; None for this client's.
            max_bytes: see `gather_records`.
            ordered: see `gather_records`.
            errors: `raise` the first error and cancel the rest, or `collect` errors as results.

        Returns:
            What gives a list of lists of facets when awaited, and outcomes when iterated.

        Raises:
            ConfigurationError: a number is below 1, or something else than facets was given.
        """
        jobs = [one.job() for one in _all_of(Facets, requests)]
        places = self._places(concurrency)
        return FanOut(jobs, concurrency=places, max_bytes=max_bytes, ordered=ordered, errors=errors)

    def _places(self, concurrency: int | None) -> int:
        refuse_fractions(concurrency=concurrency)
        return self._scheduler.concurrency if concurrency is None else concurrency

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


def _all_of(kind: type[T], requests: Iterable[T]) -> list[T]:
    given = list(requests)
    stranger = next((one for one in given if not isinstance(one, kind)), None)
    if stranger is None:
        return given
    raise ConfigurationError(
        f"A {type(stranger).__name__} was given where {kind.__name__} belong. Pass what "
        "dataset.records(...) gives to gather_records, and dataset.facets(...) to gather_facets."
    )


def _refuse_other_kinds(**given: object) -> None:
    """Refuse options of another class, which would fail at the first request or not at all."""
    for name, value in given.items():
        kind = _KINDS[name]
        if value is not None and not isinstance(value, kind):
            # The value is not repeated: it may be a secret that was meant for auth=.
            raise ConfigurationError(
                f"{name}= is a {type(value).__name__}; it must be made by {kind.__name__}(...)."
            )


def _base_url(text: str) -> URL:
    """The API's base URL from whatever a user has at hand."""
    url = _read_base_url(text)
    if isinstance(url, URL):
        return url
    # The text itself is not repeated: someone may have put a secret into it.
    raise ConfigurationError(
        f"The base URL cannot be used: {url}. Pass the portal's address, such as "
        "https://data.example.org."
    )


def _read_base_url(text: str) -> URL | str:
    """The URL, or why it is none; nothing is raised where the locals hold the text."""
    given = text.strip()
    try:
        url = URL(given if "://" in given else f"https://{given}")
        url.origin()
    except ValueError:
        return "it is not a URL"
    if url.scheme not in {"http", "https"} or not url.host:
        return "it must begin with https:// or http:// and name a host"
    if url.user is not None or url.password is not None:
        return "it holds a user name or password; pass an API key as auth= instead"
    if url.query_string or url.fragment:
        return "it has a query or a fragment; pass an API key as auth= instead"
    path = url.path.rstrip("/")
    if not path or path.endswith(_API_PATH):
        return url.with_path(path or _API_PATH)
    return f"its path must be empty or end with {_API_PATH}"
