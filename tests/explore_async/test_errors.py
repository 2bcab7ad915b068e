"""Errors: they have one base class, and each survives a process boundary."""

from __future__ import annotations

import copy
import inspect
import pickle

import pytest

import explore_async
from explore_async import ExploreError, errors

CLASSES = [
    value
    for value in (getattr(explore_async, name) for name in explore_async.__all__)
    if inspect.isclass(value) and issubclass(value, ExploreError)
]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_survives_pickle_and_copy(kind: type[ExploreError]) -> None:
    """All attributes of the copy are equal to those of the original."""
    parameters = inspect.signature(kind.__init__).parameters.values()
    values = {each.name: 7 for each in parameters if each.kind is inspect.Parameter.KEYWORD_ONLY}
    original = kind("what happened", **values)  # type: ignore[arg-type]
    for twin in (
        pickle.loads(pickle.dumps(original)),
        copy.copy(original),
        copy.deepcopy(original),
    ):
        assert type(twin) is kind
        assert str(twin) == "what happened"
        assert vars(twin) == vars(original)
        assert all(getattr(twin, name) == 7 for name in values)


def test_there_is_one_root() -> None:
    """`except ExploreError` catches every error that this package raises."""
    raised = {name for name in errors.__all__ if inspect.isclass(getattr(errors, name))}
    assert {kind.__name__ for kind in CLASSES} == raised
