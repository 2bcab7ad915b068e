"""Parameters that a program collects, as the requests that they make."""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import TYPE_CHECKING

from attrs import define, evolve, field, frozen

from odsql.checks.diagnostics import CLAUSES
from odsql.sources.code_pieces import Pieces, view_of
from odsql.sources.code_urls import Target
from odsql.sources.programs import Argument, Call

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from odsql.sources.code_program import Program
    from odsql.sources.code_trees import Node
    from odsql.sources.code_uses import Key, Place
    from odsql.sources.views import View

__all__ = ["Requests", "counts"]

_FAR, _MOST_TARGETS = 60, 50
"""How many nodes above a request, and how many URLs in one of them, are looked at."""
_MOST_PIECES = 500
_REPEATED = frozenset({"where", "refine", "exclude", "facet"})
"""Parameters that one request may have several times."""
_CLAUSES = frozenset(CLAUSES)
_NUMBER = re.compile(r"-?\d+|[\s\S]*\ufdd0[\s\S]*")
_CONDITION = re.compile(r"[<>=:(\ufdd0]|\b(?:like|in|is)\b", re.IGNORECASE)


@frozen
class _Parameter:
    """A parameter, and the values that it may have; `position` is where its value is written."""

    position: int
    name: str
    values: list[Pieces]


@define
class _Group:
    """The parameters of one request."""

    start: int
    node: Node | None = None
    certain: bool = False
    foreign: bool = False
    spoilt: bool = False
    parameters: list[_Parameter] = field(factory=list)
    names: set[str] = field(factory=set)
    target: Target | None = None


class Requests:
    """Collects parameters by the place that they go to, and the URLs of a program."""

    def __init__(self, program: Program) -> None:
        """Start with nothing."""
        self._program = program
        self._groups: dict[Key, list[_Group]] = {}
        self._targets: list[tuple[int, Target]] = []

    def add(
        self, place: Place, start: int, name: str, values: list[Pieces], node: Node,
        *, position: int, target: Target | None = None,
    ) -> None:  # fmt: skip
        """Add a parameter; a second one with its name begins another request."""
        groups = self._groups.setdefault(place.key, [])
        if not groups or (name in groups[-1].names and name not in _REPEATED):
            groups.append(_Group(start))
        group = groups[-1]
        group.certain = group.certain or place.certain
        group.foreign = group.foreign or place.foreign
        group.start = min(group.start, start)
        group.node = node
        group.target = target or group.target
        group.names.add(name)
        group.parameters.append(_Parameter(position, name, values))

    def append(self, key: Key, name: str, more: Pieces) -> None:
        """Add to the value that a parameter already has."""
        groups = self._groups.get(key)
        for number, one in enumerate(groups[-1].parameters if groups else ()):
            if groups and one.name == name:
                values: list[Pieces] = [
                    (*each, *(more or ()))
                    for each in one.values
                    if each is not None and len(each) < _MOST_PIECES
                ]
                groups[-1].parameters[number] = evolve(one, values=values)

    def spoil(self, place: Place, start: int) -> None:
        """Note that a request, unless it is certain, is a query of another kind."""
        self._groups.setdefault(place.key, [_Group(start)])[-1].spoilt = True

    def lead_to(self, place: int, target: Target) -> None:
        """Note what a URL leads to; URLs come in the order in which they are written."""
        self._targets.append((place, target))

    def calls(self, composed: Iterable[Call]) -> list[Call]:
        """Return the requests; `composed` are those of URLs."""
        handed = (
            call
            for key, groups in self._groups.items()
            for one in groups
            for call in self._calls_of(key, one)
        )
        return sorted(_once(handed, composed), key=lambda one: one.start)

    def _calls_of(self, key: Key, group: _Group) -> Iterator[Call]:
        if not group.parameters or group.foreign or (group.spoilt and not group.certain):
            return
        target = group.target or self._nearest(key, group)
        if target is None and not group.names & _CLAUSES:
            return  # a limit alone may be of anything
        dataset_id, endpoint = self._of(target)
        parameters = sorted(group.parameters, key=lambda one: one.position)
        arguments = [Argument(one.name, _view(one.values[:1])) for one in parameters]
        if counts(arguments, certain=group.certain):
            yield Call(tuple(arguments), group.start, group.certain, dataset_id, endpoint)
        for one in parameters:
            for value in one.values[1:]:
                other = Argument(one.name, _view([value]))
                if other.value is not None and (group.certain or _is_meant([other, *arguments])):
                    yield Call((other,), group.start, group.certain, dataset_id, endpoint)

    # ------------------------------------------------------------ what URLs lead to

    def _nearest(self, key: Key, group: _Group) -> Target | None:
        """Return what the URLs agree on that are nearest to a request, in its function."""
        node = group.node
        if node is not None and key[0] == "name":
            for one in self._program.home(key[2], node)[1]:
                if near := self._targets_in(one):
                    return _agreed(near)
        for _ in range(_FAR):
            if node is None:
                break
            if near := self._targets_in(node):
                return _agreed(near)
            if node.kind in self._program.language.functions:
                break
            node = node.parent
        return None

    def _of(self, target: Target | None) -> tuple[str | None, str]:
        """Return a dataset and an operation; the operation is the same in most files."""
        if target is not None:
            return target.dataset_id, target.endpoint or "records"
        anywhere = _agreed([one for _, one in self._targets[:_MOST_TARGETS]])
        return None, anywhere.endpoint or "records"

    def _targets_in(self, node: Node) -> list[Target]:
        first = bisect_left(self._targets, node.start, key=lambda one: one[0])
        last = bisect_left(self._targets, node.end, key=lambda one: one[0])
        return [one for _, one in self._targets[first : min(last, first + _MOST_TARGETS)]]


def _agreed(targets: Sequence[Target]) -> Target:
    """Return the dataset and the operation that all targets have."""
    datasets = {one.dataset_id for one in targets}
    endpoints = {one.endpoint for one in targets}
    endpoint = endpoints.pop() if len(endpoints) == 1 else None
    return Target(datasets.pop() if len(datasets) == 1 and endpoint else None, endpoint)


def _view(values: Sequence[Pieces]) -> View | None:
    return view_of(values[0]) if values and values[0] else None


def counts(arguments: Sequence[Argument], *, certain: bool) -> bool:
    """Return whether something is known of a request, and it is one."""
    known = any(one.value is not None for one in arguments)
    return known and (certain or _is_meant(arguments))


def _is_meant(arguments: Sequence[Argument]) -> bool:
    """Return whether a guess is good enough: it has a clause that could hardly be anything else."""
    for one in arguments:
        if one.value is None:
            continue
        if one.name in ("limit", "offset") and not _NUMBER.fullmatch(one.value.text):
            return False
        if one.name == "where" and not _CONDITION.search(one.value.text):
            return False
    names = {one.name for one in arguments}
    known = {one.name for one in arguments if one.value is not None}
    return bool(known & _CLAUSES) and (len(names) > 1 or "where" in names)


def _once(handed: Iterable[Call], composed: Iterable[Call]) -> list[Call]:
    """Return all calls, without the parameters of URLs and guesses that others have, too."""
    calls = [*handed]
    found = [one for one in calls if one.certain]
    guesses = [one for one in calls if not one.certain]
    seen = {one.value.offsets[0] for call in found for one in call.arguments if one.value}
    for call in (*sorted(composed, key=lambda one: not one.certain), *guesses):
        left = tuple(
            one for one in call.arguments if not one.value or one.value.offsets[0] not in seen
        )
        places = {one.value.offsets[0] for one in left if one.value}
        if places:
            found.append(evolve(call, arguments=left))
            seen |= places
    return found
