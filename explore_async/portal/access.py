"""Who asks: API keys, the restricted datasets that they open, and their quotas.

A key comes as `Authorization: Apikey KEY` or as the parameter `apikey` (documented). Only digests
of keys are kept, so that no message, log or representation can show one. The status of an invalid
key is 401 (documented); the body is unknown.
"""

from __future__ import annotations

import hashlib
import hmac
from contextvars import ContextVar
from typing import TYPE_CHECKING

from aiohttp import hdrs, web
from attrs import define, field, frozen

from explore_async.portal.errors import PortalError, StoreError
from explore_async.portal.quotas import ANONYMOUS, DOMAIN, Counter, Quota

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection
    from datetime import datetime

__all__ = ["Access", "Gate", "Grant", "caller"]

UNLIMITED = Quota(10_000_000)
"""What the headers say to callers without a quota; it is not enforced."""


@frozen
class Grant:
    """What one key allows, or the lack of a key.

    Attributes:
        digest: the digest of the key; empty without one.
        quota: the calls allowed; None for any number.
        datasets: the restricted datasets that may be read; None for all.
    """

    digest: bytes = field(repr=False)
    quota: Quota | None = None
    datasets: frozenset[str] | None = None

    def opens(self, dataset_id: str) -> bool:
        """Return whether a restricted dataset may be read."""
        return self.datasets is None or dataset_id in self.datasets


class Access:
    """The keys of a portal, and the quota of callers without one.

    Without any key, a portal ignores the credentials of requests.
    """

    def __init__(self) -> None:
        self._grants: dict[bytes, Grant] = {}
        self._anonymous = Grant(b"", datasets=frozenset())

    def add_key(
        self, key: str, *, quota: str | None = None, datasets: Collection[str] | None = None
    ) -> None:
        """Let callers with a key read restricted datasets.

        Args:
            key: the key: ASCII characters without spaces.
            quota: the calls allowed, such as `100/day` or `5000/month`; None for any number.
            datasets: the identifiers of the restricted datasets that the key opens; None for all.

        Raises:
            StoreError: the key cannot be sent or is known already, or the quota is none.
        """
        grant = Grant(_digest(_sendable(key)), _quota(quota), _identifiers(datasets))
        if grant.digest in self._grants:
            raise StoreError("An API key is given twice. Remove one of the two.")
        self._grants[grant.digest] = grant

    def limit_anonymous(self, quota: str) -> None:
        """Limit the calls of all callers without a key together, such as to `1000/day`.

        Raises:
            StoreError: it is no quota.
        """
        self._anonymous = Grant(b"", Quota.parse(quota), frozenset())

    def grant_for(self, request: web.Request) -> Grant:
        """Return what the caller may do.

        Raises:
            PortalError: the key is not valid.
        """
        given = _given(request) if self._grants else None
        if given is None:
            return self._anonymous
        digest, found = _digest(given), None
        for known, grant in self._grants.items():
            # All keys are compared, so that the time does not tell which one is similar.
            if hmac.compare_digest(known, digest):
                found = grant
        if found is None:
            raise PortalError(401, "Unauthorized", "The API key is not valid.")
        return found


@define
class Gate:
    """Lets requests in: tells who asks, and refuses calls beyond a quota.

    The calls are counted in the memory of this process; see `Counter`.
    """

    access: Access
    clock: Callable[[], datetime]
    _counters: dict[Grant, Counter] = field(factory=dict, init=False)

    @web.middleware
    async def admit(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        """Handle a request if its caller may ask; the middleware of the application."""
        grant = self.access.grant_for(request)
        counter = self._counters.setdefault(grant, Counter(grant.quota or UNLIMITED))
        beyond = counter.count(self.clock())
        if beyond and grant.quota is not None:
            return counter.refusal(DOMAIN if grant.digest else ANONYMOUS)
        _CALLER.set(Caller(grant, counter))
        return await handler(request)


@frozen
class Caller:
    """Who sent a request: what the caller may read, and how many calls are left."""

    grant: Grant
    counter: Counter


_CALLER: ContextVar[Caller] = ContextVar("caller")


def caller() -> Caller:
    """Return who sent the request that is being handled."""
    return _CALLER.get()


def _given(request: web.Request) -> str | None:
    """Return the key of a request; None without one, and empty if it is of another kind.

    The header comes before the parameter (unknown on live portals).
    """
    header = request.headers.get(hdrs.AUTHORIZATION)
    if header is None:
        return request.query.get("apikey") or None
    scheme, _, key = header.strip().partition(" ")
    return key.strip() if scheme.lower() == "apikey" else ""


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def _sendable(key: object) -> str:
    if not isinstance(key, str) or not key or any(not "!" <= letter <= "~" for letter in key):
        raise StoreError(
            "An API key is empty, or has a space, a line break or a non-ASCII character. "
            "Choose another one."
        )
    return key


def _quota(text: str | None) -> Quota | None:
    return None if text is None else Quota.parse(text)


def _identifiers(datasets: Collection[str] | None) -> frozenset[str] | None:
    if datasets is None:
        return None
    if not isinstance(datasets, list | tuple | set | frozenset) or not all(
        isinstance(one, str) for one in datasets
    ):
        raise StoreError("The datasets of an API key must be a list of identifiers.")
    return frozenset(datasets)
