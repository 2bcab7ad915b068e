"""One GET: authenticate, send, follow redirects within the origin, decode or raise.

The transport does not know which operation a request belongs to: it builds a URL from a path and
parameters, and returns a JSON value (`get_json`) or a body (`stream`) for a URL. `call` decides
when to send and when to retry. Redirects are followed here, within the origin only, so that the key
never reaches another host.
"""

from __future__ import annotations

import asyncio
import codecs
import math
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import aiohttp
import orjson
from yarl import URL

from explore_async.errors import (
    APIError,
    ConfigurationError,
    DecodeError,
    ExploreError,
    RedirectError,
    TransportError,
    TruncatedError,
)
from explore_async.http.auth import Anonymous
from explore_async.http.body import Body, Caps, Watchdog
from explore_async.http.call import Caller, Identity
from explore_async.http.connection import Hidden, is_loopback, is_valid_host, proxy_refusal
from explore_async.http.deadlines import CURRENT
from explore_async.http.decoding import html_page, load_json, not_json, snippet
from explore_async.http.headers import readable
from explore_async.http.refusals import ENVELOPE_KEYS, Reply, error_from_reply, is_error_object

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from explore_async.http.auth import Auth
    from explore_async.http.call import Call, Shared
    from explore_async.http.gate import Admission
    from explore_async.http.policy import Retry, Timeouts

__all__ = ["Body", "Caps", "Transport"]

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5
_READ_BUFFER = 256 * 1024
_ENVELOPE_STARTS = tuple(f'"{key}"'.encode() for key in ENVELOPE_KEYS)
_LONGEST_KEY = max(map(len, _ENVELOPE_STARTS))
_HTML_STARTS = (b"<!doctype html", b"<html")


class Transport:
    """Sends GET requests below one base URL.

    Args:
        base_url: the absolute URL of the API, without a trailing slash.
        auth: provides the Authorization header.
        shared: connection, gate and counters, shared by a client and those derived from it.
        timeouts, retry, caps: the policies.
        user_agent: the value of the User-Agent header.
        identity: the pause and quota to continue with; new ones by default.

    Raises:
        ConfigurationError: the host is not a host name, or a secret would be sent over plain HTTP
            to another machine.
    """

    def __init__(
        self,
        base_url: URL,
        *,
        auth: Auth,
        shared: Shared,
        timeouts: Timeouts,
        retry: Retry,
        caps: Caps,
        user_agent: str,
        identity: Identity | None = None,
    ) -> None:
        if not is_valid_host(base_url):
            raise ConfigurationError(
                f"{base_url.raw_host!r} is not a host name. Check the base URL."
            )
        self.caps = caps
        self.shared = shared
        self.identity = identity or Identity()
        self._base_url = base_url
        self._origin = base_url.origin()
        self._prefix = str(base_url)
        self._auth = auth
        self._timeouts = timeouts
        self._retry = retry
        self._user_agent = user_agent
        self._caller = Caller(shared=shared, identity=self.identity, timeouts=timeouts, retry=retry)
        self._watchdog = Watchdog(
            least=timeouts.min_rate, window=timeouts.window, monotonic=shared.timing.monotonic
        )
        self._headers = {"User-Agent": user_agent, "Accept-Encoding": "gzip", "Accept": "*/*"}
        # aiohttp has None for no limit, and cannot round infinity.
        connect, read = (
            None if math.isinf(limit) else limit for limit in (timeouts.connect, timeouts.read)
        )
        limits = partial(aiohttp.ClientTimeout, total=None, sock_connect=connect)
        self._options: dict[str, Any] = {
            "timeout": limits(sock_read=read),
            "allow_redirects": False,
            "raise_for_status": False,
            "auto_decompress": False,
            "read_bufsize": _READ_BUFFER,
            **shared.connection.options,
        }
        # A page has its own deadline, which also limits its reads.
        self._page_options = self._options
        if shared.connection.counts_wire:
            self._page_options = {**self._options, "timeout": limits()}
        self._anonymous = isinstance(auth, Anonymous)
        self._plain = base_url.scheme == "http" and not is_loopback(base_url.host or "")
        if not self._anonymous:
            self._refuse_plain_http()

    def with_options(
        self,
        *,
        auth: Auth | None = None,
        timeouts: Timeouts | None = None,
        retry: Retry | None = None,
        caps: Caps | None = None,
    ) -> Transport:
        """Return a copy with other policies; None keeps the current one.

        With another `auth` the copy has its own quota and pause, which a portal counts per caller.
        """
        return Transport(
            self._base_url,
            auth=auth or self._auth,
            shared=self.shared,
            timeouts=timeouts or self._timeouts,
            retry=retry or self._retry,
            caps=caps or self.caps,
            user_agent=self._user_agent,
            identity=self.identity if auth is None else None,
        )

    def claim(self) -> None:
        """Refuse to be used in a second event loop, before anything is awaited in it.

        Raises:
            ConfigurationError: the client is closed, or belongs to another event loop.
        """
        self.shared.connection.claim()

    def url(self, path: str, params: Sequence[tuple[str, str]]) -> str:
        """Return the URL for a path and parameters.

        Args:
            path: begins with a slash; its segments are already percent-encoded.
            params: unencoded, in the order to send.

        Raises:
            ConfigurationError: a parameter cannot be sent.
        """
        try:
            query = urlencode(params, quote_via=quote, safe="")
        except UnicodeEncodeError as error:
            raise ConfigurationError(
                f"{error.object[:100]!r} cannot be sent: it contains half of a surrogate pair."
            ) from None
        return f"{self._prefix}{path}?{query}" if query else f"{self._prefix}{path}"

    async def get_json(
        self,
        url: str,
        decode: Callable[[bytes], object] = load_json,
        admission: Admission | None = None,
    ) -> object:
        """GET one JSON value, with retries as the policy allows.

        Args:
            url: a URL returned by `url`.
            decode: decodes a body; raises what `orjson.loads` raises.
            admission: admits the request if it belongs to a fan-out.

        Raises:
            APIError: the server answered with an error.
            TransportError: there was no complete response.
            DecodeError: the response is not JSON.
        """
        with self._caller.call(url, admission) as call:
            answer = await call.run(partial(self._fetch, call, decode))
            call.page(answer)
            return answer

    async def _fetch(self, call: Call, decode: Callable[[bytes], object]) -> object:
        async with await self._answer(call, self._page_options) as response:
            body = self._body(response, call)
            if response.status != 200:
                raise await self._refusal(response, body, call)
            try:
                content = await body.read(self.caps.page)
                call.received = body.received
                value = decode(content.removeprefix(codecs.BOM_UTF8))
            except orjson.JSONDecodeError as error:
                wrong = not_json(content, error.msg, content_type=body.content_type, url=call.url)
                raise self._without_secrets(wrong) from None
            except DecodeError as error:
                raise self._without_secrets(error) from None
            if is_error_object(value):
                raise self._api_error(response, content, url=call.url)
            return value

    @asynccontextmanager
    async def stream(self, url: str, *, opaque: bool = False) -> AsyncIterator[Body]:
        """GET a body to read in pieces. Opening is retried; reading is not.

        A 200 with an error object or an HTML page raises on entry. The slot at the gate is held
        only while opening, so that a reader of the stream may send requests.

        Args:
            url: a URL returned by `url`.
            opaque: the body is a file of any kind, such as an attachment. An HTML page or an
                apparent error object is then valid data.

        Raises:
            APIError, TransportError, DecodeError: as for `get_json`.
        """

        async def begin() -> tuple[Body, AsyncExitStack]:
            async with AsyncExitStack() as stack:
                answer = await self._answer(call, self._options)
                response = await stack.enter_async_context(answer)
                body = self._body(response, call)
                if response.status != 200:
                    raise await self._refusal(response, body, call)
                if not opaque:
                    await self._refuse_error_in_disguise(response, body)
                return body, stack.pop_all()

        with self._caller.call(url) as call:
            body, opened = await call.run(begin)
            body.streamed = call.streamed
            async with opened:
                try:
                    yield body
                finally:
                    call.received = body.received

    async def close(self) -> None:
        """Close the session if the client owns it. May be called more than once."""
        self.shared.deadlines.close()
        await self.shared.connection.close()

    async def _answer(self, call: Call, options: Mapping[str, Any]) -> aiohttp.ClientResponse:
        """Send, and follow redirects; enter the response at once with `async with`."""
        url = call.url
        headers = self._headers if self._anonymous else await self._with_authorization()
        target = URL(url, encoded=True)
        connection = self.shared.connection
        session = connection.session(target.host)
        CURRENT.set(call.deadline)
        for _ in range(_MOST_REDIRECTS + 1):
            if not connection.counts_wire:
                self.shared.counters.sent()
            response = await session.get(target, headers=headers, **options)
            call.responded(response)
            if response.status not in _REDIRECTS:
                return response
            async with response:
                target = self._redirected(response, target, asked=url)
        raise RedirectError(
            f"The server redirected more than {_MOST_REDIRECTS} times. Check the base URL.",
            host=target.authority,
            url=url,
        )

    async def _with_authorization(self) -> dict[str, str]:
        """Return the headers to send; no frame that stays holds the secret in plain text."""
        authorization = _hidden(await self._auth.authorization())
        if authorization is None:
            return self._headers
        self._refuse_plain_http()
        self._refuse_two_credentials()
        if not authorization.isascii() or not authorization.isprintable():
            raise ConfigurationError(
                "The Authorization header from auth= contains a line break, a control character or "
                "a non-ASCII character, and cannot be sent. Correct the value it returns."
            )
        return {**self._headers, "Authorization": authorization}

    def _redirected(self, response: aiohttp.ClientResponse, source: URL, *, asked: str) -> URL:
        location = response.headers.get("Location", "")
        try:
            target = source.join(URL(location)) if location else None
            origin = target.origin() if target is not None else None
        except ValueError:
            target = origin = None
        named = target is not None and (target.user is not None or target.password is not None)
        if target is not None and origin == self._origin and not named:
            return target
        # URL lowercases the host, and a secret in it would no longer be recognized.
        readable = target is not None and self._auth.redact(location) == location
        raise RedirectError(
            f"The server redirects (HTTP {response.status}) to "
            f"{origin if readable else 'an unreadable address'}, "
            f"{'with a user name' if named else f'outside {self._origin}'}. The redirect was not "
            "followed. If the portal has moved there, use that address as the base URL.",
            host=target.host_port_subcomponent if target is not None and readable else None,
            status=response.status,
            url=asked,
        )

    def _body(self, response: aiohttp.ClientResponse, call: Call) -> Body:
        return Body(
            response,
            url=call.url,
            watchdog=self._watchdog,
            caps=self.caps,
            deadline=call.deadline,
        )

    async def _refusal(
        self, response: aiohttp.ClientResponse, body: Body, call: Call
    ) -> ExploreError:
        """Return the error for a response with a status other than 200."""
        if response.status == 407 and self.shared.connection.proxied:
            return proxy_refusal(407, body.url)
        try:
            content, _ = await body.peek(lambda seen: len(seen) >= self.caps.error)
        except (TransportError, DecodeError):
            # The status alone names the failure; a truncated error body must not hide it,
            content = b""
        except asyncio.CancelledError:
            # and neither must one that stalls.
            if call.deadline is None or not call.deadline.over():
                raise
            content = b""
        return self._api_error(response, content[: self.caps.error], url=body.url)

    async def _refuse_error_in_disguise(self, response: aiohttp.ClientResponse, body: Body) -> None:
        try:
            start, whole = await body.peek(self._not_an_error_object)
        except DecodeError as error:
            raise self._without_secrets(error) from None
        if whole and is_error_object(_json_or_none(start)):
            raise self._api_error(response, start, url=body.url)
        if body.content_type == "text/html" or start.lstrip()[:14].lower().startswith(_HTML_STARTS):
            raise self._without_secrets(
                DecodeError(
                    f"The server sent {html_page(start) or 'an HTML page'} "
                    f"({body.content_type or 'no content type'}) instead of data. "
                    "Check the base URL and whether the portal requires a login.",
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
            headers={name.lower(): self._shown(one) for name, one in response.headers.items()},
            body=self._auth.redact(content.decode("utf-8", errors="replace")).encode(),
            url=url,
        )
        return error_from_reply(reply, now=self.shared.timing.now())

    def _shown(self, header: str) -> str:
        return self._auth.redact(readable(header))

    def redact(self, text: str) -> str:
        """Return the text with the client's secrets replaced, in case a server echoed one."""
        return self._auth.redact(text)

    def _without_secrets(self, error: DecodeError | TruncatedError) -> ExploreError:
        if isinstance(error, TruncatedError):
            return error  # its message quotes nothing from the body
        redact = self._auth.redact
        return type(error)(
            redact(error.message),
            content_type=redact(error.content_type),
            snippet=redact(error.snippet),
            status=error.status,
            url=error.url,
        )

    def _refuse_plain_http(self) -> None:
        if self._plain and not getattr(self._auth, "allow_http", False):
            raise ConfigurationError(
                f"Credentials would be sent unencrypted to {self._origin}. Use https://, or, in a "
                "network that you trust, ApiKey(..., allow_http=True)."
            )

    def _refuse_two_credentials(self) -> None:
        if self.shared.connection.authorizes:
            raise ConfigurationError(
                "The session passed as session= has its own auth=, and a request can carry only "
                "one Authorization header. Pass a session without auth=, or omit auth= on the "
                "client."
            )


def _hidden(authorization: str | None) -> Hidden | None:
    return None if authorization is None else Hidden(authorization)


def _json_or_none(content: bytes) -> object:
    try:
        value: object = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    return value
