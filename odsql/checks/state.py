"""The state of a walk over one parameter, and the making of findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odsql.checks.diagnostics import Diagnostic, Edit
from odsql.checks.rules import RULES
from odsql.syntax.spans import spans

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odsql.schema import Schema, SchemaField
    from odsql.syntax.nodes import Node

__all__ = ["NONE", "State", "finding", "token_edit"]

NONE: frozenset[str] = frozenset()


def finding(
    code: str,
    parameter: int,
    span: tuple[int, int],
    message: str,
    hint: str | None = None,
    edits: tuple[Edit, ...] = (),
) -> Diagnostic:
    """Make a diagnostic with the severity of its rule."""
    return Diagnostic(code, RULES[code].severity, message, parameter, *span, hint, edits)


def token_edit(text: str, token: int, replacement: str) -> Edit:
    """Return an edit that replaces one token of a clause, given its index."""
    start, end = spans(text)[token]
    return Edit(start, end, replacement)


class State:
    """The state of a walk over one parameter.

    Attributes:
        number: the index of the parameter in its request.
        letter: its clause as in `functions`: S select, W where, G group_by, O order_by, F facet.
        text: its text.
        found: the findings of the whole request.
        schema: the schema, or None if the names are unknown.
        fields: the fields of the schema by name, or None.
        labels: names that are not fields but may be used here.
        shadowing: names that are labels here even if a field has the same name.
        on_records: whether the request is known to be about the records of a dataset.
        in_catalog: whether names are those of the catalog.
        aggregates: the number of aggregates found so far.
        spared: fields whose missing values the query handles itself (`f is null`).
    """

    # Class attributes as defaults, without slots: most parameters need no other values, and making
    # a state is a large part of the cost of checking a short clause.
    labels: frozenset[str] = NONE
    shadowing: frozenset[str] = NONE
    spared: frozenset[str] = NONE
    on_records = False
    in_catalog = False
    aggregates = 0

    def __init__(
        self, number: int, letter: str, text: str, found: list[Diagnostic], schema: Schema | None
    ) -> None:
        """Start without labels; the caller sets them if there are any."""
        self.number = number
        self.letter = letter
        self.text = text
        self.found = found
        self.schema = schema
        self.fields: Mapping[str, SchemaField] | None = None if schema is None else schema.fields

    def report(
        self,
        code: str,
        node: Node,
        message: str,
        hint: str | None = None,
        edits: tuple[Edit, ...] = (),
    ) -> None:
        """Add a finding about a node; only now is its position in the text computed."""
        span = node.span or (0, len(self.text))
        self.found.append(finding(code, self.number, span, message, hint, edits))

    def source(self, node: Node) -> str:
        """Return the text of a node as written."""
        span = node.span
        return self.text if span is None else self.text[span.start : span.end]
