"""Every error this package raises: one tree under `ExploreError`, and how an answer becomes one.

Each message says what happened and what to do next. Each class takes its message as the only
positional argument and keeps the rest as plain attributes, so every error survives `pickle` and
`copy` (and so a worker process). No error holds a live response, a header or an API key.

The classes named after the API (`ODSQLError`, `NotFoundResource`, ...) carry the very name that the
server puts into `error_code`, because that is what a reader will search for.
"""

# ruff: noqa: N818 - the API's own names, and the established WindowExceeded / QuotaExceeded

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

__all__ = [
    "APIError",
    "BadRequest",
    "ConfigurationError",
    "ConnectError",
    "DecodeError",
    "ExploreError",
    "ForbiddenAccess",
    "IncompatibleTypesInComparisonFilter",
    "IntegrityError",
    "InvalidRESTParameterError",
    "MissingExtraError",
    "NameResolutionError",
    "NotFound",
    "NotFoundResource",
    "NotFoundURI",
    "ODSQLError",
    "ODSQLSyntaxError",
    "ProxyError",
    "QuotaExceeded",
    "RedirectError",
    "RepeatedPageError",
    "RequestTimeout",
    "ServerError",
    "ShortPageError",
    "StorageError",
    "StreamConsumedError",
    "TLSError",
    "TokenError",
    "TooLargeError",
    "TotalCountDriftError",
    "TransportError",
    "TruncatedError",
    "Unauthorized",
    "WindowExceeded",
]


class ExploreError(Exception):
    """The root: catch this to catch everything this package raises.

    Attributes:
        message: what happened and what to do next; the same text as `str(error)`.
        status: HTTP status of the answer, or None when there was no answer.
        code: the API's `error_code` (or `errorcode`, as text), or None.
        url: the URL that was asked, without secrets, or None.
        attempts: how many times the request was sent; 0 when it was refused before sending.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        url: str | None = None,
        attempts: int = 0,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.url = url
        self.attempts = attempts


class ConfigurationError(ExploreError):
    """An argument, or the way the client is used, cannot work; nothing was sent."""


class StreamConsumedError(ConfigurationError):
    """A single-use export stream was read a second time, or outside its `async with` block."""


class MissingExtraError(ExploreError, ImportError):
    """A part of this package needs a package that is not installed.

    Attributes:
        name: the package that could not be imported, as on any `ImportError`; None when not said.
    """

    def __init__(self, message: str, *, name: str | None = None) -> None:
        super().__init__(message)
        self.name = name


class WindowExceeded(ExploreError):
    """The rows asked for lie beyond what paging may reach (getRecords, getDatasets).

    The server answers only up to `offset + limit <= 10000` (20000 with `group_by`).

    Attributes:
        window: the largest `offset + limit` the server answers.
        wanted: the `offset + limit` that would have been needed; None when it is not known.
    """

    def __init__(
        self,
        message: str,
        *,
        window: int | None = None,
        wanted: int | None = None,
        url: str | None = None,
    ) -> None:
        super().__init__(message, url=url)
        self.window = window
        self.wanted = wanted


class TransportError(ExploreError):
    """The request did not get a whole HTTP answer."""


class ConnectError(TransportError):
    """The connection was refused, reset or dropped before an answer began."""


class NameResolutionError(ConnectError):
    """The host name could not be resolved."""


class TLSError(ConnectError):
    """The TLS handshake failed, for instance an untrusted certificate; never retried."""


class ProxyError(ConnectError):
    """The proxy gave no answer, or refuses to pass the request on (407: who are you?)."""


class RequestTimeout(TransportError):
    """No answer, or no further byte of it, came within the time allowed."""


class RedirectError(TransportError):
    """The server redirects to another origin, where the API key must not go.

    Attributes:
        host: host (and port) the redirect points at; None when it is missing or unreadable.
    """

    def __init__(
        self,
        message: str,
        *,
        host: str | None = None,
        status: int | None = None,
        url: str | None = None,
        attempts: int = 0,
    ) -> None:
        super().__init__(message, status=status, url=url, attempts=attempts)
        self.host = host


class TruncatedError(TransportError):
    """The body ended before it was complete.

    Attributes:
        rows: complete rows received before the cut; None where rows are not counted.
        bytes_received: decoded bytes received before the cut.
    """

    def __init__(
        self,
        message: str,
        *,
        rows: int | None = None,
        bytes_received: int = 0,
        status: int | None = None,
        url: str | None = None,
        attempts: int = 0,
    ) -> None:
        super().__init__(message, status=status, url=url, attempts=attempts)
        self.rows = rows
        self.bytes_received = bytes_received


class DecodeError(ExploreError):
    """The answer is complete but is not what this operation returns, such as an HTML page.

    Attributes:
        content_type: media type the server declared; empty when it declared none.
        snippet: the first characters of the body, on one line.
    """

    def __init__(
        self,
        message: str,
        *,
        content_type: str = "",
        snippet: str = "",
        status: int | None = None,
        url: str | None = None,
        attempts: int = 0,
    ) -> None:
        super().__init__(message, status=status, url=url, attempts=attempts)
        self.content_type = content_type
        self.snippet = snippet


class TooLargeError(DecodeError):
    """A body, or one line of it, is larger than the cap that protects memory."""


class IntegrityError(ExploreError):
    """What arrived contradicts what the server announced; the result would have been wrong.

    Attributes:
        expected: what the server announced, usually a number of rows.
        received: what arrived.
    """

    def __init__(
        self,
        message: str,
        *,
        expected: int | None = None,
        received: int | None = None,
        url: str | None = None,
    ) -> None:
        super().__init__(message, url=url)
        self.expected = expected
        self.received = received


class ShortPageError(IntegrityError):
    """A page holds another number of rows than its place in the result calls for."""


class RepeatedPageError(IntegrityError):
    """The server sent the same page twice, so it does not honour `offset`."""


class TotalCountDriftError(IntegrityError):
    """`total_count` changed between two pages: the dataset was written to while it was read."""


class StorageError(ExploreError):
    """The file could not be written, for instance because the disk is full; there is no file."""


class APIError(ExploreError):
    """The server answered with an error.

    Attributes:
        reason: the server's own message, unchanged but for its length.
        retry_after: seconds the server asks to wait, or None when it does not say.
    """

    advice = "Read the server's message; the request itself was understood as sent."

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        url: str | None = None,
        attempts: int = 0,
        reason: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, status=status, code=code, url=url, attempts=attempts)
        self.reason = reason
        self.retry_after = retry_after


class BadRequest(APIError):
    """400: the server refuses the request; sending it again will not help."""

    advice = "Correct the query; the same request will fail again."


class ODSQLError(BadRequest):
    """400 `ODSQLError`: the clause reads well but means nothing, such as an unknown field."""

    advice = (
        "Check field names and types against the schema: `await dataset.info()`, or "
        "`explore schema pull`."
    )

    @property
    def clause(self) -> str | None:
        """The parameter the server blames (`where`, `select`, ...), or None when it names none."""
        found = re.search(r"Clause\(s\) containing the error\(s\): (\w+)", self.reason)
        return found.group(1) if found else None


class ODSQLSyntaxError(ODSQLError):
    """400 `ODSQLSyntaxError`: the clause cannot be read."""

    advice = "Correct the clause at that position; a text literal needs quotes."

    @property
    def position(self) -> int | None:
        """0-based offset, in the clause, of the character the server stumbled over, or None."""
        found = re.search(r" at position (\d+)", self.reason)
        return int(found.group(1)) if found else None


class IncompatibleTypesInComparisonFilter(ODSQLError):
    """400: two sides of a comparison have different types, such as a date against text."""

    advice = "Compare like with like: date'2024-01-31' for dates, unquoted numbers for numbers."


class InvalidRESTParameterError(BadRequest):
    """400 `InvalidRESTParameterError`: a parameter such as `limit` is out of its range."""

    advice = "Bring the parameter into the range the server names."

    @property
    def parameter(self) -> str | None:
        """The parameter the server blames, such as `limit`, or None when it names none."""
        found = re.search(r"Invalid value for (.+?) API parameter", self.reason)
        return found.group(1) if found else None


class Unauthorized(APIError):
    """401: the API key is missing, mistyped or revoked."""

    advice = (
        "Pass a valid API key as `auth=`, or to the command line as EXPLORE_API_KEY; it is sent "
        "only in the Authorization header."
    )


class ForbiddenAccess(APIError):
    """403: the caller may not see this resource."""

    advice = (
        "Ask the portal for access, or pass an API key that has it: `auth=`, or EXPLORE_API_KEY "
        "for the command line."
    )


class NotFound(APIError):
    """404: there is nothing at this address."""

    advice = "Check the base URL and the identifiers."


class NotFoundResource(NotFound):
    """404 `NotFoundResource`: the dataset or the record does not exist."""

    advice = (
        "Check the identifier; `client.datasets()`, or `explore datasets`, lists what there is."
    )


class NotFoundURI(NotFound):
    """404 `NotFoundURI`: the portal does not know this path."""

    advice = "Check the base URL; it should lead to an Explore API v2.1."


class QuotaExceeded(APIError):
    """429: the calls allowed for a period are used up, or requests come too fast.

    Attributes:
        reset_at: when calls are allowed again (aware datetime), or None when not said.
        call_limit: calls allowed per period, or None when not said.
        unit: the period, such as `day`, or None when not said.
    """

    advice = "Wait until the reset, send fewer requests, or pass an API key with a larger quota."

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        url: str | None = None,
        attempts: int = 0,
        reason: str = "",
        retry_after: float | None = None,
        reset_at: datetime | None = None,
        call_limit: int | None = None,
        unit: str | None = None,
    ) -> None:
        super().__init__(
            message,
            status=status,
            code=code,
            url=url,
            attempts=attempts,
            reason=reason,
            retry_after=retry_after,
        )
        self.reset_at = reset_at
        self.call_limit = call_limit
        self.unit = unit


class TokenError(ExploreError):
    """The OAuth2 server refuses to give or renew tokens, or the new ones could not be saved.

    The user has to grant access again, unless the message says otherwise.
    """


class ServerError(APIError):
    """5xx: the portal, or a proxy in front of it, failed."""

    advice = "Try again later; for a large query, narrow it or use an export."
