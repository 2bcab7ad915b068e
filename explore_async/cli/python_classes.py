"""Python classes for the rows and fields of datasets: what `explore schema pull --python` writes.

The text depends on nothing but the datasets and the names in the file before: the same datasets
give the same bytes. It is formatted as ruff and black would do for any length of lines from 80 on:
what does not fit such a line has one item on each line, with a comma behind the last.

An API says of no field whether it may be null. A field is therefore taken to be never null if the
dataset has rows and none is null in it. Whether portals count the values of points, shapes, files
and multivalued fields is not known, so these may always be null.
"""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING
from unicodedata import east_asian_width

from attrs import frozen

from explore_async.cli.python_names import attribute_names, class_name
from explore_async.cli.schemas import schema_of
from explore_async.errors import BadRequest, ForbiddenAccess, NotFound, NotFoundResource
from odsql.builder.expressions import F
from odsql.builder.functions import count

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from typing import TypeAlias

    from explore_async.client import ExploreClient
    from explore_async.models import DatasetField, DatasetInfo
    from odsql.python_schemas import PythonFields
    from odsql.schema import SchemaField

__all__ = ["PulledDataset", "pull_datasets", "python_source"]

_HEAD = '''"""Rows and fields of datasets.

Written by `explore schema pull --python`. Classes of fields and attributes keep
the names that you give them here; everything else is written again.
"""
'''
_WIDTH = 79
_COUNTED = frozenset({"text", "int", "double", "decimal", "date", "datetime", "boolean"})
_COUNTS_PER_REQUEST = 50
_REFUSALS = (BadRequest, ForbiddenAccess, NotFound)
_TYPES = {
    "text": "str",
    "int": "int",
    "double": "float",
    "decimal": "Decimal",
    "boolean": "bool",
    "date": "dt.date",
    "datetime": "dt.datetime",
    "geo_point_2d": "GeoPoint",
    "geo_shape": "dict[str, Any]",
    "file": "dict[str, Any]",
    "image": "dict[str, Any]",
}
_IMPORTS = (
    ("dt", "import datetime as dt"),
    ("Decimal", "from decimal import Decimal"),
    ("Annotated", "from typing import Annotated"),
    ("Any", "from typing import Any"),
    ("attrs", "\nimport attrs"),
    ("GeoPoint", "from explore_async import GeoPoint"),
    ("Field", "from odsql import Field"),
    ("field", "from odsql.typed import DatasetFields, field"),
)
_TAKEN = frozenset(
    {*(name for name, _ in _IMPORTS), "DatasetFields"}
    | {"bool", "dict", "float", "int", "list", "str"}
    | {"self"}  # attrs needs it for itself
)
"""Names that mean something else in the file."""

_Piece: TypeAlias = "str | tuple[str, Sequence[_Piece], str]"
"""Text, or items between two brackets, which may be written one on each line."""


@frozen
class PulledDataset:
    """What a portal tells of a dataset.

    Attributes:
        info: its schema and metadata.
        filled: the names of the fields that are never null.
    """

    info: DatasetInfo
    filled: frozenset[str]


async def pull_datasets(
    client: ExploreClient, dataset_ids: Sequence[str]
) -> list[PulledDataset | None]:
    """Request the schemas of datasets, and which fields have nulls (getDataset, getRecords).

    Returns:
        The datasets in the given order; None for one that does not exist.

    Raises:
        ExploreError: a request failed.
    """

    async def pull(dataset_id: str) -> PulledDataset | None:
        try:
            info = await client.dataset(dataset_id).info()
        except NotFoundResource:
            return None
        return PulledDataset(info, await _filled(client, info))

    return list(await client.gather(*(pull(one) for one in dataset_ids)))


async def _filled(client: ExploreClient, info: DatasetInfo) -> frozenset[str]:
    names = [one.name for one in info.fields if one.type in _COUNTED and not _is_multivalued(one)]
    found: set[str] = set()
    for start in range(0, len(names), _COUNTS_PER_REQUEST):
        some = names[start : start + _COUNTS_PER_REQUEST]
        counts = [count(F[name]).as_(f"n{index}") for index, name in enumerate(some)]
        records = client.dataset(info.dataset_id).records(select=[count().as_("total"), *counts])
        try:
            row = await records.first() or {}
        except _REFUSALS:  # a portal that does not count such fields
            continue
        total = row.get("total")
        found.update(name for index, name in enumerate(some) if total and row[f"n{index}"] == total)
    return frozenset(found)


def _is_multivalued(one: DatasetField) -> bool:
    return one.annotations.get("multivalued", False) is not False


@frozen
class _Attribute:
    """A field in both classes: its attribute, its label, and its type in rows."""

    name: str
    known: SchemaField
    label: str
    hint: str
    filled: bool

    @property
    def told(self) -> str:
        several = "several values of " if self.known.multivalued else ""
        null = "never null" if self.filled else "may be null"
        facet = ", facet" if self.known.facet else ""
        return f"{self.label.strip()}: {several}{self.known.type}, {null}{facet}."

    @property
    def annotation(self) -> _Piece:
        plain = f"{self.name}: {self.hint}"
        if self.name == self.known.name and _fits(plain, 4):
            return plain
        # Also for a long name: formatters break its plain annotation in many ways.
        dataset_name = ("Field(", [_quoted(self.known.name)], ")")
        return f"{self.name}: Annotated[", [self.hint, dataset_name], "]"


def python_source(datasets: Iterable[PulledDataset], before: Iterable[PythonFields]) -> str:
    """Return the text of a file with the classes of datasets.

    Args:
        datasets: the datasets; their order makes no difference.
        before: the classes in the file that is replaced, whose names are kept.
    """
    earlier = {str(one.schema["dataset_id"]): one for one in before}
    taken = set(_TAKEN)
    for known in earlier.values():
        taken |= {known.class_name, f"{known.class_name}Row"}
    classes, words = [], {"attrs", "field"}
    for dataset in sorted(datasets, key=lambda one: one.info.dataset_id):
        found = earlier.get(dataset.info.dataset_id)
        name = class_name(dataset.info.dataset_id, taken) if found is None else found.class_name
        taken |= {name, f"{name}Row"}
        attributes = _attributes(dataset, {} if found is None else found.attributes)
        classes += [_fields_class(name, dataset.info, attributes)]
        classes += [_row_class(name, dataset.info, attributes)]
        for one in attributes:
            words |= {*re.findall(r"\w+", one.hint)}
            words |= set() if isinstance(one.annotation, str) else {"Annotated", "Field"}
    return "\n\n\n".join([f"{_HEAD}\n{_imports(words)}", *classes]) + "\n"


def _attributes(dataset: PulledDataset, kept: Mapping[str, str]) -> list[_Attribute]:
    fields = dataset.info.fields
    names = attribute_names([one.name for one in fields], kept=kept, taken=_TAKEN)
    return [
        _Attribute(
            name=names[one.name],
            known=known,
            label=one.label,
            hint=_hint(known, filled=one.name in dataset.filled),
            filled=one.name in dataset.filled,
        )
        for one, known in zip(fields, schema_of(dataset.info).fields.values(), strict=True)
    ]


def _hint(known: SchemaField, *, filled: bool) -> str:
    hint = _TYPES.get(known.type, "Any")
    if known.type == "date" and dict(known.annotations).get("timeserie_precision", "day") != "day":
        hint = "str"  # a year or a month, for which Python has no type
    if known.multivalued:
        hint = f"list[{hint}]"
    return hint if filled or hint == "Any" else f"{hint} | None"


def _imports(words: Collection[str]) -> str:
    lines = "\n".join(line for name, line in _IMPORTS if name in words)
    both = "from typing import Annotated\nfrom typing import Any"
    return lines.replace(both, "from typing import Annotated, Any").strip()


def _fields_class(name: str, info: DatasetInfo, attributes: Iterable[_Attribute]) -> str:
    base = ("DatasetFields", f"dataset_id={_quoted(info.dataset_id)}")
    lines = _written((f"class {name}(", base, "):"), 0)
    lines += _docstring(f"Fields of {info.dataset_id}{_title(info)}.")
    for one in attributes:
        arguments: list[_Piece] = [_quoted(one.known.name), _quoted(one.known.type)]
        if one.known.annotations:
            items = [f"{_quoted(key)}: {_constant(value)}" for key, value in one.known.annotations]
            arguments.append(("{", items, "}"))
        lines += ["", *_written((f"{one.name} = field(", arguments, ")"), 4)]
        lines += _docstring(one.told)
    return "\n".join(lines)


def _row_class(name: str, info: DatasetInfo, attributes: Iterable[_Attribute]) -> str:
    lines = ["@attrs.frozen(kw_only=True)", f"class {name}Row:"]
    lines += [*_docstring(f"A row of {info.dataset_id}."), ""]
    for one in attributes:
        lines += _written(one.annotation, 4)
    return "\n".join(lines).rstrip()


def _title(info: DatasetInfo) -> str:
    default = info.metas.get("default")
    title = default.get("title") if isinstance(default, dict) else None
    return f": {title}" if title and title != info.dataset_id else ""


# ---------------------------------------------------------------- text


def _written(piece: _Piece, indent: int) -> list[str]:
    flat = _flat(piece)
    if isinstance(piece, str) or _fits(flat, indent):
        return [" " * indent + flat]
    start, items, end = piece
    lines = [f"{' ' * indent}{start}"]
    for one in items:
        *first, last = _written(one, indent + 4)
        lines += [*first, f"{last},"]
    return [*lines, f"{' ' * indent}{end}"]


def _flat(piece: _Piece) -> str:
    if isinstance(piece, str):
        return piece
    start, items, end = piece
    return f"{start}{', '.join(map(_flat, items))}{end}"


def _fits(text: str, indent: int) -> bool:
    return indent + sum(2 if east_asian_width(one) in "WF" else 1 for one in text) < _WIDTH


def _docstring(text: str) -> list[str]:
    plain = "".join(one if one.isprintable() else " " for one in text)
    plain = " ".join(plain.split()).replace("\\", "\\\\").replace('"', "'")
    first, *others = textwrap.wrap(plain, _WIDTH - 10, break_long_words=False)
    if not others:
        return [f'    """{first}"""']
    return [f'    """{first}', *(f"    {one}" for one in others), '    """']


def _constant(value: bool | str) -> str:
    return "True" if value is True else _quoted(str(value))


def _quoted(text: str) -> str:
    """Return a literal in the quotes that formatters choose: those with fewer escapes."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    inner = "".join(
        f"\\{one}" if one == quote else one if one in "'\"" else repr(one)[1:-1] for one in text
    )
    return f"{quote}{inner}{quote}"
