"""The export formats: all rows of a result, or the catalog, as the bytes of a file.

`formats` lists those of datasets, `catalog_formats` those of the catalog. `export` is a request for
one, and `rows` runs its query. Each family of formats has a module: `text` (JSON, JSON Lines, CSV),
`geojson`, `parquet`, `xlsx`, `kml`, `gpx`, `shp`, `fgb`, `rdf` and `ov2`; `catalog`, `dcat` and
`feeds` write the catalog. They share `geometry`, `layers` for GDAL, `markup` for XML, `links` for
the URLs of datasets, and `packages`, which looks for optional libraries.
"""
