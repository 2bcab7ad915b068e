"""Whether the pages of a reading are together the result (getRecords, getDatasets).

The checks compare the lengths of pages, `total_count`, and the first and last row of each page with
those of the others. What they cannot see is said in `records`.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import orjson

from explore_async.errors import RepeatedPageError, ShortPageError, TotalCountDriftError
from explore_async.results.plan import PAGE_SIZE, Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from explore_async.models import Page

    Ask = Callable[[int, int], Coroutine[object, object, Page[Any]]]

__all__ = ["PageCheck", "refuse_wrong_length"]


def _mark(rows: list[object]) -> object:
    """Return the content of rows as bytes, or an object that equals no other mark."""
    try:
        return orjson.dumps(rows, default=repr)
    except TypeError:  # an integer of more than 64 bits, or deep nesting
        with suppress(RecursionError):
            return repr(rows).encode(errors="replace")
    return object()


def _same(row: object) -> object:
    return row


def refuse_wrong_length(page: Page[Any], total: int | None) -> None:
    """Refuse a page with more or fewer rows than its position in the result requires."""
    received = len(page.rows)
    expected = min(received, page.limit)
    if total is not None:
        expected = max(0, min(page.limit, total - page.offset))
    if received == expected:
        return
    raise ShortPageError(
        f"The page at offset {page.offset} holds {received} rows, but {expected} are expected. "
        "Read it again; if the error persists, report it to the portal.",
        expected=expected,
        received=received,
    )


class PageCheck:
    """Checks the pages of one reading against each other, in the order of delivery.

    Attributes:
        plan: the requested rows.
        total: the number of rows in the whole result, from the first page; None if unknown.
        end: the index after the last row, as far as known.
        begun: whether the first page has arrived.

    Args:
        plan: the requested rows.
        ask: requests a page.
        total: the number of rows in the whole result, if it is known already.
        values: returns what two rows are compared by; None to compare the rows.
    """

    def __init__(
        self,
        *,
        plan: Plan,
        ask: Ask,
        total: int | None,
        values: Callable[[Any], object] | None = None,
    ) -> None:
        self.plan = plan
        self.total = None if plan.grouped else total
        self.end = plan.stop
        self.begun = False
        self._ask = ask
        self._seen: set[tuple[int, object]] = set()
        self._values = values or _same
        self._last_row: object = None
        self._row_before: object = None
        self._repeats_are_data = False

    def begin(self, first: Page[Any]) -> None:
        """Take the number of rows from the first page.

        Raises:
            WindowExceeded: all rows are requested, and there are more than the window holds.
        """
        self.begun = True
        if self.total is None and not self.plan.grouped:
            self.total = first.total_count
        if self.total is not None:
            self.end = self.plan.end(self.total)

    def admit(self, page: Page[Any]) -> bool:
        """Check a page before its rows are delivered.

        Returns:
            Whether the page may be a repeat of an earlier one; `settle_repeat` decides.

        Raises:
            TotalCountDriftError: its `total_count` differs from that of the first page.
            ShortPageError: it has more or fewer rows than its position requires.
        """
        if page.total_count != self.total and self.total is not None:
            raise self._drift(page)
        refuse_wrong_length(page, self.total)
        if self.total is None and len(page.rows) < page.limit:
            self.end = page.offset + len(page.rows)
        if not page.rows:
            return False
        # Only the first and last row are compared: comparing all rows would cost as much as
        # decoding them, and another request settles an accidental match.
        first, last = self._values(page.rows[0]), self._values(page.rows[-1])
        mark = (len(page.rows), _mark([first, last]))
        repeated = mark in self._seen and not self._repeats_are_data
        self._seen.add(mark)
        self._row_before, self._last_row = self._last_row, last
        return repeated

    def _drift(self, page: Page[Any]) -> TotalCountDriftError:
        return TotalCountDriftError(
            f"total_count changed from {self.total} to {page.total_count} during the reading, "
            "because the dataset changed; rows may be missing or duplicated. Read it again, or use "
            "an export, which is one consistent response.",
            expected=self.total,
            received=page.total_count,
        )

    async def settle_repeat(self, page: Page[Any]) -> None:
        """Distinguish a server that ignores `offset` from data that repeats.

        With a narrow `select`, two correct pages can be equal. A correct server then returns, one
        row earlier, the row before this page followed by this page, and no rows after the end.
        Grouped rows contain their keys and never repeat.

        Raises:
            RepeatedPageError: the server ignores `offset`.
        """
        if self.plan.grouped or not await self._moves_with_offset(page):
            raise RepeatedPageError(
                f"The page at offset {page.offset} repeats an earlier page, so the server or a "
                "cache ignores `offset`. Use an export instead, and report the error to the "
                "portal.",
                expected=page.offset,
            )
        self._repeats_are_data = True

    async def _moves_with_offset(self, page: Page[Any]) -> bool:
        limit = min(len(page.rows) + 1, PAGE_SIZE)
        shifted = await self._ask(page.offset - 1, limit)
        expected = [self._row_before, *map(self._values, page.rows)][:limit]
        if list(map(self._values, shifted.rows)) != expected:
            return False
        if self.total is None or self.total >= self.plan.window:
            return True
        behind = await self._ask(self.total, 1)
        return not behind.rows
