"""`ExploreClient`: a portal, with one method per operation on its catalog.

Each method names its operation and checks its arguments. `operations` defines the operations,
`http.transport` sends requests, `fanout.scheduler` runs them concurrently, and `results.records`,
`results.facets` and `results.exports` read the responses.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, overload

from attrs import evolve
from yarl import URL

import odsql
from explore_async.catalog import Catalog
from explore_async.dataset import Dataset
from explore_async.errors import ConfigurationError
from explore_async.fanout.readings import FanOut, all_of
from explore_async.fanout.scheduler import Scheduler
from explore_async.http.auth import Keep, Renewable, as_auth
from explore_async.http.base_url import read_base_url
from explore_async.http.call import share
from explore_async.http.connection import Hidden
from explore_async.http.options import hidden, refuse_other_kinds
from explore_async.http.policy import Retry, Timeouts, Timing
from explore_async.http.transport import Caps, Transport
from explore_async.operations import (
    refuse_fractions,
    refuse_no_function,
)
from explore_async.results.facets import Facets
from explore_async.results.records import Records
from explore_async.results.requests import Requests

if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable, Iterable
    from ssl import SSLContext
    from types import TracebackType

    import aiohttp

    from explore_async.errors import ExploreError
    from explore_async.events import Stats, Subscriber
    from explore_async.http.auth import Auth
    from explore_async.http.quotas import Quota
    from explore_async.http.rates import Rate
    from explore_async.models import Facet, R
    from odsql import Query

__all__ = ["Dataset", "ExploreClient", "Located"]

T = TypeVar("T")
T1 = TypeVar("T1")
T2 = TypeVar("T2")
T3 = TypeVar("T3")


class Located(tuple["Dataset", "Query"]):
    """The dataset and the query of a URL, to unpack, or to use in `async with`.

    Attributes:
        client: the client of the URL's portal, which `async with` closes.
    """

    client: ExploreClient

    def __new__(cls, client: ExploreClient, dataset: Dataset, query: Query) -> Self:  # noqa: D102
        located = super().__new__(cls, (dataset, query))
        located.client = client
        return located

    @property
    def dataset(self) -> Dataset:
        """The dataset of the URL."""
        return self[0]

    @property
    def query(self) -> Query:
        """The query of the URL; empty if it holds none."""
        return self[1]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()


class ExploreClient(Catalog):
    """A portal: its catalog, its datasets, and the session and scheduler that they share.

    Use one client per event loop: `async with ExploreClient("data.example.org") as client:`.
    Creating a client opens no connection.

    Args:
        base_url: `https://host`, `https://host/api/explore/v2.1`, or a bare `host`.
        auth: an API key, an `Auth`, or None for anonymous access. The key is sent only in the
            Authorization header.
        session: an aiohttp session to use; the client neither closes nor changes it. None to
            create one.
        concurrency: the maximum number of requests in flight for the whole client. An export
            counts only until its first bytes arrive, so that its reader can send requests; the
            number of open exports is not limited.
        timeouts: time limits, in seconds.
        retry: when to retry a request; `Retry.never()` disables retries.
        rate: the maximum rate of requests; None for no limit except the server's.
        proxy: `http://[user:password@]host:port`; environment variables are ignored.
        ssl: an `ssl.SSLContext`, or a PEM file with the certificate authorities to trust.
        on_event: called with each event; see `subscribe`.
        caps: the largest bodies to hold in memory, in bytes.
        timing: clock, sleep and random numbers, replaced in tests.

    Raises:
        ConfigurationError: `base_url` is not the address of a portal, or a value is out of range.
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
                f"The base URL has type {type(base_url).__name__}; it must be a string. Pass the "
                "portal's address, such as https://data.example.org."
            )
        # Crash reporters print the locals of every frame.
        base_url = Hidden(base_url)
        if isinstance(auth, str):
            auth = Hidden(auth)
        # A key in the place of another argument is refused below.
        session, timeouts, retry = hidden(session), hidden(timeouts), hidden(retry)
        rate, caps, timing = hidden(rate), hidden(caps), hidden(timing)
        proxy = hidden(proxy)
        url = read_base_url(base_url)
        self.base_url = str(url)
        refuse_other_kinds(
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

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Located:
        """Return the dataset and the query of a URL; sends nothing.

            async with ExploreClient.from_url(url) as (dataset, query):
                rows = await dataset.records(query).to_list()

        Args:
            url: a dataset's page in the browser, or a request of the API v2.1, v2.0 or v1.
            options: the options of the client.

        Raises:
            ConfigurationError: the URL is not of a dataset of a portal, or it contains an API key.
            odsql.ODSQLError: the parameters cannot become a query of the API v2.1.
        """
        from explore_async.addresses import dataset_address  # rarely needed, so loaded here

        url = hidden(url)
        options = {name: hidden(value) for name, value in options.items()}
        base_url, dataset_id, query = dataset_address(url)
        client = cls(base_url, **options)
        return Located(client, client.dataset(dataset_id), query)

    def __repr__(self) -> str:
        # Tracebacks that print locals also show a client whose __init__ has failed.
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
        """Cancel running requests, and close the session if the client owns it.

        Calls awaited in other tasks raise an error: requests in flight when their connection
        closes, waiting requests immediately.

        A refresh of OAuth2 tokens is awaited, not cancelled, so that the new tokens are saved.
        On a client made by `with_options` this method does nothing.
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
        """A snapshot of the calls, requests, retries, rows and bytes so far, and of the limits."""
        shared = self._transport.shared
        return shared.counters.view(window=shared.gate.places, rate=shared.congestion.rate)

    @property
    def quota(self) -> Quota:
        """The calls that this caller has left, as the portal last reported them."""
        return self._transport.identity.quota.view()

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call `subscriber` with each event from now on, including those of derived clients.

        If it raises, the exception is logged with its traceback and the subscription ends; the
        request is not affected.

        Returns:
            A function that ends the subscription.

        Raises:
            ConfigurationError: the subscriber cannot be called, or is a coroutine function.
        """
        refuse_no_function("A subscriber", subscriber)
        return self._transport.shared.subscribers.subscribe(subscriber)

    def with_options(
        self,
        *,
        auth: Auth | str | Keep | None = Keep.SAME,
        timeouts: Timeouts | None = None,
        retry: Retry | None = None,
        caps: Caps | None = None,
    ) -> Self:
        """Return a client for the same portal with other policies; omitted ones stay the same.

        It shares connection, scheduler, rate, retry budget, stats and events. Closing it does
        nothing: close the original client. Quota and pause are shared too, unless `auth` is given,
        because a portal counts them per caller.

        Raises:
            ConfigurationError: `retry` has another budget, which only a new client can have.
        """
        if isinstance(auth, str):
            auth = Hidden(auth)
        refuse_other_kinds(timeouts=timeouts, retry=retry, caps=caps)
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
        twin._derived = True  # noqa: SLF001 - the same class
        twin._transport = transport  # noqa: SLF001
        twin._requests = evolve(self._requests, transport=transport)  # noqa: SLF001
        return twin

    def _refuse_another_budget(self, budget: int) -> None:
        shared = self._transport.shared.budget.capacity
        if budget not in {shared, Retry().budget}:
            raise ConfigurationError(
                f"The retry budget is {budget}, but a derived client shares the original client's "
                f"budget of {shared}. Omit `budget` here, and set it on the original client."
            )

    def _learn_to_renew(self, auth: Auth, transport: Transport) -> None:
        if not isinstance(auth, Renewable):
            return
        auth.connect(transport.shared.connection.options)
        transport.identity.renewable = auth
        self._renewables.append(auth)

    def dataset(self, dataset_id: str) -> Dataset:
        """Return a handle for one dataset; sends nothing.

        Raises:
            ConfigurationError: the identifier is empty or would change the path of the URL.
        """
        return Dataset(dataset_id, self._requests)

    @overload
    def gather_records(
        self,
        requests: Iterable[Records[R]],
        *,
        concurrency: int | None = None,
        max_bytes: int = 64 * 1024 * 1024,
        ordered: bool = True,
        errors: Literal["raise"] = "raise",
    ) -> FanOut[list[R], list[R]]: ...

    @overload
    def gather_records(
        self,
        requests: Iterable[Records[R]],
        *,
        concurrency: int | None = None,
        max_bytes: int = 64 * 1024 * 1024,
        ordered: bool = True,
        errors: Literal["collect"],
    ) -> FanOut[list[R], list[R] | ExploreError]: ...

    def gather_records(
        self,
        requests: Iterable[Records[R]],
        *,
        concurrency: int | None = None,
        max_bytes: int = 64 * 1024 * 1024,
        ordered: bool = True,
        errors: Literal["raise", "collect"] = "raise",
    ) -> FanOut[list[R], Any]:
        """Read several `Records` concurrently, also of other clients and portals (getRecords).

            for rows in await client.gather_records([parks.records(), trees.records(query)]): ...

        Args:
            requests: the records, created by this client or any other in the same event loop.
            concurrency: the maximum number of requests in flight over all portals; None for this
                client's limit.
            max_bytes: about how many bytes of responses an iteration holds until they are taken.
                At the limit only the reading to be delivered next continues; see `FanOut`.
            ordered: iterate in the order of `requests` instead of the order of completion.
            errors: `raise` the first error and cancel the rest, or `collect` errors as results.

        Returns:
            An object to await for a list of lists of rows, or to iterate for outcomes.

        Raises:
            ConfigurationError: a number is below 1, or a request is not a `Records`.
        """
        jobs = [one.job() for one in all_of(Records, requests)]
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
        """Read several `Facets` concurrently, also of other clients and portals (getRecordsFacets).

        Args:
            requests: such as `dataset.facets("name")` or `client.catalog_facets()`.
            concurrency: the maximum number of requests in flight over all portals; None for this
                client's limit.
            max_bytes: see `gather_records`.
            ordered: see `gather_records`.
            errors: `raise` the first error and cancel the rest, or `collect` errors as results.

        Returns:
            An object to await for a list of lists of facets, or to iterate for outcomes.

        Raises:
            ConfigurationError: a number is below 1, or a request is not a `Facets`.
        """
        jobs = [one.job() for one in all_of(Facets, requests)]
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
        """Await several requests concurrently, within this client's `concurrency`.

            rows, facets = await client.gather(
                dataset.records(query).to_list(), dataset.facets("genus_name", query=query)
            )

        Returns:
            The results in the given order.

        Raises:
            ExploreError: the first failure; the other requests are cancelled.
        """
        return tuple(await self._scheduler.gather(requests))
