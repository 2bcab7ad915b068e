"""R, Julia and Power Query M: how each is written, and which of its functions ask a portal.

A further language of this kind is an entry in `LANGUAGES`, and a function that decodes its strings
in `script_tokens`.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

from attrs import field, frozen

from odsql.sources.script_tokens import Token, julia_string, m_string, r_string

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from odsql.sources.views import View

__all__ = ["LANGUAGES", "Language"]


def _fixed(given: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType(dict(given))


@frozen(kw_only=True)
class Language:
    """How a language is written.

    Attributes:
        tokens: matches one token; see `script_tokens.scan`.
        string: returns the string of a token as a view.
        assigning: the operators that assign.
        pairing: what stands between the name of an argument, or a key, and its value.
        joining: the operators that join two strings.
        piping: the operators that make a value the first argument of the next call.
        lists: what opens a list, or the functions that make one.
        asking: functions whose named arguments are parameters of a request.
        naming_dataset: those of them whose first argument is a dataset.
        encoding: functions that make a query string from a list of pairs.
        handed: names of arguments that have the parameters of a request.
        setting: functions such as `set(url, "where", "...")`.
        building: functions that return strings, and how they do it; see `scripts`.
        needs: a text without any of these has no request.
    """

    tokens: re.Pattern[str]
    string: Callable[[str, Token, Callable[[str], str | None]], View]
    assigning: frozenset[str]
    pairing: frozenset[str]
    joining: frozenset[str] = frozenset()
    piping: frozenset[str] = frozenset()
    lists: frozenset[str]
    asking: frozenset[str] = frozenset()
    naming_dataset: frozenset[str] = frozenset()
    encoding: frozenset[str]
    handed: frozenset[str]
    setting: frozenset[str] = frozenset()
    building: Mapping[str, str] = field(converter=_fixed)
    needs: tuple[str, ...] = ("",)


_STRING = r'"(?:[^"\\]++|\\[\s\S])*+(?:"|\Z)' + r"|'(?:[^'\\]++|\\[\s\S])*+(?:'|\Z)"

_VANCOUVER = frozenset(
    ("get_dataset", "aggregate_data", "get_cov_data", "aggregate_cov_data", "get_cov_dataset")
)

_R = Language(
    tokens=re.compile(
        r"(?P<skip>\s++|\#[^\n]*+)"
        r"|(?P<raw>[rR][\"']-*+[(\[{])"
        rf"|(?P<string>{_STRING})"
        r"|(?P<quoted>`[^`\n]*+`)"
        r"|(?P<number>(?:0[xX][0-9a-fA-F]++|\d++\.?\d*+(?:[eE][+-]?\d++)?|\.\d++)[Li]?)"
        r"|(?P<name>(?:[^\W\d]|\.)[\w.]*+(?::{2,3}[\w.]++)?)"
        r"|(?P<open>[(\[{])|(?P<close>[)\]}])"
        r"|(?P<other><<-|<-|->>|->|\|>|%[^%\n]{0,50}%|:=|==|<=|>=|!!!|!=|&&|\|\||[\s\S])"
    ),
    string=r_string,
    assigning=frozenset(("<-", "=", "<<-")),
    pairing=frozenset(("=", ":=")),
    joining=frozenset(("%+%", "%s+%")),
    piping=frozenset(("|>", "%>%")),
    lists=frozenset(("c", "list", "list2", "compact", "modifyList", "list_modify", "append",
                     "as.list", "dots_list", "Filter", "discard")),
    asking=frozenset(("req_url_query", "url_modify_query", *_VANCOUVER)),
    naming_dataset=_VANCOUVER,
    encoding=frozenset(("url_query_build", "compose_query", "prepare_query")),
    handed=frozenset(("query", "params", "query_params")),
    setting=frozenset(("param_set",)),
    building={
        "paste0": "joined", "paste": "spaced", "str_c": "joined", "stri_c": "joined",
        "stri_paste": "joined", "sprintf": "formatted", "gettextf": "formatted", "glue": "glued",
        "str_glue": "glued", "glue_collapse": "listed", "str_flatten": "listed",
        "I": "same", "URLencode": "same", "noquote": "same", "trimws": "same",
        "str_squish": "same", "str_trim": "same", "curlEscape": "same", "curl_escape": "same",
        "url_encode": "same", "as.character": "same", "c": "same",
    },
)  # fmt: skip

_JULIA = Language(
    tokens=re.compile(
        r"(?P<comment>\#=)"
        r"|(?P<skip>\s++|\#[^\n]*+)"
        r"|(?P<text>(?:[A-Za-z]\w{0,20})?(?:\"{3}|\"))"
        r"|(?P<string>(?<![\w)\]}.'])'(?:\\[^\n]|[^\\\n'])[^\\\n']{0,8}')"
        r"|(?P<number>(?:0x[0-9a-fA-F_]++|\d[\d_]*+(?:\.(?!\.)\d*+)?(?:[eE][+-]?\d++)?))"
        r"|(?P<symbol>(?<![\w)\]}:]):[^\W\d]\w*+)"
        r"|(?P<name>@?[^\W\d](?:\w|\.(?=[^\W\d]))*+(?:!(?!=))?)"
        r"|(?P<open>[(\[{])|(?P<close>[)\]}])"
        r"|(?P<other>=>|===?|!==?|<=|>=|\|>|&&|\|\||\.{3}|->|[-+*/^]=|[\s\S])"
    ),
    string=julia_string,
    assigning=frozenset("="),
    pairing=frozenset(("=>", "=")),
    joining=frozenset("*"),
    lists=frozenset(("[", "(", "Dict", "OrderedDict", "LittleDict", "merge", "NamedTuple", "vcat",
                     "collect")),
    encoding=frozenset(("escapeuri", "HTTP.escapeuri", "URIs.escapeuri", "HTTP.URIs.escapeuri")),
    handed=frozenset(("query", "params", "query_params")),
    building={
        "string": "joined", "join": "listed", "@sprintf": "formatted", "Printf.@sprintf":
        "formatted", "strip": "same", "String": "same", "escapeuri": "same",
        "HTTP.escapeuri": "same", "URIs.escapeuri": "same",
    },
)  # fmt: skip

_M = Language(
    tokens=re.compile(
        r"(?P<skip>\s++|//[^\n]*+|/\*(?:[^*]++|\*(?!/))*+(?:\*/|\Z))"
        r"|(?P<quoted>\#\"(?:[^\"]++|\"\")*+\")"
        r"|(?P<string>\"(?:[^\"]++|\"\")*+(?:\"|\Z))"
        r"|(?P<number>0[xX][0-9a-fA-F]++|\d++(?:\.\d++)?(?:[eE][+-]?\d++)?)"
        r"|(?P<name>\#?[^\W\d][\w.]*+)"
        r"|(?P<open>[(\[{])|(?P<close>[)\]}])"
        r"|(?P<other>=>|<>|<=|>=|\?\?|\.{2,3}|[\s\S])"
    ),
    string=m_string,
    assigning=frozenset("="),
    pairing=frozenset("="),
    joining=frozenset("&"),
    lists=frozenset(("[", "{", "Record.Combine", "Record.SelectFields", "Record.RemoveFields")),
    encoding=frozenset(("Uri.BuildQueryString",)),
    handed=frozenset(("Query",)),
    setting=frozenset(("Record.AddField",)),
    building={
        "Text.Combine": "listed", "Text.Format": "numbered", "Uri.EscapeDataString": "same",
        "Text.Trim": "same", "Text.Clean": "same",
    },
    needs=("Web.Contents", "Uri."),
)  # fmt: skip

LANGUAGES: Mapping[str, Language] = MappingProxyType({"r": _R, "julia": _JULIA, "m": _M})
"""The languages by name."""
