"""Pages of records: which to ask for, and whether together they are the result (getRecords).

The rules are the server's:

* a page holds at most 100 rows, and `offset + limit` may not pass 10,000;
* with `group_by` it is 20,000 for both, and `total_count` is the number of rows *returned* (older
  portals leave it out), so the end is known only by a page that is not full;
* nothing holds a snapshot: rows written while pages are read shift the pages that follow.

Whatever does not add up is an error, because a result that is short looks like a result. Held
against each other are the lengths of pages, `total_count`, and the first and last row of each page.
Rows that a server moves between pages without changing these, such as ties of `order_by`, come
twice or not at all unnoticed: equal rows may be honest data, so only a unique order helps.
"""

from __future__ import annotations

from contextlib import aclosing, contextmanager
from functools import partial
from operator import length_hint
from typing import TYPE_CHECKING, Protocol

import orjson
from attrs import evolve, field, frozen

from explore_async.errors import (
    ConfigurationError,
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
from explore_async.operations import refuse_fractions

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

    import pandas
    import polars
    import pyarrow as pa

    from explore_async.fanout.scheduler import Scheduler
    from explore_async.http.gate import Admission
    from explore_async.results.conversion import ConverterSource
    from explore_async.results.typed_pages import TypedRows

    _Ask = Callable[[int, int], Coroutine[object, object, Page]]

    class _AskTyped(Protocol):
        def __call__(
            self, offset: int, limit: int, typed: TypedRows | None, admission: Admission | None
        ) -> Coroutine[object, object, Page]: ...


__all__ = ["Plan", "Records"]

_PAGE = 100
_WINDOW = 10_000
_GROUPED_WINDOW = 20_000


@frozen(kw_only=True)
class Plan:
    """Which rows are wanted, and in what portions. Checked when made, before anything is sent.

    Attributes:
        start: index of the first row wanted.
        max_rows: the most rows wanted; None for all there are.
        page_size: rows per request; None for the most the server gives.
        grouped: whether the query has a `group_by`.

    Raises:
        ConfigurationError: a number is out of its range.
        WindowExceeded: `start + max_rows` lies beyond what the server pages through.
    """

    start: int
    max_rows: int | None
    grouped: bool
    page_size: int | None = None

    def __attrs_post_init__(self) -> None:
        refuse_fractions(max_rows=self.max_rows, page_size=self.page_size)
        largest = self.window if self.grouped else _PAGE
        if self.page_size is not None and not 1 <= self.page_size <= largest:
            raise ConfigurationError(
                f"page_size is {self.page_size}; this query takes 1 to {largest}."
            )
        if self.start < 0 or (self.max_rows is not None and self.max_rows < 0):
            raise ConfigurationError(
                f"offset is {self.start} and max_rows {self.max_rows}; neither may be negative."
            )
        last = self.start + (1 if self.max_rows is None else self.max_rows)
        if last > self.window:
            raise self.beyond(last)

    @property
    def window(self) -> int:
        """The largest `offset + limit` the server answers."""
        return _GROUPED_WINDOW if self.grouped else _WINDOW

    @property
    def step(self) -> int:
        """Rows per request."""
        return self.page_size or (_GROUPED_WINDOW if self.grouped else _PAGE)

    @property
    def stop(self) -> int:
        """Index behind the last row that may be asked for."""
        return self.window if self.max_rows is None else self.start + self.max_rows

    def limit_at(self, offset: int) -> int:
        """The `limit` to send for the page that begins at `offset`."""
        return min(self.step, self.stop - offset)

    def end(self, total: int) -> int:
        """Index behind the last row of this plan in a result of `total` rows.

        Raises:
            WindowExceeded: all rows are wanted and there are more than the window holds.
        """
        if self.max_rows is None and total > self.window:
            raise self.beyond(total)
        return min(total, self.stop)

    def beyond(self, wanted: int | None) -> WindowExceeded:
        """The error for rows that paging cannot reach."""
        what = f"Rows up to number {wanted} are" if wanted is not None else "More rows are"
        return WindowExceeded(
            f"{what} wanted, but the server pages only through the first {self.window}. "
            "Use an export (`dataset.export(...)`, `explore export`), which has no such window, "
            "narrow the query with `where`, or ask for the first rows (`max_rows`, `--limit`).",
            window=self.window,
            wanted=wanted,
        )


@frozen(kw_only=True, eq=False)
class Records:
    """The rows of a query, as one lazy object; making it sends nothing (getRecords, getDatasets).

    Await it for the first page, iterate it for rows, or use `pages`, `count`, `first`, `to_list`.
    Each use begins anew; after an error, `resume()` gives what the last reading did not deliver.
    Pages are fetched concurrently and delivered in order; a slow reader stops new requests.

    Leaving a loop early is clean: the requests in flight are cancelled as soon as the event loop
    runs again. Where that must have happened by a certain line, use `async with records.open()`.

    Raises while reading:
        WindowExceeded: there are more rows than the server pages through and no `max_rows` is
            set; raised before the first row, and for groups, which the server does not count, after
            the last that it gives.
        IntegrityError: pages are short, repeat, or `total_count` changes between them.
        ExploreError: a request failed for good.
    """

    plan: Plan
    portal: str
    _ask: _AskTyped = field(repr=False)
    _address: Callable[[int, int], str] = field(repr=False)
    _complete: Callable[[ExploreError, int, int], None] = field(repr=False)
    _scheduler: Scheduler = field(repr=False)
    _converter: ConverterSource | None = field(default=None, repr=False)
    _total: int | None = field(default=None, repr=False)
    _bookmark: _Bookmark = field(init=False, factory=lambda: _Bookmark(), repr=False)

    def __await__(self) -> Generator[object, None, Page]:
        return self._first_page().__await__()

    def __aiter__(self) -> AsyncIterator[Row]:
        return self._rows()

    def open(self) -> aclosing[AsyncGenerator[Row, None]]:
        """The rows, in an `async with` block that has cancelled its requests when it is left."""
        return aclosing(self._rows())

    @property
    def position(self) -> int:
        """Index of the first row that the last reading did not deliver."""
        return self._bookmark.position(self.plan.start)

    def resume(self) -> Records:
        """The rows that the last reading did not deliver, for going on after an error.

        A row counts as delivered when the loop got it, with `pages` a page, and with `to_list` and
        the frames nothing until all of it is there. The rows are those the server has now:
        `total_count` must be what it was, and nothing else can be checked.
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
        """The URL of the first page, without credentials. Sends nothing."""
        return self._address(self.plan.start, max(1, self.plan.limit_at(self.plan.start)))

    async def to_list(self) -> list[Row]:
        """All rows, in memory; when it fails, none of them counts as delivered."""
        return await self._all_rows(None)

    def job(self) -> Job[list[Row]]:
        """`to_list` as one reading of a fan-out."""
        return Job(portal=self.portal, run=self._all_rows)

    async def _all_rows(self, admission: Admission | None) -> list[Row]:
        rows: list[Row] = []
        with self._all_or_nothing():
            async with aclosing(await self._kept_pages(admission)) as pages:
                async for page in pages:
                    rows += page.rows
        return rows

    async def to_arrow(self) -> pa.Table:
        """All rows as an Arrow table (needs the extra `parquet`).

        Columns of a `typed` reading have the types of the schema, others those of their values.

        Raises:
            MissingExtraError: pyarrow is not installed; nothing was sent.
        """
        frames = _frames()
        frames.require("pyarrow")
        with self._all_or_nothing():
            converter = await self._converter(None) if self._converter else None
            return frames.table(await self.to_list(), converter=converter)

    async def to_pandas(self) -> pandas.DataFrame:
        """All rows as a pandas data frame, by way of Arrow (needs the extra `pandas`).

        Raises:
            MissingExtraError: pandas or pyarrow is not installed; nothing was sent.
        """
        _frames().require("pandas")
        with self._all_or_nothing():
            frame: pandas.DataFrame = (await self.to_arrow()).to_pandas()
        return frame

    async def to_polars(self) -> polars.DataFrame:
        """All rows as a Polars data frame, by way of Arrow (needs the extra `polars`).

        Raises:
            MissingExtraError: polars or pyarrow is not installed; nothing was sent.
        """
        package = _frames().require("polars")
        with self._all_or_nothing():
            frame: polars.DataFrame = package.from_arrow(await self.to_arrow())
        return frame

    async def first(self) -> Row | None:
        """The first row, or None when there is none; asks for one row only."""
        if self.plan.max_rows == 0:
            return None
        page = await self._only_page(1)
        return page.rows[0] if page.rows else None

    async def count(self) -> int:
        """How many rows match on the server, whatever `offset` and `max_rows` say.

        One request without rows. With `group_by` the server does not count the groups, so they
        are paged through.

        Raises:
            WindowExceeded: there are more groups than the window holds.
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
        """The pages, in order. Close it (`contextlib.aclosing`) when leaving it early."""
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
        """The page at the start, which no other will be held against."""
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
        """Forget how far the reading came when its rows are thrown away with an error."""
        try:
            yield
        except BaseException:
            self._bookmark.begin(self.plan.start, self._total)
            raise

    async def _kept_pages(self, admission: Admission | None = None) -> AsyncGenerator[Page, None]:
        """The pages of a reading that begins anew, from which `resume` may go on."""
        self._bookmark.begin(self.plan.start, self._total)
        typed = await self._typed(admission)
        return self._pages(self.plan, typed, self._bookmark, admission)

    async def _typed(self, admission: Admission | None) -> TypedRows | None:
        """What decodes the rows of a typed reading."""
        if self._converter is None or self.plan.max_rows == 0:
            return None
        # What few programs need is loaded when it is needed.
        from explore_async.results.typed_pages import TypedRows

        return TypedRows(await self._converter(admission))

    async def _pages(
        self,
        plan: Plan,
        typed: TypedRows | None,
        bookmark: _Bookmark,
        admission: Admission | None,
    ) -> AsyncGenerator[Page, None]:
        """The pages; `bookmark` learns how far the reading has come."""
        if plan.max_rows == 0:
            return
        ask = partial(self._ask, typed=typed, admission=admission)
        check = _Check(plan=plan, ask=ask, total=self._total)
        # Who says how many rows are wanted gets them without waiting for the first page; if there
        # are fewer, some requests, not more than fit side by side, were for nothing.
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
        """The pages, those after the first only when it has told how many there are."""
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
        """The pages after the first, one by one, until one is not full."""
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
    # What few programs need is loaded when it is needed.
    from explore_async.results import arrow

    return arrow


class _Bookmark:
    """How far the last reading of some records came.

    The rows handed out one by one are counted by their iterator, which costs a reader nothing.

    Attributes:
        rows: what is left of the last page.
        total: rows in the whole result, as far as it is known.
    """

    def __init__(self) -> None:
        self.rows: Iterator[Row] = iter(())
        self.total: int | None = None
        self._behind: int | None = None

    def begin(self, start: int, total: int | None) -> None:
        """Begin anew."""
        self.rows, self.total, self._behind = iter(()), total, start

    def deliver(self, page: Page, total: int | None) -> None:
        """Take the next page of a result of so many rows."""
        self.total = total
        self.rows = iter(page.rows)
        self._behind = page.offset + len(page.rows)

    def position(self, start: int) -> int:
        """Index of the first row that was not delivered."""
        return start if self._behind is None else self._behind - length_hint(self.rows)


def _jobs(
    ask: _Ask, check: _Check, begin: int
) -> Iterator[Callable[[], Coroutine[object, object, Page]]]:
    """What asks for each page from an index on, until the end as it is known when a job begins."""
    offset, step, stop = begin, check.plan.step, check.plan.stop
    while offset < check.end:
        yield partial(ask, offset, min(step, stop - offset))
        offset += step


def _mark(rows: list[Row]) -> bytes:
    """The content of rows, as bytes."""
    try:
        return orjson.dumps(rows, default=repr)
    except TypeError:  # an integer of more than 64 bits
        return repr(rows).encode()


def _refuse_wrong_length(page: Page, total: int | None) -> None:
    """Refuse a page that has more or fewer rows than belong at its place."""
    received = len(page.rows)
    expected = min(received, page.limit)
    if total is not None:
        expected = max(0, min(page.limit, total - page.offset))
    if received == expected:
        return
    raise ShortPageError(
        f"The page at offset {page.offset} holds {received} rows where {expected} belong. "
        "Read it again; if it persists, report it to the portal.",
        expected=expected,
        received=received,
    )


class _Check:
    """Holds the pages of one reading against each other, in the order they are delivered.

    Attributes:
        plan: which rows are wanted.
        total: rows in the whole result as the first page says; None when it cannot be known.
        end: index behind the last row, as far as it is known.
        begun: whether the first page came.
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
        self._seen: set[tuple[int, bytes]] = set()
        self._last_row: Row | None = None
        self._row_before: Row | None = None
        self._repeats_are_data = False

    def begin(self, first: Page) -> None:
        """Learn from the first page how many rows there are; later ones teach nothing.

        Raises:
            WindowExceeded: all rows are wanted and there are more than the window holds.
        """
        self.begun = True
        if self.total is None and not self.plan.grouped:
            self.total = first.total_count
        if self.total is not None:
            self.end = self.plan.end(self.total)

    def admit(self, page: Page) -> bool:
        """Check a page before its rows are delivered.

        Returns:
            Whether it looks like one that was delivered before; `settle_repeat` finds out.

        Raises:
            TotalCountDriftError: it announces another total than the first page.
            ShortPageError: it has more or fewer rows than belong at its place.
        """
        if page.total_count != self.total and self.total is not None:
            raise self._drift(page)
        _refuse_wrong_length(page, self.total)
        if self.total is None and len(page.rows) < page.limit:
            self.end = page.offset + len(page.rows)
        if not page.rows:
            return False
        # The ends of a page stand for the page: comparing all of it would cost as much as
        # decoding it, and an accidental likeness is settled by asking once more.
        mark = (len(page.rows), _mark([page.rows[0], page.rows[-1]]))
        repeated = mark in self._seen and not self._repeats_are_data
        self._seen.add(mark)
        self._row_before, self._last_row = self._last_row, page.rows[-1]
        return repeated

    def _drift(self, page: Page) -> TotalCountDriftError:
        return TotalCountDriftError(
            f"total_count went from {self.total} to {page.total_count} while pages were read: the "
            "dataset is being written to, so rows may be missing or double. Read it again, or use "
            "an export, which is one consistent answer.",
            expected=self.total,
            received=page.total_count,
        )

    async def settle_repeat(self, page: Page) -> None:
        """Tell a server that repeats itself from data that does.

        With a narrow `select` two honest pages may well be equal. An honest server then also gives
        the row before this page followed by this page when asked one row earlier, and gives
        nothing behind the end. Grouped rows contain their keys and never repeat.

        Raises:
            RepeatedPageError: it is the server.
        """
        if self.plan.grouped or not await self._moves_with_offset(page):
            raise RepeatedPageError(
                f"The page at offset {page.offset} was sent before: the server, or a cache on the "
                "way, does not honour `offset`. Use an export instead, and report it to the "
                "portal.",
                expected=page.offset,
            )
        self._repeats_are_data = True

    async def _moves_with_offset(self, page: Page) -> bool:
        limit = min(len(page.rows) + 1, _PAGE)
        shifted = await self._ask(page.offset - 1, limit)
        if shifted.rows != [self._row_before, *page.rows][:limit]:
            return False
        if self.total is None or self.total >= self.plan.window:
            return True
        behind = await self._ask(self.total, 1)
        return not behind.rows
