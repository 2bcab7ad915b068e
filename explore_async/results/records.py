"""Pages of records: which to request, and whether together they are the result (getRecords).

The server sets the rules:

* A page holds at most 100 rows, and `offset + limit` must not exceed 10,000.
* With `group_by` both limits are 20,000, and `total_count` is the number of rows *returned* (older
  portals omit it), so only a page that is not full marks the end.
* There is no snapshot: rows written during a reading shift the following pages.

Any inconsistency is an error, because a short result looks like a complete one. The checks compare
the lengths of pages, `total_count`, and the first and last row of each page. They cannot detect
rows that the server moves between pages without changing these, such as ties of `order_by`: such a
row is delivered twice or not at all. Equal rows can be valid data, so only a unique order helps.
"""

from __future__ import annotations

from contextlib import aclosing, contextmanager, suppress
from functools import partial
from operator import length_hint
from typing import TYPE_CHECKING, Protocol

import orjson
from attrs import evolve, field, frozen

from explore_async.errors import (
    DecodeError,
    ExploreError,
    IntegrityError,
    RepeatedPageError,
    ShortPageError,
    TotalCountDriftError,
    WindowExceeded,
)
from explore_async.fanout.readings import Job
from explore_async.models import Page, Row
from explore_async.results.plan import PAGE_SIZE, Plan
from explore_async.results.showing import shown

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterator,
        Callable,
        Coroutine,
        Generator,
        Iterator,
    )
    from types import ModuleType

    import geopandas
    import pandas
    import polars
    import pyarrow as pa

    from explore_async.fanout.scheduler import Scheduler
    from explore_async.http.gate import Admission
    from explore_async.results.arrow import GeometryColumns
    from explore_async.results.conversion import ConverterSource
    from explore_async.results.typed_pages import TypedRows
    from odsql import Query

    _Ask = Callable[[int, int], Coroutine[object, object, Page]]

    class _AskTyped(Protocol):
        def __call__(
            self, offset: int, limit: int, typed: TypedRows | None, admission: Admission | None
        ) -> Coroutine[object, object, Page]: ...


__all__ = ["Records"]


@frozen(kw_only=True, eq=False, repr=False)
class Records:
    """The rows of a query as one lazy object; creating it sends nothing (getRecords, getDatasets).

    Await it for the first page, iterate over it for rows, or use `pages`, `count`, `first` or
    `to_list`. Each use starts from the beginning; after an error, `resume()` returns the rows that
    were not delivered. Pages are fetched concurrently and delivered in order; a slow reader delays
    new requests.

    If a loop is left early, requests in flight are cancelled as soon as the event loop runs again.
    To have them cancelled when a block ends, use `async with records.open()`.

    Raises while reading:
        WindowExceeded: there are more rows than the server pages through, and `max_rows` is not
            set. Raised before the first row, or for groups, which the server does not count, after
            the last group in reach.
        IntegrityError: a page is short or repeated, or `total_count` changes between pages.
        ExploreError: a request failed, after any retries.
    """

    plan: Plan
    portal: str
    _path: str
    _query: Query | None
    _ask: _AskTyped
    _address: Callable[[int, int], str]
    _complete: Callable[[ExploreError, int, int], None]
    _scheduler: Scheduler
    _converter: ConverterSource | None = None
    _total: int | None = None
    _bookmark: _Bookmark = field(init=False, factory=lambda: _Bookmark())

    def __repr__(self) -> str:
        start, most = self.plan.start or None, self.plan.max_rows
        return shown("Records", self.portal, self._path, self._query, start=start, max_rows=most)

    def __await__(self) -> Generator[object, None, Page]:
        return self._first_page().__await__()

    def __aiter__(self) -> AsyncIterator[Row]:
        return self._rows()

    def open(self) -> aclosing[AsyncGenerator[Row, None]]:
        """Return the rows for an `async with` block that cancels its requests on exit."""
        return aclosing(self._rows())

    @property
    def position(self) -> int:
        """The index of the first row that the last reading did not deliver."""
        return self._bookmark.position(self.plan.start)

    def resume(self) -> Records:
        """Return the rows that the last reading did not deliver, to continue after an error.

        A row counts as delivered once a loop has received it, or with `pages` its page. `to_list`
        and the data frames deliver all rows or none. The server sends its current rows: only a
        changed `total_count` is detected.
        """
        position = self.position
        left = None
        if self.plan.max_rows is not None or position >= self.plan.stop:
            left = max(0, self.plan.stop - position)
        return evolve(
            self,
            plan=evolve(self.plan, start=position, max_rows=left),
            total=self._bookmark.total,
        )

    def url(self) -> str:
        """Return the URL of the first page, without credentials; sends nothing."""
        return self._address(self.plan.start, max(1, self.plan.limit_at(self.plan.start)))

    async def to_list(self) -> list[Row]:
        """Return all rows as a list; if it fails, none of them counts as delivered."""
        return await self._all_rows(None)

    def job(self) -> Job[list[Row]]:
        """Return `to_list` as one reading of a fan-out."""
        return Job(portal=self.portal, run=self._all_rows)

    async def _all_rows(self, admission: Admission | None) -> list[Row]:
        rows: list[Row] = []
        with self._all_or_nothing():
            async with aclosing(await self._kept_pages(admission)) as pages:
                async for page in pages:
                    self._bookmark.rows = iter(())
                    rows += page.rows
        return rows

    async def to_arrow(self, *, geometry: GeometryColumns = None) -> pa.Table:
        """Return all rows as an Arrow table (needs the extra `parquet`).

        Columns of a `typed` reading have the schema's types; others have the types of their values.

        Args:
            geometry: `wkb` for the points and shapes of a `typed` reading as WKB, described by the
                metadata of GeoArrow and GeoParquet; None for points as structs and shapes as JSON
                text.

        Raises:
            MissingExtraError: pyarrow is not installed; nothing was sent.
            ConfigurationError: `geometry` is given, but the rows are not typed; nothing was sent.
        """
        frames = _frames()
        frames.require("pyarrow")
        frames.refuse_unknown_geometry(geometry, typed=self._converter is not None)
        with self._all_or_nothing():
            converter = await self._converter(None) if self._converter else None
            return frames.table(await self.to_list(), converter=converter, geometry=geometry)

    async def to_geopandas(self) -> geopandas.GeoDataFrame:
        """Return all rows of a `typed` reading as a GeoPandas data frame (needs the extra `geo`).

        Points and shapes are geometries in OGC:CRS84, which is WGS 84 with the longitude as x. The
        active geometry is the first shape, or else the first point; without either, there is none.

        Raises:
            MissingExtraError: geopandas or pyarrow is not installed; nothing was sent.
            ConfigurationError: the rows are not typed; nothing was sent.
        """
        _frames().require("geopandas")
        with self._all_or_nothing():
            table = await self.to_arrow(geometry="wkb")
            frame: geopandas.GeoDataFrame = _frames().geo_frame(table)
        return frame

    async def to_pandas(self) -> pandas.DataFrame:
        """Return all rows as a pandas data frame, through Arrow (needs the extra `pandas`).

        Raises:
            MissingExtraError: pandas or pyarrow is not installed; nothing was sent.
        """
        _frames().require("pandas")
        with self._all_or_nothing():
            frame: pandas.DataFrame = (await self.to_arrow()).to_pandas()
        return frame

    async def to_polars(self) -> polars.DataFrame:
        """Return all rows as a Polars data frame, through Arrow (needs the extra `polars`).

        Raises:
            MissingExtraError: polars or pyarrow is not installed; nothing was sent.
        """
        package = _frames().require("polars")
        with self._all_or_nothing():
            frame: polars.DataFrame = package.from_arrow(await self.to_arrow())
        return frame

    async def first(self) -> Row | None:
        """Request one row; return the first row, or None if there is none."""
        if self.plan.max_rows == 0:
            return None
        page = await self._only_page(1)
        return page.rows[0] if page.rows else None

    async def count(self) -> int:
        """Return the number of matching rows on the server, ignoring `offset` and `max_rows`.

        This takes one request without rows. With `group_by`, the groups are counted by paging,
        because the server does not count them.

        Raises:
            WindowExceeded: there are 20,000 groups or more, which fills the window.
        """
        if not self.plan.grouped:
            page = await self._ask(0, 0, None, None)
            if page.total_count is not None:
                return page.total_count
            error = DecodeError(
                "The server sent no total_count, so the rows cannot be counted. "
                "Check that the base URL leads to an Explore API v2.1."
            )
            self._complete(error, page.offset, page.limit)
            raise error
        whole = Plan(start=0, max_rows=None, grouped=True, page_size=self.plan.page_size)
        rows = 0
        async with aclosing(self._pages(whole, None, _Bookmark(), None)) as pages:
            async for page in pages:
                rows += len(page.rows)
        return rows

    async def pages(self) -> AsyncGenerator[Page, None]:
        """Yield the pages in order. Close the iterator (`contextlib.aclosing`) to stop early."""
        async with aclosing(await self._kept_pages()) as pages:
            async for page in pages:
                self._bookmark.rows = iter(())
                yield page

    async def _rows(self) -> AsyncGenerator[Row, None]:
        async with aclosing(await self._kept_pages()) as pages:
            async for _ in pages:
                rows = self._bookmark.rows
                for row in rows:
                    yield row

    async def _first_page(self) -> Page:
        limit = self.plan.limit_at(self.plan.start)
        if limit == 0:
            return Page(rows=[], offset=self.plan.start, limit=0, total_count=None)
        return await self._only_page(limit)

    async def _only_page(self, limit: int) -> Page:
        """Return the page at the start, checking only its length."""
        page = await self._ask(self.plan.start, limit, await self._typed(None), None)
        total = None if self.plan.grouped else page.total_count
        try:
            _refuse_wrong_length(page, total)
        except IntegrityError as error:
            self._complete(error, page.offset, page.limit)
            raise
        return page

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """Reset the bookmark if an error discards the rows."""
        try:
            yield
        except BaseException:
            self._bookmark.begin(self.plan.start, self._total)
            raise

    async def _kept_pages(self, admission: Admission | None = None) -> AsyncGenerator[Page, None]:
        """Start a new reading, which `resume` can continue, and return its pages."""
        self._bookmark.begin(self.plan.start, self._total)
        typed = await self._typed(admission)
        return self._pages(self.plan, typed, self._bookmark, admission)

    async def _typed(self, admission: Admission | None) -> TypedRows | None:
        """Return the decoder of a typed reading; None for plain rows."""
        if self._converter is None or self.plan.max_rows == 0:
            return None
        # Rarely needed, so imported here.
        from explore_async.results.typed_pages import TypedRows

        return TypedRows(await self._converter(admission))

    async def _pages(
        self,
        plan: Plan,
        typed: TypedRows | None,
        bookmark: _Bookmark,
        admission: Admission | None,
    ) -> AsyncGenerator[Page, None]:
        """Yield the checked pages, and record in `bookmark` how far the reading has come."""
        if plan.max_rows == 0:
            return
        ask = partial(self._ask, typed=typed, admission=admission)
        check = _Check(plan=plan, ask=ask, total=self._total)
        # With max_rows, pages are requested without waiting for the first. If there are fewer rows,
        # some requests are wasted, but not more than run concurrently.
        at_once = not plan.grouped and plan.max_rows is not None and plan.max_rows > plan.step
        asked = (
            self._scheduler.ordered(_jobs(ask, check, plan.start))
            if at_once
            else self._after_the_first(ask, check)
        )
        async with aclosing(asked) as pages:
            async for page in pages:
                try:
                    if not check.begun:
                        check.begin(page)
                    if page.offset >= check.end and page.offset > plan.start:
                        return
                    if check.admit(page):
                        await check.settle_repeat(page)
                except (IntegrityError, WindowExceeded) as error:
                    self._complete(error, page.offset, page.limit)
                    raise
                bookmark.deliver(page, None if plan.grouped else page.total_count)
                yield page

    async def _after_the_first(self, ask: _Ask, check: _Check) -> AsyncGenerator[Page, None]:
        """Yield the first page, then the rest as its `total_count` requires."""
        plan = check.plan
        first = await ask(plan.start, plan.limit_at(plan.start))
        yield first
        if check.total is None:
            rest = self._unknown_pages(ask, first, plan)
        else:
            rest = self._scheduler.ordered(_jobs(ask, check, first.offset + first.limit))
        async with aclosing(rest) as pages:
            async for page in pages:
                yield page

    async def _unknown_pages(
        self, ask: _Ask, first: Page, plan: Plan
    ) -> AsyncGenerator[Page, None]:
        """Yield the pages after the first, one by one, until one is not full."""
        page = first
        while len(page.rows) == page.limit:
            offset = page.offset + page.limit
            if offset >= plan.stop:
                if plan.max_rows is None:
                    error = plan.beyond(None)
                    self._complete(error, page.offset, page.limit)
                    raise error
                return
            page = await ask(offset, plan.limit_at(offset))
            yield page


def _frames() -> ModuleType:
    # Rarely needed, so imported here.
    from explore_async.results import arrow

    return arrow


class _Bookmark:
    """The position of the last reading of a `Records`.

    The page's iterator counts the rows delivered one by one, which costs nothing per row.

    Attributes:
        rows: the remaining rows of the last page.
        total: the number of rows in the whole result, if known.
    """

    def __init__(self) -> None:
        self.rows: Iterator[Row] = iter(())
        self.total: int | None = None
        self._behind: int | None = None

    def begin(self, start: int, total: int | None) -> None:
        """Start again."""
        self.rows, self.total, self._behind = iter(()), total, start

    def deliver(self, page: Page, total: int | None) -> None:
        """Record the next page of a result of `total` rows."""
        self.total = total
        self.rows = iter(page.rows)
        self._behind = page.offset + len(page.rows)

    def position(self, start: int) -> int:
        """Return the index of the first row that was not delivered."""
        return start if self._behind is None else self._behind - length_hint(self.rows)


def _jobs(
    ask: _Ask, check: _Check, begin: int
) -> Iterator[Callable[[], Coroutine[object, object, Page]]]:
    """Yield one job per page from index `begin` to the end as it is then known."""
    offset, step, stop = begin, check.plan.step, check.plan.stop
    while offset < check.end:
        yield partial(ask, offset, min(step, stop - offset))
        offset += step


def _mark(rows: list[Row]) -> object:
    """Return the content of rows as bytes, or an object that equals no other mark."""
    try:
        return orjson.dumps(rows, default=repr)
    except TypeError:  # an integer of more than 64 bits, or deep nesting
        with suppress(RecursionError):
            return repr(rows).encode(errors="replace")
    return object()


def _refuse_wrong_length(page: Page, total: int | None) -> None:
    """Refuse a page with more or fewer rows than its position in the result requires."""
    received = len(page.rows)
    expected = min(received, page.limit)
    if total is not None:
        expected = max(0, min(page.limit, total - page.offset))
    if received == expected:
        return
    raise ShortPageError(
        f"The page at offset {page.offset} holds {received} rows, but {expected} are expected. "
        "Read it again; if the error persists, report it to the portal.",
        expected=expected,
        received=received,
    )


class _Check:
    """Checks the pages of one reading against each other, in the order of delivery.

    Attributes:
        plan: the requested rows.
        total: the number of rows in the whole result, from the first page; None if unknown.
        end: the index after the last row, as far as known.
        begun: whether the first page has arrived.
    """

    def __init__(
        self,
        *,
        plan: Plan,
        ask: _Ask,
        total: int | None,
    ) -> None:
        self.plan = plan
        self.total = None if plan.grouped else total
        self.end = plan.stop
        self.begun = False
        self._ask = ask
        self._seen: set[tuple[int, object]] = set()
        self._last_row: Row | None = None
        self._row_before: Row | None = None
        self._repeats_are_data = False

    def begin(self, first: Page) -> None:
        """Take the number of rows from the first page.

        Raises:
            WindowExceeded: all rows are requested, and there are more than the window holds.
        """
        self.begun = True
        if self.total is None and not self.plan.grouped:
            self.total = first.total_count
        if self.total is not None:
            self.end = self.plan.end(self.total)

    def admit(self, page: Page) -> bool:
        """Check a page before its rows are delivered.

        Returns:
            Whether the page may be a repeat of an earlier one; `settle_repeat` decides.

        Raises:
            TotalCountDriftError: its `total_count` differs from that of the first page.
            ShortPageError: it has more or fewer rows than its position requires.
        """
        if page.total_count != self.total and self.total is not None:
            raise self._drift(page)
        _refuse_wrong_length(page, self.total)
        if self.total is None and len(page.rows) < page.limit:
            self.end = page.offset + len(page.rows)
        if not page.rows:
            return False
        # Only the first and last row are compared: comparing all rows would cost as much as
        # decoding them, and another request settles an accidental match.
        mark = (len(page.rows), _mark([page.rows[0], page.rows[-1]]))
        repeated = mark in self._seen and not self._repeats_are_data
        self._seen.add(mark)
        self._row_before, self._last_row = self._last_row, page.rows[-1]
        return repeated

    def _drift(self, page: Page) -> TotalCountDriftError:
        return TotalCountDriftError(
            f"total_count changed from {self.total} to {page.total_count} during the reading, "
            "because the dataset changed; rows may be missing or duplicated. Read it again, or use "
            "an export, which is one consistent response.",
            expected=self.total,
            received=page.total_count,
        )

    async def settle_repeat(self, page: Page) -> None:
        """Distinguish a server that ignores `offset` from data that repeats.

        With a narrow `select`, two correct pages can be equal. A correct server then returns, one
        row earlier, the row before this page followed by this page, and no rows after the end.
        Grouped rows contain their keys and never repeat.

        Raises:
            RepeatedPageError: the server ignores `offset`.
        """
        if self.plan.grouped or not await self._moves_with_offset(page):
            raise RepeatedPageError(
                f"The page at offset {page.offset} repeats an earlier page, so the server or a "
                "cache ignores `offset`. Use an export instead, and report the error to the "
                "portal.",
                expected=page.offset,
            )
        self._repeats_are_data = True

    async def _moves_with_offset(self, page: Page) -> bool:
        limit = min(len(page.rows) + 1, PAGE_SIZE)
        shifted = await self._ask(page.offset - 1, limit)
        if shifted.rows != [self._row_before, *page.rows][:limit]:
            return False
        if self.total is None or self.total >= self.plan.window:
            return True
        behind = await self._ask(self.total, 1)
        return not behind.rows
