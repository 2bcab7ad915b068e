"""Lines of CSV as this package writes them: commas, quotes where needed, a line feed at the end."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["csv_line"]


def csv_line(cells: Iterable[str]) -> str:
    """Return cells as a line that every reader reads again."""
    line = io.StringIO()
    # Before Python 3.13, a cell with a carriage return is quoted only if the line ends with one.
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return f"{line.getvalue()[:-2]}\n"
