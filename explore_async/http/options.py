"""The options of a client, checked and hidden before they are used."""

from __future__ import annotations

from types import MappingProxyType
from typing import TypeVar, cast

import aiohttp

from explore_async.errors import ConfigurationError
from explore_async.http.connection import Hidden
from explore_async.http.policy import Retry, Timeouts, Timing
from explore_async.http.rates import Rate
from explore_async.http.transport import Caps

__all__ = ["hidden", "refuse_other_kinds"]

T = TypeVar("T")

_KINDS = MappingProxyType(
    {
        "session": aiohttp.ClientSession,
        "timeouts": Timeouts,
        "retry": Retry,
        "rate": Rate,
        "caps": Caps,
        "timing": Timing,
    }
)
"""The class of each option."""


def hidden(value: T) -> T:
    """Return a string in a form that tracebacks do not show, because it may be a secret."""
    return cast("T", Hidden(value)) if isinstance(value, str) else value


def refuse_other_kinds(**given: object) -> None:
    """Refuse options of the wrong class, which would fail at the first request or be ignored.

    Raises:
        ConfigurationError: an option is of another class.
    """
    for name, value in given.items():
        kind = _KINDS[name]
        if value is not None and not isinstance(value, kind):
            # The value is not quoted: it may be a secret meant for auth=.
            raise ConfigurationError(
                f"{name}= has type {type(value).__name__}; pass {kind.__name__}(...) instead."
            )
