"""All errors that this package raises, derived from `ExploreError`.

Each message says what happened and what to do next. Each class takes its message as the only
positional argument and stores the rest as plain attributes, so every error survives `pickle` and
`copy` and can cross process boundaries. No error holds a live response, a header or an API key.

Classes for the API's errors (`ODSQLError`, `NotFoundResource`, ...) have the names that the server
sends as `error_code`, because users search for them.
"""

# ruff: noqa: N818 - names of the API, and the published WindowExceeded and QuotaExceeded

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
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
    "IncompleteHarvestError",
    "IntegrityError",
    "InvalidRESTParameterError",
    "MisfitError",
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
    "SnapshotError",
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
    """The base class: catch it to catch every error that this package raises.

    Attributes:
        message: what happened and what to do next; the same as `str(error)`.
        status: HTTP status of the response, or None if there was no response.
        code: the API's `error_code` (or `errorcode`, as a string), or None.
        url: the requested URL, without secrets, or None.
        attempts: how many times the request was sent; 0 if it was refused before sending.
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
    """An argument or the use of the client is invalid; nothing was sent."""


class StreamConsumedError(ConfigurationError):
    """A single-use export stream was read a second time, or outside its `async with` block."""


class MissingExtraError(ExploreError, ImportError):
    """An optional package that this feature needs is not installed.

    Attributes:
        name: the missing package, as on any `ImportError`; None if unknown.
    """

    def __init__(self, message: str, *, name: str | None = None) -> None:
        super().__init__(message)
        self.name = name


class WindowExceeded(ExploreError):
    """The requested rows are beyond the reach of paging (getRecords, getDatasets).

    The server requires `offset + limit <= 10000` (20000 with `group_by`).

    Attributes:
        window: the largest `offset + limit` that the server accepts.
        wanted: the `offset + limit` needed for the requested rows; None if unknown.
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
    """The request received no complete HTTP response."""


class ConnectError(TransportError):
    """The connection was refused, reset or dropped before a response began."""


class NameResolutionError(ConnectError):
    """The host name could not be resolved."""


class TLSError(ConnectError):
    """The TLS handshake failed, for instance on an untrusted certificate; never retried."""


class ProxyError(ConnectError):
    """The proxy did not respond, or refused the request (407, authentication required)."""


class RequestTimeout(TransportError):
    """The response, or its next byte, did not arrive in time."""


class RedirectError(TransportError):
    """The server redirects to another origin, which must not receive the API key.

    Attributes:
        host: host and port of the redirect's target; None if missing or unreadable.
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
        rows: complete rows received before the end; None if rows are not counted.
        bytes_received: decoded bytes received before the end.
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
    """The response is complete but is not what this operation returns, such as an HTML page.

    Attributes:
        content_type: media type that the server declared; empty if it declared none.
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


class MisfitError(DecodeError):
    """A row does not fit the class that it was asked for with `into=`.

    Attributes:
        row: the index of the row in the result, from 0; None for a row by its identifier.
        field: the field of the dataset; None if the row does not fit as a whole.
        wanted: the type in the class, as text.
        came: the JSON that the server sent, cut after 200 characters, or `nothing`.
    """

    def __init__(
        self,
        message: str,
        *,
        row: int | None = None,
        field: str | None = None,
        wanted: str = "",
        came: str = "",
        url: str | None = None,
    ) -> None:
        super().__init__(message, url=url)
        self.row = row
        self.field = field
        self.wanted = wanted
        self.came = came


class TooLargeError(DecodeError):
    """A body, or one line of it, exceeds the cap that protects memory."""


class IntegrityError(ExploreError):
    """The received data contradicts what the server announced; the result would be wrong.

    Attributes:
        expected: the number that the server announced, usually of rows.
        received: the number that arrived.
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
    """A page has more or fewer rows than its position in the result requires."""


class RepeatedPageError(IntegrityError):
    """The server sent the same page twice, so it ignores `offset`."""


class TotalCountDriftError(IntegrityError):
    """`total_count` changed between two pages: the dataset changed while it was read."""


class StorageError(ExploreError):
    """The file could not be written, for instance to a full disk. No part of it remains."""


class SnapshotError(ExploreError):
    """Datasets could not be copied; the others were.

    Attributes:
        failed: the error of each dataset that was not copied.
        saved: the identifiers of the datasets that were.
    """

    def __init__(
        self,
        message: str,
        *,
        failed: Mapping[str, ExploreError] | None = None,
        saved: Sequence[str] = (),
    ) -> None:
        super().__init__(message)
        self.failed = {} if failed is None else failed
        self.saved = saved


class IncompleteHarvestError(ExploreError):
    """A harvest was stopped before it was complete; what is finished is kept.

    Attributes:
        finished: the partitions that are finished.
        planned: all partitions.
    """

    def __init__(self, message: str, *, finished: int = 0, planned: int = 0) -> None:
        super().__init__(message)
        self.finished = finished
        self.planned = planned


class APIError(ExploreError):
    """The server answered with an error.

    Attributes:
        reason: the server's own message, cut after 2,000 characters.
        retry_after: seconds that the server asks to wait, or None if it does not say.
    """

    advice = "Correct the request as the server's message says, and check the base URL."

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
    """400: the server rejects the request; a retry will not help."""

    advice = "Correct the query; the same request will fail again."


class ODSQLError(BadRequest):
    """400 `ODSQLError`: the clause is well-formed but invalid, such as an unknown field."""

    advice = (
        "Check field names and types against the schema: `await dataset.info()`, or `explore info`."
    )

    @property
    def clause(self) -> str | None:
        """The parameter that the server blames (`where`, `select`, ...), or None."""
        found = re.search(r"Clause\(s\) containing the error\(s\): (\w+)", self.reason)
        return found.group(1) if found else None


class ODSQLSyntaxError(ODSQLError):
    """400 `ODSQLSyntaxError`: the clause cannot be parsed."""

    advice = "Correct the clause at that position; text literals need quotes."

    @property
    def position(self) -> int | None:
        """The 0-based offset in the clause at which the server failed to parse it, or None."""
        found = re.search(r" at position (\d+)", self.reason)
        return int(found.group(1)) if found else None


class IncompatibleTypesInComparisonFilter(ODSQLError):
    """400: the two sides of a comparison have different types, such as a date and text."""

    advice = (
        "Compare values of the same type: write dates as date'2024-01-31' and numbers without "
        "quotes."
    )


class InvalidRESTParameterError(BadRequest):
    """400 `InvalidRESTParameterError`: a parameter such as `limit` is out of its range."""

    advice = "Set the parameter to a value in the range that the server names."

    @property
    def parameter(self) -> str | None:
        """The parameter that the server blames, such as `limit`, or None."""
        found = re.search(r"Invalid value for (.+?) API parameter", self.reason)
        return found.group(1) if found else None


class Unauthorized(APIError):
    """401: the API key is missing, mistyped or revoked."""

    advice = (
        "Pass a valid API key as `auth=`, or set EXPLORE_API_KEY for the command line. The key is "
        "sent only in the Authorization header."
    )


class ForbiddenAccess(APIError):
    """403: the caller may not see this resource."""

    advice = (
        "Request access from the portal, or use an API key with access: pass it as `auth=`, or set "
        "EXPLORE_API_KEY for the command line."
    )


class NotFound(APIError):
    """404: nothing exists at this URL."""

    advice = "Check the base URL and the identifiers."


class NotFoundResource(NotFound):
    """404 `NotFoundResource`: the dataset or the record does not exist."""

    advice = (
        "Check the identifier; `client.datasets()` and `explore datasets` list the datasets. If it "
        "worked before, the dataset may be offline for a while: keep its rows, and try again later."
    )


class NotFoundURI(NotFound):
    """404 `NotFoundURI`: the path does not exist on this portal."""

    advice = "Check that the base URL leads to an Explore API v2.1."


class QuotaExceeded(APIError):
    """429: the quota of calls for a period is used up, or requests are too frequent.

    Attributes:
        reset_at: when calls are allowed again (aware datetime), or None if unknown.
        call_limit: calls allowed per period, or None if unknown.
        unit: the period, such as `day`, or None if unknown.
    """

    advice = "Wait until the quota resets, send fewer requests, or use an API key with more quota."

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
    """The OAuth2 server refused to issue or renew tokens, or the new ones could not be saved.

    The user must grant access again, unless the message says otherwise.
    """


class ServerError(APIError):
    """5xx: the portal, or a proxy in front of it, failed."""

    advice = "Try again later; if the query is large, narrow it or use an export."
