"""What an operation returns.

`requests` turns a `Query` into the parameters of requests. `records` reads pages and proves that
together they are the whole result, `facets` sends one request per facet, and `exports` reads one
long stream: as rows through `row_readers`, or to disk through `files`. With `typed=`, `conversion`
turns JSON and CSV values into Python types, and `typed_pages` does it while it decodes a page.
`arrow` makes tables and data frames.
"""
