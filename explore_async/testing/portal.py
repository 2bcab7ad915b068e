"""`Portal`: the local portal on a free loopback port, with what was asked of it, and faults."""

from __future__ import annotations

import asyncio
import threading
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web
from attrs import field, frozen
from multidict import CIMultiDict, CIMultiDictProxy, MultiDict, MultiDictProxy

from explore_async.client import ExploreClient
from explore_async.http.redaction import HIDDEN
from explore_async.portal import Store, load_files, serve
from explore_async.portal.faults import Faults, path_of
from explore_async.testing.clock import Clock
from explore_async.testing.fields import derive_fields

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
    from os import PathLike

    from explore_async.portal import PortalField

    Fields = Iterable[PortalField | Mapping[str, Any]]

__all__ = ["Asked", "Portal"]

_SECRET_HEADERS = ("Authorization", "Proxy-Authorization", "Cookie")
_SECRET_PARAMETERS = ("apikey",)


@frozen
class Asked:
    """A request that a portal received; secrets are replaced by `<hidden>`.

    Attributes:
        path: the path below `/api/explore/v2.1`, such as `/catalog/datasets/trees/records`.
        params: the parameters; a repeated one has several values, for `params.getall(name)`.
        headers: the headers, by names in any case.
    """

    path: str
    params: MultiDictProxy[str]
    headers: CIMultiDictProxy[str] = field(repr=False)


class Portal(Faults):
    """A local portal for tests, on a free port of 127.0.0.1.

    `async with` runs it in the running event loop; `with` runs it in a thread of its own, for tests
    without an event loop. The methods of `explore_async.portal.faults.Faults` add faults.

    Args:
        rows: the rows of each dataset, by identifier. They have the form of records in responses.
        fields: the fields of datasets, by identifier, as for `Store.add`. They are derived from the
            values of the rows if they are not given, without facets. A dataset with fields needs no
            rows.
        metas: the metadata of datasets, by identifier, as for `Store.add`.
        folder: a folder of files, as for `explore serve`, such as the copies of a `snapshot`. Each
            file is read when a request first needs it.
        keys: the API keys with the options of `Access.add_key`, such as
            `{"secret": {"quota": "100/day"}}`. Without any, the portal ignores credentials.
        restricted: the identifiers of the datasets that only callers with a key see.
        clock: the time of the portal and of its clients.
        seed: where the random numbers of the faults begin.

    Attributes:
        url: the base URL, such as `http://127.0.0.1:50123`, once the portal runs.
        requests: the requests received, in order, including those that met a fault.
        store: the datasets, once the portal runs, to add more with `store.add`.
        clock: the clock.

    Raises:
        MissingExtraError: DuckDB is not installed; raised on entry, as the others.
        StoreError: a value does not fit its field, or values of one field have no common type;
            or the folder does not exist, or holds no files that the portal reads.
    """

    store: Store

    def __init__(
        self,
        rows: Mapping[str, Iterable[Mapping[str, Any]]] | None = None,
        *,
        fields: Mapping[str, Fields] | None = None,
        metas: Mapping[str, Mapping[str, Any]] | None = None,
        folder: str | PathLike[str] | None = None,
        keys: Mapping[str, Mapping[str, Any]] | None = None,
        restricted: Iterable[str] = (),
        clock: Clock | None = None,
        seed: int = 0,
    ) -> None:
        self.clock = clock or Clock()
        super().__init__(now=lambda: self.clock.now, sleep=self.clock.sleep, seed=seed)
        self.url = ""
        self.requests: list[Asked] = []
        self._rows = rows or {}
        self._fields = fields or {}
        self._metas = metas or {}
        self._folder = folder
        self._keys = keys or {}
        self._restricted = frozenset(restricted)
        self._running = AsyncExitStack()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def client(self, **options: Any) -> ExploreClient:
        """Return a client of the portal that never really waits; `async with` closes it.

        `options` are those of `ExploreClient`. Its `timing` is that of the portal's clock, unless
        given, and `portal.clock.waits` has how long it would have waited before its retries.
        """
        return ExploreClient(self.url, **{"timing": self.clock.timing(), **options})

    async def __aenter__(self) -> Self:
        await self._running.enter_async_context(self._serving())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._running.aclose()

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        try:
            self._in_thread(self.__aenter__())
        except BaseException:
            self._stop_thread()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._in_thread(self._running.aclose())
        finally:
            self._stop_thread()

    @asynccontextmanager
    async def _serving(self) -> AsyncIterator[None]:
        with Store(threads=1) as self.store:
            if self._folder is not None:
                load_files(self.store, self._folder)
            for dataset_id in {**self._rows, **self._fields}:
                self._load(dataset_id)
            for key, options in self._keys.items():
                self.store.access.add_key(key, **options)
            clock = lambda: self.clock.now  # noqa: E731
            async with serve(self.store, clock=clock, extend=self.install) as self.url:
                yield

    def _load(self, dataset_id: str) -> None:
        rows = list(self._rows.get(dataset_id, ()))
        fields = self._fields.get(dataset_id)
        self.store.add(
            dataset_id,
            derive_fields(rows) if fields is None else list(fields),
            rows,
            metas=self._metas.get(dataset_id),
            visibility="restricted" if dataset_id in self._restricted else "domain",
        )

    def install(self, app: web.Application) -> None:
        """Note every request, then let the faults happen."""
        super().install(app)
        app.middlewares.insert(0, self._note)

    @web.middleware
    async def _note(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        params, headers = MultiDict(request.query), CIMultiDict(request.headers)
        for name in headers.keys() & set(_SECRET_HEADERS):
            headers[name] = HIDDEN
        for name in params.keys() & set(_SECRET_PARAMETERS):
            params[name] = HIDDEN
        asked = Asked(path_of(request), MultiDictProxy(params), CIMultiDictProxy(headers))
        self.requests.append(asked)
        return await handler(request)

    def _in_thread(self, running: Coroutine[Any, Any, object]) -> None:
        assert self._loop is not None  # noqa: S101 - __enter__ made it
        asyncio.run_coroutine_threadsafe(running, self._loop).result()

    def _stop_thread(self) -> None:
        if self._loop is None or self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
