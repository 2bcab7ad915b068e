"""Comments that ask to leave findings out."""

from __future__ import annotations

import pytest

from tests.odsql.sources.support import URL, read


@pytest.mark.parametrize(
    ("path", "text", "ignored"),
    [
        ("a.toml", "[queries.a]\nwhere = 'x' # odsql: ignore", {"*"}),
        ("a.toml", "[queries.a]\n# odsql: ignore[ODS401, ods301]\nwhere = 'x'", {"ODS401",
         "ODS301"}),
        ("a.toml", "# odsql: ignore[ODS1]\n[queries.a]\n\nwhere = 'x' # odsql: ignore[ODS2]",
         {"ODS1", "ODS2"}),
        ("a.toml", "# odsql: ignore[ODS1]\n\n[queries.a]\nwhere = 'x'", set()),
        ("a.toml", "a = 1 # odsql: ignore\n[queries.a]\nwhere = 'x'", set()),
        ("a.js", f"// odsql: ignore[ODS401]\nf('{URL}?limit=1')", {"ODS401"}),
        ("a.html", f"<!-- odsql:ignore[ODS401] -->\n<a href='{URL}?limit=1'>", {"ODS401"}),
        ("a.sql", f"-- odsql: ignored\n-- {URL}?limit=1", set()),
        ("a.sh", f"# odsql: ignore-file[ODS401]\n\n\ncurl '{URL}?limit=1'", {"ODS401"}),
        ("a.md", f"write `odsql: ignore-file` and\n{URL}?limit=1", set()),
        ("a.md", f"    # odsql: ignore-file\n\n{URL}?limit=1", set()),
    ],
)  # fmt: skip
def test_a_comment_is_for_its_line_or_the_next(path: str, text: str, ignored: set[str]) -> None:
    """For the next only if it has a line of its own; its syntax does not matter."""
    (found,) = read(path, text)
    assert found.ignored == ignored


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.toml", "# odsql: ignore-file\n[queries.a]\nwhere = 'x"),
        ("a.md", f"<!-- odsql: ignore-file -->\n{URL}?limit=1"),
        ("a.css", f"/* odsql: ignore-file */\n/* {URL}?limit=1 */"),
    ],
)
def test_a_whole_file_can_be_left_out(path: str, text: str) -> None:
    """It is not even read, so that it may be broken."""
    assert read(path, text) == []
