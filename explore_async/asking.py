"""How an operation becomes requests: what a client and its datasets share."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

from attrs import evolve, frozen

from explore_async.errors import ConfigurationError, WindowExceeded
from explore_async.exporting import EXPORT_ENDS, ExportStream, Reading
from explore_async.faceting import Facets
from explore_async.models import as_list, as_object
from explore_async.operations import OPERATIONS, Operation, facet_names, operation_params
from explore_async.paging import Plan, Records
from explore_async.refusals import explained

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from explore_async.conversion import Converter
    from explore_async.scheduling import Scheduler
    from explore_async.transport import Body, Transport
    from odsql import Query
    from odsql.building import Expression

__all__ = ["ExportOptions", "Requests", "row_limit", "segment"]


@frozen(kw_only=True)
class ExportOptions:
    """What an export is asked for beside its query.

    Attributes:
        params: further parameters, as text.
        delimiter: what stands between two cells, for CSV.
        nan_as_null: read a bare NaN as null.
        converter: asks for what converts the rows.
        packed: whether the server compresses the file.
    """

    params: Sequence[tuple[str, str]] = ()
    delimiter: str = ";"
    nan_as_null: bool = False
    converter: Callable[[], Awaitable[Converter]] | None = None
    packed: bool = False


@frozen(kw_only=True)
class Requests:
    """Sends operations over one transport.

    Attributes:
        transport: where requests go.
        scheduler: when they run.
    """

    transport: Transport
    scheduler: Scheduler

    async def get(self, path: str, params: Sequence[tuple[str, str]]) -> object:
        """One JSON answer.

        Raises:
            ODSQLError: the query is refused; a note of the error shows the place.
        """
        with explained(params):
            return await self.transport.get_json(path, params)

    async def formats(self, path: str) -> tuple[str, ...]:
        """The formats that something can be exported to."""
        answer = as_object(await self.get(path, []), "an answer")
        links = [as_object(link, "a link") for link in as_list(answer.get("links"), "links")]
        return tuple(str(link.get("rel")) for link in links if link.get("rel") != "self")

    def records(
        self,
        path: str,
        operation_id: str,
        query: Query | None,
        *,
        max_rows: int | None,
        page_size: int | None,
        converter: Callable[[], Awaitable[Converter]] | None = None,
    ) -> Records:
        """The rows of a query, lazily."""
        plan = Plan(
            start=(query.clauses.offset or 0) if query is not None else 0,
            max_rows=row_limit(query) if max_rows is None else max_rows,
            page_size=page_size,
            grouped=query is not None and bool(query.clauses.group_by),
        )
        return self._paged(path, OPERATIONS[operation_id], query, plan, converter)

    async def count(self, path: str, operation_id: str, query: Query | None) -> int:
        """How many rows a query has on the server.

        Raises:
            WindowExceeded: they are groups, which are counted by paging, and too many for that.
        """
        grouped = query is not None and bool(query.clauses.group_by)
        plan = Plan(start=0, max_rows=None, grouped=grouped)
        try:
            return await self._paged(path, OPERATIONS[operation_id], query, plan, None).count()
        except WindowExceeded as error:
            raise WindowExceeded(
                f"There are more than {error.window} groups, and the server counts no more, so an "
                "export of them cannot be proved whole. Export without the proof "
                "(`dataset.export(...)`, `explore export --format json`), or narrow the query "
                "with `where`.",
                window=error.window,
            ) from None

    def facets(
        self,
        path: str,
        operation_id: str,
        names: Sequence[str | Expression],
        query: Query | None,
    ) -> Facets:
        """Facets, lazily."""
        params = operation_params(query, OPERATIONS[operation_id])
        declared = [value for name, value in params if name == "facet"]
        fixed = [(name, value) for name, value in params if name != "facet"]

        async def ask(name: str | None) -> object:
            return await self.get(path, fixed if name is None else [*fixed, ("facet", name)])

        return Facets(
            names=tuple(facet_names(names) or declared),
            portal=self.transport.url("", []),
            ask=ask,
            scheduler=self.scheduler,
        )

    def export(
        self,
        path: str,
        operation_id: str,
        file_format: str,
        query: Query | None,
        options: ExportOptions,
    ) -> ExportStream:
        """An export as one stream; `path` leads to the exports of its dataset or catalog."""
        params = operation_params(query, OPERATIONS[operation_id], extra=options.params)
        target = f"{path}/{segment(file_format, 'export format')}"
        reading = Reading(
            file_format=file_format,
            line_cap=self.transport.caps.line,
            end=b"" if options.packed else EXPORT_ENDS.get(file_format, b""),
            delimiter=options.delimiter,
            nan_as_null=options.nan_as_null,
            converter=options.converter,
            packed=options.packed,
        )
        return self.stream(target, params, reading)

    def stream(
        self, path: str, params: Sequence[tuple[str, str]], reading: Reading
    ) -> ExportStream:
        """A body as one stream; nothing is sent yet."""

        @asynccontextmanager
        async def body() -> AsyncIterator[Body]:
            # Only the refusal of the request is explained, not what a reader of the rows raises.
            opening = self.transport.stream(path, params)
            with explained(params):
                opened = await opening.__aenter__()
            try:
                yield opened
            finally:
                await opening.__aexit__(None, None, None)

        return ExportStream(
            body,
            url=self.transport.url(path, params),
            reading=evolve(reading, redact=self.transport.redact),
        )

    def _paged(
        self,
        path: str,
        operation: Operation,
        query: Query | None,
        plan: Plan,
        converter: Callable[[], Awaitable[Converter]] | None,
    ) -> Records:
        params = operation_params(query, operation)
        fixed = [(name, value) for name, value in params if name not in {"limit", "offset"}]

        def place(offset: int, limit: int) -> list[tuple[str, str]]:
            return [*fixed, ("limit", str(limit)), ("offset", str(offset))]

        async def ask(offset: int, limit: int) -> object:
            return await self.get(path, place(offset, limit))

        def address(offset: int, limit: int) -> str:
            return self.transport.url(path, place(offset, limit))

        return Records(
            plan=plan,
            portal=self.transport.url("", []),
            ask=ask,
            address=address,
            scheduler=self.scheduler,
            converter=converter,
        )


def row_limit(query: Query | None) -> int | None:
    """The query's own limit; -1 is how the API says that there is none."""
    limit = query.clauses.limit if query is not None else None
    return None if limit == -1 else limit


def segment(text: str, what: str) -> str:
    """Percent-encode one path segment.

    Raises:
        ConfigurationError: it is empty or would change the path of the URL.
    """
    if not text or text in {".", ".."}:
        raise ConfigurationError(f"{text!r} is no {what}; it would change the path of the URL.")
    return quote(text, safe="")
