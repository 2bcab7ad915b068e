"""Explore URLs as people write them in code and prose."""

from __future__ import annotations

import json

import pytest

from odsql.syntax.templates import HOLE, SAFE
from tests.odsql.sources.support import URL, pairs, places, read, sources

PATH = "api/explore/v2.1/catalog/datasets/cities/records"
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
        ("a.md", f"**{URL}?select=*&limit=10**", [("select", "*"), TEN]),
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
        ("a.sh", f'curl "$BASE/{PATH}?where=a > 3&limit=10"', [A, TEN]),
        ("a.sh", f'curl "https://$HOST:$PORT/{PATH}?where=a > 3&limit=10"', [A, TEN]),
        ("a.sh", f'curl "${{BASE}}/{PATH}?where=a > 3&limit=10"', [A, TEN]),
        ("a.rb", f'"#{{base}}/{PATH}?where=a > 3&limit=10"', [A, TEN]),
        ("a.py", f'f"{{base}}{PATH}?where=a > 3&limit=10"', [A, TEN]),
        ("a.js", f'f("{URL}?limit=10&refine=a:b", x)', [TEN, ("refine", "a:b")]),
        ("a.js", f'f("{URL}?limit=10&exclude=a:b", x)', [TEN, ("exclude", "a:b")]),
        ("a.md", f"<{URL}?limit=10> and", [TEN]),
        ("a.txt", f"{URL}?limit=10&via={URL}?limit=5", [TEN, ("via", f"{URL}?limit=5")]),
        ("a.txt", f"{URL}?limit=10&&a%20b=c&-x=1&select=a", [TEN, ("select", "a")]),
        ("a.txt", f"{URL}?%77here=a+%3e+3&limit=10", [A, TEN]),
        ("a.txt", f"{URL}?apikey=${{key}}&limit=10", [TEN]),
        ("a.yaml", f"curl: \"curl '{URL}?limit=10'\"", [TEN]),
        ("a.json", f'{{"a": ["x\\"y", "{URL}?where=a > 3&limit=10"]}}', [A, TEN]),
        ("a.txt", f"{URL}?limit=10#where=x y", [TEN]),
        ("a.txt", f"{URL}?limit=10&apikey=$KEY", [TEN]),
        ("a.txt", f"GET {URL}?limit=10 HTTP/1.1", [TEN]),
        ("a.txt", f"{URL}?limt=1&use_labels=true", [("limt", "1"), ("use_labels", "true")]),
        ("a.txt", f"{URL}?limit=10\r\nnext", [TEN]),
        ("a.md", f"{URL}?where=a='l''eau'&limit=10", [("where", "a='l''eau'"), TEN]),
        ("a.txt", f"{URL} without a query", []),
    ],
)  # fmt: skip
def test_a_url_ends_where_its_writer_ended_it(
    name: str, text: str, expected: list[tuple[str, str]]
) -> None:
    """It is decoded as the host language and the server decode it."""
    assert [one for found in read(name, text) for one in pairs(found)] == expected


@pytest.mark.parametrize("name", ["a.md", "a.rst", "a.py", "a.json"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("`", "`"),
        ("``", "``"),
        ("`GET ", "`."),
        ("(`", "`)"),
        ("[text](", ")"),
        ("[`", "`](x)"),
        ("<", ">"),
        ("`text <", ">`_"),
        ("(", ")."),
        ("|", "|"),
        ("*", "*"),
        ("**See ", ":**"),
        ("*(see ", ")*"),
        ("_See my_file and ", "_"),
        ("_a_ and *b ", ".*"),
        ("\\`", "\\`"),
        ("", "\\`"),
        ("", "."),
        ("", ","),
        ("", "?"),
        ("", "[^1]"),
        ("", "[^note]."),
        ("&#x60;", "&#x60;"),
        ("&quot;", "&quot;"),
        ("&#39;", "&#39;"),
        ("&lt;", "&gt;"),
        ("", "&lt;br/&gt;"),
        ("", "&nbsp;and"),
    ],
)
@pytest.mark.parametrize("query", ["select=*&limit=2", "limit=2&select=*", "limit=2&select=a_b"])
def test_the_marks_of_prose_are_no_part_of_a_url(
    name: str, before: str, after: str, query: str
) -> None:
    """In Markdown, reST, docstrings and the descriptions of generated code."""
    text = f"Read\n\n{before}{URL}?{query}{after} for more."
    if name == "a.json":
        text = json.dumps({"description": text})
    elif name == "a.py":
        text = f'"""{text}"""'
    expected = [tuple(one.split("=")) for one in query.split("&")]
    assert [one for found in read(name, text) for one in pairs(found)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{URL}?where=a=&quot;x&quot;&amp;limit=10", [("where", 'a="x"'), TEN]),
        (f"&quot;{URL}?where=a=&#39;x&#39;&quot;", [("where", "a='x'")]),
        (f"{URL}?where=a&gt;3&amp;limit=10", [("where", "a>3"), TEN]),
        (f"{URL}?where=a&lt;=3&amp;limit=10", [("where", "a<=3"), TEN]),
        (f"{URL}?where=a&gt;&quot;x&quot;&amp;limit=10", [("where", 'a>"x"'), TEN]),
        (f"{URL}?limit=10&amp;select=a&lt;br&gt;b", [TEN, ("select", "a")]),
        (f'{URL}?where=a="b \u2013 c"&limit=10', [("where", 'a="b \u2013 c"'), TEN]),
        (f"{URL}?limit=10&where=a=1—then", [TEN]),
        (f"**{URL}?select=count(*)", [("select", "count(*)")]),
        (f"* {URL}?select=*", [("select", "*")]),
    ],
)
def test_the_marks_of_a_query_are_kept_where_prose_has_the_same(
    text: str, expected: list[tuple[str, str]]
) -> None:
    """A quote or comparison that belongs to a value, written for HTML or not."""
    assert [one for found in read("a.md", text) for one in pairs(found)] == expected


@pytest.mark.parametrize(
    ("name", "hole"), [("a.md", SAFE), ("README", SAFE), ("a.py", HOLE), ("a.yaml", HOLE)]
)
def test_who_reads_a_page_fills_in_its_holes(name: str, hole: str) -> None:
    """A program may fill in a quote by mistake; a reader does not."""
    (found,) = read(name, f"{URL}?where=a='{{x}}'")
    assert pairs(found) == [("where", f"a='{hole}'")]


@pytest.mark.parametrize(
    ("text", "known", "skipped"),
    [
        (f"`{URL}?where=${{x}} > 3&limit=10`", [("where", f"{HOLE} > 3"), TEN], {"where"}),
        (f'`{URL}?where=${{f(`a = "${{x}}"`)}}&limit=10`', [TEN], {"where"}),
        (f"f'{URL}?where={{d[\"x\"]}}&limit=10'", [TEN], {"where"}),
        (f'"{URL}?where=a=%s&limit=%d&offset=5"', [("offset", "5")], {"where", "limit"}),
        (f'"{URL}?where=a=%(x)s&limit=10"', [TEN], {"where"}),
        (f'"{URL}?where=a=\\"<your value>\\"&limit=10"',
         [("where", f'a="{SAFE}"'), TEN], {"where"}),
        (f'"{URL}?where=a=$x&limit=10"', [("where", f"a={HOLE}"), TEN], {"where"}),
        (f'"{URL}?where=\\(x)&limit=10"', [TEN], {"where"}),
        (f'"{URL}?where={{{{ x }}}}&limit=10"', [TEN], {"where"}),
        (f'"{URL}?where=a=%22" + v + "%22&limit=10"',
         [("where", f'a="{HOLE}"'), TEN], {"where"}),
        (f'"{URL}?limit=10&where=" + encodeURIComponent("a = 1")', [TEN], {"where", "*"}),
        (f'"{URL}?limit=10&" + rest', [TEN], {"*"}),
        (f'"{URL}?limit=10&{{rest}}"', [TEN], {"*"}),
        (f"{URL}?where=...&limit=10", [TEN], {"where"}),
        (f"{URL}?select=a&limit=N", [("select", "a")], {"limit"}),
        (f"{URL}?limit=10&where=a > 3 and b < 4", [TEN], {"where", "*"}),
        (f"{URL}?where=&limit=10", [TEN], {"where"}),
        (f'"{URL}?where=a=%5.2f&limit=10"', [TEN], {"where"}),
        (f'"{URL}?where=a=%1$s&limit=10"', [TEN], {"where"}),
        (f'"{URL}?where=a=%05d&limit=10"', [TEN], {"where"}),
        (f'"{URL}?select=[your fields]&limit=10"', [TEN], {"select"}),
        (f'"{URL}?select=a&offset=TEN&limit=MAX_ROWS"', [("select", "a")], {"offset", "limit"}),
    ],
)  # fmt: skip
def test_what_is_only_known_when_the_program_runs_is_skipped_or_a_hole(
    text: str, known: list[tuple[str, str]], skipped: set[str]
) -> None:
    """Unknown values are not guessed; the rest is found, and `skipped` names what is missing."""
    (found,) = read("a.lua", text)
    assert pairs(found) == known
    assert found.skipped == skipped


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.c", f'"{URL}?where=a = 1 and "\n"b = 2"'),
        ("a.c", f'"{URL}?where=nam"\n   "e = 2"'),
        ("a.lua", f"'{URL}?where=nam' .. x"),
        ("a.pl", f'"{URL}?where=nam" . $x'),
        ("a.vb", f'"{URL}?where=nam" & x'),
        ("a.vb", f'"{URL}?where=nam" & _\n "e = 1"'),
        ("a.rb", f'"{URL}?where=nam" << x'),
        ("a.rb", f'"{URL}?where=nam" \\\n  "e = 1"'),
        ("a.sql", f"'{URL}?where=nam' || x"),
        ("a.sql", f"'{URL}?where=a = ''' || x"),
        ("a.jl", f'"{URL}?where=nam" * x'),
        ("a.ex", f'"{URL}?where=nam" <> x'),
        ("a.hs", f'"{URL}?where=nam" ++ x'),
        ("a.js", f'u.startsWith("{URL}?where=id_no%3D")'),
        ("a.js", f'u.includes("{URL}?where=nam")'),
        ("a.lua", f'["{URL}?where=a%20%3D%20", x].join("")'),
        ("a.lua", f'"{URL}?where=a = ".concat(x)'),
        ("a.js", f'f("{URL}?where=a == b and c = ", x)'),
        ("a.js", f"f('{URL}?where=a=\"', x)"),
        ("a.js", f"f('{URL}?where=a in (1,', x)"),
        ("a.js", f"f('{URL}?order_by=a,', x)"),
        ("a.py", f'u = "{URL}?where=a = "\nu += x'),
        ("a.py", f'"".join(["{URL}?where=a in (", x, ")"])'),
        ("a.json", f'{{"u": "{URL}?where=id%3D"}}'),
        ("a.env", f"API={URL}?where=id%3D"),
        ("a.txt", f"{URL}?where=a<b and c&limit=3"),
        ("a.md", f"{URL}?limit=5を参照"),
        ("a.md", f"\u201c{URL}?where=name=\u2019x\u2019\u201d"),
    ],
)  # fmt: skip
def test_a_last_value_that_may_go_on_elsewhere_is_skipped(name: str, text: str) -> None:
    """Code after the quotes appends to it, or it cannot be the end of a query."""
    assert read(name, text) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.py", f'u = "{URL}?select=count(*)"\nif x:\n    u += "&limit=1"'),
        ("a.php", f"$u = '{URL}?select=count(*)';\n$u = $u . '&limit=1';"),
        ("a.rb", f'u = "{URL}?select=count(*)"\nu << "&limit=1"'),
        ("a.lua", f'const u = "{URL}?select=count(*)"\nfetch(u + "&limit=1")'),
        ("a.lua", f'const u = "{URL}?select=count(*)"\nfetch(`${{u}}&limit=1`)'),
        ("a.fish", f'u="{URL}?select=count(*)"\ncurl "$u&limit=1"'),
    ],
)
def test_what_is_added_to_a_name_may_be_parameters(name: str, text: str) -> None:
    """Nothing may then be concluded from parameters that the literal lacks."""
    (found,) = read(name, text)
    assert pairs(found) == [("select", "count(*)")]
    assert found.skipped == {"*"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.sh", f"curl '{URL}?where=a == 1' || exit 1"),
        ("a.js", f'fetch("{URL}?where=a == 1", {{}})'),
        ("a.js", f'["{URL}?where=a == 1", "{URL}"]'),
        ("a.js", f'f("{URL}?where=a == 1"); u += "x"'),
        ("a.sh", f'curl "{URL}?where=a == 1" \\\n "-v"'),
        ("a.txt", f'"{URL}?where=a == 1" is wrong.'),
        ("a.txt", f'"{URL}?where=a == 1"\n"{URL}"'),
        ("a.md", f"{URL}?where=a%20==%201 <!-- why -->"),
        ("a.js", "new URL('api/explore/v2.1/catalog/datasets/d/records?where=a == 1', base)"),
        ("a.js", "f('/api/explore/v2.1/monitoring/datasets/d/records?where=a == 1')"),
    ],
)
def test_a_last_value_that_is_whole_is_found(name: str, text: str) -> None:
    """Code after the URL that does not append to it does not matter."""
    (found,) = read(name, text)
    assert pairs(found) == [("where", "a == 1")]
    assert found.skipped == frozenset()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"A: {URL}?where=year(modified)<2020&limit=10", [("where", "year(modified)<2020"), TEN]),
        (f"GET {URL}?where=length(name)<5", [("where", "length(name)<5")]),
        (f"A: {URL}?where=a<>1&limit=10", [("where", "a<>1"), TEN]),
        (f"A={URL}?where=a>b&limit=10", [("where", "a>b"), TEN]),
        (f'A: {URL}?where=a="b c"&limit=10', [("where", 'a="b c"'), TEN]),
        (f"**{URL}?limit=10**", [TEN]),
        (f"_{URL}?limit=10_.", [TEN]),
        (f"~~{URL}?select=*&limit=10~~", [("select", "*"), TEN]),
        (f"「{URL}?limit=10」", [TEN]),
        (f"{URL}?limit=10。次", [TEN]),
        (f"<loc>{URL}?limit=10</loc>", [TEN]),
        (f"{URL}?limit=10<br/>", [TEN]),
        (f"{URL}?limit=10<img src='x'>", [TEN]),
        (f"<a href={URL}?where=a&limit=10>b</a>", [("where", "a"), TEN]),
    ],
)  # fmt: skip
def test_a_url_without_quotes_keeps_its_comparisons_and_loses_markup(
    text: str, expected: list[tuple[str, str]]
) -> None:
    """Quoted text may have spaces if its closing quote ends the URL or precedes a parameter."""
    assert [one for found in read("a.txt", text) for one in pairs(found)] == expected


@pytest.mark.parametrize(
    ("name", "text", "written"),
    [
        ("a.js", f"`{URL}?limit=10&ofset=${{o}}`", "${o}"),
        ("a.js", f'"{URL}?limit=10&ofset=%s"', "%s"),
        ("a.php", f"'{URL}?limit=10&ofset='.$x", ".$x"),
        ("a.js", f'"{URL}?limit=10&ofset=", x', ""),
    ],
)
def test_a_name_that_no_operation_knows_is_found_whatever_its_value(
    name: str, text: str, written: str
) -> None:
    """The name is misspelt whether or not its value is known."""
    (found,) = read(name, text)
    assert [one.name for one in found.request.parameters] == ["limit", "ofset"]
    assert sources(found)[1] == written


@pytest.mark.parametrize(
    "query",
    [
        "where=a>:min", "where=a>%20:min", "limit=:limit", "where=a=@name", "where=[filter]",
        "select=YOUR_FIELD", "where=a=YOUR_VALUE",
    ],
)  # fmt: skip
def test_what_readers_and_databases_fill_in_is_skipped(query: str) -> None:
    """Lookalikes in quotes and the colon of a refinement are kept."""
    (found,) = read("a.md", f"`{URL}?{query}&refine=a:b&order_by=b`")
    assert pairs(found) == [("refine", "a:b"), ("order_by", "b")]
    (found,) = read("a.md", f"`{URL}?where=a=':b @c'&limit=10`")
    assert pairs(found) == [("where", "a=':b @c'"), TEN]


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
        ("", None, "datasets"),
        ("datasets/a/attachments/b", "a", "records"),
        ("datasets/%s/records", None, "records"),
        ("something/else", None, "records"),
    ],
)
def test_the_path_says_which_dataset_and_operation(
    path: str, dataset_id: str | None, endpoint: str
) -> None:
    """An interpolated dataset is unknown."""
    (found,) = read("a.js", f'"${{BASE}}/api/explore/v2.1/catalog/{path}?limit=1"')
    assert (found.request.dataset_id, found.request.endpoint) == (dataset_id, endpoint)


@pytest.mark.parametrize(
    ("written", "character"),
    [
        ("%C3%A9", "\u00e9"),
        ("%E2%82%AC", "\u20ac"),
        ("%f0%9f%98%80", "\U0001f600"),
        ("%41", "A"),
        ("%C3", "\ufffd"),
        ("%E2%82", "\ufffd\ufffd"),
        ("+", " "),
        ("%2B", "+"),
        ("%zz", "%zz"),
    ],
)
def test_percent_encoding_is_utf_8(written: str, character: str) -> None:
    """A byte that is none of it is replaced, as servers do; what is no escape stays as it is."""
    (found,) = read("a.txt", f"{URL}?where=a='{written}'&limit=10")
    assert pairs(found) == [("where", f"a='{character}'"), TEN]
    assert sources(found)[0] == f"a='{written}'"


def test_places_are_those_of_the_file() -> None:
    """Lines and columns are counted from 1, columns in characters."""
    text = f'é\n  "{URL}?where=a&limit=3" "{URL}?limit=4"'
    one, other = read("a.txt", text)
    column = len(f'  "{URL}?where=') + 1
    assert places(one) == [(2, column), (2, column + len("a&limit="))]
    assert sources(one) == ["a", "3"]
    assert sources(other) == ["4"]


def test_what_stands_between_literals_is_no_part_of_a_value() -> None:
    """A value ends where its last character ends, not where the next one begins."""
    (found,) = read("a.py", f'("{URL}?where=ab"\n  "&limit=1")')
    assert sources(found) == ["ab", "1"]
