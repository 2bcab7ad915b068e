"""Where values of a program go: to a request, into a variable, or to something else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attrs import define, frozen

from odsql.sources.code_names import ENCODERS, PASSING, REQUESTS, is_query
from odsql.sources.code_pieces import text_of
from odsql.sources.code_urls import is_foreign

if TYPE_CHECKING:
    from odsql.sources.code_trees import Node
    from odsql.sources.code_values import Values

__all__ = ["Key", "Place", "Uses", "is_item", "looks_like_query", "split_target"]

Key = tuple[str, int, str]
"""What makes parameters one request: a kind of place, its offset or scope, and its name."""

_HIGHEST = 12
"""How many nodes above a value are looked at."""
_LONGEST_CHAIN = 120
_MOST_USES = 30
_LONGEST_NAME = 60
_LONGEST_ADDRESS = 2000
_ITEM = re.compile(r"""(?s)(.{0,200}?)\[\s*[:@]?["'`]?(\w{1,40})["'`]?\s*\](?:\[\])?\s*\Z""")
_MEMBER = re.compile(r"(?s)(.{1,200}?)\s*(?:\?\.|\.|->)\s*(\w{1,40})\Z")
_LAST_NAME = re.compile(r"(\w{1,60})\W*\Z")
_ORIGIN = re.compile(
    r"URLSearchParams|ParseQueryString|url\.Values|\.Query\(\)|HttpParams|QueryBuilder|searchParams"
)
_ADDRESSES = frozenset({"url", "uri", "baseURL", "base_url", "base_uri"})


@frozen
class Place:
    """Which request a parameter belongs to.

    It is `certain` if its parameters are handed to a request, and `foreign` if that is a request to
    something else.
    """

    key: Key
    certain: bool
    foreign: bool = False


@define
class _Way:
    """What is known of where a value goes; `target` is the variable that it is put in."""

    certain: bool = False
    foreign: bool = False
    target: Node | None = None
    inside: bool = False


def split_target(written: str) -> tuple[str, str] | None:
    """Return the owner and the name in `owner["name"]` or `owner.name`."""
    found = _ITEM.fullmatch(written) or _MEMBER.fullmatch(written)
    return (found[1].strip(), found[2]) if found else None


def is_item(written: str) -> bool:
    """Return whether a target is an item, not a member."""
    return _ITEM.fullmatch(written) is not None


class Uses:
    """Follows values of one program."""

    def __init__(self, values: Values) -> None:
        self.values = values
        self.program = values.program
        self.text = values.text
        self.language = values.language
        self._containers: dict[tuple[int, str], Place] = {}
        self._variables: dict[Key, _Way] = {}

    def key_of(self, node: Node | None, *, quoted: bool = False) -> str:
        """Return the name that a key is written with; an empty text if it is computed.

        A key that must be `quoted` is a string or a symbol.
        """
        if node is None:
            return ""
        if node.kind not in self.language.shorthand:
            node = self.program.bare(node)
        if node.kind in self.language.texts:
            pieces = self.values.pieces(node) if node.end - node.start <= _LONGEST_NAME else None
            return text_of(pieces) if pieces else ""
        if quoted and node.kind in self.language.calls and node.end - node.start <= _LONGEST_NAME:
            return text_of(self.values.pieces(node) or ())  # Rust: "where".to_string()
        written = self.text[node.start : min(node.end, node.start + _LONGEST_NAME)]
        if quoted and not written.startswith(":"):
            return ""
        name = written.removeprefix("r#").strip(":")
        return name if name.isidentifier() else ""

    def of_container(self, container: Node) -> Place:
        """Return which request the parameters in a list, an object or arguments belong to."""
        at = container.start, container.kind
        known = self._containers.get(at)
        if known is None:
            way = self._follow(container)
            key: Key = ("at", container.start, "")
            if way.target is not None and way.target.end - way.target.start <= _LONGEST_NAME:
                key = self._key(way.target)
                self._follow_variable(key, way.target, way)
            known = self._containers[at] = Place(key, way.certain, way.foreign)
        return known

    def of_owner(self, owner: Node) -> Place:
        """Return which request the parameters that are set on an object belong to."""
        root = self.root(owner)
        written = self.text[root.start : min(root.end, root.start + 100)]
        whole = self.text[owner.start : owner.end][-100:]
        certain = _ORIGIN.search(whole) is not None
        if root.kind in self.language.calls or written[:1].isupper():
            return Place(("at", root.start, ""), certain)
        return self.of_name(written, root, certain=certain or looks_like_query(whole))

    def of_name(self, name: str, node: Node, *, certain: bool) -> Place:
        """Return which request the parameters that are set on a variable belong to."""
        scope, values = self.program.home(name, node)
        for one in values:
            end = min(one.end, one.start + 200)
            certain = certain or _ORIGIN.search(self.text, one.start, end) is not None
        way = _Way(certain)
        key: Key = ("name", id(scope), name)
        self._follow_variable(key, node, way)
        return Place(key, way.certain, way.foreign)

    def root(self, node: Node) -> Node:
        """Return the object at the start of a chain of calls."""
        for _ in range(_LONGEST_CHAIN):
            node = self.program.bare(node)
            inner = self.program.receiver(node) if node.kind in self.language.calls else None
            if inner is None:
                break
            node = inner
        return node

    def _key(self, target: Node) -> Key:
        name = self.program.source(target)
        scope, _ = self.program.home(name, target)
        return "name", id(scope), name

    def _follow_variable(self, key: Key, name: Node, way: _Way) -> None:
        """Add to a way what is done with a variable anywhere."""
        found = self._variables.get(key)
        if found is None:
            found = self._variables[key] = _Way()
            scope, _ = self.program.home(key[2], name)
            uses = self.program.uses(key[2], scope)[:_MOST_USES]
            ways = [self._follow(one) for one in uses if one is not name]
            found.certain = any(one.certain and not one.foreign for one in ways)
            found.foreign = any(one.foreign for one in ways) and not found.certain
        way.certain = way.certain or found.certain
        way.foreign = way.foreign or found.foreign

    # ------------------------------------------------------------ upwards

    def _follow(self, node: Node) -> _Way:
        way = _Way()
        if node.kind in self.language.shorthand:
            way.certain = way.inside = is_query(self.key_of(node))
        going: Node | None = node
        if node.kind in self.language.arguments:
            going = self._past_arguments(way, node)
        for _ in range(_HIGHEST):
            if going is None or going.parent is None:
                break
            going = self._step(way, going, going.parent)
        return way

    def _step(self, way: _Way, node: Node, parent: Node) -> Node | None:
        """Look at one node above a value, and return the one to go on from."""
        language, kind = self.language, parent.kind
        if kind in language.functions:
            return None
        if self.program.is_pair(parent):
            return self._past_pair(way, node, parent)
        if kind in language.flat:
            key = parent.children[parent.children.index(node) - 1]
            way.certain = way.certain or is_query(self.key_of(key))
            return None
        if kind in language.assignments:
            self._into(way, node, parent)
            return None
        if kind in language.arguments:
            return self._past_arguments(way, parent)
        if kind in language.lists:
            return self._past_object(way, parent)
        if kind in language.members:
            return self._past_member(way, node, parent)
        if kind in language.texts or kind in language.sums:
            way.foreign = way.foreign or self._is_foreign(parent)
            return None
        if kind == "composite_literal" and "url.Values" in self.text[parent.start : node.start]:
            way.certain = True
        return parent

    def _past_pair(self, way: _Way, node: Node, pair: Node) -> Node | None:
        key = pair.child(self.language.pairs[pair.kind][0])
        if key is node:
            return None
        if is_query(self.key_of(key)):
            way.certain = way.inside = True
            return pair
        if pair.parent is not None and pair.parent.kind in self.language.arguments:
            return pair
        return None

    def _past_object(self, way: _Way, node: Node) -> Node | None:
        """Go on from an object that has the parameters under a key, perhaps beside the URL."""
        if not way.inside:
            return None
        for one in node.children[:20]:
            if self.program.is_pair(one):
                key, value = (one.child(each) for each in self.language.pairs[one.kind])
                if value is not None and self.key_of(key) in _ADDRESSES:
                    way.foreign = way.foreign or self._is_foreign(value)
        return node

    def _past_arguments(self, way: _Way, arguments: Node) -> Node | None:
        """Go on from a call that passes its arguments on."""
        call = self.program.call_of(arguments)
        if call is None:
            return None
        name = self.program.callee(call)
        if arguments.children and self._is_foreign(arguments.children[0]):
            way.foreign = True
        if name in ENCODERS:
            way.certain = True
            return call
        way.certain = way.certain or name in REQUESTS
        return call if name in PASSING and name not in REQUESTS else None

    def _past_member(self, way: _Way, node: Node, member: Node) -> Node | None:
        """Go on from a call of a method of a value."""
        call = member.parent
        if member.children[0] is not node:
            return member
        if call is None or call.kind not in self.language.calls:
            return None
        name = self.program.callee(call)
        if name in ENCODERS:
            way.certain = True
            return call
        return call if name in PASSING or name in ("toString", "to_s", "ToString") else None

    def _into(self, way: _Way, node: Node, assignment: Node) -> None:
        target = assignment.child(self.language.assignments[assignment.kind][0])
        if target is None or target is node:
            return
        variable = self.program.variable(target)
        if variable is not None:
            way.target = None if way.inside else variable
            return
        found = split_target(self.program.source(target)[-200:])
        way.certain = way.certain or (found is not None and is_query(found[1]))

    def _is_foreign(self, node: Node) -> bool:
        if node.end - node.start > _LONGEST_ADDRESS:
            return False
        pieces = self.values.pieces(node)
        return pieces is not None and is_foreign(text_of(pieces))


def looks_like_query(written: str) -> bool:
    """Return whether the last name of an expression is one for parameters."""
    name = _LAST_NAME.search(written)
    return name is not None and is_query(name[1])
