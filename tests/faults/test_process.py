"""Failures 24, 27, 28 and 29: full disks, blocked event loops, leaks, process boundaries."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import pickle
import re
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

import explore_async
from explore_async import ExploreClient, ExploreError, Retry, StorageError
from tests.explore_async.doubles import FakePortal, Wire, files_in, http, rows, writes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
ERRORS = {
    name: value
    for name, value in vars(explore_async).items()
    if isinstance(value, type) and issubclass(value, ExploreError)
}


def in_another_process(code: str, given: bytes = b"") -> bytes:
    """Return the output of the code in a new interpreter with all warnings as errors."""
    command = [sys.executable, "-W", "error", "-X", "dev", "-c", code]
    done = subprocess.run(command, input=given, capture_output=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr == b""
    return done.stdout


@pytest.mark.parametrize("call", ["write", "fsync"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
async def test_24_a_disk_that_refuses_leaves_no_file(
    portal: FakePortal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    """The error repeats the disk's error, and an older file is unchanged."""
    (tmp_path / "trees.jsonl").write_bytes(b"older")
    portal.rows = rows(300)
    original: Callable[..., Any] = getattr(os, call)

    def refuse(descriptor: int, *args: Any) -> Any:
        if ".part" in str(Path(f"/proc/self/fd/{descriptor}").readlink()):
            raise OSError(number, os.strerror(number))
        return original(descriptor, *args)

    monkeypatch.setattr(os, call, refuse)
    async with ExploreClient(portal.url) as client:
        with pytest.raises(StorageError, match=os.strerror(number)):
            async with client.dataset("trees").export("jsonl") as stream:
                await stream.save(tmp_path / "trees.jsonl")
    assert [path.read_bytes() for path in files_in(tmp_path)] == [b"older"]


BLOCKING = [
    *((time, "sleep"), (os, "fsync"), (os, "write"), (os, "read"), (os, "scandir")),
    *((socket, "getaddrinfo"), (socket, "create_connection"), (subprocess, "Popen")),
    *((Path, "read_bytes"), (Path, "write_bytes"), (Path, "open")),
]


@pytest.fixture
def unblocked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Record blocking calls in the thread of a running event loop; there must be none."""
    caught: list[str] = []
    for owner, name in BLOCKING:
        monkeypatch.setattr(owner, name, watched(getattr(owner, name), name, caught))
    yield caught
    assert caught == []


def watched(original: Callable[..., Any], name: str, caught: list[str]) -> Callable[..., Any]:
    def call(*args: Any, **options: Any) -> Any:
        if asyncio._get_running_loop() is not None:
            caught.append(name)
        return original(*args, **options)

    return call


async def test_27_nothing_waits_for_disk_or_network_in_the_loop(
    portal: FakePortal, tmp_path: Path, unblocked: list[str]
) -> None:
    """This covers every kind of operation: rows, facets and files."""
    portal.rows = rows(1200)
    async with ExploreClient(portal.url) as client:
        trees = client.dataset("trees")
        await trees.records().to_list()
        await trees.facets("a", "b")
        async with trees.export("jsonl") as stream:
            await stream.save(tmp_path / "trees.jsonl")
        await trees.export_verified(tmp_path / "verified.jsonl")


async def test_27_files_do_not_use_the_threads_that_resolve_names(
    portal: FakePortal, tmp_path: Path
) -> None:
    """With all of those threads busy, a file is still written."""
    portal.rows = rows(300)
    release = Event()
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(max_workers=1) as default:
        loop.set_default_executor(default)
        busy = loop.run_in_executor(None, release.wait)
        try:
            async with ExploreClient(portal.url) as client, asyncio.timeout(10):
                async with client.dataset("trees").export("jsonl") as stream:
                    await stream.save(tmp_path / "trees.jsonl")
        finally:
            release.set()
            await busy


def parquet(count: int) -> bytes:
    """Return rows as a Parquet file."""
    arrow, files = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    buffer = arrow.BufferOutputStream()
    files.write_table(arrow.Table.from_pylist(rows(count)), buffer)
    return bytes(buffer.getvalue())


async def test_27_parquet_does_not_use_the_threads_that_resolve_names(
    portal: FakePortal, unblocked: list[str]
) -> None:
    """With all of them busy, batches still arrive, and temporary files do not block the loop."""
    body = parquet(300)
    portal.override = lambda request: web.Response(body=body)
    release = Event()
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(max_workers=1) as default:
        loop.set_default_executor(default)
        busy = loop.run_in_executor(None, release.wait)
        try:
            async with ExploreClient(portal.url) as client, asyncio.timeout(10):
                async with client.dataset("trees").export("parquet") as stream:
                    assert sum([batch.num_rows async for batch in stream.batches(size=100)]) == 300
        finally:
            release.set()
            await busy


async def test_27_other_tasks_run_while_a_long_result_is_read(portal: FakePortal) -> None:
    """The longest pause of another task is below one second.

    It is measured in CPU time of the thread, so that a busy machine does not matter.
    """
    portal.rows = rows(10_000)
    pauses: list[float] = []

    async def neighbour() -> None:
        before = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            pauses.append(now - before)
            before = now

    task = asyncio.ensure_future(neighbour())
    async with ExploreClient(portal.url, concurrency=32) as client:
        await client.dataset("trees").records().to_list()
        async with client.dataset("trees").export("jsonl") as stream:
            assert len([row async for row in stream.rows()]) == 10_000
    task.cancel()
    await asyncio.wait([task])
    assert len(pauses) > 20
    assert max(pauses) < 1


LIFETIME = """
import asyncio, gc, json, os
import aiohttp
from explore_async import ExploreClient, ExploreError
from tests.explore_async.doubles import FakePortal, json_body, rows

def sockets():
    folder = "/proc/self/fd"
    links = [os.path.join(folder, name) for name in os.listdir(folder)]
    return sum(os.readlink(link).startswith("socket:") for link in links if os.path.exists(link)
               or os.path.islink(link))

async def one(portal, number):
    async with ExploreClient(portal.url) as client:
        trees = client.dataset("trees")
        assert len(await trees.records().to_list()) == 120
        await trees.facets("a", "b")
        async for row in trees.records():
            break
        async with trees.export("jsonl") as stream:
            async for row in stream.rows():
                break
        try:
            await trees.record(str(number))
        except ExploreError:
            pass

async def state():
    for _ in range(50):
        await asyncio.sleep(0)
    gc.collect()
    responses = sum(isinstance(each, aiohttp.ClientResponse) for each in gc.get_objects())
    return [sockets(), len(asyncio.all_tasks()), responses, len(gc.garbage)]

async def main():
    # Debug mode logs every slow step, and on a busy machine any step may be slow.
    asyncio.get_running_loop().slow_callback_duration = float("inf")
    async with FakePortal().running() as portal:
        portal.rows = rows(120)
        for number in range(10):
            await one(portal, number)
        portal.requests.clear(), portal.headers.clear()
        before = await state()
        objects = len(gc.get_objects())
        for number in range(60):
            await one(portal, number)
        portal.requests.clear(), portal.headers.clear()
        after = await state()
        print(json.dumps([before, after, len(gc.get_objects()) - objects]))

asyncio.run(main())
"""


def test_28_sixty_clients_leave_nothing_behind() -> None:
    """No socket, task or response is left and the heap does not grow, even in debug mode."""
    before, after, growth = json.loads(in_another_process(LIFETIME))
    assert after == before
    assert after[2:] == [0, 0]
    assert growth < 600


LEAKING = """
import asyncio, socket, tempfile
from explore_async import ExploreClient
from tests.explore_async.conftest import held, nothing_left, portal, sessions, temporary
from tests.explore_async.doubles import rows

left = []

async def test_task():
    left.append(asyncio.ensure_future(asyncio.sleep(3600)))

async def test_socket():
    left.append(socket.socket())

async def test_session(portal):
    left.append(ExploreClient(portal.url))
    await left[-1].dataset("trees").records().first()

async def test_connection(portal):
    portal.rows = rows(50_000)
    async with ExploreClient(portal.url) as client:
        stream = client.dataset("trees").export("jsonl")
        left.extend([stream, (await stream.__aenter__()).bytes()])
        await anext(left[-1])

async def test_part(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / ".trees.jsonl.part").touch()

async def test_temporary():
    tempfile.mkdtemp(prefix="explore-")

async def test_tidy(portal):
    async with ExploreClient(portal.url) as client:
        await client.dataset("trees").records().first()
"""


def test_28_a_test_that_leaves_something_behind_fails(tmp_path: Path) -> None:
    """The check after each client test detects tasks, sockets, connections and files."""
    program = tmp_path / "test_leaking.py"
    program.write_text(LEAKING, encoding="utf-8")
    options = ["-q", "-p", "no:cacheprovider", "--rootdir", str(ROOT), "-W", "ignore"]
    command = [sys.executable, "-m", "pytest", *options, "-c", "pyproject.toml", str(program)]
    done = subprocess.run(command, capture_output=True, check=False, cwd=ROOT, text=True)
    failed = re.findall(r"^ERROR .*::test_(\w+)", done.stdout, re.MULTILINE)
    assert failed == ["task", "socket", "session", "connection", "part", "temporary"]


@pytest.mark.parametrize("name", ERRORS)
def test_29_every_error_can_be_made_in_one_process_and_read_in_another(name: str) -> None:
    """Class, message and all fields survive pickling."""
    error = ERRORS[name]("what happened")
    if not isinstance(error, ImportError):
        error.status, error.url, error.attempts = 418, "https://portal.example/x", 3
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


async def test_29_errors_of_real_answers_cross_a_process_boundary() -> None:
    """The parent process can show the error of a worker."""
    caught: list[ExploreError] = []
    quota = b'{"errorcode": 10002, "error": "x", "reset_time": "2026-08-18T00:00:00Z"}'
    answers = {
        "429 X": quota,
        "400 X": b'{"error_code": "ODSQLSyntaxError", "message": "unexpected ( at position 16"}',
        "503 X": b"<html>busy</html>",
        "200 OK": b"<html>log in</html>",
    }
    for status, body in answers.items():
        async with Wire(writes(http(body, status=status))).running() as wire:
            async with ExploreClient(wire.url, retry=Retry.never()) as client:
                with pytest.raises(ExploreError) as raised:
                    await client.dataset("trees").record("1")
                caught.append(raised.value)
    code = (
        "import sys, pickle\n"
        "errors = pickle.load(sys.stdin.buffer)\n"
        "sys.stdout.buffer.write(pickle.dumps([errors, [str(error) for error in errors]]))\n"
    )
    returned, texts = pickle.loads(in_another_process(code, pickle.dumps(caught)))
    assert texts == [str(error) for error in caught]
    assert [vars(error) for error in returned] == [vars(error) for error in caught]
