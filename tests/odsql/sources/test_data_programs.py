"""Requests in YAML and JSON: settings, collections of requests, recorded traffic."""

from __future__ import annotations

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odsql.sources import UnreadableError
from odsql.sources.data_programs import find_calls
from odsql.sources.model import SourceFile
from odsql.syntax.templates import HOLE
from tests.odsql.sources.support import URL, assert_true_places, pairs, places, read, sources

yaml = pytest.importorskip("yaml")

API = "https://portal.example/api/explore/v2.1"


def asked(name: str, text: str) -> list[tuple[bool, list[tuple[str, str | None]]]]:
    """Return the calls, certain or not, with their parameters; `*` is a hole."""
    return [
        (
            one.call.certain,
            [
                (each.name, None if each.value is None else each.value.text.replace(HOLE, "*"))
                for each in one.call.arguments
            ],
        )
        for one in find_calls(SourceFile(name, text), name.rpartition(".")[2])
    ]


@pytest.mark.parametrize("key", ["params", "query_params", "queryParameters", "request-parameters"])
def test_keys_under_params_are_certain(key: str) -> None:
    text = f"url: {API}\n{key}:\n  where: a > 3\n  groupBy: b\n"
    assert asked("a.yaml", text) == [(True, [("where", "a > 3"), ("group_by", "b")])]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"url: {URL}\nwhere: a b", [(True, [("where", "a b")])]),
        (f"text: see {URL}\nwhere: a b", []),
        (f"x: {API}\ny: {{where: a b, limit: 3}}", [(False, [("where", "a b"), ("limit", "3")])]),
        (f"x: {API}\ny: {{where: a b}}", []),
        (f"x: {API}\ny: {{where: a b, limit: many}}", []),
        (f"x: {API}\ny: {{params: {{where: a b}}}}", [(True, [("where", "a b")])]),
        (f"x: {API}\ny: {{url: 'https://other.example/', params: {{where: a b}}}}", []),
        (f"x: {{base_url: {API}}}\ny: {{params: {{where: a b}}}}", [(True, [("where", "a b")])]),
    ],
)
def test_the_nearest_url_decides(
    text: str, expected: list[tuple[bool, list[tuple[str, str | None]]]]
) -> None:
    assert asked("a.yaml", text) == expected


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("a > {{ x }}", "a > *"),
        ("a > {{ states('sensor.x') | float }} and b", "a > * and b"),
        ("a > ${x}", "a > *"),
        ("a > ${{ inputs.x }}", "a > *"),
        ("a > %{x}", "a > *"),
        ("a > #{x}", "a > *"),
        ("a > {x}", "a > *"),
        ("a > <%= x %>", "a > *"),
        ("a > $(X)", "a > *"),
        ("a > $X", "a > *"),
        ("{% if x %}a > 3{% endif %}", "*a > 3*"),
        ("{{ x }}", None),
        ("a = 'x%'", "a = 'x%'"),
        ('within(a, geom\'{"type": "Point"}\')', 'within(a, geom\'{"type": "Point"}\')'),
    ],
)
def test_templates_are_holes(written: str, read_as: str | None) -> None:
    text = json.dumps({"url": API, "params": {"where": written, "limit": 3}})
    assert asked("a.json", text) == [(True, [("where", read_as), ("limit", "3")])]
    assert asked("a.yaml", text) == [(True, [("where", read_as), ("limit", "3")])]


def test_a_list_is_several_parameters_or_one() -> None:
    text = f"url: {API}\nparams:\n  select: [a, 'b']\n  refine: ['a:b', 'c:d']\n  order_by: []\n"
    assert asked("a.yaml", text) == [
        (True, [("select", "a, b"), ("refine", "a:b"), ("refine", "c:d")])
    ]


def test_what_is_null_or_nested_is_unknown() -> None:
    text = f'{{"url": "{API}", "params": {{"where": {{"a": 1}}, "select": null, "limit": 3}}}}'
    assert asked("a.json", text) == [(True, [("where", None), ("limit", "3")])]


@pytest.mark.parametrize(
    "text",
    [
        f'{{"url": "{URL}?where=a > 3", "params": [{{"name": "where", "value": "a > 3"}}]}}',
        (f'{{"url": "{URL}?where=a%20%3E%203", '
        '"queryString": [{"name": "where", "value": "a%20%3E+3"}]}'),
        (f'{{"url": {{"raw": "{URL}?where=a > 3", '
        '"query": [{"key": "where", "value": "a > 3"}]}}'),
    ],
)  # fmt: skip
def test_a_url_beside_its_parameters_is_not_reported_twice(text: str) -> None:
    (found,) = read("a.json", text)
    assert pairs(found) == [("where", "a > 3")]
    assert found.offsets[0][0] > text.index("value")


def test_a_url_with_more_than_the_list_beside_it_is_reported() -> None:
    listed = '[{"name": "where", "value": "a > 3"}]'
    text = f'{{"url": "{URL}?where=a > 3&limit=3", "params": {listed}}}'
    assert [pairs(one) for one in read("a.json", text)] == [
        [("where", "a > 3"), ("limit", "3")],
        [("where", "a > 3")],
    ]


@pytest.mark.parametrize("off", ['"disabled": true', '"enabled": false', '"in": "header"'])
def test_a_parameter_that_is_not_sent_is_left_out(off: str) -> None:
    listed = f'[{{"name": "where", "value": "a b", {off}}}, {{"name": "limit", "value": "3"}}]'
    text = f'{{"url": "{API}", "parameters": {listed}}}'
    assert asked("a.json", text) == [(True, [("limit", "3")])]


def test_examples_of_an_api_description_are_guesses() -> None:
    listed = '[{"name": "where", "in": "query", "schema": {"example": "a > 3"}}]'
    text = f'{{"servers": [{{"url": "{API}"}}], "parameters": {listed}}}'
    assert asked("a.json", text) == [(False, [("where", "a > 3")])]


def test_the_dataset_is_that_of_the_url_or_the_key() -> None:
    text = f"a:\n  url: {URL}\n  params: {{where: a}}\nb:\n  params: {{dataset: x, where: a}}"
    calls = [one.call for one in find_calls(SourceFile("a.yaml", f"{text}\nc: {API}"), "yaml")]
    assert [one.dataset_id for one in calls] == ["cities", "x"]


def test_named_queries_are_read_once() -> None:
    text = f"# {API}\nqueries:\n  a:\n    dataset: x\n    where: a > 3\n    limit: 3\n"
    (found,) = read("a.yaml", text)
    assert found.name == "a"


@given(st.text(st.characters(codec="utf-8", exclude_characters="{}%#$<>()"), min_size=1))
def test_every_character_of_json_has_its_place(text: str) -> None:
    value = f"a{text}"
    (found,) = read("a.json", json.dumps({"url": API, "params": {"where": value}}))
    assert pairs(found) == [("where", value)]
    assert_true_places(found, 0, lambda one: str(json.loads(f'"{one}"')))


def test_a_block_of_yaml_has_its_places() -> None:
    (found,) = read("a.yaml", f"url: {API}\nparams:\n  where: >-\n    a > 3\n    and b\n")
    assert pairs(found) == [("where", "a > 3 and b")]
    assert places(found) == [(4, 5)]
    assert sources(found) == ["a > 3\n    and b"]


def test_comments_and_trailing_commas_are_read() -> None:
    text = f"// x\n{{/* y */ url: '{API}', params: {{where: 'a > 3', }}, }}"
    assert asked("a.json5", text) == [(True, [("where", "a > 3")])]


def test_aliases_and_merged_mappings_are_followed() -> None:
    text = f"x: &x {{where: a > 3}}\ny: {{url: {API}, params: {{<<: *x, limit: 3}}}}\n"
    assert (True, [("limit", "3"), ("where", "a > 3")]) in asked("a.yaml", text)


def test_a_file_needs_a_way_to_an_api() -> None:
    assert read("a.yaml", "params:\n  where: a b\n") == []


def test_yaml_needs_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(UnreadableError, match=r"install explore-async\[yaml\]"):
        read("a.yaml", f"url: {API}\nparams: {{where: a}}")
    assert read("a.yaml", f"url: {API}\n") == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yaml", f"url: {API}\nparams:\n  where: a\n {{% if x %}}\n"),
        ("a.yaml", f"url: {API}\nwhere: " + "[" * 10_000),
        ("a.json", f'{{"url": "{API}", "params": {{"where": '),
        ("a.json", f'{{"url": "{API}", "where": ' + '{"a": [' * 10_000),
        ("a.json", f'{{"url": "{API}", "where": "a'),
        ("a.json", ""),
        ("a.yaml", f"url: {API}\nwhere:\na: &a\n  - *a\n  - &b {{<<: *b, params: *a}}\n"),
    ],
)
def test_what_cannot_be_read_is_passed_over(name: str, text: str) -> None:
    assert read(name, text) == []


@pytest.mark.parametrize("name", ["a.json", "a.yaml"])
@pytest.mark.parametrize(
    "unit",
    [
        '{"params": ', "[", '{"where": "a", "limit": 1},', '{"name": "where", "value": "a"},', '"',
        "{{", "{%", "${", "\\", "where: a\n", "params: {where: a}\n", "- *a\n", "<<: *a\n", "/*",
        "//",
        '"where": "a > {{ x }}",', f'{{"url": "{URL}?where=a", "params": {{"where": "a"}}}},',
    ],
)  # fmt: skip
def test_time_grows_with_the_size(name: str, unit: str) -> None:
    """If it grew with the square of the size, this would exceed the time limit of the suite."""
    for start in (f"where: {API}\n", f'{{"url": "{API}", "where": "b", "params": ['):
        list(read(name, start + unit * (60_000 // len(unit))))


def test_a_value_with_many_holes_is_read() -> None:
    text = json.dumps({"url": API, "params": {"where": "{{ x }} or " * 10_000 + "a"}})
    assert asked("a.json", text) == [(True, [("where", "* or " * 10_000 + "a")])]
