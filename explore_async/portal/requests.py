"""The parameters of a request, read as a query, a window and settings.

Unknown parameters are ignored, as on live portals. If a clause that is allowed once is repeated,
the first one counts (unknown on live portals).
"""

from __future__ import annotations

import contextlib
import re
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from attrs import frozen

import odsql
from explore_async.portal.compiling import Query
from explore_async.portal.context import Settings
from explore_async.portal.errors import PortalError, invalid_parameter
from explore_async.portal.limits import check_limits
from odsql import nodes

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from multidict import MultiMapping

__all__ = [
    "BASE_PATH",
    "Window",
    "export_limit",
    "export_offset",
    "flag",
    "parse",
    "read_query",
    "read_settings",
    "record_window",
]

BASE_PATH = "/api/explore/v2.1"
"""The path of the API below the base URL of a portal."""

PAGE_LIMIT = 100
PAGE_WINDOW = 10_000
GROUP_LIMIT = 20_000
_MOST_ROWS = 2**63 - 1

_NO_ZONES = ("localtime", "posixrules", "Factory", "posix/", "right/")
# int() also accepts other notations, and raises ValueError for thousands of digits.
_INTEGER = re.compile(r"[+-]?[0-9]{1,1000}")
_HYPHENATED = re.compile(r"\w+\.\w+(?:-\w+)+")
_CALLED_AS_TYPED = ("select", "group_by", "order_by")

T = TypeVar("T")


@frozen
class Window:
    """The requested rows of a result."""

    limit: int
    offset: int


def parse(read: Callable[[str], T], text: str) -> T:
    """Parse one clause; a syntax error becomes the error of the live server."""
    try:
        return read(text)
    except odsql.ODSQLSyntaxError as error:
        raise PortalError(400, "ODSQLSyntaxError", error.server_message) from error


def read_query(parameters: MultiMapping[str]) -> Query:
    """Parse all clauses of a request; an empty clause counts as absent.

    Raises:
        PortalError: a clause is not ODSQL, or is too large for this portal.
    """

    def one(name: str, read: Callable[[str], T]) -> T | None:
        text = parameters.get(name, "")
        return parse(read, text) if text.strip() else None

    def many(name: str, read: Callable[[str], T]) -> tuple[T, ...]:
        texts = parameters.getall(name, [])
        return tuple(parse(read, text) for text in texts if text.strip())

    query = Query(
        select=one("select", odsql.parse_select),
        where=many("where", odsql.parse_where),
        group_by=one("group_by", odsql.parse_group_by),
        order_by=one("order_by", odsql.parse_order_by),
        facets=many("facet", _facet),
        refine=many("refine", odsql.parse_refinement),
        exclude=many("exclude", partial(odsql.parse_refinement, clause="exclude")),
        texts={name: parameters[name] for name in _CALLED_AS_TYPED if name in parameters},
    )
    check_limits(query.clauses)
    return query


def _facet(text: str) -> nodes.Expression:
    """Read a facet; the name of a metadata may have hyphens there, as `custom.data-owner`."""
    name = text.strip()
    return nodes.Field(name) if _HYPHENATED.fullmatch(name) else odsql.parse_facet(text)


def read_settings(parameters: MultiMapping[str], now: datetime) -> Settings:
    """Read `timezone` (an IANA name, UTC by default) and `lang` (English by default)."""
    name = parameters.get("timezone", "") or "UTC"
    zone = _zone(name)
    if zone is None:
        # The live text is unknown.
        raise invalid_parameter(f"Invalid value for timezone API parameter: {name}.")
    return Settings(now, zone, parameters.get("lang", "") or "en")


def _zone(name: str) -> ZoneInfo | None:
    """Return the time zone of an IANA name; other files of the tz database are not accepted."""
    with contextlib.suppress(ZoneInfoNotFoundError, ValueError, OSError):
        return None if name.startswith(_NO_ZONES) else ZoneInfo(name)
    return None


def record_window(parameters: MultiMapping[str], *, grouped: bool) -> Window:
    """Read `limit` and `offset` of records and datasets, and check them as live portals do.

    Without groups, `limit` is 10 by default and from -1 to 100, and offset + limit is at most
    10,000; a limit of -1 returns up to 100 rows (unknown). With groups, both maxima are 20,000, and
    all groups are returned by default (recorded: 14 groups without a limit).
    """
    limit = _integer(parameters, "limit")
    offset = _offset(parameters)
    top, window = (GROUP_LIMIT, GROUP_LIMIT) if grouped else (PAGE_LIMIT, PAGE_WINDOW)
    if limit is None:
        limit = -1 if grouped else 10
    if not -1 <= limit <= top:
        expected = f"<= {top}" if grouped and limit > top else f"-1 <= limit <= {top}"
        raise invalid_parameter(
            f"Invalid value for limit API parameter: {limit} was found but {expected} is expected."
        )
    # How live portals count -1 here is unknown; the portal counts it as 0.
    last = offset + max(limit, 0)
    if last > window:
        raise invalid_parameter(
            f"Invalid value for sum of offset + limit API parameter: {last} was found "
            f"but <= {window} is expected."
        )
    return Window(min(top, window - offset) if limit == -1 else limit, offset)


def export_limit(parameters: MultiMapping[str]) -> int | None:
    """Read `limit` of exports; None means all rows, which is the default (-1)."""
    limit = _integer(parameters, "limit")
    if limit is not None and limit < -1:
        # The live text is unknown.
        raise invalid_parameter(
            f"Invalid value for limit API parameter: {limit} was found but >= -1 is expected."
        )
    return None if limit is None or limit == -1 else min(limit, _MOST_ROWS)


def export_offset(parameters: MultiMapping[str]) -> int:
    """Read `offset` of exports of the catalog; the specification has none for exports of records.

    It has no maximum.
    """
    return min(_offset(parameters), _MOST_ROWS)


def _offset(parameters: MultiMapping[str]) -> int:
    offset = _integer(parameters, "offset") or 0
    if offset < 0:
        # The live text is unknown.
        raise invalid_parameter(
            f"Invalid value for offset API parameter: {offset} was found but >= 0 is expected."
        )
    return offset


def flag(parameters: MultiMapping[str], name: str, *, default: bool) -> bool:
    """Read a `true` or `false` parameter; any other value means the default (unknown)."""
    return {"true": True, "false": False}.get(parameters.get(name, "").lower(), default)


def _integer(parameters: MultiMapping[str], name: str) -> int | None:
    text = parameters.get(name, "").strip()
    if not text:
        return None
    if not _INTEGER.fullmatch(text):
        # The live text is unknown.
        raise invalid_parameter(
            f"Invalid value for {name} API parameter: {text} was found but an integer is expected."
        )
    return int(text)
