"""Helpers for the tests of sources: reading a string as a file and checking positions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from odsql.sources import Found, SourceFile, find

if TYPE_CHECKING:
    from collections.abc import Callable

URL = "https://portal.example/api/explore/v2.1/catalog/datasets/cities/records"

any_text = st.text(st.characters(codec="utf-8"), max_size=20)
"""Text that JSON, TOML and Python can represent; tests of other formats filter it."""


def read(path: str, text: str, *, expected: bool = False) -> list[Found]:
    return list(find(SourceFile(path, text), expected=expected))


def pairs(found: Found) -> list[tuple[str, str]]:
    return [(one.name, one.text) for one in found.request.parameters]


def places(found: Found) -> list[tuple[int, int]]:
    """Return the line and column where each parameter begins."""
    return [found.file.line_and_column(one[0]) for one in found.offsets]


def sources(found: Found) -> list[str]:
    """Return each parameter as it is written in the file."""
    return [found.file.text[one[0] : one[-1]] for one in found.offsets]


def assert_true_places(found: Found, number: int, decode: Callable[[str], str]) -> None:
    """Assert that every character of a parameter is written at its position in the file."""
    text = found.request.parameters[number].text
    offsets = found.offsets[number]
    assert len(offsets) == len(text) + 1
    for index, one in enumerate(text):
        assert offsets[index] < offsets[index + 1]
        assert decode(found.file.text[offsets[index] : offsets[index + 1]]) == one
