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


PROSE = ["a.md", "a.markdown", "a.mdx", "a.rst", "a.html", "a.htm", "a.txt", "A.ADOC"]


@pytest.mark.parametrize("path", PROSE)
def test_prose_may_mention_the_comment_for_a_whole_file(path: str) -> None:
    """There only a comment of HTML or reStructuredText counts."""
    rest = f"\n\n<{URL}?limit=1>"
    assert read(path, f"<!-- odsql: ignore-file -->{rest}") == []
    assert read(path, f".. odsql: ignore-file{rest}") == []
    assert len(read(path, f"# odsql: ignore-file{rest}")) == 1
    assert read("a.sh", f"# odsql: ignore-file{rest}") == []


@pytest.mark.parametrize(
    "line",
    [
        "x = 1 # odsql: ignore-file",
        "# odsql: ignore-files",
        "# odsql: ignore-file: why",
        "# odsql: ignore_file",
    ],
)
def test_a_whole_file_is_left_out_by_a_line_that_says_only_that(line: str) -> None:
    """Nothing else stands on it."""
    assert len(read("a.sh", f"{line}\n\ncurl '{URL}?limit=1'")) == 1


def test_several_comments_add_up() -> None:
    """For the file, for the line before and for the line itself."""
    text = (
        "# odsql: ignore-file[ODS1]\n# odsql: ignore-file[ODS2]\n"
        "# odsql: ignore[ODS3]\n"
        f"curl '{URL}?where=a&limit=1' # odsql: ignore[ODS4] odsql: ignore[ods5 , ODS6,]\n"
        f"curl '{URL}?limit=2'"
    )
    one, other = read("a.sh", text)
    assert one.ignored_in == (frozenset(f"ODS{number}" for number in range(1, 7)),) * 2
    assert other.ignored_in == (frozenset({"ODS1", "ODS2"}),)


@pytest.mark.parametrize("lines", [1, 20])
def test_a_comment_behind_a_text_is_for_the_whole_text(lines: int) -> None:
    """However many lines it has."""
    where = "\n".join(["a > 1", *(f"AND b > {number}" for number in range(lines))])
    quotes = '"' * 3
    text = f"[queries.a]\nselect = 'x'\nwhere = {quotes}\n{where}\n{quotes} # odsql: ignore[ODS401]"
    (found,) = read("a.toml", text)
    assert found.ignored_in == (frozenset(), frozenset({"ODS401"}))
