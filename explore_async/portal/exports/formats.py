"""The list of export formats, with their media types and the names of their files.

Recorded are the media types of CSV, JSON and FlatGeobuf (octet-stream), each with a charset, and
the names of their files. For the others it is not recorded: they have the media type that IANA
lists, with the charset that every recorded export has, and the usual extension.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from explore_async.portal.exports import (
    fgb,
    geojson,
    gpx,
    kml,
    ov2,
    parquet,
    rdf,
    shp,
    text,
    xlsx,
)
from explore_async.portal.exports.packages import have, missing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from explore_async.portal.exports.export import Export, Writer

__all__ = ["FORMATS", "Format", "find", "listed"]


@frozen(kw_only=True)
class Format:
    """One format.

    Attributes:
        write: writes the rows of a query; None if the format holds only dataset objects.
        catalog: writes dataset objects; None if the catalog lacks the format.
        media_type: the media type, without the charset.
        extension: the extension of files.
        packages: the packages that it needs.
        lists_fields: True if files have a list of the fields, which may be labels.
        is_text: True if responses are compressed for clients that accept it.
        is_listed: True if the list of formats has it.
    """

    write: Writer | None = None
    catalog: Callable[[Export, Sequence[Mapping[str, Any]]], bytes] | None = None
    media_type: str
    extension: str
    packages: tuple[str, ...] = ()
    lists_fields: bool = False
    is_text: bool = True
    is_listed: bool = True

    @property
    def content_type(self) -> str:
        """The value of the header Content-Type."""
        return f"{self.media_type}; charset=utf-8"


FORMATS: Mapping[str, Format] = {
    "csv": Format(write=text.write_csv, media_type="text/csv", extension="csv", lists_fields=True),
    "fgb": Format(
        write=fgb.write_fgb,
        media_type="application/octet-stream",
        extension="fgb",
        packages=("pyogrio", "pyarrow"),
        lists_fields=True,
        is_text=False,
    ),
    "geojson": Format(
        write=geojson.write_geojson, media_type="application/geo+json", extension="geojson"
    ),
    "gpx": Format(write=gpx.write_gpx, media_type="application/gpx+xml", extension="gpx"),
    "json": Format(write=text.write_json, media_type="application/json", extension="json"),
    "jsonl": Format(write=text.write_jsonl, media_type="application/x-ndjson", extension="jsonl"),
    "jsonld": Format(write=rdf.write_jsonld, media_type="application/ld+json", extension="jsonld"),
    "kml": Format(
        write=kml.write_kml,
        media_type="application/vnd.google-earth.kml+xml",
        extension="kml",
        lists_fields=True,
    ),
    "n3": Format(write=rdf.write_n3, media_type="application/n-triples", extension="n3"),
    "ov2": Format(
        write=ov2.write_ov2, media_type="application/octet-stream", extension="ov2", is_text=False
    ),
    "parquet": Format(
        write=parquet.write_parquet,
        media_type="application/octet-stream",
        extension="parquet",
        packages=("pyarrow", "numpy"),
        lists_fields=True,
        is_text=False,
    ),
    "rdfxml": Format(write=rdf.write_rdfxml, media_type="application/rdf+xml", extension="rdf"),
    "shp": Format(
        write=shp.write_shp,
        media_type="application/zip",
        extension="zip",
        packages=("pyogrio", "pyarrow"),
        lists_fields=True,
        is_text=False,
    ),
    "turtle": Format(write=rdf.write_turtle, media_type="text/turtle", extension="ttl"),
    "xlsx": Format(
        write=xlsx.write_xlsx,
        media_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        extension="xlsx",
        packages=("xlsxwriter",),
        lists_fields=True,
        is_text=False,
    ),
}
"""The formats of datasets by name."""


def listed(formats: Mapping[str, Format]) -> list[str]:
    """Return the names of the formats that a list has, if their packages are installed."""
    return [name for name, one in formats.items() if one.is_listed and not missing(one.packages)]


def find(formats: Mapping[str, Format], name: str) -> Format | None:
    """Return a format, or None if it is unknown or lacks a package, which is logged."""
    found = formats.get(name)
    if found is None or not have(f"The export format {name}", found.packages):
        return None
    return found
