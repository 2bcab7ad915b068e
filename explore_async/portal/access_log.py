"""The access log: one line for each request, to the logger `explore_async.portal.access`.

A line has the time of the request (ISO 8601, UTC), the address of the client, the method, the path
and query, the status, the bytes of the response with its headers, the milliseconds until its end,
and the user agent as a JSON string, separated by spaces:

    2026-08-29T12:00:00.123+00:00 127.0.0.1 GET /api/explore/v2.1/catalog/datasets 200 1834 5 "curl"

The status is 499 and the bytes are `-` if the connection ended before the response did. API keys
are hidden. Questions after the health are not logged while it is good.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from aiohttp import hdrs
from aiohttp.abc import AbstractAccessLogger

if TYPE_CHECKING:
    from aiohttp import web

__all__ = ["ACCESS_LOG", "HEALTH_PATH", "AccessLog", "log_departure"]

ACCESS_LOG = logging.getLogger("explore_async.portal.access")

HEALTH_PATH = "/healthz"

_CUT_OFF = 499
_HIDDEN = "<hidden>"
_LONGEST, _LONGEST_AGENT = 2000, 150
"""The maximum lengths of the path and query, and of the user agent, in a line.

Lines of several processes do not mix in a pipe if they have at most 4,096 bytes.
"""
_SECRETS = frozenset({"apikey"})


class AccessLog(AbstractAccessLogger):
    """Writes a line for each response; aiohttp calls it at the end of the response."""

    @property
    def enabled(self) -> bool:
        """False if the logger drops the lines, which are then not made."""
        return self.logger.isEnabledFor(logging.INFO)

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        """Write the line of a response, `time` seconds after its request."""
        if request.path == HEALTH_PATH and response.status == 200:
            return
        if response.body_length:
            self.logger.info(_line(request, response.status, str(response.body_length), time))
        else:
            log_departure(request, time)


def log_departure(request: web.BaseRequest, time: float) -> None:
    """Write the line of a request whose client went away; aiohttp logs only responses."""
    if ACCESS_LOG.isEnabledFor(logging.INFO):
        ACCESS_LOG.info(_line(request, _CUT_OFF, "-", time))


def _line(request: web.BaseRequest, status: int, size: str, time: float) -> str:
    begun = (datetime.now(UTC) - timedelta(seconds=time)).isoformat(timespec="milliseconds")
    agent = json.dumps(_cut(request.headers.get(hdrs.USER_AGENT, ""), _LONGEST_AGENT))
    return (
        f"{begun} {request.remote or '-'} {request.method} {_target(request)} "
        f"{status} {size} {time * 1000:.0f} {agent}"
    )


def _target(request: web.BaseRequest) -> str:
    """Return the path and query as they were sent, without secrets and in printable ASCII."""
    path, mark, query = request.rel_url.raw_path_qs.partition("?")
    text = path + mark + "&".join(map(_without_secret, query.split("&")))
    return _cut(text.encode("ascii", "backslashreplace").decode(), _LONGEST)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}..."


def _without_secret(pair: str) -> str:
    name, sign, _ = pair.partition("=")
    return f"{name}{sign}{_HIDDEN}" if unquote_plus(name).lower() in _SECRETS else pair
