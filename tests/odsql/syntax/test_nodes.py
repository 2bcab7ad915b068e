"""The tree: positions, equality, walking and rewriting."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given

from odsql import nodes, parse_where, render
from odsql.nodes import children, rewrite, walk
from tests.odsql import strategies

TEXT = "(a > 10 AND  b like 'x') or not year(c) = 2024"


def test_every_parsed_node_knows_its_place() -> None:
    """`text[start:end]` is the text that the node was read from."""
    places = {
        type(node).__name__: TEXT[slice(*node.span)]
        for node in walk(parse_where(TEXT))
        if node.span is not None
    }
    assert places == {
        "Where": TEXT,
        "Or": TEXT,
        "And": "a > 10 AND  b like 'x'",
        "Like": "b like 'x'",
        "Text": "'x'",
        "Not": "not year(c) = 2024",
        "Comparison": "year(c) = 2024",
        "Call": "year(c)",
        "Field": "c",
        "Number": "2024",
    }


def test_the_place_takes_no_part_in_equality() -> None:
    """Neither do spelling and white space."""
    spaced, dense = parse_where("a = 'x'  AND b"), parse_where('a="x" and b')
    assert spaced == dense
    assert hash(spaced) == hash(dense)


def test_built_nodes_have_no_place() -> None:
    """They were not read from a text."""
    assert nodes.Field("a").span is None


def test_nodes_are_frozen_and_have_no_other_attributes() -> None:
    """So trees can be shared safely."""
    node = nodes.Field("a")
    with pytest.raises(AttributeError):
        node.name = "b"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        node.other = 1  # type: ignore[attr-defined]


def test_trees_survive_pickling_with_their_places() -> None:
    """Worker processes receive the whole tree."""
    tree = parse_where(TEXT)
    copied = pickle.loads(pickle.dumps(tree))
    assert copied == tree
    assert copied.span == tree.span


def test_nested_chains_are_flat() -> None:
    """AND and OR are associative, and arithmetic is read from left to right."""
    a, b, c = (nodes.Field(name) for name in "abc")
    assert nodes.And((nodes.And((a, b)), c)) == nodes.And((a, b, c))
    assert nodes.Or((a, nodes.Or((b, c)))) == nodes.Or((a, b, c))
    left = nodes.Arithmetic((a, b), ("-",))
    assert nodes.Arithmetic((left, c), ("+",)) == nodes.Arithmetic((a, b, c), ("-", "+"))
    assert len(nodes.Arithmetic((left, c), ("*",)).operands) == 2


@pytest.mark.parametrize(
    ("text", "legacy"),
    [
        ("distance(f, geom'POINT(1 2)', 1km)", True),
        ("polygon(f, geom'POINT(1 2)')", True),
        ("geometry(f, geom'POINT(1 2)', WITHIN)", True),
        ("within_distance(f, geom'POINT(1 2)', 1km)", False),
        ("a = 1", False),
    ],
)
def test_older_spellings_are_marked(text: str, legacy: bool) -> None:
    """They still work, but a checker may suggest the current spelling."""
    condition = parse_where(text).condition
    assert condition is not None
    assert condition.legacy is legacy


def test_a_tree_can_be_rewritten() -> None:
    """Children come first, and untouched nodes are shared."""
    tree = parse_where("a = 1 AND lower(a) = 'x' AND b")

    def rename(node: nodes.Node) -> nodes.Node:
        return nodes.Field("z") if node == nodes.Field("a") else node

    changed = rewrite(tree, rename)
    assert render(changed) == 'z = 1 AND lower(z) = "x" AND b'
    assert isinstance(tree.condition, nodes.And)
    assert isinstance(changed.condition, nodes.And)
    assert changed.condition.operands[2] is tree.condition.operands[2]


@given(tree=strategies.conditions)
def test_rewriting_without_a_change_returns_the_same_tree(tree: nodes.Node) -> None:
    """The result is the same object, not only an equal one."""
    assert rewrite(tree, lambda node: node) is tree


def test_children_come_in_the_order_of_the_text() -> None:
    """Only direct children are returned."""
    (comparison,) = children(parse_where("a + 1 > b"))
    assert [render(child) for child in children(comparison)] == ["a + 1", "b"]
