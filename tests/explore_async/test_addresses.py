"""What a URL of a portal stands for."""

from __future__ import annotations

import traceback
from typing import Any
from urllib.parse import quote

import pytest
from attrs.exceptions import FrozenInstanceError
from hypothesis import assume, given
from hypothesis import strategies as st

from explore_async import ConfigurationError
from explore_async.addresses import Address, dataset_address, read_address
from odsql import ODSQLError, Query
from tests.odsql.strategies import clauses

HOST = "https://data.example.org"
BASE = f"{HOST}/api/explore/v2.1"
OAK = Query(refine={"kind": "oak"})
KEY = "p1anted-s3cret-7f0c2b94e6"


def address(
    base_url: str = BASE,
    dataset_id: str | None = None,
    query: Query | None = None,
    export_format: str | None = None,
) -> Address:
    return Address(
        base_url=base_url,
        dataset_id=dataset_id,
        query=query or Query(),
        export_format=export_format,
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("data.example.org", address()),
        (f" {HOST}/ ", address()),
        (f"{HOST}/pages/home/", address()),
        (f"{HOST}/explore/", address()),
        (f"{HOST}/explore/?sort=modified&refine.kind=oak", address(query=OAK)),
        (BASE, address()),
        (f"{BASE}/console", address()),
        (f"{BASE}/catalog/datasets?limit=5", address(query=Query(limit=5))),
        (f"{BASE}/catalog/exports/csv?with_bom=false", address(export_format="csv")),
        (f"{BASE}/catalog/facets?facet=publisher", address(query=Query(facet="publisher"))),
    ],
)
def test_a_url_of_a_portal_has_no_dataset(url: str, expected: Address) -> None:
    """Its query, if any, is one on the catalog."""
    assert read_address(url) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (f"{BASE}/catalog/datasets/trees", address(dataset_id="trees")),
        (f"{BASE}/catalog/datasets/trees/records?refine=kind:oak",
         address(dataset_id="trees", query=OAK)),
        (f"{BASE}/catalog/datasets/trees/facets?facet=kind",
         address(dataset_id="trees", query=Query(facet="kind"))),
        (f"{BASE}/catalog/datasets/trees/exports", address(dataset_id="trees")),
        (f"{BASE}/catalog/datasets/trees/exports/parquet?use_labels=true",
         address(dataset_id="trees", export_format="parquet")),
        (f"{BASE}/catalog/datasets/trees/attachments/plan_pdf", address(dataset_id="trees")),
        ("data.example.org/api/explore/v2.1/catalog/datasets/a%2Fb", address(dataset_id="a/b")),
        ("http://[::1]:8021/proxy/api/explore/v2.1/catalog/datasets/trees/",
         address("http://[::1]:8021/proxy/api/explore/v2.1", dataset_id="trees")),
        (f"{HOST}/api/v2/catalog/datasets/trees/records?rows=-1",
         address(dataset_id="trees", query=Query(limit=-1))),
        (f"{HOST}/api/explore/v2.0/catalog/datasets/trees/exports/json",
         address(dataset_id="trees", export_format="json")),
        (f"{HOST}/api/records/1.0/search/?dataset=trees&refine.kind=oak",
         address(dataset_id="trees", query=OAK)),
        (f"{HOST}/api/records/1.0/download/?dataset=trees",
         address(dataset_id="trees", export_format="csv")),
        (f"{HOST}/api/records/1.0/download/?dataset=trees&format=geojson",
         address(dataset_id="trees", export_format="geojson")),
        (f"{HOST}/api/datasets/1.0/trees/?pretty_print=true", address(dataset_id="trees")),
        (f"{HOST}/explore/dataset/trees", address(dataset_id="trees")),
        (f"{HOST}//explore/dataset/trees/table/?refine.kind=oak#top",
         address(dataset_id="trees", query=OAK)),
        (f"{HOST}/explore/embed/dataset/trees/map/", address(dataset_id="trees")),
        (f"{HOST}//api/explore/v2.1/catalog/datasets/trees", address(dataset_id="trees")),
        ("data.example.org/explore/dataset/trees/?refine.kind=http://oak",
         address(dataset_id="trees", query=Query(refine={"kind": "http://oak"}))),
        (f"{HOST}/explore/dataset/trees/download/?format=shp&refine.kind=oak",
         address(dataset_id="trees", query=OAK, export_format="shp")),
        (f"{HOST}/explore/dataset/trees/download/", address(dataset_id="trees")),
        ("https://données.example:8443/explore/dataset/arbres/",
         address("https://xn--donnes-eva.example:8443/api/explore/v2.1", dataset_id="arbres")),
    ],
    ids=range(22),
)  # fmt: skip
def test_a_url_of_a_dataset_has_its_identifier_query_and_format(
    url: str, expected: Address
) -> None:
    """The options of the export format are not part of the query."""
    assert read_address(url) == expected


@pytest.mark.parametrize(
    ("url", "dataset_id", "query"),
    [
        (
            ("https://opendata.vancouver.ca/explore/dataset/municipal-election-results/information/"
            "?refine.election=2018+Municipal+Election"),
            "municipal-election-results",
            Query(refine={"election": "2018 Municipal Election"}),
        ),
        (
            ("https://data.opendatasoft.com/explore/dataset/georef-switzerland-kanton%40public/"
            "export/?disjunctive.kan_code&disjunctive.kan_name&sort=year"
            "&location=8,46.82242,8.22403&basemap=jawg.streets"),
            "georef-switzerland-kanton@public",
            Query(),
        ),
        (
            ("https://rte-opendata.opendatasoft.com/explore/dataset/conso_nette_regionale/table/"
            "?flg=fr&disjunctive.regions_nouvelles&refine.annee=2016&sort=-annee"),
            "conso_nette_regionale",
            Query(refine={"annee": "2016"}),
        ),
        (
            ("https://data.bs.ch/explore/dataset/100182/download/?format=csv"
            "&use_labels_for_header=true&refine.catnum45=1416"),
            "100182",
            Query(refine={"catnum45": "1416"}),
        ),
        (
            ("https://opendata.vancouver.ca/api/explore/v2.1/catalog/datasets/public-trees/exports/"
            "json?group_by=genus_name&select=count%28%2A%29%20as%20count"),
            "public-trees",
            Query(select="count(*) as count", group_by="genus_name"),
        ),
        (
            ("https://data.opendatasoft.com/api/v2/catalog/datasets/"
            "world-heritage-list%40public-us/records?refine=states%3AFrance&rows=10"),
            "world-heritage-list@public-us",
            Query(limit=10, refine={"states": "France"}),
        ),
        (
            "https://datos.cdmx.gob.mx/api/records/1.0/search/?dataset=incidentes-viales-c5",
            "incidentes-viales-c5",
            Query(),
        ),
    ],
    ids=["information", "export", "table", "download", "v2.1", "v2", "v1"],
)  # fmt: skip
def test_urls_of_live_portals_are_read(url: str, dataset_id: str, query: Query) -> None:
    """As they stand in public code and notes."""
    found = read_address(url)
    assert (found.dataset_id, found.query) == (dataset_id, query)


@pytest.mark.parametrize(
    "url",
    [
        f"{HOST}/some/page",
        f"{HOST}/fr/explore/dataset/trees/",
        f"{BASE}/catalog/datasets/trees/records/5",
        f"{BASE}/catalog/datasets/%2E%2E/records",
        f"{BASE}/monitoring/datasets/trees",
        f"{HOST}/api/records/1.0/analyze/?dataset=trees",
        f"{HOST}/api/records/1.0/search/?dataset=..",
        "https://[::1/explore/dataset/trees/",
    ],
)
def test_any_other_url_is_refused_with_those_that_are_accepted(url: str) -> None:
    """The message says what to pass."""
    with pytest.raises(ConfigurationError, match="/explore/dataset/ID/table/") as caught:
        read_address(url)
    assert "api/explore/v2.1/catalog/datasets/ID/records" in str(caught.value)
    assert "api/records/1.0/search/" in str(caught.value)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "not a URL"),
        ("https://", "not a URL"),
        ("ftp://data.example.org/explore/dataset/trees/", "https://"),
        ("https://data.example.org:99999/explore/dataset/trees/", "not a URL"),
        ("https://" + "x" * 70 + "\u00e9.org/explore/dataset/trees/", "not a URL"),
        (f"{HOST}/api/records/1.0/search/?rows=1", "names 0 datasets"),
        (f"{HOST}/api/records/1.0/search/?dataset=a&dataset=b", "names 2 datasets"),
        (None, "NoneType"),
        (b"https://data.example.org", "bytes"),
    ],
    ids=["empty", "no host", "scheme", "port", "label", "no dataset", "two", "none", "bytes"],
)
def test_a_url_that_leads_nowhere_is_refused(url: Any, message: str) -> None:
    """Nothing is sent."""
    with pytest.raises(ConfigurationError, match=message):
        read_address(url)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (f"{HOST}/explore/dataset/trees/?apikey={KEY}", "contains an API key"),
        (f"{BASE}/catalog/datasets/trees/records?where=a&APIKEY={KEY}", "contains an API key"),
        (f"{BASE}/catalog/datasets/trees/records?%61pikey={KEY}&where=%FF", "contains an API key"),
        (f"{HOST}/?apikey={KEY}", "contains an API key"),
        (f"https://{KEY}@data.example.org/explore/dataset/trees/", "user name or password"),
        (f"https://user:{KEY}@data.example.org/explore/dataset/trees/", "user name or password"),
        (f"https://[::1/explore/dataset/trees/?apikey={KEY}", "not a URL"),
        (f"ftp://data.example.org/?apikey={KEY}", "https://"),
        (f"{HOST}/some/page#apikey={KEY}", "does not stand"),
    ],
)
@pytest.mark.parametrize("read", [read_address, dataset_address])
def test_a_secret_in_a_url_is_refused_and_never_shown(url: str, message: str, read: Any) -> None:
    """Neither the message nor a frame of the traceback holds it."""
    with pytest.raises(ConfigurationError, match=message) as caught:
        read(url)
    assert KEY not in repr(caught.value)
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    frames = [frame for frame in shown.stack if frame.filename != __file__]
    assert frames
    assert all(KEY not in str(frame.locals) for frame in frames)
    assert caught.value.__context__ is None


def test_an_address_never_changes() -> None:
    """It is a value: equal addresses have equal hashes."""
    found = read_address(HOST)
    assert hash(found) == hash(address())
    with pytest.raises(FrozenInstanceError):
        found.base_url = ""  # type: ignore[misc]


def test_the_url_of_a_portal_is_not_one_of_a_dataset() -> None:
    """The message says what is missing."""
    with pytest.raises(ConfigurationError, match="not of one of its datasets"):
        dataset_address(HOST)


segments = st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda one: one.strip("."))


@given(
    chosen=st.fixed_dictionaries({}, optional=clauses),
    limit=st.none() | st.integers(-1, 10**6),
    refined=st.dictionaries(st.text(min_size=1), st.text(min_size=1), max_size=3),
    dataset_id=segments,
)
def test_the_url_of_a_query_stands_for_that_query(
    chosen: dict[str, Any], limit: int | None, refined: dict[str, str], dataset_id: str
) -> None:
    """Query, dataset and portal come back from the URL that is requested."""
    try:
        query = Query(**chosen, limit=limit, refine=refined)
        url = query.url(f"{BASE}/catalog/datasets/{quote(dataset_id, safe='')}/records")
    except (ODSQLError, UnicodeEncodeError):
        assume(False)
    assert read_address(url) == address(dataset_id=dataset_id, query=query)


@given(
    start=st.sampled_from(["", "http://", f"{HOST}/", f"{BASE}/", f"{HOST}/explore/dataset/"]),
    rest=st.text(st.sampled_from("abc/?&=.:@[]%#\\ \t\n\u00e9\u2100\u3002\ud800\0-_1;,*'\"")),
)
def test_any_text_is_an_address_or_a_documented_error(start: str, rest: str) -> None:
    """Pasted text is anything: cut URLs, wrong escapes, half characters."""
    try:
        read_address(start + rest)
    except (ConfigurationError, ODSQLError):
        return


@pytest.mark.parametrize(
    "url",
    [
        "https://" + "a" * 1_000_000,
        "https://" + "a." * 500_000 + "/explore/dataset/trees/",
        HOST + "/" * 1_000_000,
        HOST + "/api/" * 200_000,
        f"{HOST}/explore/dataset/" + "x/" * 500_000,
        f"{BASE}/catalog/datasets/trees/records?" + "where=a&" * 125_000,
        f"{HOST}/explore/dataset/trees/?" + "refine.a=b&" * 9_000,
        f"{HOST}/explore/dataset/trees/?" + "&".join(f"x{one}=1" for one in range(9_000)),
        f"{HOST}/explore/dataset/trees/?refine." + "a" * 1_000_000 + "=b&q=c",
        f"{BASE}/catalog/datasets/trees/records?where=" + "(" * 1_000_000,
    ],
    ids=[
        "host", "labels", "slashes", "paths", "tabs", "wheres", "values", "names", "name", "nested",
    ],
)  # fmt: skip
def test_a_megabyte_is_read_or_refused(url: str) -> None:
    """The work is linear in the length."""
    try:
        read_address(url)
    except (ConfigurationError, ODSQLError):
        return
