"""ODSQL, the query language of the Explore API v2.1: parser, tree, renderer and builder.

Nothing here needs a network; the client is `explore_async`. Names are imported on first use, so
a program that only parses does not load the builder.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from odsql import nodes
    from odsql.builder.classes import Field
    from odsql.builder.expressions import F, Fields, call, condition, geom, literal
    from odsql.builder.functions import *  # noqa: F403
    from odsql.builder.query import Query
    from odsql.checks.diagnostics import Diagnostic
    from odsql.checks.run import check
    from odsql.schema import Schema
    from odsql.syntax.errors import BuildError, ODSQLError, ODSQLSyntaxError
    from odsql.syntax.parsing import (
        parse_facet,
        parse_group_by,
        parse_order_by,
        parse_refinement,
        parse_select,
        parse_where,
    )
    from odsql.syntax.rendering import format, render  # noqa: A004 - the usual name
    from odsql.syntax.templates import parse_template

__version__ = "0.1.0"

__all__ = [
    "BuildError", "Diagnostic", "F", "Field", "Fields", "ODSQLError", "ODSQLSyntaxError", "Query",
    "Schema",
    "all_fields", "avg", "bbox", "call", "check", "condition", "count", "date", "date_format",
    "day", "disjoint", "distance", "envelope", "exclude", "facet", "format", "full_text",
    "geo_cluster", "geom", "geometry", "hour", "ifnull", "in_bbox", "include", "intersects",
    "json_format", "length", "literal", "lower", "max_", "median", "min_", "minute", "month",
    "nodes", "now", "parse_facet", "parse_group_by", "parse_order_by", "parse_refinement",
    "parse_select", "parse_template", "parse_where", "percentile", "polygon", "random", "range_",
    "render", "search", "second", "startswith", "static_range", "suggest", "sum_",
    "vector_similarity", "vector_similarity_threshold", "within", "within_distance", "year",
]  # fmt: skip

_HOMES = {
    **dict.fromkeys(("F", "Fields", "call", "condition", "geom", "literal"), "builder.expressions"),
    "Field": "builder.classes",
    "Diagnostic": "checks.diagnostics",
    "Query": "builder.query",
    "Schema": "schema",
    "check": "checks.run",
    "format": "syntax.rendering",
    "render": "syntax.rendering",
    **dict.fromkeys(("BuildError", "ODSQLError", "ODSQLSyntaxError"), "syntax.errors"),
    **dict.fromkeys((name for name in __all__ if name.startswith("parse_")), "syntax.parsing"),
    "parse_template": "syntax.templates",
}
"""The module of each public name; unlisted names are in `builder.functions`."""


if not TYPE_CHECKING:  # with `__getattr__`, a type checker would accept any name

    def __getattr__(name: str) -> object:
        if name == "nodes":
            return import_module("odsql.nodes")
        if name not in __all__:
            msg = f"module 'odsql' has no attribute {name!r}"
            raise AttributeError(msg)
        home = _HOMES.get(name, "builder.functions")
        value: object = getattr(import_module(f"odsql.{home}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
