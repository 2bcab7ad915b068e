"""Checks of requests whose clauses have holes, which a program fills in.

Each clause is filled so that it parses, and checked as any other. Then the findings that depend on
what fills a hole are dropped, and the others are put in their place in the template. A fix could
change what a program fills in, so there are none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from odsql.checks.diagnostics import CLAUSES
from odsql.checks.state import finding
from odsql.checks.syntax import syntax_findings
from odsql.syntax.errors import ODSQLSyntaxError
from odsql.syntax.templates import HOLE, fill, has_holes

if TYPE_CHECKING:
    from collections.abc import Callable

    from odsql.checks.diagnostics import Diagnostic, Request
    from odsql.syntax.templates import Filled

__all__ = ["check_template", "is_template"]


def is_template(request: Request) -> bool:
    """Return whether a parameter has a hole."""
    return any(has_holes(one.text) for one in request.parameters)


def check_template(
    request: Request, check: Callable[[Request], list[Diagnostic]]
) -> list[Diagnostic]:
    """Check a request with holes; `check` checks one without.

    Returns:
        The findings that hold whatever fills the holes, in any order.
    """
    found: list[Diagnostic] = []
    filled: dict[int, Filled] = {}
    numbers: list[int] = []
    for number, parameter in enumerate(request.parameters):
        if not has_holes(parameter.text):
            numbers.append(number)
            continue
        if parameter.name not in CLAUSES:
            continue  # such as a limit: unknown as a whole
        try:
            made = fill(parameter.name, parameter.text)
        except ODSQLSyntaxError as error:
            # Further mistakes could only be looked for in a text without holes.
            found.append(evolve(syntax_findings(error, number)[0], edits=()))
            continue
        if made is None:
            continue
        filled[number] = made
        numbers.append(number)
        found += _unescaped(number, made)
    left = evolve(
        request,
        parameters=tuple(
            evolve(request.parameters[one], text=filled[one].text)
            if one in filled
            else request.parameters[one]
            for one in numbers
        ),
        whole=False,
        unfilled=request.unfilled | _unknown(request, filled, numbers),
    )
    for one in check(left):
        kept = _placed(evolve(one, parameter=numbers[one.parameter]), filled)
        if kept is not None:
            found.append(kept)
    return found


def _unknown(request: Request, filled: dict[int, Filled], numbers: list[int]) -> frozenset[str]:
    """Return the parameters of which more may be sent than is known."""
    left_out = {one.name for number, one in enumerate(request.parameters) if number not in numbers}
    grown = {request.parameters[number].name for number, one in filled.items() if not one.is_text}
    return frozenset(left_out | grown)


def _placed(one: Diagnostic, filled: dict[int, Filled]) -> Diagnostic | None:
    """Put a finding in its place in the template; None if it depends on a hole."""
    if one.parameter not in filled:
        return one
    template = filled[one.parameter]
    if template.touches_hole(one.start, one.end):
        return None
    return evolve(one, start=template.place(one.start), end=template.place(one.end), edits=())


def _unescaped(number: int, filled: Filled) -> list[Diagnostic]:
    """Report the first hole inside quotes whose value may hold a quote."""
    for place, quoted in zip(filled.holes, filled.quoted, strict=True):
        if quoted and filled.template[place] == HOLE:
            message = "a quote in the value that is filled in breaks or changes the query"
            hint = (
                "build the query with odsql.F, or put a backslash before each quote and backslash"
            )
            return [finding("ODS419", number, (place, place + 1), message, hint)]
    return []
