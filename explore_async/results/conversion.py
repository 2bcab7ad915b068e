"""From the values of JSON and CSV to Python's own, by the schema of a dataset; always opt-in.

A `Converter` knows the fields of one dataset. It changes values of fields it knows, by name, and
leaves every other one, so aliases and aggregates stay as the server sent them.

| type | becomes |
|---|---|
| `date` | `datetime.date`; a year or a month alone, which Python has no type for, stays text |
| `datetime` | `datetime.datetime` with its zone |
| `geo_point_2d` | `GeoPoint` |
| `decimal`, and with `decimals=True` `double` | `decimal.Decimal` |
| `int`, `double`, `text`, `geo_shape`, `file` | themselves; from CSV: int, float, text, object |

Decimals and integers have the digits the server sent. Where only rows are at hand and not their
JSON, as in `Converter.rows`, a decimal has those of the nearest float, 15 to 17 of them, and an
integer beyond 64 bits, which was rounded on the way, is a misfit.
"""

from __future__ import annotations

import json
import re
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import msgspec
import orjson
from attrs import field, frozen

from explore_async.errors import ConfigurationError, DecodeError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from explore_async.http.gate import Admission
    from explore_async.models import DatasetField, DatasetInfo, Row

__all__ = ["Converter", "ConverterSource", "GeoPoint"]

_PARTIAL_DATE = re.compile(r"\d{4}(-\d{2})?")
_MISFITS = (ValueError, InvalidOperation, KeyError, TypeError, RecursionError)
_MOMENT = Annotated[datetime, msgspec.Meta(tz=True)]
# Beyond 64 bits orjson makes an integer a float, and its last digits are lost.
_ROUNDED_FROM = 2.0**63
_LACKING = frozenset({float, list})
_EXACT = json.JSONDecoder(parse_float=Decimal, parse_constant=lambda _: None)
_OBJECTS = frozenset({"geo_shape", "file", "image", "json_blob"})

# Fetches the schema of a dataset, in the place of a reading where there is one.
ConverterSource: TypeAlias = "Callable[[Admission | None], Awaitable[Converter]]"


class GeoPoint(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A place on earth, in degrees (WGS 84).

    Attributes:
        lon: degrees east.
        lat: degrees north.
    """

    lon: float
    lat: float


@frozen(kw_only=True)
class Converter:
    """Converts rows of one dataset; pure, and it never changes the row it is given.

    Attributes:
        fields: the fields of the dataset.
        decimals: make `double` a Decimal too.
        misfits: what to do with a value that is not of its field's type: `raise` DecodeError, or
            `keep` it as it came.
        by_label: rows have the labels of fields as keys, as exports with `use_labels` do.
        list_separator: what stands between the values of a multivalued field in CSV.
    """

    fields: tuple[DatasetField, ...]
    decimals: bool = False
    misfits: Literal["raise", "keep"] = "raise"
    by_label: bool = False
    list_separator: str = ","
    _json: Mapping[str, _Reader] = field(init=False, repr=False, eq=False)
    _text: Mapping[str, Callable[[object], object]] = field(init=False, repr=False, eq=False)
    _integers: frozenset[str] = field(init=False, repr=False, eq=False)
    _decimals: frozenset[str] = field(init=False, repr=False, eq=False)
    _with_digits: tuple[str, ...] = field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        if self.misfits not in {"raise", "keep"}:
            raise ConfigurationError(
                f"Converter(misfits={self.misfits!r}) cannot work; it must be 'raise' or 'keep'."
            )

    @_json.default
    def _json_readers(self) -> Mapping[str, _Reader]:
        readers = {self.key(one): _JSON_READERS.get(self.kind(one)) for one in self.fields}
        return {key: reader for key, reader in readers.items() if reader is not None}

    @_text.default
    def _text_readers(self) -> Mapping[str, Callable[[object], object]]:
        return {
            self.key(one): _text_reader(one, self.kind(one), self.list_separator)
            for one in self.fields
        }

    @_integers.default
    def _names_of_integers(self) -> frozenset[str]:
        return frozenset(self.key(one) for one in self.fields if one.type == "int")

    @_decimals.default
    def _names_of_decimals(self) -> frozenset[str]:
        return frozenset(self.key(one) for one in self.fields if self.kind(one) == "decimal")

    @_with_digits.default
    def _names_with_digits(self) -> tuple[str, ...]:
        return (*self._integers, *self._decimals)

    @classmethod
    def from_info(
        cls,
        info: DatasetInfo,
        *,
        decimals: bool = False,
        misfits: Literal["raise", "keep"] = "raise",
    ) -> Converter:
        """The converter for a dataset, from its schema."""
        return cls(fields=info.fields, decimals=decimals, misfits=misfits)

    def key(self, one: DatasetField) -> str:
        """What a row calls a field."""
        return one.label if self.by_label else one.name

    def kind(self, one: DatasetField) -> str:
        """The type that values of a field get: `double` becomes `decimal` where that is wanted."""
        return "decimal" if one.type == "double" and self.decimals else one.type

    def restore(self, row: Row, raw: bytes) -> None:
        """Put the digits that a float has not into a row just decoded, from the JSON it was.

        Costs nothing much unless there is a decimal, or an integer that was rounded.
        """
        decimals, integers = self._lacking(row)
        if decimals or integers:
            _put(row, _with_all_digits(raw), decimals, integers)

    def exact(self, raw: bytes) -> object:
        """The value of a JSON text; if it is a row, its numbers have all their digits.

        Raises:
            orjson.JSONDecodeError: it is not JSON.
        """
        row: object = orjson.loads(raw)
        if isinstance(row, dict):
            self.restore(row, raw)
        return row

    def restore_page(self, rows: list[Row], raw: bytes) -> None:
        """`restore`, for the `results` of an answer."""
        lacking = [self._lacking(row) for row in rows]
        if not any(decimals or integers for decimals, integers in lacking):
            return
        exact = _with_all_digits(raw)["results"]
        for row, its, names in zip(rows, exact, lacking, strict=True):
            _put(row, its, *names)

    def _lacking(self, row: Row) -> tuple[list[str], list[str]]:
        """The decimals and the integers of a row that a float may have taken digits from."""
        get = row.get
        for name in self._with_digits:
            if type(get(name)) in _LACKING:
                break
        else:
            return [], []
        decimals = [name for name in self._decimals if type(get(name)) in _LACKING]
        return decimals, [name for name in self._integers if _is_rounded(get(name))]

    def row(self, row: Row) -> Row:
        """A row with the values of JSON converted.

        Raises:
            DecodeError: a value is not of its field's type, unless `misfits` is `keep`.
        """
        return self.rows([row])[0]

    def rows(self, rows: Iterable[Row], *, exact: bool = False) -> list[Row]:
        """`row`, over many.

        Args:
            rows: plain rows.
            exact: their integers have all digits, so that none was rounded.
        """
        made = [row.copy() for row in rows]
        for name, reader in self._json.items():
            if exact and reader is _INTEGERS:
                continue
            values = [row.get(name) for row in made]
            try:
                read = reader.all(values)
            except _MISFITS:
                # One of them is no plain value of the type: a list, a year alone, a misfit.
                read = [self._read(name, reader.one, value) for value in values]
            if read is values:
                continue
            for row, value in zip(made, read, strict=True):
                if value is not None:
                    row[name] = value
        return made

    def text_row(self, row: Row) -> Row:
        """A row with the cells of a CSV file converted.

        Raises:
            DecodeError: a cell is not of its field's type, unless `misfits` is `keep`.
        """
        made = row.copy()
        for name, read in self._text.items():
            if made.get(name) is not None:
                made[name] = self._read(name, read, made[name])
        return made

    def _read(self, name: str, read: Callable[[object], object], value: object) -> object:
        if value is None:
            return None
        try:
            return read(value)
        except _MISFITS as error:
            if self.misfits == "raise":
                raise self._misfit(name, value) from error
            return value

    def _misfit(self, name: str, value: object) -> DecodeError:
        kind = next(one.type for one in self.fields if self.key(one) == name)
        if _is_rounded(value) and kind == "int":
            return DecodeError(
                f"{name} is int, and {_shown(value)} was rounded, because it has more than "
                "64 bits. Rows that are read with typed= keep its digits; or read plain rows.",
                status=200,
            )
        return DecodeError(
            f"{name} is {kind}, and {_shown(value)} is none. Leave it as it is with "
            "Converter.from_info(info, misfits='keep'), or read plain rows.",
            status=200,
        )


@frozen
class _Reader:
    """How values of one type are read from JSON.

    Attributes:
        one: reads any value that may come.
        all: reads a column of them at once, or raises: only None and plain values of the type.
    """

    one: Callable[[object], object]
    all: Callable[[list[Any]], list[Any]]


def _each(read: Callable[[str], object]) -> Callable[[object], object]:
    """Read text; an alias of the same name may hold another type, which stays."""

    def one(value: object) -> object:
        if isinstance(value, str):
            return read(value)
        return [one(each) for each in value] if isinstance(value, list) else value

    return one


def _date(text: str) -> date | str:
    if _PARTIAL_DATE.fullmatch(text):
        return text
    return date.fromisoformat(text)


def _datetime(text: str) -> datetime:
    try:
        # As pages are decoded: to the nearest microsecond.
        return msgspec.convert(text, _MOMENT)
    except msgspec.ValidationError:
        moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        msg = "a datetime without a zone"
        raise ValueError(msg)
    return moment


def _integer(value: object) -> object:
    if _is_rounded(value):
        msg = "an integer that was rounded"
        raise ValueError(msg)
    return value


def _is_rounded(value: object) -> bool:
    # The list of a multivalued field is flat.
    values = value if isinstance(value, list) else [value]
    return any(isinstance(one, float) and abs(one) >= _ROUNDED_FROM for one in values)


def _with_all_digits(raw: bytes) -> Any:
    """The value of a JSON text, its numbers as decimals and integers of any size.

    Raises:
        orjson.JSONDecodeError: it is nested too deep for the decoder that keeps digits.
    """
    text = raw.decode("utf-8")
    try:
        return _EXACT.decode(text)
    except RecursionError as error:
        msg = "nested too deep"
        raise orjson.JSONDecodeError(msg, text, 0) from error


def _shown(value: object) -> str:
    try:
        return f"{value!r:.80}"
    except RecursionError:
        return "a value that is nested too deep to show"


def _put(row: Row, exact: Row, decimals: list[str], integers: list[str]) -> None:
    for name in decimals:
        row[name] = exact[name]
    for name in integers:
        row[name] = _with_integers(row[name], exact[name])


def _with_integers(value: object, exact: object) -> object:
    """The value with the integers of the exact one; an average, say, stays the float it is."""
    if isinstance(value, list) and isinstance(exact, list):
        return [its if isinstance(its, int) else one for one, its in zip(value, exact, strict=True)]
    return exact if isinstance(exact, int) else value


def _decimal(value: object) -> object:
    if isinstance(value, list):
        return [_decimal(each) for each in value]
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return value
    # The shortest text of a float is the nearest to what the server wrote that is still known.
    return Decimal(value if isinstance(value, str) else repr(value))


def _point(value: object) -> object:
    if isinstance(value, dict):
        return GeoPoint(lon=float(value["lon"]), lat=float(value["lat"]))
    return value


def _dates(values: list[Any]) -> list[Any]:
    read = date.fromisoformat
    return [value if value is None else read(value) for value in values]


def _datetimes(values: list[Any]) -> list[Any]:
    return [value if value is None else _datetime(value) for value in values]


def _points(values: list[Any]) -> list[Any]:
    return [value if value is None else _point(value) for value in values]


def _integers(values: list[Any]) -> list[Any]:
    kinds = set(map(type, values))
    if (float in kinds or list in kinds) and any(map(_is_rounded, values)):
        msg = "an integer that was rounded"
        raise ValueError(msg)
    return values


def _decimals(values: list[Any]) -> list[Any]:
    return [value if value is None else _decimal(value) for value in values]


_INTEGERS = _Reader(_integer, _integers)
_JSON_READERS: Mapping[str, _Reader] = MappingProxyType(
    {
        "date": _Reader(_each(_date), _dates),
        "datetime": _Reader(_each(_datetime), _datetimes),
        "decimal": _Reader(_decimal, _decimals),
        "geo_point_2d": _Reader(_point, _points),
        "int": _INTEGERS,
    }
)


def _text_reader(one: DatasetField, kind: str, separator: str) -> Callable[[object], object]:
    read = _cell_reader(kind)
    if one.annotations.get("multivalued", False) is False:
        return lambda cell: read(str(cell))
    return lambda cell: [read(part) for part in str(cell).split(separator)]


def _cell_reader(kind: str) -> Callable[[str], object]:
    if kind in _OBJECTS:
        return orjson.loads
    readers: dict[str, Callable[[str], object]] = {
        "int": int,
        "double": float,
        "decimal": Decimal,
        "date": _date,
        "datetime": _datetime,
        "geo_point_2d": _point_of_text,
    }
    return readers.get(kind, str)


def _point_of_text(text: str) -> GeoPoint:
    lat, lon = text.split(",")
    return GeoPoint(lon=float(lon), lat=float(lat))
