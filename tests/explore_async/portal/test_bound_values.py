"""Values, labels and field names of a request do not become part of the SQL of its page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from explore_async.portal import Store
from explore_async.portal.answers import json_row
from explore_async.portal.compiling import Query, compile_query
from explore_async.portal.context import Settings
from odsql import nodes
from tests.explore_async.portal.asking import NOW

if TYPE_CHECKING:
    from explore_async.portal.compiling import Plan

MARK = "zqx9173"
"""A mark in every text literal; the portal's own SQL does not contain it."""

_sendable = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
hostile = st.text(_sendable, max_size=12).map(lambda text: f"{MARK}{text}'\"; DROP TABLE t1; --")
texts = hostile.map(nodes.Text)
name = nodes.Field("name")
number = st.integers(9_173_000, 9_173_999).map(lambda value: nodes.Number(str(value)))

conditions = st.one_of(
    texts,
    texts.map(lambda text: nodes.Comparison(name, "=", text)),
    texts.map(lambda text: nodes.Comparison(nodes.Field("tags"), "!=", text)),
    texts.map(lambda text: nodes.Like(name, text)),
    texts.map(lambda text: nodes.InList(name, (text, text))),
    texts.map(lambda text: nodes.Member(text, nodes.Field("tags"))),
    texts.map(lambda text: nodes.Call("search", (name, text))),
    texts.map(lambda text: nodes.Call("suggest", (text,))),
    texts.map(lambda text: nodes.Call("startswith", (nodes.Star(), text))),
    number.map(lambda value: nodes.Comparison(nodes.Field("id"), ">", value)),
    number.map(lambda value: nodes.InRange(nodes.Field("size"), value, value)),
)
refinements = hostile.map(lambda text: nodes.Refinement("path", text))


def statement(plan: Plan) -> str:
    return plan.page([json_row(plan.outputs, plan.context)], limit=9_173, offset=9_173) + plan.total


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(condition=conditions, refinement=refinements, negated=st.booleans())
def test_no_value_of_a_condition_is_in_the_statement(
    samples: Store, condition: nodes.Expression, refinement: nodes.Refinement, negated: bool
) -> None:
    """The SQL contains no compared, searched or refined value, and DuckDB runs it."""
    dataset = samples.dataset("things")
    assert dataset is not None
    where = nodes.Where(nodes.Not(condition) if negated else condition)
    query = Query(where=(where,), refine=(refinement,), exclude=(refinement,))
    plan = compile_query(query, dataset, Settings(NOW))
    sql = statement(plan)
    assert MARK not in sql.lower()
    assert "9173" not in sql
    assert "DROP" not in sql
    with samples.cursor() as cursor:
        page = plan.page(["s0"], limit=1)
        cursor.execute(page, plan.context.parameters.used_by(page)).fetchall()


@settings(max_examples=50, deadline=None)
@given(label=hostile)
def test_no_alias_is_in_the_statement(samples: Store, label: str) -> None:
    """Labels, which become JSON keys, are bound parameters, too."""
    dataset = samples.dataset("things")
    assert dataset is not None
    select = nodes.Select((nodes.Labelled(name, label), nodes.Text(label)))
    plan = compile_query(Query(select=select), dataset, Settings(NOW))
    assert MARK not in statement(plan)


@pytest.mark.parametrize("field", ["id; DROP TABLE t1", 'id" OR 1=1 --'])
def test_columns_have_names_of_the_portals_own(field: str) -> None:
    """A field name is looked up and never written into SQL, whatever it contains."""
    with Store() as store:
        dataset = store.add("odd", [{"name": field, "type": "int"}], [{field: 1}])
        where = nodes.Where(nodes.Comparison(nodes.Field(field), "=", nodes.Number("1")))
        plan = compile_query(Query(where=(where,)), dataset, Settings(NOW))
        assert field not in statement(plan)
        with store.cursor() as cursor:
            counted = cursor.execute(plan.total, plan.context.parameters.used_by(plan.total))
            assert counted.fetchone() == (1,)
