"""The rules: what `check` can say about a request, one entry each.

Codes are stable. Their first digit says what a rule needs and what it means: ODS1 the text is not
ODSQL, ODS2 it breaks a rule of the language, ODS3 it does not fit the fields of the dataset, ODS4
it is accepted, but does something that surprises, or is written in an older way.

A rule is an error only where the reference or a recorded answer says that portals refuse the query.
Every rule has a page in `explanations`, with an example that fires it and one that does not.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odsql.checks.diagnostics import Severity

__all__ = ["RULES", "Rule", "explanation"]


@frozen
class Rule:
    """One rule: its code, a short name for people, how bad it is, and what it says, in a line."""

    code: str
    name: str
    severity: Severity
    summary: str


def _error(code: str, name: str, summary: str) -> Rule:
    return Rule(code, name, "error", summary)


def _warning(code: str, name: str, summary: str) -> Rule:
    return Rule(code, name, "warning", summary)


_ALL = (
    _error("ODS101", "not-odsql", "the text is not ODSQL"),
    _error("ODS102", "foreign-operator", "an operator that ODSQL does not have, such as <> or =="),
    _error("ODS103", "misplaced-not", "NOT stands behind the field, as in SQL, and not in front"),
    _error("ODS104", "doubled-quote", "a quote inside a text is doubled and not escaped"),
    _error("ODS105", "no-such-function", "a function that ODSQL does not have"),
    _error("ODS106", "unquoted-date", "a date that is not written date'...'"),
    _error("ODS201", "misplaced-function", "a function that has no place in this clause"),
    _error("ODS202", "argument-count", "too few or too many arguments"),
    _error("ODS203", "argument-kind", "an argument that is not what the function takes"),
    _error("ODS204", "unknown-unit", "a unit that is no unit of distance or of time"),
    _error("ODS205", "unsupported-interval", "an interval that range() does not take"),
    _error("ODS206", "argument-out-of-range", "a number outside of what the function takes"),
    _error("ODS207", "invalid-geometry", "a geometry that is neither WKT, WKB nor GeoJSON"),
    _error("ODS208", "invalid-date", "a date literal that is no date"),
    _warning("ODS209", "date-pattern", "a date_format() pattern with a symbol not documented"),
    _error("ODS210", "now-argument", "an argument of now() that it does not have or take"),
    _error("ODS211", "aggregate-after-field", "an aggregate after a field in order_by"),
    _error("ODS212", "label-declared-twice", "the same label twice in select and group_by"),
    _error("ODS213", "field-not-grouped", "a field in select that group_by does not have"),
    _error("ODS214", "catalog-only-function", "a function for catalog searches used on records"),
    _error("ODS215", "invalid-limit", "a limit or an offset outside of what portals take"),
    _error("ODS216", "window-exceeded", "offset and limit together reach too far"),
    _error("ODS217", "unlimited-ordered-groups", "groups exported in the order of an aggregate"),
    _error("ODS218", "catalog-name", "a catalog name with the prefix metas."),
    _error("ODS301", "unknown-field", "a name that the dataset does not have"),
    _error("ODS302", "incompatible-types", "a comparison of types that cannot be compared"),
    _error("ODS303", "text-order", "a text field compared with <, >, <=, >= or a range"),
    _warning("ODS304", "unlikely-comparison", "a comparison of types that do not fit"),
    _error("ODS305", "statistic-of-no-number", "a statistic over neither numbers nor dates"),
    _error("ODS306", "not-geographic", "a geographic function on a field that is not geographic"),
    _error(
        "ODS307", "membership-of-single-value", "value in field, where the field holds one value"
    ),
    _warning("ODS308", "argument-type", "a field of another type than the reference asks for"),
    _warning("ODS309", "undeclared-facet", "a facet that the dataset does not declare"),
    _error("ODS310", "grouped-by-geometry", "grouping by a geographic field"),
    _warning(
        "ODS311", "pattern-without-match", "include or exclude of a field that does not exist"
    ),
    _warning("ODS312", "field-case", "a field name in other letters, upper or lower, than its own"),
    _warning("ODS401", "unequal-drops-null", "!= drops the records that have no value"),
    _warning("ODS402", "like-is-not-sql", "% in like, which is no wildcard in ODSQL"),
    _warning("ODS403", "repeated-aggregate", "an aggregate that is answered once for every record"),
    _warning("ODS404", "fraction-as-percentile", "a percentile between 0 and 1"),
    _warning("ODS405", "after-whole-day", "> with a bare day, which leaves out all of that day"),
    _warning("ODS406", "paging-without-order", "paging in an order that leaves ties open"),
    _warning("ODS407", "legacy-spelling", "an older spelling of a function"),
    _warning("ODS408", "unknown-parameter", "a request parameter that portals silently ignore"),
    _warning("ODS409", "swapped-coordinates", "latitude and longitude look swapped"),
    _warning("ODS410", "legacy-colon", "the older spelling of = and in, a colon"),
    _warning(
        "ODS411", "label-of-grouped", "a label in select for what is grouped is answered null"
    ),
    _warning("ODS412", "random-direction", "random() with a direction, which portals ignore"),
    _warning("ODS413", "disputed-window", "a window of groups that only some portals allow"),
    _warning("ODS414", "repeated-parameter", "a parameter given twice that counts once"),
    _warning("ODS415", "compared-with-null", "a comparison with null, which is never true"),
)

RULES: Mapping[str, Rule] = MappingProxyType({rule.code: rule for rule in _ALL})
"""Every rule by its code."""


def explanation(code: str) -> str:
    """Return the page of a rule, as Markdown.

    Raises:
        KeyError: there is no rule of that code.
    """
    from pathlib import Path  # few ask

    page = Path(__file__).parent / "explanations" / f"{RULES[code].code}.md"
    return page.read_text(encoding="utf-8")
