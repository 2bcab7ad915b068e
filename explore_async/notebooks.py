"""Small HTML tables for notebooks, which call `_repr_html_`.

Every text comes from a portal, so every text is escaped.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["html_table"]

_ROWS = 20
_CHARACTERS = 100


def html_table(title: str, rows: Sequence[Mapping[str, object]]) -> str:
    """Return the first rows as a table, with a line that says how many more there are.

    Args:
        title: the caption.
        rows: the rows; the columns are the keys of those that are shown.
    """
    from html import escape  # only notebooks need it

    shown = rows[:_ROWS]
    names = list(dict.fromkeys(name for row in shown for name in row))
    lines = [("th", names), *(("td", [_text(row.get(name)) for name in names]) for row in shown)]
    body = "".join(
        f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"
        for tag, cells in lines
    )
    hidden = len(rows) - len(shown)
    more = f"<p>{hidden:,} more rows</p>" if hidden else ""
    return f"<table><caption>{escape(title)}</caption>{body}</table>{more}"


def _text(value: object) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else _json(value)
    return text if len(text) <= _CHARACTERS else f"{text[: _CHARACTERS - 1]}…"


def _json(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (RecursionError, ValueError):  # too deep, or a cycle
        return type(value).__name__
