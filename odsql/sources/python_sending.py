"""Which of the mappings of a Python program are requests."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from odsql.checks.diagnostics import CLAUSES
from odsql.sources.programs import Argument, Call, parameter_name
from odsql.sources.python_strings import Text
from odsql.sources.python_values import Entry, Given, Items, Mapping, alternatives, pairs
from odsql.sources.urls import target
from odsql.syntax.templates import HOLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odsql.sources.python_expressions import LocalCall
    from odsql.sources.python_invocations import Invocations
    from odsql.sources.python_values import Path, Value
    from odsql.sources.views import View

__all__ = ["calls_of"]

_ROUNDS = 4
"""How many functions a value may be handed through."""
_MOST_ALTERNATIVES = 20
_DEEPEST = 20
_REPEATED = frozenset({"where", "refine", "exclude", "facet"})
_DATASETS = ("dataset_id", "dataset")
_DATASET = re.compile(r"[\w@.-]+")
_PORTAL = re.compile(r"https?://[^/]*(?P<path>/.*)?")
_EXPLORE = re.compile(r"catalog|dataset|record|export|facet|explore", re.IGNORECASE)
_ROOT = "/api/explore/v2"

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
_OTHERS = frozenset(
    {"sql", "db", "database", "cursor", "orm", "form", "forms", "label", "labels", "message",
     "messages", "translation", "translations", "translate", "i18n", "help", "doc", "docs",
     "widget", "menu", "button", "buttons", "hdf", "mongo", "prisma", "django", "sqlalchemy",
     "model", "text", "texts", "title", "titles", "error", "errors", "description",
     "descriptions", "statement", "stmt", "table", "execute", "duckdb", "sqlite", "postgres"}
)  # fmt: skip
"""Words in the name of something that is not a request."""
_LANGUAGES = frozenset({"en", "fr", "de", "es", "it", "nl", "pt", "ca", "da", "sv", "nb", "pl"})
_OTHER_KEYS = frozenset(
    {"from", "from_", "table", "tables", "table_name", "tablename", "having", "join", "joins",
     "sql", "distinct", "returning", "insert", "update", "delete", "set", "values", "into",
     "include"}
)  # fmt: skip
"""Keys that a request does not have, but SQL."""
_READING = re.compile(
    r"(?:^|\.)(?:read_(?:hdf|file|dataframe|arrow|info|bounds|sql\w*|parquet|table|gbq)|open_arrow"
    r"|select\w*|append|remove|update|delete|insert)\Z"
)
"""The functions of other libraries that take a `where` of their own."""
_TELLING = re.compile(r"[=<>,:*'\"]|\w\(|\b(?:asc|desc|as|in|like|is|not|and|or)\b", re.IGNORECASE)
"""What a clause has, and a mere word has not."""
_INTEGER = re.compile(r"-?\d+")


def calls_of(program: Invocations, *, leads: bool) -> Iterator[Call]:
    """Yield the requests of a program that was read, in the order of the file.

    `leads` tells whether the file leads to an Explore API. If not, only what is handed to a listed
    function is a request.
    """
    for encoded in program.encoded:
        if not encoded.of.addresses:
            program.send(encoded, None)
    _send_by_client(program)
    sent = _handed_through(program)
    for items in {id(one): one for one in program.lists}.values():
        sent.append(_of_items(items))
    mappings = [*program.mappings, *sent]
    if not leads:
        mappings = [one for one in mappings if id(one) in program.listed]
    certain = [one for one in mappings if any(map(_may_lead, one.addresses))]
    seen: set[tuple[str, int]] = set()
    done = [call for one in certain for call in _calls(one, seen, certain=True)]
    if leads:
        guessed = [one for one in mappings if _looks_like_request(one)]
        guessed += [one for one in program.declarations if _looks_like_request(one, least=2)]
        done += [call for one in guessed for call in _calls(one, seen, certain=False)]
    yield from sorted(done, key=lambda one: one.start)


def _send_by_client(program: Invocations) -> None:
    """Note the calls of a client of Explore APIs that is known to take clauses as keywords."""
    if any(one.partition(".")[0] == "ukpyn" for one in program.imports.values()):
        for _, mapping in program.calls:
            if not mapping.hidden:
                program.send(mapping, None)


def _of_items(items: Items) -> Mapping:
    """Return a list of pairs that is handed to a request as a mapping."""
    for one in items.more:
        one.hidden = True
    return Mapping(items.start, pairs(items), addresses=items.addresses, is_list=True)


# ---------------------------------------------------------------- functions of the file


def _handed_through(program: Invocations) -> list[Mapping]:
    """Return the requests that functions of the file send for their callers."""
    sent: dict[int, Mapping] = {}
    for _ in range(_ROUNDS):
        for mapping in (*program.mappings, *sent.values(), *map(_of_items, program.lists)):
            _note_flows(mapping)
        again = False
        for call in program.local:
            again = _hand_over(program, call, sent) or again
        if not again:
            break
    return list(sent.values())


def _note_flows(mapping: Mapping) -> None:
    """Note which parameters of functions a mapping sends."""
    address = next(filter(_may_lead, mapping.addresses), "")
    if address == "":
        return
    for entry in mapping.entries:
        for value in alternatives(entry.value):
            if not isinstance(value, Given):
                continue
            if entry.name == "**":
                value.function.sent.setdefault(value.name, address)
            elif parameter_name(entry.name) is not None:
                value.function.flows.setdefault((value.name, entry.name), address)


def _hand_over(program: Invocations, call: LocalCall, sent: dict[int, Mapping]) -> bool:
    """Send what a call gives to parameters that its function sends; return whether it is new."""
    new = False
    for key, address in [
        *call.function.flows.items(),
        *(((name, "*"), address) for name, address in call.function.sent.items()),
    ]:
        if key in call.done:
            continue
        call.done.add(key)
        new = True
        name, parameter = key
        if parameter == "*" and name != call.function.keywords:
            program.send(call.given.get(name), address)
            continue
        mapping = sent.get(id(call))
        if mapping is None:
            mapping = sent[id(call)] = Mapping(call.given.start, addresses=[address])
            mapping.entries += [one for one in call.given.entries if one.name in _DATASETS]
        if parameter == "*":
            mapping.entries += call.extra.entries
        else:
            mapping.entries += [
                Entry(parameter, one.value, one.start)
                for one in call.given.entries
                if one.name == name
            ]
    return new


# ---------------------------------------------------------------- addresses


def _may_lead(address: str | None) -> bool:
    """Return whether an address may be one of an Explore API, as far as it is known."""
    if address is None or "explore/v2" in address:
        return True
    known, hole, _ = address.partition(HOLE)
    portal = _PORTAL.match(known)
    if portal is not None:
        return bool(hole) and _ROOT.startswith(portal["path"] or "")
    return bool(hole) or _EXPLORE.search(address) is not None


def _operation(mapping: Mapping) -> tuple[str | None, str]:
    """Return the dataset, if it is known, and the endpoint of a request."""
    targets = {target(one) for one in mapping.addresses if one is not None and _may_lead(one)}
    endpoints = {endpoint for _, endpoint in targets}
    datasets = {dataset for dataset, _ in targets}
    for name in _DATASETS:
        value = mapping.get(name)
        if isinstance(value, Text):
            datasets.add(value.plain)
    datasets.discard(None)
    dataset_id = datasets.pop() if len(datasets) == 1 else None
    if dataset_id is not None and not _DATASET.fullmatch(dataset_id):
        dataset_id = None
    return dataset_id, endpoints.pop() if len(endpoints) == 1 else "records"


# ---------------------------------------------------------------- guesses


def _looks_like_request(mapping: Mapping, *, least: int = 1) -> bool:
    """Return whether a mapping that no request is seen to take is one by its keys and values.

    `least` is how many parameters it must have.
    """
    if mapping.addresses or mapping.hidden or any(map(_is_other, _labels(mapping))):
        return False
    if _READING.search(mapping.label) is not None:
        return False
    if any(one.name.lower() in _OTHER_KEYS for one in mapping.entries):
        return False
    clauses: list[str] = []
    numbers = others = 0
    for entry in mapping.entries:
        name = parameter_name(entry.name)
        texts = [view.text for view in _views(entry.value) if view is not None]
        if name == "exclude":
            others += len(texts)
        elif name in CLAUSES:
            clauses += texts
        elif name in ("limit", "offset"):
            numbers += len(texts)
            if not all(map(_INTEGER.fullmatch, texts)):
                return False
    if not clauses or len(clauses) + numbers + others < least:
        return False
    has_dataset = any(one.name in _DATASETS for one in mapping.entries)
    return any(map(_TELLING.search, clauses)) or numbers > 0 or has_dataset


def _labels(mapping: Mapping) -> list[str]:
    labels: list[str] = []
    outer: Mapping | None = mapping
    while outer is not None and len(labels) < _DEEPEST:
        labels.append(outer.label)
        outer = outer.within
    return labels


def _is_other(label: str) -> bool:
    return label in _LANGUAGES or any(word.lower() in _OTHERS for word in _WORD.findall(label))


# ---------------------------------------------------------------- arguments


def _calls(mapping: Mapping, seen: set[tuple[str, int]], *, certain: bool) -> list[Call]:
    """Return the requests that a mapping may be; values that exclude each other are apart.

    A value in `seen` is checked already, and counts as unknown.
    """
    dataset_id, endpoint = _operation(mapping)
    waiting, unknown = _arguments(mapping, seen)
    done: list[Call] = []
    while waiting and len(done) < _MOST_ALTERNATIVES:
        taken: list[Argument] = []
        rest: list[tuple[Argument, Entry]] = []
        path: Path = ()
        names: dict[str, Entry] = {}
        for argument, entry in waiting:
            if _goes_with(argument, entry, names, path, mapping):
                taken.append(argument)
                names[argument.name] = entry
                path = max(path, entry.path, key=len)
            else:
                rest.append((argument, entry))
        taken += [Argument(name, None) for name in unknown if name not in names]
        done.append(Call(tuple(taken), mapping.start, certain, dataset_id, endpoint))
        waiting = rest
    return done


def _goes_with(
    argument: Argument, entry: Entry, names: dict[str, Entry], path: Path, mapping: Mapping
) -> bool:
    shorter = min(len(path), len(entry.path))
    if path[:shorter] != entry.path[:shorter]:
        return False
    if argument.name not in names:
        return True
    if argument.name not in _REPEATED:
        return False
    return mapping.is_list or (names[argument.name] is entry and isinstance(entry.value, Items))


def _arguments(
    mapping: Mapping, seen: set[tuple[str, int]]
) -> tuple[list[tuple[Argument, Entry]], list[str]]:
    """Return the parameters with a value, and the names of those without."""
    known: list[tuple[Argument, Entry]] = []
    unknown: dict[str, None] = {}
    for entry in mapping.entries:
        name = parameter_name(entry.name)
        if name is None:
            continue
        for view in _views(entry.value):
            key = None if view is None else (name, view.offsets[0])
            if key is None or key in seen:
                unknown[name] = None
            else:
                seen.add(key)
                known.append((Argument(name, view), entry))
    return known, [*unknown]


def _views(value: Value) -> list[View | None]:
    """Return the texts that a parameter may have; None if it is unknown."""
    views: list[View | None] = []
    for one in alternatives(value):
        each = one.default if isinstance(one, Given) else one
        if isinstance(each, Text) and each.plain.replace(HOLE, "").strip():
            views.append(each.view)
        elif isinstance(each, Items):
            views += [view for item in each.items for view in _views_of_item(item.value)]
    return views or [None]


def _views_of_item(value: Value) -> list[View]:
    if isinstance(value, Text) and value.plain.replace(HOLE, "").strip():
        return [value.view]
    return []
