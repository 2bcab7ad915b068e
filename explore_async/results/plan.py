"""Which rows a reading requests, within the limits that the server sets (getRecords).

A page holds at most 100 rows, and `offset + limit` must not exceed 10,000. With `group_by` both
limits are 20,000.
"""

from __future__ import annotations

from attrs import frozen

from explore_async.errors import ConfigurationError, WindowExceeded
from explore_async.operations import refuse_fractions

__all__ = ["PAGE_SIZE", "Plan"]

PAGE_SIZE = 100
_WINDOW = 10_000
_GROUPED_WINDOW = 20_000


@frozen(kw_only=True)
class Plan:
    """The requested rows and their page size, validated on creation.

    Attributes:
        start: the index of the first row.
        max_rows: the maximum number of rows; None for all.
        page_size: rows per request; None for the server's maximum.
        grouped: whether the query has a `group_by`.

    Raises:
        ConfigurationError: a number is out of range.
        WindowExceeded: `start + max_rows` exceeds the server's window.
    """

    start: int
    max_rows: int | None
    grouped: bool
    page_size: int | None = None

    def __attrs_post_init__(self) -> None:
        refuse_fractions(max_rows=self.max_rows, page_size=self.page_size)
        largest = self.window if self.grouped else PAGE_SIZE
        if self.page_size is not None and not 1 <= self.page_size <= largest:
            raise ConfigurationError(
                f"page_size is {self.page_size}; for this query it must be from 1 to {largest}."
            )
        if self.start < 0 or (self.max_rows is not None and self.max_rows < 0):
            raise ConfigurationError(
                f"offset is {self.start} and max_rows is {self.max_rows}; neither may be negative."
            )
        last = self.start + (1 if self.max_rows is None else self.max_rows)
        if last > self.window:
            raise self.beyond(last)

    @property
    def window(self) -> int:
        """The largest `offset + limit` that the server accepts."""
        return _GROUPED_WINDOW if self.grouped else _WINDOW

    @property
    def step(self) -> int:
        """The number of rows per request."""
        return self.page_size or (_GROUPED_WINDOW if self.grouped else PAGE_SIZE)

    @property
    def stop(self) -> int:
        """The index after the last row that may be requested."""
        return self.window if self.max_rows is None else self.start + self.max_rows

    def limit_at(self, offset: int) -> int:
        """Return the `limit` of the page that begins at `offset`."""
        return min(self.step, self.stop - offset)

    def end(self, total: int) -> int:
        """Return the index after the last row of this plan in a result of `total` rows.

        Raises:
            WindowExceeded: all rows are requested, and there are more than the window holds.
        """
        if self.max_rows is None and total > self.window:
            raise self.beyond(total)
        return min(total, self.stop)

    def beyond(self, wanted: int | None) -> WindowExceeded:
        """Return the error for rows that paging cannot reach."""
        what = (
            f"Rows up to number {wanted} are requested"
            if wanted is not None
            else "There may be more rows"
        )
        return WindowExceeded(
            f"{what}, but the server pages only through the first {self.window}. "
            "Use an export (`dataset.export(...)`, `explore export`; for the catalog "
            "`client.export(...)`), which has no such limit, narrow the query with `where`, or "
            "request fewer rows (`max_rows`, `--limit`).",
            window=self.window,
            wanted=wanted,
        )
