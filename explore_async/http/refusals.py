"""What a refusal means: which error an answer is, and which part of the query the server blames.

`error_from_reply` looks at the status before the body, so a proxy's HTML page with status 502 is a
502 and not broken JSON.

`explain` leads from the message back to the query. The server names a clause and, for a syntax
error, an offset in it; for an unknown field it names the field. The clause is at hand, so the error
can show it with a caret below the place. Sometimes the server repeats a different text from the one
that was sent, because the portal or something on the way has changed it. Then its offset says
nothing about the clause, and no caret is drawn.
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
from explore_async.http.decoding import snippet
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
_CALL_LIMIT = re.compile(rb'"call_limit"\s*:\s*([0-9]+)(?![0-9.eE])')

_UNEXPECTED = re.compile(r"unexpected (.+?) at position \d+")
_ECHO = re.compile(r" at position \d+ in (.*)\. Clause\(s\) containing", re.DOTALL)
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
"""All keys that an error envelope may begin with."""


@frozen(kw_only=True)
class Reply:
    """An answer that is (or may be) an error: what `error_from_reply` looks at, and nothing more.

    Attributes:
        status: HTTP status.
        headers: response headers; names in lower case.
        body: the decoded body, or its beginning.
        url: the URL that was asked, without secrets.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


def is_error_object(value: object) -> bool:
    """Whether a decoded JSON value is one of the API's two error envelopes and nothing else."""
    if not isinstance(value, dict) or ("error_code" not in value and "errorcode" not in value):
        return False
    return any(value.keys() <= envelope for envelope in _ENVELOPES)


def error_from_reply(reply: Reply, *, now: datetime) -> APIError:
    """Turn an error answer into the exception to raise; pure.

    Args:
        reply: the answer. Its status is looked at before its body, so that a proxy's HTML page
            is reported as the 502 it is and not as broken JSON.
        now: the present, to turn a moment into seconds to wait where there is no Date header.
    """
    # The server's own clock says how far its moments are away; ours may be wrong.
    now = parse_http_date(reply.headers.get("date", "")) or now
    fields = _fields(reply.body)
    code = _text(fields.get("error_code", fields.get("errorcode")))
    reason = _text(fields.get("message", fields.get("error"))) or _describe(reply)
    kind = _class_of(reply.status, code)
    label = f"{code}: " if code else ""
    message = f"{label}{reason} (HTTP {reply.status} from {_short(reply.url)}). {kind.advice}"
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
    return None if value is None else str(value)[:2000]


def _describe(reply: Reply) -> str:
    media = reply.headers.get("content-type") or "no content type"
    return f"the server answered {media}: {snippet(reply.body)!r}"


def _reset_moment(fields: Mapping[str, object], headers: Mapping[str, str]) -> datetime | None:
    said = _text(fields.get("reset_time"))
    if said is not None:
        return parse_moment(said)
    # The header always names the end of the period; it is a wait only once the period is used up.
    for scope in ("x-ratelimit-", "x-ratelimit-dataset-"):
        if headers.get(f"{scope}remaining") == "0":
            return parse_moment(headers.get(f"{scope}reset", ""))
    return None


def _call_limit(fields: Mapping[str, object], body: bytes) -> int | None:
    limit = fields.get("call_limit")
    if not isinstance(limit, float):
        return limit if isinstance(limit, int) else None
    # An integer beyond 64 bits was rounded to a float; a quota may have 23 digits.
    written = _CALL_LIMIT.search(body)
    return parse_count(written.group(1).decode()) if written else None


def _about_length(reply: Reply) -> str:
    if reply.status not in _TOO_LONG_STATUSES or len(reply.url) < _LONG_URL:
        return ""
    return (
        f" The URL has {len(reply.url)} bytes, and many servers stop at 8190: shorten the "
        "clauses, or split the query into several."
    )


def _short(url: str) -> str:
    return url if len(url) <= _URL_CHARACTERS else url[:_URL_CHARACTERS] + "..."


# ---------------------------------------------------------------- the place in the query


def explain(error: ODSQLError, params: Sequence[tuple[str, str]]) -> None:
    """Let an error show the place in the clause it speaks of.

    The picture is a note of the error (PEP 678): tracebacks print it, and it survives pickling.
    """
    place = place_of(error, params)
    if place is not None:
        error.add_note(f"{place.clause}, position {place.position}:\n{place.picture}")


def place_of(error: ODSQLError, params: Sequence[tuple[str, str]]) -> odsql.ODSQLSyntaxError | None:
    """The place an answer speaks of, as the parser of this package would report it.

    Args:
        error: what the server answered.
        params: the parameters of the request.

    Returns:
        None when the answer names no clause, or nothing in it that can be found again.
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
    # Its patterns are compiled here, where a query was refused, and not for every program.
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
