"""One GET: place in the scheduler -> retry -> auth -> send -> decode, or raise.

This is the only module that touches aiohttp, and it never knows which operation it carries: it is
given a path and parameters, and gives back a JSON value (`get_json`) or a body (`stream`).

Three settings differ from what aiohttp would do by itself, each for a reason:

* redirects are followed here, within the origin only, so that the key never reaches another host;
* bodies are decompressed here, because aiohttp takes half a gzip stream for a whole one;
* settings go with each request and not into the session, so that an injected session, which may
  serve others too, is neither changed nor relied on.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote, urlencode

import aiohttp
from attrs import field, frozen, validators
from yarl import URL

from explore_async.decoding import Inflater, parse_json
from explore_async.errors import (
    ENVELOPE_KEYS,
    APIError,
    ConfigurationError,
    ConnectError,
    DecodeError,
    ExploreError,
    NameResolutionError,
    RedirectError,
    Reply,
    RequestTimeout,
    TLSError,
    TooLargeError,
    TransportError,
    TruncatedError,
    error_from_reply,
    is_error_object,
    snippet,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence

    from explore_async.auth import Auth
    from explore_async.policy import Retry, Timeouts, Timing
    from explore_async.scheduling import Scheduler

__all__ = ["Body", "Caps", "Transport"]

T = TypeVar("T")

_KIB = 1024
_MIB = 1024 * _KIB
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5
_RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})
_READ_BUFFER = 256 * _KIB
_ENVELOPE_STARTS = tuple(f'"{key}"'.encode() for key in ENVELOPE_KEYS)
_LONGEST_KEY = max(map(len, _ENVELOPE_STARTS))
_HTML_STARTS = (b"<!doctype html", b"<html")


@frozen(kw_only=True)
class Caps:
    """The largest bodies held in memory, in decoded bytes; beyond them `TooLargeError` is raised.

    Attributes:
        page: one JSON answer.
        error: the body of an error answer; more of it is not read.
        line: one line of an export.
    """

    page: int = field(default=64 * _MIB, validator=validators.gt(0))
    error: int = field(default=64 * _KIB, validator=validators.gt(0))
    line: int = field(default=16 * _MIB, validator=validators.gt(0))


class Body:
    """The body of one good answer, decompressed as it comes; closed by `Transport.stream`.

    Attributes:
        url: the URL that was asked.
        content_type: media type the server declared, in lower case, without parameters.
        received: decoded bytes so far.
    """

    def __init__(self, response: aiohttp.ClientResponse, *, url: str) -> None:
        self.url = url
        self.content_type = _content_type(response)
        self.received = 0
        self._response = response
        self._chunks = self._decoded()
        self._head: list[bytes] = []

    async def chunks(self) -> AsyncIterator[bytes]:
        """The decoded bytes, in pieces of any size.

        Raises:
            TruncatedError: the body ended early, on the wire or inside its gzip stream.
            RequestTimeout: no byte came for too long.
        """
        while self._head:
            yield self._head.pop(0)
        async for chunk in self._chunks:
            yield chunk

    async def peek(self, enough: Callable[[bytes], bool]) -> tuple[bytes, bool]:
        """Read ahead until `enough` says so; the bytes are given again by `chunks`.

        Returns:
            The bytes read, and whether they are the whole body.
        """
        seen = b""
        async for chunk in self._chunks:
            self._head.append(chunk)
            seen += chunk
            if enough(seen):
                return seen, False
        return seen, True

    async def read(self, cap: int) -> bytes:
        """The whole body.

        Raises:
            TooLargeError: it is larger than `cap` bytes.
        """
        parts = []
        async for chunk in self._chunks:
            parts.append(chunk)
            if self.received > cap:
                raise TooLargeError(
                    f"The body is larger than {cap} bytes, so it was not read to its end. "
                    "Ask for fewer rows or fields, or stream it with an export.",
                    content_type=self.content_type,
                    status=self._response.status,
                    url=self.url,
                )
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def close(self) -> None:
        """Stop decoding; the connection is let go by whoever opened the response."""
        await self._chunks.aclose()

    async def _decoded(self) -> AsyncGenerator[bytes, None]:
        inflater = self._inflater()
        try:
            async for raw in self._response.content.iter_any():
                for chunk in inflater.feed(raw) if inflater else (raw,):
                    self.received += len(chunk)
                    yield chunk
        except TimeoutError as error:
            raise RequestTimeout(
                f"The server stopped sending after {self.received} bytes. "
                "Try again, or raise `timeouts.read`.",
                status=self._response.status,
                url=self.url,
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            raise self._truncated("the connection broke") from error
        except ValueError as error:
            raise DecodeError(
                f"The body is not the gzip stream that its header announces: {error}. "
                "A proxy may have changed it; try again.",
                content_type=self.content_type,
                status=self._response.status,
                url=self.url,
            ) from error
        if inflater is not None and not inflater.complete:
            raise self._truncated("the gzip stream stops before its end")

    def _inflater(self) -> Inflater | None:
        coding = self._response.headers.get("Content-Encoding", "identity").strip().lower()
        if coding in {"", "identity"}:
            return None
        if coding in {"gzip", "x-gzip"}:
            return Inflater()
        raise DecodeError(
            f"The body is encoded as {coding!r}, though only gzip was offered. "
            "A proxy may have changed it; ask the portal's operator.",
            content_type=self.content_type,
            status=self._response.status,
            url=self.url,
        )

    def _truncated(self, how: str) -> TruncatedError:
        return TruncatedError(
            f"The body was cut: {how} after {self.received} bytes. Nothing of it can be trusted "
            "to be complete; ask again.",
            bytes_received=self.received,
            status=self._response.status,
            url=self.url,
        )


class Transport:
    """Sends GET requests below one base URL.

    Args:
        base_url: absolute, ends with the API's path, no trailing slash.
        auth: adds the Authorization header.
        session: a session to use and leave open; None to open one when it is first needed.
        scheduler: bounds the requests in flight.
        user_agent: value of the User-Agent header.
    """

    def __init__(
        self,
        base_url: URL,
        *,
        auth: Auth,
        session: aiohttp.ClientSession | None,
        scheduler: Scheduler,
        timeouts: Timeouts,
        retry: Retry,
        timing: Timing,
        caps: Caps,
        user_agent: str,
    ) -> None:
        self.caps = caps
        self._origin = base_url.origin()
        self._prefix = str(base_url)
        self._auth = auth
        self._given = session
        self._owned: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        self._scheduler = scheduler
        self._timeouts = timeouts
        self._retry = retry
        self._timing = timing
        self._headers = {"User-Agent": user_agent, "Accept-Encoding": "gzip", "Accept": "*/*"}
        self._client_timeout = aiohttp.ClientTimeout(
            total=None, connect=None, sock_connect=timeouts.connect, sock_read=timeouts.read
        )

    def url(self, path: str, params: Sequence[tuple[str, str]]) -> str:
        """The URL that a request for this path and these parameters goes to.

        Args:
            path: begins with a slash; its segments are already percent-encoded.
            params: plain text, in the order to send.
        """
        query = urlencode(params, quote_via=quote, safe="")
        return f"{self._prefix}{path}?{query}" if query else f"{self._prefix}{path}"

    async def get_json(self, path: str, params: Sequence[tuple[str, str]]) -> object:
        """GET one JSON value, trying again where the policy says so.

        Raises:
            APIError: the server answered with an error.
            TransportError: no whole answer came.
            DecodeError: the answer is not JSON.
        """
        url = self.url(path, params)

        async def fetch() -> object:
            async with self._response(url) as response:
                body = await self._good_body(response, url=url)
                content = await body.read(self.caps.page)
                try:
                    value = parse_json(content, content_type=body.content_type, url=url)
                except DecodeError as error:
                    raise self._without_secrets(error) from None
                if is_error_object(value):
                    raise self._api_error(response, content, url=url)
                return value

        return await self._retrying(fetch, url=url)

    @asynccontextmanager
    async def stream(self, path: str, params: Sequence[tuple[str, str]]) -> AsyncIterator[Body]:
        """GET a body to be read in pieces. Opening is tried again; reading is not.

        A 200 that holds an error object or an HTML page is raised on entering. The place in the
        scheduler is held only while opening, so that a reader of the stream may send requests.

        Raises:
            APIError, TransportError, DecodeError: as for `get_json`.
        """
        url = self.url(path, params)

        async def begin() -> tuple[Body, AsyncExitStack]:
            async with AsyncExitStack() as stack:
                response = await stack.enter_async_context(self._response(url))
                body = await self._good_body(response, url=url)
                stack.push_async_callback(body.close)
                await self._refuse_error_in_disguise(response, body)
                return body, stack.pop_all()

        body, opened = await self._retrying(begin, url=url)
        async with opened:
            yield body

    async def close(self) -> None:
        """Close the session if it is ours. May be called more than once."""
        self._closed = True
        owned, self._owned = self._owned, None
        if owned is not None:
            await owned.close()

    async def _retrying(self, send: Callable[[], Awaitable[T]], *, url: str) -> T:
        started = self._timing.monotonic()
        attempt = 0
        while True:
            attempt += 1
            elapsed = self._timing.monotonic() - started
            try:
                return await self._attempt(send, url=url, left=self._retry.deadline - elapsed)
            except ExploreError as error:
                error.attempts = attempt
                wait = self._wait_after(error, attempt=attempt, started=started)
                if wait is None:
                    raise
            # The response is released and its place given back before the wait begins.
            await self._timing.sleep(wait)

    async def _attempt(self, send: Callable[[], Awaitable[T]], *, url: str, left: float) -> T:
        seconds = min(self._timeouts.attempt, left)
        # The place is waited for outside the timeout: a long queue is no failure of the server.
        async with self._scheduler.slot():
            try:
                async with asyncio.timeout(seconds):
                    return await send()
            except TimeoutError as error:
                raise RequestTimeout(
                    "The server did not answer in time. Try again later, ask for less, or raise "
                    "`timeouts`.",
                    url=url,
                ) from error
            except (aiohttp.ClientError, OSError) as error:
                raise _connection_error(error, url) from error

    def _wait_after(self, error: ExploreError, *, attempt: int, started: float) -> float | None:
        if not _worth_retrying(error):
            return None
        return self._retry.delay(
            attempt=attempt,
            elapsed=self._timing.monotonic() - started,
            asked=error.retry_after if isinstance(error, APIError) else None,
            chance=self._timing.random(),
        )

    @asynccontextmanager
    async def _response(self, url: str) -> AsyncIterator[aiohttp.ClientResponse]:
        headers = dict(self._headers)
        authorization = await self._auth.authorization()
        if authorization is not None:
            headers["Authorization"] = authorization
        target = URL(url, encoded=True)
        for _ in range(_MOST_REDIRECTS + 1):
            async with self._session().get(
                target,
                headers=headers,
                timeout=self._client_timeout,
                allow_redirects=False,
                raise_for_status=False,
                auto_decompress=False,
                read_bufsize=_READ_BUFFER,
            ) as response:
                if response.status not in _REDIRECTS:
                    yield response
                    return
                target = self._redirected(response, target, asked=url)
        raise RedirectError(
            f"The server redirects more than {_MOST_REDIRECTS} times. Check the base URL.",
            host=target.authority,
            url=url,
        )

    def _redirected(self, response: aiohttp.ClientResponse, source: URL, *, asked: str) -> URL:
        location = response.headers.get("Location", "")
        try:
            target = source.join(URL(location)) if location else None
            origin = target.origin() if target is not None else None
        except ValueError:
            target = origin = None
        if target is not None and origin == self._origin:
            return target
        host = str(origin) if origin is not None else None
        raise RedirectError(
            f"The server redirects (HTTP {response.status}) to "
            f"{host or 'an address that cannot be read'}, outside {self._origin}; it was not "
            "followed. If that is where the portal lives, use it as the base URL.",
            host=target.authority if target is not None else None,
            status=response.status,
            url=asked,
        )

    async def _good_body(self, response: aiohttp.ClientResponse, *, url: str) -> Body:
        body = Body(response, url=url)
        if response.status == 200:
            return body
        content = b""
        try:
            content, _ = await body.peek(lambda seen: len(seen) >= self.caps.error)
        except (TransportError, DecodeError):
            # The status alone says what went wrong; a cut error body must not hide it.
            content = b""
        finally:
            await body.close()
        raise self._api_error(response, content[: self.caps.error], url=url)

    async def _refuse_error_in_disguise(self, response: aiohttp.ClientResponse, body: Body) -> None:
        start, whole = await body.peek(self._not_an_error_object)
        if whole and is_error_object(_json_or_none(start)):
            raise self._api_error(response, start, url=body.url)
        if body.content_type == "text/html" or start.lstrip()[:14].lower().startswith(_HTML_STARTS):
            raise self._without_secrets(
                DecodeError(
                    f"The server answered an HTML page ({body.content_type or 'no content type'}) "
                    f"instead of data: {snippet(start)!r}. Check the base URL and whether the "
                    "portal asks to log in.",
                    content_type=body.content_type,
                    snippet=snippet(start),
                    status=response.status,
                    url=body.url,
                )
            )

    def _not_an_error_object(self, seen: bytes) -> bool:
        if len(seen) >= self.caps.error:
            return True
        start = seen.lstrip()[:64]
        if not start.startswith(b"{"):
            return bool(start)
        key = start[1:].lstrip()
        return len(key) >= _LONGEST_KEY and not key.startswith(_ENVELOPE_STARTS)

    def _api_error(self, response: aiohttp.ClientResponse, content: bytes, *, url: str) -> APIError:
        reply = Reply(
            status=response.status,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=self._auth.redact(content.decode("utf-8", errors="replace")).encode(),
            url=url,
        )
        return error_from_reply(reply, now=self._timing.now())

    def _without_secrets(self, error: DecodeError) -> DecodeError:
        redact = self._auth.redact
        return type(error)(
            redact(error.message),
            content_type=error.content_type,
            snippet=redact(error.snippet),
            status=error.status,
            url=error.url,
        )

    def _session(self) -> aiohttp.ClientSession:
        if self._closed:
            raise ConfigurationError("The client is closed. Make a new one for further requests.")
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        if self._loop is not loop:
            raise ConfigurationError(
                "The client was first used in another event loop. Make one client per event loop."
            )
        if self._given is not None:
            return self._given
        if self._owned is None:
            self._owned = _new_session()
        return self._owned


def _new_session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        # The scheduler bounds requests; a second bound here would count waiting as slowness.
        connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=60, keepalive_timeout=12),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    )


def _content_type(response: aiohttp.ClientResponse) -> str:
    declared: str = response.headers.get("Content-Type", "")
    return declared.partition(";")[0].strip().lower()


def _json_or_none(content: bytes) -> object:
    try:
        return parse_json(content, content_type="", url="")
    except (DecodeError, TruncatedError):
        return None


def _worth_retrying(error: ExploreError) -> bool:
    if isinstance(error, TLSError):
        return False
    if isinstance(error, APIError):
        return error.status in _RETRIED_STATUSES
    return isinstance(error, ConnectError | RequestTimeout | TruncatedError)


def _connection_error(error: Exception, url: str) -> ExploreError:
    """Name the failure of a request that got no answer."""
    host = URL(url, encoded=True).authority
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return NameResolutionError(
            f"The host name of {host} cannot be resolved. Check the base URL and the network.",
            url=url,
        )
    if isinstance(error, aiohttp.ClientSSLError):
        return TLSError(
            f"The TLS handshake with {host} failed: {type(error).__name__}. Check the certificate; "
            "for a private authority, inject a session whose connector trusts it.",
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


def _cause(error: Exception) -> str:
    # The operating system's words ("Connection refused"); asyncio's own repeat the address.
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else type(error).__name__
