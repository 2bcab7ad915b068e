"""Pages of typed rows, decoded in one step.

To make plain rows of a body, and then dates, points and decimals of their values, takes twice as
long as the plain rows alone. msgspec makes all of it while it reads the JSON, and keeps every digit
of a number. It must be told the keys of the rows, which are those of the first row it meets.

A body that does not fit is decoded in two steps by the `Converter`, which has the last word on what
a value becomes: a year alone where a date is declared, a value of another type, a row with other
keys. Both ways give the same rows.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any

import msgspec
import orjson
from attrs import evolve

from explore_async.models import Page
from explore_async.results.conversion import Converter, GeoPoint

__all__ = ["TypedRows"]

_Moment = Annotated[datetime, msgspec.Meta(tz=True)]
_TYPES: dict[str, Any] = {
    "date": date | list[date] | None,
    "datetime": _Moment | list[_Moment] | None,
    "decimal": Decimal | list[Decimal] | None,
    "geo_point_2d": GeoPoint | None,
}
_MISFITS = (msgspec.MsgspecError, ValueError, RecursionError)


class _Head(msgspec.Struct):
    """What is looked at to learn the keys."""

    results: list[msgspec.Raw]


class _Typed(dict[str, object]):
    """An answer whose rows have their types already."""


class TypedRows:
    """Decodes the pages of one reading.

    Args:
        converter: what values become.
    """

    def __init__(self, converter: Converter) -> None:
        self._converter = converter
        self._kinds = {converter.key(one): converter.kind(one) for one in converter.fields}
        self._fitting = True
        self._learn(())

    def decode(self, body: bytes) -> object:
        """The JSON value of a body; if it is a page that fits, its rows are typed.

        Raises:
            orjson.JSONDecodeError: it is not JSON.
        """
        answer = self._at_once(body) if self._fitting else None
        return self._in_two_steps(body) if answer is None else answer

    def page(self, answer: object, *, offset: int, limit: int) -> Page:
        """The page of typed rows that a decoded answer holds.

        Raises:
            DecodeError: it holds none, or a value that is not of its type.
        """
        page = Page.from_json(answer, offset=offset, limit=limit)
        if isinstance(answer, _Typed):
            return page
        return evolve(page, rows=self._converter.rows(page.rows, exact=True))

    def _at_once(self, body: bytes) -> _Typed | None:
        try:
            answer = self._decoder.decode(body)
        except _MISFITS:
            keys = _keys_of(body)
            if keys is None:
                return None
            # A page that has the keys and does not fit all the same will not be the only one.
            self._fitting = keys != self._keys
            if not self._fitting:
                return None
            self._learn(keys)
            return self._at_once(body)
        rows = list(map(msgspec.structs.asdict, answer.results))
        return _Typed(total_count=answer.total_count, results=rows)

    def _learn(self, keys: tuple[str, ...]) -> None:
        self._keys = keys
        self._decoder = _decoder(tuple((key, self._kinds.get(key, "")) for key in keys))

    def _in_two_steps(self, body: bytes) -> object:
        try:
            answer = msgspec.json.decode(body)
        except _MISFITS:
            answer = orjson.loads(body)
        rows = answer.get("results") if isinstance(answer, dict) else None
        if isinstance(rows, list) and all(isinstance(row, dict) for row in rows):
            self._converter.restore_page(rows, body)
        return answer


def _keys_of(body: bytes) -> tuple[str, ...] | None:
    """The keys of the first row of a page; None when there are none to learn."""
    try:
        first, *_ = msgspec.json.decode(body, type=_Head).results
        row = msgspec.json.decode(first)
    except _MISFITS:
        return None
    if not isinstance(row, dict) or not all(map(_can_be_an_attribute, row)):
        return None
    return tuple(row)


def _can_be_an_attribute(key: str) -> bool:
    return key.isidentifier() and not key.startswith("__")


@lru_cache(maxsize=64)
def _decoder(fields: tuple[tuple[str, str], ...]) -> msgspec.json.Decoder[Any]:
    """What decodes a page of rows with these keys and types."""
    types = [(key, _TYPES.get(kind, Any)) for key, kind in fields]
    # They live for one page and refer to nothing, so the collector need not know of them.
    row = msgspec.defstruct("Row", types, forbid_unknown_fields=True, gc=False)
    page = msgspec.defstruct(
        "Answer",
        [("results", list[row]), ("total_count", int | None, None)],  # type: ignore[valid-type]
        forbid_unknown_fields=True,
    )
    return msgspec.json.Decoder(page)
