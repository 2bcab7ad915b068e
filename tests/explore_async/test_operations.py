"""The operations accept every parameter of the specification and check every value."""

from __future__ import annotations

import inspect
import json
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from explore_async import ConfigurationError, Dataset, ExploreClient, ODSQLError, Unlisted
from explore_async import operations as ops
from odsql import Query, call, facet
from odsql.builder.query import Clauses
from tests.explore_async.doubles import json_body

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web

    from tests.explore_async.doubles import FakePortal

SPECIFICATION: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "fidelity" / "operations.json").read_text(encoding="utf-8")
)
METHODS: dict[str, Callable[..., Any]] = {
    "getDatasets": ExploreClient.datasets,
    "listExportFormats": ExploreClient.export_formats,
    "exportDatasets": ExploreClient.export,
    "exportCatalogCSV": ExploreClient.export_csv,
    "exportCatalogDCAT": ExploreClient.export_dcat,
    "getDatasetsFacets": ExploreClient.catalog_facets,
    "getRecords": Dataset.records,
    "listDatasetExportFormats": Dataset.export_formats,
    "exportRecords": Dataset.export,
    "exportRecordsCSV": Dataset.export_csv,
    "exportRecordsParquet": Dataset.export_parquet,
    "exportRecordsGPX": Dataset.export_gpx,
    "getDataset": Dataset.info,
    "getRecordsFacets": Dataset.facets,
    "getDatasetAttachments": Dataset.attachments,
    "getRecord": Dataset.record,
}
RENAMED = {"format": "file_format", "dataset_id": "self"}
CLAUSES = {attribute.name for attribute in Clauses.__attrs_attrs__}


def parameters(operation_id: str) -> list[dict[str, Any]]:
    """Return the specification's parameters of an operation."""
    found: list[dict[str, Any]] = SPECIFICATION[operation_id]["parameters"]
    return found


def enumeration(operation_id: str, name: str) -> set[str]:
    """Return the values that the specification lists for a parameter."""
    return next(set(one["enum"]) for one in parameters(operation_id) if one["name"] == name)


def test_all_operations_have_a_method() -> None:
    """There are 16, and each docstring contains the operationId."""
    assert list(ops.OPERATIONS) == list(SPECIFICATION)
    assert set(METHODS) == set(SPECIFICATION)
    for operation_id, method in METHODS.items():
        assert operation_id in (method.__doc__ or "")
        assert ops.OPERATIONS[operation_id].path == SPECIFICATION[operation_id]["path"]


@pytest.mark.parametrize("operation_id", SPECIFICATION)
def test_every_parameter_has_a_place(operation_id: str) -> None:
    """A parameter is an argument of the method or a clause of its query."""
    accepted = ops.OPERATIONS[operation_id].parameters
    keywords = set(inspect.signature(METHODS[operation_id]).parameters)
    for one in parameters(operation_id):
        name = RENAMED.get(one["name"], one["name"])
        in_query = "query" in keywords and name in CLAUSES and name in accepted
        assert in_query or name in keywords, one
        assert one["in"] == "path" or one["name"] in accepted


def test_the_enumerations_are_those_of_the_specification() -> None:
    """No value is missing, and no value is added."""
    assert set(ops.DATASET_FORMATS) == enumeration("exportRecords", "format")
    assert set(ops.DATASET_FORMATS) == enumeration("exportCatalogDCAT", "include_exports")
    assert set(ops.CATALOG_FORMATS) == enumeration("exportDatasets", "format")
    assert set(ops.DCAT_VARIANTS) == enumeration("exportCatalogDCAT", "dcat_ap_format")
    assert set(ops.LANGS) == enumeration("getRecords", "lang")
    assert set(ops.DELIMITERS) == enumeration("exportRecordsCSV", "delimiter")
    assert set(ops.DELIMITERS) == enumeration("exportCatalogCSV", "delimiter")
    assert set(ops.COMPRESSIONS) == enumeration("exportRecordsParquet", "parquet_compression")


WRONG: list[Callable[[ExploreClient, Callable[[str], str]], object]] = [
    lambda client, of: client.export(of("docx")),
    lambda client, of: client.export_dcat(of("_ap_xx")),
    lambda client, of: client.export_dcat("_ap_ch", include_exports=[of("docx")]),
    lambda client, of: client.export_csv(delimiter=of("#")),
    lambda client, of: client.dataset("trees").export(of("docx")),
    lambda client, of: client.dataset("trees").export_csv(delimiter=of("#")),
    lambda client, of: client.dataset("trees").export_parquet(parquet_compression=of("lzma")),
    lambda client, of: client.dataset("trees").records(Query(lang=of("tlh"))),
    lambda client, of: client.dataset("trees").facets(of('facet(name="a", sort="size")')),
]


@pytest.mark.parametrize("ask", WRONG)
async def test_a_value_that_is_not_listed_is_refused(
    client: ExploreClient,
    portal: FakePortal,
    ask: Callable[[ExploreClient, Callable[[str], str]], object],
) -> None:
    """The error is raised before sending; `Unlisted` passes the check."""
    with pytest.raises(ConfigurationError, match="Unlisted"):
        ask(client, str)
    ask(client, Unlisted)
    assert not portal.requests


WRONG_FACETS = [
    'facet(name="a", sort="size")',
    'facet(name="a", sort=size)',
    "FACET (name='a', colour='red')",
    'facet(name="a", disjunctive=maybe)',
    'facet(name="a", hierarchical="true")',
    'facet(name="a", limit=-5)',
    'facet(name="a", limit=2.5)',
]


@pytest.mark.parametrize("text", WRONG_FACETS)
@pytest.mark.parametrize(
    "ask",
    [
        lambda trees, facet: trees.facets(facet),
        lambda trees, facet: trees.facets(query=Query(facet=facet)),
        lambda trees, facet: trees.facets(query=Query(facet=facet).where("a = 1")),
    ],
)
async def test_a_facet_option_that_is_not_listed_is_refused(
    client: ExploreClient, ask: Callable[[Dataset, str], object], text: str
) -> None:
    """The check covers names and queries, and its error shows the `Unlisted` call to use."""
    trees = client.dataset("trees")
    with pytest.raises(ConfigurationError) as caught:
        ask(trees, text)
    assert f"Unlisted({text!r})" in str(caught.value)
    ask(trees, Unlisted(text))


async def test_an_unlisted_facet_option_arrives(client: ExploreClient, portal: FakePortal) -> None:
    """It is sent unchanged, both from a string and from an expression."""
    text = 'facet(name="a", sort="size")'
    built = call("facet", name="a", sort="size")
    trees = client.dataset("trees")
    portal.override = lambda request: json_body({"facets": [{"name": "a", "facets": []}]})
    for one in (Unlisted(text), built):
        await trees.facets(one)
        await trees.facets(query=Query(facet=one))
    assert [params["facet"] for _, params in portal.requests] == [text] * 4


@pytest.mark.parametrize(
    "facet",
    [
        'facet(name="a", disjunctive=true, hierarchical=false, separator="/", limit=0)',
        'facet(name="a", sort="-alphanum")',
        facet("a", disjunctive=True, sort="-num", limit=5),
    ],
)
async def test_listed_facet_options_pass(client: ExploreClient, facet: Any) -> None:
    """The facets use every option of the specification."""
    client.dataset("trees").facets(facet, query=Query(facet=facet))


async def test_options_arrive_as_the_specification_writes_them(client: ExploreClient) -> None:
    """Each option is in the URL once."""
    trees = client.dataset("trees")
    url = trees.export_csv(
        Query(where="a = 1"), delimiter="\t", list_separator="|", quote_all=True, with_bom=False
    ).url
    assert url.endswith(
        "/exports/csv?where=a%20%3D%201&delimiter=%09&list_separator=%7C&quote_all=true&with_bom=false"
    )
    assert trees.export_parquet(parquet_compression="zstd").url.endswith(
        "/exports/parquet?parquet_compression=zstd"
    )
    gpx = trees.export_gpx(name_field="a", description_field_list=["b", "c"], use_extension=False)
    assert gpx.url.endswith("name_field=a&description_field_list=b%2Cc&use_extension=false")
    dcat = client.export_dcat("_ap_ch", include_exports=["csv"], use_labels_in_exports=True)
    assert dcat.url.endswith(
        "/catalog/exports/dcat_ap_ch?include_exports=csv&use_labels_in_exports=true"
    )


async def test_a_text_is_one_name_and_not_its_letters(
    client: ExploreClient, portal: FakePortal
) -> None:
    """This holds for every argument that accepts a list of names."""
    gpx = client.dataset("trees").export_gpx(description_field_list="name")
    assert gpx.url.endswith("?description_field_list=name")
    dcat = client.export_dcat("_ap_ch", include_exports="csv")
    assert dcat.url.endswith("?include_exports=csv")
    assert client.catalog_facets(names="publisher").names == ("publisher",)
    assert client.catalog_facets(names=facet("publisher")).names == ('facet(name="publisher")',)


def test_an_empty_list_of_names_is_refused() -> None:
    """The server would take it for all; only for facets it is documented to mean all."""
    client = ExploreClient("host")
    nothing: list[str] = []
    with pytest.raises(ConfigurationError, match="description_field_list is empty"):
        client.dataset("trees").export_gpx(description_field_list=nothing)
    for empty in (nothing, ""):
        with pytest.raises(ConfigurationError, match="include_exports is empty"):
            client.export_dcat("_ap_ch", include_exports=empty)
    assert client.catalog_facets(names=[]).names == ()


async def test_formats_of_the_catalog(
    client: ExploreClient, portal: FakePortal, recorded: Callable[[str], bytes]
) -> None:
    """The response is a recorded one."""
    body = json.loads(recorded("enw/list-export-formats-example.json"))
    portal.override = lambda request: json_body(body)
    assert "data.json" in [one.name for one in await client.export_formats()]
    assert portal.requests[0][0] == "/catalog/exports"


async def test_attachments_are_listed_and_downloaded(
    client: ExploreClient, portal: FakePortal, tmp_path: Path
) -> None:
    """The request goes to the portal's own address and not to the link's."""
    href = "https://elsewhere.example/api/v2/catalog/datasets/trees/attachments/cities_zip"
    item = {"href": href, "metas": {"mime-type": "application/zip", "title": "cities.zip"}}

    def override(request: web.Request) -> web.Response:
        if request.path.endswith("/attachments"):
            return json_body({"links": [], "attachments": [item]})
        return json_body(["content"])

    portal.override = override
    (one,) = await client.dataset("trees").attachments()
    assert (one.attachment_id, one.title, one.mimetype) == (
        *("cities_zip", "cities.zip", "application/zip"),
    )
    assert one.extra["href"] == href
    saved = await client.dataset("trees").download(one, tmp_path / one.title)
    assert saved.path.read_bytes() == b'["content"]'
    assert portal.requests[1][0] == "/catalog/datasets/trees/attachments/cities_zip"


@pytest.mark.parametrize(
    ("code", "message", "caret"),
    [
        (
            "ODSQLSyntaxError",
            "ODSQL syntax exception: unexpected = at position 8 in a = 1 AND b = 2.",
            "  a = 1 AND b = 2\n          ^",
        ),
        ("ODSQLError", "ODSQL query is malformed: Unknown field: b.", "            ^"),
    ],
)
async def test_a_refusal_shows_the_place_in_the_query(
    client: ExploreClient, portal: FakePortal, code: str, message: str, caret: str
) -> None:
    """The server sends an offset, and the note of the error shows it with a caret."""
    text = f"{message} Clause(s) containing the error(s): where."
    portal.override = lambda request: json_body({"error_code": code, "message": text}, status=400)
    with pytest.raises(ODSQLError) as caught:
        await client.dataset("trees").records(Query(where="a = 1 AND b = 2")).first()
    (note,) = caught.value.__notes__
    assert caret in note
    assert pickle.loads(pickle.dumps(caught.value)).__notes__ == [note]
    with pytest.raises(ODSQLError) as caught:
        async with client.dataset("trees").export("jsonl", Query(where="a = 1 AND b = 2")) as rows:
            await anext(rows.rows())
    assert caret in caught.value.__notes__[0]


async def test_an_offset_into_another_text_is_not_shown(
    client: ExploreClient, portal: FakePortal
) -> None:
    """The portal quotes another clause than was sent, so the caret would be misplaced."""
    said = "unexpected = at position 8 in other = 1 AND b = 2."
    message = f"ODSQL syntax exception: {said} Clause(s) containing the error(s): where."
    answer = {"error_code": "ODSQLSyntaxError", "message": message}
    portal.override = lambda request: json_body(answer, status=400)
    with pytest.raises(ODSQLError, match="other = 1") as caught:
        await client.dataset("trees").records(Query(where="a = 1 AND b = 2")).first()
    assert not hasattr(caught.value, "__notes__")


async def test_links_and_metas_are_asked_for_as_true_or_false(
    client: ExploreClient, portal: FakePortal
) -> None:
    """The specification writes booleans in lower case, unlike Python."""
    portal.override = lambda request: json_body(
        {"total_count": 0, "results": [], "dataset_id": "trees"}
    )
    for query in (
        Query(include_links=True, include_app_metas=False),
        Query().include_links(True).include_app_metas(False),
    ):
        await client.dataset("trees").records(query)
        await client.datasets(query)
        await client.dataset("trees").info(query)
    asked = [(p["include_links"], p["include_app_metas"]) for _, p in portal.requests]
    assert asked == [("true", "false")] * 6
