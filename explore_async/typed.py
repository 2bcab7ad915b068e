"""Pages of typed rows, decoded in one step.

To make plain rows of a body, and then dates, points and decimals of their values, takes twice as
long as the plain rows alone. msgspec makes all of it while it reads the JSON, and keeps every digit
of a number. It must be told the keys of the rows, and so it is the first page that teaches them.

The first page, and a body that does not fit, is decoded in two steps by the `Converter`, which has
the last word on what a value becomes: a year alone where a date is declared, a value of another
type, a row with other keys. Both ways give the same rows.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import orjson
from attrs import evolve

from explore_async.conversion import Converter, GeoPoint
from explore_async.models import Page

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["TypedRows"]

_Moment = Annotated[datetime, msgspec.Meta(tz=True)]
_TYPES: dict[str, Any] = {
    "date": date | list[date] | None,
    "datetime": _Moment | list[_Moment] | None,
    "decimal": Decimal | list[Decimal] | None,
    "geo_point_2d": GeoPoint | None,
}


class _Typed(dict[str, object]):
    """An answer whose rows have their types already."""


class TypedRows:
    """Decodes the pages of one reading.

    Args:
        converter: what values become.
    """

    def __init__(self, converter: Converter) -> None:
        self._converter = converter
        self._keys: tuple[str, ...] = ()
        self._decoder: msgspec.json.Decoder[Any] | None = None

    def decode(self, body: bytes) -> object:
        """The JSON value of a body; if it is a page that fits, its rows are typed.

        Raises:
            orjson.JSONDecodeError: it is not JSON.
        """
        if self._decoder is not None:
            try:
                answer = self._decoder.decode(body)
            except (msgspec.MsgspecError, ValueError):
                pass  # the second way knows what to say about it
            else:
                rows = list(map(msgspec.structs.asdict, answer.results))
                return _Typed(total_count=answer.total_count, results=rows)
        return self._in_two_steps(body)

    def page(self, answer: object, *, offset: int, limit: int) -> Page:
        """The page of typed rows that a decoded answer holds.

        Raises:
            DecodeError: it holds none, or a value that is not of its type.
        """
        page = Page.from_json(answer, offset=offset, limit=limit)
        if isinstance(answer, _Typed):
            return page
        return evolve(page, rows=self._converter.rows(page.rows))

    def _in_two_steps(self, body: bytes) -> object:
        answer = orjson.loads(body)
        rows = answer.get("results") if isinstance(answer, dict) else None
        if isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows):
            self._converter.restore_page(rows, body)
            self._learn(rows[0])
        return answer

    def _learn(self, row: dict[str, object]) -> None:
        keys = tuple(row)
        # A page that has the keys and does not fit all the same will not be the only one.
        self._decoder = None if keys == self._keys else _decoder(keys, self._converter)
        self._keys = keys


def _decoder(keys: Iterable[str], converter: Converter) -> msgspec.json.Decoder[Any] | None:
    """What decodes a page of rows with these keys; None when it cannot be made."""
    if not all(key.isidentifier() for key in keys):
        return None
    kinds = {converter.key(one): converter.kind(one) for one in converter.fields}
    fields = [(key, _TYPES.get(kinds.get(key, ""), Any)) for key in keys]
    # They live for one page and refer to nothing, so the collector need not know of them.
    row = msgspec.defstruct("Row", fields, forbid_unknown_fields=True, gc=False)
    page = msgspec.defstruct(
        "Answer",
        [("results", list[row]), ("total_count", int | None, None)],  # type: ignore[valid-type]
        forbid_unknown_fields=True,
    )
    return msgspec.json.Decoder(page)
