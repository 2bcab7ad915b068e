"""What a URL of a portal stands for: the portal, a dataset, a query, an export."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from attrs import frozen

from explore_async.errors import ConfigurationError
from explore_async.http.base_url import read_base_url
from explore_async.http.options import hidden
from odsql.builder.query import Query
from odsql.builder.urls import Place, read_place, url_pairs

if TYPE_CHECKING:
    from urllib.parse import SplitResult

__all__ = ["Address", "dataset_address", "read_address"]

_API_PATH = "/api/explore/v2.1"
_ACCEPTED = """\
Pass one of these:
  the address of a portal: https://data.example.org
  the page of a dataset: https://data.example.org/explore/dataset/ID/table/?refine.kind=oak
  its download link: https://data.example.org/explore/dataset/ID/download/?format=csv
  a request of the API v2.1 or v2.0, for a query on all records, an export, facets or attachments:
    https://data.example.org/api/explore/v2.1/catalog/datasets/ID/records?where=height>20
  a request of the API v1: https://data.example.org/api/records/1.0/search/?dataset=ID"""


@frozen(kw_only=True)
class Address:
    """What a URL stands for.

    Attributes:
        base_url: the base URL of the portal's API, for `ExploreClient`.
        dataset_id: the dataset's identifier; None for the portal or its catalog.
        query: the query, as the API v2.1 has it; empty if the URL holds none.
        export_format: the format of an export or a download as the URL has it; None if the URL is
            of something else.
    """

    base_url: str
    dataset_id: str | None
    query: Query
    export_format: str | None


def read_address(url: str) -> Address:
    """Return what a URL stands for: of a portal, of a page of its web site, or of its API.

    A URL without a scheme is read as https. A fragment and the options of an export format are
    ignored, and parameters are read as by `odsql.Query.from_url`.

    Raises:
        ConfigurationError: this is not a URL of a portal, or it contains an API key, a user name or
            a password.
        ODSQLError: the parameters are not a query of the API v2.1, and cannot become one.
    """
    if not isinstance(url, str):
        raise ConfigurationError(f"A URL has type {type(url).__name__}; it must be a string.")
    url = hidden(url)  # crash reporters print the locals of every frame
    problem = _problem(url)
    if problem is not None:
        raise ConfigurationError(problem)
    parts = _split(url)
    place = read_place(parts.path)
    dataset_id = _dataset_of(place, parts.query) if place is not None else None
    if place is None or not place.accepted or dataset_id in {".", ".."}:
        raise ConfigurationError(f"The URL does not stand for a portal or a dataset. {_ACCEPTED}")
    api = f"{place.prefix}{_API_PATH}" if place.prefix else ""
    base_url = read_base_url(f"{parts.scheme}://{parts.netloc}{api}")
    return Address(
        base_url=str(base_url),
        dataset_id=dataset_id,
        query=Query.from_url(parts.geturl()),
        export_format=_format_of(place, parts.query),
    )


def dataset_address(url: str) -> tuple[str, str, Query]:
    """Return the base URL, the dataset and the query that a URL stands for.

    Raises:
        ConfigurationError: see `read_address`; or the URL is not of a dataset.
        ODSQLError: see `read_address`.
    """
    url = hidden(url)
    address = read_address(url)
    if address.dataset_id is None:
        raise ConfigurationError(
            "The URL is of a portal, not of one of its datasets. Pass the URL of a dataset's page "
            "or of a request on it, or create the client with ExploreClient(...)."
        )
    return address.base_url, address.dataset_id, address.query


def _problem(url: str) -> str | None:
    """Return why a URL is refused, or None; do not raise, because the locals may hold a secret."""
    try:
        parts = _split(url)
    except ValueError:
        return f"This is not a URL. {_ACCEPTED}"
    try:
        read_base_url(f"{parts.scheme}://{parts.netloc}")
    except ConfigurationError as error:
        return error.message
    if any(name.lower() == "apikey" for name, _ in parse_qsl(parts.query, errors="replace")):
        return (
            "The URL contains an API key. Remove the parameter `apikey`, because URLs end up in "
            "logs, and pass the key as auth= instead."
        )
    return None


def _split(url: str) -> SplitResult:
    """Return the parts of a URL without its fragment; if it has no scheme, it is https."""
    text = url.strip()
    scheme, separator, _ = text.partition("://")
    if not separator or not scheme.isalnum():
        text = f"https://{text}"
    return urlsplit(text)._replace(fragment="")


def _dataset_of(place: Place, query: str) -> str | None:
    """Return the dataset of a URL; requests of v1 on records name it in a parameter."""
    if not place.records or not place.accepted:
        return place.dataset_id
    names = {value for name, value in url_pairs(query) if name == "dataset"}
    if len(names) == 1:
        return names.pop()
    raise ConfigurationError(
        f"The URL names {len(names)} datasets. A request of the API v1 on records must name one "
        "in its parameter `dataset`."
    )


def _format_of(place: Place, query: str) -> str | None:
    if not place.download:
        return place.export_format
    default = "csv" if place.generation == "v1" else None  # the reference of v1; pages: unknown
    return dict(url_pairs(query)).get("format", default)
