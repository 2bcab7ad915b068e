"""Where statements run: a few threads of their own, so that the event loop never waits for DuckDB.

Rows of an export come in batches; memory does not grow with the size of an answer. A statement
ends when nobody waits for it any more: its request was given up, or the portal stops.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from explore_async.portal.errors import not_supported, stopping

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable
    from concurrent.futures import Future

    from duckdb import DuckDBPyConnection

    from explore_async.portal.context import Parameters
    from explore_async.portal.store import Store

__all__ = ["Engine"]

T = TypeVar("T")
Row = tuple[Any, ...]

BATCH = 2_000
"""Rows per batch of an export."""

_PAUSE = 0.02


class Engine:
    """Runs statements of one store; `workers` is how many at a time."""

    def __init__(self, store: Store, *, workers: int = 4) -> None:
        """Start no thread before there is work."""
        self._store = store
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="portal")
        self._open: set[_Statement] = set()
        self._closing = False
        duckdb = importlib.import_module("duckdb")
        self._interrupted: type[Exception] = duckdb.InterruptException
        self._refused: tuple[type[Exception], ...] = (
            duckdb.OutOfRangeException,
            duckdb.ConversionException,
        )

    async def close(self) -> None:
        """Interrupt what is running, refuse what is waiting, and stop the threads."""
        self._closing = True
        await asyncio.gather(*(statement.end() for statement in self._open))
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def run(self, work: Callable[[], T]) -> T:
        """Run a function in one of the threads."""
        return await asyncio.wrap_future(self._submit(work))

    async def rows(self, sql: str, parameters: Parameters) -> list[Row]:
        """Return all rows of a statement.

        Raises:
            PortalError: a number leaves its type, or the portal stops.
        """
        async with self._statement() as statement:
            cursor = statement.cursor
            return await self._work(
                statement, lambda: cursor.execute(sql, parameters.used_by(sql)).fetchall()
            )

    async def single(self, sql: str, parameters: Parameters) -> int:
        """Return the only value of a statement that counts."""
        counted = await self.rows(sql, parameters)
        return int(counted[0][0])

    async def execute(self, sql: str, parameters: Parameters) -> None:
        """Run a statement for what it does."""
        await self.rows(sql, parameters)

    async def stream(
        self, sql: str, parameters: Parameters, write: Callable[[list[Row]], bytes]
    ) -> AsyncGenerator[bytes]:
        """Yield what `write` makes of each batch of rows; both run in the threads.

        Close the generator when stopping early: that interrupts the statement.
        """
        async with self._statement() as statement:
            cursor = statement.cursor

            def batch() -> bytes:
                rows = cursor.fetchmany(BATCH)
                return write(rows) if rows else b""

            await self._work(statement, lambda: cursor.execute(sql, parameters.used_by(sql)))
            while chunk := await self._work(statement, batch):
                yield chunk

    @contextlib.asynccontextmanager
    async def _statement(self) -> AsyncIterator[_Statement]:
        """Open a statement; leaving the block in whatever way ends it."""
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
        statement.job = job = self._submit(work)
        return await asyncio.wrap_future(job)

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
            # What DuckDB says quotes the portal's own SQL.
            raise not_supported("A computation that leaves its type") from error


class _Statement:
    """A cursor of its own, and what a thread does with it at the moment."""

    def __init__(self, cursor: DuckDBPyConnection) -> None:
        self.cursor = cursor
        self.job: Future[Any] | None = None

    async def end(self) -> None:
        """Interrupt until no thread works with the cursor.

        Once is not enough: DuckDB forgets an interruption that comes before the statement begins.
        """
        while self.job is not None and not self.job.done():
            self.cursor.interrupt()
            await asyncio.sleep(_PAUSE)

    def close(self) -> None:
        """Close the cursor, in the thread that still has it if there is one."""
        if self.job is None:
            self.cursor.close()
        else:
            self.job.add_done_callback(lambda _: self.cursor.close())
