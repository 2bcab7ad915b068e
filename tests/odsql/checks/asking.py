"""A short notation for requests and schemas, used in tests and on the pages of the rules.

A request is lines of `parameter: text`. `dataset:` and `endpoint:` set its target and mark it as
whole. `unfilled:` names parameters with unknown values. `{name}` is a hole in a clause. `url:`
is a URL without a query. A schema is lines of a name, a type and annotations.
"""

from __future__ import annotations

import re
from typing import Any

from odsql import Schema, check
from odsql.checks.diagnostics import CLAUSES, Diagnostic, Older, Parameter, Request
from odsql.syntax.templates import HOLE

_HOLE = re.compile(r"\{\w+\}")


def request(lines: str) -> Request:
    """Read a request from lines."""
    pairs = [line.split(": ", 1) for line in lines.strip().splitlines()]
    about: dict[str, Any] = {}
    parameters = []
    for name, text in pairs:
        if name == "dataset":
            about |= {"dataset_id": text, "whole": True}
        elif name == "endpoint":
            about |= {"endpoint": text, "endpoint_known": True, "whole": True}
        elif name == "url":
            if "/v2.1/" not in text:
                about["older"] = Older("v1" if "/1.0" in text else "v2.0", "write it anew")
                parameters.append(Parameter(name, text))
        elif name == "unfilled":
            about["unfilled"] = frozenset(text.split())
        else:
            parameters.append(Parameter(name, _HOLE.sub(HOLE, text) if name in CLAUSES else text))
    return Request(tuple(parameters), **about)


def schema(lines: str) -> Schema:
    """Read a schema from lines."""
    fields = []
    for line in lines.strip().splitlines():
        name, type_, *annotations = line.split()
        fields.append(
            {"name": name, "type": type_, "annotations": dict.fromkeys(annotations, True)}
        )
    return Schema.from_json({"dataset_id": "places", "fields": fields})


PLACES = schema(
    """
    name text
    population int
    area double
    opened date
    updated datetime
    place geo_point_2d
    tags text multivalued facet
    country text facet
    day date facet
    moment datetime facet
    active boolean
    place_id text id
    border geo_shape
    """
)


def found(lines: str, known: Schema | None = None) -> list[Diagnostic]:
    """Check a request written as lines."""
    return check(request(lines), known)


def codes(lines: str, known: Schema | None = None) -> list[str]:
    """Return the codes of the findings."""
    return [one.code for one in found(lines, known)]


def said(lines: str, known: Schema | None = None) -> list[tuple[str, str | None]]:
    """Return the message and the hint of each finding."""
    return [(one.message, one.hint) for one in found(lines, known)]


def fixed(lines: str) -> str:
    """Return the text of the first parameter after all edits."""
    asked = request(lines)
    text = asked.parameters[0].text
    edits = [edit for one in check(asked) for edit in one.edits]
    for edit in sorted(edits, key=lambda one: (one.start, one.end), reverse=True):
        text = text[: edit.start] + edit.replacement + text[edit.end :]
    return text
