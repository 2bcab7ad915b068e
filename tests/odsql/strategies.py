"""Hypothesis strategies: trees of every node, and texts that look like ODSQL."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from odsql import nodes
from odsql.syntax.functions import CATALOGUE, RESERVED_WORDS

_SENDABLE = st.characters(codec="utf-8", exclude_characters="\0")
_WORDS = [*CATALOGUE, *RESERVED_WORDS, "in", "is", "like", "to", "geom", "e10", "éàü", "名前"]

any_text = st.text(_SENDABLE, max_size=12)
names = st.one_of(
    st.sampled_from(_WORDS),
    st.text(_SENDABLE.filter(lambda one: one != "`"), min_size=1, max_size=8),
    st.just("default.modified"),
)
fields = st.builds(nodes.Field, names)
texts = st.builds(nodes.Text, any_text)
numbers = st.builds(
    nodes.Number,
    st.one_of(
        st.integers(0, 10**20).map(str),
        st.decimals(0, 1000, places=3).map(lambda one: f"{one:f}"),
    ),
)
signed_numbers = st.one_of(numbers, st.builds(nodes.Negate, numbers))
booleans = st.builds(nodes.Boolean, st.booleans())
constants = st.one_of(booleans, st.builds(nodes.Null))
dates = st.builds(nodes.Date, st.one_of(st.just("2024-01-31"), any_text))
geometries = st.builds(nodes.Geometry, st.one_of(st.just("POINT(1 2)"), any_text))
units = st.sampled_from(["km", "m", "M", "day", "days", "month", "year", "minute"])
quantities = st.builds(nodes.Quantity, numbers, units)


def names_of(*kinds: str) -> st.SearchStrategy[str]:
    return st.sampled_from([one.name for one in CATALOGUE.values() if one.kind in kinds])


def tuples_of(items: st.SearchStrategy[Any], low: int, high: int = 3) -> st.SearchStrategy[Any]:
    return st.lists(items, min_size=low, max_size=high).map(tuple)


def _named(values: st.SearchStrategy[Any]) -> st.SearchStrategy[nodes.Named]:
    return st.builds(nodes.Named, names, st.one_of(values, constants))


def _chain(operands: st.SearchStrategy[Any], signs: str) -> st.SearchStrategy[nodes.Arithmetic]:
    return st.integers(2, 4).flatmap(
        lambda size: st.builds(
            nodes.Arithmetic,
            tuples_of(operands, size, size),
            tuples_of(st.sampled_from(signs), size - 1, size - 1),
        )
    )


def _larger_values(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    scalar_arguments = tuples_of(st.one_of(values, constants), 1)
    counted = st.one_of(values, st.builds(nodes.Star), st.builds(nodes.Distinct, values))
    return st.one_of(
        st.builds(nodes.Negate, values),
        _chain(values, "+-"),
        _chain(values, "*/"),
        st.builds(nodes.Call, names_of("scalar"), scalar_arguments),
        st.builds(nodes.Call, names_of("aggregate"), tuples_of(values, 1)),
        st.builds(nodes.Call, st.just("now"), tuples_of(_named(values), 0)),
        st.builds(nodes.Call, st.just("distance"), tuples_of(values, 2, 2)),
        st.builds(nodes.Call, st.just("count"), tuples_of(counted, 1, 1)),
    )


values = st.recursive(
    st.one_of(fields, texts, numbers, dates, geometries), _larger_values, max_leaves=8
)


def _ranges(operator: Any) -> st.SearchStrategy[nodes.InRange]:
    subject = fields if operator == "in" else values
    return st.builds(
        nodes.InRange, subject, values, values, st.booleans(), st.booleans(), st.just(operator)
    )


_list_items = st.one_of(texts, signed_numbers, booleans)
_searched = st.one_of(values, quantities, st.builds(nodes.Star))
_words = st.builds(nodes.Word, st.sampled_from(["WITHIN", "INTERSECTS", "DISJOINT"]))
_operators: Any = st.sampled_from(["=", "!=", ">", "<", ">=", "<=", ":"])

predicates = st.one_of(
    fields,
    texts,
    st.builds(nodes.Comparison, values, _operators, st.one_of(values, constants)),
    _ranges("in"),
    _ranges(":"),
    st.builds(nodes.InList, fields, tuples_of(_list_items, 1)),
    st.builds(nodes.Member, _list_items, fields),
    st.builds(nodes.Like, values, texts),
    st.builds(nodes.Is, values, constants, st.booleans()),
    st.builds(nodes.Call, names_of("predicate"), tuples_of(_searched, 1)),
    st.builds(nodes.Call, st.just("distance"), st.tuples(values, values, quantities)),
    st.builds(nodes.Call, st.just("geometry"), st.tuples(values, values)),
    st.builds(nodes.Call, st.just("geometry"), st.tuples(values, values, _words)),
)
conditions = st.recursive(
    predicates,
    lambda smaller: st.one_of(
        st.builds(nodes.Not, smaller),
        st.builds(nodes.And, tuples_of(smaller, 2)),
        st.builds(nodes.Or, tuples_of(smaller, 2)),
    ),
    max_leaves=8,
)


def _labelled(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(items, st.builds(nodes.Labelled, items, names))


_patterns = st.one_of(
    st.builds(nodes.Pattern, names.filter(lambda one: "*" not in one)),
    st.just(nodes.Pattern("*")),
    st.just(nodes.Pattern("pop*")),
)
_static_ranges = st.builds(nodes.StaticRange, tuples_of(values, 1), st.booleans(), st.booleans())
_grouping = st.builds(
    nodes.Call,
    names_of("grouping"),
    tuples_of(st.one_of(values, quantities, st.builds(nodes.Star), _static_ranges), 1, 4),
)
_directions: Any = st.sampled_from([None, "asc", "desc"])

clauses: dict[str, st.SearchStrategy[Any]] = {
    "where": st.builds(nodes.Where, st.one_of(st.none(), conditions)),
    "select": st.builds(
        nodes.Select,
        tuples_of(
            st.one_of(
                st.builds(nodes.Star),
                st.builds(nodes.Call, names_of("selection"), st.tuples(_patterns)),
                _labelled(values),
            ),
            1,
        ),
    ),
    "group_by": st.builds(nodes.GroupBy, tuples_of(_labelled(st.one_of(values, _grouping)), 0)),
    "order_by": st.builds(
        nodes.OrderBy, tuples_of(st.builds(nodes.Ordering, values, _directions), 1)
    ),
    "facet": st.one_of(
        fields, st.builds(nodes.Call, st.just("facet"), tuples_of(_named(values), 1))
    ),
}
any_clause = st.sampled_from(sorted(clauses)).flatmap(
    lambda clause: st.tuples(st.just(clause), clauses[clause])
)

_TOKENS = [
    "a", "b", "year", "count", "search", "range", "include", "now", "facet", "contains", "distance",
    "geometry", "`x y`", "(", ")", "(", ")", ",", "=", "!=", ">", "<=", ":", "+", "-", "*", "/",
    "[", "]", "..", "1", "2.5", "km", "'t'", '"u"', "date'2024'", "geom'POINT(1 2)'", "and", "OR",
    "not", "in", "like", "is", "null", "true", "false", "as", "asc", "desc", "to", "distinct", ".",
]  # fmt: skip

token_soup = st.lists(
    st.tuples(st.sampled_from(_TOKENS), st.sampled_from(["", " ", " "])), max_size=14
).map(lambda pairs: "".join(token + space for token, space in pairs))
"""Texts made of tokens of the language in any order, some of them joined without a space."""
