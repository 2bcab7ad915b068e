"""Hostile inputs: nothing crashes, and time grows linearly with size."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odsql.sources import SourceFile, UnreadableError, find
from tests.odsql.sources.support import URL

NAMES = ["a.py", "a.md", "a.json", "a.ipynb", "a.jsonl", "a.toml", "a.yaml", "a.php", "a.html"]
_SNIPPETS = [
    URL, "?where=", "&", "%", "%C3", "+", '"', "'", "`", "\\", "\\u0026", "{", "}", "${", "(", ")",
    "<", ">", "[", "]", "\n", "\r\n", " ", "#", "queries", "[queries.a]\n", "[[queries]]\n",
    "where = ",
    "queries:\n", "  - where: ", '"""', "'''", "from odsql import Query\n", "Query(where=", "&amp;",
    '"source": [', "odsql: ignore[", "odsql: ignore-file", "|\n", ">\n", "*a", "&a ", "é", "\0",
    ",",
    ".", "paste0(", '{"clause": "where", "text": "', "..",
]  # fmt: skip


def consume(name: str, text: str, *, expected: bool = False) -> int:
    count = 0
    with suppress(UnreadableError):
        for found in find(SourceFile(name, text), expected=expected):
            count += 1
            for one, offsets in zip(found.request.parameters, found.offsets, strict=True):
                assert len(offsets) == len(one.text) + 1
                assert list(offsets) == sorted(offsets)
                assert 0 <= offsets[0] <= offsets[-1] <= len(text)
    return count


@given(st.sampled_from(NAMES), st.lists(st.sampled_from(_SNIPPETS), max_size=25))
def test_any_mixture_is_read(name: str, snippets: list[str]) -> None:
    """The result is requests with correct positions, or one `UnreadableError`."""
    consume(name, "".join(snippets), expected=True)


REPEATED = [
    URL, f"{URL}?where=", f"'{URL}?where=a ", f'"{URL}?a=b\\"', f'"{URL}?a=" + x', f"{URL}?a=${{",
    f'{URL}?where=a="b', f"({URL}?a=(", f"`{URL}?a=\\", "/api/explore/v2.1/catalog", "\\", '"',
    '\\"',
    '"explore/v2', "${x}", f"<{URL}?a=<", '"source": [', "[", "{", "&a [", "queries: ", "a.", "'",
    "odsql: ignore", "# odsql: ignore-file x", "explore/v2 ", " ", "\n", "(", "Query(", "-", "\r",
    f"{URL}?a=b%", f"{URL}#", '{"where": "a"}\n', "queries = [", "'''", '"a" ', f"/{URL}?x#",
    "$x$x", "@a\n", "def a\n", "  a\n", f"{URL}?where=a<", f"{URL}?where=a>b", f'u = "{URL}?a=b";',
    f'f("{URL}?where=a" ', f'"{URL}?where=a=b" .. ', f"{URL}?where=(", "!a ", "@a ", ":a ",
]  # fmt: skip


@pytest.mark.parametrize("unit", REPEATED)
@pytest.mark.parametrize("name", NAMES)
def test_much_of_the_same_is_read(name: str, unit: str) -> None:
    """If time grew with the square of the size, this would exceed the time limit of the suite."""
    start = {"a.toml": "[queries.a]\nwhere = ", "a.yaml": "queries:\n - where: "}.get(name, "")
    marks = "explore/v2 odsql: explore/v2 import odsql\n" if name != "a.toml" else ""
    text = marks + start + unit * (100_000 // len(unit))
    assert consume(name, text) >= 0
