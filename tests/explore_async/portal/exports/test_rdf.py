"""RDF: the same triples in four syntaxes, as another library reads them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from rdflib import RDF, XSD, BNode, Graph, Literal, Namespace, URIRef
from rdflib.compare import isomorphic

from tests.explore_async.portal.asking import THINGS
from tests.explore_async.portal.exports.samples import ORIGIN, ROWS, exported, texts_of

if TYPE_CHECKING:
    from tests.explore_async.portal.asking import Asker

# Of rdflib itself, when it reads JSON-LD.
pytestmark = pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")

SYNTAXES = {"jsonld": "json-ld", "n3": "nt", "rdfxml": "xml", "turtle": "turtle"}
"""The readers of rdflib by format; `n3` is documented to be N-Triples."""

FIELD = Namespace(f"{ORIGIN}/ld/ontologies/things/")
GEOJSON = URIRef("http://www.opengis.net/ont/geosparql#geoJSONLiteral")
TYPES = {
    "id": XSD.integer,
    "size": XSD.double,
    "day": XSD.date,
    "moment": XSD.dateTime,
    "open": XSD.boolean,
    "year": XSD.gYear,
    "month": XSD.gYearMonth,
}


def read(body: bytes, name: str) -> Graph:
    return Graph().parse(data=body, format=SYNTAXES[name])


def literals(row: dict[str, Any]) -> list[tuple[URIRef, Literal]]:
    """Return the predicates and objects for a record."""
    texts = texts_of({**row, "tags": None})
    found = [(FIELD[name], typed(text, TYPES.get(name))) for name, text in texts.items()]
    found += [(FIELD["tags"], Literal(tag)) for tag in row["tags"] or []]
    return found


def typed(text: str, type_: URIRef | None) -> Literal:
    return Literal(text, datatype=type_, normalize=False)


def expected(rows: list[dict[str, Any]]) -> Graph:
    graph = Graph()
    for row in rows:
        subject = BNode()
        for predicate, literal in literals(row):
            graph.add((subject, predicate, literal))
    return graph


@pytest.mark.parametrize("name", SYNTAXES)
@settings(max_examples=15)
@given(ROWS)
def test_every_value_is_a_typed_object(name: str, rows: list[dict[str, Any]]) -> None:
    """Elements of lists are objects of their own; null is none."""
    # Geographic values have a test of their own; equal tags of one row are one triple.
    found = read(exported(rows, name, select="exclude(place), exclude(shape)"), name)
    assert isomorphic(normal(found), normal(expected(rows)))


def normal(graph: Graph) -> Graph:
    """Return a graph without the different ways to write a double."""
    found = Graph()
    for subject, predicate, literal in graph:
        assert isinstance(literal, Literal)
        if literal.datatype == XSD.double:
            literal = Literal(repr(float(literal)), datatype=XSD.double, normalize=False)
        if literal.datatype == XSD.string:
            literal = Literal(str(literal))
        found.add((subject, predicate, literal))
    return found


@pytest.mark.parametrize("name", SYNTAXES)
def test_geographic_values_are_geojson_literals(name: str) -> None:
    """Of GeoSPARQL 1.1, in WGS 84, whatever the projection."""
    body = exported(THINGS, name, select="place, shape", limit="1", epsg="2154")
    objects = list(read(body, name).objects())
    assert [one.datatype for one in objects if isinstance(one, Literal)] == [GEOJSON] * 2
    assert [json.loads(str(one)) for one in objects] == [
        {"coordinates": [2.3522, 48.8566], "type": "Point"}
    ] * 2


@pytest.mark.parametrize("name", SYNTAXES)
def test_predicates_are_those_of_the_documentation(name: str) -> None:
    """Other characters than those of names are written by their numbers."""
    body = exported(THINGS, name, select="count(*), max(size) as `a.b:c`", limit="1")
    assert set(map(str, read(body, name).predicates())) == {
        f"{ORIGIN}/ld/ontologies/things/count_x0028__x002A__x0029_",
        f"{ORIGIN}/ld/ontologies/things/a_x002E_b_x003A_c",
    }


@pytest.mark.parametrize("name", SYNTAXES)
def test_special_numbers_and_texts(name: str) -> None:
    """NaN and infinities are doubles; quotes, backslashes and line ends are kept."""
    text = 'a"\\\n\r\t<&>\u2028'
    rows: list[dict[str, Any]] = [
        {"size": float("nan"), "name": text},
        {"size": float("-inf")},
    ]
    body = exported(rows, name, select="size, name")
    # rdflib writes the numbers in its own way.
    assert set(map(str, read(body, name).objects())) == {"nan", "-inf", text}
    assert b"NaN" in body
    assert b"-INF" in body


@pytest.mark.parametrize("name", SYNTAXES)
def test_a_row_of_nulls_has_no_triples(name: str) -> None:
    """There is no subject without them."""
    assert len(read(exported([{}, {}], name), name)) == 0


def test_json_ld_is_streamed_as_plain_objects() -> None:
    """Whole numbers and booleans are those of JSON."""
    found = json.loads(exported(THINGS, "jsonld", select="id, open, tags", limit="1"))
    assert found["@graph"] == [{"id": 1, "open": True, "tags": ["a", "b"]}]
    assert found["@context"]["id"] == {"@id": str(FIELD["id"]), "@type": str(XSD.integer)}


def test_no_types_of_subjects_are_invented() -> None:
    """The documented mapping has none."""
    assert not list(read(exported(THINGS, "turtle"), "turtle").subject_objects(RDF.type))


@pytest.mark.parametrize(
    ("name", "media_type", "file"),
    [
        ("jsonld", "application/ld+json", "things.jsonld"),
        ("n3", "application/n-triples", "things.n3"),
        ("rdfxml", "application/rdf+xml", "things.rdf"),
        ("turtle", "text/turtle", "things.ttl"),
    ],
)
async def test_the_response_is_a_file(ask: Asker, name: str, media_type: str, file: str) -> None:
    """Media type and name; those of live portals are not recorded."""
    answer = await ask.get(f"datasets/things/exports/{name}")
    assert answer.headers["content-type"] == f"{media_type}; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="{file}"'
    predicates = set(map(str, read(answer.body, name).predicates()))
    assert f"{ask.url}/ld/ontologies/things/name" in predicates
