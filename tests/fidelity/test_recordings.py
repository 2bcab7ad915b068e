"""Every recorded request is asked again, and answered as it was.

`recorded/INDEX.jsonl` has the request and the status of each recorded body. `REPLAYS` says how the
data behind a request is rebuilt, `ELSEWHERE` which other test compares a recording, and `NEVER` why
a recording cannot be compared.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import pytest
import yaml
from attrs import frozen

from explore_async.portal import Store, serve
from tests.explore_async.portal.asking import RECORDED, Asker, fill_samples
from tests.fidelity import stores

if TYPE_CHECKING:
    from collections.abc import Callable

INDEX = {
    one["file"]: one
    for line in (RECORDED / "INDEX.jsonl").read_text(encoding="utf-8").splitlines()
    for one in [json.loads(line)]
}
CATALOG = "/api/explore/v2.1/catalog/"


def nothing(_: Store) -> None:
    """Add no dataset."""


def same(body: Any) -> Any:
    """Change nothing."""
    return body


@frozen
class Replay:
    """How a recording is asked again.

    Attributes:
        build: adds the data to a store.
        asks: the request, below the catalog, if the recorded one is not a whole URL.
        total: the recorded `total_count` counts more records than can be rebuilt.
        edit: what else is different in the recorded answer, and why.
    """

    build: Callable[[Store], None]
    asks: str | None = None
    total: bool = True
    edit: Callable[[Any], Any] = same


def grouped(body: dict[str, Any]) -> dict[str, Any]:
    """Add the `total_count` that answers with groups have had since 2026."""
    return {"total_count": len(body["results"]), **body}


def without_attachments(body: dict[str, Any]) -> dict[str, Any]:
    """Empty `attachments`: the files themselves were not recorded."""
    for one in body.get("results", [body]):
        one["attachments"] = []
    return body


def nearly(body: dict[str, Any]) -> dict[str, Any]:
    """Compare distances to a nanometre: the points are computed from them."""
    for row in body["results"]:
        row["distance"] = pytest.approx(row["distance"], abs=1e-9)
    return body


THINGS = "datasets/things/records"

REPLAYS: dict[str, Replay] = {
    "vancouver/aggregate-grouped.json": Replay(stores.genera),
    "vancouver/aggregate-ungrouped.json": Replay(stores.genera),
    "vancouver/catalog-export.csv": Replay(stores.vancouver),
    "vancouver/data-property-tax-report.csv": Replay(stores.taxes),
    "vancouver/data-public-trees-csv.csv": Replay(stores.trees),
    "vancouver/error-not-found.json": Replay(nothing),
    "vancouver/error-odsql.json": Replay(stores.trees),
    "vancouver/facets-catalog.json": Replay(
        stores.vancouver,
        # The portal of Vancouver has its own list of facets, in the order of their names.
        asks="facets?"
        + "&".join(
            f'facet=facet(name="{name}",sort="alphanum")'
            for name in ("features", "theme", "keyword", "custom.data-owner", "custom.data-team")
        ),
    ),
    "vancouver/facets-public-trees.json": Replay(stores.genera),
    "vancouver/metadata-property-tax-report.json": Replay(
        stores.described("vancouver/metadata-property-tax-report.json")
    ),
    "vancouver/metadata-public-trees.json": Replay(
        stores.described("vancouver/metadata-public-trees.json")
    ),
    "ukpn/getDatasets.json": Replay(
        stores.described("ukpn/getDatasets.json", total=136), edit=without_attachments
    ),
    "ukpn/getDataset-live-faults.json": Replay(
        stores.described("ukpn/getDataset-live-faults.json"), edit=without_attachments
    ),
    "ukpn/getRecords-live-faults.json": Replay(stores.live_faults),
    "ukpn/getRecords-carbon-intensity.json": Replay(
        stores.inferred(
            "ukpn-carbon-intensity",
            "ukpn/getRecords-carbon-intensity.json",
            total=33736,
            half_hour_period="datetime",
        )
    ),
    "ukpn/getDatasetsFacets.json": Replay(stores.licences("ukpn/getDatasetsFacets.json")),
    "enw/list-datasets-example.json": Replay(
        stores.described("enw/list-datasets-example.json", total=146)
    ),
    "enw/get-dataset-example.json": Replay(stores.described("enw/get-dataset-example.json")),
    "enw/catalog-facets-license-example.json": Replay(
        stores.licences("enw/catalog-facets-license-example.json")
    ),
    "enw/list-export-formats-example.json": Replay(nothing),
    "enw/odsql-error-example.json": Replay(nothing),
    "enw/forbidden-records-example.json": Replay(stores.described("enw/get-dataset-example.json")),
    "misc/vancouver-public-art.export-json.1row.json": Replay(stores.public_art),
    "misc/paris-comptages.group_by-hour.subset.json": Replay(
        stores.hourly,
        asks="datasets/comptages-routiers-permanents/records?select=avg(q) as f,avg(k) as o,"
        "count(q) as nq,count(k) as nk&group_by=iu_ac,hour(t_1h) as h&limit=20000",
        total=False,
    ),
    "misc/irve.group_by-null-key.row.json": Replay(
        stores.chargers,
        asks="datasets/irve/exports/json?select=count(*) as pdc&limit=1&group_by="
        "consolidated_latitude,consolidated_longitude,nom_station,nom_operateur,"
        "consolidated_commune",
        edit=lambda body: [body],
    ),
    "errors/404-record.json": Replay(fill_samples, asks=f"{THINGS}/1"),
    "errors/404-uri.json": Replay(nothing, asks="nothing/here"),
    "errors/400-limit-1473.json": Replay(fill_samples, asks=f"{THINGS}?limit=1473"),
    "errors/400-offset-plus-limit-10100.json": Replay(
        fill_samples, asks=f"{THINGS}?offset=10000&limit=100"
    ),
    "errors/400-offset-plus-limit-10001.json": Replay(
        fill_samples, asks=f"{THINGS}?offset=10000&limit=1"
    ),
    "errors/400-group_by-limit-60000.json": Replay(
        fill_samples, asks=f"{THINGS}?group_by=name&limit=60000"
    ),
    "errors/400-syntax-invalid_function.json": Replay(
        fill_samples, asks=f"{THINGS}?select=invalid_function()"
    ),
    "errors/400-syntax-where-bogus.json": Replay(nothing, asks="datasets?where=BOGUS("),
    "errors/400-syntax-where-badsyntax.json": Replay(nothing, asks="datasets?where=BADSYNTAX(("),
    "errors/400-syntax-contains.json": Replay(
        fill_samples, asks=f'{THINGS}?where=contains(objet, "espaces verts")'
    ),
    "errors/400-orderby-aggregation-limit.json": Replay(
        fill_samples,
        asks="datasets/things/exports/csv?group_by=name&select=count(*)&order_by=count(*)",
    ),
    "errors/400-alias-twice.json": Replay(
        fill_samples, asks=f"{THINGS}?group_by=hour(moment) as h&select=count(*) as h"
    ),
    "errors/400-geo-aggregation.json": Replay(fill_samples, asks=f"{THINGS}?group_by=place"),
    "errors/400-stat-aggregation-text.json": Replay(
        fill_samples, asks=f"{THINGS}?select=avg(name)"
    ),
    "velib-fi/01-records.json": Replay(stores.all_stations),
    "velib-fi/02-limit-too-big.json": Replay(stores.all_stations),
    "velib-fi/03-select.json": Replay(stores.all_stations),
    "velib-fi/04-where-gt.json": Replay(
        stores.matching(
            "04-where-gt", filler={"capacity": 31}, others=[{"capacity": 30}, {"capacity": 0}, {}]
        )
    ),
    "velib-fi/05-order_by-asc.json": Replay(
        stores.matching("05-order_by-asc", filler={"capacity": 32}, others=[{"capacity": 30}, {}])
    ),
    "velib-fi/06-order_by-desc.json": Replay(
        stores.matching("06-order_by-desc", filler={"capacity": 66}, others=[{"capacity": 30}, {}])
    ),
    "velib-fi/07-where-and.json": Replay(
        stores.matching(
            "07-where-and",
            others=[{"capacity": 20, "is_renting": "NON"}, {"capacity": 30, "is_renting": "OUI"}],
        )
    ),
    "velib-fi/08-startswith.json": Replay(stores.named("08-startswith")),
    "velib-fi/09-suggest.json": Replay(stores.named("09-suggest")),
    "velib-fi/10-search.json": Replay(stores.named("10-search")),
    "velib-fi/11-in-list.json": Replay(
        stores.matching(
            "11-in-list",
            filler={"nom_arrondissement_communes": "Clichy"},
            others=[{"nom_arrondissement_communes": "Clichy-sous-Bois"}, {}],
        )
    ),
    "velib-fi/12-within_distance.json": Replay(stores.at_distances),
    "velib-fi/13-distance.json": Replay(stores.at_distances, edit=nearly),
    "velib-fi/14-in_bbox.json": Replay(stores.in_a_box),
    "velib-fi/15-not-in_bbox.json": Replay(stores.in_a_box),
    "velib-fi/16-group_by-text.json": Replay(stores.places("count(*)"), edit=grouped),
    "velib-fi/17-group_by-order-desc-alias.json": Replay(
        stores.places("nb_stations"), edit=grouped
    ),
    "velib-fi/18-group_by-range-equal-width.json": Replay(
        stores.capacities("18-group_by-range-equal-width", "RANGE(capacity,15)"), edit=grouped
    ),
    "velib-fi/19-group_by-range-explicit-alias.json": Replay(
        stores.capacities("19-group_by-range-explicit-alias", "capacity"), edit=grouped
    ),
    "velib-fi/21-synop-records.json": Replay(
        stores.inferred(
            "donnees-synop-essentielles-omm",
            "velib-fi/21-synop-records.json",
            date="datetime",
            coordonnees="geo_point_2d",
        ),
        total=False,
    ),
}

ELSEWHERE = {
    "vancouver/data-public-trees.fgb": "explore_async/portal/exports/test_fgb.py::"
    "test_the_layer_is_the_recorded_one",
    "misc/paris-comptages.export-geojson.subset.json": "explore_async/portal/exports/"
    "test_geojson.py::test_the_features_are_the_recorded_ones",
    "misc/paris-comptages.group_by-text-order.json": "explore_async/portal/test_groups.py::"
    "test_text_keys_are_ordered_by_code_point",
    # The points in the clusters were not recorded, only the centre of each.
    "velib-fi/20-group_by-geo_cluster.json": "explore_async/portal/test_clusters.py::"
    "test_clusters_are_laid_out_as_recorded",
    "misc/northern-powergrid-examples.yml": "fidelity/test_recordings.py::"
    "test_a_call_that_was_written_down_is_answered_the_same",
    "errors/429-10002-domain.documented.json": "explore_async/portal/test_faults.py::"
    "test_the_refusal_has_the_documented_form",
    "errors/400-incompatible-types.json": "explore_async/portal/test_refusals.py::"
    "test_what_cannot_be_compared_is_refused",
    "documented/openapi-example.dataset-v2.1.json": "explore_async/portal/test_catalog.py::"
    "test_the_cities_have_the_documented_schema",
}

EXAMPLE = (
    "an example of the specification, from which live answers differ (see the note in the index)"
)
NEVER = {
    "misc/webstat.empty-records.json": "a portal that hides records by an empty page instead of "
    "status 403, which others send and this one does",
    "errors/429-10005-anonymous.documented.json": "the quota of anonymous users, from a "
    "commented-out example; the portal has one quota for all",
    **dict.fromkeys(
        (
            f"documented/openapi-example.{name}.json"
            for name in (
                "attachments",
                "catalog_facets",
                "datasets-v2.1",
                "facets",
                "group_by_country-v2.1",
                "record-v2.1",
                "records-v2.1",
            )
        ),
        EXAMPLE,
    ),
}


def test_no_recording_is_forgotten() -> None:
    """Each recorded file is in the index, and it is replayed, compared elsewhere, or neither."""
    kept = {
        path.relative_to(RECORDED).as_posix()
        for path in RECORDED.rglob("*.*")
        if path.name != "INDEX.jsonl"
    }
    listed = [*REPLAYS, *ELSEWHERE, *NEVER]
    assert kept == set(INDEX)
    assert sorted(listed) == sorted(INDEX)


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_recording_is_compared_where_it_is_said(name: str) -> None:
    """The other test exists, and its file names the recording."""
    path, _, test = ELSEWHERE[name].partition("::")
    text = (Path(__file__).parents[1] / path).read_text(encoding="utf-8")
    assert f"def {test}(" in text
    assert name in text or name == "errors/400-incompatible-types.json"  # its message is a guess


@pytest.mark.parametrize("name", REPLAYS)
async def test_a_recorded_request_is_answered_as_recorded(name: str) -> None:
    """The status, the headers and the body; each byte of it if each byte was recorded."""
    replay, known = REPLAYS[name], INDEX[name]
    with Store() as store:
        replay.build(store)
        async with serve(store) as url, aiohttp.ClientSession() as session:
            origin, path, parameters = _request(replay, known)
            answer = await Asker(url, session).get(path, *parameters)
    assert answer.status == known["status"]
    for header, value in known["headers"].items():
        assert answer.headers[header] == value, header
    if answer.status == 400:  # neither compressed nor counted
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["content-length"] == str(len(answer.body))
        assert "x-ratelimit-limit" not in answer.headers
    body = answer.body.replace(url.encode(), origin.encode())
    expected = (RECORDED / name).read_bytes()
    if known["byte_exact"] and replay.edit is same:
        assert body == (expected if name.endswith(".csv") else expected.removesuffix(b"\n"))
        return
    _compare(replay, json.loads(body), json.loads(expected))


def _request(replay: Replay, known: dict[str, Any]) -> tuple[str, str, list[tuple[str, str]]]:
    """Return the origin of the recorded URL, and the path and parameters to ask for."""
    recorded_url = urlsplit(known["request"])
    origin = f"{recorded_url.scheme}://{recorded_url.netloc}"
    asked = replay.asks or known["request"].partition(CATALOG)[2]
    path, _, query = asked.partition("?")
    return origin, path, parse_qsl(query, keep_blank_values=True)


def _compare(replay: Replay, body: Any, expected: Any) -> None:
    """Compare values and the order of all keys."""
    expected = replay.edit(expected)
    if not replay.total:
        expected["total_count"] = len(expected["results"])
    assert body == expected
    assert _keys(body) == _keys(expected)


def _keys(value: Any) -> Any:
    if isinstance(value, dict):
        return [(key, _keys(one)) for key, one in value.items()]
    return list(map(_keys, value)) if isinstance(value, list) else None


# ---------------------------------------------------------------- calls that were written down

WRITTEN = yaml.safe_load(
    (RECORDED / "misc/northern-powergrid-examples.yml").read_text(encoding="utf-8")
)["examples"]


def _fill_written(store: Store) -> None:
    """Add 102 datasets with the recorded themes; two have the recorded records."""
    themes = [
        one["value"]
        for one in WRITTEN[1]["response"]["body"]["facets"][0]["facets"]
        for _ in range(one["count"])
    ]
    (cut,) = WRITTEN[2]["response"]["body"]["results"]
    kinds = {
        "postcode": "text", "loggedtime": "datetime", "estimatedtimetillresolution": "datetime",
        "totalconfirmedpowercut": "int", "numberofcalls": "int", "lat": "double", "lng": "double",
    }  # fmt: skip
    schema = stores.fields(*cut, **kinds)
    for one in schema:
        if one["name"] == "postcode":
            one["annotations"] = {"multivalued": ","}
    causes = [row["powercutcategory"] for row in WRITTEN[3]["response"]["body"]["results"]]
    rows = [cut, *({"powercutcategory": cause} for cause in causes)]
    rows += [{"powercutcategory": f"Z{number}"} for number in range(242 - len(rows))]
    names = ["combined-authority-boundaries", *(f"d{number}" for number in range(100))]
    for at, name in enumerate(names):
        # A dataset may have several themes.
        metas = {"default": {"theme": themes[at::101] or None}}
        store.add(name, stores.fields("f"), metas=metas)
    store.add("live-power-cuts-data", schema, rows)


@pytest.mark.parametrize("written", WRITTEN, ids=[one["name"] for one in WRITTEN])
async def test_a_call_that_was_written_down_is_answered_the_same(written: dict[str, Any]) -> None:
    """All of the body, or its first results if it was abridged."""
    request, response = written["request"], written["response"]
    with Store() as store:
        _fill_written(store)
        async with serve(store) as url, aiohttp.ClientSession() as session:
            path = request["path"].removeprefix("/catalog/")
            answer = await Asker(url, session).get(path, **request.get("query", {}))
    assert answer.status == response["status"]
    body, expected = answer.json, response["body"]
    if response["abridged"] and "results" in body:
        body["results"] = body["results"][: len(expected["results"])]
    text = json.dumps(body).replace(url, "https://northernpowergrid.opendatasoft.com")
    assert json.loads(text) == expected
    assert _keys(body) == _keys(expected)
