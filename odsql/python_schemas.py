"""Schemas in Python: the classes below `odsql.typed.DatasetFields`, read without running them.

`explore schema pull --python` writes them; a file of them is as good a schema as one of JSON.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeGuard

__all__ = ["PythonFields", "python_fields"]

_BASE = "DatasetFields"
_PARAMETERS = ("name", "type_", "annotations")
_UNREADABLE = (SyntaxError, ValueError, TypeError, RecursionError, MemoryError)


@frozen
class PythonFields:
    """A class with the fields of a dataset.

    Attributes:
        class_name: its name.
        schema: the schema, in the form of `Schema.to_json`.
        attributes: what the class calls the fields, by their names in the dataset.
    """

    class_name: str
    schema: Mapping[str, Any]
    attributes: Mapping[str, str]


def python_fields(source: str) -> list[PythonFields]:
    """Return the classes of fields in a Python file.

    Raises:
        ValueError: the file is not Python, or a class in it is not written with constants.
    """
    if _BASE not in source:  # any other program, even in another version of Python
        return []
    try:
        tree = ast.parse(source)
    except _UNREADABLE as error:
        msg = f"not Python: {error}"
        raise ValueError(msg) from None
    return [
        _read(node)
        for node in tree.body
        if isinstance(node, ast.ClassDef) and any(map(_is_base, node.bases))
    ]


def _is_base(node: ast.expr) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", None)
    return name == _BASE


def _read(node: ast.ClassDef) -> PythonFields:
    keywords = {one.arg: _constant(one.value) for one in node.keywords}
    dataset_id = keywords.get("dataset_id")
    if not (dataset_id and isinstance(dataset_id, str)):
        msg = f'line {node.lineno}: {node.name} needs a dataset_id="..."'
        raise ValueError(msg)
    fields = dict(_field(one) for one in node.body if _is_assignment(one))
    schema = {
        "dataset_id": dataset_id,
        "fields": [
            {"name": one["name"], "type": one["type_"], "annotations": one.get("annotations") or {}}
            for one in fields.values()
        ],
    }
    return PythonFields(node.name, schema, {one["name"]: name for name, one in fields.items()})


def _is_assignment(node: ast.stmt) -> TypeGuard[ast.Assign | ast.AnnAssign]:
    return isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None


def _field(node: ast.Assign | ast.AnnAssign) -> tuple[str, Mapping[str, Any]]:
    call = node.value
    target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
    if isinstance(call, ast.Call) and isinstance(target, ast.Name):
        given = dict(zip(_PARAMETERS, map(_constant, call.args), strict=False))
        given |= {str(one.arg): _constant(one.value) for one in call.keywords}
        if {"name", "type_"} <= given.keys() <= {*_PARAMETERS}:
            return target.id, given
    msg = f'line {node.lineno}: a field is written as price = field("prix", "double")'
    raise ValueError(msg)


def _constant(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except _UNREADABLE:
        msg = f"line {node.lineno}: {ast.unparse(node)} is not a constant"
        raise ValueError(msg) from None
