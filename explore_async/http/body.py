"""The body of an answer: decompressed as it comes, proved whole, capped, not dripped.

Bodies are decompressed here and not by aiohttp, which takes half a gzip stream for a whole one.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import aiohttp
from attrs import field, frozen

from explore_async.errors import DecodeError, RequestTimeout, TooLargeError, TruncatedError
from explore_async.http.decoding import Inflater
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
    """The largest bodies, in decoded bytes; beyond them `TooLargeError` is raised.

    A value out of its range is a `ConfigurationError`.

    An export has no largest size, as it may be a file of any length. But what a few bytes on the
    wire inflate to is bounded by `ratio`: text and numbers come to 5 to 50 times their compressed
    size, and gzip reaches 1,032 at most. Raise it for an export whose rows are nearly all the same,
    such as one column of a single value, and lower it for a portal that you do not trust.

    Attributes:
        page: one JSON answer.
        error: the body of an error answer; more of it is not read.
        line: one line of an export.
        ratio: decoded bytes for one byte on the wire, looked at when a body is beyond 64 MiB.
    """

    page: int = field(default=64 * _MIB, validator=positive)
    error: int = field(default=64 * _KIB, validator=positive)
    line: int = field(default=16 * _MIB, validator=positive)
    ratio: float = field(default=200, validator=at_least_one)


@frozen(kw_only=True)
class Watchdog:
    """Ends a body that only drips: each read is in time, but the whole would never end.

    Only the time spent waiting for the server counts, so a slow reader is never blamed.

    Attributes:
        least: bytes on the wire per second of waiting, below which the body counts as stuck.
        window: seconds of waiting after which the rate is looked at.
        monotonic: the clock.
    """

    least: float
    window: float
    monotonic: Callable[[], float]


class Body:
    """The body of one good answer, decompressed as it comes; let go of by who opened the answer.

    Attributes:
        url: the URL that was asked.
        received: decoded bytes so far.
        streamed: called with them for each piece that `chunks` is about to give.
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
        """The media type that the server declared, in lower case, without parameters."""
        declared: str = self._response.headers.get("Content-Type", "")
        return declared.partition(";")[0].strip().lower()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The decoded bytes, in pieces of any size.

        Raises:
            TruncatedError: the body ended early, on the wire or inside its gzip stream.
            RequestTimeout: no byte came for too long.
            TooLargeError: it inflates to more than the cap allows for what came on the wire.
        """
        while self._head:
            yield self._head.pop(0)
        while piece := await self._next():
            if self.streamed is not None:
                self.streamed(self.received)
            yield piece

    async def peek(self, enough: Callable[[bytes], bool]) -> tuple[bytes, bool]:
        """Read ahead until `enough` says so; the bytes are given again by `chunks`.

        What an earlier peek has read is looked at again, and read no further if that is enough.

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
        """The whole body.

        Raises:
            TooLargeError: it is larger than `cap` bytes.
        """
        if self._plain and self._content.is_eof():
            # All of it came with the head, as that of most pages: there is nothing to wait for.
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
        """The next decoded piece; empty at the end, which has then been proved to be the end."""
        try:
            piece = await (self._receive() if self._plain else self._inflated())
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
                raise self._truncated("the gzip stream stops before its end")
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
            "nearly all the same, raise `caps.ratio`; otherwise report it to the portal.",
            content_type=self.content_type,
            status=self._response.status,
            url=self.url,
        )

    async def _receive(self) -> bytes:
        """What the wire brings next, watched; empty at its end."""
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
                    f"The server drips: {self._arrived} bytes in {self._waited:.0f} seconds. Try "
                    "again later, or lower `timeouts.min_rate` (0 switches this off).",
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
            f"The body is encoded as {coding!r}, though only gzip was offered. "
            "A proxy may have changed it; ask the portal's operator.",
            content_type=self.content_type,
            status=self._response.status,
            url=self.url,
        )

    def _too_large(self, cap: int) -> TooLargeError:
        return TooLargeError(
            f"The body is larger than {cap} bytes, so it was not read to its end. "
            "Ask for fewer rows or fields, or stream it with an export.",
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
