"""Extracting a URL from the code or prose around it.

A URL in a repository is rarely written as it is sent. It may be quoted or bare, its characters may
be escaped for the host language, parts of it may be interpolated at run time, and it may be
concatenated from several literals. `read_url` returns it as a view with escapes decoded and one
`UNKNOWN` character for every unknown part, or a `SAFE` one for a part that a reader fills in.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from odsql.sources.views import Builder
from odsql.syntax.templates import HOLE, SAFE

if TYPE_CHECKING:
    from odsql.sources.views import View

__all__ = ["UNKNOWN", "WHOLE", "Written", "read_url"]

UNKNOWN = HOLE
"""Stands for a part of a URL that is known only at run time."""

WHOLE = "whole"
"""The delimiter of a URL that is the whole text."""

_LONGEST = 20_000
"""The maximum length of a URL; a limit keeps hostile files from being read repeatedly."""

_TOKEN = re.compile(
    r"""
      (?P<plain> [^\\"'`<>(){}\[\]|\s$\#&…»\u2013\u2014\u201d\u2019
                   \u3001\u3002\u300c-\u3011\uff01\uff08\uff09\uff0c\uff1b\uff1f]++ )
    | (?P<escape> (?P<slashes>\\++) (?P<escaped> u[0-9a-fA-F]{4} | u\{[0-9a-fA-F]{1,6}\}
                                               | x[0-9a-fA-F]{2} | \r\n | [\s\S] | \Z ) )
    | (?P<entity> & (?: \#[0-9]{1,6} | \#[xX][0-9a-fA-F]{1,5} | amp|quot|apos|lt|gt|nbsp ) ; )
    | (?P<template> [$\#]?\{ (?!") | \$\( )
    | (?P<variable> \$\w+ | … )
    | (?P<slot> <(?!(?:br|b|i|em|p|code|a|li|td|tr|strong|span|div|hr|ul|pre)\s*/?>)
                [A-Za-z_][\w \-]{0,60}> )
    | (?P<newline> [\r\n] )
    | (?P<space> \s )
    | (?P<other> [\s\S] )
    """,
    re.VERBOSE,
)
_BRACES = re.compile(r"[{}()\n]")
_QUOTED = {
    # With spaces only if the closing quote is where a value can end; prose has quotes, too.
    one: re.compile(rf"[^\s{one}]{{0,1000}}{one}|[^\r\n&{one}]{{0,200}}{one}(?=[&\s)\],;|<]|\Z)")
    for one in "\"'"
}
_QUOTED_BY_ENTITIES = re.compile(r"[^\s<>]{0,1000}?&(?:quot|apos|#39|#34|#[xX]2[27]);")
_QUOTE = re.compile(r"""(\\*)(\"|'|`)""")
_BEFORE_QUOTE = re.compile(r"(?:[=(,<>:+!&]|%[0-9a-fA-F]{2}|date|geom)\Z")
_STUCK = re.compile(r"""[\w$]|["'`\\]{1,10}[\w$%&=({]""")
_ANOTHER = r"""(?!["'](?:-|[^"'\n]{0,200}/explore))"""
_GLUED = re.compile(
    # Operators that concatenate strings in other languages, and the start of an operand. Where
    # adjacent strings are concatenated, the second must not be a URL itself.
    rf"""
      \s{{0,300}} (?: \.\.\s{{0,9}}[\w"'(\[] | \.\w{{1,40}}\( | \.\s{{0,300}}[$"']
                 | &(?!&|\w{{1,8}};)\s{{0,9}}["'\w($] | <<
                 | (?:<>|\+\+|[\^~])\s{{0,9}}["'\w($@]
                 | \\\r?\n\s{{0,300}}(?=["']){_ANOTHER}
                 | \|\|\s{{0,9}}(?!(?:exit|echo|return|true|false|die)\b)[\w'":(]
                 | ,\s{{0,300}}["'`](?:&|[a-z_]{{2,40}}=) )
    | \s{{1,300}} (?: \.\s{{0,300}}[\w(] | \*\s{{1,9}}["'\w(] | &\s{{0,9}}_\s | (?=["']){_ANOTHER} )
    """,
    re.VERBOSE,
)
_PREFIXES = "rRfFbBuU@$ \t\r\n"
_PARTIAL = re.compile(
    r"(?i:starts?_?with|includes?|contains?|containing|index_?of|has_?prefix|append\w{0,20}"
    r"|write|strn?cat)\(\s{0,100}[rRfFbBuU@$]{0,2}\Z"
)
_ASSIGNED = re.compile(r"([A-Za-z_]\w{0,60})\s{0,9}[:?]?=\s{0,9}[(rRfFbBuU@$]{0,3}\Z")
_ADDED = re.compile(
    r"\s{0,9}(?:[+.&~]=|\|\|=|\.\.=|<<|=\s{0,9}\$?(\w{1,60})\s{0,9}(?:[+.&~]|<>|\|\|)"
    # Or more parameters follow the name: `name + "&limit=1"`, `${name}&limit=1`.
    r"""|(?:(?:[+&~*]|\.\.?|<>|\|\|)\s{0,9}[$@fF]?["'`])&)|\}{0,2}&(?:amp;)?[a-z_]{2,40}="""
)
_ADDED_SOON, _MOST_USES = 2000, 20
"""How far after a literal, and how many times, its name is searched for."""
_OPEN_ENDED = re.compile(r"""[\w=+%&'"]|[ ][\w'"]+[^ <]*(?:&|>)""")
_PREFIX = r"(?:[rRfFuUbB]{1,2}(?=[\"']))?"
_PLUS = re.compile(r"\s{0,300}\+\s{0,300}" + _PREFIX)
_DOT = re.compile(r"\s{0,300}\.\s{0,300}")
_COMMA = re.compile(r"\s{0,300},\s{0,300}")
_NEXT_TO = re.compile(r"(?:\s|\\\n){0,300}" + _PREFIX + r"(?=[\"'])")
_OPERAND = re.compile(r"[\w.$]{1,200}(?:\([^()\n]{0,200}\)|\[[^\[\]\n]{0,100}\]){0,3}")
_PHP_OPERAND = re.compile(
    r"\$?\w{1,200}(?:->\w{1,100}|::\w{1,100}|\([^()\n]{0,200}\)|\[[^\[\]\n]{0,100}\]){0,5}"
)
_GLUING = re.compile(r"(?i:paste0?|str_c|concat|concatenate)\(\s{0,200}[\"']?\Z")
_CONTINUES = re.compile(
    r"[ \t]+(?:<(?!!--|/)|[>=!,*/+-]|(?i:like|and|or|not|in|is|as|asc|desc)\b"
    r"|[^\s&?]{1,200}&\w{1,30}=)"
)
_ENCODED = re.compile(r"%[0-9a-fA-F]{2}|\+")
_MARKUP = re.compile(r"</|<!--|<[A-Za-z][\w:-]{0,40}(?:\s[^<>\n]{0,300})?/?>|<[\s<]|<\Z")
_TAG = 400
"""A longer text is not taken for a tag."""
_OPERAND_BEHIND = re.compile(r"[<>]=?>?(?:[\w'\"%(:@{$]|[-+][\w(%])")
_IN_TAG = re.compile(r"<[A-Za-z][^<>\n]{0,250}=\Z|<\Z")
_ENDS_MARKUP = re.compile(r">(?:[\s<.,;:!)\]]|\Z)")
_NAME_BEFORE = re.compile(r"[?&](?:amp;)?(\w{1,30})=")
_DASHES = "\u2013\u2014"
_FULL_STOPS = frozenset(
    "\u3001\u3002\u300c\u300d\u300e\u300f\u3010\u3011\uff01\uff08\uff09\uff0c\uff1b\uff1f"
)
"""Punctuation of scripts that put no spaces around a URL."""
_STOPS = ".,;:!?"
_EMPHASIS = "*_~"
_OPENS_EMPHASIS = re.compile(r"(?:(?<=[\s(\[\"'|>])|\A)[*_~]{1,3}(?=[^\s*_~]|\Z)")
_FOOTNOTE = re.compile(r"\[\^[\w-]{1,40}\]\Z")
_SETTING = re.compile(r"[=:][ \t]{0,4}\Z")
_COMPARING = frozenset(("where", "select", "group_by", "order_by"))


@frozen
class Written:
    """A URL that was read.

    `end` is where it ends in the text. It is `cut` if its last parameter may continue in an unknown
    way, and `open` if more parameters may follow. It is `quoted` if it is between quotes or the
    value of a setting: distant code may then append to it.
    """

    view: View
    end: int
    cut: bool = False
    open: bool = False
    quoted: bool = False


@define
class _Reader:
    """Reads one URL; `delimiter` is the quote around it, empty for a bare one.

    `level` is the number of backslashes before that quote, for a literal inside a literal.
    """

    text: str
    begin: int
    place: int
    delimiter: str
    level: int
    language: str
    builder: Builder = field(factory=Builder)
    written: list[str] = field(factory=list)
    brackets: list[str] = field(factory=list)
    quote: str = ""

    def read(self) -> Written | None:
        """Return the URL, or None if its quote is not closed before the line ends."""
        ending: Written | None = None
        while ending is None:
            match = _TOKEN.match(self.text, self.place)
            if match is None or self.place - self.begin > _LONGEST:
                return self._finish(cut=match is not None or self.delimiter not in ("", WHOLE))
            kind = match.lastgroup
            if kind == "newline":
                return None if self.delimiter in ("'", '"', ">") else self._finish()
            if kind == "space" and not self.delimiter and not self.quote:
                return self._at_space()
            if kind == "template":
                self._put(UNKNOWN, _after_template(self.text, match))
            elif kind in ("variable", "slot"):
                self._put(UNKNOWN if kind == "variable" else SAFE, match.end())
            elif kind == "entity":
                ending = self._entity(match)
            elif kind == "escape":
                ending = self._escape(match)
            elif kind == "other":
                ending = self._other(match[0])
            else:
                self._add(match[0])
        return ending

    def _add(self, text: str) -> None:
        self.builder.add(text, self.place)
        self.written.append(text)
        self.place += len(text)

    def _put(self, text: str, end: int) -> None:
        self.builder.put(text, self.place, end - self.place)
        self.builder.skip_to(end)
        self.written.append(text)
        self.place = end

    # ------------------------------------------------------------ escapes and punctuation

    def _escape(self, match: re.Match[str]) -> Written | None:
        escaped, slashes = match["escaped"], len(match["slashes"])
        if escaped[:1] in "ux" and len(escaped) > 1:
            self._put(_character(escaped.strip("ux{}")), match.end())
        elif escaped in ("\n", "\r\n", "\r"):
            if not self.delimiter:
                return self._finish()
            self._put("", match.end())
        elif escaped in ("n", "r", "t", ""):
            return self._finish()
        elif escaped == "(" and self.delimiter:  # Swift interpolates with \\(...)
            self._put(UNKNOWN, _after_template(self.text, match))
        elif escaped == self.delimiter and slashes <= self.level:
            return self._closed(match.end())
        elif (
            escaped in ("'", '"', "`")
            and not self.delimiter
            and self._ends_bare(escaped, match.end())
        ):
            return self._finish()
        else:
            self._put(escaped, match.end())
        return None

    def _entity(self, match: re.Match[str]) -> Written | None:
        """Read a character written for HTML; it may be the mark at which a bare URL ends."""
        one, end = html.unescape(match[0]), match.end()
        if self.delimiter:
            self._put(one, end)
            return None
        if one == "\N{NO-BREAK SPACE}":
            return self._finish()
        if one in ("<", ">"):
            return self._at_angle(one, one + html.unescape(self.text[end : end + _TAG]), end)
        if self._ends_bare(one, end, _QUOTED_BY_ENTITIES):
            return self._finish()
        self._put(one, end)
        return None

    def _other(self, one: str) -> Written | None:
        if one == self.delimiter:
            return self._closed(self.place + 1)
        if not self.delimiter:
            if one in "<>":
                behind = self.text[self.place : self.place + _TAG]
                return self._at_angle(one, behind, self.place + 1)
            if self._ends_bare(one, self.place + 1):
                # The author may have meant typographic quotes as quotes of the query.
                unsure = one in "\u201d\u2019" and "".join(self.written[-1:]).endswith("=")
                unsure = unsure or one in _DASHES
                return self._finish(cut=unsure, open_=unsure)
        if one == "#":
            return self._fragment()
        self._add(one)
        return None

    def _at_angle(self, one: str, behind: str, end: int) -> Written | None:
        """Distinguish a comparison from markup after a URL without quotes.

        `behind` is the text from the sign on, and `end` is where the sign ends.
        """
        if self.quote:
            self._put(one, end)
            return None
        if one == "<" and _MARKUP.match(behind):
            return self._finish()
        if one == ">" and _IN_TAG.search(self.text, max(0, self.begin - 300), self.begin):
            return self._finish()
        compares = _OPERAND_BEHIND.match(behind) is not None
        if compares and self._clause() in _COMPARING:
            self._put(one, end)
            return None
        unsure = compares or _ENDS_MARKUP.match(behind) is None
        return self._finish(cut=unsure, open_=unsure)

    def _clause(self) -> str:
        """Return the name of the current parameter, or an empty string if it is unknown."""
        start = max(self.text.rfind(one, self.begin, self.place) for one in "?&")
        name = _NAME_BEFORE.match(self.text, start) if start >= 0 else None
        return name[1] if name else ""

    def _ends_bare(self, one: str, after: int, quoted: re.Pattern[str] | None = None) -> bool:
        """Return whether a URL without quotes ends here, as URLs do in prose."""
        if one in _FULL_STOPS or one in _DASHES:
            return not self.quote
        if one in "([{":
            self.brackets.append(one)
        elif one in ")]}":
            if not self.brackets:
                return True
            self.brackets.pop()
        elif one in "'\"":
            return not self._in_value(after, one, quoted)
        return one in "`|»\u201d\u2019"

    def _in_value(self, after: int, quote: str, quoted: re.Pattern[str] | None = None) -> bool:
        """Return whether a quote opens a value of the URL that is closed later, or closes it."""
        before = "".join(self.written[-3:])[-8:]
        if _BEFORE_QUOTE.search(before) and (quoted or _QUOTED[quote]).match(self.text, after):
            self.quote = quote
            return True
        if quote == self.quote:
            self.quote = ""
            return True
        # A doubled quote, as in SQL: the clause goes on if the text is closed later.
        if before.endswith(quote) and _QUOTED[quote].match(self.text, after):
            self.quote = quote
            return True
        return False

    def _fragment(self) -> Written | None:
        """Skip everything after "#", which is never sent."""
        if "?" not in "".join(self.written):
            return self._finish()
        end = self.place
        while ((match := _TOKEN.match(self.text, end)) and match.lastgroup == "plain") or (
            self.text[end : end + 1] == "#"
        ):
            end = match.end() if match else end + 1
        return self._finish(end=end)

    # ------------------------------------------------------------ ends

    def _finish(self, *, cut: bool = False, open_: bool = False, end: int | None = None) -> Written:
        view = self.builder.view(self.place)
        quoted = self.delimiter != ">"
        if not self.delimiter:
            view = self._without_markup(view)
            unsure = _runs_into_prose(_after_quotes(view.text))
            cut, open_ = cut or unsure, open_ or unsure
            quoted = _SETTING.search(self.text, max(0, self.begin - 9), self.begin) is not None
        return Written(view, end or self.place, cut, open_, quoted)

    def _without_markup(self, view: View) -> View:
        """Remove sentence punctuation and emphasis marks from the end of a URL without quotes."""
        text = _FOOTNOTE.sub("", view.text.rstrip(_STOPS)).rstrip(_STOPS)
        if text.endswith(tuple(_EMPHASIS)):
            opened = self._emphasis(text)
            closing = opened[::-1]
            closed_later = self.text.startswith(closing, self.place + 1)
            if opened and text.endswith(closing) and not closed_later:
                text = text[: -len(opened)].rstrip(_STOPS)
        return view.cut(0, len(text))

    def _emphasis(self, url: str) -> str:
        """Return the emphasis marks that are open where a URL begins, on its line."""
        line = self.text[max(0, self.begin - 300) : self.begin].rpartition("\n")[2]
        line += url[: len(url) - len(url.lstrip(_EMPHASIS))]
        for opening in reversed([*_OPENS_EMPHASIS.finditer(line)]):
            closing = re.escape(opening[0][::-1])
            if not re.search(rf"\S{closing}(?!\w)", line[opening.end() :]):
                return opening[0]
        return ""

    def _at_space(self) -> Written:
        """End a URL without quotes; it is cut if its author may have left spaces unencoded."""
        last = "".join(self.written).rpartition("=")[2]
        goes_on = not _ENCODED.search(last) and _CONTINUES.match(self.text, self.place)
        return self._finish(cut=bool(goes_on), open_=bool(goes_on))

    def _closed(self, end: int) -> Written | None:
        """Continue in the next literal if one is concatenated to this one; otherwise end."""
        glue = self._glue()
        self.builder.skip_to(self.place)
        self.place = end
        match = glue.match(self.text, end) if glue else None
        if match is None:
            match = _NEXT_TO.match(self.text, end) if self.language == "python" else None
            if match is not None and self._enter(match.end()):
                return None
            stuck = self._goes_on(end)
            return self._finish(cut=stuck, open_=stuck or self._is_added_to(end))
        while match is not None:
            if self._enter(match.end()):
                return None
            pattern = _PHP_OPERAND if self.language == "php" else _OPERAND
            operand = pattern.match(self.text, match.end())
            if operand is None:
                break
            self._put(UNKNOWN, operand.end())
            match = glue.match(self.text, operand.end()) if glue else None
        return self._finish(cut=True, open_=True)

    def _goes_on(self, end: int) -> bool:
        """Return whether the code around a literal makes it part of a longer string."""
        if self.delimiter == ">":
            return _OPEN_ENDED.match(self.text, end) is not None
        if _STUCK.match(self.text, end) or _GLUED.match(self.text, end):
            return True
        before = self._before()
        return before.rstrip(_PREFIXES).endswith("(") and _PARTIAL.search(before) is not None

    def _is_added_to(self, end: int) -> bool:
        """Return whether the literal is assigned to a name that the next lines append to."""
        before = self._before()
        if not before.rstrip("(" + _PREFIXES).endswith("="):
            return False
        assigned = _ASSIGNED.search(before)
        if assigned is None:
            return False
        name, last = assigned[1], end + _ADDED_SOON
        place = self.text.find(name, end, last)
        for _ in range(_MOST_USES):
            if place < 0:
                return False
            added = _ADDED.match(self.text, place + len(name))
            if added is not None and added[1] in (None, name):
                return True
            place = self.text.find(name, place + 1, last)
        return False

    def _before(self) -> str:
        """Return the text before the opening quote."""
        return self.text[max(0, self.begin - 130) : self.begin].rstrip("\\\"'`")

    def _glue(self) -> re.Pattern[str] | None:
        if self.delimiter not in ("'", '"', "`"):
            return None
        if self.language == "php":
            return _DOT
        before = self.text[max(0, self.begin - 250) : self.begin]
        return _COMMA if _GLUING.search(before) else _PLUS

    def _enter(self, place: int) -> bool:
        quote = _QUOTE.match(self.text, place)
        if quote is None or len(quote[1]) > self.level:
            return False
        self.delimiter = quote[2]
        self.place = quote.end()
        self.builder.skip_to(self.place)
        return True


def _after_quotes(url: str) -> str:
    """Return the text after the last quote of the last parameter."""
    last = url.rpartition("=")[2]
    return last[max(last.rfind('"'), last.rfind("'")) + 1 :]


def _runs_into_prose(text: str) -> bool:
    """Return whether a text has Japanese, Chinese or Korean, which may follow without a space."""
    if text.isascii():
        return False
    # A regular expression with these ranges would take milliseconds to compile.
    return any("\u3040" <= one <= "\u9fff" or "\uac00" <= one <= "\ud7af" for one in text)


def _character(digits: str) -> str:
    number = int(digits, 16)
    return chr(number) if number < 0x110000 else "\ufffd"


def _after_template(text: str, opening: re.Match[str]) -> int:
    """Return the end of the interpolation that a bracket opens, counting nested brackets."""
    depth = 1
    for match in _BRACES.finditer(text, opening.end(), opening.end() + 1000):
        if match[0] == "\n":
            break
        depth += 1 if match[0] in "{(" else -1
        if not depth:
            return match.end()
    return opening.end()


def read_url(text: str, begin: int, delimiter: str, level: int, language: str) -> Written | None:
    """Read the URL that begins at a position in a text.

    Args:
        text: code or prose.
        begin: where the URL begins, or an interpolated part before its path.
        delimiter: the quote before it, ">" for one in angle brackets, `WHOLE`, or empty for a
            bare one.
        level: the number of backslashes before that quote.
        language: how literals are concatenated: as in "python", in "php", or anything else.

    Returns:
        The URL, or None if its quote is not closed before the line ends.
    """
    return _Reader(text, begin, begin, delimiter, level, language).read()
