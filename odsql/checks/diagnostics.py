"""What is checked, and what is said about it.

A `Request` is what one request to the API would carry; its parameters are checked together, because
some rules look at several clauses. A `Diagnostic` is one finding, placed in the text of one of the
parameters; where that text stands in a file is the business of `sources`.
"""

from __future__ import annotations

from typing import Literal, get_args

from attrs import frozen

__all__ = [
    "CATALOG_ENDPOINTS", "CLAUSES", "ENDPOINTS", "PARAMETERS", "Diagnostic", "Edit", "Endpoint",
    "Parameter", "Request", "Severity",
]  # fmt: skip

Severity = Literal["error", "warning"]

Endpoint = Literal["datasets", "records", "exports", "facets", "catalog_facets", "catalog_exports"]
"""Which operation a request is for: its limits and the functions it takes differ."""

ENDPOINTS: tuple[str, ...] = get_args(Endpoint)

CATALOG_ENDPOINTS = frozenset(("datasets", "catalog_facets", "catalog_exports"))
"""Those whose names are metadata, and not the fields of a dataset."""

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
"""What a request may carry besides its path. All of them count as known for every operation,
because what one operation does with the parameters of another is not documented."""


@frozen
class Parameter:
    """One request parameter: its name, such as `where`, and its value as text."""

    name: str
    text: str


@frozen
class Request:
    """The parameters of one request, in the order they were written; `where` and others may repeat.

    `dataset_id` is None where it is not known, `endpoint` "records" where nothing else is said;
    `endpoint_known` says that it was. `whole` says that nothing is added to these parameters before
    they are sent, so that what is missing is missing. `unfilled` are the names of parameters that
    are sent, too, with a value that is not known.
    """

    parameters: tuple[Parameter, ...]
    dataset_id: str | None = None
    endpoint: Endpoint = "records"
    endpoint_known: bool = False
    whole: bool = False
    unfilled: frozenset[str] = frozenset()


@frozen
class Edit:
    """A change of a parameter's text: `text[start:end]` becomes `replacement`."""

    start: int
    end: int
    replacement: str


@frozen
class Diagnostic:
    """One finding.

    `parameter` is the number of the parameter in its request, `start` and `end` are offsets in its
    text. The message is a phrase that stands alone; the hint says what to do. `edits` put a finding
    right without changing what the query means; they are empty where nobody can know that.
    """

    code: str
    severity: Severity
    message: str
    parameter: int
    start: int
    end: int
    hint: str | None = None
    edits: tuple[Edit, ...] = ()
