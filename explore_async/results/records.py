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

from contextlib import aclosing, contextmanager
from functools import partial
from operator import length_hint
from typing import TYPE_CHECKING, Any, Generic, Protocol, cast

from attrs import evolve, field, frozen

from explore_async.errors import (
    ConfigurationError,
    DecodeError,
    ExploreError,
    IntegrityError,
    WindowExceeded,
)
from explore_async.fanout.readings import Job
from explore_async.models import Page, R
from explore_async.results.misfits import Misfit, Misfits, WithMisfits
from explore_async.results.page_checks import PageCheck, refuse_wrong_length
from explore_async.results.plan import Plan
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
    from explore_async.models import Row
    from explore_async.results.arrow import GeometryColumns
    from explore_async.results.conversion import ConverterSource
    from explore_async.results.into import Into
    from odsql import Query

    _Ask = Callable[[int, int], Coroutine[object, object, Page[Any]]]

    class _AskTyped(Protocol):
        def __call__(
            self, offset: int, limit: int, typed: PageReader | None, admission: Admission | None
        ) -> Coroutine[object, object, Page[Any]]: ...


__all__ = ["PageReader", "Records"]


class PageReader(Protocol):
    """Decodes the pages of one reading into rows that are not plain."""

    def decode(self, body: bytes) -> object:
        """Decode a body; raises what `orjson.loads` raises."""
        ...

    def page(self, answer: object, *, offset: int, limit: int) -> Page[Any]:
        """Return the page in a decoded response."""
        ...

    def values(self, row: Any) -> object:
        """Return what two rows are compared by."""
        ...


@frozen(kw_only=True, eq=False, repr=False)
class Records(Generic[R]):
    """The rows of a query as one lazy object; creating it sends nothing (getRecords, getDatasets).

    Await it for the first page, iterate over it for rows, or use `pages`, `count`, `first` or
    `to_list`. Each use starts from the beginning; after an error, `resume()` returns the rows that
    were not delivered. Pages are fetched concurrently and delivered in order; a slow reader delays
    new requests.

    If a loop is left early, requests in flight are cancelled as soon as the event loop runs again.
    To have them cancelled when a block ends, use `async with records.open()`.

    With `into=`, the rows are instances of a class, and `misfits` has those that do not fit.

    Raises while reading:
        WindowExceeded: there are more rows than the server pages through, and `max_rows` is not
            set. Raised before the first row, or for groups, which the server does not count, after
            the last group in reach.
        IntegrityError: a page is short or repeated, or `total_count` changes between pages.
        MisfitError: a row does not fit the class. `resume()` then continues after it, or with
            `pages` and `to_list` before its page.
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
    _into: Into | None = None
    _total: int | None = None
    _bookmark: _Bookmark = field(init=False, factory=lambda: _Bookmark())

    def __repr__(self) -> str:
        start, most = self.plan.start or None, self.plan.max_rows
        return shown("Records", self.portal, self._path, self._query, start=start, max_rows=most)

    def __await__(self) -> Generator[object, None, Page[R]]:
        return self._first_page().__await__()

    def __aiter__(self) -> AsyncIterator[R]:
        return self._rows()

    def open(self) -> aclosing[AsyncGenerator[R, None]]:
        """Return the rows for an `async with` block that cancels its requests on exit."""
        return aclosing(self._rows())

    @property
    def misfits(self) -> Misfits:
        """The rows of the last reading that did not fit the class, and were left out."""
        return self._bookmark.misfits

    @property
    def position(self) -> int:
        """The index of the first row that the last reading did not deliver."""
        return self._bookmark.position(self.plan.start)

    def resume(self) -> Records[R]:
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

    async def to_list(self) -> list[R]:
        """Return all rows as a list; if it fails, none of them counts as delivered."""
        return await self._all_rows(None)

    def job(self) -> Job[list[R]]:
        """Return `to_list` as one reading of a fan-out."""
        return Job(portal=self.portal, run=self._all_rows)

    async def _all_rows(self, admission: Admission | None) -> list[R]:
        rows: list[R] = []
        with self._all_or_nothing():
            async with aclosing(await self._kept_pages(admission)) as pages:
                async for page in pages:
                    self._bookmark.rows = iter(())
                    rows += self._fitting(page).rows
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
            ConfigurationError: `geometry` is given, but the rows are not typed; or they are
                instances of a class. Nothing was sent.
        """
        frames = _frames()
        frames.require("pyarrow")
        frames.refuse_unknown_geometry(geometry, typed=self._converter is not None)
        if self._into is not None:
            raise ConfigurationError(
                "Rows in a class of your own cannot become a table; nothing was sent. Omit `into`, "
                "and pass typed=True for columns of the schema's types."
            )
        with self._all_or_nothing():
            converter = await self._converter(None) if self._converter else None
            rows = cast("list[Row]", await self.to_list())
            return frames.table(rows, converter=converter, geometry=geometry)

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

    async def first(self) -> R | None:
        """Request one row; return the first row, or None if there is none.

        If rows that do not fit their class are left out, it is the first one that fits.
        """
        if self.plan.max_rows == 0:
            return None
        page = self._fitting(await self._only_page(1))
        if page.rows:
            return page.rows[0]
        if not self.misfits:
            return None
        async with self.open() as rows:
            async for row in rows:
                return row
        return None

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

    async def pages(self) -> AsyncGenerator[Page[R], None]:
        """Yield the pages in order. Close the iterator (`contextlib.aclosing`) to stop early."""
        async with aclosing(await self._kept_pages()) as pages:
            async for page in pages:
                fitting = self._fitting(page)
                self._bookmark.rows = iter(())
                yield fitting

    async def _rows(self) -> AsyncGenerator[R, None]:
        async with aclosing(await self._kept_pages()) as pages:
            async for page in pages:
                rows = self._bookmark.rows
                mixed = type(page.rows) is WithMisfits
                for row in self._each_fitting(rows, page) if mixed else rows:
                    yield row

    def _fitting(self, page: Page[Any]) -> Page[R]:
        """Return the page without the rows that do not fit their class."""
        if type(page.rows) is not WithMisfits:
            return page
        return evolve(page, rows=list(self._each_fitting(iter(page.rows), page)))

    def _each_fitting(self, rows: Iterator[Any], page: Page[Any]) -> Iterator[R]:
        assert self._into is not None  # noqa: S101 - there are no misfits otherwise
        for index, row in enumerate(rows, page.offset):
            if type(row) is not Misfit:
                yield row
                continue
            error = row.error(index)
            self._complete(error, page.offset, page.limit)
            self.misfits.add(error, self._into.mode)

    async def _first_page(self) -> Page[R]:
        limit = self.plan.limit_at(self.plan.start)
        if limit == 0:
            return Page(rows=[], offset=self.plan.start, limit=0, total_count=None)
        return self._fitting(await self._only_page(limit))

    async def _only_page(self, limit: int) -> Page[Any]:
        """Return the page at the start, checking only its length."""
        self.misfits.clear()
        page = await self._ask(self.plan.start, limit, await self._typed(None), None)
        total = None if self.plan.grouped else page.total_count
        try:
            refuse_wrong_length(page, total)
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

    async def _kept_pages(
        self, admission: Admission | None = None
    ) -> AsyncGenerator[Page[Any], None]:
        """Start a new reading, which `resume` can continue, and return its pages."""
        self._bookmark.begin(self.plan.start, self._total)
        typed = await self._typed(admission)
        return self._pages(self.plan, typed, self._bookmark, admission)

    async def _typed(self, admission: Admission | None) -> PageReader | None:
        """Return the decoder of a typed reading; None for plain rows."""
        if self.plan.max_rows == 0:
            return None
        if self._into is not None:
            return await self._into.pages(admission)
        if self._converter is None:
            return None
        # Rarely needed, so imported here.
        from explore_async.results.typed_pages import TypedRows

        return TypedRows(await self._converter(admission))

    async def _pages(
        self,
        plan: Plan,
        typed: PageReader | None,
        bookmark: _Bookmark,
        admission: Admission | None,
    ) -> AsyncGenerator[Page[Any], None]:
        """Yield the checked pages, and record in `bookmark` how far the reading has come."""
        if plan.max_rows == 0:
            return
        ask = partial(self._ask, typed=typed, admission=admission)
        values = None if typed is None else typed.values
        check = PageCheck(plan=plan, ask=ask, total=self._total, values=values)
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

    async def _after_the_first(
        self, ask: _Ask, check: PageCheck
    ) -> AsyncGenerator[Page[Any], None]:
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
        self, ask: _Ask, first: Page[Any], plan: Plan
    ) -> AsyncGenerator[Page[Any], None]:
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
        self.rows: Iterator[Any] = iter(())
        self.total: int | None = None
        self.misfits = Misfits()
        self._behind: int | None = None

    def begin(self, start: int, total: int | None) -> None:
        """Start again."""
        self.rows, self.total, self._behind = iter(()), total, start
        self.misfits.clear()

    def deliver(self, page: Page[Any], total: int | None) -> None:
        """Record the next page of a result of `total` rows."""
        self.total = total
        self.rows = iter(page.rows)
        self._behind = page.offset + len(page.rows)

    def position(self, start: int) -> int:
        """Return the index of the first row that was not delivered."""
        return start if self._behind is None else self._behind - length_hint(self.rows)


def _jobs(
    ask: _Ask, check: PageCheck, begin: int
) -> Iterator[Callable[[], Coroutine[object, object, Page[Any]]]]:
    """Yield one job per page from index `begin` to the end as it is then known."""
    offset, step, stop = begin, check.plan.step, check.plan.stop
    while offset < check.end:
        yield partial(ask, offset, min(step, stop - offset))
        offset += step
