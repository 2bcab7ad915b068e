"""The export formats: all rows of a result, or the catalog, as the bytes of a file.

`formats` lists them. `export` is a request for one, and `rows` runs its query. There is a module
per family of formats: `text` (JSON, JSON Lines, CSV) and `geojson`, with `geometry` for the
projections; `catalog` writes the formats of the catalog. `packages` looks for optional libraries.
"""
