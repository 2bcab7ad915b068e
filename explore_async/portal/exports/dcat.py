"""The catalog as RDF: DCAT and Dublin Core.

Documented is that `rdf` and `ttl` are DCAT-AP, and what `include_exports` and
`use_labels_in_exports` do. The graph has the shape of an export of API v2.0 that a public report
quotes: catalog, datasets, and a distribution for each export format. No export of v2.1 is recorded.
All profiles (`dcat_ap_de` and so on) have the same graph, because what they add is not recorded.
`dublin_core` is Simple Dublin Core in RDF/XML, as the DCMI recommends it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from explore_async.portal.exports.links import Described, catalog_url, distributed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rdflib import Graph
    from rdflib.term import Node

    from explore_async.portal.exports.export import Export

__all__ = ["write_dublin_core", "write_rdf", "write_ttl"]

_LANGUAGES = "http://id.loc.gov/vocabulary/iso639-1/"
_VCARD = "http://www.w3.org/2006/vcard/ns#"
_MEDIA_TYPES = "https://www.iana.org/assignments/media-types/"
_MOMENTS = ("created", "issued")


def write_rdf(one: Export, datasets: Sequence[Mapping[str, Any]]) -> bytes:
    """Write RDF/XML."""
    return _Catalog(one, datasets).graph.serialize(format="xml", encoding="utf-8")


def write_ttl(one: Export, datasets: Sequence[Mapping[str, Any]]) -> bytes:
    """Write Turtle."""
    return _Catalog(one, datasets).graph.serialize(format="turtle", encoding="utf-8")


class _Catalog:
    """The graph of a catalog."""

    def __init__(self, one: Export, datasets: Sequence[Mapping[str, Any]]) -> None:
        self._rdf: Any = importlib.import_module("rdflib")
        self._one = one
        self.graph: Graph = self._rdf.Graph()
        catalog = self._rdf.URIRef(catalog_url(one))
        rdf = self._rdf
        self._add(catalog, rdf.RDF.type, rdf.DCAT.Catalog)
        for predicate in (rdf.DCTERMS.title, rdf.DCTERMS.description):
            self._add(catalog, predicate, rdf.Literal("Catalog of the local portal"))
        self._add(catalog, rdf.FOAF.homepage, self._typed(rdf.FOAF.Document, one.origin))
        for dataset in datasets:
            described = Described.of(one, dataset)
            self._add(catalog, rdf.DCAT.dataset, self._dataset(described))

    def _add(self, subject: Node, predicate: Node, value: Node | None) -> None:
        if value is not None:
            self.graph.add((subject, predicate, value))

    def _typed(self, kind: Node, iri: str | None = None) -> Node:
        """Return a node of a class: an IRI, or a blank node."""
        node: Node = self._rdf.BNode() if iri is None else self._rdf.URIRef(iri)
        self._add(node, self._rdf.RDF.type, kind)
        return node

    def _labelled(self, kind: Node, predicate: Node, text: str | None) -> Node | None:
        """Return a blank node of a class with a text; None without a text."""
        if text is None:
            return None
        node = self._typed(kind)
        self._add(node, predicate, self._rdf.Literal(text))
        return node

    def _dataset(self, dataset: Described) -> Node:
        rdf = self._rdf
        node = self._typed(rdf.DCAT.Dataset, dataset.url)
        language = dataset.language
        self._add(node, rdf.DCTERMS.identifier, rdf.Literal(dataset.dataset_id))
        for name in ("title", "description"):
            if text := dataset.text(name):
                self._add(node, rdf.DCTERMS[name], rdf.Literal(text, lang=language))
        for keyword in dataset.texts("keyword"):
            self._add(node, rdf.DCAT.keyword, rdf.Literal(keyword, lang=language))
        for theme in dataset.texts("theme"):
            concept = self._labelled(rdf.SKOS.Concept, rdf.SKOS.prefLabel, theme)
            self._add(node, rdf.DCAT.theme, concept)
        for name, space in (("modified", "default"), *((each, "dcat") for each in _MOMENTS)):
            if text := dataset.text(name, space):
                moment = rdf.Literal(text, datatype=rdf.XSD.dateTime, normalize=False)
                self._add(node, rdf.DCTERMS[name], moment)
        publisher = self._labelled(rdf.FOAF.Agent, rdf.FOAF.name, dataset.text("publisher"))
        self._add(node, rdf.DCTERMS.publisher, publisher)
        creator = self._labelled(rdf.FOAF.Agent, rdf.FOAF.name, dataset.text("creator", "dcat"))
        self._add(node, rdf.DCTERMS.creator, creator)
        self._add(node, rdf.DCAT.contactPoint, self._contact(dataset))
        self._add(node, rdf.DCAT.landingPage, self._typed(rdf.FOAF.Document, dataset.page))
        if language is not None:
            system = self._typed(rdf.DCTERMS.LinguisticSystem, _LANGUAGES + language)
            self._add(node, rdf.DCTERMS.language, system)
        license_ = self._license(dataset)
        self._add(node, rdf.DCTERMS.license, license_)
        self._add_distributions(node, dataset, license_)
        return node

    def _contact(self, dataset: Described) -> Node | None:
        name, mail = (dataset.text(f"contact_{part}", "dcat") for part in ("name", "email"))
        if name is None and mail is None:
            return None
        vcard = self._rdf.Namespace(_VCARD)
        node = self._typed(vcard.Organization)
        if name is not None:
            self._add(node, vcard.fn, self._rdf.Literal(name))
        if mail is not None:
            self._add(node, vcard.hasEmail, self._iri(f"mailto:{mail}"))
        return node

    def _license(self, dataset: Described) -> Node | None:
        """Return the license document: the URL if there is one, otherwise a name."""
        rdf = self._rdf
        url = dataset.text("license_url")
        if url is not None:
            node = self._iri(url)
            self._add(node, rdf.RDF.type, rdf.DCTERMS.LicenseDocument)
            return node
        text = dataset.text("license")
        return self._labelled(rdf.DCTERMS.LicenseDocument, rdf.DCTERMS.title, text)

    def _add_distributions(self, node: Node, dataset: Described, license_: Node | None) -> None:
        rdf = self._rdf
        for one in distributed(self._one, dataset):
            distribution = self._typed(rdf.DCAT.Distribution, f"{dataset.url}-{one.name}")
            self._add(node, rdf.DCAT.distribution, distribution)
            self._add(distribution, rdf.DCTERMS.title, rdf.Literal(one.name))
            for predicate in (rdf.DCAT.accessURL, rdf.DCAT.downloadURL):
                self._add(distribution, predicate, rdf.URIRef(one.url))
            media_type = rdf.URIRef(_MEDIA_TYPES + one.media_type)
            self._add(distribution, rdf.DCAT.mediaType, media_type)
            self._add(distribution, rdf.DCTERMS.license, license_)

    def _iri(self, text: str) -> Node:
        return _iri(self._rdf, text)


def _iri(rdf: Any, text: str) -> Node:
    """Return an IRI; characters that none may have are escaped."""
    node: Node = rdf.URIRef("".join(_ESCAPED.get(one, one) for one in text))
    return node


_ESCAPED = {one: f"%{ord(one):02X}" for one in '<>" {}|\\^`\t\n\r'}


# ---------------------------------------------------------------- Dublin Core

_ELEMENTS = (
    ("title", "default", "title"),
    ("description", "default", "description"),
    ("subject", "default", "theme"),
    ("subject", "default", "keyword"),
    ("publisher", "default", "publisher"),
    ("creator", "dcat", "creator"),
    ("contributor", "dcat", "contributor"),
    ("date", "default", "modified"),
    ("language", "default", "language"),
    ("rights", "default", "license"),
    ("source", "default", "references"),
    ("coverage", "dcat", "spatial"),
)
"""Elements of Dublin Core, with the namespaces and the names of metadata."""


def write_dublin_core(one: Export, datasets: Sequence[Mapping[str, Any]]) -> bytes:
    """Write RDF/XML with the elements of Simple Dublin Core for each dataset."""
    rdf: Any = importlib.import_module("rdflib")
    graph = rdf.Graph()
    for dataset in datasets:
        described = Described.of(one, dataset)
        node = rdf.URIRef(described.url)
        graph.add((node, rdf.DC.identifier, rdf.Literal(described.dataset_id)))
        graph.add((node, rdf.DC.type, rdf.Literal("Dataset")))
        for element, space, name in _ELEMENTS:
            for text in described.texts(name, space):
                graph.add((node, rdf.DC[element], rdf.Literal(text)))
    written: bytes = graph.serialize(format="xml", encoding="utf-8")
    return written
