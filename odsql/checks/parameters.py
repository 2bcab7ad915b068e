"""Checks around the clauses: parameter names, limits and windows, the order of pages.

(Source: the parameters of the Explore API v2.1; recorded InvalidRESTParameterError answers.)
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from odsql.checks.diagnostics import PARAMETERS
from odsql.checks.state import finding
from odsql.syntax import nodes
from odsql.syntax.other_names import other_name

if TYPE_CHECKING:
    from odsql.checks.diagnostics import Diagnostic, Older, Request
    from odsql.schema import Schema

__all__ = [
    "PLACEHOLDERS", "Shape", "check_key", "check_parameters", "check_placeholder", "check_unknown",
    "generation_finding",
]  # fmt: skip

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_ONCE = frozenset(("select", "group_by", "order_by", "limit", "offset", "lang", "timezone"))
_TEMPLATE = re.compile(r"[{}$<>%]")
_EXPORTS = ("exports", "catalog_exports")
_KEY = re.compile(r"(?=[^0-9]*[0-9])(?![A-Z]+_[A-Z0-9_]*\Z)[\w.~+/-]{8,}")
"""A key has digits; `YOUR_KEY`, `my-api-key` and `$KEY` are placeholders."""

PLACEHOLDERS = frozenset(("WHERE", "SELECT", "GROUP_BY", "ORDER_BY", "FACET"))
"""What the consoles of portals show in empty fields, as far as it parses."""

PAGE_LIMIT, PAGE_WINDOW = 100, 10_000
GROUP_LIMIT, GROUP_WINDOW, WIDEST_GROUP_WINDOW = 20_000, 20_000, 30_000
ORDERED_LIMIT, WIDEST_ORDERED_LIMIT = 20_000, 50_000


class Shape(NamedTuple):
    """The shape of a request: whether it is grouped, and where it has aggregates.

    `whole` means that nothing is added to the request, so a parameter missing here is missing.
    """

    whole: bool
    grouped: bool
    select_number: int | None = None
    aggregated: bool = False
    order_number: int | None = None
    order: nodes.OrderBy | None = None
    ordered_by_aggregate: bool = False
    complete: bool = True


class _Window(NamedTuple):
    """limit and offset: their values, None if absent or not numbers, and their indices.

    `readable` is False if one of them is present but its value is unknown. `paging` means that
    there is an offset that is, or may be, more than 0.
    """

    limit: int | None
    offset: int | None
    limit_number: int | None
    offset_number: int | None
    readable: bool
    paging: bool


def check_unknown(request: Request, number: int, found: list[Diagnostic]) -> None:
    """Report a parameter that portals ignore."""
    name = request.parameters[number].name
    other = other_name(name, PARAMETERS)
    hint = f"write {other}" if other is not None else None
    _report(request, number, "ODS408", f"{name} is not a parameter; portals ignore it", hint, found)


def check_key(request: Request, number: int, found: list[Diagnostic]) -> None:
    """Report an API key. The message does not repeat it, because it may end up in a public log."""
    if _KEY.fullmatch(request.parameters[number].text.strip()) is None:
        return
    message = "an API key is written here, where everyone who can read the file can use it"
    hint = "revoke the key; send a new one from the environment, as Authorization: Apikey <key>"
    _report(request, number, "ODS416", message, hint, found)


def generation_finding(request: Request, older: Older) -> Diagnostic:
    """Return the finding for a URL of an older generation of the API."""
    message = f"this URL is of the API {older.generation}, which is older than v2.1"
    return finding("ODS418", 0, (0, len(request.parameters[0].text)), message, older.hint)


def check_placeholder(
    request: Request, number: int, schema: Schema | None, found: list[Diagnostic]
) -> None:
    """Report `select=SELECT` and the like, unless the dataset has a field of that name."""
    name, text = request.parameters[number].name, request.parameters[number].text
    if text != name.upper() or (schema is not None and text in schema.fields):
        return
    message = f"{text} is the placeholder text of a portal's console"
    _report(request, number, "ODS417", message, f"drop the parameter {name}", found)


def check_parameters(
    request: Request, shape: Shape, schema: Schema | None, found: list[Diagnostic]
) -> None:
    """Check the request as a whole."""
    if len(request.parameters) > 1:
        _check_repeated(request, found)
    window = _read_window(request, found)
    if request.endpoint in ("records", "datasets"):
        _check_window(request, window, shape, found)
    elif request.endpoint in _EXPORTS:
        _check_export(request, window, shape, found)
    if not shape.complete:
        return
    _check_repeated_row(request, window, shape, found)
    if window.paging and not shape.grouped and request.endpoint in ("records", "datasets"):
        _check_order(request, window, shape, schema, found)


def _report(
    request: Request, number: int, code: str, message: str, hint: str | None,
    found: list[Diagnostic],
) -> None:  # fmt: skip
    span = (0, len(request.parameters[number].text))
    found.append(finding(code, number, span, message, hint))


def _check_repeated_row(
    request: Request, window: _Window, shape: Shape, found: list[Diagnostic]
) -> None:
    """Report an aggregate without groups: it is returned once for every record (measured)."""
    if not shape.aggregated or shape.grouped or not shape.whole or shape.select_number is None:
        return
    if window.readable and window.limit not in (0, 1):
        message = "without group_by, an aggregate is returned once for every record"
        _report(request, shape.select_number, "ODS403", message, "add limit=1", found)


def _check_repeated(request: Request, found: list[Diagnostic]) -> None:
    names = [parameter.name for parameter in request.parameters]
    if len(set(names)) == len(names):
        return
    for number, name in enumerate(names):
        if name in _ONCE and name in names[:number]:
            message = f"{name} is given more than once, but only one counts"
            _report(request, number, "ODS414", message, f"keep one {name}", found)


# ---------------------------------------------------------------- limit and offset


def _read_window(request: Request, found: list[Diagnostic]) -> _Window:
    values: dict[str, int] = {}
    numbers: dict[str, int] = {}
    unfilled = request.unfilled.intersection(("limit", "offset"))
    for number, parameter in enumerate(request.parameters):
        name = parameter.name
        if name not in ("limit", "offset") or name in numbers:
            continue
        text = parameter.text.strip()
        if not text:
            continue
        numbers[name] = number
        if _INTEGER.fullmatch(text):
            values[name] = int(text)
            continue
        if _TEMPLATE.search(text) is None:  # a placeholder is not a mistake
            hint = f"drop {name}: this is the placeholder text of a portal's console"
            said = hint if text == name.upper() else None
            _report(request, number, "ODS215", f"{name} must be a whole number", said, found)
            continue
        unfilled |= {name}
    if not numbers and not unfilled:
        return _NO_WINDOW
    return _Window(
        values.get("limit"),
        values.get("offset"),
        numbers.get("limit"),
        numbers.get("offset"),
        readable=len(numbers) == len(values) and not unfilled,
        paging="offset" in unfilled or values.get("offset", 0) > 0,
    )


_NO_WINDOW = _Window(None, None, None, None, readable=True, paging=False)


def _check_window(request: Request, window: _Window, shape: Shape, found: list[Diagnostic]) -> None:
    """Check a page: at most 100 records or datasets, 10,000 in all; 20,000 groups (recorded)."""
    if not shape.complete and not shape.grouped:
        return
    limit, offset = window.limit, window.offset or 0
    top = GROUP_LIMIT if shape.grouped else PAGE_LIMIT
    if limit is not None and window.limit_number is not None and not -1 <= limit <= top:
        hint = f"for more than {top}, use offset or an export"
        message = f"limit must be from -1 to {top}, not {limit}"
        _report(request, window.limit_number, "ODS215", message, hint, found)
        return
    if offset < 0 and window.offset_number is not None:
        _report(request, window.offset_number, "ODS215", "offset must be 0 or more", None, found)
        return
    place = window.offset_number if window.offset_number is not None else window.limit_number
    if place is None or not window.readable:
        return
    if shape.grouped:
        _check_group_window(request, offset + max(limit or 0, 0), place, found)
    else:
        total = offset + max(10 if limit is None else limit, 0)
        if total > PAGE_WINDOW:
            message = f"offset + limit must be at most {PAGE_WINDOW}, not {total}"
            hint = "use an export, or split the query with where"
            _report(request, place, "ODS216", message, hint, found)


def _check_group_window(request: Request, total: int, place: int, found: list[Diagnostic]) -> None:
    """Check groups: the reference allows 20,000; one portal was measured to allow 30,000."""
    if total > WIDEST_GROUP_WINDOW:
        message = f"offset + limit of groups must be at most {GROUP_WINDOW}, not {total}"
        _report(request, place, "ODS216", message, "use an export", found)
    elif total > GROUP_WINDOW:
        message = f"only some portals allow offset + limit of groups to reach {total}"
        _report(request, place, "ODS413", message, f"stay at or below {GROUP_WINDOW}", found)


def _check_export(request: Request, window: _Window, shape: Shape, found: list[Diagnostic]) -> None:
    """Check an export: no window, but groups are sorted only up to a limit (recorded)."""
    limit = window.limit
    if limit is not None and limit < -1 and window.limit_number is not None:
        hint = "-1 exports everything"
        _report(request, window.limit_number, "ODS215", "limit must be -1 or more", hint, found)
        return
    if not (shape.grouped and shape.ordered_by_aggregate) or shape.order_number is None:
        return
    if not window.readable or (limit is None and not shape.whole):
        return
    hint = f"add limit={ORDERED_LIMIT}, or drop the aggregate from order_by"
    if limit is None or limit == -1 or limit > WIDEST_ORDERED_LIMIT:
        message = f"portals sort groups by an aggregate only with a limit up to {ORDERED_LIMIT}"
        _report(request, shape.order_number, "ODS217", message, hint, found)
    elif limit > ORDERED_LIMIT:
        message = f"only some portals sort more than {ORDERED_LIMIT} groups by an aggregate"
        _report(request, shape.order_number, "ODS413", message, hint, found)


# ---------------------------------------------------------------- order


_KEY_PARTS = frozenset(
    {
        "id", "uid", "uuid", "gid", "oid", "fid", "objectid", "key", "code", "ref", "siret",
        "siren", "uai", "numero", "number",
    }
)  # fmt: skip


def _check_order(
    request: Request,
    window: _Window,
    shape: Shape,
    schema: Schema | None,
    found: list[Diagnostic],
) -> None:
    """Report an order with ties: they come in any order, so pages may overlap."""
    hint = "end order_by with a unique field, such as an identifier"
    if shape.order is None:
        if shape.whole:
            message = "pages without order_by may repeat and miss records"
            place = window.offset_number if window.offset_number is not None else 0
            _report(request, place, "ODS406", message, hint, found)
        return
    if shape.order_number is None:
        return
    for item in shape.order.items:
        expression = item.expression
        if type(expression) is not nodes.Field or _looks_unique(expression.name, schema):
            return  # the values of an expression may be unique
    message = "pages may repeat and miss records where this order has ties"
    _report(request, shape.order_number, "ODS406", message, hint, found)


def _looks_unique(name: str, schema: Schema | None) -> bool:
    known = schema.fields.get(name) if schema is not None else None
    if known is not None and known.unique:
        return True
    lowered = name.lower()
    return lowered.endswith("id") or not _KEY_PARTS.isdisjoint(re.split(r"[_.]", lowered))
