"""Rows that do not fit the class that they are asked for in: what is kept of them.

This is apart from `into`, so that readings without a class load nothing of it.
"""

from __future__ import annotations

from logging import getLogger
from typing import TYPE_CHECKING, Any, Literal

from attrs import frozen

from explore_async.errors import MisfitError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Misfit", "Misfits", "OnMisfit", "WithMisfits"]

OnMisfit = Literal["raise", "skip", "collect"]
"""What to do with a row that does not fit its class."""

_LOG = getLogger("explore_async")


@frozen(kw_only=True)
class Misfit:
    """A row that does not fit its class, in the place of the row; see `MisfitError`."""

    class_name: str
    field: str | None
    wanted: str
    came: str

    def error(self, row: int | None) -> MisfitError:
        """Return the error for the row with this index in the result; None for the only row."""
        what = "it" if self.field is None else self.field
        which = "The row" if row is None else f"Row {row}"
        return MisfitError(
            f"{which} does not fit {self.class_name}: {what} must be {self.wanted}, but holds "
            f"{self.came}. Correct the class, leave such rows out with `where`, or pass "
            "misfits='skip' or misfits='collect'.",
            row=row,
            field=self.field,
            wanted=self.wanted,
            came=self.came,
        )


class WithMisfits(list[Any]):
    """Rows with misfits among them; a page of any other list has none, and is not searched."""


class Misfits:
    """The rows of the last reading that did not fit their class and were left out.

    Attributes:
        count: the number of these rows.
        errors: the error of each with `misfits="collect"`; that of the first with `skip`.
    """

    def __init__(self) -> None:
        self.count = 0
        self.errors: list[MisfitError] = []

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[MisfitError]:
        return iter(self.errors)

    def __repr__(self) -> str:
        return f"<Misfits: {self.count} rows>"

    def clear(self) -> None:
        """Begin another reading."""
        self.count = 0
        self.errors = []

    def add(self, error: MisfitError, mode: OnMisfit) -> None:
        """Count a row that is left out, or raise its error.

        Raises:
            MisfitError: the mode is `raise`.
        """
        if mode == "raise":
            raise error
        if not self.count:
            _LOG.warning("A row is left out, and more may be. %s", error)
        if mode == "collect" or not self.count:
            self.errors.append(error)
        self.count += 1
