"""The export format that the name of a file stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ENDINGS", "ending_of", "format_of", "is_gzipped"]

ENDINGS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".parquet": "parquet",
    ".geoparquet": "parquet",
    ".xlsx": "xlsx",
    ".geojson": "geojson",
    ".gpx": "gpx",
    ".kml": "kml",
    ".fgb": "fgb",
    ".shp.zip": "shp",
    ".zip": "shp",
    ".jsonld": "jsonld",
    ".n3": "n3",
    ".ttl": "turtle",
    ".rdf": "rdfxml",
    ".ov2": "ov2",
}
"""The export formats by the ending of a file's name. Another `.gz` compresses the file."""

_GZIP = ".gz"


def is_gzipped(path: Path) -> bool:
    """Return whether a file is to be compressed."""
    return path.name.lower().endswith(_GZIP)


def format_of(path: Path) -> str:
    """Return the format of a file by its name.

    Raises:
        UsageError: the ending is unknown.
    """
    name = path.name.lower().removesuffix(_GZIP)
    for ending, file_format in ENDINGS.items():
        if name.endswith(ending):
            return file_format
    msg = (
        f"The name {path.name} does not say which format to export. Pass --format, or end the name "
        f"with {', '.join(ENDINGS)}, and with .gz behind it to compress the file."
    )
    raise click.UsageError(msg)


def ending_of(file_format: str) -> str:
    """Return the usual ending of a format."""
    return next((end for end, one in ENDINGS.items() if one == file_format), f".{file_format}")
