"""The tables as a graph of states, built while it is walked.

`tables.py` stores the transitions as compact numbers. For speed, each state becomes a dictionary
from the next terminal or symbol to a prepared entry, filled on demand:

* `state[kind]` for a terminal: an entry to shift, an entry to reduce, or None to refuse.
* `state[~symbol]` for a reduced symbol: the state to go to.

Rules that only rename a symbol are followed here, once, and leave no trace in the entries. Where
such a chain ends depends on the state below, so a state with renames exists once for each state
that it was entered from. There are a few hundred states in all; nothing else is kept.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from odsql.syntax import actions, tables

__all__ = ["State", "start"]

Shift: TypeAlias = "tuple[Any, State, State | None]"
"""(builder or False, next state, state that first replaces the top of the stack or None)."""

Reduce: TypeAlias = "tuple[None, int, int, int, tuple[int, ...] | None, Any]"
"""(None, what to do, key of the goto, number of children, indexes of those kept, builder)."""

# What to do with the children of a rule, most frequent first.
BUILD_OF_THREE, BUILD_OF_ONE, APPEND, BUILD_OF_SOME, LIST, BUILD_OF_ALL, UNWRAP, BUILD, EMPTY = (
    range(9)
)

_RENAMES = ~tables.RENAMES
_BUILDERS = [getattr(actions, name) if name else False for name in tables.BUILDERS]


class State(dict[int, Any]):
    """A state; `number` is its row in the tables, `below` the row it was entered from."""

    __slots__ = ("below", "number")

    def __init__(self, number: int, below: int) -> None:
        """Create a state without entries."""
        self.number = number
        self.below = below

    def __missing__(self, key: int) -> Any:
        entry = self._goto(~key) if key < 0 else self._action(key)
        self[key] = entry
        return entry

    def _goto(self, symbol: int) -> State:
        return _state(tables.GOTOS[self.number][symbol], self.number)

    def _action(self, kind: int) -> Shift | Reduce | None:
        number = self.number
        while (code := tables.ACTIONS[number].get(kind, 0)) <= _RENAMES:
            number = tables.GOTOS[self.below][tables.RULES[~code][0]]
        if kind not in tables.ACTIONS[number]:
            return None
        if code < 0:
            return _REDUCTIONS[~code]
        target = _state(code % tables.FUSED, number)
        under = None if number == self.number else _state(number, self.below)
        return _BUILDERS[code // tables.FUSED], target, under


_STATES: dict[tuple[int, int], State] = {}
_HAS_RENAMES = [any(code <= _RENAMES for code in row.values()) for row in tables.ACTIONS]


def _state(number: int, below: int) -> State:
    key = (number, below if _HAS_RENAMES[number] else -1)
    if key not in _STATES:
        _STATES[key] = State(number, below)
    return _STATES[key]


def start(clause: str) -> State:
    """Return the initial state of a clause."""
    return _state(tables.STARTS[clause], -1)


def _reduction(symbol: int, length: int, picks: tuple[int, ...] | None, name: str) -> Reduce:
    build = getattr(actions, name) if name else None
    return None, _what_to_do(length, picks, name), ~symbol, length, picks, build


def _what_to_do(length: int, picks: tuple[int, ...] | None, name: str) -> int:
    if length == 0:
        return EMPTY
    if name in ("first", "more"):
        return LIST if name == "first" else APPEND
    if picks is None:
        return {1: BUILD_OF_ONE, 3: BUILD_OF_THREE}.get(length, BUILD_OF_ALL)
    if not picks:
        return BUILD
    return BUILD_OF_SOME if name else UNWRAP


_REDUCTIONS = [_reduction(*rule) for rule in tables.RULES]
