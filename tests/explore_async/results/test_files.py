"""Files: their names, their lines, and the paths that a file never replaces."""

from __future__ import annotations

import asyncio
import errno
import gzip
import hashlib
import os
import sys
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from explore_async import ConfigurationError, ExportStream, Progress, StorageError
from explore_async.results.files import OwnThread, PartFile, file_name
from explore_async.results.reading import Reading
from tests.explore_async.doubles import files_in, settle
from tests.platforms import posix

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from explore_async import ExploreClient
    from explore_async.http.transport import Body
    from tests.explore_async.doubles import FakePortal


@posix
async def test_a_pipe_is_not_replaced_by_a_file(
    client: ExploreClient, portal: FakePortal, tmp_path: Path
) -> None:
    """Neither is a device: root would lose /dev/null."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigurationError, match="not a regular file"):
        await client.dataset("trees").export_verified(tmp_path / "pipe")
    assert portal.requests == []


@posix
async def test_a_link_stays_a_link(client: ExploreClient, tmp_path: Path) -> None:
    """The file that the link points to is replaced."""
    (tmp_path / "link").symlink_to("target")
    await client.dataset("trees").export_verified(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert len((tmp_path / "target").read_bytes().splitlines()) == 10


async def test_a_file_is_compressed_on_request(client: ExploreClient, tmp_path: Path) -> None:
    """Size and checksum are those of the file; progress counts the rows and bytes before that."""
    trees, seen = client.dataset("trees"), list[Progress]()
    plain = await trees.export_verified(tmp_path / "trees.jsonl")
    packed = await trees.export_verified(
        tmp_path / "trees.jsonl.gz", gzip=True, progress=seen.append
    )
    content = packed.path.read_bytes()
    assert gzip.decompress(content) == plain.path.read_bytes()
    assert (packed.received, packed.bytes) == (plain.received, len(content))
    assert packed.checksum == hashlib.sha256(content).hexdigest()
    assert seen[-1] == Progress(bytes=plain.bytes, rows=10, expected=10)
    async with trees.export("jsonl") as stream:
        saved = await stream.save(tmp_path / "again.gz", gzip=True)
    assert saved.path.read_bytes() == content


async def test_the_rows_of_a_compressed_parquet_file_are_not_counted(
    client: ExploreClient, portal: FakePortal, tmp_path: Path
) -> None:
    """They are read from the end of the file."""
    path = tmp_path / "trees.parquet.gz"
    with pytest.raises(ConfigurationError, match="compressed already"):
        await client.dataset("trees").export_verified(path, file_format="parquet", gzip=True)
    assert portal.requests == []


async def test_a_long_name_of_wide_characters(client: ExploreClient, tmp_path: Path) -> None:
    """File systems limit names in bytes, not characters."""
    path = tmp_path / ("木" * 80)
    await client.dataset("trees").export_verified(path)
    assert files_in(tmp_path) == [path]


@pytest.mark.parametrize("again", [False, True], ids=["cancelled once", "cancelled twice"])
async def test_a_cancelled_save_does_not_stop_the_event_loop(
    client: ExploreClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    """The file is removed once the disk has finished; other tasks continue meanwhile."""
    loop, syncing = asyncio.get_running_loop(), asyncio.Event()
    over, released = threading.Event(), []

    def sync(descriptor: int) -> None:
        loop.call_soon_threadsafe(syncing.set)
        released.append(over.wait(5))

    async def save() -> None:
        async with client.dataset("trees").export("jsonl") as stream:
            await stream.save(tmp_path / "trees.jsonl")

    monkeypatch.setattr("explore_async.results.files.os.fsync", sync)
    saving = asyncio.create_task(save())
    async with asyncio.timeout(5):
        await syncing.wait()
    for _ in range(1 + again):
        saving.cancel()
        await settle()
    assert not saving.done()
    over.set()
    with pytest.raises(asyncio.CancelledError):
        await saving
    assert files_in(tmp_path) == []
    assert released == [True]


def test_the_name_of_a_file_is_no_path() -> None:
    """A portal chooses its identifiers, but must not choose paths."""
    assert file_name("trees-2024", "jsonl") == "trees-2024.jsonl"
    assert file_name("../../etc/x", "csv") == ".._.._etc_x.csv"
    assert file_name("C:\\x", "csv") == "C__x.csv"
    assert file_name("Aux", "csv") == "_Aux.csv"
    assert file_name("com1.2024", "csv") == "_com1.2024.csv"
    assert file_name("console", "csv") == "console.csv"


async def test_a_cancellation_during_the_cleaning_is_raised_after_it() -> None:
    cleaned, go_on = list[bool](), threading.Event()
    cleaning = asyncio.Event()
    loop = asyncio.get_running_loop()

    def clean() -> None:
        loop.call_soon_threadsafe(cleaning.set)
        cleaned.append(go_on.wait(5))

    ending = asyncio.ensure_future(OwnThread("test").end(clean))
    async with asyncio.timeout(5):
        await cleaning.wait()
    ending.cancel()
    await settle()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await ending
    assert cleaned == [True]


async def test_a_file_that_cannot_be_renamed_is_removed(tmp_path: Path) -> None:
    """Somebody made a folder of its name meanwhile."""
    path = tmp_path / "trees.jsonl"
    with pytest.raises(StorageError, match=r"Cannot write .*trees\.jsonl: .*Nothing was kept"):
        async with PartFile(path) as part:
            await part.write(b"{}\n")
            await part.finish()
            path.mkdir()
            part.commit()
    assert files_in(tmp_path) == [path]


async def test_a_body_in_tiny_pieces_is_not_held_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A piece of two bytes takes twenty times as much memory."""
    held: list[int] = []
    original = PartFile.write

    async def write(self: PartFile, *pieces: bytes) -> None:
        held.append(sum(map(sys.getsizeof, pieces)))
        await original(self, *pieces)

    monkeypatch.setattr(PartFile, "write", write)
    async with ExportStream(
        lambda: pieces_of(b"ab", 100_000), url="", reading=Reading(file_format="n3", line_cap=9)
    ) as stream:
        assert (await stream.save(tmp_path / "file")).bytes == 200_000
    assert max(held) < 2 * 1024 * 1024


@asynccontextmanager
async def pieces_of(piece: bytes, count: int) -> AsyncIterator[Body]:
    """Yield a body of `count` pieces of equal length."""

    class Pieces:
        async def peek(self, enough: object) -> tuple[bytes, bool]:
            return b"", False

        async def chunks(self) -> AsyncIterator[bytes]:
            for number in range(count):
                # Each piece is a new object, as from a socket.
                yield bytes((piece[0], number % 256))

    yield Pieces()  # type: ignore[misc]


@pytest.mark.parametrize("path", ["x" * 300, "a\0b", "\ud800", "no/such/folder/x"])
async def test_a_path_that_cannot_be_written_is_refused_before_anything_is_sent(
    client: ExploreClient, portal: FakePortal, path: str
) -> None:
    """Too long, with a NUL, half of a surrogate pair, or in a folder that does not exist."""
    with pytest.raises(ConfigurationError, match="Nothing was sent") as caught:
        await client.dataset("trees").export_verified(path)
    assert f"Cannot write {path[:200]!r}" in str(caught.value)
    assert (os.strerror(errno.ENOENT) in str(caught.value)) == (path == "no/such/folder/x")
    assert portal.requests == []
