"""Who is asking: the API key, kept so that it cannot leak.

The key exists in one place of this program and in one place of a request, the `Authorization`
header. It is not part of any repr, cannot be pickled, and is never put into a URL: the API also
takes `?apikey=`, but URLs end up in logs, in proxies and in error messages.
"""

from __future__ import annotations

import enum
import os
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, Self, runtime_checkable

from attrs import frozen

from explore_async.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["HIDDEN", "Anonymous", "ApiKey", "Auth", "Keep", "Renewable", "as_auth"]

HIDDEN = "<hidden>"
"""What stands in a text where a secret was."""


class Keep(enum.Enum):
    """The default of an option for which None means something."""

    SAME = "same"


class Auth(Protocol):
    """What the transport needs to know about the caller."""

    async def authorization(self) -> str | None:
        """The value of the `Authorization` header for the next request, or None for no header."""

    def redact(self, text: str) -> str:
        """The same text without any secret, should a server ever echo one."""


@runtime_checkable
class Renewable(Protocol):
    """What an `Auth` has beside that if it renews its secret by requests of its own."""

    @property
    def renewals(self) -> int:
        """How often the secret was renewed."""

    def connect(self, options: Mapping[str, Any]) -> None:
        """Send those requests as the client sends its own: `proxy`, `proxy_headers`, `ssl`."""

    def refused(self, renewals: int) -> bool:
        """A request was answered 401, which began after so many renewals.

        Returns:
            Whether it may be sent once more, because the secret will be or was renewed since.
        """

    async def settle(self) -> None:
        """Wait for a renewal that is under way."""


@frozen
class Anonymous:
    """No credentials: the portal's public data under its anonymous quota."""

    async def authorization(self) -> str | None:
        """No header."""
        return None

    def redact(self, text: str) -> str:
        """The text itself; there is no secret to take out."""
        return text


class ApiKey:
    """An API key, sent as `Authorization: Apikey <key>`.

    It is no attrs class, because `attrs.asdict` would copy the key into a plain dict.

    Args:
        key: the key.
        allow_http: send it over plain HTTP to another machine too, where everybody between can
            read it; refused by default.

    Raises:
        ConfigurationError: the key is empty or holds a space, a line break or non-ASCII text,
            which could not be sent in a header.
    """

    __slots__ = ("_allow_http", "_key")

    def __init__(self, key: str, *, allow_http: bool = False) -> None:
        self._key = key
        self._allow_http = allow_http
        del key  # Crash reporters print the locals of every frame.
        if not self._key or any(not "!" <= letter <= "~" for letter in self._key):
            raise ConfigurationError(
                "The API key is empty or holds a space, a line break or a non-ASCII letter. "
                "Copy it again from the portal's account page."
            )

    @classmethod
    def from_env(cls, name: str = "EXPLORE_API_KEY", *, allow_http: bool = False) -> Self:
        """The key in an environment variable.

        Raises:
            ConfigurationError: the variable is not set, or does not hold a key.
        """
        if not os.environ.get(name, "").strip():
            raise ConfigurationError(f"The environment variable {name} holds no API key; set it.")
        return cls(os.environ[name].strip(), allow_http=allow_http)

    @property
    def allow_http(self) -> bool:
        """Whether the key may be sent over plain HTTP to another machine."""
        return self._allow_http

    async def authorization(self) -> str | None:
        """The header value that holds the key."""
        return f"Apikey {self._key}"

    def redact(self, text: str) -> str:
        """The text with the key replaced."""
        return text.replace(self._key, HIDDEN)

    def __repr__(self) -> str:
        return f"ApiKey(allow_http={self._allow_http})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ApiKey):
            return NotImplemented
        return (self._key, self._allow_http) == (other._key, other._allow_http)

    def __hash__(self) -> int:
        return hash((self._key, self._allow_http))

    def __reduce__(self) -> NoReturn:
        raise TypeError("An API key is not pickled; read it anew in the process that needs it.")


def as_auth(auth: Auth | str | None) -> Auth:
    """Accept a key as text, an `Auth`, or None for anonymous access.

    Raises:
        ConfigurationError: it is none of these, or no key.
    """
    if auth is None:
        return Anonymous()
    if isinstance(auth, str):
        return ApiKey(auth)
    if all(callable(getattr(auth, name, None)) for name in ("authorization", "redact")):
        return auth
    raise ConfigurationError(
        f"auth= is a {type(auth).__name__}; pass an API key as text, or an object with the methods "
        "of Auth, such as ApiKey(...) or OAuth2(...)."
    )
