"""Several processes that serve the same files on one port.

The first process listens and serves nothing; each worker is the same command again, with the number
of the listening socket in its environment, and accepts connections when it is idle. A worker says
that it is ready with its first line of output. One byte on its input asks it to stop; the end of
its input, as when the first process is killed, ends it at once. Signals are for the first process,
because a terminal sends them to all.

A worker that ends by itself is reported and replaced; connections that wait for one are kept. One
that ends before it is ready has said why, and would end again, so everything stops.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Callable

__all__ = ["inherited", "listen", "obey", "supervise"]

_SOCKET = "EXPLORE_SERVE_SOCKET"
"""The environment variable with the number of the socket of a worker."""

_PATIENCE = 5.0
"""The seconds that a worker has to end after the requests that it interrupts."""


def listen(host: str, port: int) -> socket.socket:
    """Listen on the first address of a host.

    Raises:
        OSError: it cannot be listened on, for instance because it is in use.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = found[0]
    return socket.create_server(address[:2], family=family, backlog=128)


def inherited() -> socket.socket | None:
    """Return the socket of a worker; None in the first process."""
    number = os.environ.get(_SOCKET)
    return None if number is None else socket.socket(fileno=int(number))


def obey(stop: Callable[[], object]) -> None:
    """Let the first process stop this worker, and nobody else."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)

    def read() -> None:
        # Not sys.stdin, whose lock Python could not get at its exit.
        if os.read(0, 1):
            stop()
            os.read(0, 1)
        os._exit(1)

    threading.Thread(target=read, daemon=True).start()


async def supervise(
    listener: socket.socket, count: int, *, grace: float, ready: Callable[[], object]
) -> None:
    """Keep `count` workers running until this is cancelled, then stop them.

    `ready` is called when all are ready. They have `grace` seconds to finish their requests.

    Raises:
        ClickException: a worker cannot start.
    """
    workers = _Workers(listener)
    keeping = [asyncio.create_task(workers.keep()) for _ in range(count)]
    starting = asyncio.create_task(workers.wait_for(count))
    starting.add_done_callback(lambda done: done.cancelled() or ready())
    try:
        await asyncio.gather(*keeping)
    finally:
        for task in (starting, *keeping):
            task.cancel()
        await asyncio.gather(starting, *keeping, return_exceptions=True)
        await workers.stop(grace)


class _Workers:
    """The running workers."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._running: set[Process] = set()
        self._ready = asyncio.Semaphore(0)

    async def wait_for(self, count: int) -> None:
        """Wait until so many workers have been ready."""
        for _ in range(count):
            await self._ready.acquire()

    async def keep(self) -> None:
        """Keep one worker running."""
        while True:
            process = await self._start()
            self._ready.release()
            status = await process.wait()
            self._running.discard(process)
            msg = f"Worker {process.pid} ended with {_reason(status)}; another one starts."
            click.echo(msg, err=True)

    async def _start(self) -> Process:
        number = self._listener.fileno()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *sys.orig_argv[1:],
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, _SOCKET: str(number)},
            pass_fds=[number],
        )
        self._running.add(process)
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        if await process.stdout.readline():
            return process
        status = await process.wait()
        self._running.discard(process)
        msg = f"A worker ended with {_reason(status)} before it was ready."
        raise click.ClickException(msg)

    async def stop(self, grace: float) -> None:
        """Ask all workers to stop, and kill those that do not."""
        for process in self._running:
            assert process.stdin is not None  # noqa: S101 - it is a pipe
            process.stdin.write(b"\n")
        ended = [asyncio.create_task(process.wait()) for process in self._running]
        if ended:
            await asyncio.wait(ended, timeout=grace + _PATIENCE)
        for process in self._running:
            if process.returncode is None:
                click.echo(f"Worker {process.pid} does not stop, so it is killed.", err=True)
                process.kill()
        await asyncio.gather(*ended)


def _reason(status: int) -> str:
    return f"status {status}" if status >= 0 else signal.Signals(-status).name
