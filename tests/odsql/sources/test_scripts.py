"""Requests in R, Julia and Power Query M."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odsql.sources.scripts import find_calls
from odsql.syntax.templates import HOLE, SAFE
from tests.odsql.sources.support import URL, pairs, places, read, sources


def suffix(name: str) -> str:
    return name.lower().rpartition(".")[2]


def asked(name: str, text: str) -> list[tuple[str, str | None]]:
    """Return the parameters of all calls; `*` is a hole, `#` a number."""
    return [
        (
            one.name,
            None if one.value is None else one.value.text.replace(HOLE, "*").replace(SAFE, "#"),
        )
        for call in find_calls(text, suffix(name))
        for one in call.arguments
    ]


R, J, M = "a.R", "a.jl", "a.pq"


@pytest.mark.parametrize(
    ("name", "code", "expected"),
    [
        (R, 'GET(u, query = list(where = "a = \\"b\\""))', 'a = "b"'),
        (R, "GET(u, query = list(where = 'a = \\'\\u00e9\\''))", "a = 'é'"),
        (R, 'GET(u, query = list(where = r"(a = "b\\c")"))', 'a = "b\\c"'),
        (R, 'GET(u, query = list(where = R"--{a)"}--"))', 'a)"'),
        (R, 'GET(u, query = list(where = ("a")))', "a"),
        (R, 'GET(u, query = list(where = "a" %+% b))', "a*"),
        (R, 'GET(u, query = list(where = paste("a", b, "c")))', "a * c"),
        (R, 'GET(u, query = list(where = paste0("a", b[1], c$d, f(x, "y"))))', "a***"),
        (R, 'GET(u, query = list(where = paste(c("a", "b"), collapse = " or ")))', "a or b"),
        (R, 'GET(u, query = list(where = paste(ids, collapse = " or ")))', None),
        (R, 'GET(u, query = list(where = paste("a", "b", sep = s)))', None),
        (R, 'GET(u, query = list(where = stringr::str_c("a", "b", sep = "-")))', "a-b"),
        (R, 'GET(u, query = list(where = sprintf("a = \'%s%%\' %5.2f", x, 2)))', "a = '*%' #"),
        (R, 'GET(u, query = list(where = glue("a = {x} {{b}}", " c")))', "a = * {b} c"),
        (R, 'GET(u, query = list(where = I(URLencode("a > 3"))))', "a > 3"),
        (R, 'GET(u, query = list(where = if (x) "a" else "b"))', None),
        (R, "GET(u, query = list(where = unknown))", None),
        (R, 'GET(u, query = list(where = f("x")))', None),
        (R, 'W <- "a > 3"\nGET(u, query = list(where = W))', "a > 3"),
        (R, 'W <- "a"\nGET(u, query = list(where = paste0(W, " > 3")))', "a > 3"),
        (R, 'W <- "a"\nGET(u, query = list(where = glue("{W} > {x}")))', "a > *"),
        (R, 'W <- "a"\nGET(u, query = list(where = sprintf("%s > 3", W)))', "a > 3"),
        (R, 'W <- "a"\nW <- "b"\nGET(u, query = list(where = W))', None),
        (R, "W <- paste0(V)\nV <- paste0(W)\nGET(u, query = list(where = W))", None),
        (R, 'GET(u, query = list(where = "a" |> f()))', None),
        (R, 'GET(u, query = list(where = glue_collapse(c("a", "b"), sep = " or ")))', "a or b"),
        (R, 'GET(u, query = list(where = str_flatten(c("a", b), " or ")))', "a or *"),
        (J, 'W = "a"\nW *= "b"\nHTTP.get(u; query = Dict("where" => W))', None),
        (J, 'HTTP.get(u; query = Dict("where" => join(("a", b), " or ")))', "a or *"),
        (J, 'HTTP.get(u; query = Dict("where" => "a \\"b\\" \\$c"))', 'a "b" $c'),
        (J, 'HTTP.get(u; query = Dict(:where => "a $b $(c("d")) e"))', "a * * e"),
        (J, 'HTTP.get(u; query = Dict("where" => """\na\n"b" """))', 'a\n"b" '),
        (J, 'HTTP.get(u; query = Dict("where" => raw"$a \\"b\\""))', '$a "b"'),
        (J, 'HTTP.get(u; query = Dict("where" => "a" * b * "c"))', "a*c"),
        (J, 'HTTP.get(u; query = Dict("where" => string("a", b)))', "a*"),
        (J, 'HTTP.get(u; query = Dict("where" => join(["a", b], " or ")))', "a or *"),
        (J, 'HTTP.get(u; query = Dict("where" => x ? "a" : "b"))', None),
        (J, 'const W = "a"\nHTTP.get(u; query = (where = "$W > 3",))', "a > 3"),
        (J, 'HTTP.get(u; query = ["where" => @sprintf("a > %d", n)])', "a > #"),
        (J, 'HTTP.get(u; query = Dict{String,Any}("where" => "a"))', "a"),
        (J, 'y = x\'; HTTP.get(u; query = Dict("where" => "it\'s"))', "it's"),
        (M, 'x = Web.Contents(u, [Query = [where = "a = ""b"""]])', 'a = "b"'),
        (M, 'x = Web.Contents(u, [Query = [where = "a#(lf)b#(00E9,#)"]])', "a\nbé#"),
        (M, 'x = Web.Contents(u, [Query = [#"where" = "a" & b & "c"]])', "a*c"),
        (M, 'x = Web.Contents(u, [Query = [where = Text.Format("a > #{0} #[b]", r)]])', "a > * *"),
        (M, 'x = Web.Contents(u, [Query = [where = Text.Combine({"a", "b"}, " or ")]])', "a or b"),
        (M, 'let W = "a", x = Web.Contents(u, [Query = [where = W & " > 3"]]) in x', "a > 3"),
        (M, 'x = Web.Contents(u, [Query = [where = if c then "a" else "b"]])', None),
        (M, "x = Web.Contents(u, [Query = [where = Text.From(c)]])", None),
    ],
)  # fmt: skip
def test_a_value_is_known_as_far_as_the_text_tells(
    name: str, code: str, expected: str | None
) -> None:
    assert asked(name, code) == [("where", expected)]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (R, 'GET(u, query = list(where = "a"))'),
        (R, 'httr::GET(u, query = c(where = "a"))'),
        (R, 'GET(u, query = c(base, list(where = "a")))'),
        (R, 'modify_url(u, query = list(where = "a"))'),
        (R, 'client$get("x", query = list(where = "a"))'),
        (R, 'req_url_query(r, where = "a")'),
        (R, 'r |> httr2::req_url_query(!!!list(where = "a"))'),
        (R, 'p <- list(where = "a")\nreq_url_query(r, !!!p)'),
        (R, 'p <- list(where = "a")\nGET(u, query = p)'),
        (R, 'p <- list(where = "a")\nGET(u, query = modifyList(p, more))'),
        (R, 'p <- list()\np$where <- "a"\nGET(u, query = p)'),
        (R, 'p <- list()\np[["where"]] <- "a"\nGET(u, query = p)'),
        (R, 'u$query <- list(where = "a")'),
        (R, 'u <- urltools::param_set(u, "where", "a")'),
        (R, 'get_cov_data("trees", where = "a")'),
        (J, 'HTTP.get(u; query = ["where" => "a"])'),
        (J, 'HTTP.get(u; query = (; where = "a"))'),
        (J, 'query = Dict("where" => "a")\nHTTP.get(u; query)'),
        (J, 'p = Dict()\np["where"] = "a"\nHTTP.get(u; query = p)'),
        (J, 'p = Dict()\np[:where] = "a"\nHTTP.get(u; query = merge(p, q))'),
        (J, 'HTTP.escapeuri(Dict("where" => "a"))'),
        (M, 'x = Web.Contents(u, [Query = [where = "a"]])'),
        (M, 'let p = [where = "a"], x = Web.Contents(u, [Query = p]) in x'),
        (M, 'x = Uri.BuildQueryString([where = "a"])'),
        (M, 'x = Web.Contents(u, [Query = Record.AddField(p, "where", "a")])'),
        (M, 'x = Web.Contents(u, [Query = Record.Combine({p, [where = "a"]})])'),
    ],
)
def test_what_is_handed_to_a_request_is_certain(name: str, code: str) -> None:
    (call,) = find_calls(code, suffix(name))
    assert call.certain
    assert [(one.name, one.value and one.value.text) for one in call.arguments] == [("where", "a")]


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ('p <- list(where = "a > 3", limit = 3)', 1),
        ('ask("trees", where = "a > 3", order_by = "b")', 1),
        ('ask(where = "a > 3")', 0),
        ('ask(where = "left", limit = 3)', 0),
        ('ask(where = "a > 3", limit = "no limit")', 0),
        ("ask(where = x, limit = 3)", 0),
        ('ask(limit = 3, lang = "fr")', 0),
        ('ask <- function(where = "a > 3", limit = 3) 1', 0),
    ],
)
def test_what_only_looks_like_a_query_is_a_guess(code: str, count: int) -> None:
    """It has several parameters, one of them a clause."""
    calls = list(find_calls(code, "r"))
    assert [one.certain for one in calls] == [False] * count


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (f'GET("{URL}", query = list(where = "a"))', ("cities", "records")),
        (f'u <- "{URL}"\nGET(u, query = list(where = "a"))', ("cities", "records")),
        (f'request("{URL}") |> f() |> req_url_query(where = "a")', ("cities", "records")),
        ('get_cov_data("trees", where = "a")', ("trees", "records")),
        ('GET("/datasets/a/exports/csv", query = list(where = "a"))', ("a", "exports")),
        ('GET(u, query = list(where = "a"))', (None, "records")),
    ],
)
def test_the_dataset_is_that_of_the_url_beside(code: str, expected: tuple[str, str]) -> None:
    (call,) = find_calls(code, "r")
    assert (call.dataset_id, call.endpoint) == expected


@pytest.mark.parametrize(
    ("url", "count"),
    [
        ("https://services.example.net/arcgis/query", 0),
        ("https://services.example.net/", 1),
        ("https://data.example.org/api/", 1),
        ("https://data.example.org/api/explore/v2.1", 1),
    ],
)
def test_a_request_to_another_api_is_left_aside(url: str, count: int) -> None:
    code = f'GET("{url}", query = list(where = "a > 3"))'
    assert len(list(find_calls(code, "r"))) == count


def test_only_a_file_that_leads_to_an_api_counts() -> None:
    code = 'GET(u, query = list(where = "a > 3"))'
    assert read("a.R", code) == []
    (found,) = read("a.R", f'u <- "{URL}"\n{code}')
    assert pairs(found) == [("where", "a > 3")]
    assert places(found) == [(2, 30)]
    assert "*" in found.skipped


def test_a_comment_suppresses_findings() -> None:
    code = f'u <- "{URL}"\nGET(u, query = list(where = "a > 3")) # odsql: ignore[ODS101]'
    (found,) = read("a.R", code)
    assert found.ignores("ODS101", 0)


@pytest.mark.parametrize("kernel", ['"language": "julia"', '"name": "julia"'])
def test_cells_of_a_notebook_share_their_names(kernel: str) -> None:
    cells = [
        {"cell_type": "code", "source": [f'W = "a > 3" # {URL}\n']},
        {"cell_type": "markdown", "source": "It's"},
        {"cell_type": "code", "source": ["HTTP.get(u;\n", "query = Dict(:where => W))"]},
    ]
    text = '{"metadata": {"kernelspec": {' + kernel + '}}, "cells": ' + json.dumps(cells) + "}"
    (found,) = read("a.ipynb", text)
    assert pairs(found) == [("where", "a > 3")]
    assert sources(found) == ["a > 3"]


def test_a_notebook_in_another_language_is_left_to_others() -> None:
    source = f"GET('{URL}', query = list(where = 'a > 3'))"
    text = json.dumps({"cells": [{"source": source}], "metadata": {"language": "python"}})
    assert list(find_calls(text, "ipynb")) == []


HOSTILE = [
    "(", "[", "{", ")", "]", "}", '"', "'", "`", 'r"(', 'r"---(', "#=", "/*", '#"', '"""', "$(",
    '"$(',
    'paste0("a", ', 'where = "a", ', "x <- x\n", "query = list(", 'query = list(where = "a", ',
    'p$where <- "a"\n', 'p[["where"]] <- "a"\n', '"where" => ', 'where = "a" * ', "where = a & ",
    "x |> f() ", "Dict{", '= c("a", ', '"a" & ', "where[", "query = c(", "!!!", "%", "\\",
    "where = p, ",
    'x <- paste0(x, "a")\n', "{where} ", "a = b * b\n",
]  # fmt: skip


@pytest.mark.parametrize("name", ["a.r", "a.jl", "a.pq", "a.ipynb"])
@pytest.mark.parametrize("unit", HOSTILE)
def test_time_grows_with_the_size(name: str, unit: str) -> None:
    """If it grew with the square of the size, this would exceed the time limit of the suite."""
    starts = {"a.rmd": "```{r}\n", "a.ipynb": '{"language": "R"}, "source": "'}
    start = starts.get(name, "") + "Web.Contents(where "
    list(find_calls(start + unit * (60_000 // len(unit)), suffix(name)))


def test_constants_that_double_stay_small() -> None:
    lines = ['a0 = "where"'] + [f"a{n} = a{n - 1} * a{n - 1}" for n in range(1, 60)]
    code = "\n".join(lines) + '\nHTTP.get(u; query = Dict("where" => a59 * "x"))'
    (call,) = find_calls(code, "jl")
    assert call.certain


def test_a_long_value_is_read() -> None:
    text = "a" * 1_000_000
    assert asked("a.jl", f'HTTP.get(u; query = Dict("where" => "{text}"))') == [("where", text)]


def test_many_holes_are_read() -> None:
    (pair,) = asked("a.jl", 'HTTP.get(u; query = Dict("where" => "' + "$(x) " * 10_000 + '"))')
    assert pair == ("where", "* " * 10_000)


def test_many_parts_are_joined() -> None:
    parts = " * ".join(['"a"'] * 10_000)
    assert asked("a.jl", f"HTTP.get(u; query = Dict(:where => {parts}))") == [
        ("where", "a" * 10_000)
    ]


_PIECES = [
    "GET(u, query = list(", 'where = "a"', "where = ", "p$where <- ", "paste0(", '"', "'", "(", ")",
    "[", "]", "{", "}", ",", ";", "=", "=>", "<-", "&", "*", "$x", "$(", 'r"(', ')"', 'glue("{a}")',
    "\n", "#", "#=",
    "query", "a", "1", '"where" => "b"', "[Query = [", "Dict(", "|>", "%s", "sprintf(", "é", "\\",
]  # fmt: skip


@given(st.sampled_from(["r", "jl", "pq"]), st.lists(st.sampled_from(_PIECES), max_size=25))
def test_any_mixture_has_places_in_order(kind: str, pieces: list[str]) -> None:
    text = "where Web.Contents" + "".join(pieces)
    for call in find_calls(text, kind):
        assert 0 <= call.start <= len(text)
        for one in call.arguments:
            if one.value is not None:
                offsets = list(one.value.offsets)
                assert len(offsets) == len(one.value.text) + 1
                assert offsets == sorted(offsets)
                assert 0 <= offsets[0] <= offsets[-1] <= len(text)
