"""The errors of the portal and their messages.

The messages repeat the wording of a live server wherever it was observed. Otherwise they are the
portal's own; `docs/portal.md` lists the unknown ones.
"""

from __future__ import annotations

import importlib
from typing import Any

from explore_async.errors import ConfigurationError, MissingExtraError

__all__ = [
    "PortalError",
    "StoreError",
    "declared_twice",
    "forbidden",
    "geo_grouping",
    "incompatible_types",
    "invalid_parameter",
    "malformed",
    "missing_extra",
    "missing_resource",
    "not_allowed",
    "not_supported",
    "require",
    "stat_aggregation",
    "stopping",
    "too_large",
    "too_long",
    "too_slow",
    "unexpected",
    "unknown_field",
    "unreadable",
]

QUERY_ERROR = "ODSQLError"
NOT_SUPPORTED = "NotSupportedByLocalPortal"


class PortalError(Exception):
    """A request that the portal answers with an error.

    Attributes:
        status: the HTTP status.
        code: the `error_code` of the body.
        message: the `message` of the body.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    @property
    def body(self) -> dict[str, Any]:
        """The JSON body, with its keys in the order of a live server."""
        return {"error_code": self.code, "message": self.message}


class StoreError(ConfigurationError, ValueError):
    """A store, a dataset or a row cannot be what it was given; also a ValueError."""


def missing_extra(package: str) -> MissingExtraError:
    """Return the error for a missing package of the `portal` extra."""
    return MissingExtraError(
        f"The local portal needs the package {package!r}: "
        "install it with `pip install 'explore-async[portal]'`.",
        name=package,
    )


def require(package: str) -> Any:
    """Import a package of the extra.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise missing_extra(package) from error


def malformed(reason: str, clause: str | None = None) -> PortalError:
    """Return the error for a query that parses but is invalid; the message ends with `clause`."""
    tail = "" if clause is None else f". Clause(s) containing the error(s): {clause}."
    return PortalError(400, QUERY_ERROR, f"ODSQL query is malformed: {reason}{tail}")


def unknown_field(name: str, clause: str) -> PortalError:
    """Return the error for a field, label or facet that the dataset does not have."""
    return malformed(f"Unknown field: {name}", clause)


def not_allowed(what: str, clause: str) -> PortalError:
    """Return the error for something that only other clauses allow (recorded for a field only)."""
    return malformed(f"{what} is not allowed in the current clause", clause)


def declared_twice(alias: str) -> PortalError:
    """Return the error for an alias that two expressions use."""
    return malformed(f"Alias '{alias}' is declared several times")


def geo_grouping() -> PortalError:
    """Return the error for grouping by a geographic field."""
    return malformed(
        "Aggregation on geo point field is not possible. "
        "Use the geo_cluster(position, int_precision) aggregation function instead"
    )


def stat_aggregation() -> PortalError:
    """Return the error for a statistic of values that are neither numbers nor dates."""
    return malformed("StatAggregation only supports numeric or date expression.")


def incompatible_types(clause: str) -> PortalError:
    """Return the error for incompatible operands, such as a date field and a bare year."""
    return PortalError(
        400,
        "IncompatibleTypesInComparisonFilter",
        f"Incompatible types in comparison filter. Clause(s) containing the error(s): {clause}.",
    )


def invalid_parameter(message: str) -> PortalError:
    """Return the error for an invalid parameter of the request other than a clause."""
    return PortalError(400, "InvalidRESTParameterError", message)


def missing_resource(kind: str, identifier: str) -> PortalError:
    """Return the error for a dataset, record or attachment that does not exist."""
    return PortalError(
        404, "NotFoundResource", f"The requested {kind} {identifier} does not exist."
    )


def forbidden() -> PortalError:
    """Return the error for the records of a dataset whose data is not visible (recorded)."""
    return PortalError(
        403, "ForbiddenAccess", "You don't have permission to access the requested resource"
    )


def not_supported(what: str) -> PortalError:
    """Return the error for a feature of live portals that this portal does not support."""
    return PortalError(400, NOT_SUPPORTED, f"{what} is not supported by this local portal.")


def stopping() -> PortalError:
    """Return the error for a request that a stopping portal does not complete."""
    return PortalError(503, "ServiceUnavailable", "The local portal is stopping.")


def too_long(most: int) -> PortalError:
    """Return the error for a URL of more than `most` bytes (unknown on live portals)."""
    return PortalError(
        414, "UriTooLong", f"The URL has more than {most} bytes after the host; ask for less."
    )


def too_slow(seconds: float) -> PortalError:
    """Return the error for a statement that takes too long; clients do not repeat a 400.

    What live portals answer is unknown.
    """
    return PortalError(
        400, "QueryTimeout", f"The query took longer than {seconds:g} s; ask for less at once."
    )


def too_large() -> PortalError:
    """Return the error for a statement that needs too much memory (unknown on live portals)."""
    return PortalError(
        400, "QueryTooLarge", "The query needs more memory than it may use; ask for less at once."
    )


def unexpected() -> PortalError:
    """Return the error for a fault of this portal, which its log describes."""
    return PortalError(
        500, "InternalServerError", "The local portal failed; its log says why. Please report it."
    )


def unreadable(message: str) -> PortalError:
    """Return the error for a dataset whose file cannot be read; clients do not repeat a 400."""
    return PortalError(400, "UnreadableFile", message)
