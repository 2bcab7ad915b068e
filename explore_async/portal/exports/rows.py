"""The rows of an export, in batches: pushed to a writer of bytes, or pulled by a writer of files.

A format that can be written from its beginning to its end is streamed: at most one batch is in
memory. Libraries that write files pull the batches, and the file is sent when it is complete.
"""

from __future__ import annotations

import tempfile
import zlib
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence

    import pyarrow as pa

    from explore_async.portal.engine import Engine, Row
    from explore_async.portal.exports.export import Export

__all__ = ["as_file", "compressed", "enclosed", "joined", "pull", "stream", "tables"]

T = TypeVar("T")

_CHUNK = 1 << 18
_GZIP = 31  # the window of zlib with gzip's header and trailer


async def stream(
    one: Export, shown: Sequence[str], write: Callable[[list[Row]], bytes], engine: Engine
) -> AsyncGenerator[bytes]:
    """Yield `write(rows)` for each batch of rows; `shown` are SQL expressions."""
    sql = await _statement(one, shown, engine)
    async with aclosing(engine.stream(sql, one.plan.context.parameters, write)) as chunks:
        async for chunk in chunks:
            yield chunk


async def tables(
    one: Export,
    shown: Sequence[str],
    write: Callable[[pa.RecordBatch], bytes],
    engine: Engine,
    *,
    rows: int,
) -> AsyncGenerator[bytes]:
    """Yield `write(batch)` for Arrow batches of at most so many rows; `shown` are SQL."""
    sql = await _statement(one, shown, engine)
    written = engine.tables(sql, one.plan.context.parameters, write, rows=rows)
    async with aclosing(written) as chunks:
        async for chunk in chunks:
            yield chunk


async def pull(
    one: Export, shown: Sequence[str], work: Callable[[Iterator[list[Row]]], T], engine: Engine
) -> T:
    """Return `work(batches)`, which runs in a thread; `shown` are SQL expressions."""
    sql = await _statement(one, shown, engine)
    return await engine.read(sql, one.plan.context.parameters, work)


async def _statement(one: Export, shown: Sequence[str], engine: Engine) -> str:
    """Return the SELECT of all rows; a single aggregated row is repeated per record (measured)."""
    plan = one.plan
    if plan.kind != "repeated":
        return plan.page(shown, limit=one.limit, offset=one.offset)
    total = await engine.single(plan.total, plan.context.parameters)
    total = max(0, total - one.offset)
    times = plan.context.bind(total if one.limit is None else min(one.limit, total))
    row = plan.page(shown, limit=None)
    return f"SELECT one.* FROM ({row}) AS one, range({times})"  # noqa: S608


async def enclosed(
    before: str, chunks: AsyncGenerator[bytes], after: str, *, between: str = ""
) -> AsyncGenerator[bytes]:
    """Yield chunks with a text before and after them all, and between them.

    `before` is sent with the first chunk, so that an error before it gets an error response.
    """
    start = before.encode()
    begun = False
    async with aclosing(chunks):
        async for chunk in chunks:
            if not chunk:
                continue  # a batch may have nothing that the format can hold
            yield start + chunk
            start, begun = between.encode(), True
    end = after if begun else before + after
    if end:
        yield end.encode()


async def joined(*several: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """Yield the chunks of one generator after the other."""
    for chunks in several:
        async with aclosing(chunks):
            async for chunk in chunks:
                yield chunk


async def as_file(fill: Callable[[Path], Awaitable[Path]], engine: Engine) -> AsyncGenerator[bytes]:
    """Yield the bytes of the file that `fill` writes to a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="portal-") as folder:
        path = await fill(Path(folder))
        with path.open("rb") as file:
            while chunk := await engine.run(lambda: file.read(_CHUNK)):
                yield chunk


async def compressed(chunks: AsyncGenerator[bytes], engine: Engine) -> AsyncGenerator[bytes]:
    """Yield chunks as one gzip file."""
    packer = zlib.compressobj(wbits=_GZIP)
    async with aclosing(chunks):
        async for chunk in chunks:
            if packed := await engine.run(partial(packer.compress, chunk)):
                yield packed
    yield packer.flush()
