"""The access log: one line for each request."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import TYPE_CHECKING

import pytest
from yarl import URL

from explore_async.portal.access_log import ACCESS_LOG
from tests.explore_async.portal.asking import GEONAMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.explore_async.portal.asking import Asker

PATH = "/api/explore/v2.1/catalog/datasets/things/records"
LINE = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00 127\.0\.0\.1 "
    r'(?P<method>\S+) (?P<target>\S+) (?P<status>\d+) (?P<size>\d+|-) \d+ (?P<agent>".*")'
)


class Log(logging.Handler):
    """The lines of the log."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: asyncio.Queue[str] = asyncio.Queue()

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.put_nowait(record.getMessage())

    async def line(self) -> str:
        """Return the next line; it is written after the client has the response."""
        async with asyncio.timeout(20):
            return await self._lines.get()

    async def read(self) -> dict[str, str]:
        """Return the parts of the next line."""
        line = await self.line()
        found = LINE.fullmatch(line)
        assert found is not None, line
        return found.groupdict()


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[Log]:
    """The log, which is on."""
    caplog.set_level(logging.INFO, ACCESS_LOG.name)
    handler = Log()
    ACCESS_LOG.addHandler(handler)
    yield handler
    ACCESS_LOG.removeHandler(handler)


async def get(ask: Asker, target: str, method: str = "GET", **headers: str) -> None:
    """Send a request as it is, and read its answer."""
    url = URL(f"{ask.url}{target}", encoded=True)
    async with ask.session.request(method, url, headers=headers) as answer:
        await answer.read()


async def send(ask: Asker, request: bytes) -> None:
    """Send bytes, and go away."""
    host, port = ask.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    writer.write_eof()
    await writer.drain()
    writer.close()


async def test_a_request_is_one_line(ask: Asker, log: Log) -> None:
    """With its path and query as they were sent, and its bytes."""
    headers = {"User-Agent": 'curl "8"', "Accept-Encoding": "identity"}
    await get(ask, f"{PATH}?where=id%3D1", **headers)
    line = await log.read()
    assert (line["method"], line["target"]) == ("GET", f"{PATH}?where=id%3D1")
    assert (line["status"], line["agent"]) == ("200", r'"curl \"8\""')
    assert int(line["size"]) > 500


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/nothing", "404"),
        ("GET", f"{PATH}?limit=-9", "400"),
        ("POST", PATH, "405"),
        ("HEAD", PATH, "200"),
        ("GET", "/healthz/x", "404"),
    ],
)
async def test_every_request_has_its_line(
    ask: Asker, log: Log, method: str, target: str, status: str
) -> None:
    """Also one that is refused."""
    await get(ask, target, method)
    line = await log.read()
    assert (line["method"], line["target"], line["status"]) == (method, target, status)


@pytest.mark.parametrize("name", ["apikey", "ApiKey", "%61pikey"])
async def test_keys_are_hidden(ask: Asker, log: Log, name: str) -> None:
    """However their name is written, and each of them."""
    await get(ask, f"{PATH}?a=1&{name}=s3cret&limit=0&{name}=s3cret")
    hidden = f"{name}=<hidden>"
    assert (await log.read())["target"] == f"{PATH}?a=1&{hidden}&limit=0&{hidden}"


async def test_a_key_in_a_header_is_not_logged(ask: Asker, log: Log) -> None:
    """Nor is any other header but the user agent."""
    await get(ask, PATH, Authorization="Apikey s3cret", Referer="https://s3cret")
    assert "s3cret" not in await log.line()


async def test_nobody_can_write_another_line(ask: Asker, log: Log) -> None:
    """Other characters than printable ASCII are escaped."""
    agent = "\x1b[31m\x7f é".encode()
    await send(ask, b"GET /x?%0A\xc3\xa9 HTTP/1.1\r\nHost: x\r\nUser-Agent: " + agent + b"\r\n\r\n")
    line = await log.line()
    assert line.isascii()
    assert line.isprintable()


async def test_long_lines_are_cut(ask: Asker, log: Log) -> None:
    """Those of several processes would mix in a pipe."""
    await get(ask, f"{PATH}?x={'y' * 9000}", **{"User-Agent": "\N{BUG}" * 900})
    line = await log.line()
    size = len(line)  # the line itself would be a long message
    assert 2000 < size < 4096


async def test_questions_after_the_health_are_no_noise(ask: Asker, log: Log) -> None:
    """They come every few seconds."""
    await get(ask, "/healthz")
    await get(ask, PATH)
    assert (await log.read())["target"] == PATH


async def test_a_client_that_goes_away_has_the_status_499(ask_cities: Asker, log: Log) -> None:
    """Nothing was sent, or not the end."""
    path = f"/api/explore/v2.1/catalog/{GEONAMES}/exports/jsonl"
    await send(ask_cities, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    line = await log.read()
    assert (line["target"], line["status"], line["size"]) == (path, "499", "-")


async def test_the_log_is_off_by_default(ask: Asker, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody has asked for it."""
    await get(ask, PATH)
    assert caplog.messages == []
