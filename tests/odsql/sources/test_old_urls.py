"""URLs of the APIs v1 and v2.0: what is found, and what to write in v2.1 instead."""

from __future__ import annotations

import json

import pytest

from odsql.checks.run import check
from tests.odsql.sources.support import URL, read, sources

HOST = "https://data.example.org"
V1 = f"{HOST}/api/records/1.0/search/"
V20 = f"{HOST}/api/explore/v2.0/catalog/datasets/trees/records"
NEW = f"{HOST}/api/explore/v2.1/catalog/datasets"


def hint(url: str) -> str:
    (found,) = read("a.md", f"`{url}`")
    assert found.request.older is not None
    return found.request.older.hint


@pytest.mark.parametrize(
    ("name", "text", "path"),
    [
        ("a.md", f"see [this]({V1}?dataset=a) and", "api/records/1.0/search/"),
        ("a.md", f"{HOST}/api/datasets/1.0/search/?rows=3", "api/datasets/1.0/search/"),
        ("a.py", f'u = "{V20}?rows=3"', "api/explore/v2.0/catalog/datasets/trees/records"),
        (
            "a.js",
            "get(`${base}/api/v2/catalog/datasets/${id}/records`)",
            "api/v2/catalog/datasets/",
        ),
        ("a.R", f'base <- "{HOST}/api/explore/v2.0"', "api/explore/v2.0"),
        ("a.json", f'{{"url": "{V1}?dataset=a"}}', "api/records/1.0/search/"),
        ("a.json", '{"url": "\\/api\\/records\\/1.0\\/search"}', "api\\/records\\/1.0\\/search"),
        ("a.ipynb", json.dumps({"source": [f"get('{V1}')"]}), "api/records/1.0/search/"),
        ("a.php", f"$u = '{V1}?dataset='.$d;", "api/records/1.0/search/"),
    ],
)
def test_the_path_is_found(name: str, text: str, path: str) -> None:
    (found,) = read(name, text)
    assert sources(found) == [path]
    assert [one.code for one in check(found.request)] == ["ODS418"]


@pytest.mark.parametrize(
    "text",
    [
        f"{URL} is of v2.1",
        "https://example.org/api/v2/users",
        "https://example.org/api/v2/catalog/products",
        f"{HOST}/api/v2/console and {HOST}/api/explore/v2.0/console",
        f"{HOST}/my-api/records/1.0/search",
        f"{HOST}/api/records/1.0.1/search",
        "version 1.0/1.0",
    ],
)
def test_other_paths_are_not(text: str) -> None:
    assert read("a.md", text) == []


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            f"{V1}?dataset=trees&rows=5&start=10&refine.kind=oak&fields=a,b",
            f"{NEW}/trees/records?select=a%2C+b&limit=5&offset=10&refine=kind%3A%22oak%22",
        ),
        (f"{V1}?dataset=trees&rows=1000", f"{NEW}/trees/exports/json?limit=1000"),
        (f"{V1}?dataset=trees&rows=-1", f"{NEW}/trees/exports/json?limit=-1"),
        (
            f"{HOST}/api/records/1.0/download/?dataset=trees&format=geojson",
            f"{NEW}/trees/exports/geojson",
        ),
        (f"{HOST}/api/records/1.0/download?dataset=a%2Fb", f"{NEW}/a%2Fb/exports/csv"),
        (f"{HOST}/api/datasets/1.0/search/?rows=5", f"{NEW}?limit=5"),
        (f"{HOST}/api/datasets/1.0/trees/?lang=fr", f"{NEW}/trees?lang=fr"),
        (f"{V20}?rows=5&where=a>3", f"{NEW}/trees/records?where=a+%3E+3&limit=5"),
        (
            f"{HOST}/api/v2/catalog/datasets/trees/aggregates?select=count(*)&group_by=a",
            f"{NEW}/trees/records?select=count%28%2A%29&group_by=a",
        ),
    ],
)
def test_the_hint_is_the_url_of_v21_that_asks_for_the_same(url: str, expected: str) -> None:
    assert hint(url) == f"in v2.1: {expected}"


def test_an_api_key_is_not_part_of_the_hint() -> None:
    assert "k1234567" not in hint(f"{V1}?dataset=trees&rows=5&apikey=k1234567")


def test_the_hint_names_the_parameters_without_a_counterpart() -> None:
    said = hint(f"{V1}?dataset=trees&q=oak&sort=-height&geofilter.distance=48.8,2.3,1000&rows=5")
    assert said.startswith(f"in v2.1: {NEW}/trees/records?limit=5; without an exact counterpart: ")
    assert "q: write where=" in said
    assert "sort: write order_by=" in said
    assert "within_distance(FIELD, geom'POINT(2.3 48.8)', 1000m)" in said


@pytest.mark.parametrize(
    ("url", "path"),
    [
        (f"{V1}?dataset={{d}}&rows=5", "ID/records"),
        (f"{V1}?dataset=${{d}}&rows=5", "ID/records"),
        (f"{V1}?dataset=%s&rows=5", "ID/records"),
        (f"{V1}?dataset=", "ID/records"),
        (f"{V1}?dataset=trees&rows={{n}}", "trees/records"),
        (f"{V20}?rows={{n}}", "trees/records"),
        (f"{V20}?where=not odsql at all", "trees/records"),
        (f"{V20}?rows=5&rows=6", "trees/records"),
        (f"{HOST}/api/v2/catalog/datasets/{{id}}/records?rows=5", "ID/records"),
        (f"{HOST}/api/records/1.0/analyze/?dataset=a", "ID/records"),
        (V20, "trees/records"),
    ],
)
def test_the_hint_is_general_if_the_url_is_not_known(url: str, path: str) -> None:
    said = hint(url)
    assert said.startswith(f"in v2.1: {NEW}/{path}; rows is limit, ")


def test_the_portal_may_be_unknown() -> None:
    assert hint("{base}/api/records/1.0/search").startswith("in v2.1: /api/explore/v2.1/catalog")


def test_clauses_in_older_generations_are_not_checked() -> None:
    texts = {
        "a.md": f"{V20}?where=a == 3",
        "a.R": f'GET("{V20}", query = list(where = "a == 3"))',
        "a.yaml": f"# {URL}\nurl: {V20}\nparams:\n  where: a == 3\n",
    }
    for name, text in texts.items():
        (found,) = read(name, text)
        assert found.request.older is not None


def test_a_call_of_an_older_generation_beside_newer_ones_is_left_aside() -> None:
    text = f'a <- "{URL}"\nGET("{V20}", query = list(where = "a == 3"))'
    assert [one.request.older is not None for one in read("a.R", text)] == [True]


def test_links_in_saved_answers_are_left_aside() -> None:
    assert read("a.json", f'{{"links": [{{"rel": "self", "href": "{V20}"}}]}}') == []


def test_a_comment_suppresses_the_finding() -> None:
    (found,) = read("a.py", f'u = "{V1}"  # odsql: ignore[ODS418]')
    assert found.ignores("ODS418", 0)


@pytest.mark.parametrize("unit", [V1, f"{V1}?dataset=", "/1.0 /v2/", f"'{V20}?a=b ", "api/v2/"])
@pytest.mark.parametrize("name", ["a.md", "a.json", "a.py"])
def test_time_grows_with_the_size(name: str, unit: str) -> None:
    """If it grew with the square of the size, this would exceed the time limit of the suite."""
    assert len(read(name, unit * (60_000 // len(unit)))) >= 0
