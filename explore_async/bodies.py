"""The body of an answer: decompressed as it comes, proved whole, capped, not dripped.

Bodies are decompressed here and not by aiohttp, which takes half a gzip stream for a whole one.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

import aiohttp
from attrs import field, frozen, validators

from explore_async.decoding import Inflater
from explore_async.errors import DecodeError, RequestTimeout, TooLargeError, TruncatedError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

__all__ = ["Body", "Caps", "Watchdog", "content_type_of"]

_KIB = 1024
_MIB = 1024 * _KIB


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

    async def watch(
        self, content: AsyncIterator[bytes], *, url: str
    ) -> AsyncGenerator[bytes, None]:
        """The same pieces.

        Raises:
            RequestTimeout: over a whole window they came too slowly.
        """
        clock, waited, received = self.monotonic, 0.0, 0
        began = clock()
        async for raw in content:
            waited += clock() - began
            received += len(raw)
            if waited >= self.window:
                if received < self.least * waited:
                    raise RequestTimeout(
                        f"The server drips: {received} bytes in {waited:.0f} seconds. Try again "
                        "later, or lower `timeouts.min_rate` (0 switches this off).",
                        url=url,
                    )
                waited, received = 0.0, 0
            yield raw
            began = clock()


def content_type_of(response: aiohttp.ClientResponse) -> str:
    """The declared media type in lower case, without parameters; empty when there is none."""
    declared: str = response.headers.get("Content-Type", "")
    return declared.partition(";")[0].strip().lower()


class Body:
    """The body of one good answer, decompressed as it comes; closed by `Transport.stream`.

    Attributes:
        url: the URL that was asked.
        content_type: media type the server declared, in lower case, without parameters.
        received: decoded bytes so far.
    """

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        *,
        url: str,
        watchdog: Watchdog,
    ) -> None:
        self.url = url
        self.content_type = content_type_of(response)
        self.received = 0
        self._response = response
        self._watchdog = watchdog
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
            content = self._response.content.iter_any()
            async with aclosing(self._watchdog.watch(content, url=self.url)) as arriving:
                async for raw in arriving:
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
