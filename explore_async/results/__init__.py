"""The results of operations.

`requests` turns a `Query` into requests. `records` reads pages and verifies that together they are
the whole result, `facets` sends one request per facet, and `exports` reads one long stream: as rows
through `row_readers`, or to disk through `files`; `structures` tells a part of a file from the
whole. With `typed=`, `conversion` converts JSON and CSV values to Python types, and `typed_pages`
does so while decoding a page. `arrow` creates tables and data frames.
"""
