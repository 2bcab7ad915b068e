"""The outermost middleware: it knows each client, the requests that run, and whether to stop.

`/healthz` is outside of the API, so neither quotas nor faults meet it.
"""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from explore_async.portal.access_log import HEALTH_PATH, log_departure
from explore_async.portal.envelope import error_response
from explore_async.portal.errors import stopping
from explore_async.portal.turns import CLIENT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["Lifecycle"]


_PAUSE = 0.02


class Lifecycle:
    """Lets requests in until the portal stops, and counts those that run."""

    def __init__(self) -> None:
        self._running = 0
        self._stopping = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._connections: weakref.WeakSet[asyncio.Transport] = weakref.WeakSet()

    async def drain(self, seconds: float) -> None:
        """Let no more requests in, and wait for those that run, at most so many seconds.

        A response is complete when the system has all of it: the last bytes for a client that reads
        slowly are written after its handler has ended, and would be lost with the process.
        """
        self._stopping = True
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
                # A transport has no event for it.
                while any(one.get_write_buffer_size() for one in self._connections):  # noqa: ASYNC110
                    await asyncio.sleep(_PAUSE)
        except TimeoutError:
            return  # the engine interrupts them

    @web.middleware
    async def admit(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        """Answer the question after the health, and let other requests in."""
        if request.path == HEALTH_PATH and request.method in (hdrs.METH_GET, hdrs.METH_HEAD):
            return self._health()
        if self._stopping:  # the connection is older than the stop
            response = error_response(request, stopping())
            response.force_close()
            return response
        return await self._counted(request, handler)

    def _health(self) -> web.Response:
        if not self._stopping:
            return web.json_response({"status": "ok"})
        response = web.json_response({"status": "stopping"}, status=503)
        response.force_close()
        return response

    async def _counted(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        self._running += 1
        self._idle.clear()
        if request.transport is not None:
            self._connections.add(request.transport)
        client = CLIENT.set(request.remote or "")
        begun = asyncio.get_running_loop().time()
        try:
            return await handler(request)
        except asyncio.CancelledError:
            log_departure(request, asyncio.get_running_loop().time() - begun)
            raise
        finally:
            CLIENT.reset(client)
            self._running -= 1
            if not self._running:
                self._idle.set()
