"""What surrounds every response: common headers, compression, and the bodies of errors.

The headers are those recorded on successes and errors of live portals. Status codes other than 200,
400, 403 and 404 were never recorded; their error codes are the portal's own.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_response import ContentCoding

from explore_async.portal.answers import dumps
from explore_async.portal.errors import PortalError, too_long, unexpected

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = [
    "LOG",
    "LONGEST_LINE",
    "LONGEST_READ",
    "MIDDLEWARES",
    "NO_CACHE",
    "add_common_headers",
    "compress",
    "error_response",
    "unknown_uri",
]

LONGEST_LINE = 65_536
"""The maximum length of the path and query of a URL in bytes; that of live portals is unknown."""

LONGEST_READ = 16 * 1024 * 1024
"""The length up to which a request line is read, so that a longer URL gets an answer at all."""

NO_CACHE = "no-cache, no-store, max-age=0, must-revalidate"

_COMMON_HEADERS = {
    "vary": "Accept-Language, Cookie, Host",
    "content-language": "en-us",
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "POST, GET, OPTIONS",
    "access-control-max-age": "1000",
    "access-control-allow-headers": (
        "Authorization, X-Requested-With, Origin, ODS-API-Analytics-App, "
        "ODS-API-Analytics-Embed-Type, ODS-API-Analytics-Embed-Referrer, ODS-Widgets-Version, "
        "Accept"
    ),
    "access-control-expose-headers": (
        "ODS-Explore-API-Deprecation, Link, X-RateLimit-Remaining, X-RateLimit-Limit, "
        "X-RateLimit-Reset, X-RateLimit-dataset-Remaining, X-RateLimit-dataset-Limit, "
        "X-RateLimit-dataset-Reset"
    ),
    "strict-transport-security": "max-age=31536000;includeSubdomains",
    "x-content-type-options": "nosniff",
    "referrer-policy": "strict-origin-when-cross-origin",
    "x-ua-compatible": "IE=edge",
    "permissions-policy": (
        "midi=(),microphone=(),camera=(),magnetometer=(),gyroscope=(),fullscreen=(self),payment=()"
    ),
}

LOG = logging.getLogger("explore_async.portal")


def _is_no_fault_of_the_client(record: logging.LogRecord) -> bool:
    """Return whether to log a record: for malformed HTTP the response with status 400 is enough."""
    return record.exc_info is None or not isinstance(record.exc_info[1], HttpProcessingError)


LOG.addFilter(_is_no_fault_of_the_client)


def unknown_uri() -> PortalError:
    """Return the error for a path that the API does not have."""
    return PortalError(404, "NotFoundURI", "The requested URI does not exist.")


async def add_common_headers(_: web.Request, response: web.StreamResponse) -> None:
    """Add the headers of every response (recorded)."""
    for name, value in _COMMON_HEADERS.items():
        response.headers.setdefault(name, value)


def compress(request: web.Request, response: web.StreamResponse) -> None:
    """Compress if the client accepts gzip; `Content-Length` is then absent (recorded)."""
    accepted = "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, "").lower()
    # Compressing the empty body of a response to HEAD would add bytes.
    if not accepted or request.method == hdrs.METH_HEAD:
        return
    response.enable_compression(ContentCoding.gzip)
    if request.version >= HttpVersion11:
        response.enable_chunked_encoding()


def error_response(request: web.Request, error: PortalError) -> web.Response:
    """Make an error response: two spaces of indentation, no charset (recorded)."""
    lines = ",\n".join(f"  {dumps(key)}: {dumps(value)}" for key, value in error.body.items())
    response = web.Response(
        body=f"{{\n{lines}\n}}".encode(), status=error.status, content_type="application/json"
    )
    if error.status == 404:
        response.headers["cache-control"] = NO_CACHE
        compress(request, response)
    return response


@web.middleware
async def _errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Answer every error in the layout of the API."""
    try:
        return await handler(request)
    except PortalError as error:
        return error_response(request, error)
    except web.HTTPNotFound:
        return error_response(request, unknown_uri())
    except web.HTTPException as error:
        code = HTTPStatus(error.status).phrase.title().replace(" ", "")
        response = error_response(request, PortalError(error.status, code, f"{error.reason}."))
        if hdrs.ALLOW in error.headers:
            response.headers[hdrs.ALLOW] = error.headers[hdrs.ALLOW]
        return response
    except Exception:
        LOG.exception("A request failed: %s", request.path)
        return error_response(request, unexpected())


@web.middleware
async def _long_urls(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refuse a URL that is too long, before anything reads it."""
    if len(request.raw_path) > LONGEST_LINE:
        raise too_long(LONGEST_LINE)
    return await handler(request)


@web.middleware
async def _preflight(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Answer the question of a browser whether it may send a request; the headers say it all."""
    if request.method == hdrs.METH_OPTIONS:
        return web.Response()
    return await handler(request)


MIDDLEWARES = (_errors, _long_urls, _preflight)
"""The middlewares of the application, from the outside to the inside."""
