"""Calls in Python programs: what they return, and what they hand to a request."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from attrs import define

from odsql.sources.programs import NAMES
from odsql.sources.python_expressions import Expressions, LocalCall, dotted, slot_of
from odsql.sources.python_strings import Text, filled, stripped
from odsql.sources.python_values import (
    Encoded,
    Entry,
    Given,
    Item,
    Items,
    Mapping,
    alternatives,
)

if TYPE_CHECKING:
    from odsql.sources.python_values import Function, Scope, Value

__all__ = ["SENT_AS", "Invocations", "address_of"]

SENT_AS = frozenset(
    {"params", "query", "query_params", "search_params", "searchparams", "querystring", "qs",
     "url_params", "query_string", "parameters", "request_params"}
)  # fmt: skip
"""The keyword arguments that take the parameters of a request."""

_BODIES = frozenset({"json", "data", "content", "headers", "body", "cookies", "variables"})
_NO_REQUEST = re.compile(r"sql|execute|cursor|render|translat|gettext|log", re.IGNORECASE)
_VERBS = frozenset({"get", "post", "request", "head", "put", "delete", "patch", "stream", "open"})
_DICTS = frozenset(
    {"dict", "OrderedDict", "MultiDict", "CIMultiDict", "MappingProxyType", "CaseInsensitiveDict"}
)
_SAME = frozenset(
    {"str", "quote", "quote_plus", "unquote", "cleandoc", "dedent", "Template", "URL", "furl",
     "urlparse", "urlsplit", "list", "tuple", "set", "frozenset", "sorted", "iter", "copy",
     "deepcopy", "asdict", "vars"}
)  # fmt: skip
"""Functions whose result is what they are given, apart from white space and escapes."""
_ENCODERS = frozenset({"urlencode", "QueryParams"})
_QUERIES = frozenset(
    {"with_query", "update_query", "extend_query", "copy_merge_params", "add_query_params"}
)
_VIEWS = frozenset({"dict", "model_dump", "_asdict", "to_dict", "as_dict"})
_SPACE = re.compile(r"\s*\Z")


@define(eq=False)
class Invocations(Expressions):
    """The expressions of one file, with its calls."""

    def call(self, node: ast.Call, scope: Scope) -> Value:
        """Return what a call returns, and note what it hands to a request."""
        receiver = None
        if isinstance(node.func, ast.Attribute):
            receiver = self.value(node.func.value, scope)
            name = node.func.attr
        else:
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            if not name:
                self.value(node.func, scope)
        name = self.imports.get(name, name).rpartition(".")[2] if receiver is None else name
        args = [self.value(one, scope) for one in node.args]
        keywords = self._keywords(node, scope)
        if isinstance(node.func, ast.Attribute):
            handled, value = self._method(node, name, receiver, args, keywords, scope)
            if handled:
                return value
        function = self._function(node, scope)
        if function is not None:
            result = self._local(function, args, keywords)
            if name not in self.classes:
                return result
            keywords.is_instance = True
            return keywords
        if isinstance(node.func, ast.Name) and name in self.classes:
            return self._instance(node, self.classes[name], keywords, scope)
        handled, value = self._builtin(node, name, args, keywords, scope)
        if handled:
            return value
        self._request(node, name, args, keywords)
        if not name[:1].isupper():
            return None
        keywords.is_instance = True
        return keywords

    def _instance(
        self, node: ast.Call, declared: Mapping, keywords: Mapping, scope: Scope
    ) -> Mapping:
        """Return an instance of a class of the file as a mapping of its attributes."""
        given = {one.name for one in keywords.entries}
        result = self.mapping(node, [keywords], scope)
        result.label, result.is_instance = declared.label, True
        result.entries += [one for one in declared.entries if one.name not in given]
        return result

    def _keywords(self, node: ast.Call, scope: Scope) -> Mapping:
        """Return the keyword arguments of a call."""
        result = Mapping(self.span(node)[0], label=dotted(node.func))
        for one in node.keywords:
            value = self.value(one.value, scope)
            if one.arg is None:
                self.add_all(result, value, scope)
            else:
                start = self.span(one.value)[0]
                result.entries.append(Entry(one.arg, value, start))
        return result

    # ------------------------------------------------------------ methods of values

    def _method(
        self, node: ast.Call, name: str, receiver: Value, args: list[Value], keywords: Mapping,
        scope: Scope,
    ) -> tuple[bool, Value]:  # fmt: skip
        """Return whether the method of a known value is called, and what it returns."""
        if isinstance(receiver, Text):
            return self._of_text(node, name, receiver, args, scope)
        known = [
            one
            for one in alternatives(receiver)
            if isinstance(one, Items)
            or (isinstance(one, Mapping) and (name in _VIEWS or not one.is_instance))
        ]
        if not known:
            if name == "update" and _is_sent(node.func):
                self.send(args[0] if args else self._registered(keywords), None)
                return True, None
            return False, None
        if name == "items" and all(isinstance(one, Mapping) for one in known):
            more = [one for one in known if isinstance(one, Mapping)]
            return True, Items(self.span(node)[0], more=more)
        if name == "values" and isinstance(receiver, Mapping):
            start, end = self.span(node)
            each = [Item(one.value, start, end) for one in receiver.entries]
            return True, Items(start, self.copied(each))
        if name in ("copy", *_VIEWS):
            same = name != "copy" or not isinstance(receiver, Mapping)
            return True, receiver if same else self.mapping(node, [receiver], scope)
        if name in ("get", "pop") and isinstance(receiver, Mapping):
            key = args[0] if args else None
            return True, receiver.get(key.plain) if isinstance(key, Text) else receiver.any()
        for one in known:
            if isinstance(one, Mapping):
                self._change(one, node, name, args, keywords, scope)
            else:
                self._extend(one, node, name, args, scope)
        return True, None

    def _of_text(
        self, node: ast.Call, name: str, text: Text, args: list[Value], scope: Scope
    ) -> tuple[bool, Value]:
        if name == "format":
            return True, self.formatted(text, node, scope)
        if name in ("substitute", "safe_substitute"):
            return True, self.substituted(text, node, scope)
        if name == "join":
            return True, self.joined(text, args[0] if args else None, node)
        if name in ("strip", "lstrip", "rstrip") and not args:
            return True, stripped(text)
        if name in ("encode", "decode", "human_repr", "tostr"):
            return True, text
        if name in ("split", "splitlines") and not args:
            start, end = self.span(node)
            return True, Items(start, [Item(text, start, end)])
        if name == "replace":
            return True, self._replaced(text, args)
        if name in _QUERIES:
            return False, None
        return True, None

    def _replaced(self, text: Text, args: list[Value]) -> Value:
        old, new = (*args, None, None)[:2]
        if not isinstance(old, Text) or not old.plain:
            return None
        if not old.plain.strip() and isinstance(new, Text) and not new.plain.strip():
            return text
        slot = slot_of(new)
        return self.look_at(filled(text, re.compile(re.escape(old.plain)), lambda _: slot))

    def _change(
        self, to: Mapping, node: ast.Call, name: str, args: list[Value], keywords: Mapping,
        scope: Scope,
    ) -> None:  # fmt: skip
        """Read a method that adds to a mapping."""
        if name in ("update", "extend", "merge"):
            for one in args:
                self.add_all(to, one, scope)
            for entry in keywords.entries:
                self.add(to, entry.name, entry.value, entry.start, scope)
        elif name in ("setdefault", "add", "set", "__setitem__", "append") and len(args) == 2:
            key = args[0]
            if isinstance(key, Text):
                self.add(to, key.plain, args[1], self.span(node.args[1])[0], scope)

    def _extend(
        self, to: Items, node: ast.Call, name: str, args: list[Value], scope: Scope
    ) -> None:
        """Read a method that adds to a list."""
        if name in ("append", "add") and len(args) == 1:
            to.items.append(self.item(node.args[0], scope))
        elif name == "extend" and len(args) == 1:
            more = args[0]
            if isinstance(more, Items):
                to.items += self.copied(more.items)
                more.hidden = True
            elif isinstance(more, Mapping):
                to.more.append(more)
            else:
                to.items.append(Item(None, *self.span(node.args[0]), scope.path))
        elif name not in ("index", "count", "copy", "clear"):
            to.items.append(Item(None, *self.span(node), scope.path))

    # ------------------------------------------------------------ known functions

    def _builtin(
        self, node: ast.Call, name: str, args: list[Value], keywords: Mapping, scope: Scope
    ) -> tuple[bool, Value]:
        """Return whether a known function is called, and what it returns."""
        if name in _DICTS:
            result = self.mapping(node, args[:1], scope)
            for entry in keywords.entries:
                self.add(result, entry.name, entry.value, entry.start, scope)
            return True, result
        if name in _ENCODERS:
            return True, self._encoded(args[0] if args else self._registered(keywords))
        if name in _QUERIES:
            of = args[0] if args else self._registered(keywords)
            address = None
            if isinstance(node.func, ast.Attribute):
                address = address_of([self.value(node.func.value, scope)])
            self.send(of, address)
            return True, None
        if name in ("field", "Field", "attrib", "ib"):
            return True, keywords.get("default") or (args[0] if name == "Field" and args else None)
        if name in _SAME and args and not keywords.get("params") and not keywords.get("args"):
            return True, self._same_as(node, name, args[0], scope)
        if name == "cast" and len(args) == 2:
            return True, args[1]
        if name == "sub" and len(args) > 2 and isinstance(args[1], Text):
            return True, args[2] if _SPACE.match(args[1].plain) else None
        return False, None

    def _same_as(self, node: ast.Call, name: str, value: Value, scope: Scope) -> Value:
        if name in ("copy", "deepcopy") and isinstance(value, Mapping):
            return self.mapping(node, [value], scope)
        return value

    def _encoded(self, of: Value) -> Value:
        if isinstance(of, Mapping | Items):
            encoded = Encoded(of)
            self.encoded.append(encoded)
            return encoded
        self.send(of, None)
        return None

    def _registered(self, mapping: Mapping) -> Mapping:
        self.mappings.append(mapping)
        return mapping

    def _request(self, node: ast.Call, name: str, args: list[Value], keywords: Mapping) -> None:
        """Note what a call hands to a request."""
        values = [*args, *(one.value for one in keywords.entries)]
        if _NO_REQUEST.search(name) is not None:
            for value in values:
                self._hide(value)
            return
        address = address_of([*args, keywords.get("url"), keywords.get("path")])
        for entry in keywords.entries:
            if entry.name in _BODIES:
                self._hide(entry.value)
            elif _takes_parameters(name, entry.name, args):
                self.send(entry.value, address)
        is_method = isinstance(node.func, ast.Attribute)
        if is_method and name in ("get", "head", "stream") and len(args) > 1:
            self.send(args[1], address)
        if any(entry.name in NAMES for entry in keywords.entries):
            self.calls.append((dotted(node.func), keywords))
            self.mappings.append(keywords)
        if self.is_listed(node.func):
            self._listed(args, keywords)

    def _listed(self, args: list[Value], keywords: Mapping) -> None:
        """Note what a function that the configuration lists is given."""
        values = [*args, *(one.value for one in keywords.entries if one.name in SENT_AS), keywords]
        for value in values:
            self.send(value, None)
            self.listed += [id(one) for one in alternatives(value)]

    def _hide(self, value: Value) -> None:
        for one in alternatives(value):
            if isinstance(one, Mapping | Items):
                one.hidden = True

    # ------------------------------------------------------------ functions of the file

    def _function(self, node: ast.Call, scope: Scope) -> Function | None:
        """Return the function of the file that a call calls."""
        if self.is_listed(node.func):
            return None
        if isinstance(node.func, ast.Name):
            found = [one for one in self.functions.get(node.func.id, ()) if not one.of]
            if node.func.id in self.classes:
                constructors = self.functions.get("__init__", ())
                found = [one for one in constructors if one.of == node.func.id]
            return found[0] if len(found) == 1 else None
        if not isinstance(node.func, ast.Attribute):
            return None
        found = [one for one in self.functions.get(node.func.attr, ()) if one.of]
        receiver = node.func.value
        own = isinstance(receiver, ast.Name) and receiver.id in ("self", "cls")
        if own:
            mine = [one for one in found if one.of == scope.owner]
            found = mine or found
        elif node.func.attr in _VERBS:
            return None
        return found[0] if len(found) == 1 else None

    def _local(self, function: Function, args: list[Value], keywords: Mapping) -> Value:
        given = Mapping(keywords.start)
        extra = Mapping(keywords.start)
        for name, value in zip(function.parameters, args, strict=False):
            given.entries.append(Entry(name, value, keywords.start))
        for entry in keywords.entries:
            known = entry.name in function.parameters
            (given if known else extra).entries.append(entry)
            if not known and entry.name in SENT_AS:  # handed on with `**more`
                self.send(entry.value, address_of(args))
        self.local.append(LocalCall(function, given, extra))
        if any(entry.name in NAMES for entry in keywords.entries):
            self.calls.append((keywords.label, keywords))
            self.mappings.append(keywords)
        self.read_function(function)
        return function.result

    def is_listed(self, node: ast.expr) -> bool:
        """Return whether a function is one of those that the configuration lists."""
        if not self.callables:
            return False
        name = dotted(node)
        first, _, rest = name.partition(".")
        full = self.imports.get(first, first) + (f".{rest}" if rest else "")
        for one in self.callables:
            if full == one or (full.startswith(".") and one.endswith(full)):
                return True
            owner, _, method = one.rpartition(".")
            if owner.rpartition(".")[2][:1].isupper() and name.endswith(f".{method}"):
                return True
        return False


def _is_sent(node: ast.expr) -> bool:
    """Return whether a method changes the parameters of a client: `session.params.update`."""
    if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Attribute):
        return False
    owner = node.value.value
    own = isinstance(owner, ast.Name) and owner.id in ("self", "cls")
    return node.value.attr in ("params", "args") and not own


def _takes_parameters(name: str, keyword: str, args: list[Value]) -> bool:
    """Return whether a keyword argument of a function is the parameters of a request."""
    if keyword in SENT_AS:
        return True
    if keyword == "fields":  # of urllib3, which sends them in the body of other methods
        first = args[0] if args else None
        return name == "request" and isinstance(first, Text) and first.plain.upper() == "GET"
    return keyword == "args" and name in ("furl", "set")


def address_of(values: list[Value]) -> str | None:
    """Return the text among the arguments of a request that is its address."""
    for value in values:
        text = value.default if isinstance(value, Given) else value
        if isinstance(text, Text) and "/" in text.plain:
            return text.plain
    return None
