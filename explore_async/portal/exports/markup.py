"""XML: escaped text, elements, and names for fields whose names XML does not allow."""

from __future__ import annotations

import re
from math import isnan
from typing import Any
from xml.sax.saxutils import escape, quoteattr

__all__ = ["DECLARATION", "element", "legal", "name_of", "quoted", "value_text"]

DECLARATION = '<?xml version="1.0" encoding="utf-8"?>\n'

# A reader would turn a bare one into a line feed.
_CARRIAGE_RETURN = {"\r": "&#13;"}
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_IN_NAMES = re.compile(r"_(?=x[0-9A-Fa-f]{4})|^[^A-Za-z_]|[^A-Za-z0-9_-]", re.ASCII)


def legal(text: str) -> str:
    """Return a text without the characters that XML cannot hold."""
    return _ILLEGAL.sub("", text)


def element(name: str, text: str, attributes: str = "") -> str:
    """Return an element with a text, without the characters that XML cannot hold.

    `attributes` are written as they are, and begin with a space.
    """
    return f"<{name}{attributes}>{escape(legal(text), _CARRIAGE_RETURN)}</{name}>"


def quoted(text: str) -> str:
    """Return the value of an attribute, in quotes."""
    return quoteattr(legal(text))


def name_of(label: str) -> str:
    """Return a name for an element: other characters become `_xHHHH_`, as in ISO 9075-14.

    Turtle allows these names, too.
    """
    return _NOT_IN_NAMES.sub(lambda match: f"_x{ord(match[0]):04X}_", label)


def value_text(value: Any) -> str:
    """Return a value as XML Schema writes it: `true`, `NaN` and `INF`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, float):
        return str(value)
    if isnan(value):
        return "NaN"
    return repr(value).replace("inf", "INF")
