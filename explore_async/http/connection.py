"""The way to the portal: the session, the proxy, the certificates, and names for what fails there.

One `Connection` is shared by a client and by all that `with_options` derives from it. Settings go
with each request and not into the session, so that an injected session, which may serve others
too, is neither changed nor relied on.
"""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import os
import ssl as tls
from typing import TYPE_CHECKING, Any, NoReturn

import aiohttp
from aiohttp.helpers import netrc_from_env
from yarl import URL

from explore_async.errors import (
    ConfigurationError,
    ConnectError,
    ExploreError,
    NameResolutionError,
    ProxyError,
    TLSError,
    TransportError,
)
from explore_async.http.auth import HIDDEN
from explore_async.http.deadlines import CURRENT

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp.tracing import Trace

__all__ = ["Connection", "Hidden", "connection_error", "is_loopback", "proxy_refusal"]

_PROXY_FAILURES = (aiohttp.ClientProxyConnectionError, aiohttp.ClientHttpProxyError)


class Hidden(str):
    """A header value that holds a secret: sent as it is, and not shown where locals are printed.

    Debuggers, crash reporters and test runners print the locals of every frame of a traceback, and
    those of aiohttp hold the headers.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return HIDDEN

    def __reduce__(self) -> NoReturn:
        raise TypeError("A header value with a secret is not pickled.")


class Connection:
    """A session that is opened when it is first needed, in one event loop.

    Args:
        session: a session to use and leave open; None to own one.
        proxy: `http://[user:password@]host:port`, or None. The environment is not looked at.
        ssl: an `ssl.SSLContext`, or the path of a PEM file with the authorities to trust.
        on_wire: called for each request that an owned session puts on the wire.

    Attributes:
        closed: whether it was closed; nothing is sent any more.
        counts_wire: whether `on_wire` sees each request; an injected session is not changed.
        options: what to send each request with.

    Raises:
        ConfigurationError: the proxy or the file of authorities cannot be used.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession | None = None,
        *,
        proxy: str | None = None,
        ssl: tls.SSLContext | str | os.PathLike[str] | None = None,
        on_wire: Callable[[], object] | None = None,
    ) -> None:
        self._given = session
        self.counts_wire = session is None
        self._owned: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.closed = False
        self._on_wire = on_wire
        self.options: dict[str, Any] = {**_proxy_options(proxy), **_tls_options(ssl)}

    @property
    def proxied(self) -> bool:
        """Whether requests go through a proxy."""
        return "proxy" in self.options

    @property
    def authorizes(self) -> bool:
        """Whether the injected session adds credentials of its own to each request."""
        return getattr(self._given, "auth", None) is not None

    def session(self, host: str | None = None) -> aiohttp.ClientSession:
        """The session to send with.

        Args:
            host: where the request goes, if it is known.

        Raises:
            ConfigurationError: it is closed, belongs to another event loop, or would send that host
                a password of the user's netrc file.
        """
        if self.closed:
            raise ConfigurationError("The client is closed. Make a new one for further requests.")
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        if self._loop is not loop:
            raise ConfigurationError(
                "The client was first used in another event loop. Make one client per event loop."
            )
        if self._given is not None:
            if host is not None:
                _refuse_netrc(self._given, host)
            return _still_open(self._given)
        if self._owned is None:
            self._owned = self._open()
        return self._owned

    async def close(self) -> None:
        """Close the session if it is ours. May be called more than once."""
        self.closed = True
        owned, self._owned = self._owned, None
        if owned is not None:
            await owned.close()

    def _open(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            # The gate bounds requests; a second bound here would count waiting as slowness.
            connector=_Connector(self._on_wire),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )


class _Connector(aiohttp.TCPConnector):
    """Tells of each request, also of one that aiohttp repeats where a connection had gone idle.

    Args:
        on_wire: called when a connection is wanted for a request.
    """

    def __init__(self, on_wire: Callable[[], object] | None) -> None:
        # The gate bounds requests; a second bound here would count waiting as slowness.
        super().__init__(limit=0, ttl_dns_cache=60, keepalive_timeout=12)
        self._on_wire = on_wire

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the name that aiohttp calls it by
    ) -> aiohttp.connector.Connection:
        if self._on_wire is not None:
            self._on_wire()
        connection = await super().connect(req, traces, timeout)
        deadline = CURRENT.get()
        if deadline is not None:
            deadline.heard()
        return connection


def _still_open(session: aiohttp.ClientSession) -> aiohttp.ClientSession:
    if session.closed:
        raise ConfigurationError(
            "The session that was passed as session= is closed. Keep it open for as long as the "
            "client is used, or pass none and the client opens its own."
        )
    return session


def _refuse_netrc(session: aiohttp.ClientSession, host: str) -> None:
    """Refuse a session that sends what the environment holds for that host.

    Beside an API key aiohttp refuses it with a bare ValueError; without one the password goes to
    the portal, which nobody asked for: a `default` entry is sent to every host.
    """
    if not session.trust_env or session.auth is not None:
        return
    known = netrc_from_env()
    if known is not None and known.authenticators(host) is not None:
        raise ConfigurationError(
            f"The session that was passed as session= has trust_env=True, and the netrc file holds "
            f"a password that it would send to {host}. Pass a session without trust_env, or take "
            "the entry (or `default`) out of the file."
        )


def _usable_proxy(proxy: str) -> URL | None:
    try:
        url = URL(proxy)
    except ValueError:
        return None
    return url if url.scheme in {"http", "https"} and url.host else None


def _proxy_options(proxy: str | None) -> dict[str, Any]:
    if proxy is None:
        return {}
    url = _usable_proxy(proxy)
    if url is None:
        # The text is not repeated: it may hold a password.
        raise ConfigurationError(
            "The proxy cannot be used: it must be http://host:port or "
            "http://user:password@host:port."
        )
    bare: dict[str, Any] = {"proxy": url.with_user(None)}
    if url.user is None:
        return bare
    # Kept apart from the URL, which aiohttp puts into its errors. It sends what stands here under
    # this name as Proxy-Authorization, to the proxy only.
    pair = f"{url.user}:{url.password or ''}".encode()
    basic = Hidden(f"Basic {base64.b64encode(pair).decode()}")
    return {**bare, "proxy_headers": {"Authorization": basic}}


def _tls_options(ssl: tls.SSLContext | str | os.PathLike[str] | None) -> dict[str, Any]:
    if ssl is None:
        return {}
    if isinstance(ssl, tls.SSLContext):
        return {"ssl": ssl}
    if isinstance(ssl, bool):
        raise ConfigurationError(
            "ssl= takes an ssl.SSLContext or a PEM file; certificates are always checked."
        )
    try:
        return {"ssl": tls.create_default_context(cafile=os.fspath(ssl))}
    except (OSError, TypeError) as error:
        raise ConfigurationError(
            f"The authorities in {str(ssl)!r} cannot be read: {error}. Give a PEM file."
        ) from error


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only mean this machine."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return False


def connection_error(error: Exception, url: str) -> ExploreError:
    """Name the failure of a request that got no answer."""
    address = URL(url, encoded=True)
    host = address.authority
    if isinstance(error, _PROXY_FAILURES):
        return _proxy_error(error, url)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        # aiohttp raises the same for the name of a proxy; only the host that it holds tells.
        if error.host != address.raw_host:
            return _unknown_proxy(url)
        return NameResolutionError(
            f"The host name of {host} cannot be resolved. Check the base URL and the network.",
            url=url,
        )
    if isinstance(error, aiohttp.ClientSSLError):
        return TLSError(
            f"The TLS handshake with {host} failed: {type(error).__name__}. {_tls_advice(address)}",
            url=url,
        )
    if isinstance(error, aiohttp.ClientConnectionError | OSError):
        return ConnectError(
            f"No answer from {host}: {_cause(error)}. Check the base URL and the network.",
            url=url,
        )
    return TransportError(
        f"The answer of {host} is not HTTP as it should be: {type(error).__name__}. "
        "Check the base URL and any proxy in between.",
        url=url,
    )


def _proxy_error(error: Exception, url: str) -> ProxyError:
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return proxy_refusal(error.status, url)
    return ProxyError(
        f"The proxy gave no answer: {_cause(error)}. Check proxy= and the network.", url=url
    )


def _unknown_proxy(url: str) -> ProxyError:
    return ProxyError(
        "The host name of the proxy cannot be resolved. Check proxy= and the network.", url=url
    )


def proxy_refusal(status: int, url: str) -> ProxyError:
    """The error for a proxy that answers instead of passing the request on."""
    return ProxyError(
        f"The proxy answered {status}. Check proxy= and, for 407, its user name and password.",
        status=status,
        url=url,
    )


def _tls_advice(address: URL) -> str:
    host = address.host or ""
    if is_loopback(host) or "." not in host:
        return f"If the portal speaks plain HTTP, write http://{address.authority}."
    return "Check the certificate; for a private authority, pass its PEM file as ssl=."


def _cause(error: Exception) -> str:
    # The operating system's words ("Connection refused"); asyncio's own repeat the address.
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else type(error).__name__
