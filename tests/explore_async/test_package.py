"""The names of `explore_async`, and the modules that it loads on first use."""

import subprocess
import sys

import pytest

import explore_async


@pytest.mark.parametrize("name", explore_async.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(explore_async, name, None) is not None
    assert name in dir(explore_async)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        explore_async.Nothing  # type: ignore[attr-defined]  # noqa: B018


def test_exports_and_the_parser_are_loaded_when_they_are_first_used() -> None:
    program = (
        "import sys, explore_async\n"
        "explore_async.ExploreClient('portal.example')\n"
        "print([name for name in sys.modules if name.startswith(('odsql.', 'explore_async.'))])\n"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout
    later = (
        "odsql.syntax.parsing",
        "odsql.syntax.nodes",
        "odsql.builder.query",
        "explore_async.results.exports",
        "explore_async.results.conversion",
        "explore_async.http.oauth",
    )
    assert b"explore_async.client" in loaded
    assert not [name for name in later if name.encode() in loaded]
