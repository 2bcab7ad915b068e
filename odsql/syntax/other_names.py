"""What to write instead of a request parameter that portals do not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["other_name"]

_OTHER_NAMES = {
    "q": 'where, with the words in quotes: where="..."',
    "qv1": "where; qv1 takes the query language of v1",
    "rows": "limit",
    "start": "offset",
    "sort": "order_by",
    "fields": "select",
    "filter": "where",
    "having": "where; groups cannot be filtered",
    "distinct": "group_by",
    "dataset": "the dataset in the path: /catalog/datasets/ID/records",
    "groupby": "group_by",
    "orderby": "order_by",
    "page": "offset",
    "per_page": "limit",
    "page_size": "limit",
    "top": "limit",
    "size": "limit",
    "tz": "timezone",
}


def other_name(name: str, known: Iterable[str]) -> str | None:
    """Return what to write instead of a parameter that portals ignore, or None."""
    other = _OTHER_NAMES.get(name.lower())
    if other is not None:
        return other
    # v1 names the facet in the name of the parameter: refine.city=Paris, disjunctive.city=true.
    kind, dot, facet = name.partition(".")
    if dot and kind.lower() in ("refine", "exclude"):
        return f"{kind.lower()}={facet}:value"
    if dot and kind.lower() == "disjunctive":
        return f'facet=facet(name="{facet}", disjunctive=true)'
    from difflib import get_close_matches  # only a misspelt name needs it

    near = get_close_matches(name.lower(), known, n=1, cutoff=0.7)
    return near[0] if near else None
