"""Tokens -> tree, or the index of the refused token.

One loop walks the automaton over tokens from one regular expression. The following make it fast
without changing what is accepted (the tests compare with lark's own parser on the same grammar):

* A terminal that can only become one node is shifted and built in one step (`generating`).
* Rules that only give a symbol another name cost nothing (`automaton`).
* Lists grow in place; nodes keep token indexes instead of offsets (`spans`).
* A word that is a keyword only in some places is looked up as the keyword first. Where the grammar
  does not allow it, it is looked up again as a name.
"""

from __future__ import annotations

from typing import Any

from odsql.syntax import tables
from odsql.syntax.automaton import (
    APPEND,
    BUILD,
    BUILD_OF_ALL,
    BUILD_OF_ONE,
    BUILD_OF_SOME,
    BUILD_OF_THREE,
    LIST,
    UNWRAP,
    State,
    start,
)
from odsql.syntax.scanning import is_closed, tokenize

__all__ = ["acceptable", "read_tokens", "refused_token", "run", "step"]

_OPEN = tables.TERMINALS.index("LPAR")
_NAME = tables.TERMINALS.index("NAME")
_NO_TERMINAL = 0
_BROKEN = "\0"
_FUNCTIONS = frozenset(tables.FUNCTIONS)
_SOFT = frozenset(
    number
    for number, name in enumerate(tables.TERMINALS)
    if name in ("ASC", "DESC", "_AS", "_DISTINCT", "_IN", "_IS", "_LIKE", "_TO")
)


_KIND_BY_TEXT = tables.KEYWORDS.get
_KIND_BY_START = (
    dict.fromkeys("0123456789", tables.TERMINALS.index("NUMBER"))
    | dict.fromkeys("'\"", tables.TERMINALS.index("TEXT"))
    # Not d and g, which also begin date'...' and geom'...'.
    | dict.fromkeys("_abcefhijklmnopqrstuvwxyzABCEFHIJKLMNOPQRSTUVWXYZ", _NAME)
).get
_KIND_OF_LITERAL = {
    "d": tables.TERMINALS.index("DATE"),
    "g": tables.TERMINALS.index("GEOMETRY"),
}


def _kind_by_look(token: str) -> int:
    """Return the terminal of a token that neither its text nor its first letter tells."""
    start = token[0]
    if start.isalnum() and not start.isdecimal():
        return _KIND_OF_LITERAL[start.lower()] if token[-1] in "'\"" else _NAME
    return _NAME if start == "`" and len(token) > 1 else _NO_TERMINAL


def read_tokens(text: str) -> list[str]:
    """Split a clause into tokens; those that only look like literals become `_BROKEN`."""
    tokens = tokenize(text)
    if len(tokens) > 1 and tokens[-2][0] in "'\"`" and not is_closed(tokens[-2]):
        tokens[-2] = _BROKEN
    if "-0" in text or "-1" in text:  # every bare day has one, most texts have neither
        for index, token in enumerate(tokens):
            if "-" in token and token[0].isdecimal():  # a day that is not in date'...'
                tokens[index] = _BROKEN
    return tokens


def run(  # noqa: C901 - one loop, because calls in it are slow
    text: str, tokens: list[str], states: list[State], values: list[Any]
) -> int | None:
    """Run the automaton over the tokens.

    Returns None if all of them are accepted, else the index of the first refused one. `states` and
    `values` are the two stacks; they keep what was read so far. An action receives the children and
    the place: the text, and the indexes of its first and last token.
    """
    firsts: list[int] = []  # for each value, the number of its first token
    index = 0
    state = states[-1]
    for token in tokens:
        kind = _KIND_BY_TEXT(token.lower()) or _KIND_BY_START(token[0]) or _kind_by_look(token)
        entry = state[kind]
        if entry is None and kind in _SOFT and not tokens[index - 1][:1].isdecimal():
            # After a number a name is a unit, and no unit is a keyword: `[1 to 2]`.
            entry = state[_NAME]
        if entry is None:
            return index
        while entry[0] is None:
            _, todo, goto, length, picks, build = entry
            if todo == BUILD_OF_THREE:
                left, middle, right = values[-3:]
                del states[-3:], values[-2:], firsts[-2:]
                values[-1] = build(left, middle, right, (text, firsts[-1], index - 1))
            elif todo == BUILD_OF_ONE:
                values[-1] = build(values[-1], (text, firsts[-1], index - 1))
                del states[-1]
            elif todo == APPEND:
                item = values[-1]
                del states[-length:], values[1 - length :], firsts[1 - length :]
                values[-1].append(item)
            elif todo == BUILD_OF_SOME:
                children = values[-length:]
                del states[-length:], values[1 - length :], firsts[1 - length :]
                kept = [children[one] for one in picks]
                values[-1] = build(*kept, (text, firsts[-1], index - 1))
            elif todo == LIST:
                values[-1] = [values[-1]]
                del states[-1]
            elif todo == BUILD_OF_ALL:
                children = values[-length:]
                del states[-length:], values[1 - length :], firsts[1 - length :]
                values[-1] = build(*children, (text, firsts[-1], index - 1))
            elif todo == UNWRAP:
                inner = values[picks[0] - length]
                del states[-length:], values[1 - length :], firsts[1 - length :]
                values[-1] = inner
            elif todo == BUILD:
                values[-1] = build((text, firsts[-1], index - 1))
                del states[-1]
            else:
                values.append(build((text, index, index - 1)))
                firsts.append(index)
            state = states[-1][goto]
            states.append(state)
            entry = state[kind]
            if entry is None:
                return index
        build, state, under = entry
        if under is not None:
            states[-1] = under
        states.append(state)
        values.append(build(token, (text, index, index)) if build else token)
        firsts.append(index)
        index += 1  # noqa: SIM113 - enumerate would cost more
    return None


def refused_token(clause: str, text: str) -> int | None:
    """Return the index of the refused token; None if all are accepted."""
    return run(text, read_tokens(text), [start(clause)], [])


def acceptable(clause: str, text: str) -> tuple[int | None, list[str]]:
    """Return the index of the refused token, and the terminals accepted in its place.

    The terminals are names, found by trying each on a copy of the stack before the refused token.
    If no token is refused, the result is None and an empty list.
    """
    tokens = read_tokens(text)
    refused = run(text, tokens, [start(clause)], [])
    if refused is None:
        return None, []
    states = [start(clause)]
    run(text, tokens[:refused], states, [])
    stack = [state.number for state in states]
    terminals = enumerate(tables.TERMINALS)
    return refused, [name for kind, name in terminals if _would_shift(list(stack), kind)]


def _would_shift(states: list[int], kind: int) -> bool:
    """Return whether a terminal could come next; a function name only if `(` could follow."""
    while (code := tables.ACTIONS[states[-1]].get(kind)) is not None:
        if code >= 0:
            return kind not in _FUNCTIONS or _OPEN in tables.ACTIONS[code % tables.FUSED]
        symbol, length, _, _ = tables.RULES[~code]
        if length:
            del states[-length:]
        states.append(tables.GOTOS[states[-1]][symbol])
    return False


def step(states: tuple[int, ...], token: str, last: str) -> tuple[int, ...] | None:
    """Return the states of the automaton behind one more token; None if it is refused.

    This is slower than `run` and builds no tree, but leaves the states before the token as they
    are, so that another token can be tried. `last` is the token before this one.
    """
    if "-" in token and token[0].isdecimal():  # a day that is not in date'...'
        return None
    kind = _KIND_BY_TEXT(token.lower()) or _KIND_BY_START(token[:1]) or _kind_by_look(token)
    after = _shifted(list(states), kind)
    if after is None and kind in _SOFT and not last[:1].isdecimal():
        after = _shifted(list(states), _NAME)
    return None if after is None else tuple(after)


def _shifted(states: list[int], kind: int) -> list[int] | None:
    while (code := tables.ACTIONS[states[-1]].get(kind)) is not None:
        if code >= 0:
            states.append(code % tables.FUSED)
            return states
        symbol, length, _, _ = tables.RULES[~code]
        if length:
            del states[-length:]
        states.append(tables.GOTOS[states[-1]][symbol])
    return None
