"""Reading one file as text."""

from __future__ import annotations

import codecs
import os
import re
import stat
import sys
from typing import TYPE_CHECKING

from odsql.sources.model import SourceFile, UnreadableError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_text"]

_SNIFFED = 8192
_CHUNK = 1 << 20
_BOMS = (
    # UTF-32 first: its little-endian mark begins with that of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)
_WORTH_READING = re.compile(rb"explore\\*/v2|api\\*/(?:records|datasets)\\*/1\.0|odsql|queries")
_HINTS = tuple("explore".encode(one) for one in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le"))
_URL = re.compile(rb"api\\*/explore\\*/v2\.")
_NAMES = {"utf-8": "UTF-8", "utf-8-sig": "UTF-8", "utf-16": "UTF-16", "utf-32": "UTF-32"}


def read_text(path: Path | str) -> SourceFile:
    """Return a file with its text, without a byte order mark; "-" is standard input.

    The encoding is UTF-8, unless a byte order mark names another. Line endings are kept.

    Raises:
        UnreadableError: it is not a regular file, cannot be opened, is binary, or is not valid
            text.
    """
    shown = path if isinstance(path, str) else path.as_posix()
    content = sys.stdin.buffer.read() if shown == "-" else _content(os.fspath(path), shown)
    encoding = next((name for bom, name in _BOMS if content.startswith(bom)), "utf-8")
    if encoding.startswith("utf-8") and b"\0" in content[:_SNIFFED]:
        raise UnreadableError(shown, "is binary, not text", passable=not _has_url(content))
    try:
        return SourceFile(shown, content.decode(encoding))
    except UnicodeDecodeError as error:
        passable = _WORTH_READING.search(content) is None
        reason = f"cannot be read: byte {error.start} is not {_NAMES[encoding]}"
        raise UnreadableError(shown, reason, passable=passable) from None


def _has_url(content: bytes) -> bool:
    """Return whether binary content holds an Explore URL, perhaps in UTF-16 or UTF-32."""
    if not any(one in content for one in _HINTS):
        return False
    return any(_URL.search(one) for one in (content, content.replace(b"\0", b"")))


def _content(path: str, shown: str) -> bytes:
    try:
        # Without O_NONBLOCK, opening a pipe would block before fstat can identify it.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)
                             | getattr(os, "O_BINARY", 0))  # fmt: skip
    except (OSError, ValueError) as error:
        raise UnreadableError(shown, _reason(error)) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            kind = "a directory" if stat.S_ISDIR(status.st_mode) else "a pipe, a device or a socket"
            raise UnreadableError(shown, f"is {kind}, not a file", passable=True)
        # Faster than a file object, which is created, asked for its position and closed each time.
        content = os.read(descriptor, status.st_size + 1)
        if len(content) == status.st_size:
            return content
        parts = [content]
        while parts[-1]:
            parts.append(os.read(descriptor, _CHUNK))
        return b"".join(parts)
    except (OSError, MemoryError) as error:
        raise UnreadableError(shown, _reason(error)) from None
    finally:
        os.close(descriptor)


def _reason(error: OSError | ValueError | MemoryError) -> str:
    said = error.strerror if isinstance(error, OSError) else str(error)
    return f"cannot be read: {said or 'there is not enough memory'}"
