"""A local Explore API v2.1 on DuckDB: the same queries, answers and errors, without a network.

Needs the extra: `pip install 'explore-async[portal]'`. Importing works without it; opening a
`Store` then raises `explore_async.MissingExtraError`.
"""

from __future__ import annotations

from explore_async.portal.app import make_app, serve
from explore_async.portal.errors import PortalError
from explore_async.portal.geonames import GEONAMES_ID, load_geonames
from explore_async.portal.schema import PortalField
from explore_async.portal.store import Store

__all__ = [
    "GEONAMES_ID",
    "PortalError",
    "PortalField",
    "Store",
    "load_geonames",
    "make_app",
    "serve",
]
