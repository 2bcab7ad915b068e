"""The rules of `check`, one entry each.

Codes are stable. Their first digit tells the kind of rule: ODS1 the text is not ODSQL, ODS2 it
breaks a rule of the language, ODS3 it does not fit the fields of the dataset (needs a schema), ODS4
portals accept it, but it does something surprising or uses an older spelling.

A rule is an error only where the reference or a recorded answer says that portals refuse the query.
Every rule has a page in `explanations`, with an example that triggers it and one that does not.
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
    """One rule: its code, a short name for people, its severity, and a one-line summary."""

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
    _error("ODS103", "misplaced-not", "NOT between a field and in or like, as in SQL"),
    _error("ODS104", "doubled-quote", "a doubled quote inside text, which must be escaped"),
    _error("ODS105", "no-such-function", "a function that ODSQL does not have"),
    _error("ODS106", "unquoted-date", "a date that is not written as date'...'"),
    _error("ODS201", "misplaced-function", "a function that is not allowed in this clause"),
    _error("ODS202", "argument-count", "too few or too many arguments"),
    _error("ODS203", "argument-kind", "an argument of the wrong kind"),
    _error("ODS204", "unknown-unit", "an unknown unit of distance or time"),
    _error("ODS205", "unsupported-interval", "an interval that range() does not accept"),
    _error("ODS206", "argument-out-of-range", "a number outside the allowed range"),
    _error("ODS207", "invalid-geometry", "a geometry that is not valid WKT, WKB or GeoJSON"),
    _error("ODS208", "invalid-date", "a date literal that is not a date"),
    _warning("ODS209", "date-pattern", "a date_format() pattern with an undocumented symbol"),
    _error("ODS210", "now-argument", "an unknown or invalid argument of now()"),
    _error("ODS211", "aggregate-after-field", "an aggregate after a field in order_by"),
    _error("ODS212", "label-declared-twice", "a label declared twice in select and group_by"),
    _error("ODS213", "field-not-grouped", "a field in select that is not in group_by"),
    _error("ODS214", "catalog-only-function", "a catalog search function used on records"),
    _error("ODS215", "invalid-limit", "a limit or offset outside the range that portals accept"),
    _error("ODS216", "window-exceeded", "the sum of offset and limit is too large"),
    _error(
        "ODS217",
        "unlimited-ordered-groups",
        "groups exported in the order of an aggregate, with no limit or too high a limit",
    ),
    _error("ODS218", "catalog-name", "a catalog field with the prefix metas"),
    _error("ODS301", "unknown-field", "a field that the dataset does not have"),
    _error("ODS302", "incompatible-types", "a comparison of types that cannot be compared"),
    _error("ODS303", "text-order", "a text field compared with <, >, <=, >= or a range"),
    _warning("ODS304", "unlikely-comparison", "a comparison of types that do not match"),
    _error("ODS305", "statistic-of-no-number", "a statistic of neither numbers nor dates"),
    _error("ODS306", "not-geographic", "a geographic function on a field that is not geographic"),
    _error(
        "ODS307", "membership-of-single-value", "value in field, where the field holds one value"
    ),
    _warning("ODS308", "argument-type", "a field of a type that the reference does not allow here"),
    _warning("ODS309", "undeclared-facet", "a facet that the dataset does not declare"),
    _error("ODS310", "grouped-by-geometry", "grouping by a geographic field"),
    _warning(
        "ODS311", "pattern-without-match", "an include or exclude pattern that matches no field"
    ),
    _warning("ODS312", "field-case", "a field name in the wrong case (upper or lower)"),
    _warning("ODS313", "hyphens-in-facet-date", "a value of a date facet with hyphens"),
    _warning("ODS401", "unequal-drops-null", "!= drops the records that have no value"),
    _warning("ODS402", "like-is-not-sql", "% in like, which is not a wildcard in ODSQL"),
    _warning("ODS403", "repeated-aggregate", "an aggregate that is returned once for every record"),
    _warning("ODS404", "fraction-as-percentile", "a percentile between 0 and 1"),
    _warning("ODS405", "after-whole-day", "> with a bare date, which excludes that whole day"),
    _warning("ODS406", "paging-without-order", "paging in an order that does not break ties"),
    _warning("ODS407", "legacy-spelling", "an older spelling of a function"),
    _warning("ODS408", "unknown-parameter", "a request parameter that portals silently ignore"),
    _warning("ODS409", "swapped-coordinates", "latitude and longitude look swapped"),
    _warning("ODS410", "legacy-colon", "a colon, the older spelling of = and in"),
    _warning(
        "ODS411",
        "label-of-grouped",
        "a label in select for a grouped expression, which is returned as null",
    ),
    _warning("ODS412", "random-direction", "random() with a direction, which portals ignore"),
    _warning("ODS413", "disputed-window", "more groups than some portals allow"),
    _warning("ODS414", "repeated-parameter", "a parameter given twice, of which only one counts"),
    _warning("ODS415", "compared-with-null", "a comparison with null, which is never true"),
    _warning("ODS416", "api-key", "an API key in a file, where others can read it"),
    _warning("ODS417", "console-placeholder", "the placeholder text of a portal's console"),
    _warning("ODS418", "older-api", "a URL of an older generation of the API, v1 or v2.0"),
    _warning("ODS419", "unescaped-value", "a value filled in between quotes without escaping"),
)

RULES: Mapping[str, Rule] = MappingProxyType({rule.code: rule for rule in _ALL})
"""Every rule by its code."""


def explanation(code: str) -> str:
    """Return the page of a rule, as Markdown.

    Raises:
        KeyError: there is no rule with that code.
    """
    from pathlib import Path  # rarely needed

    page = Path(__file__).parent / "explanations" / f"{RULES[code].code}.md"
    return page.read_text(encoding="utf-8")
