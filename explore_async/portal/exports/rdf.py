"""RDF: a subject for each row, a predicate for each field, an object for each value.

The documentation of the portals' TPF API describes this mapping, the names of the predicates,
`<portal>/ld/ontologies/<dataset>/<field>`, and the syntaxes; `n3` is N-Triples. No RDF export is
recorded. Subjects are blank nodes, because record identifiers are not documented; lists are several
objects; geographic values are GeoJSON literals of GeoSPARQL 1.1, always WGS 84. Null is no object.
"""

from __future__ import annotations

import json
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from attrs import frozen

from explore_async.portal.answers import plain_cell
from explore_async.portal.exports.geometry import GEOGRAPHIC, bare
from explore_async.portal.exports.markup import (
    DECLARATION,
    element,
    name_of,
    quoted,
    value_text,
)
from explore_async.portal.exports.rows import enclosed, stream

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from explore_async.portal.context import Value
    from explore_async.portal.engine import Engine, Row
    from explore_async.portal.exports.export import Export

__all__ = ["write_jsonld", "write_n3", "write_rdfxml", "write_turtle"]

_XSD = "http://www.w3.org/2001/XMLSchema#"
_STRING = f"{_XSD}string"
_GEOJSON = "http://www.opengis.net/ont/geosparql#geoJSONLiteral"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_NEXT = " ;\n  "
_TYPES = {
    "text": "string",
    "file": "string",
    "json_blob": "string",
    "int": "integer",
    "double": "double",
    "boolean": "boolean",
    "date": "date",
    "datetime": "dateTime",
}
_PARTS = {"month": "gYearMonth", "year": "gYear"}
"""The types of dates of less than day precision."""


@frozen
class _Field:
    """A predicate, and the type of its objects.

    Attributes:
        name: the end of the predicate, a name that XML and Turtle allow.
        predicate: its IRI.
        type: the IRI of the type.
    """

    name: str
    predicate: str
    type: str

    def texts(self, cell: Any) -> list[str]:
        """Return the objects for a cell as texts."""
        if cell is None:
            return []
        if self.type == _GEOJSON:
            geometry = bare(cell)
            return [] if geometry is None else [json.dumps(geometry)]
        return list(cell) if isinstance(cell, list) else [value_text(cell)]


def write_n3(one: Export, engine: Engine) -> AsyncGenerator[bytes]:
    """Write one triple per line."""
    fields, numbers = _fields(one), count(1)

    def write(rows: list[Row]) -> bytes:
        return "".join([_lines(next(numbers), fields, row) for row in rows]).encode()

    return stream(one, _shown(one), write, engine)


def _lines(number: int, fields: list[_Field], row: Row) -> str:
    lines = [
        f"_:r{number} <{field.predicate}> {_literal(text, field)} .\n"
        for field, cell in zip(fields, row, strict=True)
        for text in field.texts(cell)
    ]
    return "".join(lines)


def write_turtle(one: Export, engine: Engine) -> AsyncGenerator[bytes]:
    """Write one blank node after the other."""
    fields = _fields(one)

    def write(rows: list[Row]) -> bytes:
        return "".join([_node(fields, row) for row in rows]).encode()

    return enclosed(
        f"@prefix : <{_ontology(one)}> .\n\n", stream(one, _shown(one), write, engine), ""
    )


def _node(fields: list[_Field], row: Row) -> str:
    parts = [
        f":{field.name} {_literal(text, field)}"
        for field, cell in zip(fields, row, strict=True)
        for text in field.texts(cell)
    ]
    return f"[ {_NEXT.join(parts)} ] .\n\n" if parts else ""


def _literal(text: str, field: _Field) -> str:
    """Return a literal; the escapes of JSON are those of N-Triples, too."""
    written = json.dumps(text, ensure_ascii=False)
    return written if field.type == _STRING else f"{written}^^<{field.type}>"


def write_rdfxml(one: Export, engine: Engine) -> AsyncGenerator[bytes]:
    """Write one description after the other."""
    fields = _fields(one)

    def write(rows: list[Row]) -> bytes:
        return "".join([_description(fields, row) for row in rows]).encode()

    ontology = quoted(_ontology(one))
    before = f'{DECLARATION}<rdf:RDF xmlns:rdf="{_RDF}" xmlns:field={ontology}>\n'
    return enclosed(before, stream(one, _shown(one), write, engine), "</rdf:RDF>\n")


def _description(fields: list[_Field], row: Row) -> str:
    parts = [
        element(f"field:{field.name}", text, _datatype(field))
        for field, cell in zip(fields, row, strict=True)
        for text in field.texts(cell)
    ]
    return f"<rdf:Description>{''.join(parts)}</rdf:Description>\n" if parts else ""


def _datatype(field: _Field) -> str:
    return "" if field.type == _STRING else f' rdf:datatype="{field.type}"'


def write_jsonld(one: Export, engine: Engine) -> AsyncGenerator[bytes]:
    """Write a graph of nodes, whose context has the predicates and the types."""
    fields = _fields(one)
    context = {field.name: {"@id": field.predicate, "@type": field.type} for field in fields}

    def write(rows: list[Row]) -> bytes:
        nodes = [_object(fields, row) for row in rows]
        return ",".join([json.dumps(node) for node in nodes if node]).encode()

    before = f'{{"@context": {json.dumps(context)}, "@graph": ['
    return enclosed(before, stream(one, _shown(one), write, engine), "]}", between=",")


def _object(fields: list[_Field], row: Row) -> dict[str, Any]:
    """Return a node; whole numbers and booleans are those of JSON, and have the same type there."""
    node: dict[str, Any] = {}
    for field, cell in zip(fields, row, strict=True):
        texts = field.texts(cell)
        if texts:
            single = cell if isinstance(cell, int) else texts[0]
            node[field.name] = single if len(texts) == 1 else texts
    return node


# ---------------------------------------------------------------- the mapping


def _ontology(one: Export) -> str:
    return f"{one.origin}/ld/ontologies/{quote(one.plan.context.dataset.dataset_id, safe='')}/"


def _fields(one: Export) -> list[_Field]:
    ontology = _ontology(one)
    names = [(name_of(output.label), _type(output.value)) for output in one.plan.outputs]
    return [_Field(name, ontology + name, type_) for name, type_ in names]


def _type(value: Value) -> str:
    if value.type in GEOGRAPHIC:
        return _GEOJSON
    part = _PARTS.get(value.precision) if value.type == "date" else None
    return _XSD + (part or _TYPES[value.type])


def _shown(one: Export) -> list[str]:
    """Return SQL for the values; lists and geographic values stay as they are."""
    context = one.plan.context
    return [
        each.value.sql
        if each.value.multivalued or each.value.type in GEOGRAPHIC
        else plain_cell(each.value, context, "")
        for each in one.plan.outputs
    ]
