"""How the JSON of a row becomes an instance of a class, compiled once for each class.

A `ClassPlan` decides for each type in a class how msgspec reads it, which checks the type while it
parses, so that no row needs a look at the class:

| in the class | is read from |
|---|---|
| `int`, `float`, `bool`, `str`, `Decimal`, `UUID`, `time`, `Any` | JSON of that type |
| `date` | a day, also as midnight UTC, which some portals send; not a year or a month alone |
| `datetime` | a moment with a zone |
| `GeoPoint`, `tuple[float, float]` as (lon, lat), `shapely.Point` | a point |
| other classes of shapely, and unions of them | a GeoJSON geometry or feature |
| `list`, `set`, `frozenset`, `tuple[X, ...]`, `dict[str, X]` | several values, an object |
| `Enum`, `Literal` | one of the values |
| another class of these kinds | an object, such as that of a file field |
| `X | None` | null, too |

Nothing is converted beyond that: the text "5" does not fit an `int`, and 5.0 does not either. An
integer fits a `float`, and any number, or the text of one, a `Decimal`, with all its digits.

A converter of attrs is given what it says that it takes, or else the type of the attribute. A
validator of pydantic that runs before others is given the value of the JSON.

Most classes are *direct*: msgspec makes their instances. Others are read into a twin of the class,
a Struct whose instances are then passed to the class: those with names of their own, with a type
from the table that msgspec does not know, with converters or validators of attrs, with an
`__init__` of their own, and models of pydantic, which run their validators. Both read the same
rows.

cattrs is not used for the others: it takes rows that are decoded already, which is more than twice
the time for an attrs class and more than that of a twin, and it makes an `int` of the text "5".

`read` names the field of a row that does not fit. It reads field by field, which is slow, and runs
only for rows that msgspec has refused.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from functools import cache
from operator import attrgetter
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

import msgspec
from attrs import evolve, field, frozen

from explore_async.errors import ConfigurationError
from explore_async.http.decoding import snippet
from explore_async.results.conversion import GeoPoint
from explore_async.results.misfits import Misfit
from odsql.builder.classes import RowField, kind_of, row_fields
from odsql.builder.generic_classes import class_of
from odsql.syntax.errors import BuildError

__all__ = ["MISFITS", "ClassPlan", "decoder", "plan_of"]

MISFITS = (
    *(msgspec.MsgspecError, ValueError, TypeError),
    *(ArithmeticError, AssertionError, LookupError, RecursionError),
)
"""What msgspec and a class may raise for a row that does not fit."""

_MIDNIGHT = re.compile(rb'"(\d{4}-\d{2}-\d{2})T00:00:00(?:\.0+)?(?:Z|\+00:00)"')
_PLAIN = frozenset({int, float, bool, str, Decimal, date, time, UUID, NoneType, Any})
_SEVERAL = frozenset({list, set, frozenset, tuple, dict})
# The modules of the bases of all geometries.
_GEOMETRIES = frozenset({"shapely.lib", "shapely.geometry.base"})
_BEFORE = frozenset({"BeforeValidator", "PlainValidator", "WrapValidator"})
_UNREADABLE = (TypeError, NotImplementedError, LookupError)
_UNION: Any = Union
_LIST: Any = list
_DICT: Any = dict
_ANNOTATED: Any = Annotated

Finish = Callable[[Any], Any]


@frozen
class _Wire:
    """How msgspec reads a type.

    Attributes:
        type: the type for msgspec.
        finish: turns what msgspec has read into a value of the class's type; None if it is one.
        moment: the type for msgspec demands a zone, which the type in the class does not.
        day: a date is in it.
    """

    type: Any
    finish: Finish | None = None
    moment: bool = False
    day: bool = False


@frozen
class _Column:
    """One field of a class: how it is read alone, for rows that do not fit."""

    field: RowField
    wire: _Wire
    decode: Callable[[bytes], Any]


@frozen(kw_only=True)
class ClassPlan:
    """Reads rows into one class.

    Attributes:
        row_class: the class.
        fields: the fields that it asks for.
        direct: whether msgspec makes the instances.
        wire: what msgspec makes: the class, or its twin.
    """

    row_class: type[Any]
    fields: tuple[RowField, ...]
    direct: bool
    wire: Any
    _columns: tuple[_Column, ...]
    _arguments: tuple[str, ...]
    _finishes: tuple[tuple[str, Finish], ...]
    _optional: bool
    _moments: tuple[Callable[[Any], Any], ...]
    _row: msgspec.json.Decoder[Any] = field(init=False, eq=False, repr=False)

    @_row.default
    def _row_decoder(self) -> msgspec.json.Decoder[Any]:
        return decoder(self.wire)

    @property
    def names(self) -> tuple[str, ...]:
        """The fields of the dataset that the class asks for."""
        return tuple(one.name for one in self.fields)

    def finish(self, read: list[Any]) -> list[Any]:
        """Return the instances for what msgspec has read.

        Raises:
            One of `MISFITS`: the class refuses a row, or a moment has no zone.
        """
        if not self.direct:
            return list(map(self.build, read))
        for moment in self._moments:
            # A list, because it takes half the time of `any`, and few rows are wrong.
            if [one for one in map(moment, read) if one is not None and one.tzinfo is None]:
                msg = "a datetime without a zone"
                raise ValueError(msg)
        return read

    def build(self, twin: Any) -> Any:
        """Return the instance for a twin.

        Raises:
            One of `MISFITS`: the class refuses it.
        """
        values = dict(zip(self._arguments, msgspec.structs.astuple(twin), strict=True))
        if self._optional:
            values = {key: one for key, one in values.items() if one is not msgspec.UNSET}
        for key, finish in self._finishes:
            if key in values:
                values[key] = finish(values[key])
        return self.row_class(**values)

    def read(self, raw: bytes) -> Any:
        """Return the instance for the JSON of a row, or the error that says why there is none."""
        try:
            return self.finish([self._row.decode(raw)])[0]
        except MISFITS:
            return self._read_by_field(raw)

    def takes(self, name: str, raw: bytes) -> bool:
        """Return whether the class takes the JSON of a value for a field."""
        column = next((one for one in self._columns if one.field.name == name), None)
        if column is None:
            return False
        try:
            _read(column, raw)
        except MISFITS:
            return False
        return True

    def values(self, row: Any) -> object:
        """Return the values of an instance, to compare rows of classes that cannot be compared."""
        if isinstance(row, (Misfit, dict)):
            return row
        try:
            return _ENCODED(row).decode()
        except MISFITS:  # an integer of more than 64 bits, or a class with a field of bytes
            return [getattr(row, one.attribute, None) for one in self.fields]

    def _read_by_field(self, raw: bytes) -> Any:
        try:
            row = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        except MISFITS:
            return self._misfit(None, "an object", snippet(raw))
        values = {}
        for column in self._columns:
            one = column.field
            if one.name not in row:
                if one.required:
                    return self._misfit(one, _name_of(one.hint), "nothing")
                continue
            value = bytes(row[one.name])
            try:
                values[one.argument] = _read(column, value)
            except MISFITS:
                return self._misfit(one, _name_of(one.hint), snippet(value))
        try:
            return self.row_class(**values)
        except MISFITS as error:
            wanted = f"what the class accepts ({snippet(str(error).encode())})"
            blamed = self._blamed(error)
            came = raw if blamed is None else bytes(row.get(blamed.name, raw))
            return self._misfit(blamed, wanted, snippet(came))

    def _blamed(self, refusal: Exception) -> RowField | None:
        """Return the field that pydantic blames."""
        errors = getattr(refusal, "errors", None)
        if not callable(errors):
            return None
        place = next((one["loc"][0] for one in errors() if one["loc"]), None)
        return next((one for one in self.fields if one.argument == place), None)

    def _misfit(self, one: RowField | None, wanted: str, came: str) -> Misfit:
        return Misfit(
            class_name=self.row_class.__name__,
            field=None if one is None else one.name,
            wanted=wanted,
            came=came,
        )


_ENCODED = msgspec.json.Encoder(enc_hook=repr).encode


def plan_of(row_class: Any) -> ClassPlan:
    """Return the plan for a class.

    Raises:
        ConfigurationError: it is not a class of rows, or has a type that rows cannot become.
    """
    try:
        return _plan(row_class) if kind_of(row_class) is None else _cached(row_class)
    except BuildError as error:
        raise ConfigurationError(f"{error}.") from None
    except RecursionError:
        name = class_of(row_class).__qualname__
        raise ConfigurationError(
            f"{name} contains itself. Use dict[str, Any] for the inner one."
        ) from None


def _plan(row_class: type[Any]) -> ClassPlan:
    return _compiled(row_class, row_fields(row_class))


_cached: Any = cache(_plan)


def decoder(type_: Any) -> msgspec.json.Decoder[Any]:
    """Return a decoder of JSON that also makes geometries."""
    return msgspec.json.Decoder(type_, dec_hook=_shape)


def _compiled(declared: Any, found: tuple[RowField, ...]) -> ClassPlan:
    row_class = class_of(declared)
    columns = [_column(row_class, one) for one in found]
    direct = all(map(_is_direct, columns)) and not _has_hooks(row_class) and _is_readable(declared)
    key = _get if kind_of(row_class) == "dict" else attrgetter
    return ClassPlan(
        row_class=row_class,
        fields=found,
        direct=direct,
        wire=declared if direct else _twin(row_class, columns),
        columns=tuple(columns),
        arguments=tuple(one.argument for one in found),
        finishes=tuple((c.field.argument, c.wire.finish) for c in columns if c.wire.finish),
        optional=not all(one.required for one in found),
        moments=tuple(key(one.field.attribute) for one in columns if one.wire.moment),
    )


def _get(key: str) -> Callable[[dict[str, Any]], Any]:
    return lambda row: row.get(key)


def _column(row_class: type[Any], one: RowField) -> _Column:
    if one.taken is not None:
        # What a converter says that it takes may be more than rows can become, such as an Iterable.
        with suppress(ConfigurationError):
            return _column(row_class, evolve(one, hint=one.taken, taken=None))
    place = f"{row_class.__qualname__}.{one.attribute}"
    wire = _wire(one.hint, place, model=kind_of(row_class) == "model")
    return _Column(one, wire, _alone(wire, row_class, one))


def _alone(wire: _Wire, row_class: type[Any], one: RowField) -> Callable[[bytes], Any]:
    try:
        return decoder(wire.type).decode
    except TypeError as error:
        raise ConfigurationError(
            f"{row_class.__qualname__}.{one.attribute} is {_name_of(one.hint)}, which rows cannot "
            f"become: {error}."
        ) from None


def _is_direct(column: _Column) -> bool:
    one = column.field
    return column.wire.finish is None and one.argument == one.attribute and one.name == one.encoded


def _is_readable(declared: Any) -> bool:
    """Return whether msgspec can make instances, though it may know the type of each field."""
    try:
        decoder(declared)
    except _UNREADABLE:  # such as a default that takes `self`, an `InitVar`, or `ReadOnly`
        return False
    return True


def _has_hooks(row_class: Any) -> bool:
    """Return whether making an instance runs code that msgspec would not run."""
    kind = kind_of(row_class)
    if kind == "attrs":
        return _has_own_init(row_class) or any(
            one.converter is not None or one.validator is not None or not one.init
            for one in row_class.__attrs_attrs__
        )
    if kind == "dataclass":
        fields = dataclasses.fields(row_class)
        return _has_own_init(row_class) or any(not one.init for one in fields)
    if kind == "struct":
        options = row_class.__struct_config__
        return bool(options.array_like) or options.tag is not None
    return kind == "model"


def _has_own_init(row_class: Any) -> bool:
    """Return whether `__init__` is not the one that attrs or dataclasses have written."""
    file = getattr(getattr(row_class.__init__, "__code__", None), "co_filename", "")
    return not (file == "<string>" or file.startswith("<attrs generated"))


def _twin(row_class: type[Any], columns: list[_Column]) -> Any:
    """Return a Struct of the same fields, with the names of the dataset in JSON."""
    fields: list[Any] = []
    for index, column in enumerate(columns):
        name, type_ = column.field.name, column.wire.type
        if column.field.required:
            fields.append((f"field{index}", type_, msgspec.field(name=name)))
        else:
            absent = msgspec.field(name=name, default=msgspec.UNSET)
            fields.append((f"field{index}", _UNION[type_, msgspec.UnsetType], absent))
    return msgspec.defstruct(row_class.__name__, fields, kw_only=True, gc=False)


# ---------------------------------------------------------------- types


def _wire(hint: Any, place: str, *, model: bool = False) -> _Wire:
    """Return how msgspec reads a type; a model checks types itself that are unknown here."""
    hint = _without_aliases(hint)
    origin = get_origin(hint)
    if origin is Annotated:
        return _annotated(hint, place, model=model)
    if origin in (Union, UnionType):
        return _union(get_args(hint), place, model=model)
    if hint in _SPECIAL:
        return _SPECIAL[hint]
    if hint in _PLAIN or origin is Literal or _is_plain(hint):
        return _Wire(hint)
    if (origin or hint) in _SEVERAL:
        return _several(hint, origin or hint, place, model=model)
    if kind_of(hint) is not None:
        return _nested(plan_of(hint))
    if model:
        return _Wire(Any)
    raise ConfigurationError(
        f"{place} is {_name_of(hint)}, which rows cannot become. Use one of the types in "
        "docs/typing.md, or Any."
    )


def _same(value: Any) -> Any:
    return value


def _lon_lat(value: Any) -> tuple[float, float]:
    return (value.lon, value.lat) if isinstance(value, GeoPoint) else value


_SPECIAL: dict[Any, _Wire] = {
    datetime: _Wire(Annotated[datetime, msgspec.Meta(tz=True)], moment=True),
    date: _Wire(date, day=True),
    tuple[float, float]: _Wire(GeoPoint | tuple[float, float], finish=_lon_lat),
    object: _Wire(Any, finish=_same),  # which msgspec takes for a class of its own
}


def _without_aliases(hint: Any) -> Any:
    """Return what a NewType or a type alias stands for."""
    while (inner := getattr(hint, "__supertype__", getattr(hint, "__value__", hint))) is not hint:
        hint = inner
    return hint


def _is_plain(hint: Any) -> bool:
    return _is_geometry(hint) or (isinstance(hint, type) and issubclass(hint, Enum | GeoPoint))


def _is_geometry(hint: Any) -> bool:
    return isinstance(hint, type) and any(one.__module__ in _GEOMETRIES for one in hint.__mro__)


def _nested(plan: ClassPlan) -> _Wire:
    if plan.direct and not plan._moments:  # noqa: SLF001 - of the same module
        return _Wire(plan.wire)
    if plan.direct:
        # Inside a class, nothing would look for moments without a zone.
        columns = list(plan._columns)  # noqa: SLF001 - of the same module
        return _Wire(_twin(plan.row_class, columns), finish=plan.build)
    return _Wire(plan.wire, finish=plan.build)


def _annotated(hint: Any, place: str, *, model: bool) -> _Wire:
    inner, *extras = get_args(hint)
    if model and any(type(one).__name__ in _BEFORE for one in extras):
        return _Wire(Any)
    wire = _wire(inner, place, model=model)
    limits = [one for one in extras if isinstance(one, msgspec.Meta)]
    if not limits:
        return wire
    return _Wire(_ANNOTATED[(wire.type, *limits)], wire.finish, wire.moment, wire.day)


def _union(members: tuple[Any, ...], place: str, *, model: bool) -> _Wire:
    shapes = tuple(filter(_is_geometry, members))
    wires = [_wire(one, place, model=model) for one in members if one not in shapes[1:]]
    if len(shapes) > 1:
        wires[wires.index(_Wire(shapes[0]))] = _one_of(shapes)
    finishing = [one for one in wires if one.finish is not None]
    others = [one for one in wires if one.finish is None and one.type is not NoneType]
    if finishing and (others or len(finishing) > 1):
        raise ConfigurationError(
            f"{place} is {_name_of(_UNION[members])}. A tuple, or a class with names of its own, "
            "can be joined with None only."
        )
    finish = _unless_none(finishing[0].finish) if finishing else None
    type_ = _UNION[tuple(one.type for one in wires)]
    day, moment = any(one.day for one in wires), any(one.moment for one in wires)
    if moment and len(others) > 1:
        # A value that is no moment cannot be asked for its zone, so a twin demands it.
        return _Wire(type_, _same, day=day)
    return _Wire(type_, finish, moment, day)


def _one_of(shapes: tuple[type[Any], ...]) -> _Wire:
    """Return how to read a geometry of one of these classes: as one of any class first."""
    base = next(one for one in shapes[0].__mro__ if one.__module__ in _GEOMETRIES)

    def checked(made: Any) -> Any:
        if isinstance(made, shapes):
            return made
        msg = f"not a {' or a '.join(one.__name__ for one in shapes)}"
        raise TypeError(msg)

    return _Wire(base, finish=checked)


def _unless_none(finish: Finish | None) -> Finish:
    assert finish is not None  # noqa: S101 - the caller has chosen those
    return lambda value: None if value is None else finish(value)


def _several(hint: Any, origin: Any, place: str, *, model: bool) -> _Wire:
    arguments = get_args(hint)
    if not arguments:
        return _Wire(hint)
    wires = [_wire(one, place, model=model) for one in arguments if one is not Ellipsis]
    if all(one.finish is None and not one.moment for one in wires):
        types = [one.type for one in wires]
        read = origin[(*types, ...) if Ellipsis in arguments else tuple(types)]
        return _Wire(read, day=any(one.day for one in wires))
    if origin is dict:
        key, value = wires
        finish = value.finish or _same
        return _Wire(
            _DICT[key.type, value.type],
            lambda found: {name: finish(one) for name, one in found.items()},
        )
    if origin is tuple and Ellipsis not in arguments:
        raise ConfigurationError(
            f"{place} is {_name_of(hint)}. Use tuple[X, ...] for several values."
        )
    finish = wires[0].finish or _same
    return _Wire(
        _LIST[wires[0].type],
        lambda found: origin(map(finish, found)),
        day=wires[0].day,
    )


def _shape(hint: Any, value: Any) -> Any:
    """Make a geometry of shapely.

    Raises:
        ValueError: the value is not a geometry of that class.
    """
    from shapely.geometry import Point, shape

    try:
        if value.keys() >= {"lon", "lat"}:
            point = msgspec.convert(value, GeoPoint)
            made = Point(point.lon, point.lat)
        else:
            made = shape(value["geometry"] if value["type"] == "Feature" else value)
    except Exception as error:  # noqa: BLE001 - shapely raises many kinds
        msg = f"not a geometry: {error}"
        raise ValueError(msg) from None
    if not isinstance(made, hint):
        msg = f"not a {hint.__name__}"
        raise ValueError(msg)  # noqa: TRY004 - the value is of the wrong kind
    return made


# ---------------------------------------------------------------- misfits


def _read(column: _Column, raw: bytes) -> Any:
    try:
        value = column.decode(raw)
    except MISFITS:
        day = _MIDNIGHT.sub(rb'"\1"', raw) if column.wire.day else raw
        if day == raw:
            raise
        value = column.decode(day)
    return value if column.wire.finish is None else column.wire.finish(value)


def _name_of(hint: Any) -> str:
    """Return a type as it is written."""
    if get_origin(hint) is Annotated:
        return _name_of(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        return " | ".join(map(_name_of, get_args(hint)))
    if hint is NoneType:
        return "None"
    if isinstance(hint, type) and get_origin(hint) is None:
        return hint.__name__
    return str(hint).replace("typing.", "")
