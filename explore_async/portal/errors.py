"""What the portal refuses, and in which words.

The texts are those of the live server wherever one was seen. Where the live text is unknown the
message is the portal's own; `docs/portal.md` lists which is which.
"""

from __future__ import annotations

from typing import Any

from explore_async.errors import MissingExtraError

__all__ = [
    "PortalError",
    "declared_twice",
    "geo_grouping",
    "incompatible_types",
    "invalid_parameter",
    "malformed",
    "missing_extra",
    "missing_resource",
    "not_allowed",
    "not_supported",
    "stat_aggregation",
    "stopping",
    "unknown_field",
]

QUERY_ERROR = "ODSQLError"
NOT_SUPPORTED = "NotSupportedByLocalPortal"


class PortalError(Exception):
    """A request that is answered with an error body.

    `status` is the HTTP status, `code` the `error_code` and `message` the `message` of the body.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    @property
    def body(self) -> dict[str, Any]:
        """The JSON body, keys in the order of the live server."""
        return {"error_code": self.code, "message": self.message}


def missing_extra(package: str) -> MissingExtraError:
    """A package of the `portal` extra is not installed."""
    return MissingExtraError(
        f"The local portal needs the package {package!r}: "
        "install it with `pip install 'explore-async[portal]'`.",
        name=package,
    )


def malformed(reason: str, clause: str | None = None) -> PortalError:
    """A query that parses but means nothing; `clause` is named as the live server does."""
    tail = "" if clause is None else f". Clause(s) containing the error(s): {clause}."
    return PortalError(400, QUERY_ERROR, f"ODSQL query is malformed: {reason}{tail}")


def unknown_field(name: str, clause: str) -> PortalError:
    """A field, label or facet that the dataset does not have."""
    return malformed(f"Unknown field: {name}", clause)


def not_allowed(what: str, clause: str) -> PortalError:
    """Something that may stand in other clauses only: recorded of a field, unknown of the rest."""
    return malformed(f"{what} is not allowed in the current clause", clause)


def declared_twice(alias: str) -> PortalError:
    """An alias that two expressions claim."""
    return malformed(f"Alias '{alias}' is declared several times")


def geo_grouping() -> PortalError:
    """Grouping by a geographic field."""
    return malformed(
        "Aggregation on geo point field is not possible. "
        "Use the geo_cluster(position, int_precision) aggregation function instead"
    )


def stat_aggregation() -> PortalError:
    """A statistic over something that is neither a number nor a date."""
    return malformed("StatAggregation only supports numeric or date expression.")


def incompatible_types(clause: str) -> PortalError:
    """A comparison of things that cannot be compared, such as a date field with a bare year."""
    return PortalError(
        400,
        "IncompatibleTypesInComparisonFilter",
        f"Incompatible types in comparison filter. Clause(s) containing the error(s): {clause}.",
    )


def invalid_parameter(message: str) -> PortalError:
    """A parameter of the request, not of the query, that is out of bounds."""
    return PortalError(400, "InvalidRESTParameterError", message)


def missing_resource(kind: str, identifier: str) -> PortalError:
    """A dataset, record or attachment that does not exist."""
    return PortalError(
        404, "NotFoundResource", f"The requested {kind} {identifier} does not exist."
    )


def not_supported(what: str) -> PortalError:
    """Something a live portal can do and this one cannot: refused rather than answered wrongly."""
    return PortalError(400, NOT_SUPPORTED, f"{what} is not supported by this local portal.")


def stopping() -> PortalError:
    """A request that the portal has no time for, because it was told to stop."""
    return PortalError(503, "ServiceUnavailable", "The local portal is stopping.")
