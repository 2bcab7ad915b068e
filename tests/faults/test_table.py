"""The table of failures matches the tests."""

from __future__ import annotations

import re
from pathlib import Path

from tests import faults


def test_each_failure_is_listed_with_the_files_that_test_it() -> None:
    """All thirty failures are listed, each with exactly the files that test it."""
    assert faults.__doc__ is not None
    listed = {
        int(number): set(re.findall(r"`(\w+)`", files))
        for number, files in re.findall(r"^\| (\d+) \|[^|]*\|([^|]*)\|$", faults.__doc__, re.M)
    }
    found: dict[int, set[str]] = {}
    for path in Path(__file__).parent.glob("test_*.py"):
        for number in re.findall(r"^(?:async )?def test_(\d\d)_", path.read_text("utf-8"), re.M):
            found.setdefault(int(number), set()).add(path.stem)
    assert listed == found
    assert sorted(found) == list(range(1, 31))
