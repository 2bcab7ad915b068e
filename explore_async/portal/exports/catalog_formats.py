"""The list of the catalog's export formats.

Recorded are the list, and the responses of CSV and JSON. The profiles of DCAT, which live portals
have only upon activation, are not in the list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from explore_async.portal.exports import catalog, dcat, feeds
from explore_async.portal.exports.formats import FORMATS, Format

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CATALOG_FORMATS"]

_RDF = Format(
    catalog=dcat.write_rdf,
    media_type="application/rdf+xml",
    extension="rdf",
    packages=("rdflib",),
)
_PROFILES = ("ch", "de", "se", "sp", "it", "vl", "benap")

CATALOG_FORMATS: Mapping[str, Format] = {
    "csv": evolve(FORMATS["csv"], catalog=catalog.write_csv),
    "json": evolve(FORMATS["json"], catalog=catalog.write_json),
    "data.json": Format(
        catalog=feeds.write_data_json, media_type="application/json", extension="json"
    ),
    "rdf": _RDF,
    "ttl": evolve(_RDF, catalog=dcat.write_ttl, media_type="text/turtle", extension="ttl"),
    "dublin_core": evolve(_RDF, catalog=dcat.write_dublin_core),
    "dcat": _RDF,
    "rss": Format(catalog=feeds.write_rss, media_type="application/rss+xml", extension="rss"),
    "sitemap": Format(catalog=feeds.write_sitemap, media_type="application/xml", extension="xml"),
    "xlsx": evolve(FORMATS["xlsx"], catalog=catalog.write_xlsx),
    **{f"dcat_ap_{name}": evolve(_RDF, is_listed=False) for name in _PROFILES},
}
"""The formats of the catalog by name."""
