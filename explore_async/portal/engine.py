"""Where statements run: a few threads of their own, so that the event loop never waits for DuckDB.

Rows of an export come in batches; memory does not grow with the size of an answer.
"""

from __future__ import annotations

import asyncio
import importlib
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from explore_async.portal.errors import not_supported

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from duckdb import DuckDBPyConnection

    from explore_async.portal.context import Parameters
    from explore_async.portal.store import Store

__all__ = ["Engine"]

T = TypeVar("T")
Row = tuple[Any, ...]

BATCH = 2_000
"""Rows per batch of an export."""


class Engine:
    """Runs statements of one store; `workers` is how many at a time."""

    def __init__(self, store: Store, *, workers: int = 4) -> None:
        """Start no thread before there is work."""
        self._store = store
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="portal")
        duckdb = importlib.import_module("duckdb")
        self._refused: tuple[type[Exception], ...] = (
            duckdb.OutOfRangeException,
            duckdb.ConversionException,
        )

    def close(self) -> None:
        """Wait for what is running and stop the threads."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def run(self, work: Callable[[], T]) -> T:
        """Run a function in one of the threads."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def rows(self, sql: str, parameters: Parameters) -> list[Row]:
        """Return all rows of a statement.

        Raises:
            PortalError: a number leaves its type.
        """
        return await self.run(lambda: self._fetch(sql, parameters))

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
        reading = _Reading(self._store.cursor(), write)
        try:
            await self.run(lambda: self._guarded(lambda: reading.start(sql, parameters)))
            while chunk := await self.run(lambda: self._guarded(reading.batch)):
                yield chunk
        finally:
            reading.interrupt()
            await asyncio.shield(self.run(reading.close))

    def _fetch(self, sql: str, parameters: Parameters) -> list[Row]:
        def fetch() -> list[Row]:
            with self._store.cursor() as cursor:
                return cursor.execute(sql, parameters.used_by(sql)).fetchall()

        return self._guarded(fetch)

    def _guarded(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except self._refused as error:
            raise not_supported(f"A computation that leaves its type ({error})") from error


class _Reading:
    """One statement whose rows are read in batches, by one thread at a time."""

    def __init__(self, cursor: DuckDBPyConnection, write: Callable[[list[Row]], bytes]) -> None:
        self._cursor = cursor
        self._write = write
        self._lock = threading.Lock()

    def start(self, sql: str, parameters: Parameters) -> None:
        with self._lock:
            self._cursor.execute(sql, parameters.used_by(sql))

    def batch(self) -> bytes:
        with self._lock:
            rows = self._cursor.fetchmany(BATCH)
            return self._write(rows) if rows else b""

    def interrupt(self) -> None:
        self._cursor.interrupt()

    def close(self) -> None:
        with self._lock:
            self._cursor.close()
