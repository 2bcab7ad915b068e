"""The types in a class, with its type variables replaced, as in `Page[Station]`."""

from __future__ import annotations

from inspect import get_annotations
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["class_of", "types_in"]


def class_of(alias: Any) -> Any:
    """Return the class of `Page[Station]`; anything else stays as it is."""
    return get_origin(alias) or alias


def types_in(row_class: Any) -> dict[str, Any]:
    """Return the types of the attributes of a class, also of one like `Page[Station]`.

    Raises:
        Anything, because annotations are evaluated.
    """
    hints = get_type_hints(class_of(row_class), include_extras=True)
    return _with_arguments(row_class) if any(map(_variables, hints.values())) else hints


def _with_arguments(row_class: Any) -> dict[str, Any]:
    """Resolve each class apart, because a base may use the same variable for another type."""
    plain = class_of(row_class)
    bound = dict(zip(getattr(plain, "__parameters__", ()), get_args(row_class), strict=False))
    found: dict[str, Any] = {}
    for base in reversed(vars(plain).get("__orig_bases__", plain.__bases__)):
        if isinstance(class_of(base), type) and class_of(base) is not Generic:
            found |= _with_arguments(_filled(base, bound))
    hints = get_type_hints(plain, include_extras=True)
    for name in get_annotations(plain):
        hint = _filled(hints[name], bound)
        # A TypedDict lists the keys of its bases as its own.
        if name not in found or not _variables(hint):
            found[name] = hint
    return found


def _filled(hint: Any, bound: Mapping[Any, Any]) -> Any:
    if isinstance(hint, TypeVar):
        return bound.get(hint, hint)
    variables = _variables(hint)
    return hint[tuple(bound.get(one, one) for one in variables)] if variables else hint


def _variables(hint: Any) -> tuple[Any, ...]:
    if isinstance(hint, TypeVar):
        return (hint,)
    return () if isinstance(hint, type) else getattr(hint, "__parameters__", ())
