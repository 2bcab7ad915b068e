"""The connection to the portal: session, proxy, certificates, and the errors for their failures.

A client shares one `Connection` with the clients that `with_options` derives from it. Settings are
passed with each request, not set on the session: an injected session may serve other code too, so
it is neither changed nor relied on.
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
from explore_async.http.deadlines import CURRENT
from explore_async.http.redaction import HIDDEN
from odsql.syntax.errors import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp.tracing import Trace

__all__ = ["Connection", "Hidden", "connection_error", "is_loopback", "proxy_refusal"]

_PROXY_FAILURES = (aiohttp.ClientProxyConnectionError, aiohttp.ClientHttpProxyError)


class Hidden(str):
    """A header value with a secret: sent unchanged, but hidden in its repr.

    Debuggers, crash reporters and test runners print the local variables of every frame in a
    traceback, and aiohttp's frames hold the headers.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return HIDDEN

    def __reduce__(self) -> NoReturn:
        raise TypeError("A header value with a secret cannot be pickled.")


class Connection:
    """A session that is opened on first use and belongs to one event loop.

    Args:
        session: a session to use and leave open; None to open and own one.
        proxy: `http://[user:password@]host:port`, or None. Environment variables are ignored.
        ssl: an `ssl.SSLContext`, or the path of a PEM file with the trusted CA certificates.
        on_wire: called for each request that an owned session puts on the wire.

    Attributes:
        closed: whether the connection was closed; it then sends nothing.
        counts_wire: whether `on_wire` is called for each request; false for an injected session.
        options: the aiohttp options to pass with each request.

    Raises:
        ConfigurationError: the proxy or the CA file cannot be used.
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
        """Whether the injected session adds its own credentials to each request."""
        return getattr(self._given, "auth", None) is not None

    def claim(self) -> None:
        """Bind the connection to the current event loop, or refuse to be used in it.

        Called before anything is touched that belongs to a loop: slots, timers and the session.

        Raises:
            ConfigurationError: the connection is closed, or belongs to another event loop.
        """
        if self.closed:
            raise ConfigurationError("The client is closed. Create a new client to send requests.")
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        if self._loop is not loop:
            raise ConfigurationError(
                "The client was first used in another event loop. Create one client per loop."
            )

    def session(self, host: str | None = None) -> aiohttp.ClientSession:
        """Return the session to send with, and open it if needed.

        Args:
            host: the host of the request, if known.

        Raises:
            ConfigurationError: `claim` refuses, the session is closed, or it would send a netrc
                password to `host`.
        """
        self.claim()
        if self._given is not None:
            if host is not None:
                _refuse_netrc(self._given, host)
            return _still_open(self._given)
        if self._owned is None:
            self._owned = self._open()
        return self._owned

    async def close(self) -> None:
        """Close the session if this connection owns it. May be called more than once."""
        self.closed = True
        owned, self._owned = self._owned, None
        if owned is not None:
            await owned.close()

    def _open(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=_Connector(self._on_wire),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )


class _Connector(aiohttp.TCPConnector):
    """Reports each request, including those that aiohttp repeats after an idle connection closed.

    Args:
        on_wire: called when a request needs a connection.
    """

    def __init__(self, on_wire: Callable[[], object] | None) -> None:
        # The gate limits requests; with a limit here too, waiting would count as slowness.
        super().__init__(limit=0, ttl_dns_cache=60, keepalive_timeout=12)
        self._on_wire = on_wire

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the parameter name that aiohttp uses
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
            "The session passed as session= is closed. Keep it open for as long as the client is "
            "used, or omit session= to let the client open its own."
        )
    return session


def _refuse_netrc(session: aiohttp.ClientSession, host: str) -> None:
    """Refuse a session that would send a password from the netrc file to `host`.

    With an API key, aiohttp raises a bare ValueError for it. Without one, aiohttp would send the
    password to the portal unasked: a `default` entry goes to every host.
    """
    if not session.trust_env or session.auth is not None:
        return
    known = netrc_from_env()
    if known is not None and known.authenticators(host) is not None:
        raise ConfigurationError(
            f"The session passed as session= has trust_env=True and would send a password from the "
            f"netrc file to {host}. Pass a session without trust_env, or remove the entry for that "
            "host (or `default`) from the file."
        )


def _usable_proxy(proxy: str) -> URL | None:
    try:
        url = URL(proxy)
    except (TypeError, ValueError):
        return None
    return url if url.scheme in {"http", "https"} and is_valid_host(url) else None


def _proxy_options(proxy: str | None) -> dict[str, Any]:
    if proxy is None:
        return {}
    url = _usable_proxy(proxy)
    if url is None:
        # The value is not repeated: it may contain a password.
        raise ConfigurationError(
            "proxy= is not a valid proxy URL. Pass http://host:port or "
            "http://user:password@host:port."
        )
    bare: dict[str, Any] = {"proxy": url.with_user(None)}
    if url.user is None:
        return bare
    # Kept apart from the URL, which aiohttp puts into its errors. aiohttp sends this header as
    # Proxy-Authorization, to the proxy only.
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
            "ssl= must be an ssl.SSLContext or the path of a PEM file. Certificate checks "
            "cannot be disabled."
        )
    try:
        return {"ssl": tls.create_default_context(cafile=os.fspath(ssl))}
    except (OSError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"Cannot read CA certificates from {shown(ssl)}: {error}. Pass a PEM file."
        ) from error


def is_loopback(host: str) -> bool:
    """Return whether a host name or address always refers to this machine."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return False


def is_valid_host(url: URL) -> bool:
    """Return whether a URL has a host name that can be looked up."""
    try:
        # What the resolver does with it; yarl decodes the name only when asked for it.
        return bool(url.host and (url.raw_host or "").encode("idna"))
    except UnicodeError:
        return False


def connection_error(error: Exception, url: str) -> ExploreError:
    """Return the error for a request that got no response."""
    address = URL(url, encoded=True)
    host = authority(url)
    if isinstance(error, _PROXY_FAILURES):
        return _proxy_error(error, url)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        # aiohttp raises the same error for a proxy's name; only its host tells them apart.
        if error.host != address.raw_host:
            return _unknown_proxy(url)
        return NameResolutionError(
            f"Cannot resolve the host name {host}. Check the base URL and the network.",
            url=url,
        )
    if isinstance(error, aiohttp.ClientSSLError):
        return TLSError(
            f"The TLS handshake with {host} failed: {_tls_failure(error, address)}", url=url
        )
    if isinstance(error, aiohttp.ClientConnectionError | OSError):
        return ConnectError(
            f"No response from {host}: {_cause(error)}. Check the base URL and the network.",
            url=url,
        )
    return TransportError(
        f"The response from {host} is not valid HTTP: {type(error).__name__}. "
        "Check the base URL and any proxy in between.",
        url=url,
    )


def authority(url: str) -> str:
    """Return the host and port of a URL, for messages."""
    return URL(url, encoded=True).authority


def _proxy_error(error: Exception, url: str) -> ProxyError:
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return proxy_refusal(error.status, url)
    return ProxyError(
        f"The proxy did not respond: {_cause(error)}. Check proxy= and the network.", url=url
    )


def _unknown_proxy(url: str) -> ProxyError:
    return ProxyError(
        "Cannot resolve the host name of the proxy. Check proxy= and the network.", url=url
    )


def proxy_refusal(status: int, url: str) -> ProxyError:
    """Return the error for a proxy that answers instead of forwarding the request."""
    return ProxyError(
        f"The proxy answered {status}. Check proxy= and, for 407, the user name and password.",
        status=status,
        url=url,
    )


def _tls_failure(error: aiohttp.ClientSSLError, address: URL) -> str:
    """Return which check failed, and what to do."""
    host = address.host or ""
    certificate = getattr(error, "certificate_error", None)
    if isinstance(certificate, tls.SSLCertVerificationError):
        said = certificate.verify_message
        advice = _CERTIFICATE_ADVICE.get(certificate.verify_code, _UNTRUSTED)
        return f"the certificate was refused ({said}). {advice}"
    if is_loopback(host) or "." not in host:
        advice = f"If the portal uses plain HTTP, pass http://{address.authority}."
    else:
        advice = "Check the base URL, its port, and any proxy in between."
    return f"{type(error).__name__}. {advice}"


_UNTRUSTED = (
    "No authority that this machine trusts has signed it. If you trust the one that has, pass its "
    "PEM file as ssl=."
)
_WRONG_DATE = (
    "It has expired or is not valid yet: check the clock of this machine, or tell the operator of "
    "the portal."
)
_WRONG_NAME = "It was issued for another host: use the name in the certificate as the base URL."
_CERTIFICATE_ADVICE = {9: _WRONG_DATE, 10: _WRONG_DATE, 62: _WRONG_NAME, 64: _WRONG_NAME}
"""By the X509_V_ERR code of OpenSSL."""


def _cause(error: Exception) -> str:
    # The operating system's message ("Connection refused"); asyncio's repeats the address.
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else type(error).__name__
