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
from typing import TYPE_CHECKING

from explore_async.portal.errors import incompatible_types, malformed
from explore_async.portal.words import BREAK, FINAL_SIGMA, SIGMA, Wanted, folded
from odsql import nodes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from explore_async.portal.context import Context, Value
    from explore_async.portal.schema import Column

__all__ = ["bare_text", "like", "search", "startswith", "suggest"]

_WORD = re.compile(r"[^\W_]+")
_WORD_OR_PREFIX = re.compile(r"[^\W_]+\*?")


def like(value: Value, column: Column | None, pattern: str, context: Context) -> str:
    """Return SQL for `value like "words"`; a pattern without words matches nothing (unknown).

    `column` is the column if the value is a field.
    """
    if value.type != "text":
        raise incompatible_types(context.clause)
    wanted = [
        Wanted(word.removesuffix("*"), is_prefix=word.endswith("*"))
        for word in _words(_WORD_OR_PREFIX, pattern)
    ]
    if column is not None:
        return _all_words([column], wanted, context)
    text = f"array_to_string({value.sql}, chr(10))" if value.multivalued else value.sql
    return _conjunction([_in_text(folded(text), one, context) for one in wanted])


def bare_text(text: str, context: Context) -> str:
    """Return SQL for a text literal that is a condition."""
    wanted = [Wanted(word) for word in _words(_WORD, text)]
    return _all_words(_text_columns(context), wanted, context)


def suggest(arguments: Sequence[nodes.Node], context: Context) -> str:
    """Return SQL for `suggest([fields,] text)`."""
    columns, text = _arguments("suggest", arguments, context)
    wanted = [Wanted(word, is_prefix=True) for word in _words(_WORD, text)]
    return _all_words(columns, wanted, context)


def search(arguments: Sequence[nodes.Node], context: Context) -> str:
    """Return SQL for `search([fields,] text)`."""
    columns, text = _arguments("search", arguments, context)
    words = _WORD.findall(_folded(text))
    if not words:
        return "false"
    *others, last = words
    wanted = [Wanted(word, edits=_edits(word)) for word in dict.fromkeys(others)]
    wanted.append(Wanted(last, is_prefix=True, edits=_edits(last)))
    return _all_words(columns, wanted, context)


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


# ---------------------------------------------------------------- words


def _folded(text: str) -> str:
    """Return text without case and accents: what `words.folded` makes of it in SQL.

    Each letter has its own lower case, whatever its place in the word, and marks are left out also
    in scripts where they are vowels.
    """
    decomposed = unicodedata.normalize("NFD", "".join(one.lower() for one in text))
    unmarked = (one for one in decomposed if not unicodedata.category(one).startswith("M"))
    return unicodedata.normalize("NFC", "".join(unmarked)).replace(FINAL_SIGMA, SIGMA)


def _words(kind: re.Pattern[str], text: str) -> list[str]:
    """Return the different words of a text, in their order: each costs a pass over the data."""
    return list(dict.fromkeys(kind.findall(_folded(text))))


def _edits(word: str) -> int:
    return 2 if len(word) > 5 else 1 if len(word) > 2 else 0


def _all_words(columns: Sequence[Column], wanted: Sequence[Wanted], context: Context) -> str:
    """Return SQL for rows whose columns, taken together, have every word."""
    if not columns:
        return "false"
    index = context.dataset.words()
    names = {one.sql for one in columns}
    if index is not None and names <= {*index.columns}:
        return _conjunction([index.rows(names, one, context.bind) for one in wanted])
    texts = ", ".join(one.text for one in columns)
    haystack = folded(f"concat_ws(chr(10), {texts})")
    return _conjunction([_in_text(haystack, one, context) for one in wanted])


def _conjunction(found: Sequence[str]) -> str:
    return f"({' AND '.join(found)})" if found else "false"


def _in_text(haystack: str, wanted: Wanted, context: Context) -> str:
    """Return SQL for a folded text that has the wanted word."""
    end = "" if wanted.is_prefix else f"(?:$|{BREAK})"
    pattern = context.bind(f"(?:^|{BREAK}){wanted.text}{end}")
    matched = f"regexp_matches({haystack}, {pattern})"
    if not wanted.edits:
        return matched
    text, length, edits = map(context.bind, (wanted.text, len(wanted.text), wanted.edits))
    near = f"abs(length(w) - {length}) <= {edits} AND levenshtein(w, {text}) <= {edits}"
    close = f"len(list_filter(string_split_regex({haystack}, '{BREAK}+'), lambda w: {near})) > 0"
    parts = (f"contains({haystack}, {context.bind(part)})" for part in wanted.parts)
    return f"({matched} OR (({' OR '.join(parts)}) AND {close}))"


# ---------------------------------------------------------------- arguments


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
    return [one for one in context.dataset.own_columns if one.field.type == "text"]
