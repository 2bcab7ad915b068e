"""Counts of results, for the summary, the statistics and the exit status."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from odsql.outputs.results import Checked, Unreadable, counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from odsql.outputs.results import Result

__all__ = ["Counts"]


class Counts:
    """Counts of clauses, findings and unreadable inputs, updated while `of` yields results."""

    def __init__(self) -> None:
        """Start at zero."""
        self.clauses = self.broken = self.errors = self.warnings = self.unreadable = 0
        self.codes: dict[str, int] = {}

    def of(self, results: Iterable[Result]) -> Iterator[Result]:
        """Count and yield the results; report unreadable inputs at once on standard error."""
        for result in results:
            if isinstance(result, Unreadable):
                self.unreadable += 1
                sys.stderr.write(f"odsql: {result}\n")
            else:
                self._count(result)
            yield result

    def _count(self, checked: Checked) -> None:
        self.clauses += 1
        if not checked.diagnostics:
            return
        self.broken += checked.severity == "error"
        for one in checked.diagnostics:
            self.codes[one.code] = self.codes.get(one.code, 0) + 1
            if one.severity == "error":
                self.errors += 1
            else:
                self.warnings += 1

    def summary(self, fixed: int = 0) -> str:
        """Return a summary in one line."""
        said = [f"{counted(self.clauses, 'clause')} checked, {self.broken or 'none'} broken"]
        if self.warnings:
            said.append(counted(self.warnings, "warning"))
        if fixed:
            said.append(f"{fixed} fixed")
        if self.unreadable:
            said.append(f"{counted(self.unreadable, 'input')} not read")
        return ", ".join(said)

    def statistics(self) -> str:
        """Return a line for each code with its number of findings, the most frequent first."""
        from odsql.checks.rules import RULES

        width = len(str(max(self.codes.values(), default=0)))
        ordered = sorted(self.codes.items(), key=lambda one: (-one[1], one[0]))
        return "".join(
            f"{count:>{width}}  {code}  {RULES[code].summary if code in RULES else ''}\n"
            for code, count in ordered
        )
