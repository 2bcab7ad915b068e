"""A local Explore API v2.1 on DuckDB, with the queries, responses and errors of a live portal.

A `Store` holds datasets (`store`, `tables`, `schema`, `catalog`) in a `database`, and the files
that belong to them (`attached`). `access` knows who may see what, and `quotas` how often. `files`
fills the store from files (`listing`, `settings`, `entries`, `reading`, `csv_files`, `databases`,
`features`, `wkb`) and from copies of other portals (`snapshots`), and `watching` reads those again
that change. `app` answers requests, and `serving` listens for them: `requests` reads the
parameters, `odsql` parses the clauses, `compiling` compiles the trees to SQL with `conditions`,
`values`, `grouping`, `facets` and the modules they use, `engine` runs the SQL of all clients in
`turns`, and `answers` writes the result as a live portal does; the package `exports` writes files.
`functions`, `geometries` and `words` do what SQL cannot do quickly or at all, `limits` refuses what
no statement can hold, `envelope` adds headers and answers errors, `lifecycle` lets requests in and
waits for them, `access_log` notes them, `errors` holds the messages, and `faults` what may go wrong
on purpose (`spoiling`, `changing`).

The portal needs an extra: `pip install 'explore-async[portal]'`. Without it the package can be
imported, but opening a `Store` raises `explore_async.MissingExtraError`.
"""

from __future__ import annotations

from explore_async.portal.app import make_app
from explore_async.portal.errors import PortalError
from explore_async.portal.files import load_files
from explore_async.portal.geonames import (
    COUNTRIES_ID,
    GEONAMES_ID,
    load_countries,
    load_geonames,
)
from explore_async.portal.schema import PortalField
from explore_async.portal.serving import serve
from explore_async.portal.store import Store

__all__ = [
    "COUNTRIES_ID",
    "GEONAMES_ID",
    "PortalError",
    "PortalField",
    "Store",
    "load_countries",
    "load_files",
    "load_geonames",
    "make_app",
    "serve",
]
