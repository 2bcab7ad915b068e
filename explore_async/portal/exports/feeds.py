"""The catalog as data.json, RSS and a sitemap.

Documented is that `data.json` follows the Project Open Data Metadata Schema v1.1. None of these
exports is recorded; RSS is 2.0, and a sitemap lists the pages that datasets have on a live portal.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from explore_async.portal.answers import dumps
from explore_async.portal.exports.links import Described, catalog_url, distributed
from explore_async.portal.exports.markup import DECLARATION, element

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from explore_async.portal.exports.export import Export

__all__ = ["write_data_json", "write_rss", "write_sitemap"]

_SCHEMA = "https://project-open-data.cio.gov/v1.1/schema"


def write_data_json(one: Export, datasets: Sequence[Mapping[str, Any]]) -> bytes:
    """Write one object; members without a value are left out."""
    described = [_object(one, Described.of(one, dataset)) for dataset in datasets]
    catalog = {
        "@context": f"{_SCHEMA}/catalog.jsonld",
        "@id": catalog_url(one),
        "@type": "dcat:Catalog",
        "conformsTo": _SCHEMA,
        "describedBy": f"{_SCHEMA}/catalog.json",
        "dataset": described,
    }
    return dumps(catalog).encode()


def _object(one: Export, dataset: Described) -> dict[str, Any]:
    publisher = dataset.text("publisher")
    name, mail = (dataset.text(f"contact_{part}", "dcat") for part in ("name", "email"))
    contact = {"@type": "vcard:Contact", "fn": name, "hasEmail": mail and f"mailto:{mail}"}
    members = {
        "@type": "dcat:Dataset",
        "identifier": dataset.dataset_id,
        "title": dataset.text("title"),
        "description": dataset.text("description"),
        "keyword": dataset.texts("keyword") or None,
        "modified": dataset.text("modified"),
        "publisher": publisher and {"@type": "org:Organization", "name": publisher},
        "contactPoint": _filled(contact) if name or mail else None,
        "accessLevel": "public",
        "issued": dataset.text("issued", "dcat"),
        "license": dataset.text("license_url"),
        "theme": dataset.texts("theme") or None,
        "language": [dataset.language] if dataset.language else None,
        "landingPage": dataset.page,
        "distribution": [
            {
                "@type": "dcat:Distribution",
                "title": each.name,
                "downloadURL": each.url,
                "mediaType": each.media_type,
            }
            for each in distributed(one, dataset)
        ],
    }
    return _filled(members)


def _filled(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def write_rss(one: Export, datasets: Sequence[Mapping[str, Any]]) -> bytes:
    """Write a channel with an item for each dataset."""
    title = "Catalog of the local portal"
    head = element("title", title) + element("link", one.origin) + element("description", title)
    items = "".join(_item(Described.of(one, dataset)) for dataset in datasets)
    channel = f"<channel>{head}\n{items}</channel>"
    return f'{DECLARATION}<rss version="2.0">{channel}</rss>\n'.encode()


def _item(dataset: Described) -> str:
    title = dataset.text("title") or dataset.dataset_id
    parts = [
        element("title", title),
        element("link", dataset.page),
        element("description", dataset.text("description") or ""),
        element("guid", dataset.url),
        *(element("category", theme) for theme in dataset.texts("theme")),
    ]
    moment = _moment(dataset)
    if moment is not None:
        parts.append(element("pubDate", format_datetime(moment)))
    return f"<item>{''.join(parts)}</item>\n"


def write_sitemap(one: Export, datasets: Sequence[Mapping[str, Any]]) -> bytes:
    """Write a list of pages."""
    urls = "".join(_page(Described.of(one, dataset)) for dataset in datasets)
    begin = '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
    return f"{DECLARATION}{begin}{urls}</urlset>\n".encode()


def _page(dataset: Described) -> str:
    moment = _moment(dataset)
    changed = "" if moment is None else element("lastmod", moment.isoformat(timespec="seconds"))
    return f"<url>{element('loc', dataset.page)}{changed}</url>\n"


def _moment(dataset: Described) -> datetime | None:
    """Return when the dataset was modified, which the store has checked to be a datetime."""
    text = dataset.text("modified")
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
