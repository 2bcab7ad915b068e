"""The fields that a class of rows asks for: `Query.select(Station)`, `records(into=Station)`.

A class is an attrs class, a dataclass, a `msgspec.Struct`, a `TypedDict` or a pydantic model. Each
of its attributes is a field of the dataset with the same name, unless it says another one:

    @attrs.frozen
    class Station:
        price: Annotated[float, Field("prix_valeur")]
        brand: str | None = attrs.field(metadata={"field": "marque"})

A dataclass may use the same metadata; a Struct the `name` and `rename` of msgspec, and a model the
`alias` of pydantic, which both write as they read. Class variables and attributes that `__init__`
does not take are none of the row; the `InitVar` of a dataclass is.

Only the class itself is looked at: attrs, msgspec and pydantic are not imported here.
"""

from __future__ import annotations

import dataclasses
from inspect import Parameter, get_annotations, signature
from types import SimpleNamespace, UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from attrs import NOTHING, frozen

from odsql.builder.generic_classes import class_of, types_in
from odsql.syntax.errors import BuildError, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Field", "Kind", "RowField", "kind_of", "row_fields"]

Kind = Literal["attrs", "dataclass", "struct", "dict", "model"]

_METADATA_KEY = "field"
_QUALIFIERS = frozenset({"Required", "NotRequired", "ReadOnly", "Final"})
_ANNOTATED: Any = Annotated
_UNION: Any = Union


@frozen
class Field:
    """The name of a field in the dataset, for an attribute of a class of rows.

    Use it as `uai: Annotated[str, Field("1_uai")]`.

    Attributes:
        name: the name in the dataset.

    Raises:
        BuildError: the name is not a string, or is empty.
    """

    name: str

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            msg = f"the name of a field must be a non-empty string, not {shown(self.name)}"
            raise BuildError(msg)


@frozen
class RowField:
    """One field that a class of rows asks for.

    Attributes:
        attribute: its name in the class.
        name: its name in the dataset.
        hint: its type, as the class declares it.
        argument: its name as an argument of the class.
        encoded: its name in JSON, if the class is read by msgspec.
        required: whether a row must have it: it has no default, and is not `NotRequired`.
        taken: the type that its converter takes, if it has one that says so.
    """

    attribute: str
    name: str
    hint: Any
    argument: str
    encoded: str
    required: bool
    taken: Any = None


def kind_of(row_class: object) -> Kind | None:
    """Return how a class declares its fields; None if it is no class of rows."""
    row_class = class_of(row_class)
    if not isinstance(row_class, type):
        return None
    if hasattr(row_class, "__attrs_attrs__"):
        return "attrs"
    if hasattr(row_class, "__struct_fields__"):
        return "struct"
    if hasattr(row_class, "__pydantic_fields__"):
        return "model"
    if dataclasses.is_dataclass(row_class):
        return "dataclass"
    if hasattr(row_class, "__required_keys__") and issubclass(row_class, dict):
        return "dict"
    return None


def row_fields(row_class: Any) -> tuple[RowField, ...]:
    """Return the fields that a class asks for, in its order.

    Raises:
        BuildError: it is not a class of rows, has no fields, has two attributes for one field, or a
            type in it cannot be resolved.
    """
    kind = kind_of(row_class)
    if kind is None:
        msg = (
            f"{shown(row_class)} is not a class of rows; pass an attrs class, a dataclass, a "
            "msgspec.Struct, a TypedDict or a pydantic model"
        )
        raise BuildError(msg)
    plain = class_of(row_class)
    found = tuple(_READERS[kind](plain, _hints(row_class)))
    names = [one.name for one in found]
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None or not found:
        what = "no fields" if double is None else f"more than one attribute for the field {double}"
        msg = f"{plain.__qualname__} has {what}"
        raise BuildError(msg)
    return found


def _hints(row_class: Any) -> dict[str, Any]:
    if getattr(row_class, "__pydantic_complete__", False):
        return {}  # pydantic has resolved them
    try:
        return types_in(row_class)
    except Exception as error:  # noqa: BLE001 - evaluating an annotation may raise anything
        plain = class_of(row_class)
        unresolved = ", ".join(map(str, get_annotations(plain)))
        msg = (
            f"the types of {plain.__qualname__} ({unresolved}) cannot be resolved: {error}; "
            "import them at the top of the module, not below TYPE_CHECKING or in a function"
        )
        raise BuildError(msg) from None


def _field(
    attribute: str,
    hint: Any,
    *,
    required: bool,
    argument: str | None = None,
    name: str | None = None,
    encoded: str | None = None,
    taken: Any = None,
) -> RowField:
    declared, plain = _unwrapped(hint)
    encoded = encoded or attribute
    name = declared or name or encoded
    return RowField(attribute, name, plain, argument or attribute, encoded, required, taken)


def _unwrapped(hint: Any) -> tuple[str | None, Any]:
    """Return the name that a type declares, and the type without it."""
    if _qualifier(hint):
        return _unwrapped(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        # As in `Annotated[str, Field("1_uai")] | None`.
        members = list(map(_unwrapped, get_args(hint)))
        named = next((name for name, _ in members if name), None)
        return named, _UNION[tuple(member for _, member in members)] if named else hint
    if get_origin(hint) is not Annotated:
        return None, hint
    inner, *extras = get_args(hint)
    names = [one.name for one in extras if isinstance(one, Field)]
    others = [one for one in extras if not isinstance(one, Field)]
    return (names[0] if names else None), _ANNOTATED[(inner, *others)] if others else inner


def _qualifier(hint: Any) -> str | None:
    """Return the name of `NotRequired[...]` and the like, which typing_extensions has, too."""
    name = getattr(get_origin(hint), "_name", None)
    return name if name in _QUALIFIERS else None


def _named(metadata: Mapping[Any, Any]) -> str | None:
    name = metadata.get(_METADATA_KEY)
    return None if name is None else Field(name).name


def _of_attrs(row_class: Any, hints: Mapping[str, Any]) -> Iterator[RowField]:
    for one in row_class.__attrs_attrs__:
        if one.init:
            yield _field(
                one.name,
                hints.get(one.name, Any if one.type is None else one.type),
                required=one.default is NOTHING,
                argument=one.alias,
                name=_named(one.metadata),
                taken=_taken_by(one.converter),
            )


def _taken_by(converter: Any) -> Any:
    """Return the type of what a converter takes; None if it does not say it."""
    function = getattr(converter, "converter", converter)
    try:
        first, *_ = signature(function).parameters.values()
        # Only this one, because what a converter returns may not be known where it is.
        asked = SimpleNamespace(__annotations__={"first": first.annotation})
        known = getattr(function, "__globals__", None)
        taken = get_type_hints(asked, known, include_extras=True)["first"]
    except Exception:  # noqa: BLE001 - as above; the type of the attribute stands for it then
        return None
    return None if taken in (Any, object, Parameter.empty) else taken


def _of_dataclass(row_class: Any, hints: Mapping[str, Any]) -> Iterator[RowField]:
    missing = dataclasses.MISSING
    kept = frozenset(one.name for one in dataclasses.fields(row_class))
    # All, because the others may be an `InitVar`, which `__init__` takes.
    for one in row_class.__dataclass_fields__.values():
        hint = hints[one.name]
        passed_on = isinstance(hint, dataclasses.InitVar)
        if passed_on or (one.init and one.name in kept):
            required = one.default is missing and one.default_factory is missing
            hint = hint.type if passed_on else hint
            yield _field(one.name, hint, required=required, name=_named(one.metadata))


def _of_struct(row_class: Any, hints: Mapping[str, Any]) -> Iterator[RowField]:
    attributes = row_class.__struct_fields__
    # The defaults are those of the last fields.
    without = len(attributes) - len(row_class.__struct_defaults__)
    defaults = (None,) * without + row_class.__struct_defaults__
    encoded = row_class.__struct_encode_fields__
    for index, (attribute, name) in enumerate(zip(attributes, encoded, strict=True)):
        required = index < without or type(defaults[index]).__name__ == "NoDefaultType"
        yield _field(attribute, hints[attribute], required=required, encoded=name)


def _of_dict(row_class: Any, hints: Mapping[str, Any]) -> Iterator[RowField]:
    for key, hint in hints.items():
        # With postponed annotations, `__required_keys__` does not know `NotRequired`.
        marks = list(_qualifiers(hint))
        required = "Required" in marks or (
            "NotRequired" not in marks and key in row_class.__required_keys__
        )
        yield _field(key, hint, required=required)


def _qualifiers(hint: Any) -> Iterator[str]:
    while (name := _qualifier(hint)) is not None:
        yield name
        hint = get_args(hint)[0]


def _of_model(row_class: Any, hints: Mapping[str, Any]) -> Iterator[RowField]:
    untyped = _validated_before(row_class)
    for attribute, one in row_class.__pydantic_fields__.items():
        hint = hints.get(attribute, one.annotation)
        if untyped & {attribute, "*"}:
            hint = Any
        name = _alias(row_class, one)
        yield _field(
            attribute,
            _ANNOTATED[(hint, *one.metadata)] if one.metadata else hint,
            required=one.is_required(),
            argument=name,
            name=name,
        )


def _validated_before(row_class: Any) -> frozenset[str]:
    """Return the attributes whose validators take what comes, before pydantic looks at it."""
    decorators = row_class.__pydantic_decorators__.field_validators.values()
    return frozenset(
        name for one in decorators if one.info.mode != "after" for name in one.info.fields
    )


def _alias(row_class: Any, one: Any) -> str | None:
    alias = one.validation_alias or one.alias
    if alias is None or isinstance(alias, str):
        return alias
    names = [choice for choice in getattr(alias, "choices", ()) if isinstance(choice, str)]
    if not names:
        msg = (
            f"{row_class.__qualname__} has the alias {shown(alias)}, which is no name of a field; "
            "use a class for the object of the field instead"
        )
        raise BuildError(msg)
    return names[0]


_READERS = {
    "attrs": _of_attrs,
    "dataclass": _of_dataclass,
    "struct": _of_struct,
    "dict": _of_dict,
    "model": _of_model,
}
