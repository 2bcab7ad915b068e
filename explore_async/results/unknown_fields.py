"""The names that were meant, for an error about a field that a dataset does not have.

A portal only says `Unknown field: populaton`. `FieldNames` asks for the schema once, on that path
only, and adds a note with the nearest names. The request is sent at most once and never retried:
the caller waits for an error that is known already.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from explore_async.errors import ExploreError
from explore_async.http.refusals import unknown_field

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from explore_async.errors import ODSQLError
    from odsql import Schema

__all__ = ["FieldNames"]

_LISTED = 10


class FieldNames:
    """The field names of one dataset, known once a query was refused.

    Args:
        ask: requests the schema (getDataset).
    """

    def __init__(self, ask: Callable[[], Awaitable[Schema]]) -> None:
        self._ask = ask
        self._schema: Schema | None = None
        self._asked = False
        self._asking = asyncio.Lock()

    async def explain(self, error: ODSQLError) -> None:
        """Add a note with the nearest names, if the error is about an unknown field."""
        name = unknown_field(error)
        if name is None:
            return
        async with self._asking:  # all pages of a reading may fail at once
            if not self._asked:
                self._asked = True
                with suppress(ExploreError):  # the error about the query matters, not this one
                    self._schema = await self._ask()
        if self._schema is not None and name not in self._schema.fields:
            error.add_note(_advice(name, self._schema))


def _advice(name: str, schema: Schema) -> str:
    near = schema.nearest(name)
    if near:
        return f"hint: did you mean {' or '.join(near)}?"
    names = list(schema.fields)
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"hint: the fields of the dataset are {', '.join(names[:_LISTED])}{more}."
