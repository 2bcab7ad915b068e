"""YAML files of named queries: values as PyYAML reads them, with their positions in the file."""

from __future__ import annotations

import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from odsql.sources import UnreadableError
from tests.odsql.sources.support import (
    URL,
    any_text,
    assert_true_places,
    pairs,
    places,
    read,
    sources,
)

yaml = pytest.importorskip("yaml")

words = st.lists(
    st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=6),
    min_size=1, max_size=6,
)  # fmt: skip


@given(any_text)
@example("\\")  # the escape begins as its own value does
def test_double_quoted(text: str) -> None:
    """Unprintable characters are written as numeric escapes."""
    written = "".join(
        one if one.isprintable() and one not in '"\\' else f"\\U{ord(one):08x}" for one in text
    )
    (found,) = read("a.yaml", f'é: 1\nqueries:\n  - where: "{written}"\n    limit: 3\n')
    assert pairs(found) == [("where", text), ("limit", "3")]
    assert_true_places(found, 0, lambda one: str(yaml.safe_load(f'"{one}"')))


@given(any_text.filter(str.isprintable))
def test_single_quoted(text: str) -> None:
    """Two single quotes encode one character."""
    written = text.replace("'", "''")
    (found,) = read("a.yml", f"queries:\n  a:\n    where: '{written}'")
    assert pairs(found) == [("where", text)]
    assert_true_places(found, 0, lambda one: one.replace("''", "'"))


@pytest.mark.parametrize("style", ["|", "|-", "|+", ">", ">-", "", '"', "'"])
@given(words, st.integers(1, 4), st.integers(0, 2))
def test_several_lines(style: str, lines: list[str], indent: int, blank: int) -> None:
    """Positions are correct in literal and folded blocks and in plain and quoted scalars."""
    margin = " " * (4 + indent)
    between = "\n" * (1 + blank) + margin
    quoted = style in ("", '"', "'")
    body = (style if quoted else style + "\n" + margin) + "a " + between.join(lines)
    text = f"queries:\n  a:\n    where: {body}{style if quoted else ''}\n    limit: 3\n"
    (found,) = read("a.yaml", text)
    expected = yaml.safe_load(text)["queries"]["a"]["where"]
    assert pairs(found) == [("where", expected), ("limit", "3")]
    for one, place in zip(expected, found.offsets[0], strict=False):
        assert one == text[place] or one in " \n"
        assert one.isspace() == text[place].isspace()
    assert sources(found)[1] == "3"


def test_names_datasets_and_lists() -> None:
    """Merged defaults and aliases are followed, and an empty value is no parameter."""
    one, other = read(
        "a.yaml",
        "base: &base {dataset: d, limit: 5}\n"
        "queries:\n"
        "  first:\n    <<: *base\n    endpoint: exports\n    select: [a, b]\n    where: null\n"
        "  second: {dataset: e, where: x > 1}\n",
    )
    assert (one.name, one.request.dataset_id, one.request.endpoint) == ("first", "d", "exports")
    assert pairs(one) == [("select", "a"), ("select", "b"), ("limit", "5")]
    assert places(one) == [(6, 14), (6, 17), (1, 33)]
    assert (other.name, other.request.dataset_id) == ("second", "e")


@pytest.mark.parametrize(
    "before",
    ["&w ", "!!str ", "! ", "!<tag:yaml.org,2002:str> ", "&w !!str ", "!!str &w\n      ",
     "&w # why\n      "],
)  # fmt: skip
@pytest.mark.parametrize(
    "style", ["a > 1", "'a > 1'", '"a > 1"', "|-\n     a > 1", ">\n     a > 1"]
)
def test_anchors_and_tags_are_no_part_of_a_text(before: str, style: str) -> None:
    """The scalar begins after them."""
    (found,) = read("a.yaml", f"queries:\n  a:\n    where: {before}{style}\n")
    assert pairs(found)[0][1].strip() == "a > 1"
    assert sources(found)[0].strip() == "a > 1"


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\nqueries:\n  a: {where: x}\nb: 2\n",
        "a: 'it''s'\n# don't\nqueries:\n- where: x\n\n# c\nb: 2\n",
        'a: "\nqueries: {where: y}"\nb: {queries: {a: {where: z}}}\nqueries: [\n{where: x}\n]\n',
        "a: |\n  queries:\n    b: {where: y}\nqueries:\n  a: {where: x}\n",
        "a: &a x\nqueries:\n  a: {where: *a}\n",
        "a: 1\n---\nqueries:\n  a: {where: x}\n...\n",
        "a: 1\r\nqueries:\r\n  a: {where: x}\r\nb: 2\r\n",
        "a: {{ jinja }}\nqueries:\n  a: {where: x}\n",
    ],
)
def test_queries_are_found_wherever_they_stand(text: str) -> None:
    """Other keys around them are not parsed, so they may even be broken."""
    (found,) = read("a.yaml", text)
    assert pairs(found) == [("where", "x")]
    assert sources(found) == ["x"]


@pytest.mark.parametrize(
    "text",
    [
        "queries:\n  - uses: security-extended\n",
        "queries: [1, 2]\n",
        "queries: x\n",
        "x: {queries: 1}\n",
    ],
)
def test_files_of_others_are_passed_over(text: str) -> None:
    """Many programs use the key `queries`."""
    assert read("a.yaml", text) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("queries:\n - where: 'x\n", "is not valid YAML at line"),
        ("queries:\n - where: " + "[" * 500, "nested too deeply"),
        ("queries:\n - {where: x, select: {a: b}}\n", "a value in select"),
        ("queries:\n - {where: x, endpoint: y}\n", "an unknown endpoint"),
        ("a: &a [" + "x," * 2000 + "]\nqueries:\n" + " - {where: *a}\n" * 2000,
         "more than 100,000"),
        ("queries:\n - &a {where: x, <<: [*a, *a, *a]}\n", "more than 100,000"),
    ],
)  # fmt: skip
def test_broken_files_are_unreadable(text: str, message: str) -> None:
    """The error is raised quickly, however much their aliases expand to."""
    with pytest.raises(UnreadableError, match=message):
        read("a.yaml", text)


def test_a_query_under_two_names_is_one() -> None:
    """It is written once, so its findings are reported once."""
    (found,) = read("a.yaml", "queries:\n  a: &q {where: x}\n  b: *q\n")
    assert (found.name, pairs(found)) == ("a", [("where", "x")])


def test_cycles_end() -> None:
    """A list that contains itself is not a string."""
    with pytest.raises(UnreadableError, match="a value in where"):
        read("a.yaml", "queries:\n - where: &a [x, *a]\n")


def test_without_pyyaml_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Explore URLs in YAML files are found even without PyYAML."""
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(UnreadableError, match=r"explore-async\[yaml\]"):
        read("a.yaml", "queries:\n - where: x\n")
    (found,) = read("a.yaml", f"url: {URL}?limit=3\n")
    assert pairs(found) == [("limit", "3")]


def test_no_tag_makes_an_object() -> None:
    """Tags are ignored."""
    (found,) = read("a.yaml", "queries:\n - where: !!python/object/apply:os.system ['x']\n")
    assert pairs(found) == [("where", "x")]
