"""The names of the package, and the cost of importing it."""

from __future__ import annotations

import subprocess
import sys

import pytest

import odsql
from odsql.builder import functions


def test_every_public_name_can_be_imported() -> None:
    """Each name is available from the package and comes from one module only."""
    for name in odsql.__all__:
        assert getattr(odsql, name) is not None
    assert set(functions.__all__) < set(odsql.__all__)
    assert set(odsql.__all__) <= set(dir(odsql))


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    """Lazy loading must not hide a misspelling."""
    with pytest.raises(AttributeError, match="no attribute 'parse_were'"):
        _ = odsql.parse_were  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("program", "absent"),
    [
        ("import odsql", {"attr", "odsql.syntax.nodes"}),
        (
            "import odsql; odsql.parse_where('a = 1')",
            {"lark", "odsql.builder.expressions", "difflib"},
        ),
        ("from odsql import F, Query", {"lark", "json", "aiohttp", "asyncio"}),
    ],
)
def test_nothing_is_loaded_before_it_is_used(program: str, absent: set[str]) -> None:
    """Checked in a fresh process."""
    shown = f"import sys; {program}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=True)
    assert absent.isdisjoint(done.stdout.split())
