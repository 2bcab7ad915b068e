"""Requests in YAML and JSON: settings, collections of requests, recorded traffic.

Parameters are the keys of a mapping (`params: {where: ..., limit: 20}`), or a list of names and
values (`query: [{"key": "where", "value": "..."}]`). They are certain if they stand beside the URL
of an Explore API, or under a key such as `params` below one. The nearest URL decides: below the URL
of another API, nothing counts. A mapping with the right keys anywhere else in such a file is a
guess.

Templates such as `{{ x }}`, `${x}` and `{x}` in a value are holes.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from attrs import frozen

from odsql.checks.diagnostics import CLAUSES
from odsql.sources.data_nodes import read_json
from odsql.sources.model import UnreadableError
from odsql.sources.programs import Argument, Call, parameter_name
from odsql.sources.urls import OLD, PERCENT, unescaped
from odsql.sources.views import View, decode, joined
from odsql.sources.yaml_nodes import Document, MissingError, RefusedError, documents
from odsql.syntax.templates import HOLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from odsql.sources.data_nodes import Node
    from odsql.sources.model import Found, SourceFile

__all__ = ["Asked", "find_calls", "without_twins"]

_LARGEST = {"yaml": 1_000_000, "yml": 1_000_000}
_LARGEST_JSON = 5_000_000
_MOST_MERGED = 1_000

_LISTS = frozenset(
    {
        "params", "param", "parameters", "query", "querystring", "queryparams",
        "queryparameters", "requestparameters", "requestparams", "searchparams", "urlparams",
        "urlparameters", "urlquery", "urlqueryparameters", "defaultparams", "fixedparams",
        "apiparams", "apiparameters", "querystringparameters", "qs",
    }
)  # fmt: skip
"""Keys of what is handed to a request, in lower case and without `_` and `-`."""

_ADDRESSES = frozenset(
    {"url", "uri", "baseurl", "urlbase", "apiurl", "baseuri", "endpoint", "resource", "href", "raw",
     "host", "server", "resourcetemplate", "baseapiurl", "rooturl", "apibase", "apibaseurl"}
)  # fmt: skip
"""Keys of the URLs that requests go to, spelled likewise."""

_OURS = re.compile(r"api/explore/v2\.1(?![\w.])")
_OTHER = re.compile(r"https?://[^{}$%<\s]{1,200}(?:/|\Z)")
"""A URL whose host is written out."""
_TARGET = re.compile(r"datasets/([\w.@-]+)(?:/(records|exports|facets)\b)?")
_TEMPLATE = re.compile(
    r"\{\{[^{}\n]{0,300}\}\}|\{%[^{}\n]{0,300}%\}|\$\{\{?[^{}\n]{0,300}\}?\}|[%#]\{[^{}\n]{0,300}\}"
    r"|<%[^<>\n]{0,300}%>|\$\([A-Za-z_]\w{0,99}\)|\{[A-Za-z_][\w.\[\]]{0,99}\}|\$[A-Z_][A-Z0-9_]{0,99}\b"
)
_ENCODED = re.compile(r"%[0-9a-fA-F]{2}")
_NUMBER = re.compile(r"-?\d+")
_REPEATED = frozenset(("where", "refine", "exclude", "facet"))
_NAMED_BY = ("name", "key")
_VALUED_BY = ("value", "example", "default")


@frozen
class Asked:
    """What stands for one request, and where the URLs are that the same request is written in."""

    call: Call
    urls: tuple[tuple[int, int], ...] = ()


class _Around(NamedTuple):
    """What is known of the mapping around a node.

    `ours` tells whether its nearest URL is that of an Explore API; None if there is no URL. `key`
    is that of the node, `target` and `urls` are of the nearest URLs, and `beside` tells whether a
    URL of an Explore API is a value of this mapping.
    """

    ours: bool | None = None
    key: str = ""
    target: tuple[str | None, str] = (None, "records")
    urls: tuple[tuple[int, int], ...] = ()
    beside: bool = False


def without_twins(found: Iterable[Found], asked: Sequence[Asked]) -> Iterator[Found]:
    """Yield the requests in URLs, without those whose parameters are also listed beside them."""
    listed: dict[tuple[int, int], set[tuple[str, str]]] = {}
    for one in asked:
        pairs = {(each.name, each.value.text) for each in one.call.arguments if each.value}
        for url in one.urls:
            listed.setdefault(url, set()).update(pairs)
    spans = sorted(listed)
    for request in found:
        place = request.offsets[0][0]
        number = bisect_right(spans, (place, place)) - 1
        known = listed[spans[number]] if number >= 0 and place < spans[number][1] else set()
        if not known.issuperset((one.name, one.text) for one in request.request.parameters):
            yield request


def find_calls(file: SourceFile, suffix: str) -> list[Asked]:
    """Return what a YAML or JSON file hands to requests, given the suffix of its name.

    Raises:
        UnreadableError: it is YAML, and PyYAML is missing.
    """
    text = file.text
    if len(text) > _LARGEST.get(suffix, _LARGEST_JSON):
        return []
    if suffix not in _LARGEST:
        return list(_Walk(text, Document(read_json(text), budget=2 * len(text) + 9)).asked())
    try:
        read = list(documents(text, 0, len(text)))
        return [one for each in read for one in _Walk(text, each, named=True).asked()]
    except MissingError as error:
        raise UnreadableError(file.path, str(error)) from None
    except RefusedError:  # most likely a template
        return []


class _Walk:
    """A walk over a document, without recursion."""

    def __init__(self, text: str, document: Document, *, named: bool = False) -> None:
        """Start at the root; `named` leaves out top-level `queries`, which another reader reads."""
        self.text = text
        self.document = document
        self.named = named
        self.seen: set[int] = set()

    def asked(self) -> Iterator[Asked]:
        """Yield the requests in order."""
        root = self.document.root
        waiting: list[tuple[Node, _Around]] = [] if root is None else [(root, _Around())]
        while waiting:
            node, around = waiting.pop()
            if id(node) in self.seen:
                continue
            self.seen.add(id(node))
            if node.pairs is not None:
                pairs = self._pairs(node)
                below = self._below(pairs, around)
                yield from self._mapping(node, pairs, around, below)
                waiting += reversed([
                    (value, below._replace(key=_plain(key.value)))
                    for key, value in pairs
                    if value.value is None and not (self.named and node is root
                                                    and key.value == "queries")
                ])  # fmt: skip
            elif node.items is not None:
                items = [self.document.resolved(one) for one in node.items]
                yield from self._listed(node, items, around)
                inner = around._replace(key="", beside=False)
                waiting += reversed([(one, inner) for one in items if one.value is None])

    def _pairs(self, node: Node) -> list[tuple[Node, Node]]:
        """Return the pairs of a mapping, and those merged into it with `<<`."""
        pairs: list[tuple[Node, Node]] = []
        merging = [node]
        names: set[str | None] = set()
        for one in merging:
            for key, value in one.pairs or []:
                resolved = self.document.resolved(value)
                if key.value == "<<":
                    many = resolved.items if resolved.items is not None else [resolved]
                    merging += [self.document.resolved(each) for each in many]
                elif one is node or key.value not in names:
                    pairs.append((key, resolved))
                    names.add(key.value)
            if len(merging) > _MOST_MERGED:
                break
        return pairs

    # ------------------------------------------------------------ URLs

    def _below(self, pairs: list[tuple[Node, Node]], around: _Around) -> _Around:
        """Return what the values of a mapping have around them."""
        scalars = [(key, value) for key, value in pairs if value.value is not None]
        ours, target = around.ours, around.target
        urls: list[tuple[int, int]] = []
        other = beside = False
        for key, value in scalars:
            said = value.value or ""
            if _OURS.search(said):
                urls.append((value.start, value.end))
                beside = beside or _OURS.search(said.split(None, 1)[0]) is not None
            elif OLD.search(said) or (_plain(key.value) in _ADDRESSES and _OTHER.match(said)):
                other = True
            match = _TARGET.search(said)
            if match is not None:
                target = match[1], match[2] or "records"
        if urls or other:
            ours = bool(urls)
        elif ours is None:
            nested = (each.value or "" for _, value in pairs for _, each in value.pairs or ())
            ours = any(map(_OURS.search, nested)) or None
        return _Around(ours, "", target, tuple(urls) or around.urls, beside)

    # ------------------------------------------------------------ mappings

    def _mapping(
        self, node: Node, pairs: list[tuple[Node, Node]], around: _Around, own: _Around
    ) -> Iterator[Asked]:
        if own.ours is False:
            return
        arguments = [
            argument
            for key, value in pairs
            if (name := parameter_name(key.value or "")) is not None
            for argument in self._arguments(name, value)
        ]
        if not any(one.value is not None for one in arguments):
            return
        clauses = any(one.name in CLAUSES for one in arguments)
        certain = around.key in _LISTS or (own.beside and clauses)
        if not certain and not _is_plausible(arguments):
            return
        dataset_id = next(
            (value.value for key, value in pairs if key.value in ("dataset", "dataset_id")),
            own.target[0],
        )
        if dataset_id is not None and _TEMPLATE.search(dataset_id):
            dataset_id = None
        call = Call(tuple(arguments), node.start, certain, dataset_id, own.target[1])
        yield Asked(call, own.urls if certain else ())

    def _arguments(self, name: str, value: Node) -> Iterator[Argument]:
        """Yield the arguments of one key: several if it has a list."""
        if value.items is None:
            if not value.null:
                yield Argument(name, self._view(value))
            return
        items = [self.document.resolved(one) for one in value.items]
        views = [self._view(one) for one in items if not one.null]
        if name in _REPEATED:
            for view in views:
                yield Argument(name, view)
        elif views:
            known = [one for one in views if one is not None]
            yield Argument(name, joined(known, ", ") if len(known) == len(views) else None)

    def _view(self, node: Node, *, encoded: bool = False) -> View | None:
        """Return a value with its templates as holes; None if there is nothing else in it."""
        view = node.view(self.text)
        if view is None:
            return None
        if encoded and " " not in view.text and _ENCODED.search(view.text):
            view = decode(view.text, 0, len(view.text), PERCENT, unescaped).inside(view)
        if _TEMPLATE.search(view.text):
            view = decode(view.text, 0, len(view.text), _TEMPLATE, lambda _: HOLE).inside(view)
        return view if view.text.strip(HOLE + " \n") else None

    # ------------------------------------------------------------ lists of names and values

    def _listed(self, node: Node, items: list[Node], around: _Around) -> Iterator[Asked]:
        if around.key not in _LISTS or around.ours is False:
            return
        arguments: list[Argument] = []
        described = False
        for one in items:
            pairs = {key.value: self.document.resolved(value) for key, value in one.pairs or []}
            name = next((pairs[by].value for by in _NAMED_BY if by in pairs), None)
            parameter = parameter_name(name or "")
            if parameter is None or _is_off(pairs):
                continue
            described = described or "in" in pairs
            value = self._value(pairs)
            if value is not None and not value.null:
                arguments.append(Argument(parameter, self._view(value, encoded=True)))
        if not any(one.value is not None for one in arguments):
            return
        if described and not any(one.name in CLAUSES for one in arguments):
            return
        dataset_id, endpoint = around.target
        # The parameters of an OpenAPI document describe requests, with examples.
        call = Call(tuple(arguments), node.start, not described, dataset_id, endpoint)
        yield Asked(call, around.urls)

    def _value(self, pairs: dict[str | None, Node]) -> Node | None:
        """Return the value of one item: `value`, or an example of it in an OpenAPI document."""
        schema = pairs.get("schema")
        below = schema.pairs if schema is not None and schema.pairs is not None else []
        either = {key.value: self.document.resolved(value) for key, value in below} | pairs
        return next((either[by] for by in _VALUED_BY if by in either), None)


def _is_off(pairs: dict[str | None, Node]) -> bool:
    """Return whether a parameter is written down but not sent."""
    place = pairs.get("in")
    return (
        (place is not None and place.value != "query")
        or ("disabled" in pairs and pairs["disabled"].value == "true")
        or ("enabled" in pairs and pairs["enabled"].value == "false")
    )


def _is_plausible(arguments: list[Argument]) -> bool:
    """Return whether a mapping may be a query: several parameters, one of them a clause."""
    if len({one.name for one in arguments}) < 2:
        return False
    known = [(one.name, one.value.text) for one in arguments if one.value is not None]
    if any(name in ("limit", "offset") and not _NUMBER.fullmatch(text) for name, text in known):
        return False
    return any(name in CLAUSES for name, _ in known)


def _plain(key: str | None) -> str:
    return (key or "").lower().replace("_", "").replace("-", "")
