"""Failure 24: a program that gets one or two stop signals, or is killed while it saves a file.

Disk errors are in `test_process.py`. Each program is the command-line tool in its own process, and
each portal a thread that sends as much of a file as the test needs.
"""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.explore_async.doubles import http, jsonl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

if os.name != "posix":
    pytest.skip("needs the signals of POSIX", allow_module_level=True)

ROOT = Path(__file__).parents[2]
BODY = jsonl(120_000).replace(b"}\n", b"}\r\n")
"""Several megabytes, sent as Turtle because its rows are not counted: one request is all."""

HANGING_DISK = """
import os, time
from explore_async.cli.main import main

def fsync(descriptor):
    print("syncing", flush=True)
    time.sleep(600)

os.fsync = fsync
main()
"""

SIGNAL_TO_ANOTHER_THREAD = """
import asyncio, signal, threading, time
from explore_async.cli.running import run

async def wait_for_ever():
    threading.Thread(target=interrupt, daemon=True).start()
    await asyncio.Event().wait()

def interrupt():
    time.sleep(0.5)  # until the event loop is idle
    signal.pthread_kill(threading.get_ident(), {number})
    time.sleep(60)

run(wait_for_ever())
"""


class Portal:
    """A server that sends one file, but stalls partway through the first response.

    Attributes:
        first: the number of body bytes sent in the first response.
        stalled: set once they have been sent.
    """

    def __init__(self, first: int) -> None:
        self.first = first
        self.url = ""
        self.stalled = threading.Event()

    @contextmanager
    def running(self) -> Iterator[Portal]:
        """Serve on a free loopback port."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            thread = threading.Thread(target=self._serve, args=[listener])
            thread.start()
            try:
                yield self
            finally:
                listener.shutdown(socket.SHUT_RDWR)
                thread.join(20)

    def _serve(self, listener: socket.socket) -> None:
        answer = http(BODY)
        for part in (answer[: len(answer) - len(BODY) + self.first], answer):
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(part)
                self.stalled.set()
                with suppress(OSError):
                    connection.settimeout(20)
                    connection.recv(1)


def export(url: str, target: Path) -> list[str]:
    """Return the arguments that save the portal's file."""
    return ["export", "trees", "--url", url, "--format", "turtle", "-o", str(target)]


@contextmanager
def started(
    arguments: list[str], *start: str, prepare: Callable[[], object] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Start a process that is killed when the test ends, however it ends."""

    def obey_signals() -> None:
        # Tests that run in the background or under nohup ignore some, and children inherit that.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        if prepare is not None:
            prepare()

    command = [sys.executable, *(start or ("-m", "explore_async")), *arguments]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=obey_signals,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def parts(folder: Path) -> list[Path]:
    """Return the hidden files of unfinished saves."""
    return [path for path in folder.iterdir() if path.suffix == ".part"]


def until_written(folder: Path, size: int) -> None:
    """Wait until the hidden file has `size` bytes."""
    deadline = time.monotonic() + 20
    while sum(part.stat().st_size for part in parts(folder)) < size:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("first", "older"),
    [(0, b"older"), (100_000, None), (2_500_001, b"older"), (len(BODY) - 1, None)],
    ids=["head", "first block", "middle", "last byte"],
)
def test_24_a_program_that_is_killed_leaves_the_older_file_or_none(
    tmp_path: Path, first: int, older: bytes | None
) -> None:
    """This holds at any point; a second run then saves the whole file."""
    target = tmp_path / "trees.csv"
    if older is not None:
        target.write_bytes(older)
    with Portal(first).running() as portal:
        arguments = export(portal.url, target)
        with started(arguments) as process:
            assert portal.stalled.wait(20)
            until_written(tmp_path, first // 2**20 * 2**20)
            process.kill()
            process.communicate(timeout=20)
        assert process.returncode == -signal.SIGKILL
        assert (target.read_bytes() if target.exists() else None) == older
        for part in parts(tmp_path):  # a killed program cannot remove it
            part.unlink()
        with started(arguments) as process:
            assert process.wait(20) == 0
            process.communicate()
    assert hashlib.sha256(target.read_bytes()).digest() == hashlib.sha256(BODY).digest()
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (signal.SIGINT, signal.SIGINT),
        (signal.SIGTERM, signal.SIGTERM),
        (signal.SIGHUP, signal.SIGINT),
        (signal.SIGTERM, signal.SIGKILL),
    ],
)
def test_24_a_second_signal_ends_a_program_that_still_cleans_up(
    tmp_path: Path, first: signal.Signals, second: signal.Signals
) -> None:
    """The second signal ends it at once, as the message after the first announces."""
    target = tmp_path / "trees.csv"
    target.write_bytes(b"older")
    with Portal(len(BODY)).running() as portal:
        with started(export(portal.url, target), "-c", HANGING_DISK) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.readline() == "syncing\n"
            process.send_signal(first)
            said = iter(process.stderr.readline, "")
            assert any("Press Ctrl-C again to quit" in line for line in said)
            assert process.poll() is None
            process.send_signal(second)
            assert process.wait(20) == -second
    assert target.read_bytes() == b"older"
    (part,) = parts(tmp_path)
    part.unlink()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_24_a_signal_ends_the_wait_of_the_event_loop(number: signal.Signals) -> None:
    """A signal may reach another thread, or arrive just before the wait begins."""
    code = SIGNAL_TO_ANOTHER_THREAD.format(number=int(number))
    with started([], "-c", code) as process:
        assert process.wait(20) == (-number if number == signal.SIGINT else 128 + number)


def test_24_a_signal_that_is_ignored_stays_ignored(tmp_path: Path) -> None:
    """`nohup explore export ...` continues when its terminal is closed."""
    with Portal(100_000).running() as portal:
        with started(
            export(portal.url, tmp_path / "trees.csv"),
            prepare=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
        ) as process:
            assert portal.stalled.wait(20)
            until_written(tmp_path, 0)
            process.send_signal(signal.SIGHUP)
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=20)
    assert process.returncode == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []
