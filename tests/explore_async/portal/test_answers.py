"""The two writers of JSON: Python for pages, SQL for exports."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from multidict import MultiDict

from explore_async.portal import PortalField, Store
from explore_async.portal.answers import escaped, json_page, json_row
from explore_async.portal.compiling import compile_query
from explore_async.portal.requests import read_query, read_settings
from tests.explore_async.portal.asking import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator

FIELDS = (
    PortalField("text", "text", "text"),
    PortalField("tags", "text", "tags", annotations={"multivalued": ","}),
    PortalField("whole", "int", "whole"),
    PortalField("number", "double", "number"),
    PortalField("open", "boolean", "open"),
    PortalField("day", "date", "day"),
    PortalField("moment", "datetime", "moment"),
    PortalField("place", "geo_point_2d", "place"),
    PortalField("shape", "geo_shape", "shape"),
    PortalField("facts", "json_blob", "facts"),
)
# Control characters are left out: SQL writes `\\u000F`, and Python `\\u000f`.
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=5)
TRICKY = st.sampled_from(['"', '","', 'a",', '\\"', "\\", '\\","', "é\x7f\n"])
AXIS = st.floats(-90, 90)
NULL = st.none()
ROW = st.fixed_dictionaries(
    {
        "text": NULL | TEXT | TRICKY,
        "tags": NULL | st.lists(TEXT | TRICKY, max_size=3),
        "whole": NULL | st.integers(-(2**63), 2**63 - 1),
        "number": NULL | st.floats(),
        "open": NULL | st.booleans(),
        "day": NULL | st.dates(),
        "moment": NULL | st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)),
        "place": NULL | st.fixed_dictionaries({"lon": AXIS, "lat": AXIS}),
        "shape": NULL | AXIS.map(lambda at: {"type": "Point", "coordinates": [at, at]}),
        "facts": NULL | st.lists(TEXT, max_size=2),
    }
)
EXTREMES = {"number": 1e16, "place": {"lon": 1e-7, "lat": -0.0}, "day": date(1, 1, 1)}


@pytest.fixture
def store() -> Iterator[Store]:
    """An empty store."""
    with Store(threads=1) as made:
        yield made


@given(row=ROW, zone=st.sampled_from(["UTC", "Europe/Paris", "Asia/Kolkata"]))
@example(row=EXTREMES, zone="UTC")
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_page_and_an_export_write_a_row_alike(
    store: Store, row: dict[str, Any], zone: str
) -> None:
    """Both write what `json.dumps` writes of a row."""
    dataset = store.add("things", FIELDS, [row])
    parameters = MultiDict({"timezone": zone})
    plan = compile_query(read_query(parameters), dataset, read_settings(parameters, NOW))
    shown, write = json_page(plan.outputs, plan.context)
    of_page = _first(store, plan.page(shown, limit=1), plan)
    of_export = _first(store, plan.page([json_row(plan.outputs, plan.context)], limit=None), plan)
    store.remove("things")
    assert write(of_page) == escaped(of_export[0]) == json.dumps(json.loads(of_export[0]))


def _first(store: Store, sql: str, plan: Any) -> Any:
    with store.cursor() as cursor:
        return cursor.execute(sql, plan.context.parameters.used_by(sql)).fetchone()
