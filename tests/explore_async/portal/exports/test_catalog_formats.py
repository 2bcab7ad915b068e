"""The export formats of the catalog, as other libraries read them."""

from __future__ import annotations

import io
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import aiohttp
import openpyxl
import pytest
from rdflib import DC, DCAT, DCTERMS, FOAF, RDF, SKOS, Graph, Literal, URIRef

from explore_async.operations import CATALOG_FORMATS as SPECIFIED
from explore_async.operations import DATASET_FORMATS, DCAT_VARIANTS
from explore_async.portal import Store, serve
from explore_async.portal.exports.catalog_formats import CATALOG_FORMATS
from explore_async.portal.exports.formats import FORMATS
from tests.explore_async.portal.asking import Asker, recorded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TREES = recorded("vancouver/metadata-public-trees.json")["metas"]["default"]
DCAT_FORMATS = ("rdf", "dcat", *(f"dcat{name}" for name in DCAT_VARIANTS))


def url(ask: Asker, name: str = "") -> URIRef:
    return URIRef(f"{ask.url}/api/explore/v2.1/catalog/datasets{name}")


async def graph(ask: Asker, name: str, **parameters: str) -> Graph:
    """Return a graph of the catalog."""
    answer = await ask.get(f"exports/{name}", **parameters)
    syntax = "turtle" if name == "ttl" else "xml"
    assert answer.headers["content-type"] == f"{FOUND[syntax]}; charset=utf-8"
    return Graph().parse(data=answer.body, format=syntax)


FOUND = {"turtle": "text/turtle", "xml": "application/rdf+xml"}


def test_all_specified_formats_are_there() -> None:
    """Of datasets and of the catalog; a recorded list has a sitemap besides."""
    assert set(FORMATS) == set(DATASET_FORMATS)
    assert set(CATALOG_FORMATS) == {*SPECIFIED, "sitemap"}


@pytest.mark.parametrize("name", ["ttl", *DCAT_FORMATS])
async def test_the_catalog_has_its_datasets(ask: Asker, name: str) -> None:
    """Each with its metadata; all profiles have the same graph."""
    found = await graph(ask, name)
    datasets = set(found.objects(url(ask), DCAT.dataset))
    assert datasets == {url(ask, f"/{each}") for each in ("velib", "public-trees", "things")}
    assert (url(ask), RDF.type, DCAT.Catalog) in found
    trees = url(ask, "/public-trees")
    assert found.value(trees, DCTERMS.title) == Literal("Public trees", lang="en")
    assert found.value(trees, DCTERMS.identifier) == Literal("public-trees")
    assert found.value(trees, DCTERMS.license) == URIRef(TREES["license_url"])
    modified = found.value(trees, DCTERMS.modified)
    assert isinstance(modified, Literal)
    assert modified.toPython() == datetime.fromisoformat(TREES["modified"])
    publisher, theme = found.value(trees, DCTERMS.publisher), found.value(trees, DCAT.theme)
    assert found.value(publisher, FOAF.name) == Literal("City of Vancouver")
    assert found.value(theme, SKOS.prefLabel) == Literal("Streets and transportation")


async def test_distributions_are_the_export_formats(ask: Asker) -> None:
    """Their URLs work; formats that list the fields have labels by default."""
    found = await graph(ask, "dcat", where='dataset_id = "things"')
    urls = [str(one) for one in found.objects(None, DCAT.downloadURL)]
    exports = url(ask, "/things/exports")
    assert f"{exports}/csv?use_labels=true" in urls
    assert f"{exports}/json" in urls
    assert len(urls) == len(FORMATS)
    for each in urls:
        async with ask.session.get(each) as response:
            assert response.status == 200


async def test_distributions_are_chosen(ask: Asker) -> None:
    """By the documented parameters."""
    options = {"include_exports": "csv,json,geojson", "use_labels_in_exports": "false"}
    found = await graph(ask, "dcat", where='dataset_id = "things"', **options)
    exports = url(ask, "/things/exports")
    assert {str(one) for one in found.objects(None, DCAT.downloadURL)} == {
        f"{exports}/{name}" for name in ("csv", "json", "geojson")
    }


async def test_the_query_chooses_datasets(ask: Asker) -> None:
    """`where`, `limit` and so on are those of `datasets`."""
    found = await graph(ask, "rdf", where='title = "Things"')
    assert list(found.objects(url(ask), DCAT.dataset)) == [url(ask, "/things")]


async def test_dublin_core_has_the_elements(ask: Asker) -> None:
    """Of Simple Dublin Core, one for each value."""
    found = await graph(ask, "dublin_core")
    trees = url(ask, "/public-trees")
    for element, text in (
        (DC.title, "Public trees"),
        (DC.identifier, "public-trees"),
        (DC.subject, "Streets and transportation"),
        (DC.publisher, "City of Vancouver"),
        (DC.rights, TREES["license"]),
        (DC.date, TREES["modified"]),
    ):
        assert list(found.objects(trees, element)) == [Literal(text)]


async def test_data_json_follows_its_schema(ask: Asker) -> None:
    """With the members of the Project Open Data Metadata Schema v1.1; empty ones are left out."""
    answer = await ask.get("exports/data.json", where='dataset_id = "public-trees"')
    assert answer.headers["content-disposition"] == 'attachment; filename="datasets.json"'
    assert answer.json["conformsTo"] == "https://project-open-data.cio.gov/v1.1/schema"
    (found,) = answer.json["dataset"]
    assert found["identifier"] == "public-trees"
    assert found["title"] == "Public trees"
    assert found["publisher"] == {"@type": "org:Organization", "name": "City of Vancouver"}
    assert found["theme"] == ["Streets and transportation"]
    assert found["accessLevel"] == "public"
    assert "keyword" not in found
    assert {each["title"]: each["mediaType"] for each in found["distribution"]}["csv"] == "text/csv"


async def test_rss_has_an_item_for_each_dataset(ask: Asker) -> None:
    """As RSS 2.0."""
    answer = await ask.get("exports/rss")
    assert answer.headers["content-type"] == "application/rss+xml; charset=utf-8"
    root = ElementTree.fromstring(answer.body)
    assert root.attrib == {"version": "2.0"}
    items = {one.findtext("title"): one for one in root.iterfind("channel/item")}
    assert set(items) == {"velib", "Public trees", "Things"}
    trees = items["Public trees"]
    assert trees.findtext("description") == TREES["description"]
    assert trees.findtext("guid") == str(url(ask, "/public-trees"))
    moment = parsedate_to_datetime(trees.findtext("pubDate") or "")
    assert moment == datetime.fromisoformat(TREES["modified"])
    assert items["Things"].find("pubDate") is None


async def test_the_sitemap_lists_the_pages(ask: Asker) -> None:
    """That datasets have on a live portal."""
    root = ElementTree.fromstring((await ask.get("exports/sitemap")).body)
    name = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
    assert [one.text for one in root.iterfind(f"{name}url/{name}loc")] == [
        f"{ask.url}/explore/dataset/{each}/" for each in ("velib", "public-trees", "things")
    ]


async def test_xlsx_has_the_table_of_csv(ask: Asker) -> None:
    """A row per dataset, and `datasetid` last."""
    answer = await ask.get("exports/xlsx")
    assert answer.headers["content-disposition"] == 'attachment; filename="datasets.xlsx"'
    book = openpyxl.load_workbook(io.BytesIO(answer.body))
    header, *rows = book.active.iter_rows(values_only=True)
    csv = (await ask.get("exports/csv", with_bom="false")).body.decode().split("\r\n")[0]
    assert list(header) == csv.split(";")
    assert [row[-1] for row in rows] == ["velib", "public-trees", "things"]
    assert rows[1][header.index("default.title")] == "Public trees"


async def test_rows_of_a_query_have_no_description(ask: Asker) -> None:
    """With `select`, tables hold rows; formats of metadata hold datasets only."""
    answer = await ask.get("exports/xlsx", select="dataset_id, records_count")
    book = openpyxl.load_workbook(io.BytesIO(answer.body))
    rows = list(book.active.iter_rows(values_only=True))
    assert rows[0] == ("dataset_id", "records_count")
    answer = await ask.get("exports/dcat", select="dataset_id")
    assert (answer.status, answer.json["error_code"]) == (400, "NotSupportedByLocalPortal")


@pytest.mark.parametrize("name", CATALOG_FORMATS)
async def test_every_format_can_be_empty(ask: Asker, name: str) -> None:
    """No dataset is no error."""
    assert (await ask.get(f"exports/{name}", where='dataset_id = "nope"')).status == 200


ODD: dict[str, Any] = {
    "default": {
        "title": "A\x00 & <b>",
        "modified": "2020-01-01T00:00:00",
        "license": "Open",
        "keyword": ["x", "y"],
        "language": "not a tag",
    },
    "dcat": {"contact_email": "a b@portal.test", "issued": "2020-01-01T00:00:00+00:00"},
}


@pytest.fixture
async def odd() -> AsyncIterator[Asker]:
    """A client of a portal with a dataset whose metadata is unusual."""
    with Store() as store:
        store.add("a b/ü@x", [{"name": "id", "type": "int"}], metas=ODD)
        async with serve(store) as served, aiohttp.ClientSession() as session:
            yield Asker(served, session)


@pytest.mark.parametrize("name", [name for name in CATALOG_FORMATS if name != "csv"])
async def test_every_format_holds_unusual_metadata(odd: Asker, name: str) -> None:
    """Characters that a syntax cannot hold are escaped or left out."""
    answer = await odd.get(f"exports/{name}")
    assert answer.status == 200
    if name == "ttl":
        Graph().parse(data=answer.body, format="turtle")
    elif name not in ("json", "data.json", "xlsx"):
        ElementTree.fromstring(answer.body)


async def test_unusual_metadata_is_described(odd: Asker) -> None:
    """A license without a URL has its name, and a contact may be only an address."""
    found = await graph(odd, "dcat")
    dataset = url(odd, "/a%20b%2F%C3%BC%40x")
    license_ = found.value(dataset, DCTERMS.license)
    assert found.value(license_, DCTERMS.title) == Literal("Open")
    assert sorted(map(str, found.objects(dataset, DCAT.keyword))) == ["x", "y"]
    contact = found.value(dataset, DCAT.contactPoint)
    assert found.value(contact, URIRef("http://www.w3.org/2006/vcard/ns#hasEmail")) == URIRef(
        "mailto:a%20b@portal.test"
    )
    assert found.value(dataset, DCTERMS.title) == Literal("A & <b>")
    assert found.value(dataset, DCTERMS.language) is None
