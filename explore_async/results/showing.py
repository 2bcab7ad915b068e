"""How lazy objects are shown: the portal, the dataset and the query, in the words of Python."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from odsql import Query

__all__ = ["shown", "shown_portal"]

_API_PATH = "/api/explore/v2.1"
_DATASETS = "/catalog/datasets/"


def shown(kind: str, portal: str, path: str, query: Query | None, **more: object) -> str:
    """Return the repr of a lazy object.

    Args:
        kind: the name of its class.
        portal: the base URL of the API.
        path: the path of the operation below it.
        query: the query; None if there is none.
        more: what else belongs to it; left out where it is None.
    """
    parts = [repr(shown_portal(portal)), repr(_subject(path))]
    if query is not None and query.params():
        parts.append(repr(query))
    parts += [f"{name}={value!r}" for name, value in more.items() if value is not None]
    return f"{kind}({', '.join(parts)})"


def shown_portal(base_url: str) -> str:
    """Return the address of a portal without the path of its API."""
    return base_url.removesuffix(_API_PATH)


def _subject(path: str) -> str:
    """Return the dataset in a path, or `catalog`."""
    if not path.startswith(_DATASETS):
        return "catalog"
    return unquote(path.removeprefix(_DATASETS).partition("/")[0])
