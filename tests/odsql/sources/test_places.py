"""Any text in any host language is read with the correct position of each character."""

from __future__ import annotations

import ast
import html
import json
import re
import tomllib
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, unquote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.odsql.sources.support import URL, any_text, assert_true_places, pairs, read

if TYPE_CHECKING:
    from collections.abc import Callable

sendable = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=20
).filter(lambda one: re.search(r"\.\.\.|[:@][A-Za-z_]|^\[|YOUR_", one) is None)
"""Text that URLs can carry; three dots, `:name` and the like are placeholders."""


@given(any_text, st.booleans())
def test_json_lines(text: str, ascii_only: bool) -> None:
    r"""Text with escapes, including surrogate pairs of `\\u`."""
    row = json.dumps({"clause": "where", "text": text}, ensure_ascii=ascii_only)
    (found,) = read("a.jsonl", f"\n{row}\n")
    assert pairs(found) == [("where", text)]
    assert_true_places(found, 0, lambda one: str(json.loads(f'"{one}"')))


@given(any_text, any_text)
def test_json_lines_of_queries(text: str, other: str) -> None:
    """The keys may come in another order, and values may be in lists."""
    row = json.dumps({"name": other, "where": [other, text], "limit": 10})
    (found,) = read("a.jsonl", row)
    assert pairs(found) == [("where", other), ("where", text), ("limit", "10")]
    assert_true_places(found, 1, lambda one: str(json.loads(f'"{one}"')))
    assert_true_places(found, 2, str)


def _toml_basic(text: str) -> str:
    escaped = "".join(
        f"\\U{ord(one):08x}" if ord(one) < 32 or ord(one) == 127 or one in '"\\' else one
        for one in text
    )
    return f'"{escaped}"'


def _toml_long(text: str) -> str:
    return '"""\n' + _toml_basic(text)[1:-1].replace("\\U0000000a", "\n") + '"""'


def _toml_decoded(one: str) -> str:
    return str(tomllib.loads(f'a = """{one}"""')["a"]) if one != "\n" else one


@pytest.mark.parametrize("write", [_toml_basic, _toml_long])
@given(any_text)
def test_toml(write: Callable[[str], str], text: str) -> None:
    """Basic strings may be on one line or on several."""
    (found,) = read("a.toml", f"# é\n[queries.a]\nwhere = {write(text)} # c\nlimit = 3\n")
    assert pairs(found) == [("where", text), ("limit", "3")]
    assert_true_places(found, 0, _toml_decoded)
    assert_true_places(found, 1, str)


@given(any_text.filter(lambda one: one.isprintable() and "'" not in one))
def test_toml_literal(text: str) -> None:
    """Literal strings have no escapes."""
    (found,) = read("a.toml", f"[[queries]]\nwhere = ['{text}', '''\n{text}''']")
    assert pairs(found) == [("where", text), ("where", text)]
    assert_true_places(found, 0, str)
    assert_true_places(found, 1, str)


@given(any_text, st.sampled_from(['"', "'", '"""', "'''"]), st.booleans())
def test_python(text: str, quotes: str, ascii_only: bool) -> None:
    """Any quotes are read; columns in `ast` count bytes, not characters."""
    escaped = text.encode("unicode_escape").decode() if ascii_only else _python_escaped(text)
    written = quotes + escaped.replace(quotes[0], "\\" + quotes[0]) + quotes
    assert ast.literal_eval(written) == text
    code = f"from odsql import Query\né名 = 1; q = Query(where={written}, limit=5)\n"
    (found,) = read("a.py", code)
    assert pairs(found) == [("where", text), ("limit", "5")]
    assert_true_places(found, 0, lambda one: str(ast.literal_eval(f'"""{one} """'))[:-1])


def _python_escaped(text: str) -> str:
    return "".join(
        one if one.isprintable() and one != "\\" else one.encode("unicode_escape").decode()
        for one in text
    )


@given(sendable, st.sampled_from([quote, quote_plus]), st.sampled_from(['"', "'", "`", ""]))
def test_urls(text: str, encode: Callable[[str], str], delimiter: str) -> None:
    """Several percent escapes may encode one character."""
    source = f"é {delimiter}{URL}?where={encode(text)}&limit=10{delimiter} "
    (found,) = read("a.js", source)
    assert pairs(found) == [("where", text), ("limit", "10")]
    assert_true_places(found, 0, unquote_plus)
    assert_true_places(found, 1, str)


@given(sendable)
def test_urls_in_html(text: str) -> None:
    """`&amp;` separates parameters, and percent escapes are decoded after entities."""
    url = html.escape(f"{URL}?where={quote(text)}&limit=10")
    (found,) = read("a.html", f'<a href="{url}">x</a>')
    assert pairs(found) == [("where", text), ("limit", "10")]
    assert_true_places(found, 0, unquote_plus)


@given(sendable)
def test_urls_in_notebooks(text: str) -> None:
    """JSON, Python literals and percent escapes are decoded, over several lines of a cell."""
    lines = ["x = 'é'\n", f'url = ("{URL}"\n', f'    "?where={quote(text)}"\n', "'&limit=3')"]
    book = json.dumps({"cells": [{"cell_type": "code", "source": lines}]})
    (found,) = read("a.ipynb", book)
    assert pairs(found) == [("where", text), ("limit", "3")]
    offsets = found.offsets[0]
    for index, one in enumerate(text[:-1]):
        assert unquote_plus(found.file.text[offsets[index] : offsets[index + 1]]) == one
    assert unquote_plus(found.file.text[offsets[-2] : offsets[-1]]) == text[-1]


@given(sendable)
def test_urls_in_json(text: str) -> None:
    r"""Every character may be a `\\u` escape."""
    url = "".join(f"\\u{ord(one):04x}" for one in f"?where={quote(text)}&limit=1")
    (found,) = read("a.json", f'{{"url": "{URL}{url}"}}')
    assert pairs(found) == [("where", text), ("limit", "1")]
    assert_true_places(found, 0, lambda one: unquote_plus(str(json.loads(f'"{one}"'))))
