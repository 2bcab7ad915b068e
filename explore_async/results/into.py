"""Rows in the classes of a caller: `dataset.records(query, into=Station)`.

The design, in the order in which a row meets it:

1. `odsql.builder.classes` tells which fields a class asks for. Without `select` and `group_by` they
   become the `select` of the request: the class is the projection.
2. Before the first page, the schema of the dataset is requested, once for each `Dataset`. A field
   that neither the dataset nor the query has is an error with the nearest name.
3. `class_plans` compiles the class to a decoder of msgspec. A whole page is decoded to instances in
   one pass; if a row in it does not fit, the page is decoded again, row by row.
4. A row that does not fit stays in its place as a `Misfit`, so that the checks of `page_checks` see
   the page as the server has sent it. What a caller receives is decided when the page is
   delivered, by `misfits`: `raise` a `MisfitError`, or `skip` the row, or `collect` its error.
5. Exports have no pages: each row is decoded from its JSON; a row of CSV becomes JSON by the schema
   first, and a column that the query computes by the type in the class. Everything else is the
   same, so that all ways of reading give equal rows.

Rows that are left out are counted in `misfits` of the records or of the export, and the first of a
reading is logged as a warning.
"""

from __future__ import annotations

import json
import re
from collections import deque
from typing import TYPE_CHECKING, Any, cast, get_args

import msgspec
import orjson
from attrs import field, frozen

import odsql
from explore_async.errors import ConfigurationError
from explore_async.http.decoding import load_json
from explore_async.models import Page, as_object
from explore_async.operations import clauses_of
from explore_async.results.class_plans import MISFITS, decoder, plan_of
from explore_async.results.misfits import Misfit, Misfits, OnMisfit, WithMisfits
from odsql import nodes
from odsql.schema import TECHNICAL_FIELDS
from odsql.syntax.errors import shown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from explore_async.http.gate import Admission
    from explore_async.models import DatasetField, Row
    from explore_async.results.class_plans import ClassPlan
    from explore_async.results.conversion import Converter

__all__ = ["ClassPages", "ClassRows", "Into"]

_TRUTHS = {"true": "true", "false": "false"}
_OBJECTS = frozenset({"geo_shape", "file", "image", "json_blob"})
_NUMBERS = frozenset({"int", "double", "decimal"})
_STRING_OR_CONSTANT = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b')


@frozen(kw_only=True)
class Into:
    """The class for the rows of one query.

    Attributes:
        plan: how to read rows into the class.
        mode: what to do with a row that does not fit.
        query: the query, with the fields of the class if it had no `select`.
        dataset_id: the dataset.
        schema: requests the fields of the dataset, or returns those that are known.
    """

    plan: ClassPlan
    mode: OnMisfit
    query: odsql.Query | None
    dataset_id: str
    schema: Callable[[Admission | None], Awaitable[Converter]]

    @classmethod
    def of(
        cls,
        row_class: object,
        mode: OnMisfit,
        query: odsql.Query | None,
        *,
        dataset_id: str,
        schema: Callable[[Admission | None], Awaitable[Converter]],
    ) -> Into:
        """Check the class and the mode, and add the fields of the class to the query.

        Raises:
            ConfigurationError: they are not a class of rows and a mode.
        """
        if mode not in get_args(OnMisfit):
            raise ConfigurationError(
                f"misfits is {shown(mode)}; it must be 'raise', 'skip' or 'collect'."
            )
        plan = plan_of(row_class)
        clauses = clauses_of(query)
        if clauses is None or (clauses.select is None and clauses.group_by is None):
            projection = nodes.Select(tuple(map(nodes.Field, plan.names)))
            query = (query or odsql.Query()).select(projection)
        return cls(plan=plan, mode=mode, query=query, dataset_id=dataset_id, schema=schema)

    async def known(self, admission: Admission | None) -> Sequence[DatasetField]:
        """Return the fields of the dataset.

        Raises:
            ConfigurationError: the class asks for a field that the result will not have.
        """
        fields = (await self.schema(admission)).fields
        names = [one.name for one in fields]
        columns = _columns(self.query, names)
        if columns is None:
            return fields
        for one in self.plan.fields:
            # With a default, a field may be left out by the query, but not be unknown.
            if one.name not in columns and (one.required or one.name not in names):
                raise ConfigurationError(self._advice(one.name, names, columns))
        return fields

    def _advice(self, name: str, names: Sequence[str], columns: Sequence[str]) -> str:
        asks = f"{self.plan.row_class.__name__} asks for {name}, which"
        if name in names:
            return (
                f"{asks} the query leaves out. Add it to `select`, or give the attribute a default."
            )
        described = [{"name": one, "type": ""} for one in sorted({*names, *columns})]
        among = odsql.Schema.from_json({"dataset_id": self.dataset_id, "fields": described})
        near = among.nearest(name)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        return (
            f"{asks} the result of {self.dataset_id} does not have.{hint} Correct the class; for "
            'another name in Python write Annotated[..., Field("name")].'
        )

    def decode_only(self, body: bytes) -> object:
        """Decode the response with one row.

        Raises:
            orjson.JSONDecodeError: the body is not JSON.
        """
        answer = load_json(body)
        # An error object is told by the caller.
        return _Row(answer, raw=body) if isinstance(answer, dict) else answer

    def only(self, answer: object) -> Any:
        """Return the instance for a decoded response with one row.

        Raises:
            MisfitError: the row does not fit.
        """
        row = as_object(answer, "a record")
        read = self.plan.read(row.raw if isinstance(row, _Row) else orjson.dumps(row))
        if isinstance(read, Misfit):
            raise read.error(None)
        return read

    async def pages(self, admission: Admission | None) -> ClassPages:
        """Return the reader of the pages of one reading.

        Raises:
            ConfigurationError: as for `known`.
        """
        await self.known(admission)
        return ClassPages(self.plan)


def _columns(query: odsql.Query | None, names: Sequence[str]) -> list[str] | None:
    """Return the columns of a result; None if only the server can name them."""
    columns: list[str] = []
    for one in _items(query):
        if isinstance(one, nodes.Labelled):
            columns.append(one.label)
        elif isinstance(one, nodes.Field):
            columns += [one.name] if one.name in {*names, *TECHNICAL_FIELDS} else []
        elif isinstance(one, nodes.Star):
            columns += names
        else:
            return None
    return columns


def _items(query: odsql.Query | None) -> Iterator[nodes.Node]:
    clauses = clauses_of(query) or odsql.Query().clauses
    for clause in (clauses.select, clauses.group_by):
        if clause is not None:
            yield from clause.items


def _kinds(query: odsql.Query | None, fields: Sequence[DatasetField]) -> dict[str, DatasetField]:
    """Return the fields that the columns of a result are; those that are computed are none."""
    known = {one.name: one for one in fields}
    kinds = dict(known)
    for one in _items(query):
        if isinstance(one, nodes.Labelled):
            kinds.pop(one.label, None)
            if isinstance(one.expression, nodes.Field) and one.expression.name in known:
                kinds[one.label] = known[one.expression.name]
    return kinds


class _Head(msgspec.Struct):
    """The part of a response with the JSON of each row."""

    results: list[msgspec.Raw]


class _Row(dict[str, object]):
    """A response with one row, and its JSON."""

    def __init__(self, row: Mapping[str, object], *, raw: bytes) -> None:
        super().__init__(row)
        self.raw = raw


class _Answer(dict[str, object]):
    """A response whose rows are instances and misfits."""


class ClassPages:
    """Decodes the pages of one reading into instances of a class.

    Args:
        plan: how to read rows.
    """

    def __init__(self, plan: ClassPlan) -> None:
        self._plan = plan
        self._decode = _page_decoder(plan).decode

    def values(self, row: Any) -> object:
        """Return what two rows are compared by."""
        return self._plan.values(row)

    def decode(self, body: bytes) -> object:
        """Decode a body; if it is a page, its rows are instances, or misfits.

        Raises:
            orjson.JSONDecodeError: the body is not JSON.
        """
        try:
            answer = self._decode(body)
            rows = self._plan.finish(answer.results)
        except MISFITS:
            return self._row_by_row(body)
        return _Answer(total_count=answer.total_count, results=rows)

    def page(self, answer: object, *, offset: int, limit: int) -> Page[Any]:
        """Return the page in a decoded response.

        Raises:
            DecodeError: the response is not a page.
        """
        if not isinstance(answer, _Answer):
            return Page.from_json(answer, offset=offset, limit=limit)
        read = cast("list[Any]", answer["results"])
        rows = type(read)()
        page = Page.from_json({**answer, "results": rows}, offset=offset, limit=limit)
        rows += read  # which are no objects any more
        return page

    def _row_by_row(self, body: bytes) -> object:
        answer = load_json(body)
        if not isinstance(answer, dict):
            return answer
        rows = answer.get("results")
        if not isinstance(rows, list) or not all(isinstance(one, dict) for one in rows):
            return answer
        try:
            raw = msgspec.json.decode(body, type=_Head).results
        except MISFITS as error:
            raise orjson.JSONDecodeError(str(error), body.decode(errors="replace"), 0) from None
        read = WithMisfits(self._plan.read(bytes(one)) for one in raw)
        return _Answer({**answer, "results": read})


def _page_decoder(plan: ClassPlan) -> msgspec.json.Decoder[Any]:
    rows: Any = list
    return decoder(
        msgspec.defstruct(
            "Answer",
            [("results", rows[plan.wire]), ("total_count", int | None, None)],
            forbid_unknown_fields=True,
        )
    )


@frozen(kw_only=True)
class ClassRows:
    """Reads the rows of an export, one by one; it has the methods of a `Converter` for that.

    Attributes:
        into: the class.
        fields: the fields of the dataset, for CSV.
        list_separator: separates the values of a multivalued field in CSV.
        misfits: counts the rows that are left out.
    """

    into: Into
    fields: Sequence[DatasetField]
    list_separator: str
    misfits: Misfits
    _raw: deque[bytes] = field(init=False, factory=deque)
    _seen: list[int] = field(init=False, factory=lambda: [0])
    _kinds: Mapping[str, DatasetField] = field(init=False)

    @_kinds.default
    def _kinds_of_columns(self) -> Mapping[str, DatasetField]:
        return _kinds(self.into.query, self.fields)

    def restore(self, row: Row, raw: bytes) -> None:  # noqa: ARG002 - as that of a Converter
        """Keep the JSON of a row until it is taken."""
        self._raw.append(raw)

    def exact_row(self, row: Row) -> Any:  # noqa: ARG002 - as that of a Converter
        """Return the instance for a row of JSON; None if it is left out.

        Raises:
            MisfitError: the row does not fit.
        """
        raw = self._raw.popleft()
        read = self.into.plan.read(raw)
        if isinstance(read, Misfit) and (b"NaN" in raw or b"Infinity" in raw):
            # The caller has asked to read them as null. The numbers beside them keep their digits.
            read = self.into.plan.read(_STRING_OR_CONSTANT.sub(_null_for_constants, raw))
        return self._taken(read)

    def text_row(self, row: Row) -> Any:
        """Return the instance for a row of CSV; None if it is left out.

        Raises:
            MisfitError: the row does not fit.
        """
        cells = (f"{_quoted(name)}:{self._json(name, cell)}" for name, cell in row.items())
        return self._taken(self.into.plan.read(f"{{{','.join(cells)}}}".encode()))

    def _taken(self, read: Any) -> Any:
        index = self._seen[0]
        self._seen[0] += 1
        if not isinstance(read, Misfit):
            return read
        self.misfits.add(read.error(index), self.into.mode)
        return None

    def _json(self, name: str, cell: object) -> str:
        """Return a cell as the JSON that the server sends for its column."""
        if cell is None:
            return "null"
        text = str(cell)
        known = self._kinds.get(name)
        if known is None:
            return self._json_for_the_class(name, text)
        if known.annotations.get("multivalued", False) is False:
            return _cell_as_json(known.type, text)
        parts = text.split(self.list_separator)
        return f"[{','.join(_cell_as_json(known.type, one) for one in parts)}]"

    def _json_for_the_class(self, name: str, text: str) -> str:
        """Return a cell of no known type as a number or boolean if the class wants one."""
        plain = _TRUTHS.get(text.lower()) or (text if _is_json(text, "double") else None)
        if plain is None or not self.into.plan.takes(name, plain.encode()):
            return _quoted(text)
        return plain


def _null_for_constants(found: re.Match[bytes]) -> bytes:
    return found[0] if found[0].startswith(b'"') else b"null"


def _cell_as_json(kind: str, text: str) -> str:
    if kind in _OBJECTS or kind in _NUMBERS:
        plain = text if _is_json(text, kind) else _quoted(text)
        return _as_feature(plain) if kind == "geo_shape" else plain
    if kind == "boolean":
        return _TRUTHS.get(text.lower()) or _quoted(text)
    if kind == "geo_point_2d" and text.count(",") == 1:
        lat, lon = (one.strip() for one in text.split(","))
        if _is_json(lat, "double") and _is_json(lon, "double"):
            return f'{{"lon":{lon},"lat":{lat}}}'
    return _quoted(text)


def _as_feature(shape: str) -> str:
    """Return the feature that JSON has where CSV has its geometry alone."""
    if not shape.startswith("{") or '"Feature"' in shape:
        return shape
    return f'{{"type":"Feature","geometry":{shape},"properties":{{}}}}'


def _is_json(text: str, kind: str) -> bool:
    try:
        value = msgspec.json.decode(text)
    except MISFITS:
        return False
    return not isinstance(value, str) if kind in _NUMBERS else True


def _quoted(text: str) -> str:
    return json.dumps(text)
