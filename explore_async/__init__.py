"""Async client for the Opendatasoft / Huwise Explore API v2.1.

`ExploreClient` gives access to a portal's catalog and datasets. All errors derive from
`ExploreError`. Names are imported on first use, so the command line shows its help without loading
an HTTP client.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from explore_async.client import Dataset, ExploreClient, Located
    from explore_async.errors import (
        APIError,
        BadRequest,
        ConfigurationError,
        ConnectError,
        DecodeError,
        ExploreError,
        ForbiddenAccess,
        IncompatibleTypesInComparisonFilter,
        IncompleteHarvestError,
        IntegrityError,
        InvalidRESTParameterError,
        MisfitError,
        MissingExtraError,
        NameResolutionError,
        NotFound,
        NotFoundResource,
        NotFoundURI,
        ODSQLError,
        ODSQLSyntaxError,
        ProxyError,
        QuotaExceeded,
        RedirectError,
        RepeatedPageError,
        RequestTimeout,
        ServerError,
        ShortPageError,
        SnapshotError,
        StorageError,
        StreamConsumedError,
        TLSError,
        TokenError,
        TooLargeError,
        TotalCountDriftError,
        TransportError,
        TruncatedError,
        Unauthorized,
        WindowExceeded,
    )
    from explore_async.events import (
        BytesEvent,
        DoneEvent,
        Event,
        PageEvent,
        RequestEvent,
        ResponseEvent,
        RetryEvent,
        Stats,
        Subscriber,
        ThrottleEvent,
    )
    from explore_async.fanout.readings import FanOut, Outcome
    from explore_async.http.auth import Anonymous, ApiKey, Auth
    from explore_async.http.oauth import OAuth2, OAuth2App, Tokens
    from explore_async.http.policy import Retry, Timeouts, Timing
    from explore_async.http.quotas import Quota
    from explore_async.http.rates import Rate
    from explore_async.http.transport import Caps
    from explore_async.instrumentation import OpenTelemetryEvents, ProgressEvents, Tally, log_events
    from explore_async.models import (
        AlternativeExport,
        Attachment,
        DatasetField,
        DatasetInfo,
        ExportFormat,
        Facet,
        FacetValue,
        Page,
        Progress,
        Reconciliation,
        Row,
        SavedFile,
    )
    from explore_async.operations import Unlisted
    from explore_async.results.conversion import Converter, GeoPoint
    from explore_async.results.exports import ExportStream
    from explore_async.results.facets import Facets
    from explore_async.results.misfits import Misfits
    from explore_async.results.records import Records

__all__ = [
    "APIError", "AlternativeExport", "Anonymous", "ApiKey", "Attachment", "Auth", "BadRequest",
    "BytesEvent", "Caps", "ConfigurationError", "ConnectError", "Converter", "Dataset",
    "DatasetField", "DatasetInfo", "DecodeError", "DoneEvent", "Event", "ExploreClient",
    "ExploreError", "ExportFormat", "ExportStream", "Facet", "FacetValue", "Facets", "FanOut",
    "ForbiddenAccess", "GeoPoint", "IncompatibleTypesInComparisonFilter",
    "IncompleteHarvestError", "IntegrityError", "InvalidRESTParameterError", "Located",
    "MisfitError", "Misfits", "MissingExtraError", "NameResolutionError", "NotFound",
    "NotFoundResource", "NotFoundURI", "OAuth2", "OAuth2App", "ODSQLError", "ODSQLSyntaxError",
    "OpenTelemetryEvents", "Outcome", "Page", "PageEvent", "Progress", "ProgressEvents",
    "ProxyError", "Quota", "QuotaExceeded", "Rate", "Reconciliation", "Records", "RedirectError",
    "RepeatedPageError", "RequestEvent", "RequestTimeout", "ResponseEvent", "Retry", "RetryEvent",
    "Row", "SavedFile", "ServerError", "ShortPageError", "SnapshotError", "Stats",
    "StorageError",
    "StreamConsumedError", "Subscriber", "TLSError", "Tally", "ThrottleEvent", "Timeouts", "Timing",
    "TokenError", "Tokens", "TooLargeError", "TotalCountDriftError", "TransportError",
    "TruncatedError", "Unauthorized", "Unlisted", "WindowExceeded", "log_events",
]  # fmt: skip

_MODULES = {
    "client": "Dataset ExploreClient Located",
    "events": (
        "BytesEvent DoneEvent Event PageEvent RequestEvent ResponseEvent RetryEvent Stats "
        "Subscriber ThrottleEvent"
    ),
    "fanout.readings": "FanOut Outcome",
    "http.auth": "Anonymous ApiKey Auth",
    "http.oauth": "OAuth2 OAuth2App Tokens",
    "http.policy": "Retry Timeouts Timing",
    "http.quotas": "Quota",
    "http.rates": "Rate",
    "http.transport": "Caps",
    "instrumentation": "OpenTelemetryEvents ProgressEvents Tally log_events",
    "models": (
        "AlternativeExport Attachment DatasetField DatasetInfo ExportFormat Facet FacetValue Page "
        "Progress Reconciliation Row SavedFile"
    ),
    "operations": "Unlisted",
    "results.conversion": "Converter GeoPoint",
    "results.exports": "ExportStream",
    "results.facets": "Facets",
    "results.misfits": "Misfits",
    "results.records": "Records",
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names.split()}
"""The module of each public name; unlisted names are in `errors`."""


if not TYPE_CHECKING:  # otherwise a type checker would accept any name

    def __getattr__(name: str) -> object:
        if name not in __all__:
            msg = f"module 'explore_async' has no attribute {name!r}"
            raise AttributeError(msg)
        module = import_module(f"explore_async.{_HOMES.get(name, 'errors')}")
        value: object = getattr(module, name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
