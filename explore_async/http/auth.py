"""Authentication: the API key, stored so that it cannot leak.

The key is held by one object and sent in one part of a request, the `Authorization` header. It
appears in no repr, cannot be pickled, and is never put into a URL: the API also accepts `?apikey=`,
but URLs end up in logs, proxies and error messages.
"""

from __future__ import annotations

import enum
import os
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, Self, runtime_checkable

from attrs import frozen

from explore_async.errors import ConfigurationError
from explore_async.http.redaction import redact
from explore_async.operations import refuse_other_types
from odsql.syntax.errors import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Anonymous", "ApiKey", "Auth", "Keep", "Renewable", "as_auth"]


class Keep(enum.Enum):
    """The default of options for which None has a meaning of its own."""

    SAME = "same"


class Auth(Protocol):
    """The interface through which the transport gets credentials."""

    async def authorization(self) -> str | None:
        """Return the `Authorization` value for the next request, or None to send no header."""

    def redact(self, text: str) -> str:
        """Return the text with every secret replaced, in case a server echoes one."""


@runtime_checkable
class Renewable(Protocol):
    """The additional interface of an `Auth` that renews its secret with its own requests."""

    @property
    def renewals(self) -> int:
        """The number of times the secret was renewed."""

    def connect(self, options: Mapping[str, Any]) -> None:
        """Set the client's `proxy`, `proxy_headers` and `ssl` for those requests."""

    def refused(self, renewals: int) -> bool:
        """Handle a 401 for a request that was sent after `renewals` renewals.

        Returns:
            Whether to send the request again, because the secret has been or will be renewed.
        """

    async def settle(self) -> None:
        """Wait for a renewal in progress."""


@frozen
class Anonymous:
    """No credentials: access to the portal's public data under its anonymous quota."""

    async def authorization(self) -> str | None:
        """Return None: no header is sent."""
        return None

    def redact(self, text: str) -> str:
        """Return the text unchanged; there is no secret to replace."""
        return text


class ApiKey:
    """An API key, sent as `Authorization: Apikey <key>`.

    This is not an attrs class, because `attrs.asdict` would copy the key into a plain dict.

    Args:
        key: the key.
        allow_http: also send the key over plain HTTP to another machine, where anyone on the
            network path can read it; refused by default.

    Raises:
        ConfigurationError: the key is empty or contains a space, a line break or a non-ASCII
            character, and cannot be sent in a header.
    """

    __slots__ = ("_allow_http", "_key")

    def __init__(self, key: str, *, allow_http: bool = False) -> None:
        self._key = key
        self._allow_http = allow_http
        del key  # Crash reporters print the locals of every frame.
        if not isinstance(self._key, str):
            raise ConfigurationError(
                f"The API key has type {type(self._key).__name__}; it must be a string."
            )
        if not self._key or any(not "!" <= letter <= "~" for letter in self._key):
            raise ConfigurationError(
                "The API key is empty or contains a space, a line break or a non-ASCII character. "
                "Copy it again from the portal's account page."
            )

    @classmethod
    def from_env(cls, name: str = "EXPLORE_API_KEY", *, allow_http: bool = False) -> Self:
        """Read the key from an environment variable.

        Raises:
            ConfigurationError: the variable is not set or does not contain a valid key.
        """
        refuse_other_types("The name of the variable", name, str, wanted="a string")
        if not name.isprintable() or not os.environ.get(name, "").strip():
            raise ConfigurationError(
                f"The environment variable {shown(name)} is unset or empty. Set it to your API key."
            )
        return cls(os.environ[name].strip(), allow_http=allow_http)

    @property
    def allow_http(self) -> bool:
        """Whether the key may be sent over plain HTTP to another machine."""
        return self._allow_http

    async def authorization(self) -> str | None:
        """Return the header value with the key."""
        return f"Apikey {self._key}"

    def redact(self, text: str) -> str:
        """Return the text with the key replaced."""
        return redact(text, [self._key])

    def __repr__(self) -> str:
        return f"ApiKey(allow_http={self._allow_http})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ApiKey):
            return NotImplemented
        return (self._key, self._allow_http) == (other._key, other._allow_http)

    def __hash__(self) -> int:
        return hash((self._key, self._allow_http))

    def __reduce__(self) -> NoReturn:
        raise TypeError("An ApiKey cannot be pickled. Read the key in the process that needs it.")


def as_auth(auth: Auth | str | None) -> Auth:
    """Convert a key given as a string, an `Auth`, or None (anonymous access) to an `Auth`.

    Raises:
        ConfigurationError: `auth` is none of these, or the string is not a valid key.
    """
    if auth is None:
        return Anonymous()
    if isinstance(auth, str):
        return ApiKey(auth)
    if all(callable(getattr(auth, name, None)) for name in ("authorization", "redact")):
        return auth
    raise ConfigurationError(
        f"auth= is a {type(auth).__name__}; pass an API key as a string, or an object with the "
        "methods of Auth, such as ApiKey(...) or OAuth2(...)."
    )
