r"""Secrets in texts that a server sent: found however they are spelled, and replaced.

A server that echoes an API key seldom writes it as it was sent. JSON writes `/` as `\/` or any
character as `\u0053`, HTML as `&amp;`, a URL as `%2F`; `repr` doubles backslashes, and media types
are read in lower case. A message that quotes only the beginning of a body may cut the key in two.
So every spelling of every character is looked for, and so is the beginning of a secret.
"""

from __future__ import annotations

import re
from functools import reduce
from typing import TYPE_CHECKING

from explore_async.errors import DecodeError, ExploreError, MisfitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["HIDDEN", "redact", "redact_error"]

HIDDEN = "<hidden>"
"""The placeholder for a secret."""

_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"}

_SHORTEST = 6
"""The length from which the beginning of a secret is a secret too."""

_LONGEST = 64
"""The length from which a beginning is sure to be one; what follows it belongs to it."""


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return the text with every secret replaced, and every beginning of one."""
    # Longest first: if one secret begins with another, its remainder must not stay visible.
    known = sorted(filter(None, secrets), key=len, reverse=True)
    # Whole ones first: if two secrets begin alike, the end of one must not stay visible.
    for pattern in (*map(_whole, known), *map(_beginning, known)):
        text = pattern.sub(HIDDEN, text)
    return text


def _whole(secret: str) -> re.Pattern[str]:
    return re.compile("".join(_spelled(secret)) + _remainder(secret), re.IGNORECASE)


def _beginning(secret: str) -> re.Pattern[str]:
    spelled = _spelled(secret)
    more = reduce(lambda rest, one: f"(?:{one}{rest})?", reversed(spelled[_SHORTEST:]), "")
    return re.compile("".join(spelled[:_SHORTEST]) + more, re.IGNORECASE)


def _remainder(secret: str) -> str:
    return r"[^\s\"'<>]*" if len(secret) > _LONGEST else ""


def _spelled(secret: str) -> list[str]:
    """Return a pattern for each character, and for backslashes in a row one for all of them."""
    return list(map(_spellings, re.findall(r"\\+|.", secret[:_LONGEST], re.DOTALL)))


def _spellings(character: str) -> str:
    """Return a pattern for one character in plain text, JSON, HTML, URLs and `repr`.

    The groups are atomic: with two ways to read each character, a failing search would take twice
    as long for every character more.
    """
    if character.startswith("\\"):
        one = r"\\{1,4}u005c|%5c|&#0{0,4}92;|&#x0{0,4}5c;|\\{1,64}"
        return rf"(?>(?:{one}){{1,{len(character)}}})"
    code, plain = ord(character), re.escape(character)
    escaped = _HTML.get(character, character)
    return (
        rf"(?>\\{{1,4}}u{code:04x}|%{code:02x}|&#0{{0,4}}{code};|&#x0{{0,4}}{code:x};|{re.escape(escaped)}"
        rf"|\\{{0,4}}{plain})"
    )


def redact_error(error: ExploreError, redact: Callable[[str], str]) -> None:
    """Remove secrets from what an error quotes of a response."""
    error.message = redact(error.message)
    error.args = (error.message,)
    if isinstance(error, DecodeError):
        error.snippet = redact(error.snippet)
    if isinstance(error, MisfitError):
        error.came = redact(error.came)
