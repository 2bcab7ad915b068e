"""Names in Python for datasets and fields, whose names Python may not allow.

A name that Python allows stays as it is: `année` is `année`. Others are mended so that they can be
read: `1_uai` becomes `field_1_uai`, `prix-nom` becomes `prix_nom`, `class` becomes `class_`. A
second field with the same name in Python gets a number.
"""

from __future__ import annotations

import keyword
import re
from typing import TYPE_CHECKING
from unicodedata import normalize

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

__all__ = ["attribute_names", "class_name"]

_NOT_IN_NAMES = re.compile(r"\W+")


def attribute_names(
    names: Sequence[str], *, kept: Mapping[str, str], taken: Collection[str]
) -> dict[str, str]:
    """Return the attributes for the fields of a dataset, all different.

    Args:
        names: the names of the fields.
        kept: attributes of an earlier file, which are kept.
        taken: names that mean something else where the attributes are used.
    """
    mended = {name: _attribute(name, taken) for name in names}
    found = {name: kept[name] for name in names if name in kept}
    # A name that Python allows comes before those that are mended to the same.
    for name in sorted(names, key=lambda one: mended[one] != one):
        if name not in found:
            found[name] = _free(mended[name], found.values())
    return {name: found[name] for name in names}


def class_name(dataset_id: str, taken: Collection[str]) -> str:
    """Return a name for the class of a dataset: `prix-carburants` is `PrixCarburants`.

    The name of the class of rows, `PrixCarburantsRow`, is free, too.
    """
    words = re.split(r"[\W_]+", normalize("NFKC", dataset_id), flags=re.ASCII)
    name = "".join(one[0].upper() + one[1:] for one in words if one)
    allowed = name.isidentifier() and not keyword.iskeyword(name)
    return _free(name if allowed else f"Dataset{name}", taken, ("", "Row"))


def _attribute(name: str, taken: Collection[str]) -> str:
    # A leading underscore would make it private, and attrs drops it in `__init__`.
    mended = _NOT_IN_NAMES.sub("_", normalize("NFKC", name)).strip("_")
    if not f"x{mended}".isidentifier():  # a letter, but not for Python
        mended = re.sub(r"\W+", "_", mended, flags=re.ASCII).strip("_")
    if not mended.isidentifier():
        mended = f"field_{mended}".strip("_")
    return f"{mended}_" if keyword.iskeyword(mended) or mended in taken else mended


def _free(name: str, taken: Collection[str], endings: Sequence[str] = ("",)) -> str:
    number = 2
    free = name
    while any(f"{free}{ending}" in taken for ending in endings):
        free = f"{name}_{number}"
        number += 1
    return free
