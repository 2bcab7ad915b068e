"""Statements run in a thread pool of their own, so the event loop never waits for DuckDB.

The rows of an export come in batches, so memory use does not grow with its size. A statement is
interrupted when its request is cancelled, it takes too long, or the portal stops.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import re
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from explore_async.portal.errors import PortalError, not_supported, stopping, too_large, too_slow
from explore_async.portal.turns import CLIENT, Turns

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
    from concurrent.futures import Future

    import pyarrow as pa
    from duckdb import DuckDBPyConnection

    from explore_async.portal.context import Parameters
    from explore_async.portal.store import Store

__all__ = ["Engine"]

T = TypeVar("T")
Row = tuple[Any, ...]

BATCH = 2_000
"""The number of rows per batch of an export."""

_PAUSE = 0.02

_KIND = r"(INTERRUPT|Out of Range|Conversion|Out of Memory) Error"
_ARROW = re.compile(_KIND)
"""How an Arrow reader says that fetching rows met an error of DuckDB; the group is its kind."""
_LATER = re.compile(
    r"Invalid Input Error: Attempting to execute an unsuccessful or closed pending query result\s+"
    rf"Error: {_KIND}"
)
"""How DuckDB before 2.0 says the same of other rows."""


class Engine:
    """Runs the statements of one store, at most `workers` at a time, and the clients in turn.

    DuckDB shares the processors among them, so a quick statement does not wait for slow ones.
    `timeout` is the number of seconds that a statement may take until its next batch of rows, its
    wait for a thread and for the client not counted; None for any.
    """

    def __init__(self, store: Store, *, workers: int = 32, timeout: float | None = None) -> None:
        """Create the engine; threads start with the first work."""
        self._store = store
        self._timeout = timeout
        self._turns = Turns(workers)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="portal")
        self._open: set[_Statement] = set()
        self._closing = False
        duckdb = importlib.import_module("duckdb")
        self._interrupted: type[Exception] = duckdb.InterruptException
        self._refused: tuple[type[Exception], ...] = (
            duckdb.OutOfRangeException,
            duckdb.ConversionException,
        )
        self._too_large: type[Exception] = duckdb.OutOfMemoryException
        self._invalid: type[Exception] = duckdb.InvalidInputException

    async def close(self) -> None:
        """Interrupt running statements, refuse waiting ones, and stop the threads."""
        self._closing = True
        await asyncio.gather(*(statement.end() for statement in self._open))
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def run(self, work: Callable[[], T]) -> T:
        """Run a function in a thread of the pool."""
        return await asyncio.wrap_future(await self._begin(work))

    async def rows(self, sql: str, parameters: Parameters) -> list[Row]:
        """Return all rows of a statement.

        Raises:
            PortalError: a number overflows its type, the statement takes too long or too much
                memory, or the portal stops.
        """
        async with self._statement() as statement:
            cursor = statement.cursor
            return await self._work(
                statement, lambda: cursor.execute(sql, parameters.used_by(sql)).fetchall()
            )

    async def single(self, sql: str, parameters: Parameters) -> int:
        """Return the single value of a counting statement."""
        counted = await self.rows(sql, parameters)
        return int(counted[0][0])

    async def execute(self, sql: str, parameters: Parameters) -> None:
        """Run a statement and discard its result."""
        await self.rows(sql, parameters)

    async def stream(
        self, sql: str, parameters: Parameters, write: Callable[[list[Row]], bytes]
    ) -> AsyncGenerator[bytes]:
        """Yield `write(rows)` for each batch of rows; statement and `write` run in the threads.

        Close the generator to stop early; this interrupts the statement.
        """
        async with self._statement() as statement:
            cursor = statement.cursor

            def batch() -> bytes | None:
                rows = cursor.fetchmany(BATCH)
                return write(rows) if rows else None

            await self._work(statement, lambda: cursor.execute(sql, parameters.used_by(sql)))
            async with contextlib.aclosing(_ahead(self._batches(statement, batch))) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def tables(
        self,
        sql: str,
        parameters: Parameters,
        write: Callable[[pa.RecordBatch], bytes],
        *,
        rows: int,
    ) -> AsyncGenerator[bytes]:
        """Yield `write(batch)` for Arrow batches of at most so many rows, as `stream` does.

        One batch is sent while the next is written and the one after that is read.
        """
        async with self._statement() as statement:

            def begin() -> Iterator[pa.RecordBatch]:
                found: Any = statement.cursor.sql(sql, params=parameters.used_by(sql))
                # The older name of the same method.
                read = getattr(found, "to_arrow_reader", None) or found.fetch_record_batch
                reader: Iterator[pa.RecordBatch] = iter(read(rows))
                return reader

            reader = await self._work(statement, begin)
            batches = _ahead(self._batches(statement, lambda: self._next(reader)))
            async with contextlib.aclosing(_ahead(self._written(batches, write))) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def _written(
        self, batches: AsyncGenerator[pa.RecordBatch], write: Callable[[pa.RecordBatch], bytes]
    ) -> AsyncGenerator[bytes]:
        async with contextlib.aclosing(batches):
            async for batch in batches:
                yield await self.run(partial(write, batch))

    async def _batches(
        self, statement: _Statement, batch: Callable[[], T | None]
    ) -> AsyncGenerator[T]:
        """Yield what `batch` returns until it is None."""
        while (found := await self._work(statement, batch)) is not None:
            yield found

    def _next(self, reader: Iterator[pa.RecordBatch]) -> pa.RecordBatch | None:
        """Return the next batch of an Arrow reader, which has no errors but OSError."""
        try:
            return next(reader, None)
        except OSError as error:
            found = _ARROW.match(str(error))
            if found is None:
                raise
            raise _named(found[1]) from error

    async def read(
        self, sql: str, parameters: Parameters, work: Callable[[Iterator[list[Row]]], T]
    ) -> T:
        """Return `work(batches)` of the batches of rows; statement and `work` run in one thread.

        When the request is cancelled or the portal stops, the next batch raises an error.

        Raises:
            PortalError: as for `rows`.
        """
        async with self._statement() as statement:
            cursor = statement.cursor

            def batches() -> Iterator[list[Row]]:
                cursor.execute(sql, parameters.used_by(sql))
                while rows := cursor.fetchmany(BATCH):
                    yield rows
                    if statement.ending:
                        raise stopping()  # an interrupt is not heard between two batches
                    statement.since = time.monotonic()

            return await self._work(statement, lambda: work(batches()))

    @contextlib.asynccontextmanager
    async def _statement(self) -> AsyncIterator[_Statement]:
        """Open a statement and end it on leaving the block."""
        statement = _Statement(self._store.cursor())
        self._open.add(statement)
        try:
            yield statement
        finally:
            try:
                await statement.end()
            finally:
                self._open.discard(statement)
                statement.close()

    async def _work(self, statement: _Statement, work: Callable[[], T]) -> T:
        job = await self._begin(work)
        statement.since, statement.job = time.monotonic(), job
        waited = asyncio.wrap_future(job)
        try:
            while not waited.done():
                await asyncio.wait([waited], timeout=self._left(statement))
            return waited.result()
        finally:
            if not waited.cancel() and not waited.cancelled():
                waited.exception()  # asyncio reports errors that nobody has seen

    def _left(self, statement: _Statement) -> float | None:
        """Return the seconds that a statement has left."""
        if self._timeout is None:
            return None
        left = statement.since + self._timeout - time.monotonic()
        if left <= 0:
            raise too_slow(self._timeout)
        return left

    async def _begin(self, work: Callable[[], T]) -> Future[T]:
        """Start work in a thread when it is the turn of the client."""
        loop, client = asyncio.get_running_loop(), CLIENT.get()
        await self._turns.take(client)
        try:
            job = self._submit(work)
        except BaseException:
            self._turns.give_back(client)
            raise
        # Only the end of the work frees the thread, also if nobody waits for it any more.
        job.add_done_callback(lambda _: loop.call_soon_threadsafe(self._turns.give_back, client))
        return job

    def _submit(self, work: Callable[[], T]) -> Future[T]:
        if self._closing:
            raise stopping()
        return self._threads.submit(self._guarded, work)

    def _guarded(self, work: Callable[[], T]) -> T:
        if self._closing:
            raise stopping()
        try:
            return work()
        except self._interrupted as error:
            raise stopping() from error
        except self._refused as error:
            raise _overflow() from error
        except self._too_large as error:
            raise too_large() from error
        except self._invalid as error:
            found = _LATER.match(str(error))
            if found is None:
                raise
            raise _named(found[1]) from error


def _overflow() -> PortalError:
    """Return the error of a number; DuckDB's message would quote the portal's own SQL."""
    return not_supported("A number that overflows its type")


def _named(kind: str) -> PortalError:
    """Return the error of a kind of `_KIND`."""
    if kind == "INTERRUPT":
        return stopping()
    return too_large() if kind == "Out of Memory" else _overflow()


async def _ahead(items: AsyncGenerator[T]) -> AsyncGenerator[T]:
    """Yield items; the next one is made while one is used."""
    end = object()
    following = asyncio.ensure_future(anext(items, end))
    try:
        while (item := await following) is not end:
            following = asyncio.ensure_future(anext(items, end))
            yield cast("T", item)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await items.aclose()


class _Statement:
    """A cursor, the latest job that uses it, and when it began or had a batch of rows."""

    def __init__(self, cursor: DuckDBPyConnection) -> None:
        self.cursor = cursor
        self.job: Future[Any] | None = None
        self.ending = False
        self.since = 0.0

    async def end(self) -> None:
        """Interrupt until no thread uses the cursor.

        One interrupt is not enough: DuckDB ignores an interrupt before the statement begins.
        """
        self.ending = True
        while self.job is not None and not self.job.done():
            self.cursor.interrupt()
            await asyncio.sleep(_PAUSE)

    def close(self) -> None:
        """Close the cursor, after its last job if there is one."""
        if self.job is None:
            self.cursor.close()
        else:
            self.job.add_done_callback(lambda _: self.cursor.close())
