"""The body of a response: decompressed as it arrives; size, speed and end are checked.

Bodies are decompressed here and not by aiohttp, which accepts a truncated gzip stream as complete.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import aiohttp
from attrs import field, frozen

from explore_async.errors import DecodeError, RequestTimeout, TooLargeError, TruncatedError
from explore_async.http.connection import authority
from explore_async.http.decoding import Inflater
from explore_async.http.headers import readable
from explore_async.http.policy import at_least_one, positive

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator

    from explore_async.http.deadlines import Deadline

__all__ = ["Body", "Caps", "Watchdog"]

_KIB = 1024
_MIB = 1024 * _KIB
_RATIO_COUNTS_FROM = 64 * _MIB


@frozen(kw_only=True)
class Caps:
    """Size limits for bodies, in decoded bytes; a larger body raises `TooLargeError`.

    A value out of range raises `ConfigurationError`.

    An export has no size limit, because it may be a file of any length. Only its compression ratio
    is limited, by `ratio`: text and numbers inflate to 5 to 50 times their compressed size, and
    gzip reaches at most 1,032 times. Raise it for an export whose rows are nearly identical, such
    as one column with a single value, and lower it for a portal that you do not trust.

    Attributes:
        page: one JSON response.
        error: the body of an error response; the rest is not read.
        line: one line of an export.
        ratio: decoded bytes per byte on the wire, checked once a body exceeds 64 MiB.
    """

    page: int = field(default=64 * _MIB, validator=positive)
    error: int = field(default=64 * _KIB, validator=positive)
    line: int = field(default=16 * _MIB, validator=positive)
    ratio: float = field(default=200, validator=at_least_one)


@frozen(kw_only=True)
class Watchdog:
    """Limits for a body that trickles in: each read is in time, but the whole takes too long.

    Only the time spent waiting for the server counts, so a slow reader does not trigger it.

    Attributes:
        least: the minimum rate, in bytes on the wire per second of waiting.
        window: seconds of waiting after which the rate is checked.
        monotonic: the clock.
    """

    least: float
    window: float
    monotonic: Callable[[], float]


class Body:
    """The body of one response, decompressed as it arrives.

    The code that opened the response releases it.

    Attributes:
        url: the URL of the request.
        received: the number of decoded bytes so far.
        streamed: called with `received` before `chunks` yields each piece.
    """

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        *,
        url: str,
        watchdog: Watchdog,
        caps: Caps | None = None,
        deadline: Deadline | None = None,
    ) -> None:
        self.url = url
        self.received = 0
        self._response = response
        self._content = response.content
        self._deadline = deadline
        self._watchdog = watchdog
        self._most_inflated = (caps or Caps()).ratio
        self._on_the_wire = 0
        self._waited = 0.0
        self._arrived = 0
        self._plain = "Content-Encoding" not in response.headers
        self._pieces: Iterator[bytes] = iter(())
        self._head: list[bytes] = []
        self.streamed: Callable[[int], object] | None = None

    @property
    def content_type(self) -> str:
        """The media type declared by the server, in lower case and without parameters."""
        declared = readable(self._response.headers.get("Content-Type", ""))
        return declared.partition(";")[0].strip().lower()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the decoded bytes, in pieces of any size.

        Raises:
            TruncatedError: the body ended early, on the wire or inside its gzip stream.
            RequestTimeout: no bytes arrived for too long, or they arrived too slowly.
            TooLargeError: the ratio of decoded bytes to bytes on the wire exceeds the cap.
        """
        while self._head:
            yield self._head.pop(0)
        while piece := await self._next():
            if self.streamed is not None:
                self.streamed(self.received)
            yield piece

    async def peek(self, enough: Callable[[bytes], bool]) -> tuple[bytes, bool]:
        """Read ahead until `enough` returns true; `chunks` yields the bytes again.

        Bytes from an earlier peek come first. If they are enough, nothing more is read.

        Returns:
            The bytes read, and whether they are the whole body.
        """
        seen = b"".join(self._head)
        if seen and enough(seen):
            return seen, False
        while piece := await self._next():
            self._head.append(piece)
            seen += piece
            if enough(seen):
                return seen, False
        return seen, True

    async def read(self, cap: int) -> bytes:
        """Read the whole body.

        Raises:
            TooLargeError: the body is larger than `cap` bytes.
        """
        if self._plain and self._content.is_eof():
            # The whole body arrived with the head, as for most pages: there is nothing to wait for.
            whole = self._content.read_nowait()
            self.received = len(whole)
            if self.received > cap:
                raise self._too_large(cap)
            return whole
        pieces = []
        while piece := await self._next():
            pieces.append(piece)
            if self.received > cap:
                raise self._too_large(cap)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def _next(self) -> bytes:
        """Return the next decoded piece, or b"" at the verified end of the body."""
        try:
            piece = await (self._receive() if self._plain else self._inflated())
        except TimeoutError as error:
            raise RequestTimeout(
                f"{authority(self.url)} stopped sending after {self.received} bytes. "
                "Try again, or raise `timeouts.read`.",
                status=self._response.status,
                url=self.url,
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            raise self._truncated("the connection broke") from error
        except ValueError as error:
            raise DecodeError(
                f"The header declares a gzip body, but the body is not valid gzip: {error}. "
                "A proxy may have changed it. Try again.",
                content_type=self.content_type,
                status=self._response.status,
                url=self.url,
            ) from error
        self.received += len(piece)
        if self.received > _RATIO_COUNTS_FROM:
            self._refuse_a_bomb()
        return piece

    async def _inflated(self) -> bytes:
        inflater = self._inflater
        if inflater is None:
            return await self._receive()
        while not (piece := next(self._pieces, b"")):
            raw = await self._receive()
            if not raw and not inflater.complete:
                raise self._truncated("the gzip stream ended early")
            if not raw:
                return b""
            self._pieces = inflater.feed(raw)
        return piece

    def _refuse_a_bomb(self) -> None:
        if self.received <= self._most_inflated * self._on_the_wire:
            return
        raise TooLargeError(
            f"{self._on_the_wire} bytes on the wire were inflated to {self.received}, more than "
            f"{self._most_inflated:g} times as many, so the rest was not read. If the rows are "
            "nearly identical, raise `caps.ratio`; otherwise report this to the portal.",
            content_type=self.content_type,
            status=self._response.status,
            url=self.url,
        )

    async def _receive(self) -> bytes:
        """Return the next bytes from the wire, or b"" at the end, and check their rate."""
        if self._content.at_eof():
            return b""
        if self._deadline is not None:
            self._deadline.heard()
        clock = self._watchdog.monotonic
        began = clock()
        raw = await self._content.readany()
        self._waited += clock() - began
        self._arrived += len(raw)
        self._on_the_wire += len(raw)
        if raw and self._waited >= self._watchdog.window:
            if self._arrived < self._watchdog.least * self._waited:
                raise RequestTimeout(
                    f"{authority(self.url)} sent only {self._arrived} bytes in "
                    f"{self._waited:.0f} seconds. "
                    "Try again later, or lower `timeouts.min_rate` (0 disables this check).",
                    url=self.url,
                )
            self._waited, self._arrived = 0.0, 0
        return raw

    @cached_property
    def _inflater(self) -> Inflater | None:
        coding = self._response.headers.get("Content-Encoding", "identity").strip().lower()
        if coding in {"", "identity"}:
            return None
        if coding in {"gzip", "x-gzip"}:
            return Inflater()
        raise DecodeError(
            f"The body has Content-Encoding {coding!r}, but the request accepts only gzip. "
            "A proxy may have changed it. Contact the portal's operator.",
            content_type=self.content_type,
            status=self._response.status,
            url=self.url,
        )

    def _too_large(self, cap: int) -> TooLargeError:
        return TooLargeError(
            f"The body is larger than {cap} bytes, so the rest was not read. "
            "Request fewer rows or fields, or stream an export.",
            content_type=self.content_type,
            status=self._response.status,
            url=self.url,
        )

    def _truncated(self, how: str) -> TruncatedError:
        return TruncatedError(
            f"The body was cut off: {how} after {self.received} bytes. Do not treat what arrived "
            "as complete. Send the request again.",
            bytes_received=self.received,
            status=self._response.status,
            url=self.url,
        )
