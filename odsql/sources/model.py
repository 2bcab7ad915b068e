"""What is read and what is found: files, requests, and inputs that nothing can be made of."""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING

from attrs import field, frozen

from odsql.syntax.errors import ODSQLError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from odsql.checks.diagnostics import Request

__all__ = ["Found", "SourceFile", "UnreadableError"]


class UnreadableError(ODSQLError):
    """An input that cannot be read as text or as queries; the message is one clear sentence.

    Attributes:
        path: the input, as it is shown.
        reason: the message without the path.
        passable: nothing that is looked for can be in there (a picture, a pipe), so that a walk
            over a directory may pass it by; a file that was named should be reported all the same.
    """

    def __init__(self, path: str, reason: str, *, passable: bool = False) -> None:
        """Keep the facts; the message is made of them."""
        super().__init__(path, reason)
        self.path = path
        self.reason = reason
        self.passable = passable

    def __str__(self) -> str:
        return f"{self.path} {self.reason}"


@frozen(slots=False)
class SourceFile:
    """A file's path, as it is shown, and its text."""

    path: str
    text: str = field(repr=False)

    @cached_property
    def _line_starts(self) -> list[int]:
        lengths = map(len, self.text.split("\n"))
        return [0, *(place + number for number, place in enumerate(accumulate(lengths), 1))]

    def line_and_column(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset in the text, both counted from 1."""
        line = bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1


@frozen
class Found:
    """A request that was found in a file.

    `offsets` has one entry for each parameter: where in the file's text each character of the
    parameter's text begins, and where the last one ends, so one more than it has characters.
    `name` is what the query is called there. `ignored_in` has the codes of findings that the file
    asks to leave out, parameter by parameter, and `ignored` all of them; "*" stands for any code.

    `skipped` are the names of parameters that the request has, or may have, but whose text is not
    known: a placeholder stands there. "*" stands for any: the request may be completed elsewhere.
    Nothing may be concluded from the absence of these from the request.
    """

    file: SourceFile
    request: Request
    offsets: tuple[Sequence[int], ...]
    name: str | None = None
    ignored: frozenset[str] = frozenset()
    skipped: frozenset[str] = frozenset()
    ignored_in: tuple[frozenset[str], ...] = ()

    def ignores(self, code: str, parameter: int) -> bool:
        """Whether the file asks to leave out findings with a code in one of the parameters."""
        codes = self.ignored_in[parameter] if self.ignored_in else self.ignored
        return code in codes or "*" in codes
