"""The fields of a dataset as attributes that type checkers and editors know.

`explore schema pull --python` writes such classes:

    class Stations(DatasetFields, dataset_id="stations"):
        price = field("prix_valeur", "double")
        updated = field("prix_maj", "datetime")

`Stations.price > 1.8` is then what `Fields(schema)` would build, and a misspelt name is an error of
the type checker. So is a comparison of a number with a text: `<` and `>` are refused where they are
written. `==` is a bool instead of a condition then, because Python lets anything be compared, and
`where` and `&` refuse the bool. Dates and datetimes are compared with each other, as portals do.

At run time, a field here is the same object as one of `Fields(schema)`, and checks the same again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar, overload

from odsql.builder.expressions import FieldValue
from odsql.builder.literals import checked, plain_text
from odsql.schema import Schema
from odsql.syntax import nodes
from odsql.syntax.errors import BuildError, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date
    from decimal import Decimal
    from typing import Never, TypeAlias

    from odsql.builder.expressions import Bounds, Condition, Term

    Annotations: TypeAlias = Mapping[str, bool | str] | None

__all__ = [
    "BooleanField",
    "DatasetFields",
    "DateField",
    "NumberField",
    "TextField",
    "TypedField",
    "field",
]

E = TypeVar("E")
O = TypeVar("O")  # noqa: E741 - of order

if TYPE_CHECKING:
    # What a field accepts is less than what any value accepts, hence the overrides.

    class TypedField(FieldValue, Generic[E, O]):
        """A field that equals values of type E, and has an order among those of type O."""

        def __eq__(self, other: E | TypedField[E, O] | Term | None) -> Condition:  # type: ignore[override]
            raise NotImplementedError

        def __ne__(self, other: E | TypedField[E, O] | Term | None) -> Condition:  # type: ignore[override]
            raise NotImplementedError

        def __lt__(self, other: O | TypedField[E, O] | Term) -> Condition:  # type: ignore[override]
            raise NotImplementedError

        def __le__(self, other: O | TypedField[E, O] | Term) -> Condition:  # type: ignore[override]
            raise NotImplementedError

        def __gt__(self, other: O | TypedField[E, O] | Term) -> Condition:  # type: ignore[override]
            raise NotImplementedError

        def __ge__(self, other: O | TypedField[E, O] | Term) -> Condition:  # type: ignore[override]
            raise NotImplementedError

        def between(  # type: ignore[override]
            self, low: O | Term, high: O | Term, *, bounds: Bounds = "[]"
        ) -> Condition:
            """Build `in [low..high]`; an outward bracket excludes its bound."""
            raise NotImplementedError

        def isin(self, values: Iterable[E]) -> Condition:  # type: ignore[override]
            """Build `in (a, b)`; without values a condition that is false."""
            raise NotImplementedError

    class TextField(TypedField[str, Never]):
        """A field of text, which portals compare for equality only."""

    class NumberField(TypedField[float | Decimal, float | Decimal]):
        """A field of numbers."""

    class DateField(TypedField[date, date]):
        """A field of dates or datetimes, of which portals take no list."""

        def isin(self, values: Iterable[Never]) -> Condition:  # type: ignore[override]
            """Lists hold no dates; join `==` with `|`, or use `between`."""
            raise NotImplementedError

    class BooleanField(TypedField[bool, Never]):
        """A field of true and false, which is a condition itself."""
else:
    # A real subclass would change the order of operands: Python asks it before `literal(1)`.
    TypedField = TextField = NumberField = DateField = BooleanField = FieldValue


@overload
def field(name: str, type_: Literal["text"], annotations: Annotations = None) -> TextField: ...
@overload
def field(
    name: str, type_: Literal["int", "double", "decimal"], annotations: Annotations = None
) -> NumberField: ...
@overload
def field(
    name: str, type_: Literal["date", "datetime"], annotations: Annotations = None
) -> DateField: ...
@overload
def field(
    name: str, type_: Literal["boolean"], annotations: Annotations = None
) -> BooleanField: ...
@overload
def field(name: str, type_: str, annotations: Annotations = None) -> FieldValue: ...
def field(name: str, type_: str, annotations: Annotations = None) -> FieldValue:
    """Return a field of a dataset.

    Args:
        name: the name in the dataset.
        type_: its type there, such as `text` or `double`.
        annotations: its annotations, as `Schema.to_json` writes them; None for none.

    Raises:
        BuildError: the name or the type is not a string.
        SchemaError: the annotations are not a mapping.
    """
    described = {
        "name": plain_text(name, "the name of a field"),
        "type": plain_text(type_, "the type of a field"),
        "annotations": annotations or {},
    }
    schema = Schema.from_json({"dataset_id": "", "fields": [described]})
    return FieldValue(checked(nodes.Field(name)), schema.fields[name])


class DatasetFields:
    """The base of a class with the fields of one dataset, `class Trees(..., dataset_id="trees")`.

    The schema of the dataset is the attribute `__schema__`.

    Raises:
        BuildError: a class below it has no `dataset_id`, or holds something else than fields.
    """

    __schema__: ClassVar[Schema]

    def __init_subclass__(cls, *, dataset_id: str = "", **options: Any) -> None:
        super().__init_subclass__(**options)
        if not isinstance(dataset_id, str) or not dataset_id:
            msg = f'{cls.__name__} needs a dataset: class {cls.__name__}(..., dataset_id="...")'
            raise BuildError(msg)
        own = {name: one for name, one in vars(cls).items() if not name.startswith("__")}
        fields = []
        for one in own.values():
            if not isinstance(one, FieldValue) or one.known is None:
                msg = f"{cls.__name__} may hold fields made by field(...) only, not {shown(one)}"
                raise BuildError(msg)
            fields.append(one.known)
        cls.__schema__ = Schema(dataset_id, fields)
