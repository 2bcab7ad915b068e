"""A local Explore API v2.1 on DuckDB, with the queries, responses and errors of a live portal.

A `Store` holds datasets (`store`, `schema`, `catalog`) and the files that belong to them
(`attached`). `access` knows who may see what, and `quotas` how often. `files` fills the store from
files (`settings`, `entries`, `reading`, `features`, `wkb`). `app` serves them over HTTP: `requests`
reads the parameters, `odsql` parses the clauses, `compiling` compiles the trees to SQL with
`conditions`, `values`, `grouping`, `facets` and the modules they use, `engine` runs the SQL, and
`answers` writes the result as a live portal does; the package `exports` writes files. `functions`
and `geometries` do what SQL cannot, `limits` refuses what no statement can hold, `envelope` adds
headers and answers errors, `errors` holds the messages, and `faults` what may go wrong on purpose.

The portal needs an extra: `pip install 'explore-async[portal]'`. Without it the package can be
imported, but opening a `Store` raises `explore_async.MissingExtraError`.
"""

from __future__ import annotations

from explore_async.portal.app import make_app, serve
from explore_async.portal.errors import PortalError
from explore_async.portal.files import load_files
from explore_async.portal.geonames import GEONAMES_ID, load_geonames
from explore_async.portal.schema import PortalField
from explore_async.portal.store import Store

__all__ = [
    "GEONAMES_ID",
    "PortalError",
    "PortalField",
    "Store",
    "load_files",
    "load_geonames",
    "make_app",
    "serve",
]
