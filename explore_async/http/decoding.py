"""Decoding: gzip with a check for its end, and errors for bodies that are not JSON.

aiohttp accepts a truncated gzip stream as complete. `Inflater` knows whether it has seen the end of
every member, and inflates in small pieces so that a tiny body cannot fill the memory.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from typing import TYPE_CHECKING

import orjson

from explore_async.errors import DecodeError, TruncatedError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Inflater", "begins_like_html", "html_page", "load_json", "not_json", "snippet"]

_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_PIECE = 64 * 1024
_SNIPPET_CHARACTERS = 200
_COMMENTS = re.compile(rb"\A(?:\xef\xbb\xbf)?(?:\s+|<!--.*?-->)*", re.DOTALL)
_HTML = (b"<!doctype html", b"<html")
_TITLE = re.compile(r"<title[^>]*>([^<]*)", re.IGNORECASE)
_TITLE_CHARACTERS = 100
_LEADS = (*_HTML, b"<!--", b"\xef\xbb\xbf")


class Inflater:
    """Inflates one gzip body of one or more members, piece by piece.

    Attributes:
        complete: whether the bytes fed so far end where a member ends.
    """

    def __init__(self) -> None:
        self.complete = False
        self._member = zlib.decompressobj(_GZIP_WINDOW)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Inflate more bytes.

        Yields:
            Pieces of at most 64 KiB.

        Raises:
            ValueError: the bytes are not gzip.
        """
        while data:
            if self._member.eof:
                data = data.lstrip(b"\0")  # zero padding after a member is allowed
                if not data:
                    return
                self._member = zlib.decompressobj(_GZIP_WINDOW)
            try:
                piece = self._member.decompress(data, _PIECE)
            except zlib.error as error:
                raise ValueError(str(error)) from error
            self.complete = self._member.eof
            data = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            if piece:
                yield piece


def begins_like_html(start: bytes) -> bool | None:
    """Return whether a body starts like an HTML page; None if more bytes are needed to tell."""
    rest = _COMMENTS.sub(b"", start, count=1).lower()
    if rest.startswith(_HTML):
        return True
    undecided = rest.startswith(b"<!--") or any(each.startswith(rest) for each in _LEADS)
    return None if undecided else False


def load_json(content: bytes) -> object:
    """Decode JSON as orjson does, and integers with more than 308 digits, which orjson refuses.

    Raises:
        orjson.JSONDecodeError: the content is not JSON, or a number is too large for a float.
    """
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        if "infinity" not in error.msg:
            raise
        refusal = error
    try:
        value: object = json.loads(content, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError):
        raise refusal from None
    return value


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(number)
    return value


def not_json(
    content: bytes, reason: str, *, content_type: str, url: str
) -> TruncatedError | DecodeError:
    """Return the error for a 200 response whose body is not JSON.

    Args:
        content: the body.
        reason: the parser's message.
        content_type: the declared media type.
        url: the URL of the request.

    Returns:
        TruncatedError if the body begins like JSON but does not end like it, otherwise DecodeError,
        for example for the HTML page of a proxy.
    """
    begins, ends = content.lstrip()[:1], content.rstrip()[-1:]
    cut = "unexpected end" in reason or ends != {b"{": b"}", b"[": b"]"}.get(begins)
    if begins in {b"{", b"["} and cut:
        return TruncatedError(
            f"The JSON body was cut off after {len(content)} bytes. Send the request again.",
            bytes_received=len(content),
            status=200,
            url=url,
        )
    return DecodeError(
        f"The response ({content_type or 'no content type'}) is not JSON ({reason}): "
        f"{html_page(content) or repr(snippet(content))}. "
        "Check the base URL and whether the portal requires a login.",
        content_type=content_type,
        snippet=snippet(content),
        status=200,
        url=url,
    )


def html_page(start: bytes) -> str | None:
    """Return what to call an HTML page, by its title; None if the body is not one."""
    if not begins_like_html(start):
        return None
    import html  # rarely needed

    title = _TITLE.search(start.decode("utf-8", errors="replace"))
    words = html.unescape(title[1]).split() if title else []
    named = " ".join(words)[:_TITLE_CHARACTERS]
    return f"an HTML page titled {named!r}" if named else "an HTML page without a title"


def snippet(body: bytes) -> str:
    """Return the first 200 characters of a body on one line, for a message."""
    text = body[: 4 * _SNIPPET_CHARACTERS].decode("utf-8", errors="replace")
    return " ".join(text.split())[:_SNIPPET_CHARACTERS]
