"""Explore URLs as people write them in code and prose."""

from __future__ import annotations

import pytest

from tests.odsql.sources.support import URL, pairs, places, read, sources

A = ("where", "a > 3")
TEN = ("limit", "10")


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.md", f"see [this]({URL}?where=a%20%3E%203&limit=10) and", [A, TEN]),
        ("a.md", f"see [this]({URL}?select=count(*)&limit=10).", [("select", "count(*)"), TEN]),
        ("a.md", f'`GET {URL}?where=a="b"&limit=10`', [("where", 'a="b"'), TEN]),
        ("a.md", f"<{URL}?where=a+>+3&limit=10>", []),
        ("a.md", f"Ends here: {URL}?limit=10.", [TEN]),
        ("a.md", f"|{URL}?limit=10|", [TEN]),
        ("a.md", f"**{URL}?select=*&limit=10**", [("select", "*"), ("limit", "10**")]),
        ("a.html", f"<a href={URL}?limit=10>x</a>", [TEN]),
        ("a.html", f"<code>{URL}?where=a+%3E+3&amp;limit=10</code>", [A, TEN]),
        ("a.js", f'fetch("{URL}?where=a > 3&limit=10", {{}})', [A, TEN]),
        ("a.js", f"fetch('{URL}?where=a=\"b c\"&limit=10')", [("where", 'a="b c"'), TEN]),
        ("a.js", f'fetch("{URL}?where=a=\\"b c\\"\\u0026limit=10")', [("where", 'a="b c"'), TEN]),
        ("a.js", f'"{URL}"\n + "?where=a > 3"\n + "&limit=10"', [A, TEN]),
        ("a.js", "fetch('/api\\/explore\\/v2.1\\/catalog\\/facets?facet=a')", [("facet", "a")]),
        ("a.py", f'u = ("{URL}?"\n     "where=a > 3&"\n     "limit=10")', [A, TEN]),
        ("a.php", f"$u = '{URL}?where=a > 3&limit='.$n.'&offset=5';", [A, ("offset", "5")]),
        ("a.R", f'paste0("{URL}?where=", w, "&limit=10")', [TEN]),
        ("a.sh", f"curl '{URL}?where=a > 3&limit=10' | jq .", [A, TEN]),
        ("a.sh", f'curl "{URL}?where=a\\\n > 3&limit=10"', [A, TEN]),
        ("a.sh", f"curl '{URL}?limit=10&where='\"$W\"", [TEN]),
        ("a.yaml", f"curl: \"curl '{URL}?limit=10'\"", [TEN]),
        ("a.json", f'{{"a": ["x\\"y", "{URL}?where=a > 3&limit=10"]}}', [A, TEN]),
        ("a.txt", f"{URL}?limit=10#where=x y", [TEN]),
        ("a.txt", f"{URL}?limit=10&apikey=secret", [TEN]),
        ("a.txt", f"GET {URL}?limit=10 HTTP/1.1", [TEN]),
        ("a.txt", f"{URL}?limt=1&use_labels=true", [("limt", "1"), ("use_labels", "true")]),
        ("a.txt", f"{URL}?limit=10\r\nnext", [TEN]),
        ("a.txt", f"{URL} without a query", []),
    ],
)  # fmt: skip
def test_a_url_ends_where_its_writer_ended_it(
    name: str, text: str, expected: list[tuple[str, str]]
) -> None:
    """And is decoded as its host and the server decode it."""
    assert [one for found in read(name, text) for one in pairs(found)] == expected


@pytest.mark.parametrize(
    ("text", "known", "skipped"),
    [
        (f"`{URL}?where=${{x}} > 3&limit=10`", [TEN], {"where"}),
        (f'`{URL}?where=${{f(`a = "${{x}}"`)}}&limit=10`', [TEN], {"where"}),
        (f"f'{URL}?where={{d[\"x\"]}}&limit=10'", [TEN], {"where"}),
        (f'"{URL}?where=a=%s&limit=%d&offset=5"', [("offset", "5")], {"where", "limit"}),
        (f'"{URL}?where=a=%(x)s&limit=10"', [TEN], {"where"}),
        (f'"{URL}?where=a=\\"<your value>\\"&limit=10"', [TEN], {"where"}),
        (f'"{URL}?where=a=$x&limit=10"', [TEN], {"where"}),
        (f'"{URL}?where=\\(x)&limit=10"', [TEN], {"where"}),
        (f'"{URL}?where={{{{ x }}}}&limit=10"', [TEN], {"where"}),
        (f'"{URL}?where=a=%22" + v + "%22&limit=10"', [TEN], {"where"}),
        (f'"{URL}?limit=10&where=" + encodeURIComponent("a = 1")', [TEN], {"where", "*"}),
        (f'"{URL}?limit=10&" + rest', [TEN], {"*"}),
        (f'"{URL}?limit=10&{{rest}}"', [TEN], {"*"}),
        (f"{URL}?where=...&limit=10", [TEN], {"where"}),
        (f"{URL}?select=a&limit=N", [("select", "a")], {"limit"}),
        (f"{URL}?limit=10&where=a > 3 and b < 4", [TEN], {"where", "*"}),
        (f"{URL}?where=&limit=10", [TEN], {"where"}),
    ],
)  # fmt: skip
def test_what_is_only_known_when_the_program_runs_is_skipped(
    text: str, known: list[tuple[str, str]], skipped: set[str]
) -> None:
    """Not guessed; the rest is found, and what is missing has its name."""
    (found,) = read("a.js", text)
    assert pairs(found) == known
    assert found.skipped == skipped


@pytest.mark.parametrize(
    ("path", "dataset_id", "endpoint"),
    [
        ("datasets", None, "datasets"),
        ("datasets/a%20b", "a b", "datasets"),
        ("datasets/a/records", "a", "records"),
        ("datasets/a/records/", "a", "records"),
        ("datasets/a/exports/csv", "a", "exports"),
        ("datasets/a/facets", "a", "facets"),
        ("datasets/${id}/records", None, "records"),
        ("datasets/{id}/exports/json", None, "exports"),
        ('datasets/" + id + "/facets', None, "facets"),
        ("facets", None, "catalog_facets"),
        ("exports/csv", None, "catalog_exports"),
    ],
)
def test_the_path_says_which_dataset_and_operation(
    path: str, dataset_id: str | None, endpoint: str
) -> None:
    """A dataset that is put in later is not known."""
    (found,) = read("a.js", f'"${{BASE}}/api/explore/v2.1/catalog/{path}?limit=1"')
    assert (found.request.dataset_id, found.request.endpoint) == (dataset_id, endpoint)


def test_places_are_those_of_the_file() -> None:
    """Lines and columns count from 1, in characters."""
    text = f'é\n  "{URL}?where=a&limit=3" "{URL}?limit=4"'
    one, other = read("a.txt", text)
    column = len(f'  "{URL}?where=') + 1
    assert places(one) == [(2, column), (2, column + len("a&limit="))]
    assert sources(one) == ["a", "3"]
    assert sources(other) == ["4"]


def test_what_stands_between_literals_is_no_part_of_a_value() -> None:
    """A text ends where its last character ends, not where the next one begins."""
    (found,) = read("a.py", f'("{URL}?where=ab"\n  "&limit=1")')
    assert sources(found) == ["ab", "1"]
