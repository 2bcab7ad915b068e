"""Refusals: recorded responses become the right error class, with the server's message."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from explore_async import (
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
from explore_async.http.refusals import Reply, error_from_reply, is_error_object
from tests.explore_async.doubles import NOW

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def error(
    body: bytes, status: int, *, headers: Mapping[str, str] | None = None, now: datetime = NOW
) -> APIError:
    reply = Reply(status=status, headers=headers or {}, body=body, url="https://host/path")
    return error_from_reply(reply, now=now)


@pytest.mark.parametrize(
    ("name", "status", "kind"),
    [
        ("errors/400-alias-twice.json", 400, ODSQLError),
        ("errors/400-geo-aggregation.json", 400, ODSQLError),
        ("errors/400-group_by-limit-60000.json", 400, InvalidRESTParameterError),
        ("errors/400-incompatible-types.json", 400, IncompatibleTypesInComparisonFilter),
        ("errors/400-limit-1473.json", 400, InvalidRESTParameterError),
        ("errors/400-offset-plus-limit-10001.json", 400, InvalidRESTParameterError),
        ("errors/400-orderby-aggregation-limit.json", 400, ODSQLError),
        ("errors/400-stat-aggregation-text.json", 400, ODSQLError),
        ("errors/400-syntax-contains.json", 400, ODSQLSyntaxError),
        ("errors/400-syntax-where-bogus.json", 400, ODSQLSyntaxError),
        ("errors/404-record.json", 404, NotFoundResource),
        ("errors/404-uri.json", 404, NotFoundURI),
        ("errors/429-10002-domain.documented.json", 429, QuotaExceeded),
        ("errors/429-10005-anonymous.documented.json", 429, QuotaExceeded),
        ("vancouver/error-not-found.json", 404, NotFoundResource),
        ("vancouver/error-odsql.json", 400, ODSQLError),
        ("velib-fi/02-limit-too-big.json", 400, InvalidRESTParameterError),
        ("enw/forbidden-records-example.json", 403, ForbiddenAccess),
    ],
)
def test_recorded_errors_become_their_class(
    recorded: Callable[[str], bytes], name: str, status: int, kind: type[APIError]
) -> None:
    """The class is that of the server's error code, and the message quotes the server."""
    body = recorded(name)
    caught = error(body, status)
    assert type(caught) is kind
    assert caught.status == status
    assert is_error_object(json.loads(body))
    assert caught.reason in str(caught)
    assert kind.advice in str(caught)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadRequest),
        (401, Unauthorized),
        (403, ForbiddenAccess),
        (404, NotFound),
        (429, QuotaExceeded),
        (410, APIError),
        (500, ServerError),
        (503, ServerError),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>Sorry</html>", b'{"message": "cut', b"[1]", b"null"])
def test_the_status_decides_where_the_body_says_nothing(
    status: int, kind: type[APIError], body: bytes
) -> None:
    """The status counts even if the body is a proxy's page, truncated or empty."""
    caught = error(body, status, headers={"content-type": "text/html"})
    assert type(caught) is kind
    assert f"HTTP {status}" in str(caught)
    assert "text/html" in str(caught)


def test_a_syntax_error_knows_its_place(recorded: Callable[[str], bytes]) -> None:
    """Position and clause are parsed from the server's message."""
    caught = error(recorded("errors/400-syntax-invalid_function.json"), 400)
    assert isinstance(caught, ODSQLSyntaxError)
    assert (caught.position, caught.clause) == (16, "select")


def test_a_parameter_error_names_the_parameter(recorded: Callable[[str], bytes]) -> None:
    """The name is the one that the server uses."""
    caught = error(recorded("errors/400-offset-plus-limit-10100.json"), 400)
    assert isinstance(caught, InvalidRESTParameterError)
    assert caught.parameter == "sum of offset + limit"


def test_the_quota_envelope_is_read(recorded: Callable[[str], bytes]) -> None:
    """A 429 has its own keys: errorcode, reset_time, call_limit, limit_time_unit."""
    now = datetime(2021, 1, 25, 23, 0, tzinfo=UTC)
    caught = error(recorded("errors/429-10002-domain.documented.json"), 429, now=now)
    assert isinstance(caught, QuotaExceeded)
    assert caught.code == "10002"
    assert caught.reset_at == datetime(2021, 1, 26, tzinfo=UTC)
    assert (caught.call_limit, caught.unit, caught.retry_after) == (10000, "day", 3600.0)
    assert "2021-01-26T00:00:00+00:00" in str(caught)


@pytest.mark.parametrize("limit", [100, 2**64 + 1, 99999999999999999999999])
def test_a_call_limit_of_any_size_is_exact(limit: int) -> None:
    """Some portals express "unlimited" as a quota beyond 64 bits."""
    caught = error(f'{{"errorcode": 10002, "call_limit": {limit}}}'.encode(), 429)
    assert isinstance(caught, QuotaExceeded)
    assert caught.call_limit == limit
    assert isinstance(caught.call_limit, int)


@pytest.mark.parametrize("limit", ["1e23", "0.5", "null", '"many"'])
def test_a_call_limit_that_is_no_integer_is_not_guessed(limit: str) -> None:
    """Nor is it taken from a message that mentions it."""
    body = f'{{"errorcode": 10002, "error": "\\"call_limit\\": 5", "call_limit": {limit}}}'
    caught = error(body.encode(), 429)
    assert isinstance(caught, QuotaExceeded)
    assert caught.reason == '"call_limit": 5'
    assert caught.call_limit is None


def test_the_reset_header_counts_only_when_nothing_remains() -> None:
    """Otherwise a 429 for a short burst would mean waiting for the end of the day."""
    headers = {"x-ratelimit-reset": "2026-08-18 00:00:00+00:00"}
    burst = error(b"", 429, headers={**headers, "x-ratelimit-remaining": "12"})
    spent = error(b"", 429, headers={**headers, "x-ratelimit-remaining": "0"})
    assert burst.retry_after is None
    assert spent.retry_after == 12 * 3600.0


def test_a_reset_in_the_past_is_no_wait() -> None:
    """A server clock that is behind does not make the wait negative."""
    caught = error(b'{"errorcode": 10002, "reset_time": "2021-01-26T00:00:00Z"}', 429)
    assert caught.retry_after == 0.0


def test_a_long_url_is_shortened_in_the_message_only() -> None:
    """The message stays readable with a `where` clause of 9 kB."""
    url = f"https://host/?where={'x' * 9000}"
    caught = error_from_reply(Reply(status=400, headers={}, body=b"", url=url), now=NOW)
    assert len(str(caught)) < 800
    assert caught.url == url


@pytest.mark.parametrize(
    "value", [{"error_code": "X", "message": "a field", "id": 1}, {"message": "x"}, [], None, {}]
)
def test_a_row_that_resembles_an_error_is_a_row(value: object) -> None:
    """Datasets may have columns named message or error_code."""
    assert not is_error_object(value)


@pytest.mark.parametrize(
    ("status", "advice"),
    [(403, "A filter in front of the portal"), (404, "base URL is wrong"), (502, "out of order")],
)
def test_an_error_page_in_html_is_told_by_its_title(status: int, advice: str) -> None:
    """It is not from the API but from a server in front of it; its markup says nothing."""
    page = b"<!DOCTYPE html>\n<html><head><title>403 &amp;\n Go</title></head><body><h1>No</h1>"
    caught = error(page, status, headers={"content-type": "text/html"})
    assert "text/html: an HTML page titled '403 & Go' (HTTP" in str(caught)
    assert advice in str(caught)
    assert "<" not in str(caught)


@pytest.mark.parametrize("body", [b"<div>Not here</div>", b""])
def test_any_answer_in_html_is_not_from_the_api(body: bytes) -> None:
    """Even a part of a page, or none; a portal answers in JSON that a dataset is missing."""
    caught = error(body, 404, headers={"content-type": "text/html; charset=utf-8"})
    assert "base URL is wrong" in str(caught)


def test_a_page_without_a_title_is_only_a_page() -> None:
    """Not even its beginning is shown."""
    assert "an HTML page without a title" in str(error(b"<html><title> </title><p>x", 500))


def test_a_call_limit_in_quotes_is_a_number() -> None:
    """Gateways write numbers as strings."""
    caught = error(b'{"errorcode": 10002, "call_limit": "10000"}', 429)
    assert isinstance(caught, QuotaExceeded)
    assert caught.call_limit == 10000


@pytest.mark.parametrize("depth", [300, 900, 5000])
def test_a_deep_error_body_is_an_error_like_any_other(depth: int) -> None:
    """No RecursionError reaches the caller."""
    body = b'{"error_code": "X", "message": %b%b}' % (b"[" * depth, b"]" * depth)
    assert "HTTP 400" in str(error(body, 400))
