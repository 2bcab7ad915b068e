"""TOML files of named queries."""

from __future__ import annotations

import pytest

from odsql.sources import UnreadableError
from tests.odsql.sources.support import pairs, places, read, sources


def test_tables_by_name() -> None:
    """Each has its dataset and endpoint; keys that only describe it are not parameters."""
    one, other = read(
        "a.toml",
        "[tool.x]\na = 1\n\n"
        '[queries.big]\ndataset = "d"\nendpoint = "exports"\ndescription = "x"\n'
        "where = 'a > 1'\nselect = ['a', \"b\"] # c\nlimit = 10\n"
        '[queries."b.c"]\noder_by = "a"\n',
    )
    assert (one.name, one.request.dataset_id, one.request.endpoint) == ("big", "d", "exports")
    assert pairs(one) == [("where", "a > 1"), ("select", "a"), ("select", "b"), ("limit", "10")]
    assert places(one) == [(8, 10), (9, 12), (9, 17), (10, 9)]
    assert other.name == "b.c"
    assert pairs(other) == [("oder_by", "a")]
    assert one.skipped == frozenset()


@pytest.mark.parametrize(
    "text",
    [
        '[[queries]]\nname = "n"\nwhere = "a"\n[[queries]]\nwhere = "b"\n',
        'queries = [{name = "n", where = "a"}, {where = "b"}]',
        'queries = {n.where = "a", m = {where = "b"}}',
        'queries.n.where = "a"\nqueries.m.where = "b"',
        '[queries]\nn = {where = "a"}\nm.where = "b"',
        '["queries".n]\n"where" = """\\\n   a"""\n[queries.m]\nwhere = \'\'\'\r\nb\'\'\'',
    ],
)
def test_every_way_to_write_tables(text: str) -> None:
    """Tables may be dotted, inline or in a list; every value has its position."""
    one, other = read("a.toml", text)
    assert one.name == "n"
    assert [pairs(one), pairs(other)] == [[("where", "a")], [("where", "b")]]
    assert sources(one)[0].endswith("a")
    assert sources(other) == ["b"]


@pytest.mark.parametrize(
    "key",
    ["name", "title", "description", "comment", "portal", "url", "tags", "id", "x-note", "_note"],
)
def test_a_key_that_only_describes_a_query_is_no_parameter(key: str) -> None:
    """Whatever its value is."""
    for value in ("'y'", "['y']"):
        (found,) = read("a.toml", f"queries = {{a = {{where = 'x', {key} = {value}}}}}")
        assert pairs(found) == [("where", "x")]


@pytest.mark.parametrize(
    ("keys", "dataset_id"),
    [
        ("dataset = 'd'", "d"),
        ("dataset_id = 'd'", "d"),
        ("dataset = ['d']", "d"),
        ("dataset = ['d', 'e']", None),
        ("title = 'd'", None),
    ],
)
def test_a_query_is_for_one_dataset_or_for_any(keys: str, dataset_id: str | None) -> None:
    """Of two datasets neither is the one."""
    (found,) = read("a.toml", f"queries = {{a = {{{keys}, where = 'x'}}}}")
    assert (found.name, found.request.dataset_id) == ("a", dataset_id)


def test_a_file_is_one_of_queries_if_one_of_them_has_a_clause_or_a_dataset() -> None:
    """The other may have misspelt it."""
    for key in ("dataset", "dataset_id"):
        (only,) = read("a.toml", f"[queries.a]\n{key} = 'd'\nlimit = 5")
        assert pairs(only) == [("limit", "5")]
    found = read("a.toml", "[queries.a]\nwere = 'x'\n[queries.b]\nwhere = 'y'")
    assert [pairs(one) for one in found] == [[("were", "x")], [("where", "y")]]
    assert read("a.toml", "[queries.a]\nwere = 'x'\n[queries.b]\nlimit = 5") == []


def test_the_name_of_a_query_in_a_list_is_a_key_of_it() -> None:
    """Or it has none."""
    text = "[[queries]]\nname = 'n'\nwhere = 'x'\n[[queries]]\nwhere = 'y'"
    assert [one.name for one in read("a.toml", text)] == ["n", None]


@pytest.mark.parametrize("text", ["[queries]\nx = 1", "queries = 1", "[tool.queries.a]\nwhere='a'"])
def test_files_of_others_are_passed_over(text: str) -> None:
    """Many programs use the key `queries`."""
    assert read("a.toml", text) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[queries.a]\nwhere = ", "is not valid TOML"),
        ("[queries.a]\nwhere = 'x\n", "is not valid TOML"),
        ("queries = " + "[" * 100_000, "nested too deeply"),
        ("queries." + "a." * 100_000 + "b = 1", "nested too deeply"),
        ("[queries.a]\nwhere = 'x'\n[queries.a.b]\nc = 1\n", "'a' on line 1 has a value in b"),
        ("[queries.a]\nwhere = 'x'\nendpoint = 'y'\n",
         "the query 'a' on line 1 has an unknown endpoint; the endpoints are datasets, records, "),
        ("[[queries]]\nwhere = 'x'\nendpoint = 'y'\n", "the query on line 1 has an unknown"),
        ("[queries.a]\nselect = ['x', {b = 1}]",
         "'a' on line 1 has a value in select that is neither a string nor a number"),
        ("[queries.a]\nwhere = 'x'\n" + "#" * 5_000_000, "too large"),
    ],
)  # fmt: skip
def test_broken_files_are_unreadable(text: str, message: str) -> None:
    """The error is raised quickly, with a message of one sentence."""
    with pytest.raises(UnreadableError, match=message):
        read("a.toml", text)


def test_what_is_right_in_a_wrong_file_is_found_first() -> None:
    """The error is raised after the valid queries have been yielded."""
    from odsql.sources import SourceFile, find

    requests = find(SourceFile("a.toml", "queries.x = 1\nqueries.a.where = 'b'"))
    assert pairs(next(requests)) == [("where", "b")]
    with pytest.raises(UnreadableError, match="'x' is not a table"):
        next(requests)


def test_a_query_with_an_unknown_endpoint_is_not_checked() -> None:
    """What is allowed depends on the endpoint."""
    from odsql.sources import SourceFile, find

    text = "[queries.a]\nwhere = 'x'\nendpoint = 'y'\n[queries.b]\nwhere = 'z'"
    requests = find(SourceFile("a.toml", text))
    assert pairs(next(requests)) == [("where", "z")]
    with pytest.raises(UnreadableError, match=r"catalog_facets, catalog_exports$"):
        next(requests)
