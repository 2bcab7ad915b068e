"""Comments that suppress findings."""

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
        ("a.toml", "[queries.a]\nwhere = 'x' # odsql: ignore [ODS401]", {"ODS401"}),
        ("a.toml", "# odsql: ignore-file [ODS401]\n[queries.a]\nwhere = 'x'", {"ODS401"}),
        ("a.js", f"// odsql: ignore[ODS401]\nf('{URL}?limit=1')", {"ODS401"}),
        ("a.html", f"<!-- odsql:ignore[ODS401] -->\n<a href='{URL}?limit=1'>", {"ODS401"}),
        ("a.sql", f"-- odsql: ignored\n-- {URL}?limit=1", set()),
        ("a.sh", f"# odsql: ignore-file[ODS401]\n\n\ncurl '{URL}?limit=1'", {"ODS401"}),
        ("a.md", f"write `odsql: ignore-file` and\n{URL}?limit=1", set()),
        ("a.md", f"    # odsql: ignore-file\n\n{URL}?limit=1", set()),
    ],
)  # fmt: skip
def test_a_comment_is_for_its_line_or_the_next(path: str, text: str, ignored: set[str]) -> None:
    """It applies to the next line only if it is alone on its own; its syntax does not matter."""
    (found,) = read(path, text)
    assert found.ignored == ignored


@pytest.mark.parametrize(
    ("path", "text", "ignored"),
    [
        ("a.toml", "[queries.a]\nwhere = 'x'\nselect = 'y' # odsql: ignore", ["", "*"]),
        ("a.toml", "[queries.a] # odsql: ignore\nwhere = 'x'\nselect = 'y'", ["*", "*"]),
        ("a.toml", "[queries.a]\nselect = [\n 'x', # odsql: ignore\n 'y']", ["*", ""]),
        ("a.yaml", "queries:\n - where: x # odsql: ignore\n   select: y", ["*", ""]),
        ("a.py",
     "from odsql import Query\nQuery(\n where='x', # odsql: ignore\n select='y')",
         ["*", ""]),
        ("a.js", f"// odsql: ignore\nf('{URL}' +\n '?where=x' +\n '&limit=1')", ["*", "*"]),
    ],
)  # fmt: skip
def test_a_comment_is_for_the_texts_in_its_line(path: str, text: str, ignored: list[str]) -> None:
    """It applies to a whole request only where the request begins and no parameter does."""
    (found,) = read(path, text)
    assert [found.ignores("ODS401", number) for number in (0, 1)] == [one == "*" for one in ignored]


OPENINGS = [
    ("a.yaml", "queries:\n  a:\n    {before}where: |{here}\n      x\n  b:{after}\n    where: z\n"),
    ("a.yml", "queries:\n  a:\n    {before}where: >-{here}\n\n     x\n\n  b:{after}\n    where: z"),
    ("a.yaml", "queries:\n  a:\n    {before}where:{here}\n      x\n  b:{after}\n    where: z\n"),
    ("a.toml", '[queries.a]\n{before}where = """\n  x\n"""{here}\n[queries.b]{after}\nwhere = "z"'),
    ("a.py", ("import odsql\n{before}odsql.Query(where='''\n x'''){here}\n"
     "odsql.Query({after}\nwhere='z')")),
]  # fmt: skip


@pytest.mark.parametrize(("path", "template"), OPENINGS)
@pytest.mark.parametrize("place", ["before", "here", "after"])
def test_a_block_reaches_from_the_line_that_opens_it_to_its_last(
    path: str, template: str, place: str
) -> None:
    """The line after the block belongs to the next query."""
    comment = "# odsql: ignore"
    comments = {"before": "", "here": "", "after": "", place: " " + comment}
    if place == "before":
        comments["before"] = f"{comment}\n" + "    " * path.endswith(("yaml", "yml"))
    found = read(path, template.format(**comments))
    assert found[0].ignores("ODS401", 0) is (place != "after")
    assert found[1].ignores("ODS401", 0) is (place == "after")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.toml", "# odsql: ignore-file\n[queries.a]\nwhere = 'x"),
        ("a.md", f"<!-- odsql: ignore-file -->\n{URL}?limit=1"),
        ("a.css", f"/* odsql: ignore-file */\n/* {URL}?limit=1 */"),
    ],
)
def test_a_whole_file_can_be_left_out(path: str, text: str) -> None:
    """The file is not parsed, so it may even be broken."""
    assert read(path, text) == []
