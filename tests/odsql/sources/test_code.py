"""Programs in other languages than Python: values, requests, and what is none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odsql.commands.main import main
from odsql.sources import SourceFile, code_trees, find, lacks_grammar
from odsql.sources.code import find_code
from odsql.sources.code_languages import LANGUAGES
from odsql.syntax.templates import HOLE
from tests.odsql.sources.support import URL, pairs, read, sources

if TYPE_CHECKING:
    from pathlib import Path

    from odsql.sources.programs import Call

API = "// https://portal.example/api/explore/v2.1/catalog/datasets\n"


def calls(suffix: str, text: str, *, head: str = API) -> list[Call]:
    """Return the calls in a program that leads to an Explore API."""
    if suffix == "php":
        head = "<?php " + head
    if suffix in ("rb", "sh"):
        head = head.replace("//", "#")
    return list(find_code(SourceFile(f"a.{suffix}", head + text), suffix))


def values(suffix: str, text: str) -> list[tuple[str, str | None]]:
    """Return the parameters of a program, with … for what is unknown."""
    return [
        (one.name, one.value.text.replace(HOLE, "…") if one.value is not None else None)
        for call in calls(suffix, text)
        for one in call.arguments
    ]


# ------------------------------------------------------------ strings


@pytest.mark.parametrize(
    ("suffix", "written", "value"),
    [
        ("js", r"'it\'s \u00e9 \x41'", "it's é A"),
        ("js", r"`a ${b} c`", "a … c"),
        ("js", "`a ${'b'} c`", "a b c"),
        ("js", "'a ' + b() + ' c'", "a … c"),
        ("js", "'a ' + // why\n 'b'", "a b"),
        ("js", "('a' + ('b' + 'c'))", "abc"),
        ("js", "['a', 'b'].join(' and ')", "a and b"),
        ("js", "['a', ...more].join(' and ')", "a and …"),
        ("js", "'a {town}'.replace('{town}', town)", "a …"),
        ("js", "`a\n  b`.replace(/\\s+/g, ' ').trim()", "a\n  b"),
        ("ts", "'a' as string", "a"),
        ("go", "`a \\n b`", r"a \n b"),
        ("go", 'fmt.Sprintf("a %s %% %d", b, 5)', "a … % 5"),
        ("go", '"a " + strings.Join([]string{"b", "c"}, ", ")', "a b, c"),
        ("java", 'String.format("a %s", b)', "a …"),
        ("java", '"a %s".formatted(b)', "a …"),
        ("java", '"""\n    a\n      b"""', "a\n  b"),
        ("java", 'String.join(", ", "a", "b")', "a, b"),
        ("kt", '"a $b ${c.d} \\$e"', "a … … $e"),
        ("kt", '"""\n    a $b\n    c\n""".trimIndent()', "a …\nc"),
        ("kt", 'listOf("a", "b").joinToString(" or ")', "a or b"),
        ("cs", '$"a {b} {{c}}"', "a … …"),
        ("cs", '@"a ""b"" \\n"', 'a "b" \\n'),
        ("cs", '$@"a ""{b}"" c"', 'a "…" c'),
        ("cs", '"""\n    a "b"\n    """', 'a "b"'),
        ("cs", 'string.Format("a {0} {1:N2}", b, "c")', "a … c"),
        ("php", "'a \\n \\'b\\''", "a \\n 'b'"),
        ("php", '"a $b {$c->d} $e[0] \\n"', "a … … … \n"),
        ("php", "'a ' . $b . \" c\"", "a … c"),
        ("php", "sprintf('a %s', $b)", "a …"),
        ("php", "<<<X\n  a $b\n  X", "a …"),
        ("php", "<<<'X'\n  a $b\n  X", "a $b"),
        ("rb", '"a #{b} c"', "a … c"),
        ("rb", "'a \\n #b'", "a \\n #b"),
        ("rb", "%q(a b)", "a b"),
        ("rb", '"a " \\\n "b"', "a b"),
        ("rb", 'format("a %s", b)', "a …"),
        ("rb", '"a %s" % b', "a …"),
        ("swift", '"a \\(b) \\"c\\""', 'a … "c"'),
        ("swift", '#"a \\#(b) \\n"#', "a … \\n"),
        ("swift", 'String(format: "a %@", b)', "a …"),
        ("swift", '["a", "b"].joined(separator: " and ")', "a and b"),
        ("rs", 'r#"a "b""#', 'a "b"'),
        ("rs", '&format!("a {} {b} {:?}", x, y)', "a … … …"),
        ("rs", '"a \\\n    b".to_string()', "a b"),
    ],
)
def test_strings_are_read_as_each_language_does(suffix: str, written: str, value: str) -> None:
    """What is filled in is a hole; it spans what fills it in."""
    owner = "$params->set(" if suffix == "php" else "params.set("
    end = {"php": ");", "java": ");", "cs": ");", "go": ")", "rs": ");"}.get(suffix, ")")
    start, close = _around(suffix)
    text = f'{start}{owner}"where", {written}{end}{close}'
    assert values(suffix, text) == [("where", value)]


def _around(suffix: str) -> tuple[str, str]:
    if suffix == "java" or suffix == "cs":
        return "class A { void f() { ", " } }"
    if suffix == "go":
        return "package a\nfunc f() { ", " }"
    return ("fn f() { ", " }") if suffix == "rs" else ("", "")


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ('"where=a > $b"', "a > …"),
        ("'where=a > $b'", "a > $b"),
        ('where="a > ${b}"', "a > …"),
        ("\"where=$(urlencode 'a > 1')\"", "a > 1"),
        ('"where=a = \\"b\\""', 'a = "b"'),
        ("$'where=a = \\'b\\''", "a = 'b'"),
    ],
)
def test_words_of_shells_are_read_as_shells_do(written: str, value: str) -> None:
    """Single quotes keep a dollar sign."""
    assert values("sh", f"curl -G $url --data-urlencode {written}") == [("where", value)]


def test_characters_outside_of_ascii_do_not_move_places() -> None:
    """tree-sitter counts bytes; the places are characters."""
    (found,) = read(
        "a.js", API + "/* é€😀 */ params.set('where', 'ville = \"Orléans\" and n > 1');"
    )
    assert sources(found) == ['ville = "Orléans" and n > 1']


# ------------------------------------------------------------ names


def test_a_name_that_is_given_one_text_has_it() -> None:
    """The value begins where it is written."""
    text = API + "const OPEN = 'a > 1';\nparams.set('where', OPEN);"
    (found,) = read("a.js", text)
    assert pairs(found) == [("where", "a > 1")]
    assert found.offsets[0][0] == text.index("a > 1")


def test_a_name_inside_a_text_is_at_its_own_place() -> None:
    """Otherwise an edit could run over the code between the two."""
    text = API + "const OPEN = 'a > 1';\nparams.set('where', `${OPEN} and b < 2`);"
    (found,) = read("a.js", text)
    assert pairs(found) == [("where", "a > 1 and b < 2")]
    assert found.offsets[0][0] == text.index("${OPEN}")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("let w = 'a'; w += ' and b'; params.set('where', w)", "a and b"),
        ("let w = 'a'; if (c) { w += ' and b' } params.set('where', w)", "a…"),
        ("let w = 'a'; w = 'b'; params.set('where', w)", "b"),
        ("let w = f(); params.set('where', w)", None),
        ("const a = b; const b = a; params.set('where', a)", None),
        ("const l = ['a']; l.push('b'); params.set('where', l.join(' or '))", "a or b"),
        ("const l = ['a']; if (c) l.push('b'); params.set('where', l.join(' or '))", "a or …"),
    ],
)
def test_names_have_what_they_were_given_before(text: str, value: str | None) -> None:
    """What may or may not be added is a hole."""
    assert values("js", text + "; params.set('select', 'x')") == [("where", value), ("select", "x")]


def test_a_parameter_of_a_function_hides_a_name_outside() -> None:
    """Its value is unknown."""
    assert values("js", "const w = 'a > 1'; function f(w) { params.set('where', w) }") == []


@pytest.mark.parametrize(
    "text",
    [
        "params.set('where', c ? 'a > 1' : 'a > 2')",
        "const w = c ? 'a > 1' : 'a > 2'; params.set('where', w)",
        "let w = 'a > 1'; if (c) { w = 'a > 2' } params.set('where', w)",
    ],
)
def test_each_alternative_is_a_request(text: str) -> None:
    """Each may have a mistake of its own."""
    assert values("js", text) == [("where", "a > 1"), ("where", "a > 2")]


# ------------------------------------------------------------ requests


def test_parameters_of_one_object_are_one_request() -> None:
    """What is set later on the same variable belongs to it, too."""
    text = "const q = new URLSearchParams({ select: 'a' }); q.set('where', 'b > 1'); fetch(u + q)"
    (call,) = calls("js", text)
    assert [one.name for one in call.arguments] == ["select", "where"]
    assert call.certain


def test_the_same_name_in_two_functions_is_two_requests() -> None:
    """Variables belong to their function."""
    one = "function f() { const params = { where: 'a > 1' }; return get(u, { params }) }\n"
    assert len(calls("js", one + one)) == 2


def test_an_object_that_is_handed_to_nothing_is_a_guess() -> None:
    """It may be anything."""
    (call,) = calls("js", "const a = { where: 'b > 1', select: 'c' }")
    assert not call.certain


@pytest.mark.parametrize(
    "text",
    [
        "const a = { where: 'Where is it?', select: 'Choose' }",
        "const a = { from: 'users', select: 'id', where: 'deleted = 0' }",
        "users.findMany({ where: { name: 'a' }, select: 'b', limit: 3 })",
        "query.setParameter('limit', 10)",
        "const a = { where: 'Here', limit: 'none' }",
    ],
)
def test_what_only_looks_like_a_request_is_none(text: str) -> None:
    """Labels, SQL, mappers of objects, and a limit alone."""
    assert read("a.js", API + text) == []


def test_a_file_that_does_not_lead_to_an_explore_api_has_no_requests() -> None:
    """Many APIs have a parameter `where`."""
    assert calls("js", "get(u, { params: { where: 'a > 1' } })", head="") == []


def test_the_dataset_and_operation_are_those_of_the_nearest_url() -> None:
    """A file may have requests to many datasets."""
    text = (
        "const B = 'https://p.example/api/explore/v2.1/catalog/datasets';\n"
        "get(`${B}/x/records`, { params: { where: 'a > 1' } });\n"
        "get(`${B}/y/exports/csv`, { params: { where: 'a > 1' } });\n"
    )
    found = [(one.dataset_id, one.endpoint) for one in calls("js", text)]
    assert found == [("x", "records"), ("y", "exports")]


def test_the_official_client_says_its_dataset() -> None:
    """Its methods are the clauses, in camel case."""
    text = (
        "import { fromCatalog } from '@opendatasoft/api-client';\n"
        "fromCatalog().dataset('x').exports('json').where('a > 1').orderBy('b').where(f => f.c);"
    )
    (call,) = calls("ts", text, head="")
    assert (call.dataset_id, call.endpoint, call.certain) == ("x", "exports", True)
    assert [(one.name, one.value and one.value.text) for one in call.arguments] == [
        ("where", "a > 1"), ("order_by", "b"), ("where", None),
    ]  # fmt: skip


def test_a_name_in_braces_is_filled_in_elsewhere() -> None:
    """Spring and others expand such a template."""
    assert values("java", 'class A { void f() { b.queryParam("where", "{w}"); } }') == []
    text = 'class A { void f() { b.queryParam("where", "a = \'{w}\'"); } }'
    assert values("java", text) == [("where", "a = '…'")]


# ------------------------------------------------------------ URLs


def test_a_parameter_of_a_url_is_found_once() -> None:
    """The reader of URLs finds what is written, and this one what is encoded at run time."""
    text = f"fetch('{URL}?select=a&where=' + encodeURIComponent(`b = ${{c}}`) + '&limit=5')"
    found = [pair for one in read("a.js", text) for pair in pairs(one)]
    assert sorted(found) == [("limit", "5"), ("select", "a"), ("where", f"b = {HOLE}")]


def test_what_a_program_encodes_stands_for_itself() -> None:
    """An ampersand in it begins no parameter, and a plus is a plus."""
    text = f"fetch(`{URL}?where=${{encodeURIComponent('a = \"b & c + d%20\"')}}`)"
    (found,) = read("a.js", text)
    assert pairs(found) == [("where", 'a = "b & c + d%20"')]


def test_what_a_program_does_not_encode_is_decoded() -> None:
    """As the server does."""
    text = f"const B = '{URL}';\nfetch(`${{B}}?where=a+%3E+1&limit=2`)"
    (found,) = read("a.js", text)
    assert pairs(found) == [("where", "a > 1"), ("limit", "2")]


def test_a_request_to_another_api_is_none() -> None:
    """A file may use several APIs."""
    text = "axios.get('https://gis.example/rest/query', { params: { where: 'a > 1' } })"
    assert calls("js", text) == []


# ------------------------------------------------------------ files


def test_scripts_without_a_suffix_name_their_interpreter() -> None:
    """The first line of a script says what runs it."""
    text = f"#!/usr/bin/env bash\ncurl -G {URL} --data-urlencode 'where=a > 1'\n"
    assert [pairs(one) for one in read("fetch", text)] == [[("where", "a > 1")]]


def test_scripts_in_pages_are_read() -> None:
    """The rest of a page is no program."""
    script = f'let u: string = "{URL}"; get(u, {{ params: {{ where: "a > 1" }} }})'
    text = f'<a where="b">\n<script lang="ts">{script}</script>'
    assert [pairs(one) for one in read("a.vue", text)] == [[("where", "a > 1")]]


def test_a_file_that_is_ignored_is_not_read() -> None:
    """As for all other files."""
    text = API + "// odsql: ignore-file\nparams.set('where', 'a > 1')"
    assert read("a.js", text) == []


@pytest.fixture
def without_grammars(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("odsql.sources.code.installed", lambda language: False)


@pytest.mark.usefixtures("without_grammars")
def test_without_the_extra_only_urls_are_found() -> None:
    """The grammars are optional."""
    file = SourceFile("a.js", f"get('{URL}?limit=3'); params.set('where', 'a > 1')")
    assert [pairs(one) for one in find(file)] == [[("limit", "3")]]
    assert lacks_grammar(file)


@pytest.mark.usefixtures("without_grammars")
@pytest.mark.parametrize(
    ("path", "text"),
    [("a.js", "params.set('where', 'a')"), ("a.md", f"{URL} where"), ("a.js", f"get('{URL}')")],
)
def test_a_file_without_requests_lacks_no_grammar(path: str, text: str) -> None:
    """Only programs that lead to an Explore API, and have a clause, count."""
    assert not lacks_grammar(SourceFile(path, text))


def test_a_program_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recovery from errors may take quadratic time."""
    monkeypatch.setattr(code_trees, "_SECONDS", -1.0)
    assert calls("js", "params.set('where', 'a > 1');" * 1000) == []


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_grammar_has_the_nodes_of_the_table(language: str) -> None:
    """A kind that a grammar does not have would never be seen."""
    entry = LANGUAGES[language]
    parser = code_trees._parser(entry.package, entry.function)
    known = {
        parser.language.node_kind_for_id(number)
        for number in range(parser.language.node_kind_count)
    }
    kinds = {
        *entry.texts, *entry.numbers, *entry.names, *entry.wrappers, *entry.sums, *entry.adjacent,
        *entry.choices, *entry.pairs, *entry.flat, *entry.shorthand, *entry.lists, *entry.arguments,
        *entry.calls, *entry.members, *entry.subscripts, *entry.assignments, *entry.functions,
        *entry.branches, *entry.parameters, *entry.commands, *entry.content,
    }  # fmt: skip
    assert kinds - known == set()


# ------------------------------------------------------------ hostile programs

_SNIPPETS = [
    "params", ".set(", "'where'", '"select"', ",", ")", "(", "{", "}", "[", "]", ":", "=", "+", "`",
    "${", "'", '"', "a > 1",
    "?where=", "&", "%20", "\n", "<<<X\n", "X;", "$a", "#{", "\\", "é", "😀",
    "encodeURIComponent(", ".join(", "+=", "function f(", "if (a)", "=>", "curl -G ",
    "--url-query ",
    "format!(",
    "sprintf(", "'%s'", "/records", "let w = ", "w", ";", '"""', "<script>", "</script",
]  # fmt: skip


@given(st.sampled_from(sorted({*LANGUAGES, "html"})), st.lists(st.sampled_from(_SNIPPETS)))
def test_any_mixture_is_read(suffix: str, snippets: list[str]) -> None:
    """Every value knows where it is written, in order."""
    text = API + "".join(snippets) + "<?php where" * (suffix == "php")
    for found in find(SourceFile(f"a.{suffix}", text)):
        for one, offsets in zip(found.request.parameters, found.offsets, strict=True):
            assert len(offsets) == len(one.text) + 1
            assert list(offsets) == sorted(offsets)
            assert 0 <= offsets[0] <= offsets[-1] <= len(text)


MANY = 5000


@pytest.mark.parametrize(
    "text",
    [
        "x = '" + "a" * 900_000 + "'",
        "f({" + "where: 'a > 1'," * MANY + "})",
        "params.append('refine', 'a:b');" * MANY,
        "x = `/records?where=" + "${a} and " * MANY + "`",
        "x = `/records?" + "&where=${a}1" * MANY + "`",
        "where = " + "'a' + b + " * MANY + "'c'; params.set('where', where)",
        "let w = 'a';" + "w += 'b';" * MANY + "params.set('where', w)",
        "params.where = 'a';" + "params.where += 'b';" * MANY,
        "[" * MANY + "]" * MANY,
        "format('%s', " * MANY + "'a'" + ")" * MANY,
        "x = { params: " * MANY + "1" + "}" * MANY,
        "x = { where: " * MANY + "1" + "}" * MANY,
        "a" + ".where('b')" * MANY + " // @opendatasoft/api-client",
        "function f() { params.set('where', where)" * MANY + "}" * MANY,
        "params.set('where', [" + "'a'," * MANY + "].join(' and '))",
        "params.set('where', sprintf('" + "%s " * MANY + "'" + ", a" * MANY + "))",
        "x = " + "f({ where: 'a > 1' }) + " * MANY + "'c'",
        "f(" + "{ where: 'a > 1', limit: 1 }," * MANY + ")",
        "const q = { where: 'a > 1' };" + "q;" * MANY,
        "f({ where: " + "a ? 'b' : " * MANY + "'c' })",
        "('\"`{[" * MANY,
    ],
    ids=range(21),
)
def test_much_of_the_same_is_read(text: str) -> None:
    """If time grew with the square of the size, this would exceed the time limit of the suite."""
    calls("ts", text)


def test_names_that_double_each_other_do_not_explode() -> None:
    """Two hundred of them would make a text of 2**200 characters."""
    names = "".join(f"const a{n + 1} = a{n} + a{n};" for n in range(200))
    ((_, value),) = values("js", f"const a0 = 'xxxx'; {names} params.set('where', a200 + ' > 1')")
    assert value is not None
    assert value.strip("…") == " > 1"
    assert len(value) < 1000


def test_notes_count_the_programs_that_were_not_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """One line says how many, and what to install; the exit status stays 0."""
    monkeypatch.setattr("odsql.sources.code.installed", lambda language: False)
    for name in ("a.js", "b.go", "c.rb"):
        (tmp_path / name).write_text(
            f"{URL} where" if name != "c.rb" else "where", encoding="utf-8"
        )
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="0"):
        main(["check", "."])
    said = capsys.readouterr().err
    assert re.fullmatch(r"odsql: 2 programs .*pip install 'explore-async\[code\]'.*\n", said)
