"""Text for people: each finding with its place, its source line and a caret.

    queries/cities.toml:3:21: error ODS102: an operator that ODSQL does not have
      | where = "population == 3"
      |                     ^^
      hint: ODSQL compares with a single =

If the file spells the clause differently (percent signs, escapes), the clause itself follows. The
bar is needed: without it, a source line that begins with :: would be a command to GitHub's runner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from odsql.outputs.results import Checked, Unreadable, masked, place, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from odsql.checks.diagnostics import Diagnostic
    from odsql.outputs.results import Result

__all__ = ["Style", "picture", "render"]

_WIDTH = 100
_LINE_ENDS = "\n\r"


class Style:
    """The colours of a terminal, if any."""

    def __init__(self, *, color: bool) -> None:
        """Without `color`, every method returns its text unchanged."""
        self._color = color

    def _sgr(self, codes: str, text: str) -> str:
        return f"\033[{codes}m{text}\033[0m" if self._color else text

    def bold(self, text: str) -> str:
        """Make a place bold."""
        return self._sgr("1", text)

    def severity(self, severity: str, text: str) -> str:
        """Make an error red, a warning yellow."""
        return self._sgr("1;31" if severity == "error" else "1;33", text)

    def hint(self, text: str) -> str:
        """Make a hint cyan."""
        return self._sgr("36", text)


def render(results: Iterable[Result], *, color: bool = False) -> Iterator[str]:
    """Yield one block for each finding. The command reports unreadable inputs."""
    style = Style(color=color)
    for result in results:
        if isinstance(result, Unreadable):
            continue
        for diagnostic in result.diagnostics:
            yield _block(result, diagnostic, style)


def _block(checked: Checked, diagnostic: Diagnostic, style: Style) -> str:
    line, column, *_ = place(checked, diagnostic)
    where = style.bold(f"{visible(checked.file.path)}:{line}:{column}:")
    label = style.severity(diagnostic.severity, f"{diagnostic.severity} {diagnostic.code}")
    lines = [f"{where} {label}: {visible(diagnostic.message)}"]
    lines += _pictures(checked, diagnostic, style)
    if diagnostic.hint:
        lines.append(f"  {style.hint('hint:')} {visible(diagnostic.hint)}")
    return "\n".join(lines) + "\n\n"


def _pictures(checked: Checked, diagnostic: Diagnostic, style: Style) -> Iterator[str]:
    """Yield the line of the file, and that of the clause if the file spells it differently."""
    text, offsets = checked.file.text, checked.offsets
    start = min(diagnostic.start, len(checked.text))
    end = max(start, min(diagnostic.end, len(checked.text)))
    begins, ends = offsets[start], offsets[end] if end > start else offsets[start]
    source, carets = picture(text, begins, ends)
    yield f"  | {source}"
    yield f"  | {style.severity(diagnostic.severity, carets)}"
    if not _spelt_alike(checked, start):
        clause, clause_carets = picture(checked.text, start, end)
        name = visible(checked.clause)
        yield f"  | {name}: {clause}"
        indent = " " * (len(name) + 2)
        yield f"  | {indent}{style.severity(diagnostic.severity, clause_carets)}"


def _spelt_alike(checked: Checked, start: int) -> bool:
    """Return whether the file has the line of the clause unchanged; an API key is not compared."""
    first, last = _line(checked.text, start)
    begins, ends = checked.offsets[first], checked.offsets[last]
    return checked.clause == "apikey" or checked.file.text[begins:ends] == checked.text[first:last]


def _line(text: str, place: int) -> tuple[int, int]:
    """Return the start and end of the line that holds a place."""
    first = max(text.rfind(one, 0, place) for one in _LINE_ENDS) + 1
    found = (text.find(one, place) for one in _LINE_ENDS)
    return first, min((one for one in found if one >= 0), default=len(text))


def picture(text: str, start: int, end: int) -> tuple[str, str]:
    """Return the line of `text` that holds `start`, and carets for a line below it.

    A long line is cut around the place; each unprintable character is replaced by another one.
    """
    first, last = _line(text, start)
    cut = max(first, start - _WIDTH // 2) if last - first > _WIDTH else first
    # The whole line, because a key that is cut would no longer be recognized.
    shown = masked(text[first:last])[cut - first :][:_WIDTH]
    marked = text[start : max(start, min(end, last, cut + _WIDTH))]
    before, under = _printable(text[cut:start]), _printable(marked)
    return _printable(shown), " " * _columns(before) + "^" * max(1, _columns(under))


def _printable(text: str) -> str:
    if not text.isprintable():
        text = "".join(one if one.isprintable() else " " if one == "\t" else "�" for one in text)
    return text.replace("##[", "##�")


def _columns(text: str) -> int:
    """Return the number of terminal columns that a text takes."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(
        0 if combining(one) else 2 if east_asian_width(one) in ("W", "F") else 1 for one in text
    )
