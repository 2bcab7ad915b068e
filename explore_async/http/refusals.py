"""Error responses: the exception for each, and the part of the query that the server rejects.

`error_from_reply` reads the status before the body, so a proxy's HTML page with status 502 is
reported as a 502 and not as broken JSON.

`explain` finds the error in the query. For a syntax error the server names a clause and an offset
in it; for an unknown field it names the clause and the field. The error then shows the clause with
a caret below the position. Sometimes the server quotes a clause that differs from the one sent,
because the portal or a proxy has changed it. Its offset then does not fit the clause, and no caret
is drawn.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

import orjson
from attrs import frozen

import odsql
from explore_async.errors import (
    APIError,
    BadRequest,
    ForbiddenAccess,
    IncompatibleTypesInComparisonFilter,
    InvalidRESTParameterError,
    NotFound,
    NotFoundResource,
    NotFoundURI,
    ODSQLError,
    ODSQLSyntaxError,
    QuotaExceeded,
    ServerError,
    Unauthorized,
)
from explore_async.http.decoding import html_page, snippet
from explore_async.http.headers import (
    parse_count,
    parse_http_date,
    parse_moment,
    parse_retry_after,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

__all__ = [
    "ENVELOPE_KEYS",
    "Reply",
    "error_from_reply",
    "explain",
    "is_error_object",
    "place_of",
]

_LONG_URL = 8000
_TOO_LONG_STATUSES = frozenset({400, 413, 414, 431})
_URL_CHARACTERS = 300
_MOST_CHARACTERS = 2000
_ADVICE_FOR_HTML = {
    403: "A filter in front of the portal refused the request, not the portal, which answers in "
    "JSON. Ask its operator, or try another network or User-Agent.",
    404: "This host does not serve the API at this address: the base URL is wrong, or the portal "
    "has moved. Open the portal in a browser to see its present address.",
    500: "The portal or a server in front of it is out of order. Try again later.",
}
"""By status, for an error in HTML; 500 stands for all from there on."""
_CALL_LIMIT = re.compile(rb'"call_limit"\s*:\s*([0-9]+)(?![0-9.eE])')

_UNEXPECTED = re.compile(r"unexpected (.+?) at position \d+")
_ECHO = re.compile(r" at position \d+ in (.*)\. Clause\(s\) containing", re.DOTALL)
_UNKNOWN_FIELD = re.compile(r"Unknown field: '?([^\W\d]\w*(?:\.\w+)*)'?")
_NAMED = re.compile(r"(?:Unknown field|Field|Alias|Unknown function):? '?([^\W\d]\w*(?:\.\w+)*)'?")

_BY_CODE: Mapping[str, type[APIError]] = MappingProxyType(
    {
        "ODSQLError": ODSQLError,
        "ODSQLSyntaxError": ODSQLSyntaxError,
        "IncompatibleTypesInComparisonFilter": IncompatibleTypesInComparisonFilter,
        "InvalidRESTParameterError": InvalidRESTParameterError,
        "ForbiddenAccess": ForbiddenAccess,
        "NotFoundResource": NotFoundResource,
        "NotFoundURI": NotFoundURI,
    }
)
_BY_STATUS: Mapping[int, type[APIError]] = MappingProxyType(
    {400: BadRequest, 401: Unauthorized, 403: ForbiddenAccess, 404: NotFound}
)
_ENVELOPES = (
    frozenset({"error_code", "message"}),
    frozenset({"errorcode", "error", "reset_time", "limit_time_unit", "call_limit"}),
)


ENVELOPE_KEYS = frozenset[str]().union(*_ENVELOPES)
"""All keys that may come first in an error envelope."""


@frozen(kw_only=True)
class Reply:
    """The parts of an error response that `error_from_reply` reads.

    Attributes:
        status: HTTP status.
        headers: response headers, with names in lower case.
        body: the decoded body, or its beginning.
        url: the URL of the request, without secrets.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


def is_error_object(value: object) -> bool:
    """Return whether a decoded JSON value is exactly one of the API's two error envelopes."""
    if not isinstance(value, dict) or ("error_code" not in value and "errorcode" not in value):
        return False
    return any(value.keys() <= envelope for envelope in _ENVELOPES)


def error_from_reply(reply: Reply, *, now: datetime) -> APIError:
    """Return the exception for an error response; a pure function.

    Args:
        reply: the response. Its status is read before its body, so that a proxy's HTML page with
            status 502 is reported as a 502 and not as broken JSON.
        now: the current time, used without a Date header to convert a timestamp to a wait.
    """
    # Waits are relative to the server's clock; ours may be wrong.
    now = parse_http_date(reply.headers.get("date", "")) or now
    fields = _fields(reply.body)
    code = _text(fields.get("error_code", fields.get("errorcode")))
    reason = _text(fields.get("message", fields.get("error"))) or _describe(reply)
    kind = _class_of(reply.status, code)
    label = f"{code}: " if code else ""
    advice = _advice(kind, reply)
    message = f"{label}{reason} (HTTP {reply.status} from {_short(reply.url)}). {advice}"
    retry_after = parse_retry_after(reply.headers.get("retry-after"), now=now)
    message += _about_length(reply)
    if kind is not QuotaExceeded:
        return kind(
            message,
            status=reply.status,
            code=code,
            url=reply.url,
            reason=reason,
            retry_after=retry_after,
        )
    reset_at = _reset_moment(fields, reply.headers)
    if retry_after is None and reset_at is not None:
        retry_after = max(0.0, (reset_at - now).total_seconds())
    until = f" Calls are allowed again at {reset_at.isoformat()}." if reset_at else ""
    return QuotaExceeded(
        message + until,
        status=reply.status,
        code=code,
        url=reply.url,
        reason=reason,
        retry_after=retry_after,
        reset_at=reset_at,
        call_limit=_call_limit(fields, reply.body),
        unit=_text(fields.get("limit_time_unit")),
    )


def _class_of(status: int, code: str | None) -> type[APIError]:
    if status == 429 or (code is not None and code.isdecimal()):
        return QuotaExceeded
    if status >= 500:
        return ServerError
    return _BY_CODE.get(code or "") or _BY_STATUS.get(status, APIError)


def _fields(body: bytes) -> dict[str, object]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    if isinstance(value, str):
        return value[:_MOST_CHARACTERS]
    if value is None:
        return None
    try:
        return orjson.dumps(value).decode()[:_MOST_CHARACTERS]
    except TypeError:  # nested too deep
        return None


def _advice(kind: type[APIError], reply: Reply) -> str:
    """Return what to do; a page in HTML is not from the API, but from something in front of it."""
    media = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    if html_page(reply.body) is None and media != "text/html":
        return kind.advice
    return _ADVICE_FOR_HTML.get(min(reply.status, 500), kind.advice)


def _describe(reply: Reply) -> str:
    media = reply.headers.get("content-type") or "no content type"
    return f"the server answered {media}: {html_page(reply.body) or repr(snippet(reply.body))}"


def _reset_moment(fields: Mapping[str, object], headers: Mapping[str, str]) -> datetime | None:
    said = _text(fields.get("reset_time"))
    if said is not None:
        return parse_moment(said)
    # The header always names the end of the period; it is a wait only if no calls are left.
    for scope in ("x-ratelimit-", "x-ratelimit-dataset-"):
        if headers.get(f"{scope}remaining") == "0":
            return parse_moment(headers.get(f"{scope}reset", ""))
    return None


def _call_limit(fields: Mapping[str, object], body: bytes) -> int | None:
    limit = fields.get("call_limit")
    if isinstance(limit, str):
        return parse_count(limit)
    if not isinstance(limit, float):
        return limit if isinstance(limit, int) else None
    # orjson rounds an integer beyond 64 bits to a float, and a quota may have 23 digits.
    written = _CALL_LIMIT.search(body)
    return parse_count(written.group(1).decode()) if written else None


def _about_length(reply: Reply) -> str:
    if reply.status not in _TOO_LONG_STATUSES or len(reply.url) < _LONG_URL:
        return ""
    return (
        f" The URL has {len(reply.url)} bytes, and many servers accept at most 8190. Shorten the "
        "clauses, or split the query into several."
    )


def _short(url: str) -> str:
    return url if len(url) <= _URL_CHARACTERS else url[:_URL_CHARACTERS] + "..."


# ---------------------------------------------------------------- the position in the query


def unknown_field(error: ODSQLError) -> str | None:
    """Return the field that the dataset does not have, if that is what the error is about."""
    found = _UNKNOWN_FIELD.search(error.reason)
    return None if found is None else found[1]


def explain(error: ODSQLError, params: Sequence[tuple[str, str]]) -> None:
    """Add a note to an error that shows its position in the clause.

    Tracebacks print the note (PEP 678), and it survives pickling.
    """
    place = place_of(error, params)
    if place is not None:
        error.add_note(f"{place.clause}, position {place.position}:\n{place.picture}")


def place_of(error: ODSQLError, params: Sequence[tuple[str, str]]) -> odsql.ODSQLSyntaxError | None:
    """Return the position of a server error as the syntax error that `odsql` would raise.

    Args:
        error: the server's error.
        params: the parameters of the request.

    Returns:
        The syntax error, or None if the server names no clause, or no position or name that can be
        found in it.
    """
    texts = [value for name, value in params if name == error.clause]
    if len(texts) != 1 or error.clause is None:
        return None
    found = _found(error, texts[0])
    if found is None:
        return None
    position, token = found
    return odsql.ODSQLSyntaxError(error.clause, texts[0], position, token, (), None)


def _found(error: ODSQLError, text: str) -> tuple[int, str] | None:
    if isinstance(error, ODSQLSyntaxError):
        echo = _ECHO.search(error.reason)
        if echo is not None and echo[1].rstrip() != text.rstrip():
            return None
        if "unexpected end of line" in error.reason:
            return len(text), ""
        unexpected = _UNEXPECTED.search(error.reason)
        if error.position is None or error.position > len(text):
            return None
        return error.position, unexpected.group(1) if unexpected else ""
    named = _NAMED.search(error.reason)
    if named is None:
        return None
    # Imported here, so that its patterns are compiled only once a query was refused.
    from odsql.syntax.scanning import TOKEN

    name = named.group(1)
    return next(
        (
            (match.start(1), name)
            for match in TOKEN.finditer(text.rstrip())
            if match[1].strip("`") == name
        ),
        None,
    )
