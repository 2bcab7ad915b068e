"""The results of operations.

`requests` turns a `Query` into requests. `records` reads the pages of a `plan` and verifies that
together they are the whole result, `facets` sends one request per facet, and `exports` reads one
long stream: as rows through `row_readers`, or to disk through `files`, where `tallies` counts the
rows; `structures` tells a part of a file from the whole. With `typed=`, `conversion` converts JSON
and CSV values to Python types, and `typed_pages` does so while decoding a page. With `into=`,
`into` has the rows in a class of the caller, `class_plans` how a class is read, and `misfits` what
does not fit. `page_checks` compares pages. `arrow` creates tables and data frames, `geo` writes
their geometries, and `csv_lines` writes CSV. `unknown_fields` adds the nearest names to an error,
and `showing` is how lazy objects are shown.
"""
