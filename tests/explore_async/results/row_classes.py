"""Classes of rows of each kind, with the same fields; and those with names of their own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime  # noqa: TC003 - types of a class at run time
from decimal import Decimal  # noqa: TC003
from enum import Enum
from typing import Annotated, Any, Literal, TypedDict

import attrs
import msgspec
import pydantic

from explore_async import GeoPoint  # noqa: TC001 - a type of a class at run time
from odsql import Field


class Kind(Enum):
    """The kind of a station."""

    ROAD = "R"
    MOTORWAY = "A"


@attrs.frozen
class File:
    """The object of a file field."""

    filename: str
    width: int | None


@attrs.frozen(kw_only=True)
class AttrsStation:
    """A row as an attrs class."""

    name: str
    price: float
    exact: Decimal
    count: int
    is_open: bool
    day: date | None
    at: datetime
    place: GeoPoint
    tags: list[str]
    kind: Kind
    level: Literal["low", "high"]
    file: File | None


@dataclass(frozen=True)
class DataclassStation:
    """A row as a dataclass."""

    name: str
    price: float
    exact: Decimal
    count: int
    is_open: bool
    day: date | None
    at: datetime
    place: GeoPoint
    tags: list[str]
    kind: Kind
    level: Literal["low", "high"]
    file: File | None


class StructStation(msgspec.Struct, frozen=True):
    """A row as a Struct."""

    name: str
    price: float
    exact: Decimal
    count: int
    is_open: bool
    day: date | None
    at: datetime
    place: GeoPoint
    tags: list[str]
    kind: Kind
    level: Literal["low", "high"]
    file: File | None


class DictStation(TypedDict):
    """A row as a dict."""

    name: str
    price: float
    exact: Decimal
    count: int
    is_open: bool
    day: date | None
    at: datetime
    place: GeoPoint
    tags: list[str]
    kind: Kind
    level: Literal["low", "high"]
    file: File | None


class ModelStation(pydantic.BaseModel, frozen=True, arbitrary_types_allowed=True):
    """A row as a model of pydantic."""

    name: str
    price: float
    exact: Decimal
    count: int
    is_open: bool
    day: date | None
    at: datetime
    place: GeoPoint
    tags: list[str]
    kind: Kind
    level: Literal["low", "high"]
    file: File | None


@attrs.frozen(kw_only=True)
class RenamedStation:
    """A row with other names in Python, which is read through a twin."""

    title: Annotated[str, Field("name")]
    price: float
    exact: Decimal
    count: int
    is_open: bool
    day: date | None
    at: datetime
    place: tuple[float, float]
    tags: tuple[str, ...]
    kind: Kind
    level: Literal["low", "high"]
    file: File | None = attrs.field(default=None, metadata={"field": "file"})


KINDS: dict[str, type[Any]] = {
    "attrs": AttrsStation,
    "dataclass": DataclassStation,
    "struct": StructStation,
    "dict": DictStation,
    "model": ModelStation,
    "renamed": RenamedStation,
}
