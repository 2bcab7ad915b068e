"""The catalog: dataset objects, their facets, and ODSQL over metadata."""

from __future__ import annotations

import pytest

from explore_async.portal import Store, serve
from tests.explore_async.portal.asking import GEONAMES, Asker, recorded


async def test_a_dataset_object_is_laid_out_as_recorded(ask: Asker) -> None:
    """The response has the complete recorded schema and the recorded order of keys."""
    answer = await ask.get("datasets/public-trees")
    expected = recorded("vancouver/metadata-public-trees.json")
    assert list(answer.json) == list(expected)
    assert answer.json["fields"] == expected["fields"]
    assert list(answer.json["fields"][0]) == list(expected["fields"][0])
    assert answer.json["metas"]["default"]["title"] == "Public trees"


async def test_datasets_are_listed_whole(ask: Asker) -> None:
    """Without `select`, a page contains complete dataset objects."""
    answer = await ask.get("datasets", limit=2)
    assert answer.json["total_count"] == 3
    assert [one["dataset_id"] for one in answer.results] == ["velib", "public-trees"]
    assert answer.results[1] == (await ask.get("datasets/public-trees")).json


async def test_selected_metadata_has_flat_keys(ask: Asker) -> None:
    """Measured: `select=default.data_processed` returns a dotted key."""
    answer = await ask.get(
        "datasets", select="dataset_id, default.title, records_count", where='title like "trees"'
    )
    assert answer.results == [
        {"dataset_id": "public-trees", "default.title": "Public trees", "records_count": 5}
    ]


async def test_datasets_are_sorted_by_title(ask: Asker) -> None:
    """The field is `title` or `default.title`; `metas.default.title` is unknown."""
    answer = await ask.get("datasets", order_by="title desc", select="title")
    assert [row["title"] for row in answer.results] == ["velib", "Things", "Public trees"]
    assert (await ask.get("datasets", order_by="metas.default.title")).status == 400


async def test_metas_as_a_whole_cannot_be_selected(ask: Asker) -> None:
    """The message is the recorded one."""
    answer = await ask.get("datasets", limit=1, select="dataset_id,metas")
    assert answer.json["message"] == (
        "ODSQL query is malformed: Unknown field: metas. Clause(s) containing the error(s): select."
    )


async def test_all_metadata_can_be_queried(ask: Asker) -> None:
    """Of any namespace and type; a hyphen in a name needs back quotes, but not in `facet`."""
    with Store() as store:
        for number, owner in enumerate(["Parks", "Roads", "Parks"]):
            metas = {
                "custom": {
                    "data-owner": owner,
                    "tags": [owner, "x"],
                    "n": number,
                    "mixed": "two" if number == 2 else number,
                },
                "dcat": {"issued": f"2026-08-0{number + 1}", "bbox": {"type": "Point"}},
                "default": {"federated": number == 1},
            }
            store.add(f"d{number}", [{"name": "f", "type": "int"}], metas=metas)
        async with serve(store) as url:
            client = Asker(url, ask.session)
            for where, expected in {
                "datasetid = 'd1'": ["d1"],
                "federated": ["d1"],
                "default.federated is false": ["d0", "d2"],
                "dcat.issued = '2026-08-02'": ["d1"],
                "`custom.data-owner` = 'Parks'": ["d0", "d2"],
                "'Roads' in custom.tags": ["d1"],
                "custom.n > 1": ["d2"],
                "custom.mixed = '1'": ["d1"],
            }.items():
                answer = await client.get("datasets", where=where)
                assert [one["dataset_id"] for one in answer.results] == expected
            (facet,) = (await client.get("facets", facet="custom.data-owner")).json["facets"]
            assert [(one["value"], one["count"]) for one in facet["facets"]] == [
                ("Parks", 2), ("Roads", 1)
            ]  # fmt: skip
            one = (await client.get("datasets", select="dcat.bbox", limit=1)).results[0]
            assert one["dcat.bbox"] == {"type": "Point"}


@pytest.mark.parametrize("path", ["datasets", "datasets/things", "exports/json"])
async def test_select_of_all_is_the_whole_object(ask: Asker, path: str) -> None:
    """The reference says that `*` selects all fields, which is what comes without `select`."""
    assert (await ask.get(path, select="*")).body == (await ask.get(path)).body


async def test_a_dataset_without_features_has_an_empty_list(ask: Asker) -> None:
    """The specification has a list; as the key of a group, no feature is null."""
    assert (await ask.get("datasets/things", select="features")).json == {"features": []}
    groups = (await ask.get("datasets", group_by="features", select="count(*)")).results
    assert groups == [{"features": None, "count(*)": 3}]


async def test_select_on_one_dataset(ask: Asker) -> None:
    """A single dataset has the same flat keys; `fields` can be selected."""
    answer = await ask.get("datasets/velib", select="dataset_id, fields")
    assert answer.json["dataset_id"] == "velib"
    assert answer.json["fields"] == (await ask.get("datasets/velib")).json["fields"]


async def test_catalog_facets_count_datasets(ask: Asker) -> None:
    """Links and items are as recorded."""
    answer = await ask.get("facets", facet="publisher")
    assert answer.json == {
        "links": [
            {"rel": "self", "href": f"{ask.url}/api/explore/v2.1/catalog/facets"},
            {"rel": "source", "href": f"{ask.url}/api/explore/v2.1/catalog"},
        ],
        "facets": [
            {
                "name": "publisher",
                "facets": [
                    {
                        "name": "City of Vancouver",
                        "count": 1,
                        "state": "displayed",
                        "value": "City of Vancouver",
                    }
                ],
            }
        ],
    }


async def test_values_of_catalog_facets_are_sorted_as_recorded(ask: Asker) -> None:
    """By count if the request names the facet, and by name otherwise."""
    expected = recorded("ukpn/getDatasetsFacets.json")["facets"]
    licences = expected[0]["facets"]
    assert [one["count"] for one in licences] == sorted(
        (one["count"] for one in licences), reverse=True
    )
    with Store() as store:
        for number, licence in enumerate(
            one["value"] for one in reversed(licences) for _ in range(one["count"])
        ):
            metas = {"default": {"license": licence}}
            store.add(f"d{number}", [{"name": "f", "type": "int"}], metas=metas)
        async with serve(store) as url:
            client = Asker(url, ask.session)
            named = (await client.get("facets", facet="license")).json["facets"]
            unnamed = (await client.get("facets")).json["facets"]
    assert named == expected
    (listed,) = [one["facets"] for one in unnamed if one["name"] == "license"]
    assert listed == sorted(licences, key=lambda one: str(one["value"]))


@pytest.mark.parametrize("name", ["csv", "json"])
@pytest.mark.parametrize("query", [{}, {"select": "dataset_id"}, {"select": "count(*)"}])
async def test_an_export_of_the_catalog_has_an_offset(
    ask: Asker, name: str, query: dict[str, str]
) -> None:
    """The rows are those of the whole export after the first ones."""
    path = f"exports/{name}"
    whole, part, none = [
        await ask.get(path, **query, with_bom="false", offset=offset) for offset in (0, 1, "9" * 30)
    ]
    if name == "json":
        assert part.json == whole.json[1:]
        assert none.json == []
    else:
        header, _, *rows = whole.body.splitlines()
        if query:  # the columns of the metas depend on the datasets
            assert part.body.splitlines() == [header, *rows]
        assert len(part.body.splitlines()) == len(rows) + 1
    assert (await ask.get(path, offset=-1)).status == 400


async def test_the_catalog_can_be_exported(ask: Asker) -> None:
    """JSON contains dataset objects, CSV a table."""
    listed = (await ask.get("exports/json")).json
    assert [one["dataset_id"] for one in listed] == ["velib", "public-trees", "things"]
    table = await ask.get("exports/csv", select="dataset_id", with_bom="false")
    assert table.body == b"dataset_id\r\nvelib\r\npublic-trees\r\nthings\r\n"
    assert table.headers["content-disposition"] == 'attachment; filename="datasets.csv"'


async def test_the_catalog_as_a_table_has_the_metas(ask: Asker) -> None:
    """Recorded: `dcat` comes first, then `default`, `datasetid` last; true is `True`."""
    metas = {
        "custom": {"note": "a; b"},
        "default": {
            "bbox": {"type": "Feature", "geometry": {"type": "P"}},
            "title": "One",
            "keyword": ["x", "y"],
            "federated": False,
        },
        "dcat": {"created": None},
    }
    with Store() as store:
        store.add("one", [{"name": "f", "type": "int"}], metas=metas)
        store.add("two", [{"name": "f", "type": "int"}], metas={"default": {"title": "Two"}})
        async with serve(store) as url:
            answer = await Asker(url, ask.session).get("exports/csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="datasets.csv"'
    assert answer.body.decode("utf-8-sig") == (
        "dcat.created;default.title;default.bbox;default.keyword;default.federated;default.records_count;"
        "custom.note;datasetid\r\n"
        ';One;"{""type"": ""P""}";x,y;False;0;"a; b";one\r\n'
        ";Two;;;;0;;two\r\n"
    )


@pytest.mark.parametrize("slash", ["", "/"])
async def test_the_roots_link_to_what_is_below(ask: Asker, slash: str) -> None:
    """The links of the root are documented for v2.0; those of the catalog are unknown."""
    api = f"{ask.url}/api/explore/v2.1"
    async with ask.session.get(f"{api}{slash}") as response:
        assert response.status == 200
        assert await response.json() == {
            "links": [{"rel": "self", "href": api}, {"rel": "catalog", "href": f"{api}/catalog"}]
        }
    async with ask.session.get(f"{api}/catalog{slash}") as response:
        links = (await response.json())["links"]
    assert [one["rel"] for one in links] == ["self", "datasets", "exports", "facets"]
    for one in links:
        async with ask.session.get(one["href"]) as response:
            assert response.status == 200


@pytest.mark.parametrize("name", ["monitoring", "opendatasoft", "assets"])
async def test_a_local_portal_has_no_other_catalogs(ask: Asker, name: str) -> None:
    async with ask.session.get(f"{ask.url}/api/explore/v2.1/{name}/datasets") as response:
        assert response.status == 404
        assert (await response.json())["error_code"] == "NotFoundURI"


async def test_there_are_no_attachments(ask: Asker) -> None:
    """The response contains an empty list."""
    assert (await ask.get("datasets/velib/attachments")).json["attachments"] == []


async def test_headers_of_a_success(ask: Asker) -> None:
    """The quota resets at the next midnight, in the recorded format; nothing is cached."""
    first = (await ask.get("datasets")).headers
    assert first["x-ratelimit-reset"] == "2026-08-30 00:00:00+00:00"
    assert first["cache-control"] == "no-cache, no-store, max-age=0, must-revalidate"
    assert first["vary"] == "Accept-Language, Cookie, Host"
    assert first["content-language"] == "en-us"
    second = (await ask.get("datasets")).headers
    remaining = [int(one["x-ratelimit-remaining"]) for one in (first, second)]
    assert remaining[0] - remaining[1] == 1


async def test_headers_of_every_answer_are_the_recorded_ones(ask: Asker) -> None:
    """Those that concern browsers, on successes and errors alike."""
    for path in ("datasets", "datasets/none", "datasets?limit=-2"):
        headers = (await ask.get(path)).headers
        assert {name: headers[name] for name in RECORDED_HEADERS} == RECORDED_HEADERS


async def test_a_browser_may_ask_whether_it_may_send_a_key(ask: Asker) -> None:
    """A preflight request is answered with the recorded headers; its body is unknown."""
    url = f"{ask.url}/api/explore/v2.1/catalog/datasets/things/records"
    asked = {"origin": "https://example.org", "access-control-request-headers": "authorization"}
    async with ask.session.options(url, headers=asked) as response:
        assert response.status == 200
        assert "Authorization" in response.headers["access-control-allow-headers"]
        assert await response.read() == b""


RECORDED_HEADERS = {
    "vary": "Accept-Language, Cookie, Host",
    "content-language": "en-us",
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "POST, GET, OPTIONS",
    "access-control-max-age": "1000",
    "access-control-allow-headers": (
        "Authorization, X-Requested-With, Origin, ODS-API-Analytics-App, "
        "ODS-API-Analytics-Embed-Type, ODS-API-Analytics-Embed-Referrer, ODS-Widgets-Version, "
        "Accept"
    ),
    "access-control-expose-headers": (
        "ODS-Explore-API-Deprecation, Link, X-RateLimit-Remaining, X-RateLimit-Limit, "
        "X-RateLimit-Reset, X-RateLimit-dataset-Remaining, X-RateLimit-dataset-Limit, "
        "X-RateLimit-dataset-Reset"
    ),
    "strict-transport-security": "max-age=31536000;includeSubdomains",
    "x-content-type-options": "nosniff",
    "referrer-policy": "strict-origin-when-cross-origin",
    "x-ua-compatible": "IE=edge",
    "permissions-policy": (
        "midi=(),microphone=(),camera=(),magnetometer=(),gyroscope=(),fullscreen=(self),payment=()"
    ),
}


async def test_the_cities_have_the_documented_schema(ask_cities: Asker) -> None:
    """Names, types, labels, descriptions, annotations and order are those of the reference."""
    fields = (await ask_cities.get(GEONAMES)).json["fields"]
    assert fields == recorded("documented/openapi-example.dataset-v2.1.json")["fields"]
