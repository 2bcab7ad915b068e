"""The names that each public module exports, the only ones that the pages may import.

Removing a name breaks programs that import it; adding one is a promise to keep it.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

PUBLIC = {
    "explore_async": """
        APIError AlternativeExport Anonymous ApiKey Attachment Auth BadRequest BytesEvent
        Caps ConfigurationError ConnectError Converter Dataset DatasetField DatasetInfo
        DecodeError DoneEvent Event ExploreClient ExploreError ExportFormat ExportStream
        Facet FacetValue Facets FanOut ForbiddenAccess GeoPoint
        IncompatibleTypesInComparisonFilter IncompleteHarvestError IntegrityError
        InvalidRESTParameterError Located MisfitError Misfits MissingExtraError
        NameResolutionError NotFound NotFoundResource NotFoundURI OAuth2 OAuth2App
        ODSQLError ODSQLSyntaxError OpenTelemetryEvents Outcome Page PageEvent Progress
        ProgressEvents ProxyError Quota QuotaExceeded Rate Reconciliation Records
        RedirectError RepeatedPageError RequestEvent RequestTimeout ResponseEvent Retry
        RetryEvent Row SavedFile ServerError ShortPageError SnapshotError Stats StorageError
        StreamConsumedError Subscriber TLSError Tally ThrottleEvent Timeouts Timing
        TokenError Tokens TooLargeError TotalCountDriftError TransportError TruncatedError
        Unauthorized Unlisted WindowExceeded log_events
    """,
    "explore_async.harvest": """
        Changed Committed Cursor Failed Finished Harvest HarvestEvent HarvestPlan HarvestedFile
        Harvests Listed Manifest Mirror MirrorEvent MirrorFinished MirrorReport Mirrored Partition
        Planned Resumed Retried Since Split State harvest harvest_all mirror plan_harvest
    """,
    "explore_async.harvest.dask": """
        DaskEngine
    """,
    "explore_async.harvest.dlt": """
        explore_source
    """,
    "explore_async.portal": """
        COUNTRIES_ID GEONAMES_ID PortalError PortalField Store load_countries load_files
        load_geonames make_app serve
    """,
    "explore_async.testing": """
        Asked Clock Portal Snapshot snapshot
    """,
    "odsql": """
        BuildError Diagnostic F Field Fields ODSQLError ODSQLSyntaxError Query Schema
        all_fields avg bbox call check condition count date date_format day disjoint
        distance envelope exclude facet format full_text geo_cluster geom geometry hour
        ifnull in_bbox include intersects json_format length literal lower max_ median
        min_ minute month nodes now parse_facet parse_group_by parse_order_by
        parse_refinement parse_select parse_template parse_where percentile polygon random range_
        render search second startswith static_range suggest sum_ vector_similarity
        vector_similarity_threshold within within_distance year
    """,
    "odsql.nodes": """
        And Arithmetic Boolean Call Comparison Date Distinct Expression Field Geometry
        GroupBy Hole InList InRange Is Labelled Like Member Named Negate Node Not Null Number
        Or OrderBy Ordering Pattern Quantity Refinement Select Span Star StaticRange
        Text Where Word children rewrite walk
    """,
    "odsql.schema": """
        Schema SchemaError SchemaField load_schemas
    """,
    "odsql.testing": """
        assert_valid
    """,
    "odsql.typed": """
        BooleanField DatasetFields DateField NumberField TextField TypedField field
    """,
}


@pytest.mark.parametrize("module", PUBLIC)
def test_a_public_module_exports_these_names_and_no_others(module: str) -> None:
    """Each exported name also exists."""
    imported = importlib.import_module(module)
    assert sorted(imported.__all__) == PUBLIC[module].split()
    assert all(hasattr(imported, name) for name in imported.__all__)


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_class_and_function_has_a_docstring(module: str) -> None:
    """Editors show docstrings to users."""
    imported = importlib.import_module(module)
    values = {name: getattr(imported, name) for name in imported.__all__}
    described = {name: one for name, one in values.items() if inspect.isroutine(one)}
    described |= {name: one for name, one in values.items() if inspect.isclass(one)}
    assert [name for name, one in described.items() if not inspect.getdoc(one)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_pages_import_public_names_only(page: Path) -> None:
    """Readers copy the imports that a page shows."""
    blocks = re.findall(
        r"^```python\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    for block in blocks:
        for node in ast.walk(ast.parse(block)):
            if not isinstance(node, ast.ImportFrom):
                continue
            module = node.module or ""
            if module.startswith(("odsql", "explore_async")):
                assert {alias.name for alias in node.names} <= set(PUBLIC[module].split())
