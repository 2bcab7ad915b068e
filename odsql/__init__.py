"""ODSQL, the query language of the Explore API v2.1: parser, tree, renderer and builder.

Everything here works without a network; `explore_async` is the client.
"""

from __future__ import annotations

from odsql import helpers, nodes
from odsql.building import F
from odsql.errors import BuildError, ODSQLError, ODSQLSyntaxError
from odsql.helpers import *  # noqa: F403 - the names are listed once, in helpers
from odsql.parsing import (
    parse_facet,
    parse_group_by,
    parse_order_by,
    parse_refinement,
    parse_select,
    parse_where,
)
from odsql.query import Query
from odsql.rendering import format, render  # noqa: A004 - the field's word for it

__version__ = "0.1.0"

__all__ = [
    "BuildError",
    "F",
    "ODSQLError",
    "ODSQLSyntaxError",
    "Query",
    "format",
    "nodes",
    "parse_facet",
    "parse_group_by",
    "parse_order_by",
    "parse_refinement",
    "parse_select",
    "parse_where",
    "render",
    *helpers.__all__,
]
