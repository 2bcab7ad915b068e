"""Every function of the catalogue has a law."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

from odsql.syntax.functions import CATALOGUE
from tests.explore_async import portal

if TYPE_CHECKING:
    from collections.abc import Iterator


def laws() -> Iterator[str]:
    """Yield the functions of all laws."""
    for module in pkgutil.iter_modules(portal.__path__, f"{portal.__name__}."):
        if ".test_laws_" in module.name:
            for test in vars(importlib.import_module(module.name)).values():
                yield from getattr(test, "laws", ())


def test_every_function_has_a_law() -> None:
    """`@law` names the functions of a test; `vector_similarity` and its predicate are refused."""
    assert set(laws()) == set(CATALOGUE)
