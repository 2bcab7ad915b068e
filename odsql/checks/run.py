"""Checks of a request: what a portal would refuse, and what would surprise.

    check(Request((Parameter("where", "population > 1000"),)), schema)

Every parameter is parsed and walked once; then the clauses are checked together. With a schema,
names and types are checked, too. Nothing that is merely unknown is an error: see `rules`.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

from odsql.checks import clauses as whole_clauses
from odsql.checks.clauses import Clauses, labels
from odsql.checks.diagnostics import CATALOG_ENDPOINTS, PARAMETERS, Request
from odsql.checks.parameters import (
    PLACEHOLDERS,
    Shape,
    check_key,
    check_parameters,
    check_placeholder,
    check_unknown,
    generation_finding,
)
from odsql.checks.state import State
from odsql.checks.syntax import syntax_findings
from odsql.checks.templates import check_template, is_template
from odsql.checks.walking import visit
from odsql.schema import Schema
from odsql.syntax.errors import BuildError, ODSQLSyntaxError, shown
from odsql.syntax.parsing import parse, parse_refinement

if TYPE_CHECKING:
    from collections.abc import Callable

    from odsql.checks.diagnostics import Diagnostic

__all__ = ["check"]

_LETTERS = {
    "where": "W", "select": "S", "group_by": "G", "order_by": "O", "facet": "F", "refine": "F",
    "exclude": "F",
}  # fmt: skip
_LABELLED = frozenset(("select", "group_by", "order_by"))
"""The clauses where a label is a name. For group_by that is not documented, but no portal was seen
to refuse it."""

_IN_ORDER = attrgetter("parameter", "start", "end", "code")

Trees = list[tuple[int, str, Any]]
"""The parameters that parsed: index, name, tree."""


def check(request: Request, schema: Schema | None = None) -> list[Diagnostic]:
    """Check a request, including names and types if there is a schema.

    A clause may have holes (`odsql.syntax.templates`); then only what holds for all values of them
    is found. Requests to the catalog have no schema: a given one is ignored.

    Returns:
        The findings, ordered by parameter and position.

    Raises:
        BuildError: the request is not a `Request`, or the schema not a `Schema`.
    """
    if not isinstance(request, Request) or not isinstance(schema, Schema | None):
        msg = f"check takes a Request and a Schema or None, not {shown(request)}, {shown(schema)}"
        raise BuildError(msg)
    if request.older is not None:
        return [generation_finding(request, request.older)]
    if is_template(request):
        found = check_template(request, lambda filled: check(filled, schema))
        return sorted(found, key=_IN_ORDER)
    found = []
    if request.endpoint in CATALOG_ENDPOINTS:
        schema = None
    trees, complete = _parse(request, schema, found)
    if len(trees) == 1 and len(request.parameters) == 1 and trees[0][1] == "where":
        # Most requests are a single filter, which needs no checks across clauses.
        number, _, tree = trees[0]
        visit(tree, _state(request, number, "W", schema, found))
    else:
        _check_together(request, trees, complete, schema, found)
    if len(found) > 1:
        found.sort(key=_IN_ORDER)
    return found


def _parse(request: Request, schema: Schema | None, found: list[Diagnostic]) -> tuple[Trees, bool]:
    """Parse every clause; also return whether all clauses that declare labels and groups parsed."""
    trees: Trees = []
    complete = True
    for number, parameter in enumerate(request.parameters):
        name, text = parameter.name, parameter.text
        if name not in _LETTERS:
            if name == "apikey":
                check_key(request, number, found)
            elif name not in PARAMETERS:
                check_unknown(request, number, found)
            continue
        if not text or text.isspace():
            continue  # an empty clause counts as absent
        try:
            if name in ("refine", "exclude"):
                trees.append((number, name, parse_refinement(text, clause=name)))
            else:
                trees.append((number, name, parse(name, text)))
            if text in PLACEHOLDERS:
                check_placeholder(request, number, schema, found)
        except ODSQLSyntaxError as error:
            found.extend(syntax_findings(error, number))
            complete = complete and name not in ("select", "group_by")
    return trees, complete


def _state(
    request: Request, number: int, letter: str, schema: Schema | None, found: list[Diagnostic]
) -> State:
    state = State(number, letter, request.parameters[number].text, found, schema)
    state.on_records = schema is not None or _on_records(request)
    # No answer for a single dataset is recorded.
    state.in_catalog = request.endpoint in CATALOG_ENDPOINTS and request.dataset_id is None
    return state


def _on_records(request: Request) -> bool:
    """Return whether the request is known to be about records, which a lone clause need not be."""
    if request.endpoint == "records":
        return request.endpoint_known or request.dataset_id is not None
    return request.endpoint in ("exports", "facets")


class _Together:
    """The clauses of one request, and the labels that they declare."""

    __slots__ = ("clauses", "declared", "grouped")

    def __init__(self, first: dict[str, Any], complete: bool) -> None:
        """Start with the first clause of each kind."""
        self.clauses = Clauses(first.get("select"), first.get("group_by"), complete)
        self.grouped = labels(self.clauses.group_by)
        self.declared = self.grouped | labels(self.clauses.select)


def _where(tree: Any, state: State, together: _Together) -> None:  # noqa: ARG001
    visit(tree, state)


def _select(tree: Any, state: State, together: _Together) -> None:
    state.shadowing = together.grouped
    whole_clauses.check_select(tree, together.clauses, state)


def _group_by(tree: Any, state: State, together: _Together) -> None:  # noqa: ARG001
    whole_clauses.check_group_by(tree, state)


def _order_by(tree: Any, state: State, together: _Together) -> None:
    state.shadowing = together.declared
    whole_clauses.check_order_by(tree, state)


def _facet(tree: Any, state: State, together: _Together) -> None:  # noqa: ARG001
    whole_clauses.check_facet(tree, state)


_CHECKS: dict[str, Callable[[Any, State, _Together], None]] = {
    "where": _where,
    "select": _select,
    "group_by": _group_by,
    "order_by": _order_by,
    "facet": _facet,
    "refine": _facet,
    "exclude": _facet,
}


def _check_together(
    request: Request, trees: Trees, complete: bool, schema: Schema | None, found: list[Diagnostic]
) -> None:
    first: dict[str, Any] = {}
    numbers: dict[str, int] = {}
    for number, name, tree in trees:
        if name not in first:
            first[name], numbers[name] = tree, number
    together = _Together(first, complete)
    places: dict[str, State] = {}
    for number, name, tree in trees:
        state = _state(request, number, _LETTERS[name], schema, found)
        if name in _LABELLED:
            state.labels = together.declared
        if not complete and name in ("select", "order_by"):
            state.fields = None  # a clause that does not parse may declare a label
        places.setdefault(name, state)
        _CHECKS[name](tree, state, together)
    if together.declared:
        _check_labels(first, places)
    shape = Shape(
        request.whole,
        together.clauses.grouped,
        numbers.get("select"),
        "select" in places and places["select"].aggregates > 0,
        numbers.get("order_by"),
        first.get("order_by"),
        "order_by" in places and places["order_by"].aggregates > 0,
        complete,
    )
    check_parameters(request, shape, schema, found)


def _check_labels(first: dict[str, Any], places: dict[str, State]) -> None:
    """Report labels declared twice; group_by comes first, because it names the groups."""
    declared: dict[str, str] = {}
    for name in ("group_by", "select"):
        if name in first:
            whole_clauses.check_labels(first[name], declared, places[name])
