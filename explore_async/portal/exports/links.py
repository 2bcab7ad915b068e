"""The URLs of datasets and of their exports, and the metadata that exports of the catalog read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from attrs import field, frozen

from explore_async.portal.exports.formats import FORMATS, listed
from explore_async.portal.exports.markup import legal
from explore_async.portal.requests import BASE_PATH, flag

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from explore_async.portal.exports.export import Export

__all__ = ["Described", "Distribution", "catalog_url", "distributed"]


_TAG = re.compile("[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")


def catalog_url(one: Export) -> str:
    """Return the URL of the catalog."""
    return f"{one.origin}{BASE_PATH}/catalog/datasets"


@frozen
class Distribution:
    """One export format of a dataset: its name, its URL and its media type."""

    name: str
    url: str
    media_type: str


@frozen
class Described:
    """A dataset as exports of the catalog describe it.

    Attributes:
        dataset_id: its identifier.
        url: its URL in the API.
        page: the URL that its page has on a live portal; the local portal serves none.
        metas: its metadata by namespace.
    """

    dataset_id: str
    url: str
    page: str
    metas: Mapping[str, Any] = field(hash=False)

    @classmethod
    def of(cls, one: Export, dataset: Mapping[str, Any]) -> Described:
        """Return the description of a dataset object."""
        name = quote(dataset["dataset_id"], safe="")
        return cls(
            dataset["dataset_id"],
            f"{catalog_url(one)}/{name}",
            f"{one.origin}/explore/dataset/{name}/",
            dataset["metas"],
        )

    @property
    def language(self) -> str | None:
        """The language as a tag of BCP 47; None if it is unknown or no tag."""
        text = self.text("language") or ""
        return text if _TAG.fullmatch(text) else None

    def text(self, name: str, space: str = "default") -> str | None:
        """Return a text of the metadata; a list is joined; None if it is empty."""
        return ", ".join(self.texts(name, space)) or None

    def texts(self, name: str, space: str = "default") -> list[str]:
        """Return a list of the metadata; a single value is a list of one."""
        value = self.metas.get(space, {}).get(name)
        values = value if isinstance(value, list) else [value]
        return [legal(str(one)) for one in values if one not in (None, "")]


def distributed(one: Export, dataset: Described) -> Iterator[Distribution]:
    """Yield the distributions of a dataset that `include_exports` names; all by default.

    With `use_labels_in_exports`, which is the default, formats that list the fields have labels.
    """
    wanted = one.parameters.get("include_exports", "")
    names = {name.strip() for name in wanted.split(",") if name.strip()}
    with_labels = flag(one.parameters, "use_labels_in_exports", default=True)
    for name in listed(FORMATS):
        if names and name not in names:
            continue
        query = "?use_labels=true" if with_labels and FORMATS[name].lists_fields else ""
        url = f"{dataset.url}/exports/{name}{query}"
        yield Distribution(name, url, FORMATS[name].media_type)
