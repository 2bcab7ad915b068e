"""The parameters of a query in the URLs of each generation of the API, and of a portal's pages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odsql import BuildError, ODSQLError, Query
from odsql.builder.urls import read_place

V2 = "https://data.example.org/api/v2/catalog/datasets/trees"
V20 = "https://data.example.org/api/explore/v2.0/catalog/datasets/trees"
V21 = "https://data.example.org/api/explore/v2.1/catalog/datasets/trees"
V1 = "https://data.example.org/api/records/1.0"
PAGE = "https://data.example.org/explore/dataset/trees"
EMBEDDED = "https://data.example.org/explore/embed/dataset/trees"


@pytest.mark.parametrize(
    ("url", "query"),
    [
        (f"{V21}/records?where=a>1&limit=5", Query(where="a > 1", limit=5)),
        ("https://example.org/?where=a", Query(where="a")),
        (f"{V21}/exports/csv?lang=fr&use_labels=true&delimiter=%3B", Query(lang="fr")),
        (f"{V2}/records?rows=100&pretty=false&timezone=UTC", Query(limit=100, timezone="UTC")),
        (f"{V20}/records?rows=10&start=20&order_by=a", Query(limit=10, offset=20, order_by="a")),
        (f"{V2}/records?refine=states%3AFrance", Query(refine={"states": "France"})),
        (f"{V2}/aggregates?select=count(*) as n&group_by=a",
         Query(select="count(*) as n", group_by="a")),
    ],
    ids=["v2.1", "any host", "options", "v2", "paging", "refine", "aggregates"],
)  # fmt: skip
def test_v2_has_the_parameters_of_the_query(url: str, query: Query) -> None:
    """`rows` and `start` became `limit` and `offset` in v2.1 (OpenAPI document of v2.0)."""
    assert Query.from_url(url) == query


@pytest.mark.parametrize(
    ("url", "query"),
    [
        (f"{V1}/search/?dataset=trees&q=&rows=10&start=5", Query(limit=10, offset=5)),
        (f"{V1}/search?dataset=trees&facet=kind&pretty_print=true&format=json", Query()),
        (f"{V1}/search/?refine.kind=oak&exclude.town=Paris",
         Query(refine={"kind": "oak"}, exclude={"town": "Paris"})),
        (f"{V1}/search/?refine.a=1&refine.b=2", Query(refine={"a": "1", "b": "2"})),
        (f"{V1}/search/?exclude.a=1&exclude.a=2", Query(exclude={"a": ["1", "2"]})),
        (f"{V1}/search/?refine.day=2021/03&disjunctive.day=true", Query(refine={"day": "2021/03"})),
        (f"{V1}/search/?refine.data-owner=%22x%22", Query(refine={"data-owner": '"x"'})),
        (f"{V1}/search/?timezone=Europe/Paris&lang=fr",
         Query(timezone="Europe/Paris", lang="fr")),
        (f"{V1}/download/?fields=siren,%20year,1_uai,&csv_separator=%3B&format=csv",
         Query(select="siren, year, `1_uai`")),
        ("https://data.example.org/api/datasets/1.0/search/?rows=100&refine.keyword=saeiv",
         Query(limit=100, refine={"keyword": "saeiv"})),
    ],
    ids=[
        "paging", "answer", "facets", "several facets", "excluded", "date", "name", "language",
        "download", "catalog",
    ],
)  # fmt: skip
def test_v1_is_translated_where_v21_has_the_same(url: str, query: Query) -> None:
    """The reference of the Search API v1 defines these parameters."""
    assert Query.from_url(url) == query


@pytest.mark.parametrize(
    ("url", "query"),
    [
        (f"{PAGE}/", Query()),
        (f"{PAGE}/table/?refine.election=2008+Municipal+Election",
         Query(refine={"election": "2008 Municipal Election"})),
        (f"{PAGE}/log/?disjunctive.datasets&sort=logdate&refine.ids=x", Query(refine={"ids": "x"})),
        (f"{PAGE}/map/?flg=fr-fr&location=15,48.8,2.3&basemap=jawg.streets&dataChart=eyJx&tab=x&utm_source=mail",
         Query()),
        (f"{EMBEDDED}/table/?static=false&datasetcard=false&scrollWheelZoom=true&exclude.kind=oak",
         Query(exclude={"kind": "oak"})),
        (f"{PAGE}/download/?format=csv&use_labels_for_header=true&refine.visibility=domain",
         Query(refine={"visibility": "domain"})),
        (f"{PAGE}/download?format=csv&timezone=Europe/Berlin&lang=en&csv_separator=%3B",
         Query(timezone="Europe/Berlin", lang="en")),
        ("https://data.example.org/explore/?refine.keyword=Property&sort=modified",
         Query(refine={"keyword": "Property"})),
        ("data.example.org/explore/dataset/trees/table/?refine.kind=oak",
         Query(refine={"kind": "oak"})),
        ("/explore/dataset/trees/table/?refine.kind=oak", Query(refine={"kind": "oak"})),
    ],
    ids=[
        "bare", "refined", "own tab", "view", "embedded", "download", "download options", "catalog",
        "no scheme", "no host",
    ],
)  # fmt: skip
def test_a_page_holds_filters_and_view_state(url: str, query: Query) -> None:
    """The filters are kept; what the page shows, and in which order, is not part of the query."""
    assert Query.from_url(url) == query


@pytest.mark.parametrize(
    ("url", "names", "advice"),
    [
        (f"{V1}/search/?q=oak", ["q"], 'where="words"'),
        (f"{V1}/search/?sort=-height", ["sort"], "order_by=FIELD desc"),
        (f"{V1}/search/?geofilter.distance=48.5,2.25,1000", ["geofilter.distance"],
         r"within_distance\(FIELD, geom'POINT\(2.25 48.5\)', 1000m\)"),
        (f"{V1}/search/?geofilter.distance=48.5, -2.25, 1000", ["geofilter.distance"],
         r"POINT\(-2.25 48.5\)', 1000m\)"),
        (f"{V1}/search/?geofilter.distance=near", ["geofilter.distance"], "METRESm"),
        (f"{V1}/search/?geofilter.polygon=(1,2),(3,4),(5,6)", ["geofilter.polygon"], "within"),
        (f"{V1}/search/?format=geojson", ["format"], "exports/geojson"),
        (f"{V1}/search/?refine.a=1&refine.a=2&disjunctive.a=true", ["refine.a"], "given several"),
        (f"{V1}/analyze/?x=a&y.n.func=COUNT", ["x", "y.n.func"], "unknown here"),
        (f"{V1}/search/?q=a&sort=dist&geofilter.distance=1,2,3&rows=9",
         ["q", "sort", "geofilter.distance"], "order_by"),
        (f"{V2}/records?rows=9&sort=date", ["sort"], "order_by=FIELD"),
        (f"{V2}/records?search=oak", ["search"], "suggest"),
        (f"{V21}/records?qv1=a:b", ["qv1"], "query language of v1"),
        (f"{PAGE}/table/?q=oak&refine.a=1", ["q"], "search"),
        (f"{PAGE}/map/?q.timerange=day:2020", ["q.timerange"], "where"),
        (f"{PAGE}/table/?where=a", ["where"], "unknown here"),
        (f"{PAGE}/table/?refine.=a", ["refine."], "unknown here"),
        ("https://data.example.org/explore/?q=property+tax&geonav=world", ["q", "geonav"], "where"),
    ],
)  # fmt: skip
def test_what_has_no_counterpart_is_named_with_advice(
    url: str, names: list[str], advice: str
) -> None:
    """All of them in one error, so that the URL need not be tried again for each."""
    with pytest.raises(BuildError, match=advice) as caught:
        Query.from_url(url)
    title, *lines = str(caught.value).splitlines()
    assert "no exact counterpart in the API v2.1" in title
    assert [line.split(": ")[0].strip() for line in lines] == names


@pytest.mark.parametrize(
    "url",
    [
        f"{V21}/records?rows=10",
        f"{V21}/records?refine.kind=oak",
        f"{V2}/exports/csv?refine.etat=OUVERT",
        "https://example.org/?limt=1",
        "rows=10",
    ],
)
def test_v2_ignores_what_it_does_not_know(url: str) -> None:
    """Portals would answer as if the parameter were not there, so it is refused."""
    with pytest.raises(BuildError, match="which portals would ignore"):
        Query.from_url(url)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (f"{V2}/records?rows=1&limit=2", "limit is given twice"),
        (f"{V1}/search/?rows=1&rows=2", "rows is given twice"),
        (f"{V1}/search/?rows=many", "limit must be a whole number"),
        (f"{V1}/search/?refine.a%60b=1", "cannot be a name"),
        (f"{V1}/search/?fields=a%60b", "cannot be a name"),
        (f"{V1}/search/?refine.a=%FF", "not UTF-8"),
        ("https://data.example.org/explore/dataset/%FF/", "not UTF-8"),
        ("https://[::1/explore/dataset/trees/", "not a URL"),
        ("&" * 20_000 + "a=1", "more than 10000 parameters"),
        (f"{V21}/records?{'x' * 1000}=1", r"unknown parameter 'x{37}\.\.\.'"),
    ],
    ids=[
        "two names", "twice", "number", "facet", "field", "value", "dataset", "host", "many",
        "long",
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_a_build_error(url: str, message: str) -> None:
    """Nothing else is raised for a URL that somebody pasted."""
    with pytest.raises(BuildError, match=message):
        Query.from_url(url)


@given(
    start=st.sampled_from([f"{V1}/search/?", f"{V2}/records?", f"{PAGE}/?", "http://", "//[", ""]),
    rest=st.text(st.sampled_from("&=.?#/%:[]@;,() refinexcludsortqgof\u2100\ud800")),
)
def test_any_text_is_a_query_or_an_error_of_the_language(start: str, rest: str) -> None:
    """Pasted URLs are cut, doubled and wrongly escaped."""
    try:
        Query.from_url(start + rest)
    except ODSQLError:
        return


@pytest.mark.parametrize(
    ("path", "accepted"),
    [
        ("/api/explore/v2.1/catalog/datasets/trees/attachments/plan_pdf", True),
        ("/api/v2/catalog/datasets/trees/aggregates", True),
        ("/api/explore/v2.1/catalog/datasets/trees/records/5", False),
        ("/api/explore/v2.1/monitoring/datasets/trees/records", False),
        ("/api/records/1.0/analyze/", False),
    ],
)
def test_only_some_paths_stand_for_a_dataset(path: str, accepted: bool) -> None:
    """A record, another catalog and an analysis are none, although their parameters are read."""
    place = read_place(path)
    assert place is not None
    assert place.accepted is accepted
