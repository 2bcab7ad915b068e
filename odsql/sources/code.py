"""Requests in programs that tree-sitter reads: JavaScript, Go, Java, PHP, shell and others.

The table in `code_languages` says what the nodes of a grammar stand for. This module knows what
programs do with parameters, which is alike in all of them: they write a key with its value, call a
method with a name and a value, assign to an item or a member, or compose a URL. Parameters that go
to the same place make one request.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from attrs import evolve

from odsql.sources.code_languages import LANGUAGES
from odsql.sources.code_names import (
    PAIRS,
    adds_parameter,
    may_add,
    may_be_meant,
)  # fmt: skip
from odsql.sources.code_pieces import Pieces, cut, hole, text_of
from odsql.sources.code_program import Program
from odsql.sources.code_requests import Requests, counts
from odsql.sources.code_trees import installed, parsed
from odsql.sources.code_urls import Target, arguments_in_url, decoded, is_written, target_of
from odsql.sources.code_uses import Key, Place, Uses, is_item, looks_like_query, split_target
from odsql.sources.code_values import Values
from odsql.sources.programs import Call, may_have_requests, parameter_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from odsql.sources.code_languages import Language
    from odsql.sources.code_pieces import Piece
    from odsql.sources.code_trees import Node
    from odsql.sources.model import SourceFile

__all__ = ["find_code", "is_code", "lacks_grammar", "suffix_of"]

_COMPOSED = re.compile(r"[?&]|explore|/records|/exports|/facets")
_CLIENT = "@opendatasoft/api-client"
_CATALOG = re.compile(r"\bfrom(?:Catalog|Monitoring)\s*\(")
_DATASET = re.compile(r"""\.dataset\(\s*["'`]([\w.@-]+)["'`]\s*\)""")
_OPERATION = re.compile(r"\.(records|facets|exports?|datasets|aggregates)\(")
_INTERPRETER = re.compile(
    r"#![^\n]{0,100}?\b(bash|zsh|ksh|dash|sh|node|deno|bun|php|ruby|kotlin|swift)\b"
)
_INTERPRETERS = {
    "bash": "sh", "zsh": "sh", "ksh": "sh", "dash": "sh", "sh": "sh", "node": "js", "deno": "ts",
    "bun": "ts", "php": "php", "ruby": "rb", "kotlin": "kts", "swift": "swift",
}  # fmt: skip
_PAGES = frozenset({"html", "htm", "vue", "svelte", "astro"})
_SCRIPT = re.compile(r"<script\b[^<>]{0,500}>", re.IGNORECASE)
_TYPED = re.compile(r"lang=[\"']?tsx?\b")
_NOT_BLANK = re.compile(r"[^\r\n]")
_HIGHEST = 12
_MOST_ITEMS = 100
_MOST_TOKENS = 20
_LONGEST_CHAIN = 3000
_DATA = frozenset({"--data-urlencode", "--url-query"})
_CURL_DATA = re.compile(r"--data(?:-raw|-ascii|-binary)?|-[a-zA-Z]*d")
_PROGRAMS = frozenset({"http", "https", "xh", "xhs"})

Alternatives = list[Pieces]


def suffix_of(name: str, text: str) -> str:
    """Return the ending of the name of a program; scripts without one name their interpreter."""
    if "." in name or not text.startswith("#!"):
        return name.rpartition(".")[2].lower()
    found = _INTERPRETER.match(text)
    return _INTERPRETERS[found[1]] if found else ""


def is_code(suffix: str) -> bool:
    """Return whether files with an ending are read here."""
    return suffix in LANGUAGES or suffix in _PAGES


def lacks_grammar(file: SourceFile) -> bool:
    """Return whether the language of a program cannot be read without the extra `code`."""
    suffix = suffix_of(file.path.rpartition("/")[2], file.text)
    language = LANGUAGES.get("js" if suffix in _PAGES else suffix)
    return language is not None and not installed(language)


def find_code(file: SourceFile, suffix: str) -> Iterator[Call]:
    """Yield what a program, or the scripts in a page, hand to requests, in order."""
    if not may_have_requests(file):
        return
    text = file.text
    if suffix in _PAGES:
        text, suffix = _scripts(text)
    language = LANGUAGES.get(suffix)
    if language is None or not installed(language):
        return
    nodes = parsed(text, language)
    if nodes is not None:
        yield from _Finder(text, language, nodes).calls(nodes)


def _scripts(page: str) -> tuple[str, str]:
    """Return a page with blanks for all that is no script, and the language of its scripts."""
    typed = False
    pieces: list[str] = []
    place = 0
    for opening in _SCRIPT.finditer(page):
        if opening.start() < place:
            continue
        end = page.find("</script", opening.end())
        end = end if end >= 0 else len(page)
        typed = typed or _TYPED.search(opening[0]) is not None
        pieces += _NOT_BLANK.sub(" ", page[place : opening.end()]), page[opening.end() : end]
        place = end
    if not pieces:
        return "", ""
    pieces.append(_NOT_BLANK.sub(" ", page[place:]))
    return "".join(pieces), "ts" if typed else "js"


class _Finder:
    """Finds the requests of one program."""

    def __init__(self, text: str, language: Language, nodes: Sequence[Node]) -> None:
        self.text = text
        self.language = language
        self.program = Program(text, language, nodes)
        self.values = Values(self.program)
        self.uses = Uses(self.values)
        self.requests = Requests(self.program)
        self.composed: list[Call] = []
        self.client = _CLIENT in text

    def calls(self, nodes: Sequence[Node]) -> list[Call]:
        """Return the requests in the nodes of the program."""
        for node in nodes:
            self._look(node)
            if self._is_text(node) and not self._is_part(node):
                self._url(node)
        return self.requests.calls(self.composed)

    def _look(self, node: Node) -> None:
        language, kind = self.language, node.kind
        if kind in language.commands:
            self._command(node)
            return
        if kind in language.pairs and self.program.is_pair(node):
            key, value = language.pairs[kind]
            self._pair(node, node.child(key), node.child(value))
        elif kind in language.shorthand:
            self._pair(node, node, node.children[0] if node.children else node)
        elif kind in language.flat:
            for first, second in zip(node.children[::2], node.children[1::2], strict=False):
                self._pair(node, first, second, container=node)
        if kind in language.lists and (pair := self._two(node)):
            self._pair(node, *pair, quoted=True)
        if kind in language.calls:
            self._call(node)
        elif kind in language.assignments:
            self._assignment(node)

    def _two(self, node: Node) -> Sequence[Node]:
        """Return the items of a list of two; the macros of Rust have tokens instead of items."""
        children = node.children
        if node.kind != "token_tree" or not 2 < len(children) < _MOST_TOKENS:
            return children if len(children) == 2 else ()
        gaps = pairwise(children)
        second = [right for left, right in gaps if "," in self.text[left.end : right.start]]
        return (children[0], second[0]) if len(second) == 1 else ()

    # ------------------------------------------------------------ keys and values

    def _parameter(self, node: Node | None, *, quoted: bool = False) -> str | None:
        return _parameter(self.uses.key_of(node, quoted=quoted))

    def _pair(
        self, node: Node, key: Node | None, value: Node | None,
        *, container: Node | None = None, quoted: bool = False,
    ) -> None:  # fmt: skip
        """Read a key with its value, or a list of the two."""
        if value is None:
            return
        if container is None:
            container = self._container(node)
        if container is None:
            return
        name = self._parameter(key, quoted=quoted)
        if name is None:
            if not may_be_meant(self.uses.key_of(key, quoted=quoted)):
                self.requests.spoil(self.uses.of_container(container), container.start)
            return
        self._add(self.uses.of_container(container), container.start, name, value, node)

    def _container(self, node: Node) -> Node | None:
        parent = node.parent
        for _ in range(_HIGHEST):
            if parent is None:
                return None
            if parent.kind in self.language.flat or parent.kind in self.language.lists:
                return parent
            if parent.kind in self.language.arguments:
                call = self.program.call_of(parent)
                if call is None or self.program.callee(call) not in PAIRS:
                    return parent
                parent = call
            parent = parent.parent
        return None

    def _add(
        self, place: Place, start: int, name: str, value: Node, node: Node,
        target: Target | None = None,
    ) -> None:  # fmt: skip
        """Add a parameter; each item of a list is sent by itself."""
        items = self.values.items(value)
        if items is not None and any(map(self.program.is_pair, items)):
            self.requests.spoil(place, start)  # an object is no text
            return
        for one in [value] if items is None else items[:_MOST_ITEMS]:
            self.requests.add(
                place, start, name, self.values.alternatives(one), node,
                position=value.start, target=target,
            )  # fmt: skip

    # ------------------------------------------------------------ calls

    def _call(self, node: Node) -> None:
        name = self.program.callee(node)
        arguments = self.program.arguments(node)
        if not name or arguments is None:
            return
        given = arguments.children
        if self.client and given and parameter_name(name) and self._fluent(node, name, given[0]):
            return
        if len(given) < 2:
            return
        if name in PAIRS:
            self._pair_call(node, given)
        elif name in ("of", "AddQueryString"):
            first = int(name != "of")
            for key, value in zip(given[first::2], given[first + 1 :: 2], strict=False):
                parameter = self._parameter(key, quoted=True)
                if parameter is not None:
                    place = self.uses.of_container(arguments)
                    self._add(place, node.start, parameter, value, node)
        elif may_add(name):
            parameter = self._parameter(given[0], quoted=True)
            if parameter is not None:
                self._setter(node, name, parameter, given[1])

    def _pair_call(self, node: Node, given: Sequence[Node]) -> None:
        """Read the constructor of a pair: `URLQueryItem(name: "where", value: "...")`."""
        name = self._parameter(given[0], quoted=True)
        container = self._container(node)
        if name is None or container is None:
            return
        owner = None
        call = self.program.call_of(container)
        if call is not None and may_add(self.program.callee(call)):
            owner = self.program.receiver(call)
        sure = self.program.callee(node) in ("URLQueryItem", "BasicNameValuePair", "NameValuePair")
        place = self.uses.of_container(container) if owner is None else self.uses.of_owner(owner)
        place = evolve(place, certain=place.certain or sure)
        self._add(place, node.start, name, given[1], node)

    def _setter(self, node: Node, name: str, parameter: str, value: Node) -> None:
        """Read a call that sets a parameter: `params.set("where", "...")`."""
        owner = self.program.receiver(node)
        if owner is None:
            place = Place(("in", id(node.scope), name), certain=False)
        else:
            place = self.uses.of_owner(owner)
        place = evolve(place, certain=place.certain or adds_parameter(name))
        self._add(place, node.start, parameter, value, node)

    def _fluent(self, node: Node, name: str, value: Node) -> bool:
        """Read a method of the official client; return whether it is one."""
        owner = self.program.receiver(node)
        if owner is None:
            return False
        root = self.uses.root(owner)
        if owner.end - root.start > _LONGEST_CHAIN:
            return False
        chain = self.text[root.start : owner.end]
        key: Key = ("at", root.start, "")
        if root.kind in self.language.names:
            scope, values = self.program.home(chain[: root.end - root.start], root)
            key = ("name", id(scope), self.program.source(root))
            chain = (
                "".join(self.text[one.start : one.end][:_LONGEST_CHAIN] for one in values[:3])
                + chain
            )
        parameter = parameter_name(name)
        if parameter is None or not _CATALOG.search(chain):
            return False
        self._add(Place(key, certain=True), root.start, parameter, value, node, _of_chain(chain))
        return True

    # ------------------------------------------------------------ assignments

    def _assignment(self, node: Node) -> None:
        """Read an assignment to an item or a member: `params["where"] = "..."`."""
        left, right = self.language.assignments[node.kind]
        target, value = node.child(left), node.child(right)
        if target is None or value is None or target is value or target.end - target.start > 250:
            return
        written = self.program.source(target)
        found = split_target(written)
        if found is None and node.parent is not None and node.parent.kind in self.language.lists:
            found = "", written  # C# initializes members
        if found is None:
            return
        if not found[0]:
            self._member(node, found[1], value)
            return
        name = _parameter(found[1])
        if name is None:
            return
        sure = is_item(written) and looks_like_query(found[0])
        place = self.uses.of_name(found[0], target, certain=sure)
        if self.text[target.end : value.start].strip() in ("+=", ".=", "<<"):
            unknown = (hole(value.start, value.end),)
            more = None if value.branch is not None else self.values.pieces(value)
            self.requests.append(place.key, name, more or unknown)
        else:
            self._add(place, node.start, name, value, node)

    def _member(self, node: Node, key: str, value: Node) -> None:
        """Read a member that an initializer of C# assigns."""
        container = self._container(node)
        if container is None:
            return
        place, name = self.uses.of_container(container), _parameter(key)
        if name is not None:
            self._add(place, container.start, name, value, node)
        elif not may_be_meant(key):
            self.requests.spoil(place, container.start)

    # ------------------------------------------------------------ URLs

    def _is_text(self, node: Node) -> bool:
        language = self.language
        return (
            node.kind in language.texts
            or node.kind in language.sums
            or node.kind in language.adjacent
            or (node.kind in language.calls and self.program.callee(node) in _COMPOSING)
        )

    def _is_part(self, node: Node) -> bool:
        """Return whether a text is a part of a longer one, which is read as a whole."""
        language = self.language
        for _ in range(_HIGHEST):
            parent = node.parent
            if parent is None:
                return False
            if parent.kind in language.texts or parent.kind in language.adjacent:
                return True
            if parent.kind in language.sums:
                return self.program.concatenates(parent)
            if parent.kind in language.arguments:
                call = parent.parent
                return call is not None and self.program.callee(call) in _COMPOSING
            if parent.kind not in language.wrappers:
                return False
            node = parent
        return False

    def _url(self, node: Node) -> None:
        if not _COMPOSED.search(self.text, node.start, node.end):
            return
        pieces = self.values.pieces(node)
        if not pieces:
            return
        text = text_of(pieces)
        target = target_of(text)
        if target is not None:
            self.requests.lead_to(node.start, target)
        arguments, certain = arguments_in_url(pieces, written=is_written(pieces))
        if counts(arguments, certain=certain):
            dataset_id, endpoint = (target.dataset_id, target.endpoint) if target else (None, None)
            self.composed.append(
                Call(tuple(arguments), node.start, certain, dataset_id, endpoint or "records")
            )

    # ------------------------------------------------------------ shells

    def _command(self, node: Node) -> None:
        """Read the arguments of a command: `curl --data-urlencode "where=..."`."""
        words = node.children
        names = {
            self.program.source(one).rpartition("/")[2]
            for one in words[:4]
            if one.end - one.start < 200
        }
        place = Place(("at", node.start, ""), certain=True)
        for number, one in enumerate(words):
            before = self.program.source(words[number - 1]) if number else ""
            encoded = before in _DATA
            if encoded or ("curl" in names and _CURL_DATA.fullmatch(before[:40])):
                self._word(one, place, node, "=", encoded=encoded)
            elif names & _PROGRAMS:
                self._word(one, place, node, "==", encoded=True)

    def _word(self, word: Node, place: Place, node: Node, equals: str, *, encoded: bool) -> None:
        pieces = self.values.pieces(word)
        if not pieces:
            return
        text = text_of(pieces)
        if not encoded:
            for argument, start in _data(pieces):
                self.requests.add(place, node.start, argument, [start], node, position=word.start)
            return
        name, found, _ = text.partition(equals)
        parameter = parameter_name(name)
        if found and parameter is not None:
            value = cut(pieces, len(name) + len(equals), len(text))
            self.requests.add(
                place, node.start, parameter, [value or None], node, position=word.start
            )


_COMPOSING = frozenset(
    [
        "sprintf",
        "Sprintf",
        "format",
        "Format",
        "formatted",
        "join",
        "Join",
        "implode",
        "concat",
        "format!",
        "joined",
    ]
)


def _data(pieces: Sequence[Piece]) -> Iterator[tuple[str, tuple[Piece, ...] | None]]:
    """Yield the parameters in the data of curl that are already encoded."""
    text = text_of(pieces)
    place = 0
    for one in text.split("&"):
        name, equals, value = one.partition("=")
        parameter = parameter_name(name)
        if equals and parameter is not None:
            parts = cut(pieces, place + len(name) + 1, place + len(one))
            yield parameter, decoded(parts) if value else None
        place += len(one) + 1


def _parameter(key: str) -> str | None:
    """Return the parameter that a key stands for; fields of Go and C# begin with a capital."""
    return parameter_name(key) or parameter_name(key[:1].lower() + key[1:])


def _of_chain(chain: str) -> Target:
    """Return what a query of the official client leads to."""
    dataset = _DATASET.search(chain)
    called = _OPERATION.findall(chain)
    last = called[-1] if called else ""
    endpoint = {"facets": "facets", "export": "exports", "exports": "exports"}.get(last, "records")
    if ".dataset(" not in chain:
        endpoint = {"facets": "catalog_facets", "exports": "catalog_exports"}.get(
            endpoint, "datasets"
        )
    return Target(dataset[1] if dataset else None, endpoint)
