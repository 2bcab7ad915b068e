"""A portal on a port: listening, the access log, and a graceful stop."""

from __future__ import annotations

import contextlib
import re
from socket import socket
from typing import TYPE_CHECKING

from aiohttp import web

from explore_async.portal.access_log import ACCESS_LOG, AccessLog
from explore_async.portal.app import make_app, refuse_no_seconds
from explore_async.portal.envelope import LOG, LONGEST_READ
from explore_async.portal.errors import StoreError
from explore_async.portal.lifecycle import Lifecycle

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime

    from explore_async.portal.store import Store

__all__ = ["serve"]

_HOST = re.compile(r"[\w.:%-]{1,253}", re.ASCII)


@contextlib.asynccontextmanager
async def serve(
    store: Store,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    clock: Callable[[], datetime] | None = None,
    extend: Callable[[web.Application], object] | None = None,
    timeout: float | None = None,  # noqa: ASYNC109 - of each query
    grace: float = 0.0,
    listener: socket | None = None,
) -> AsyncIterator[str]:
    """Serve a store while the block runs; yield the base URL, such as `http://127.0.0.1:50123`.

    Port 0 chooses a free port. The API is at `<base URL>/api/explore/v2.1`. `extend` may change the
    application before it runs, for instance add middlewares. `timeout` is that of `make_app`.
    `listener` is a socket that is used instead of `host` and `port`, and closed at the end.

    `GET /healthz` is answered with status 200, and 503 while the portal stops: at the end of the
    block it lets no new request in, those that run have `grace` seconds to finish, and then they
    are interrupted. The logger `explore_async.portal.access` gets a line for each request.

    Raises:
        StoreError: an argument cannot be one.
        OSError: the address cannot be listened on, for instance because it is in use.
    """
    if not isinstance(host, str) or not _HOST.fullmatch(host):
        raise StoreError("The host must be a host name or an address.")
    if not isinstance(port, int) or not 0 <= port <= 0xFFFF:
        raise StoreError("The port must be a whole number from 0 to 65535.")
    if extend is not None and not callable(extend):
        raise StoreError(f"extend has type {type(extend).__name__}; it must be callable.")
    if not isinstance(listener, socket | None):
        raise StoreError(f"The listener has type {type(listener).__name__}; pass a socket.")
    refuse_no_seconds("grace", grace)
    app = make_app(store, clock=clock, timeout=timeout)
    if extend is not None:
        extend(app)
    life = Lifecycle()
    app.middlewares.insert(0, life.admit)
    runner = web.AppRunner(
        app,
        access_log=ACCESS_LOG,
        access_log_class=AccessLog,
        # Cancelling the handler of a disconnected client interrupts its statement.
        handler_cancellation=True,
        max_line_size=LONGEST_READ,
        logger=LOG,
        shutdown_timeout=1.0,
    )
    await runner.setup()
    try:
        site: web.BaseSite = web.TCPSite(runner, host, port)
        if listener is not None:
            site = web.SockSite(runner, listener)
        await site.start()
        address = runner.addresses[0]
        try:
            yield f"http://{address[0]}:{address[1]}"
        finally:
            await site.stop()
            await life.drain(grace)
    finally:
        await runner.cleanup()
