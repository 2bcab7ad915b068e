"""The formatted text of a clause in its file: its lines and its quotes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odsql.checks.diagnostics import Edit
from odsql.commands.inputs import in_url
from odsql.commands.rewriting import Change
from odsql.syntax.parsing import parse
from odsql.syntax.rendering import format as broken_into_lines
from odsql.syntax.rendering import render
from odsql.syntax.scanning import tokenize
from odsql.syntax.spans import spans
from odsql.syntax.templates import has_holes

if TYPE_CHECKING:
    from odsql.sources import Found

__all__ = ["changed", "formatted"]

_FORMATTED = frozenset(("where", "select", "group_by", "order_by", "facet"))
"""Not `refine` and `exclude`: `facet:value` has only one spelling."""

_BLOCKS = ('"""', "'''")


def changed(found: Found, number: int, parameter: int) -> Change | None:
    """Return the change that formats a parameter; None if it is formatted.

    Raises:
        ODSQLSyntaxError: the text is not ODSQL.
    """
    name, text = (
        found.request.parameters[parameter].name,
        found.request.parameters[parameter].text,
    )
    core = text.strip()
    if name not in _FORMATTED or not core or has_holes(text) or in_url(found, parameter):
        return None
    offsets = found.offsets[parameter]
    start = len(text) - len(text.lstrip())
    end = start + len(core)
    file = found.file.text
    written = file[offsets[start] : offsets[end]]
    lines = "\n" in file[offsets[0] : offsets[-1]] or file[offsets[0] - 3 : offsets[0]] in _BLOCKS
    opening = file[offsets[0] - 1 : offsets[0]]
    new = formatted(name, text, lines=lines, quote="'" if opening == '"' and not lines else '"')
    # All lines get the indentation of the first one, which need not be part of the text.
    same = _stripped(written) == _stripped(new) if "\n" in written else core == new
    return None if same else Change(number, parameter, (Edit(start, end, new),))


def _stripped(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines()]


def formatted(clause: str, text: str, *, lines: bool, quote: str) -> str:
    """Return a formatted clause, with `lines` broken if long, and text literals in `quote`.

    Raises:
        ODSQLSyntaxError: the text is not ODSQL.
    """
    tree = parse(clause, text)
    new = broken_into_lines(tree) if lines else render(tree)
    return new if quote == '"' else _in_single_quotes(new)


def _in_single_quotes(text: str) -> str:
    """Requote text literals so that a string in double quotes can hold them without escapes."""
    if '"' not in text:
        return text
    pieces: list[str] = []
    place = 0
    for token, (start, end) in zip(tokenize(text), spans(text), strict=True):
        if token[:1] == '"' and "'" not in token and "\\" not in token:
            pieces += (text[place:start], "'", token[1:-1], "'")
            place = end
    return "".join([*pieces, text[place:]])
