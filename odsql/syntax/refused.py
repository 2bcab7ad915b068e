"""A refused token in its text, as the hints and the repairs look at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from odsql.syntax.functions import CATALOGUE
from odsql.syntax.machine import acceptable
from odsql.syntax.scanning import tokenize
from odsql.syntax.spans import spans

if TYPE_CHECKING:
    from odsql.syntax.spans import Places

__all__ = ["Refused", "opened_brackets", "refusal"]


@frozen
class Refused:
    """A refused token in its text, the terminals accepted there, and what is open before it.

    Attributes:
        clause: the clause, for example "where".
        text: the whole text.
        tokens: the tokens of the text.
        places: the positions of the tokens.
        index: the index of the refused token.
        terminals: the names of the accepted terminals.
        opened: the indexes of the open parentheses and brackets, the innermost last.
    """

    clause: str
    text: str
    tokens: list[str]
    places: Places
    index: int
    terminals: frozenset[str]
    opened: list[int]

    def near(self, distance: int) -> str:
        """Return a token by its distance from the refused one; empty outside the text."""
        number = self.index + distance
        return self.tokens[number] if 0 <= number < len(self.tokens) else ""

    @property
    def token(self) -> str:
        """The refused token; empty at the end of the text."""
        return self.tokens[self.index]

    @property
    def before(self) -> str:
        """The token before it."""
        return self.near(-1)

    @property
    def after(self) -> str:
        """The token after it."""
        return self.near(1)

    @property
    def position(self) -> int:
        """The offset of the refused token."""
        return self.places[self.index].start

    @property
    def glued(self) -> bool:
        """True if no white space separates `before` and `token`."""
        return self.index > 0 and self.places[self.index - 1].end == self.position

    @property
    def innermost(self) -> str:
        """The innermost open parenthesis or bracket around the token; empty if none."""
        return self.tokens[self.opened[-1]] if self.opened else ""

    @property
    def opener(self) -> str:
        """The lower-case token before an innermost parenthesis: a function name, or `in`."""
        number = self.opened[-1] if self.innermost == "(" else 0
        return self.tokens[number - 1].lower() if number else ""

    def operand(self) -> int:
        """Return the index of the first token of the name, call or parentheses before the token."""
        number = self.index - 1
        if self.tokens[number] != ")":
            return max(number, 0)
        depth = 0
        while number > 0:
            depth += {")": 1, "(": -1}.get(self.tokens[number], 0)
            if depth == 0:
                break
            number -= 1
        return number - 1 if self.tokens[number - 1].lower() in CATALOGUE else number

    @property
    def at_end(self) -> bool:
        """True if the clause could end before the token."""
        return "$END" in self.terminals


def refusal(clause: str, text: str) -> Refused | None:
    """Parse a text up to the token that is refused; None if all of it is accepted."""
    index, terminals = acceptable(clause, text)
    if index is None:
        return None
    tokens = tokenize(text)
    opened = opened_brackets(tokens[:index])
    return Refused(clause, text, tokens, spans(text), index, frozenset(terminals), opened)


def opened_brackets(tokens: list[str]) -> list[int]:
    """Return the indexes of the parentheses and brackets that are open after some tokens."""
    parentheses: list[int] = []
    brackets: list[int] = []  # the way one faces does not tell whether it opens
    for number, token in enumerate(tokens):
        if token == "(":
            parentheses.append(number)
        elif token == ")" and parentheses:
            parentheses.pop()
        elif token in ("[", "]"):
            brackets = [] if brackets else [number]
    return sorted(parentheses + brackets)
