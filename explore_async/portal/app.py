"""The HTTP routes of the portal, under `/api/explore/v2.1`.

The layout of bodies, the order of keys, headers, limits and error texts follow observed responses
of live portals. `docs/portal.md` lists what is faithful, what is approximate and what is refused.
"""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from aiohttp import hdrs, web
from attrs import evolve

from explore_async.errors import MissingExtraError
from explore_async.portal.access import Gate, caller
from explore_async.portal.answers import dumps, json_page
from explore_async.portal.attached import find, read_file
from explore_async.portal.compiling import Query, compile_query
from explore_async.portal.engine import Engine
from explore_async.portal.envelope import (
    LOG,
    MIDDLEWARES,
    NO_CACHE,
    add_common_headers,
    compress,
    unknown_uri,
)
from explore_async.portal.errors import (
    PortalError,
    StoreError,
    forbidden,
    missing_resource,
    not_supported,
    unreadable,
)
from explore_async.portal.exports import formats
from explore_async.portal.exports.catalog_formats import CATALOG_FORMATS
from explore_async.portal.exports.export import Export, check
from explore_async.portal.exports.rows import compressed
from explore_async.portal.facets import count_facet, wanted_facets
from explore_async.portal.requests import (
    BASE_PATH,
    export_limit,
    export_offset,
    read_query,
    read_settings,
    record_window,
)
from explore_async.portal.store import Store, refuse_no_store
from explore_async.portal.technical import IDENTIFIER
from odsql import nodes

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        Awaitable,
        Callable,
        Iterator,
        Mapping,
        Sequence,
    )

    from explore_async.portal.attached import Attached
    from explore_async.portal.compiling import Plan
    from explore_async.portal.context import Settings
    from explore_async.portal.exports.formats import Format
    from explore_async.portal.schema import Dataset

    Chunks = AsyncGenerator[bytes, None]

__all__ = ["BASE_PATH", "STORE", "THROUGH", "make_app", "refuse_no_seconds"]

THROUGH: ContextVar[Callable[[Chunks], Chunks] | None] = ContextVar("through", default=None)
"""What a middleware lets the chunks of an export go through while it awaits the handler."""

STORE = web.AppKey("store", Store)
"""The store of an application."""

_JSON = "application/json; charset=utf-8"


class Portal:
    """The request handlers over one store."""

    def __init__(
        self, store: Store, *, clock: Callable[[], datetime], timeout: float | None = None
    ) -> None:
        """Keep the store; `clock` returns the current time as an aware datetime."""
        self.store = store
        self.engine = Engine(store, timeout=timeout)
        self.clock = clock

    @web.middleware
    async def load(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        """Load what the request needs, in a thread; without a dataset it is the catalog."""
        wanted = request.match_info.get("dataset_id")
        hidden = self._hidden()
        for one in self.store.waiting:
            if wanted in (None, one) and one not in hidden:
                await self.engine.run(partial(self._load, one, refuse=wanted is not None))
        return await handler(request)

    def _load(self, dataset_id: str, *, refuse: bool) -> None:
        try:
            self.store.dataset(dataset_id)
        except (StoreError, MissingExtraError) as error:
            if refuse:
                raise unreadable(str(error)) from error

    # ------------------------------------------------------------ catalog

    async def root(self, request: web.Request) -> web.StreamResponse:
        """`GET /`: the catalogs of the portal, of which a local one has one."""
        links = [_link("self", _url(request, "")), _link("catalog", _url(request, "/catalog"))]
        return self._answer(request, dumps({"links": links}))

    async def source(self, request: web.Request) -> web.StreamResponse:
        """`GET /catalog`: what there is below it (the body is unknown on live portals)."""
        links = [_link("self", _url(request, "/catalog"))]
        links += [
            _link(name, _url(request, f"/catalog/{name}"))
            for name in ("datasets", "exports", "facets")
        ]
        return self._answer(request, dumps({"links": links}))

    async def datasets(self, request: web.Request) -> web.StreamResponse:
        """`GET /catalog/datasets`."""
        query = read_query(request.query)
        window = record_window(request.query, grouped=query.grouped)
        plan = await self._plan(query, await self._catalog(), request)
        if not query.whole:
            return await self._page(request, plan, window.limit, window.offset)
        page = await self._dataset_objects(plan, limit=window.limit, offset=window.offset)
        total = await self.engine.single(plan.total, plan.context.parameters)
        return self._answer(request, dumps({"total_count": total, "results": page}))

    async def _dataset_objects(
        self, plan: Plan, *, limit: int | None, offset: int = 0
    ) -> list[dict[str, Any]]:
        """Return the complete dataset objects for the rows of a plan over the catalog."""
        if limit == 0:
            return []
        base = plan.context.settings.base
        shown = [output.value.sql for output in plan.outputs if output.label == "dataset_id"]
        rows = await self.engine.rows(
            plan.page(shown, limit=limit, offset=offset), plan.context.parameters
        )
        found = (self.store.dataset(row[0]) for row in rows)
        return [one.described(base) for one in found if one is not None]

    async def dataset(self, request: web.Request) -> web.StreamResponse:
        """`GET /catalog/datasets/{dataset_id}`."""
        dataset = self._dataset(request)
        query = read_query(request.query)
        if query.whole:
            return self._answer(request, dumps(dataset.described(_url(request, ""))))
        own = nodes.Comparison(nodes.Field("dataset_id"), "=", nodes.Text(dataset.dataset_id))
        query = Query(select=query.select, where=(nodes.Where(own),))
        return await self._first(request, await self._plan(query, await self._catalog(), request))

    async def catalog_facets(self, request: web.Request) -> web.StreamResponse:
        """`GET /catalog/facets`."""
        url = _url(request, "/catalog/facets")
        links = [_link("self", url), _link("source", _url(request, "/catalog"))]
        # Recorded: by name if the request names no facet, and by count if it does.
        return await self._facets(request, await self._catalog(), links, sort="alphanum")

    async def catalog_exports(self, request: web.Request) -> web.StreamResponse:
        """`GET /catalog/exports`."""
        return self._formats(request, "/catalog/exports", CATALOG_FORMATS)

    async def catalog_export(self, request: web.Request) -> web.StreamResponse:
        """`GET /catalog/exports/{format}`: dataset objects, or the rows of a query."""
        format_ = _format(request, CATALOG_FORMATS)
        query = read_query(request.query)
        export = self._requested(
            request,
            await self._plan(query, await self._catalog(), request),
            offset=export_offset(request.query),
        )
        if not query.whole:
            return await self._export(request, export, format_, "datasets")
        assert format_.catalog is not None  # noqa: S101 - all formats of the catalog have it
        objects = await self._dataset_objects(export.plan, limit=export.limit, offset=export.offset)
        return self._answer(
            request,
            await self.engine.run(partial(format_.catalog, export, objects)),
            filename=f"datasets.{format_.extension}",
            content_type=format_.content_type,
            is_text=format_.is_text,
        )

    # ------------------------------------------------------------ one dataset

    async def records(self, request: web.Request) -> web.StreamResponse:
        """`GET /catalog/datasets/{dataset_id}/records`."""
        dataset = self._readable(request)
        query = read_query(request.query)
        window = record_window(request.query, grouped=query.grouped)
        plan = await self._plan(query, dataset, request)
        return await self._page(request, plan, window.limit, window.offset)

    async def record(self, request: web.Request) -> web.StreamResponse:
        """`GET .../records/{record_id}`."""
        dataset = self._readable(request)
        identifier = request.match_info["record_id"]
        own = nodes.Comparison(nodes.Field(IDENTIFIER), "=", nodes.Text(identifier))
        query = read_query(request.query)
        query = Query(select=query.select, where=(nodes.Where(own),), texts=query.texts)
        plan = await self._plan(query, dataset, request)
        if not await self.engine.single(plan.total, plan.context.parameters):
            raise missing_resource("record", identifier)
        return await self._first(request, plan)

    async def _first(self, request: web.Request, plan: Plan) -> web.StreamResponse:
        """Send the first row of a plan."""
        shown, write = json_page(plan.outputs, plan.context)
        rows = await self.engine.rows(plan.page(shown, limit=1), plan.context.parameters)
        return self._answer(request, write(rows[0]))

    async def facets(self, request: web.Request) -> web.StreamResponse:
        """`GET .../facets`."""
        dataset = self._readable(request)
        path = f"/catalog/datasets/{dataset.dataset_id}"
        links = [
            _link("self", _url(request, f"{path}/facets")),
            _link("dataset", _url(request, path)),
        ]
        return await self._facets(request, dataset, links)

    async def attachments(self, request: web.Request) -> web.StreamResponse:
        """`GET .../attachments`."""
        dataset = self._dataset(request)
        base = _url(request, "")
        links = [
            _link("self", dataset.url(base, "attachments")),
            _link("dataset", dataset.url(base)),
        ]
        listed = [
            one.linked(dataset.url(base, "attachments", one.id)) for one in dataset.attachments
        ]
        return self._answer(request, dumps({"links": links, "attachments": listed}))

    async def attachment(self, request: web.Request) -> web.StreamResponse:
        """`GET .../attachments/{file_id}`: the file itself."""
        return await self._file(request, self._dataset(request).attachments, "attachment")

    async def alternative_export(self, request: web.Request) -> web.StreamResponse:
        """`GET .../alternative_exports/{file_id}`: the file itself."""
        files = self._readable(request).alternative_exports
        return await self._file(request, files, "alternative export")

    async def _file(
        self, request: web.Request, files: Sequence[Attached], kind: str
    ) -> web.StreamResponse:
        identifier = request.match_info["file_id"]
        found = find(files, identifier)
        missing = missing_resource(kind, identifier)
        if found is None:
            raise missing
        headers = {**self._headers(), hdrs.CONTENT_DISPOSITION: found.disposition}
        headers[hdrs.CONTENT_TYPE] = found.mimetype
        content = read_file(found.path, self.engine.run, missing)
        return await self._send(request, content, headers)

    async def exports(self, request: web.Request) -> web.StreamResponse:
        """`GET .../exports`."""
        path = f"/catalog/datasets/{self._dataset(request).dataset_id}/exports"
        return self._formats(request, path, formats.FORMATS)

    async def export(self, request: web.Request) -> web.StreamResponse:
        """`GET .../exports/{format}`."""
        dataset = self._readable(request)
        format_ = _format(request, formats.FORMATS)
        plan = await self._plan(read_query(request.query), dataset, request)
        export = self._requested(request, plan)
        return await self._export(request, export, format_, dataset.dataset_id)

    # ------------------------------------------------------------ shared

    def _dataset(self, request: web.Request) -> Dataset:
        identifier = request.match_info["dataset_id"]
        hidden = identifier in self._hidden()
        dataset = None if hidden else self.store.dataset(identifier)
        if dataset is None:
            raise missing_resource("dataset", identifier)
        return dataset

    def _readable(self, request: web.Request) -> Dataset:
        """Return the dataset, if its records can be read."""
        dataset = self._dataset(request)
        if not dataset.data_visible:
            raise forbidden()
        return dataset

    def _hidden(self) -> frozenset[str]:
        """Return the datasets that the caller does not see."""
        grant = caller().grant
        return frozenset(one for one in self.store.restricted if not grant.opens(one))

    async def _catalog(self) -> Dataset:
        """Return the catalog that the caller sees, which may have to be made first."""
        hidden = self._hidden()
        return await self.engine.run(lambda: self.store.catalog(hidden=hidden))

    def _settings(self, request: web.Request) -> Settings:
        settings = read_settings(request.query, self.clock())
        return evolve(settings, base=_url(request, ""))

    async def _plan(self, query: Query, dataset: Dataset, request: web.Request) -> Plan:
        """Compile a query in a thread, because a condition may read the geometries of a column."""
        settings = self._settings(request)
        return await self.engine.run(lambda: compile_query(query, dataset, settings))

    async def _page(
        self, request: web.Request, plan: Plan, limit: int, offset: int
    ) -> web.StreamResponse:
        """Send a page of rows; the `total_count` of groups is the number returned (measured)."""
        parameters = plan.context.parameters
        total = 0 if plan.kind == "groups" else await self.engine.single(plan.total, parameters)
        rows: list[str] = []
        if limit:
            shown, write = json_page(plan.outputs, plan.context)
            repeated = plan.kind == "repeated"
            page = plan.page(
                shown, limit=None if repeated else limit, offset=0 if repeated else offset
            )
            rows = [write(row) for row in await self.engine.rows(page, parameters)]
            if repeated:
                rows *= max(0, min(limit, total - offset))
        if plan.kind == "groups":
            total = len(rows)
        body = f'{{"total_count": {total}, "results": [{", ".join(rows)}]}}'
        return self._answer(request, body)

    async def _facets(
        self,
        request: web.Request,
        dataset: Dataset,
        links: list[dict[str, str]],
        *,
        sort: str | None = None,
    ) -> web.StreamResponse:
        query = read_query(request.query)
        settings = self._settings(request)
        wanted = wanted_facets(query.facets, dataset, sort=sort)
        facets = [
            await count_facet(facet, query, dataset, settings, self.engine) for facet in wanted
        ]
        return self._answer(request, dumps({"links": links, "facets": facets}))

    def _formats(
        self, request: web.Request, path: str, known: Mapping[str, Format]
    ) -> web.StreamResponse:
        links = [_link("self", _url(request, path))]
        links += [_link(one, _url(request, f"{path}/{one}")) for one in formats.listed(known)]
        return self._answer(request, dumps({"links": links}))

    def _requested(self, request: web.Request, plan: Plan, *, offset: int = 0) -> Export:
        """Return the export that a request asks for, if live portals do not refuse it."""
        origin = str(request.url.origin())
        export = Export(plan, export_limit(request.query), request.query, origin, offset)
        check(export)
        return export

    async def _export(
        self, request: web.Request, export: Export, format_: Format, name: str
    ) -> web.StreamResponse:
        """Send an export."""
        if format_.write is None:
            raise not_supported("A query with select or group_by in this format of the catalog")
        filename, content_type = f"{name}.{format_.extension}", format_.content_type
        written = format_.write(export, self.engine)
        if export.compressed:
            # The name is documented; the content type is not.
            filename, content_type = f"{filename}.gzip", "application/gzip"
            written = compressed(written, self.engine)
        headers = {**self._headers(filename), hdrs.CONTENT_TYPE: content_type}
        is_text = format_.is_text and not export.compressed
        return await self._send(request, written, headers, is_text=is_text)

    async def _send(
        self,
        request: web.Request,
        written: Chunks,
        headers: Mapping[str, str],
        *,
        is_text: bool = False,
    ) -> web.StreamResponse:
        """Send chunks; the first one is computed before the status line is sent."""
        through = THROUGH.get()
        if through is not None:
            written = through(written)
        async with contextlib.aclosing(written) as chunks:
            first = await anext(chunks, b"")
            response = web.StreamResponse(headers=headers)
            if is_text:
                compress(request, response)
            # A client may disconnect; closing `chunks` then interrupts the statement.
            with contextlib.suppress(ConnectionResetError), _cutting(request):
                await response.prepare(request)
                if request.method != hdrs.METH_HEAD:
                    if first:  # an empty chunk would end the response
                        await response.write(first)
                    async for chunk in chunks:
                        await response.write(chunk)
                await response.write_eof()
        return response

    def _answer(
        self,
        request: web.Request,
        body: str | bytes,
        *,
        filename: str | None = None,
        content_type: str = _JSON,
        is_text: bool = True,
    ) -> web.StreamResponse:
        headers = {**self._headers(filename), hdrs.CONTENT_TYPE: content_type}
        encoded = body.encode() if isinstance(body, str) else body
        response = web.Response(body=encoded, headers=headers)
        if is_text:
            compress(request, response)
        return response

    def _headers(self, filename: str | None = None) -> dict[str, str]:
        """Return the headers of a success."""
        headers = {"cache-control": NO_CACHE, **caller().counter.headers}
        if filename is not None:
            headers[hdrs.CONTENT_DISPOSITION] = f'attachment; filename="{filename}"'
        return headers


@contextlib.contextmanager
def _cutting(request: web.Request) -> Iterator[None]:
    """Abort the connection on an error, which nothing else can report once the body has begun."""
    try:
        yield
    except ConnectionResetError:
        raise
    except Exception as error:
        if request.transport is not None:
            request.transport.abort()
        if not isinstance(error, PortalError):
            LOG.exception("An export failed: %s", request.path)
        raise ConnectionResetError from error


def _url(request: web.Request, path: str) -> str:
    return f"{request.url.origin()}{BASE_PATH}{path}"


def _link(relation: str, url: str) -> dict[str, str]:
    return {"rel": relation, "href": url}


def _format(request: web.Request, known: Mapping[str, Format]) -> Format:
    found = formats.find(known, request.match_info["format"])
    if found is None:
        raise unknown_uri()
    return found


def make_app(
    store: Store,
    *,
    clock: Callable[[], datetime] | None = None,
    timeout: float | None = None,
) -> web.Application:
    """Make the application that serves `store`; the caller must close the store.

    `clock` returns the current time as an aware datetime, which is the value of `now()`. A query
    that takes longer than `timeout` seconds ends with an error; an export, if its next rows do.
    """
    refuse_no_store(store)
    if clock is not None and not callable(clock):
        raise StoreError(f"The clock has type {type(clock).__name__}; it must be callable.")
    refuse_no_seconds("timeout", timeout)
    clock = clock or (lambda: datetime.now(UTC))
    portal = Portal(store, clock=clock, timeout=timeout)
    gate = Gate(store.access, clock)
    app = web.Application(middlewares=[*MIDDLEWARES, gate.admit, portal.load])
    app[STORE] = store
    app.on_response_prepare.append(add_common_headers)
    one = "/catalog/datasets/{dataset_id}"
    routes: dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]] = {
        "": portal.root,
        "/catalog": portal.source,
        "/catalog/datasets": portal.datasets,
        "/catalog/facets": portal.catalog_facets,
        "/catalog/exports": portal.catalog_exports,
        "/catalog/exports/{format}": portal.catalog_export,
        one: portal.dataset,
        f"{one}/records": portal.records,
        f"{one}/records/{{record_id}}": portal.record,
        f"{one}/facets": portal.facets,
        f"{one}/attachments": portal.attachments,
        f"{one}/attachments/{{file_id}}": portal.attachment,
        f"{one}/alternative_exports/{{file_id}}": portal.alternative_export,
        f"{one}/exports": portal.exports,
        f"{one}/exports/{{format}}": portal.export,
    }
    for path, handler in routes.items():
        # Widely used clients end the path with a slash.
        app.router.add_get(BASE_PATH + path, handler)
        app.router.add_get(f"{BASE_PATH}{path}/", handler)

    async def close(_: web.Application) -> None:
        await portal.engine.close()

    # This runs before the server waits for its handlers, which wait for their statements.
    app.on_shutdown.append(close)
    return app


def refuse_no_seconds(name: str, value: object) -> None:
    """Refuse what is no number of seconds.

    Raises:
        StoreError: it is none.
    """
    if value is None and name == "timeout":
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        given = value if isinstance(value, int | float) else f"of type {type(value).__name__}"
        raise StoreError(f"{name} is {given}; it must be a number of seconds, 0 or more.")
