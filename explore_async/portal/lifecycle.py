"""The outermost middleware: it knows each client, the requests that run, and whether to stop.

`/healthz` is outside of the API, so neither quotas nor faults meet it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from explore_async.portal.access_log import HEALTH_PATH, log_departure
from explore_async.portal.envelope import error_response
from explore_async.portal.errors import stopping
from explore_async.portal.turns import CLIENT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["Lifecycle"]


class Lifecycle:
    """Lets requests in until the portal stops, and counts those that run."""

    def __init__(self) -> None:
        self._running = 0
        self._stopping = False
        self._idle = asyncio.Event()
        self._idle.set()

    async def drain(self, seconds: float) -> None:
        """Let no more requests in, and wait for those that run, at most so many seconds."""
        self._stopping = True
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
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
