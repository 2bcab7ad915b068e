"""The data model: files, the requests found in them, and inputs that cannot be read."""

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
    """An input that cannot be read as text or as queries. The message is one sentence.

    Attributes:
        path: the input, as it is shown.
        reason: the message without the path.
        passable: whether the input certainly has no queries (an image, a pipe). A walk over a
            directory may skip it; a file that the user named should still be reported.
    """

    def __init__(self, path: str, reason: str, *, passable: bool = False) -> None:
        """Store the facts from which the message is built."""
        super().__init__(path, reason)
        self.path = path
        self.reason = reason
        self.passable = passable

    def __str__(self) -> str:
        return f"{self.path} {self.reason}"


@frozen(slots=False)
class SourceFile:
    """A file's path, as it is shown, and its text.

    `leading` tells that it leads to an Explore API although its text does not name one: it imports
    the address, or the configuration says so.
    """

    path: str
    text: str = field(repr=False)
    leading: bool = False

    @cached_property
    def _line_starts(self) -> list[int]:
        lengths = map(len, self.text.split("\n"))
        return [0, *(place + number for number, place in enumerate(accumulate(lengths), 1))]

    def line_and_column(self, offset: int) -> tuple[int, int]:
        """Return the line and column of an offset in the text, both counted from 1."""
        line = bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1


@frozen
class Found:
    """A request found in a file.

    `offsets` has one entry for each parameter: the offsets in the file's text at which the
    characters of the parameter begin, and the offset at which the last one ends, so one more than
    it has characters. `name` is the name of the query in the file. `ignored_in` has the codes of
    the findings that the file suppresses, for each parameter, and `ignored` has all of them; "*"
    stands for any code.

    `skipped` has the names of parameters that the request has, or may have, but whose value is
    unknown, because the file has a placeholder there. "*" stands for any parameter: the request may
    be completed elsewhere. Nothing may be concluded from the absence of these parameters.
    """

    file: SourceFile
    request: Request
    offsets: tuple[Sequence[int], ...]
    name: str | None = None
    ignored: frozenset[str] = frozenset()
    skipped: frozenset[str] = frozenset()
    ignored_in: tuple[frozenset[str], ...] = ()

    def ignores(self, code: str, parameter: int) -> bool:
        """Return whether the file suppresses findings with a code in one of the parameters."""
        codes = self.ignored_in[parameter] if self.ignored_in else self.ignored
        return code in codes or "*" in codes
