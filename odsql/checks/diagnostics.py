"""The input and the output of a check.

A `Request` holds the parameters of one API request. They are checked together, because some rules
look at several clauses. A `Diagnostic` is one finding, with its position in the text of one of the
parameters; `sources` knows where that text is in a file.
"""

from __future__ import annotations

from typing import Literal, get_args

from attrs import frozen

__all__ = [
    "CATALOG_ENDPOINTS", "CLAUSES", "ENDPOINTS", "PARAMETERS", "Diagnostic", "Edit", "Endpoint",
    "Older", "Parameter", "Request", "Severity",
]  # fmt: skip

Severity = Literal["error", "warning"]

Endpoint = Literal["datasets", "records", "exports", "facets", "catalog_facets", "catalog_exports"]
"""The operation that a request is for; its limits and the allowed functions depend on it."""

ENDPOINTS: tuple[str, ...] = get_args(Endpoint)

CATALOG_ENDPOINTS = frozenset(("datasets", "catalog_facets", "catalog_exports"))
"""The endpoints whose names are catalog metadata, not fields of a dataset."""

CLAUSES = ("where", "select", "group_by", "order_by", "facet", "refine", "exclude")
"""The parameters whose text is ODSQL."""

PARAMETERS = frozenset(
    {
        *CLAUSES, "limit", "offset", "lang", "timezone", "include_links", "include_app_metas",
        "apikey", "use_labels", "compressed", "epsg", "delimiter", "list_separator", "quote_all",
        "with_bom", "parquet_compression", "name_field", "description_field_list",
        "use_extension", "include_exports", "use_labels_in_exports",
    }
)  # fmt: skip
"""The parameters that a request may have besides its path. All of them count as known for every
operation, because it is not documented what one operation does with the parameters of another."""


@frozen
class Parameter:
    """One request parameter: its name, such as `where`, and its value as text."""

    name: str
    text: str


@frozen
class Older:
    """The older generation of the API that a URL is for, and what to write in v2.1 instead."""

    generation: str
    hint: str


@frozen
class Request:
    """The parameters of one request, in the order they were written; `where` and others may repeat.

    `dataset_id` is None if the dataset is unknown. `endpoint` is "records" unless the source says
    otherwise; `endpoint_known` tells whether it does. `whole` means that nothing is added to these
    parameters before they are sent, so a parameter missing here is missing from the request.
    `unfilled` names parameters that are also sent, with unknown values. `older` is set for a URL of
    an older generation, whose only parameter is its path; nothing in it is checked as v2.1.
    """

    parameters: tuple[Parameter, ...]
    dataset_id: str | None = None
    endpoint: Endpoint = "records"
    endpoint_known: bool = False
    whole: bool = False
    unfilled: frozenset[str] = frozenset()
    older: Older | None = None


@frozen
class Edit:
    """A change to a parameter's text: `text[start:end]` becomes `replacement`."""

    start: int
    end: int
    replacement: str


@frozen
class Diagnostic:
    """One finding.

    `parameter` is the index of the parameter in its request; `start` and `end` are offsets in its
    text. The message can be read by itself; the hint says what to do. `edits` fix the finding
    without changing the meaning of the query; they are empty if there is no safe fix.
    """

    code: str
    severity: Severity
    message: str
    parameter: int
    start: int
    end: int
    hint: str | None = None
    edits: tuple[Edit, ...] = ()
