"""Converts operations to requests, for a client and its datasets.

The modules that only exports need are imported with the first export, because importing them takes
as long as all the others together.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from attrs import evolve, frozen

from explore_async.errors import (
    ConfigurationError,
    DecodeError,
    ExploreError,
    ODSQLError,
    WindowExceeded,
)
from explore_async.http.call import ATTEMPTS
from explore_async.http.decoding import load_json
from explore_async.http.redaction import redact_error
from explore_async.http.refusals import explain
from explore_async.models import ExportFormat, Page, as_list, as_object
from explore_async.operations import (
    DELIMITERS,
    OPERATIONS,
    Operation,
    clauses_of,
    facet_names,
    flags,
    listed,
    operation_params,
)
from explore_async.results.facets import Facets, facet_of, facets_of
from explore_async.results.plan import Plan
from explore_async.results.records import Records
from odsql.syntax.errors import shown

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Sequence

    from explore_async.fanout.scheduler import Scheduler
    from explore_async.http.gate import Admission
    from explore_async.http.transport import Body, Transport
    from explore_async.models import Facet
    from explore_async.results.conversion import ConverterSource
    from explore_async.results.exports import ExportStream
    from explore_async.results.into import Into
    from explore_async.results.misfits import Misfits
    from explore_async.results.reading import Reading, RowsSource
    from explore_async.results.records import PageReader
    from explore_async.results.unknown_fields import FieldNames
    from odsql import Query
    from odsql.builder.expressions import Expression

__all__ = ["ExportOptions", "Requests", "row_limit", "segment"]

T = TypeVar("T")


@frozen(kw_only=True)
class ExportOptions:
    """The options of an export besides its query.

    Attributes:
        params: further parameters, as strings.
        delimiter: separates CSV cells.
        nan_as_null: read a bare NaN, Infinity or -Infinity as null.
        converter: provides the converter of rows; None to leave rows unchanged.
        misfits: counts the rows that do not fit their class; None if they are not of a class.
    """

    params: Sequence[tuple[str, str]] = ()
    delimiter: str = ";"
    nan_as_null: bool = False
    converter: RowsSource | None = None
    misfits: Misfits | None = None

    @classmethod
    def csv(
        cls,
        *,
        delimiter: str | None,
        converter: RowsSource | None = None,
        misfits: Misfits | None = None,
        **dialect: object,
    ) -> ExportOptions:
        """Return the options of a CSV export.

        Raises:
            ConfigurationError: the delimiter is not listed.
        """
        if delimiter is not None:
            listed(delimiter, DELIMITERS, "delimiter")
        params = flags(delimiter=delimiter, **dialect)
        return cls(params=params, delimiter=delimiter or ";", converter=converter, misfits=misfits)

    @property
    def packed(self) -> bool:
        """Whether the server compresses the file."""
        return ("compressed", "true") in self.params

    @property
    def projected(self) -> bool:
        """Whether shapes may have another projection than WGS 84."""
        return any(name == "epsg" and value != "4326" for name, value in self.params)


@frozen(kw_only=True)
class Requests:
    """Sends operations over one transport.

    Attributes:
        transport: sends the requests.
        scheduler: runs them concurrently.
        names: explains errors about unknown fields; None where the names are not those of fields.
    """

    transport: Transport
    scheduler: Scheduler
    names: FieldNames | None = None

    async def get(
        self,
        path: str,
        params: Sequence[tuple[str, str]],
        read: Callable[[object], T],
        decode: Callable[[bytes], object] = load_json,
        admission: Admission | None = None,
    ) -> T:
        """Send a request and convert its JSON response.

        Args:
            path: see `Transport.url`.
            params: see `Transport.url`.
            read: converts the decoded response to the result, or raises an error.
            decode: see `Transport.get_json`.
            admission: see `Transport.get_json`.

        Raises:
            ODSQLError: the server rejected the query; a note on the error shows the place.
        """
        return await self._get(self.transport.url(path, params), params, read, decode, admission)

    async def _get(
        self,
        url: str,
        params: Sequence[tuple[str, str]],
        read: Callable[[object], T],
        decode: Callable[[bytes], object],
        admission: Admission | None,
    ) -> T:
        try:
            answer = await self.transport.get_json(url, decode, admission)
        except ODSQLError as error:
            await self._explain(error, params)
            raise
        try:
            return _read(read, answer)
        except ExploreError as error:
            self._complete(error, url, ATTEMPTS.get())
            raise

    async def _explain(self, error: ODSQLError, params: Sequence[tuple[str, str]]) -> None:
        """Add notes to an error about a query: the place, and the names that were meant."""
        explain(error, params)
        if self.names is not None:
            await self.names.explain(error)

    def _complete(self, error: ExploreError, url: str, attempts: int) -> None:
        """Add the request to an error about a 200 response, and remove secrets that it echoes."""
        error.status, error.url, error.attempts = 200, url, attempts
        redact_error(error, self.transport.redact)

    async def formats(self, path: str) -> tuple[ExportFormat, ...]:
        """Return the export formats of a dataset or of the catalog."""
        return await self.get(path, [], _formats)

    def records(
        self,
        path: str,
        operation_id: str,
        query: Query | None,
        *,
        max_rows: int | None,
        page_size: int | None,
        converter: ConverterSource | None = None,
        into: Into | None = None,
    ) -> Records[Any]:
        """Return the rows of a query as a lazy object."""
        clauses = clauses_of(query)
        plan = Plan(
            start=(clauses.offset or 0) if clauses is not None else 0,
            max_rows=row_limit(query) if max_rows is None else max_rows,
            page_size=page_size,
            grouped=clauses is not None and clauses.group_by is not None,
        )
        return self._paged(path, OPERATIONS[operation_id], query, plan, converter, into)

    async def count(self, path: str, operation_id: str, query: Query | None) -> int:
        """Return the number of rows of a query on the server.

        Raises:
            WindowExceeded: there are 20,000 groups or more, which is too many to count by paging.
        """
        clauses = clauses_of(query)
        grouped = clauses is not None and clauses.group_by is not None
        plan = Plan(start=0, max_rows=None, grouped=grouped)
        try:
            return await self._paged(path, OPERATIONS[operation_id], query, plan).count()
        except WindowExceeded as error:
            raise WindowExceeded(
                f"There are {error.window} groups or more, which cannot be counted, so the export "
                "cannot be verified. Export without verification (`dataset.export(...)`, "
                "`explore export --format json`), or narrow the query with `where`.",
                window=error.window,
            ) from None

    def facets(
        self,
        path: str,
        operation_id: str,
        names: str | Expression | Sequence[str | Expression],
        query: Query | None,
    ) -> Facets:
        """Return facets as a lazy object."""
        params = operation_params(query, OPERATIONS[operation_id])
        declared = [value for name, value in params if name == "facet"]
        fixed = [(name, value) for name, value in params if name != "facet"]

        declaring = self.transport.url(path, fixed)
        prefix = declaring + ("&" if fixed else "?")

        def ask(name: str, admission: Admission | None) -> Coroutine[object, object, Facet]:
            address = f"{prefix}facet={segment(name, 'facet')}"
            read = partial(facet_of, name=name)
            return self._get(address, [*fixed, ("facet", name)], read, load_json, admission)

        return Facets(
            names=tuple(facet_names(names) or declared),
            portal=self.transport.url("", []),
            path=path,
            query=query,
            ask=ask,
            ask_for_declared=partial(self._get, declaring, fixed, facets_of, load_json),
            scheduler=self.scheduler,
        )

    def export(
        self,
        path: str,
        operation_id: str,
        file_format: str,
        query: Query | None,
        options: ExportOptions,
    ) -> ExportStream[Any]:
        """Return an export as one stream; `path` is that of the exports of a dataset or catalog."""
        from explore_async.results.reading import Reading

        params = operation_params(query, OPERATIONS[operation_id], extra=options.params)
        target = f"{path}/{segment(file_format, 'export format')}"
        reading = Reading(
            file_format=file_format,
            line_cap=self.transport.caps.line,
            delimiter=options.delimiter,
            nan_as_null=options.nan_as_null,
            converter=options.converter,
            misfits=options.misfits,
            packed=options.packed,
            projected=options.projected,
        )
        return self._stream(target, params, reading)

    def file(self, path: str) -> ExportStream:
        """Return a file of any content, such as an attachment, as one stream; sends nothing yet."""
        from explore_async.results.reading import ATTACHMENT, Reading

        reading = Reading(file_format=ATTACHMENT, line_cap=self.transport.caps.line)
        return self._stream(path, [], reading, opaque=True)

    def _stream(
        self,
        path: str,
        params: Sequence[tuple[str, str]],
        reading: Reading,
        *,
        opaque: bool = False,
    ) -> ExportStream[Any]:
        from explore_async.results.exports import ExportStream

        @asynccontextmanager
        async def body() -> AsyncIterator[Body]:
            # Explain only an error that rejects the request, not one raised while reading rows. The
            # stack passes both to the call, which must report how it ended.
            async with AsyncExitStack() as stack:
                opening = self.transport.stream(url, opaque=opaque)
                try:
                    opened = await stack.enter_async_context(opening)
                except ODSQLError as error:
                    await self._explain(error, params)
                    raise
                yield opened

        url = self.transport.url(path, params)
        return ExportStream(
            body,
            url=url,
            reading=evolve(reading, redact=self.transport.redact),
        )

    def _paged(
        self,
        path: str,
        operation: Operation,
        query: Query | None,
        plan: Plan,
        converter: ConverterSource | None = None,
        into: Into | None = None,
    ) -> Records[Any]:
        params = operation_params(query, operation)
        fixed = [(name, value) for name, value in params if name not in {"limit", "offset"}]

        # Encoded once, not for each page.
        prefix = self.transport.url(path, fixed) + ("&" if fixed else "?")

        def address(offset: int, limit: int) -> str:
            return f"{prefix}limit={limit}&offset={offset}"

        # Attempts per page, for errors that are found in the page later.
        retried: dict[int, int] = {}

        def ask(
            offset: int, limit: int, typed: PageReader | None, admission: Admission | None
        ) -> Coroutine[object, object, Page[Any]]:
            decode = load_json if typed is None else typed.decode
            page_of = Page.from_json if typed is None else typed.page

            def read(answer: object) -> Page[Any]:
                if (attempts := ATTEMPTS.get()) > 1 or retried:
                    retried[offset] = attempts
                return page_of(answer, offset=offset, limit=limit)

            return self._get(address(offset, limit), fixed, read, decode, admission)

        def complete(error: ExploreError, offset: int, limit: int) -> None:
            self._complete(error, address(offset, limit), retried.get(offset, 1))

        return Records(
            plan=plan,
            portal=self.transport.url("", []),
            path=path,
            query=query,
            ask=ask,
            address=address,
            complete=complete,
            scheduler=self.scheduler,
            converter=converter,
            into=into,
        )


def _formats(answer: object) -> tuple[ExportFormat, ...]:
    links = as_list(as_object(answer, "a response").get("links"), "links")
    return tuple(one for one in map(ExportFormat.from_json, links) if one is not None)


def row_limit(query: Query | None) -> int | None:
    """Return the query's limit; None for no limit, which the API writes as -1."""
    clauses = clauses_of(query)
    limit = clauses.limit if clauses is not None else None
    return None if limit == -1 else limit


def _read(read: Callable[[object], T], answer: object) -> T:
    """Convert an answer; values that are nested without end do not end the program."""
    try:
        return read(answer)
    except RecursionError as error:
        raise DecodeError(
            "The response is nested too deeply to be read. Report it to the portal."
        ) from error


def segment(text: str, what: str) -> str:
    """Percent-encode one path segment.

    Raises:
        ConfigurationError: the text is not a string, is empty, would change the path of the URL,
            or cannot be sent.
    """
    if not isinstance(text, str):
        raise ConfigurationError(f"{shown(text)} is not a valid {what}; it must be a string.")
    if not text or text in {".", ".."}:
        raise ConfigurationError(
            f"{text!r} is not a valid {what}; it would change the path of the URL."
        )
    try:
        return quote(text, safe="")
    except UnicodeEncodeError:
        raise ConfigurationError(
            f"{text!r} is not a valid {what}; half of a surrogate pair cannot be sent."
        ) from None
