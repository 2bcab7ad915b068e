"""An error about an unknown field names the fields that were meant."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from explore_async import ExploreClient, ODSQLError
from odsql import Query
from tests.explore_async.doubles import json_body

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from explore_async.client import Dataset
    from tests.explore_async.doubles import FakePortal

FIELDS = [{"name": name, "type": "int"} for name in ("population", "height", "nom_de_la_rue")]
SCHEMA = "/catalog/datasets/trees"


@pytest.fixture
def refusing(portal: FakePortal) -> FakePortal:
    """A portal that refuses each query with the error of live portals."""
    unknown = "populaton"

    def override(request: web.Request) -> web.Response:
        if request.path.endswith(SCHEMA):
            return json_body({"dataset_id": "trees", "fields": FIELDS})
        message = (
            f"ODSQL query is malformed: Unknown field: {request.query.get('select', unknown)}. "
        )
        message += "Clause(s) containing the error(s): select."
        return json_body({"error_code": "ODSQLError", "message": message}, status=400)

    portal.override = override
    return portal


def notes(error: BaseException) -> list[str]:
    return list(getattr(error, "__notes__", ()))


def schemas(portal: FakePortal) -> int:
    return [path for path, _ in portal.requests].count(SCHEMA)


READINGS: dict[str, Callable[[Dataset, Query], Awaitable[object]]] = {
    "records": lambda trees, query: trees.records(query).to_list(),
    "pages at once": lambda trees, query: trees.records(query, max_rows=500).to_list(),
    "a record": lambda trees, query: trees.record("1", Query(select=query.clauses.select)),
    "facets": lambda trees, _: trees.facets("populaton").fetch(),
    "an export": lambda trees, query: _lines(trees, query),
    "a count": lambda trees, query: trees.records(query).count(),
}


async def _lines(trees: Dataset, query: Query) -> list[bytes]:
    async with trees.export("jsonl", query) as stream:
        return [line async for line in stream.lines()]


@pytest.mark.parametrize("name", READINGS)
async def test_the_nearest_names_are_in_a_note(
    client: ExploreClient, refusing: FakePortal, name: str
) -> None:
    """Tracebacks print it, and it survives pickling."""
    with pytest.raises(ODSQLError) as caught:
        await READINGS[name](client.dataset("trees"), Query(select="populaton"))
    assert notes(caught.value)[-1] == "hint: did you mean population?"
    assert notes(pickle.loads(pickle.dumps(caught.value))) == notes(caught.value)
    assert schemas(refusing) == 1


async def test_the_schema_is_requested_once_for_all_errors(
    client: ExploreClient, refusing: FakePortal
) -> None:
    """A dataset that is used for long keeps the names."""
    trees = client.dataset("trees")
    for wrong in ("populaton", "heigth"):
        with pytest.raises(ODSQLError, match=wrong):
            await trees.records(Query(select=wrong)).first()
    assert schemas(refusing) == 1


async def test_without_a_similar_name_the_fields_are_listed(
    client: ExploreClient, refusing: FakePortal
) -> None:
    """At most ten of them."""
    with pytest.raises(ODSQLError) as caught:
        await client.dataset("trees").records(Query(select="zzz")).first()
    assert notes(caught.value)[-1] == (
        "hint: the fields of the dataset are population, height, nom_de_la_rue."
    )


async def test_the_names_of_the_catalog_are_not_those_of_fields(
    client: ExploreClient, refusing: FakePortal
) -> None:
    """So no schema is requested for metadata."""
    with pytest.raises(ODSQLError) as caught:
        await client.datasets(Query(select="populaton")).first()
    assert not any(note.startswith("hint") for note in notes(caught.value))
    assert schemas(refusing) == 0


@pytest.mark.parametrize("status", [403, 503])
async def test_a_schema_that_cannot_be_read_hides_nothing(
    client: ExploreClient, refusing: FakePortal, status: int
) -> None:
    """The request is not repeated, and the error about the query is raised."""
    answer = refusing.override

    def override(request: web.Request) -> web.StreamResponse | None:
        if request.path.endswith(SCHEMA):
            return web.Response(status=status)
        return answer(request)

    refusing.override = override
    with pytest.raises(ODSQLError, match="populaton"):
        await client.dataset("trees").records(Query(select="populaton")).first()
    assert schemas(refusing) == 1


async def test_another_error_needs_no_schema(client: ExploreClient, portal: FakePortal) -> None:
    """Only unknown fields are looked up."""
    error = {"error_code": "ODSQLError", "message": "StatAggregation only supports numeric."}
    portal.override = lambda request: json_body(error, status=400)
    with pytest.raises(ODSQLError):
        await client.dataset("trees").records(Query(select="avg(name)")).first()
    assert schemas(portal) == 0
