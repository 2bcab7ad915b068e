"""Conversion of JSON and CSV values to Python types by a dataset's schema; always opt-in.

A `Converter` knows the fields of one dataset. It converts values by the names of these fields and
leaves all others unchanged, so aliases and aggregates stay as the server sent them.

| type | becomes |
|---|---|
| `date` | `datetime.date`; a year or a month alone stays a string, as Python has no type for it |
| `datetime` | `datetime.datetime` with its zone |
| `geo_point_2d` | `GeoPoint` |
| `decimal`, and with `decimals=True` `double` | `decimal.Decimal` |
| `int`, `double`, `text`, `geo_shape`, `file` | unchanged; from CSV: int, float, str, object |

Decimals and integers keep all digits that the server sent. If only decoded rows are available, as
in `Converter.rows`, a decimal has the 15 to 17 digits of the nearest float, and an integer beyond
64 bits is a misfit, because decoding has rounded it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import msgspec
import orjson
from attrs import field, frozen

from explore_async.errors import ConfigurationError, DecodeError
from explore_async.http.decoding import load_json
from explore_async.models import DatasetField, DatasetInfo
from explore_async.operations import refuse_other_types
from odsql.syntax.errors import shown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from explore_async.http.gate import Admission
    from explore_async.models import Row

__all__ = ["Converter", "ConverterSource", "GeoPoint"]

_PARTIAL_DATE = re.compile(r"\d{4}(-\d{2})?")
_MIDNIGHT = re.compile(r"(\d{4}-\d{2}-\d{2})T00:00:00(?:\.0+)?(?:Z|\+00:00)", re.ASCII)
"""How some portals send a day; it is that day everywhere, so no zone applies to it."""
_MISFITS = (ValueError, InvalidOperation, KeyError, TypeError, RecursionError)
_MOMENT = Annotated[datetime, msgspec.Meta(tz=True)]
# orjson decodes an integer beyond 64 bits as a float, which loses its last digits.
_ROUNDED_FROM = 2.0**63
_LACKING = frozenset({float, list})
_EXACT = json.JSONDecoder(parse_float=Decimal, parse_constant=lambda _: None)
_OBJECTS = frozenset({"geo_shape", "file", "image", "json_blob"})

# Fetches the schema of a dataset, under the admission of a fan-out's reading if given.
ConverterSource: TypeAlias = "Callable[[Admission | None], Awaitable[Converter]]"


class GeoPoint(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A geographic point, in degrees (WGS 84).

    Attributes:
        lon: longitude, in degrees east.
        lat: latitude, in degrees north.
    """

    lon: float
    lat: float


def _known_fields(fields: Iterable[DatasetField]) -> tuple[DatasetField, ...]:
    known = tuple(fields) if isinstance(fields, Iterable) else (None,)
    if all(isinstance(one, DatasetField) for one in known):
        return known
    raise ConfigurationError("fields must be the fields of a dataset, such as `info.fields`.")


@frozen(kw_only=True)
class Converter:
    """Converts rows of one dataset; it never changes the row that it is given.

    Attributes:
        fields: the fields of the dataset.
        decimals: convert `double` to Decimal too.
        misfits: what to do with a value that does not match its field's type: `raise` DecodeError,
            or `keep` the value unchanged.
        by_label: the keys of rows are field labels, as in exports with `use_labels`.
        list_separator: separates the values of a multivalued field in CSV.
    """

    fields: tuple[DatasetField, ...] = field(converter=_known_fields)
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
        if self.misfits not in ("raise", "keep"):
            raise ConfigurationError(
                f"misfits is {shown(self.misfits)}; it must be 'raise' or 'keep'."
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
        """Create the converter of a dataset from its schema."""
        refuse_other_types("info", info, DatasetInfo, wanted="what `dataset.info()` returns")
        return cls(fields=info.fields, decimals=decimals, misfits=misfits)

    def key(self, one: DatasetField) -> str:
        """Return the key of a field in rows."""
        return one.label if self.by_label else one.name

    def kind(self, one: DatasetField) -> str:
        """Return the type of a field's converted values: `decimal` for `double` with `decimals`."""
        return "decimal" if one.type == "double" and self.decimals else one.type

    def restore(self, row: Row, raw: bytes) -> None:
        """Restore the digits that floats lost in a decoded row, from its JSON.

        This is cheap unless the row has a decimal or a rounded integer.
        """
        decimals, integers = self._lacking(row)
        if decimals or integers:
            _put(row, _with_all_digits(raw), decimals, integers)

    def exact(self, raw: bytes) -> object:
        """Decode a JSON text; if it is a row, its numbers keep all digits.

        Raises:
            orjson.JSONDecodeError: the text is not JSON.
        """
        row = load_json(raw)
        if isinstance(row, dict):
            self.restore(row, raw)
        return row

    def restore_page(self, rows: list[Row], raw: bytes) -> None:
        """Do the same as `restore` for the `results` of a response."""
        lacking = [self._lacking(row) for row in rows]
        if not any(decimals or integers for decimals, integers in lacking):
            return
        exact = _with_all_digits(raw)["results"]
        for row, its, names in zip(rows, exact, lacking, strict=True):
            _put(row, its, *names)

    def _lacking(self, row: Row) -> tuple[list[str], list[str]]:
        """Return the decimals and integers of a row that may have lost digits as floats."""
        get = row.get
        for name in self._with_digits:
            if type(get(name)) in _LACKING:
                break
        else:
            return [], []
        decimals = [name for name in self._decimals if type(get(name)) in _LACKING]
        return decimals, [name for name in self._integers if _is_rounded(get(name))]

    def row(self, row: Row) -> Row:
        """Return a copy of a row with its JSON values converted.

        Raises:
            DecodeError: a value does not match its field's type, unless `misfits` is `keep`.
        """
        return self.rows([row])[0]

    def exact_row(self, row: Row) -> Row:
        """Do the same as `row`, for a row whose integers have all their digits."""
        return self.rows([row], exact=True)[0]

    def rows(self, rows: Iterable[Row], *, exact: bool = False) -> list[Row]:
        """Return copies of rows with their JSON values converted, as `row` does.

        Args:
            rows: plain rows.
            exact: the integers have all their digits, so none needs a check for rounding.
        """
        made = _copies(rows)
        for name, reader in self._json.items():
            if exact and reader is _INTEGERS:
                continue
            values = [row.get(name) for row in made]
            try:
                read = reader.all(values)
            except _MISFITS:
                # At least one value is special: a list, a year alone or a misfit.
                read = [self._read(name, reader.one, value) for value in values]
            if read is values:
                continue
            for row, value in zip(made, read, strict=True):
                if value is not None:
                    row[name] = value
        return made

    def text_row(self, row: Row) -> Row:
        """Return a copy of a row with its CSV cells converted.

        Raises:
            DecodeError: a cell does not match its field's type, unless `misfits` is `keep`.
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
                f"{name} has type int, but {_shown(value)} was rounded, because it exceeds 64 "
                "bits. Read the rows with typed= to keep all digits, or read plain rows.",
                status=200,
            )
        return DecodeError(
            f"{name} has type {kind}, but holds {_shown(value)}. Keep such values with "
            "Converter.from_info(info, misfits='keep'), or read plain rows.",
            status=200,
        )


def _copies(rows: Iterable[Row]) -> list[Row]:
    try:
        made = [row.copy() for row in rows]
    except (AttributeError, TypeError):
        made = None
    if made is None or not all(isinstance(row, dict) for row in made):
        raise ConfigurationError("A row to convert must be a dict of values by field name.")
    return made


@frozen
class _Reader:
    """Converts JSON values of one type.

    Attributes:
        one: converts any value.
        all: converts a column of None and plain values of the type, or raises an error.
    """

    one: Callable[[object], object]
    all: Callable[[list[Any]], list[Any]]


def _each(read: Callable[[str], object]) -> Callable[[object], object]:
    """Convert strings; values of other types, from an alias of the same name, stay unchanged."""

    def one(value: object) -> object:
        if isinstance(value, str):
            return read(value)
        return [one(each) for each in value] if isinstance(value, list) else value

    return one


def _date(text: str) -> date | str:
    if _PARTIAL_DATE.fullmatch(text):
        return text
    midnight = _MIDNIGHT.fullmatch(text)
    return date.fromisoformat(midnight[1] if midnight is not None else text)


def _datetime(text: str) -> datetime:
    try:
        # Rounds to the nearest microsecond, as the decoding of pages does.
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
    # The list of a multivalued field is never nested.
    values = value if isinstance(value, list) else [value]
    return any(isinstance(one, float) and abs(one) >= _ROUNDED_FROM for one in values)


def _with_all_digits(raw: bytes) -> Any:
    """Decode a JSON text, with its numbers as decimals and integers of any size.

    Raises:
        orjson.JSONDecodeError: the text is nested too deeply for the decoder that keeps digits.
    """
    text = raw.decode("utf-8")
    try:
        return _EXACT.decode(text)
    except RecursionError as error:
        msg = "nested too deeply"
        raise orjson.JSONDecodeError(msg, text, 0) from error


def _shown(value: object) -> str:
    try:
        return f"{value!r:.80}"
    except RecursionError:
        return "a value nested too deeply to show"


def _put(row: Row, exact: Row, decimals: list[str], integers: list[str]) -> None:
    for name in decimals:
        row[name] = exact[name]
    for name in integers:
        row[name] = _with_integers(row[name], exact[name])


def _with_integers(value: object, exact: object) -> object:
    """Return the value with the exact integers; a float, such as an average, stays unchanged."""
    if isinstance(value, list) and isinstance(exact, list):
        return [its if isinstance(its, int) else one for one, its in zip(value, exact, strict=True)]
    return exact if isinstance(exact, int) else value


def _decimal(value: object) -> object:
    if isinstance(value, list):
        return [_decimal(each) for each in value]
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return value
    # The shortest repr of a float is the closest known form of what the server sent.
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
