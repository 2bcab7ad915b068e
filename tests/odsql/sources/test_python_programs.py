"""Requests in Python programs; the files of `real_code/python` show most ways to write them."""

from __future__ import annotations

import json
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from odsql.sources import SourceFile, find
from odsql.sources.python_programs import find_programs
from odsql.sources.views import whole
from odsql.syntax.templates import HOLE
from tests.odsql.sources.support import URL, pairs, sources

if TYPE_CHECKING:
    from odsql.sources.programs import Call

START = f'import requests\nAPI = "{URL}"\n'


def calls(code: str, callables: tuple[str, ...] = (), path: str = "a.py") -> list[Call]:
    file = SourceFile(path, code)
    return list(find_programs(file, [whole(code)], callables=callables))


def texts(code: str) -> list[tuple[str, str]]:
    """Return the known values of a program, with `_` for what is filled in."""
    return [
        (argument.name, argument.value.text.replace(HOLE, "_"))
        for call in calls(START + code)
        for argument in call.arguments
        if argument.value is not None
    ]


def sent(value: str, before: str = "") -> list[str]:
    """Return the texts of a `where` that is sent as `value`."""
    return [text for _, text in texts(f"{before}\nrequests.get(API, params={{'where': {value}}})")]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("'a = 1'", "a = 1"),
        ("r'a = \\d'", "a = \\d"),
        ("'a = \\'x\\' and \\u0062'", "a = 'x' and b"),
        ("'a' ' = ' \"1\"", "a = 1"),
        ("('a = 1'  # it's\n ' and b')", "a = 1 and b"),
        ("f'a = {x}'", "a = _"),
        ("f'a = {x!r} and b > {y:.2f} or {z:>{w}}'", "a = _ and b > _ or _"),
        ("f'{{a}} = {x}'", "{a} = _"),
        ('f\'a = {d["k"]} and {f("}")} b\'', "a = _ and _ b"),
        ("rf'a = \\d{x}'", "a = \\d_"),
        ("f'a = \\'{x}\\' \\N{BULLET} b'", "a = '_' \N{BULLET} b"),
        ("'a ' f'= {x}' ' and b'", "a = _ and b"),
        ("f'''a\n = {x}\n'''", "a\n = _\n"),
        ("f'a = {1 if x else 2}'", "a = _"),
        ("f'é = {x} and b'", "é = _ and b"),
        ("'a = %s and b = %d%%' % (x, y)", "a = _ and b = _%"),
        ("'a = %s' % x", "a = _"),
        ("'a = %(b)s and %(c)05.1f' % {'b': x, 'c': y}", "a = _ and _"),
        ("'a = %s' % 'b'", "a = b"),
        ("'a = {} and {{b}} = {:.1f}'.format(x, y)", "a = _ and {b} = _"),
        ("'a = {b} and {0[k]} {c.d}'.format(x, b=1, c=c)", "a = 1 and _ _"),
        ("'a = {1} and {0}'.format('x', 'y')", "a = y and x"),
        ("Template('a = $b and ${c} = $$1').substitute(b=x)", "a = _ and _ = $1"),
        ("'a = ' + x + ' and b = ' + str(y)", "a = _ and b = _"),
        ("x + ' = 1'", "_ = 1"),
        ("' and '.join(['a = 1', f'b = {x}', y])", "a = 1 and b = _ and _"),
        ("' or '.join(f'a = {x}' for x in xs)", "a = _"),
        ("'a in (' + ', '.join(xs) + ')'", "a in (_)"),
        ("'  a = 1 '.strip()", "a = 1"),
        ("textwrap.dedent('a = 1')", "a = 1"),
        ("quote('a = 1')", "a = 1"),
        ("urllib.parse.quote_plus(f'a = {x}')", "a = _"),
        ("' '.join('a = 1'.split())", "a = 1"),
        ("re.sub(r'\\s+', ' ', 'a = 1')", "a = 1"),
        ("'a = 1\\n and b'.replace('\\n', ' ')", "a = 1\n and b"),
        ("'a = NAME'.replace('NAME', x)", "a = _"),
        ("(w := 'a = 1')", "a = 1"),
        ("cast(str, 'a = 1')", "a = 1"),
    ],
)
def test_a_string_is_read_however_it_is_written(value: str, text: str) -> None:
    assert sent(value) == [text]


@pytest.mark.parametrize(
    "value",
    ["x", "b'a = 1'", "''", "' '", "f'{x}'", "None", "True", "x[0]", "'a = 1'.upper()", "'a' * 3",
     "['a'][1]", "{'a': 'b'}", "f(x)"],
)  # fmt: skip
def test_a_value_that_is_not_known_at_all_is_left_out(value: str) -> None:
    assert sent(value) == []


@pytest.mark.parametrize(
    ("before", "text"),
    [
        ("w = 'a = 1'", "a = 1"),
        ("w: str = 'a = 1'", "a = 1"),
        ("w = 'a = 1'\nw += ' and b'", "a = 1 and b"),
        ("w = 'a = 1'\nw = w + ' and b'", "a = 1 and b"),
        ("w = 'a = 1'\nw = f'{w} and b'", "a = 1 and b"),
        ("w, x = 'a = 1', 'b'", "a = 1"),
        ("c = 'a'\nw = c + ' = 1'", "a = 1"),
        ("c = 'a'\nw = f'b = 1 and {c}'", "b = 1 and a"),
        ("w = 'a = 1'\nif x: w += ' and b'", "a = 1 and b"),
        ("w = 'a = 1'\nif x: w += ' and b'\nelse: w += ' and c'", "a = 1_"),
        ("w = ''\nif x: w += 'a'\nw += ' and b'", "_ and b"),
        ("w = 'a = 1'\nfor x in xs: w += f' or a = {x}'", "a = 1_"),
        ("c = ['a = 1']\nif x: c.append(f'b = {x}')\nw = ' and '.join(c)", "a = 1 and b = _"),
        ("c = ['a = 1']\nc.extend(xs)\nw = ' and '.join(c)", "a = 1 and _"),
        ("c = {'w': 'a = 1'}\nw = c['w']", "a = 1"),
        ("class C:\n W = 'a = 1'\nw = C.W", "a = 1"),
        ("def f(): return 'a = 1'\nw = f()", "a = 1"),
    ],
)
def test_a_name_is_followed_to_what_it_is_assigned(before: str, text: str) -> None:
    assert sent("w", before) == [text]


@pytest.mark.parametrize(
    "before",
    ["w = None\nif x: w = 'a = 1'\nelse: w = 'b = 2'", "w = 'a = 1' if x else 'b = 2'",
     "w = x and 'a = 1' or 'b = 2'", "try: w = 'a = 1'\nexcept E: w = 'b = 2'",
     "match x:\n case 1: w = 'a = 1'\n case _: w = 'b = 2'",
     "w = {'x': 'a = 1', 'y': 'b = 2'}[x]", "c = {'x': 'a = 1', 'y': 'b = 2'}\nw = c.get(x)"],
)  # fmt: skip
def test_each_of_several_values_is_a_request(before: str) -> None:
    assert sorted(sent("w", before)) == ["a = 1", "b = 2"]


@pytest.mark.parametrize(
    "code",
    [
        "for w in ['a = 1', 'b = 2']: requests.get(API, params={'where': w})",
        "for n, w in [(1, 'a = 1'), (2, 'b = 2')]: requests.get(API, params={'where': w})",
        "q = {1: {'where': 'a = 1'}, 2: {'where': 'b = 2'}}; [f(params=p) for _, p in q.items()]",
        "q = {1: {'where': 'a = 1'}, 2: {'where': 'b = 2'}}; [f(params=p) for p in q.values()]",
        "requests.get(API, params=[('where', w) for w in ('a = 1', 'b = 2')])",
    ],
)
def test_a_loop_sends_each_item(code: str) -> None:
    assert texts(code) == [("where", "a = 1"), ("where", "b = 2")]
    assert all(call.certain for call in calls(START + code))


def test_a_query_string_is_read_where_it_is_sent() -> None:
    code = "requests.get(API, params=f'where=a > {x}&select=b,c&refine=a%3Ab')"
    assert texts(code) == [("where", "a > _"), ("select", "b,c")]


@pytest.mark.parametrize(
    "code",
    [
        "def __init__(self): self.w = 'a = 1'\n def f(self): f(params={'where': self.w})",
        "@property\n def p(self): return {'where': 'a = 1'}\n def f(self): f(params=self.p)",
        "p = {'where': 'a = 1'}\n def f(self): f(params=self.p)",
        "def g(self, w): f(params={'where': w})\n def f(self): self.g('a = 1')",
    ],
)
def test_attributes_of_an_object_are_followed(code: str) -> None:
    assert texts(f"class C:\n {code}") == [("where", "a = 1")]


def test_an_object_has_methods_of_its_own() -> None:
    """`get` of a client is no method of a dictionary."""
    code = "c = Client(limit=1)\nc.get(API, params={'where': 'a = 1'})"
    assert ("where", "a = 1") in texts(code)


def test_constants_that_are_named_like_parameters_are_a_guess() -> None:
    code = "SELECT = 'a, b'\nWHERE = 'a = 1'\nclass C:\n where = 'b = 2'\n limit = 3"
    found = [[argument.name for argument in one.arguments] for one in calls(START + code)]
    assert found == [["select", "where"], ["where", "limit"]]
    assert calls(START + "WHERE = 'a = 1'") == []


def test_what_a_loop_leaves_to_its_next_turn_is_unknown() -> None:
    code = "n = 0\nwhile True:\n requests.get(API, params={'where': 'a', 'offset': n})\n n += 100"
    assert texts(code) == [("where", "a")]


def test_branches_that_exclude_each_other_are_not_one_request() -> None:
    code = "p = {'limit': 1}\nif x: p['group_by'] = 'a'\nelse: p['order_by'] = 'b'\n"
    found = [
        [one.name for one in call.arguments]
        for call in calls(START + code + "requests.get(API, params=p)")
    ]
    assert found == [["limit", "group_by"], ["order_by"]]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("'https://a.b/api/explore/v2.1/catalog/datasets/trees/records'", ("trees", "records")),
        ("'https://a.b/api/explore/v2.1/catalog/datasets/trees/exports/csv'", ("trees", "exports")),
        ("f'{x}/catalog/datasets/trees/facets'", ("trees", "facets")),
        ("f'{x}/catalog/datasets/{y}/records'", (None, "records")),
        ("'https://a.b/api/explore/v2.1/catalog/datasets/{}/records'", (None, "records")),
        ("'https://a.b/api/explore/v2.1/catalog/datasets'", (None, "datasets")),
        ("x", (None, "records")),
    ],
)
def test_the_address_tells_the_dataset_and_the_endpoint(
    address: str, expected: tuple[str | None, str]
) -> None:
    (one,) = calls(f"{START}requests.get({address}, params={{'where': 'a'}})")
    assert (one.dataset_id, one.endpoint, one.certain) == (*expected, True)


@pytest.mark.parametrize(
    "address",
    ["'https://a.b/arcgis/query'", "f'https://a.b/users/{x}'", "'/users'",
     "'https://a.b/api/v2/catalog/datasets'"],
)  # fmt: skip
def test_what_is_sent_elsewhere_is_no_request(address: str) -> None:
    assert calls(f"{START}requests.get({address}, params={{'where': 'a = 1', 'limit': 3}})") == []


@pytest.mark.parametrize(
    ("code", "certain"),
    [
        ("requests.get(API, params={'where': 'a = 1'})", True),
        ("f(API, params={'where': 'a = 1'})", True),
        ("urlencode({'where': 'a = 1'})", True),
        ("q = {'where': 'a = 1'}", False),
        ("client.records(where='a = 1')", False),
        ("def f(w): requests.get(API, params={'where': w})\nf('a = 1')", True),
        ("def f(p): requests.get(API, params=p)\nf({'where': 'a = 1'})", True),
        ("def f(**p): requests.get(API, params=p)\nf(where='a = 1')", True),
        ("def f(u, **p): requests.get(u, **p)\nf(API, params={'where': 'a = 1'})", True),
        ("def f(w):\n g(w)\ndef g(v): requests.get(API, params={'where': v})\nf('a = 1')", True),
    ],
)
def test_what_is_handed_to_a_request_is_certain(code: str, certain: bool) -> None:
    (one,) = calls(START + code)
    assert one.certain is certain
    assert [argument.name for argument in one.arguments] == ["where"]


@pytest.mark.parametrize(
    "code",
    [
        "labels = {'where': 'place = town', 'select': 'a, b'}",
        "SQL = {'where': 'a = 1', 'select': 'a, b'}",
        "x = {'from': 'a', 'where': 'a = 1'}",
        "x = {'where': 'Where', 'select': 'Select'}",
        "x = {'where': 'a = 1', 'limit': 'unlimited'}",
        "x = {'limit': 10, 'offset': 20}",
        "x = {'fr': {'where': 'a, b', 'select': 'c, d'}}",
        "translations = {'x': {'where': 'a = b', 'select': 'c, d'}}",
        "pd.read_hdf('a', where='index > 5')",
        "cursor.execute('', {'where': 'a = 1'})",
        "pd.read_sql('', params={'where': 'a = 1'})",
        "requests.post(API, json={'where': 'a = 1'})",
        "'%(where)s' % {'where': 'a = 1'}",
        "def f(where='a = 1'): pass",
        "query.where('a = 1').order_by('b')",
        "x['where'] = 'a = 1'",
        "np.sum(x, where=x > 1)",
    ],
)
def test_what_only_looks_like_a_request_is_none(code: str) -> None:
    assert calls(START + code) == []


def test_a_file_that_does_not_lead_to_an_api_has_no_requests() -> None:
    assert calls("import requests\nrequests.get(API, params={'where': 'a = 1'})") == []


# ---------------------------------------------------------------- configured functions


@pytest.mark.parametrize(
    "code",
    [
        "from mypkg.portal import get_records\nget_records(where='a = 1')",
        "from mypkg.portal import get_records as g\ng(where='a = 1')",
        "import mypkg.portal\nmypkg.portal.get_records(where='a = 1')",
        "import mypkg.portal as p\np.get_records(where='a = 1')",
        "from mypkg import portal\nportal.get_records('x', where='a = 1')",
        "from .portal import get_records\nget_records(where='a = 1')",
        "from mypkg.portal import get_records\nget_records({'where': 'a = 1'})",
        "from mypkg.portal import get_records\nget_records(params={'where': 'a = 1'})",
        "from mypkg.portal import get_records\nq = {'where': 'a = 1'}\nget_records(**q)",
    ],
)
def test_a_configured_function_takes_the_parameters_of_a_request(code: str) -> None:
    (one,) = calls(code, callables=("mypkg.portal.get_records",))
    assert one.certain
    assert [argument.name for argument in one.arguments] == ["where"]
    assert calls(code) == []


def test_a_configured_method_is_known_by_its_name() -> None:
    (one,) = calls("x.load(where='a = 1')", callables=("mypkg.Portal.load",))
    assert one.certain


@pytest.mark.parametrize(
    "code", ["from other import get_records\nget_records(where='a')", "x.get_records(where='a')"]
)
def test_another_function_of_the_same_name_is_not_configured(code: str) -> None:
    assert calls(code, callables=("mypkg.portal.get_records",)) == []


# ---------------------------------------------------------------- in a file


def test_a_query_of_odsql_is_found_once() -> None:
    code = f"from odsql import Query\nURL = '{URL}'\nQuery(where='a = 1', select='b')"
    assert [pairs(one) for one in find(SourceFile("a.py", code))] == [
        [("where", "a = 1"), ("select", "b")]
    ]


def test_a_url_and_the_parameters_beside_it_are_found_once() -> None:
    code = f"requests.get('{URL}?where=a', params={{'select': 'b'}})"
    found = [pairs(one) for one in find(SourceFile("a.py", code))]
    assert found == [[("where", "a")], [("select", "b")]]


def test_every_character_is_where_it_is_written() -> None:
    code = START + "w = 'a = \\x31' + f' and {x}'\nrequests.get(API, params={'where': w})"
    (one,) = find(SourceFile("a.py", code))
    assert sources(one) == ["a = \\x31' + f' and {x}"]


def test_cells_of_a_notebook_share_their_names() -> None:
    cells = [START, "w = 'a = 1'", "%time\nrequests.get(API, params={'where': w})", "not python"]
    text = json.dumps({"cells": [{"source": one.splitlines(keepends=True)} for one in cells]})
    assert [pairs(one) for one in find(SourceFile("a.ipynb", text))] == [[("where", "a = 1")]]


@pytest.mark.parametrize("code", ["def f(:", "x = '", "\0", "f'{'", "x = {'where': " * 300])
def test_a_file_that_is_not_python_is_passed_over(code: str) -> None:
    assert calls(START + code + " where") == []


N = 10_000
HOSTILE = {
    "long": "requests.get(API, params={'where': '" + "a = 1 and " * 100_000 + "b'})",
    "long-constant": "w = '" + "a" * 100_000 + "'\n" + "f'{w}{w} where'\n" * N,
    "holes": "requests.get(API, params={'where': f'" + "{a} " * N + "'})",
    "sum": "requests.get(API, params={'where': " + " + ".join(["'a'"] * N) + "})",
    "growing": "w = ''\n" + "w += 'a'\n" * N + "requests.get(API, params={'where': w})",
    "doubling": "w = 'a'\n" + "w = w + w\n" * N + "requests.get(API, params={'where': w})",
    "doubled-lists": "w = ['a']\n" + "w = w + w\n" * 1000 + "requests.get(API, params=w)",
    "doubled-mappings": "w = {'where': 'a'}\n" + "w = {**w, **w}\n" * 1000,
    "spread": "p = {" + "'where': 'a'," * 5000 + "}\n" + "f(params={**p})\n" * 5000,
    "nested": "where = " + "(" * N + ")" * N,
    "nested-mappings": "x = " + "{'where': " * 150 + "'a'" + "}" * 150,
    "chained": "x = where" + ".a()" * 900,
    "elif": "if a: w = 'where'\n" + "elif b: w = 'x'\n" * 900,
    "ifs": "w = 'where'\n" + "if b: w += ' and a'\n" * N + "requests.get(API, params={'where': w})",
    "keys": "p = {}\n" + "p['where'] = 'a'\n" * N + "requests.get(API, params=p)",
    "sent": "p = {'where': 'a'}\n" + "requests.get(API, params=p)\n" * N,
    "functions": "".join(f"def f{i}(where): return f{i + 1}(where)\n" for i in range(3000)),
    "recursion": "def f(where): return f(where + 'a')\nf('where')",
    "directives": "requests.get(API, params={'where': '" + "%(" * N + "' % x})",
    "fields": "requests.get(API, params={'where': '" + "{" * N + "'.format(x)})",
    "one-line": "x = [" + "{'where': 'é = 1'}," * N + "]",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_any_file_is_read_in_bounded_time(name: str) -> None:
    """If time grew with the square of the size, this would exceed the time limit of the suite."""
    for one in calls(START + HOSTILE[name]):
        for argument in one.arguments:
            if argument.value is not None:
                assert list(argument.value.offsets) == sorted(argument.value.offsets)


# ---------------------------------------------------------------- programs without requests


_LEAD = "api/explore/v2.1"


def _installed() -> list[Path]:
    """Return the modules of the standard library and of the installed packages."""
    places = {sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")}
    return sorted({one for place in places for one in Path(place).rglob("*.py")})


def test_installed_programs_have_no_requests() -> None:
    """None of them is about an Explore API, whatever its dictionaries look like.

    Each of a sample is read as if it led to one, so that nothing but its code speaks against it.
    """
    files = _installed()
    assert len(files) > 1000
    # `where` of pyogrio is SQL of OGR, and reads the same.
    others = ("odsql", "explore_async", "pyogrio")
    for path in files[:: max(1, len(files) // 120)]:
        if any(one in path.parts for one in others):
            continue
        code = path.read_bytes().decode(errors="replace")
        found = list(find(SourceFile(path.as_posix(), f"{code}\n# {_LEAD} where\n")))
        assert found == [], path
