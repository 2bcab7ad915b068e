"""The base URL of the API, from the address of a portal as people write it."""

from __future__ import annotations

from yarl import URL

from explore_async.errors import ConfigurationError

__all__ = ["read_base_url"]

_API_PATH = "/api/explore/v2.1"


def read_base_url(text: str) -> URL:
    """Return the API's base URL for an address that a user passed.

    Raises:
        ConfigurationError: the address does not lead to a portal.
    """
    url = _read(text)
    if isinstance(url, URL):
        return url
    # The address is not quoted: it may contain a secret.
    raise ConfigurationError(
        f"The base URL is invalid: {url}. Pass the portal's address, such as "
        "https://data.example.org."
    )


def _read(text: str) -> URL | str:
    """Return the URL, or why it is invalid; do not raise, because the locals hold the address."""
    given = text.strip()
    try:
        url = URL(given if "://" in given else f"https://{given}")
        url.origin()
        host = url.host  # decoded only here, which may fail
    except ValueError:
        return "it is not a URL"
    if url.scheme not in {"http", "https"} or not host:
        return "it must begin with https:// or http:// and name a host"
    if url.user is not None or url.password is not None:
        return "it contains a user name or password; pass an API key as auth= instead"
    if url.query_string or url.fragment:
        return "it contains a query or a fragment; pass an API key as auth= instead"
    path = url.path.rstrip("/")
    if not path or path.endswith(_API_PATH):
        return url.with_path(path or _API_PATH)
    return f"its path must be empty or end with {_API_PATH}"
