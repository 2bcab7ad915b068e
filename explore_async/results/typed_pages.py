"""Pages of typed rows, decoded in one step.

Decoding a body to plain rows and then converting their values to dates, points and decimals takes
twice as long as decoding alone. msgspec does both while it parses the JSON, and keeps all digits of
a number. It needs the keys of the rows, which are taken from the first row.

A body that does not fit is decoded in two steps, with the `Converter`: for instance a year alone in
a date field, a value of another type, or a row with other keys. Both ways return the same rows.
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
    """The part of a response that is decoded to learn the keys."""

    results: list[msgspec.Raw]


class _Typed(dict[str, object]):
    """A response whose rows are already typed."""


class TypedRows:
    """Decodes the pages of one reading.

    Args:
        converter: defines the fields, and converts pages that need two steps.
    """

    def __init__(self, converter: Converter) -> None:
        self._converter = converter
        self._kinds = {converter.key(one): converter.kind(one) for one in converter.fields}
        self._fitting = True
        self._learn(())

    def decode(self, body: bytes) -> object:
        """Decode a body; if it is a page that fits, its rows are typed.

        Raises:
            orjson.JSONDecodeError: the body is not JSON.
        """
        answer = self._at_once(body) if self._fitting else None
        return self._in_two_steps(body) if answer is None else answer

    def values(self, row: object) -> object:
        """Return what two rows are compared by: the row."""
        return row

    def page(self, answer: object, *, offset: int, limit: int) -> Page[Any]:
        """Return the page of typed rows in a decoded response.

        Raises:
            DecodeError: the response is not a page, or a value does not match its type.
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
            # If a page with these keys does not fit, others will not fit either.
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
    """Return the keys of a page's first row; None if they cannot be used."""
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
    """Return a decoder for pages of rows with these keys and types."""
    types = [(key, _TYPES.get(kind, Any)) for key, kind in fields]
    # Rows live for one page and form no cycles, so the garbage collector can ignore them.
    row = msgspec.defstruct("Row", types, forbid_unknown_fields=True, gc=False)
    page = msgspec.defstruct(
        "Answer",
        [("results", list[row]), ("total_count", int | None, None)],  # type: ignore[valid-type]
        forbid_unknown_fields=True,
    )
    return msgspec.json.Decoder(page)
