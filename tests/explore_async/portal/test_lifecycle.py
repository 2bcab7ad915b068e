"""The end of a portal: responses are complete before it stops."""

from __future__ import annotations

import asyncio

from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from explore_async.portal.lifecycle import Lifecycle


class Connection(asyncio.Transport):
    """A connection whose client reads a block each time that it is asked for what is left."""

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.blocks = blocks

    def get_write_buffer_size(self) -> int:
        self.blocks = max(0, self.blocks - 1)
        return self.blocks


async def answer(_: web.Request) -> web.StreamResponse:
    """Answer at once."""
    return web.Response()


async def test_a_stop_waits_until_the_last_bytes_are_sent() -> None:
    """Although the handler of the request has ended."""
    life, connection = Lifecycle(), Connection(blocks=4)
    await life.admit(make_mocked_request("GET", "/", transport=connection), answer)
    await life.drain(60)
    assert connection.blocks == 0


async def test_a_stop_does_not_wait_for_a_client_that_does_not_read() -> None:
    """Longer than the grace."""
    life, connection = Lifecycle(), Connection(blocks=1_000_000)
    await life.admit(make_mocked_request("GET", "/", transport=connection), answer)
    await life.drain(0)
    assert connection.blocks > 0
