"""The names by which programs hand parameters to requests: of functions, arguments and members."""

from __future__ import annotations

import re

__all__ = [
    "ENCODERS", "ENCODING", "FORMATS", "JOINS", "LISTS", "PAIRS", "PASSING", "REPLACING",
    "REQUESTS", "SAME", "adds_parameter", "is_query", "may_add",
    "may_be_meant",
]  # fmt: skip


def _words(words: str) -> frozenset[str]:
    return frozenset(words.split())


ENCODING = re.compile(
    r"(?:raw)?(?:url|uri|percent|query)_?(?:en)?c(?:ode)?\w*|\w*encode(?:d|r|URI|URL)?\w*|enc|esc"
    r"|escape|\w*(?:Escape|UrlEncode|EscapeDataString|addingPercentEncoding)|quote(?:_plus)?",
    re.IGNORECASE,
)
"""Functions that encode a text for a URL."""

SAME = _words(
    "String string str Some Ok strval trim trimIndent trimMargin stripIndent strip squish "
    "toString  to_s to_string into to_owned as_str as_deref clone from freeze chomp html_safe "
    "text raw  ToString Trim TrimStart TrimEnd trimStart trimEnd rstrip lstrip valueOf dup of"
)
"""Functions that change nothing in a text that matters."""

REPLACING = _words("replace replaceAll gsub preg_replace Replace replacingOccurrences")
"""Functions that may replace blanks only."""

FORMATS = _words("sprintf Sprintf format Format formatted concat vsprintf")
"""Functions that fill in a template, or put texts together."""

JOINS = _words("join Join joined implode joinToString")
"""Functions that join a list of texts."""

LISTS = _words("listOf mutableListOf arrayOf of asList List filter compact vec")
"""Functions that return a list of their arguments, or the list itself."""

ENCODERS = _words(
    "URLSearchParams HttpParams http_build_query add_query_arg stringify urlencode "
    "encode_www_form  to_query toQuery Encode AddQueryString SetQueryParams setQueryParams "
    "queryParams  addQueryParams appendQueryParams withQuery withQueryParameters queryString "
    "FormUrlEncodedContent  QueryBuilder build_query parametersOf formUrlEncode "
    "formUrlEncodedParameters  addParameters AddQueryParameters setParameters "
    "URLEncodedFormParameterEncoder  parse_with_params new_with_params append_pairs "
    "extend_pairs encodeQueryData to_param"
)
"""Functions that make a query of parameters."""

REQUESTS = _words("get getJSON fetch request query ajax ofetch useFetch getForObject")
"""Functions that send a request, and take its parameters as an argument."""

PASSING = _words(
    "of ofEntries entries fromEntries assign from fromIterable HashMap LinkedHashMap BTreeMap "
    "Map  mapOf mutableMapOf hashMapOf linkedMapOf listOf mutableListOf arrayOf asList List "
    "Dictionary  array_merge array_filter merge compact toMap map filter iter collect into "
    "as_slice to_vec vec  KeyValuePair FromEntries dict freeze object fromPairs copyOf toList "
    "reject transform_keys  compact_blank except symbolize_keys append"
)
"""Functions that return their parameters, more or less unchanged."""

PAIRS = _words(
    "BasicNameValuePair NameValuePair KeyValuePair Pair entry Entry SimpleEntry "
    "SimpleImmutableEntry  URLQueryItem init Tuple NewParam"
)
"""Constructors of a name with its value."""

_QUERIES = _words(
    "params param query searchparams queryparams queryparameters queryparam querystring qs "
    "urlparams parameters urlquery queryitems fromobject requestparams search_params "
    "query_params  query_parameters url_params query_string request_params "
    "percentencodedqueryitems rawquery query_values"
)
_ADDING = re.compile(
    r"set|append|append_pair|append_key|put|add|insert|with|store|\w*(?:query|param)\w*",
    re.IGNORECASE,
)
_SURE = re.compile(r"\w*(?:query|param|append_pair|append_key)\w*", re.IGNORECASE)
_FOREIGN = _words(
    "from table tablename model include having join joins attributes relations innerjoin "
    "leftjoin  values into returning placeholder fieldname label"
)


def is_query(name: str) -> bool:
    """Return whether an argument or a member with this name has the parameters of a request."""
    return name.lower() in _QUERIES


def adds_parameter(method: str) -> bool:
    """Return whether a method certainly adds a parameter to a request."""
    return _SURE.fullmatch(method) is not None


def may_add(method: str) -> bool:
    """Return whether a method with a name and a value may add a parameter to a request."""
    return _ADDING.fullmatch(method) is not None


def may_be_meant(key: str) -> bool:
    """Return whether a key may stand beside parameters of a request, unless that is certain."""
    return key.lower() not in _FOREIGN
