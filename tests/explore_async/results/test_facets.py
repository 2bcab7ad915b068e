"""Facets: one concurrent request each, in the requested order."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from explore_async import (
    APIError,
    ConfigurationError,
    DecodeError,
    ExploreClient,
    Facet,
    FacetValue,
    IntegrityError,
)
from odsql import F, Query, facet
from tests.explore_async.doubles import Clock, json_body, rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.explore_async.doubles import FakePortal


def facets_body(*names: str) -> web.Response:
    value = {"name": "A", "count": 1, "state": "displayed", "value": "A"}
    return json_body({"links": [], "facets": [{"name": n, "facets": [value]} for n in names]})


async def test_facets_run_side_by_side_and_keep_their_order(
    client: ExploreClient, portal: FakePortal
) -> None:
    """The response for the first facet arrives last."""
    others = asyncio.Event()

    async def before(request: web.Request) -> None:
        if request.query["facet"] == "one":
            await others.wait()
        if request.query["facet"] == "three":
            others.set()

    portal.before = before
    facets = await client.dataset("trees").facets("one", "two", "three")
    assert [each.name for each in facets] == ["one", "two", "three"]
    assert len(portal.requests) == 3


async def test_the_query_filters_every_facet(client: ExploreClient, portal: FakePortal) -> None:
    """Each request includes its where and refine."""
    query = Query(where="id > 3", refine="genus:ACER")
    await client.dataset("trees").facets("a", "b", query=query)
    assert sorted(params["facet"] for _, params in portal.requests) == ["a", "b"]
    for _, params in portal.requests:
        assert {**params, "facet": ""} == {**dict(query.params()), "facet": ""}


async def test_facets_can_be_built(client: ExploreClient, portal: FakePortal) -> None:
    """Fields and facet() of the builder are sent as ODSQL."""
    await client.dataset("trees").facets(F.genus, facet("height", limit=3))
    asked = [params["facet"] for _, params in portal.requests]
    assert asked == ["genus", 'facet(name="height", limit=3)']


async def test_facets_of_the_query_are_asked_for(client: ExploreClient, portal: FakePortal) -> None:
    """They apply if no names are given."""
    await client.dataset("trees").facets(query=Query(facet=["genus", "height"]))
    assert [params["facet"] for _, params in portal.requests] == ["genus", "height"]


async def test_without_names_the_declared_facets_come_in_one_answer(
    client: ExploreClient, portal: FakePortal, recorded: Callable[[str], bytes]
) -> None:
    """The response is recorded."""
    body = recorded("vancouver/facets-public-trees.json")
    portal.override = lambda request: web.Response(body=body)
    facets = await client.dataset("trees").facets()
    assert len(portal.requests) == 1
    assert facets[0].name == "genus_name"
    assert facets[0].values[0] == FacetValue(
        name="ACER", value="ACER", count=42180, state="displayed"
    )
    assert len(facets[0].values) == 100


async def test_catalog_facets_have_their_own_path(
    client: ExploreClient, portal: FakePortal, recorded: Callable[[str], bytes]
) -> None:
    """getDatasetsFacets works with and without names."""
    body = recorded("ukpn/getDatasetsFacets.json")
    portal.override = lambda request: web.Response(body=body)
    assert (await client.catalog_facets())[0].values[0].count == 122
    assert [each.name for each in await client.catalog_facets(names=["license"])] == ["license"]
    assert {path for path, _ in portal.requests} == {"/catalog/facets"}


async def test_a_facet_without_values_is_empty(client: ExploreClient, portal: FakePortal) -> None:
    """The server omits it, but the result keeps its place."""
    portal.override = lambda request: facets_body(*(["b"] if request.query["facet"] == "b" else []))
    facets = await client.dataset("trees").facets("a", "b")
    assert facets[0] == Facet(name="a", values=())
    assert facets[1].name == "b"


async def test_more_facets_than_asked_are_told_apart_by_name(
    client: ExploreClient, portal: FakePortal
) -> None:
    """Without a match they are refused: a wrong facet would look like the right one."""
    portal.override = lambda request: facets_body("x", "a")
    assert [each.name for each in await client.dataset("trees").facets("a")] == ["a"]
    with pytest.raises(IntegrityError, match="b"):
        await client.dataset("trees").facets("b")


async def test_the_facet_of_another_field_is_refused(
    client: ExploreClient, portal: FakePortal
) -> None:
    """Even alone it is refused: its counts would pass as those of the requested field."""
    portal.override = lambda request: facets_body("species")
    with pytest.raises(
        IntegrityError, match="one facet, genus, but the response holds species"
    ) as caught:
        await client.dataset("trees").facets("genus")
    assert (caught.value.expected, caught.value.received) == (1, 1)


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("genus", "genus"),
        ("Genus", "genus"),
        ("default.theme", "theme"),
        ("theme", "default.theme"),
        ("custom.data-owner", "owner"),
        ("`1_uai`", "1_uai"),
        ('facet(name="genus", limit=3)', "genus"),
        ('facet(name="genus", limit=3)', "The genus"),
    ],
)
async def test_a_facet_that_may_be_meant_is_taken(
    client: ExploreClient, portal: FakePortal, asked: str, answered: str
) -> None:
    """Only the response's name for a plain field is known, so other names are accepted."""
    portal.override = lambda request: facets_body(answered)
    assert [each.name for each in await client.dataset("trees").facets(asked)] == [answered]


async def test_children_of_hierarchical_facets_are_kept() -> None:
    """They are kept at any depth."""
    day = {"name": "03", "value": "2024/02/03", "count": 1, "state": "displayed"}
    month = {"name": "02", "value": "2024/02", "count": 1, "state": "refined", "facets": [day]}
    year = {"name": "2024", "value": "2024", "state": "excluded", "facets": [month]}
    value = FacetValue.from_json(year)
    assert value.count is None
    assert value.children[0].children[0].value == "2024/02/03"


async def test_a_facet_that_fails_fails_all(client: ExploreClient, portal: FakePortal) -> None:
    """The other requests are cancelled."""
    blocked = asyncio.Event()

    async def before(request: web.Request) -> None:
        if request.query["facet"] != "bad":
            await blocked.wait()

    def override(request: web.Request) -> web.Response:
        return json_body({"error_code": "ODSQLError", "message": "Unknown field: bad"}, status=400)

    portal.before, portal.override = before, override
    with pytest.raises(APIError, match="bad"):
        await client.dataset("trees").facets("good", "bad", "good")
    blocked.set()


@pytest.mark.parametrize("query", [Query(select="id"), Query(group_by="id"), Query().limit(3)])
async def test_clauses_that_facets_ignore_are_refused(
    client: ExploreClient, portal: FakePortal, query: Query
) -> None:
    """The server would ignore them and return other facets than requested."""
    with pytest.raises(ConfigurationError, match="getRecordsFacets does not accept"):
        await client.dataset("trees").facets("a", query=query)
    assert portal.requests == []


async def test_an_answer_without_facets_is_an_error(
    client: ExploreClient, portal: FakePortal
) -> None:
    """It must not pass as a facet without values."""
    portal.override = lambda request: json_body({"results": []})
    with pytest.raises(DecodeError, match="no facets"):
        await client.dataset("trees").facets("a")


async def test_rows_and_facets_run_at_the_same_time(
    client: ExploreClient, portal: FakePortal
) -> None:
    """They share one scheduler, and the results are in the given order."""
    portal.rows = rows(250)
    facets_asked = asyncio.Event()

    async def before(request: web.Request) -> None:
        if request.path.endswith("/facets"):
            facets_asked.set()
        await facets_asked.wait()

    portal.before = before
    dataset = client.dataset("trees")
    found, facets, total = await client.gather(
        dataset.records().to_list(), dataset.facets("a", "b"), dataset.records().count()
    )
    assert found == portal.rows
    assert [each.name for each in facets] == ["a", "b"]
    assert total == 250


async def test_an_error_tells_which_answer_it_is_about_and_no_secret(portal: FakePortal) -> None:
    """This holds even if the response is that of a later attempt and echoes the key."""
    answers = [
        json_body({}, status=503),
        json_body({"s3cr3t": 1}),
        json_body({"facets": [{"name": "a"}, {"name": "b"}]}),
        json_body({"facets": 5}),
    ]
    portal.override = lambda request: answers.pop(0)
    seen = []
    async with ExploreClient(portal.url, auth="s3cr3t", timing=Clock().timing()) as client:
        for kind in (DecodeError, IntegrityError, DecodeError):
            with pytest.raises(kind) as caught:
                await client.dataset("trees").facets("s3cr3t" if kind is IntegrityError else "x")
            assert "s3cr3t" not in str(caught.value)
            seen.append((caught.value.status, caught.value.attempts))
    assert seen == [(200, 2), (200, 1), (200, 1)]
    assert str(caught.value.url).endswith("/facets?facet=x")


async def test_levels_without_end_are_an_error_of_this_package(
    client: ExploreClient, portal: FakePortal
) -> None:
    """And no RecursionError."""
    levels = b'{"name": "v", "facets": [' * 400
    body = b'{"facets": [{"name": "a", "facets": [' + levels + b"]}" * 400 + b"]}]}"
    portal.override = lambda request: web.Response(body=body)
    with suppress(DecodeError):  # a Python with a larger stack may read them
        await client.dataset("trees").facets("a")
