"""Full-text conditions: `like`, bare text literals, `search`, `suggest` and `startswith`.

They approximate a search engine. Words are runs of letters and digits, compared without case and
accents. Only text fields are searched.

* `like` and a bare text literal: every word occurs in the text, in any order; in `like`, `*` at the
  end of a word makes it a prefix.
* `search`: every word occurs in the text, with up to one edit in words of more than two letters and
  two edits in words of more than five; the last word may be a prefix.
* `suggest`: every word is a prefix of a word in the text.
* `startswith`: the value starts with the text, case-sensitively.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from typing import TYPE_CHECKING

from explore_async.portal.errors import incompatible_types, malformed
from odsql import nodes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from explore_async.portal.context import Context, Value
    from explore_async.portal.schema import Column

__all__ = ["bare_text", "like", "search", "startswith", "suggest"]

_WORD = re.compile(r"[^\W_]+")
_WORD_OR_PREFIX = re.compile(r"[^\W_]+\*?")
_BREAK = r"[^\p{L}\p{N}]"


def folded(text: str) -> str:
    """Return text without case and accents."""
    decomposed = unicodedata.normalize("NFD", text.lower())
    return "".join(one for one in decomposed if not unicodedata.combining(one))


def _words(kind: re.Pattern[str], text: str) -> list[str]:
    """Return the different words of a text, in their order: each costs a pass over the data."""
    return list(dict.fromkeys(kind.findall(folded(text))))


def like(value: Value, pattern: str, context: Context) -> str:
    """Return SQL for `value like "words"`; a pattern without words matches nothing (unknown)."""
    if value.type != "text":
        raise incompatible_types(context.clause)
    words = _words(_WORD_OR_PREFIX, pattern)
    return _all_words(_folded(_joined(value)), words, context)


def bare_text(text: str, context: Context) -> str:
    """Return SQL for a text literal that is a condition."""
    haystack = _haystack(_text_columns(context))
    return _all_words(haystack, _words(_WORD, text), context)


def suggest(arguments: Sequence[nodes.Node], context: Context) -> str:
    """Return SQL for `suggest([fields,] text)`."""
    columns, text = _arguments("suggest", arguments, context)
    words = [f"{word}*" for word in _words(_WORD, text)]
    return _all_words(_haystack(columns), words, context)


def search(arguments: Sequence[nodes.Node], context: Context) -> str:
    """Return SQL for `search([fields,] text)`."""
    columns, text = _arguments("search", arguments, context)
    haystack = _haystack(columns)
    words = _WORD.findall(folded(text))
    if not words:
        return "false"
    *others, last = words
    found = [
        _one_word(haystack, word, context, prefix=False) for word in _words(_WORD, " ".join(others))
    ]
    found.append(_one_word(haystack, last, context, prefix=True))
    return f"({' AND '.join(found)})"


def startswith(arguments: Sequence[nodes.Node], context: Context) -> str:
    """Return SQL for `startswith([fields,] text)`: any of the fields, any element of a list."""
    columns, text = _arguments("startswith", arguments, context)
    start = context.bind(text)
    found = []
    for column in columns:
        one = f"starts_with({column.sql}, {start})"
        if column.field.multivalued:
            one = f"len(list_filter({column.sql}, lambda e: starts_with(e, {start}))) > 0"
        found.append(one)
    return f"({' OR '.join(found)})" if found else "false"


def _all_words(haystack: str, words: Sequence[str], context: Context) -> str:
    if not words:
        return "false"
    found = (f"regexp_matches({haystack}, {context.bind(_pattern(word))})" for word in words)
    return f"({' AND '.join(found)})"


def _pattern(word: str) -> str:
    """Return a regular expression for a whole word, or for a prefix if it ends with `*`."""
    if word.endswith("*"):
        return f"(?:^|{_BREAK}){word[:-1]}"
    return f"(?:^|{_BREAK}){word}(?:$|{_BREAK})"


def _one_word(haystack: str, word: str, context: Context, *, prefix: bool) -> str:
    """Return SQL for one word of `search`: equal, within the edit distance, or a prefix."""
    exact = context.bind(_pattern(f"{word}*" if prefix else word))
    matched = f"regexp_matches({haystack}, {exact})"
    tolerated = 2 if len(word) > 5 else 1 if len(word) > 2 else 0
    if not tolerated:
        return matched
    other, allowed, length = context.bind(word), context.bind(tolerated), context.bind(len(word))
    close = (
        f"len(list_filter(string_split_regex({haystack}, '{_BREAK}+'), lambda w: "
        f"abs(length(w) - {length}) <= {allowed} AND levenshtein(w, {other}) <= {allowed})) > 0"
    )
    # After n edits one of n + 1 parts is unchanged: a cheap test before the edit distance.
    parts = (f"contains({haystack}, {context.bind(part)})" for part in _parts(word, tolerated + 1))
    return f"({matched} OR (({' OR '.join(parts)}) AND {close}))"


def _parts(word: str, count: int) -> list[str]:
    """Split a word into parts of nearly equal length."""
    cuts = [len(word) * at // count for at in range(count + 1)]
    return [word[start:end] for start, end in pairwise(cuts)]


def _arguments(
    name: str, arguments: Sequence[nodes.Node], context: Context
) -> tuple[list[Column], str]:
    *fields, text = arguments
    if not isinstance(text, nodes.Text):
        raise malformed(f"{name}() takes a text literal as its last argument", context.clause)
    if not fields or isinstance(fields[0], nodes.Star):
        return _text_columns(context), text.value
    return [_text_column(one, context) for one in fields], text.value


def _text_column(node: nodes.Node, context: Context) -> Column:
    if not isinstance(node, nodes.Field):
        raise malformed("A field is expected", context.clause)
    column = context.column(node.name)
    if column.field.type != "text":
        raise malformed(f"Field {node.name} is not a text field", context.clause)
    return column


def _text_columns(context: Context) -> list[Column]:
    columns = (context.dataset.columns[one.name] for one in context.dataset.fields)
    return [one for one in columns if one.field.type == "text"]


def _joined(value: Value) -> str:
    return f"array_to_string({value.sql}, chr(10))" if value.multivalued else value.sql


def _haystack(columns: Sequence[Column]) -> str:
    parts = [
        f"array_to_string({one.sql}, chr(10))" if one.field.multivalued else one.sql
        for one in columns
    ]
    return _folded(f"concat_ws(chr(10), {', '.join(parts)})") if parts else "''"


def _folded(sql: str) -> str:
    return f"strip_accents(lower({sql}))"
