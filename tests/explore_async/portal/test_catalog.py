"""The catalog: dataset objects, their facets, and ODSQL over metadata."""

from __future__ import annotations

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


async def test_select_on_one_dataset(ask: Asker) -> None:
    """A single dataset has the same flat keys; `fields` can be selected."""
    answer = await ask.get("datasets/velib", select="dataset_id, fields")
    assert answer.json["dataset_id"] == "velib"
    assert answer.json["fields"] == (await ask.get("datasets/velib")).json["fields"]


async def test_catalog_facets_count_datasets(ask: Asker) -> None:
    """Links and items are as recorded; values are sorted by name."""
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
        "default": {"title": "One", "keyword": ["x", "y"], "federated": False},
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
        "dcat.created;default.title;default.keyword;default.federated;default.records_count;"
        "custom.note;datasetid\r\n"
        ';One;x,y;False;0;"a; b";one\r\n'
        ";Two;;;0;;two\r\n"
    )


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


async def test_the_cities_have_the_documented_schema(ask_cities: Asker) -> None:
    """Names, types, labels, descriptions, annotations and order are those of the reference."""
    fields = (await ask_cities.get(GEONAMES)).json["fields"]
    assert fields == recorded("documented/openapi-example.dataset-v2.1.json")["fields"]
