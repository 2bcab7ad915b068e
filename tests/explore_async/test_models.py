"""Models keep what they do not know, and the tree of a hierarchical facet."""

from __future__ import annotations

import pickle

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explore_async import Attachment, DatasetField, DecodeError, Facet, FacetValue


def test_a_hierarchical_facet_keeps_its_children() -> None:
    """To any depth, with what each level does not know."""
    day = {"name": "01", "value": "2024/02/01", "count": 2, "state": "displayed", "new": 1}
    month = {"name": "02", "value": "2024/02", "count": 2, "state": "displayed", "facets": [day]}
    year = {"name": "2024", "value": "2024", "count": 2, "state": "refined", "facets": [month]}
    facet = Facet.from_json({"name": "modified", "facets": [year], "links": []})
    (child,) = facet.values[0].children[0].children
    assert (child.value, child.extra, facet.extra) == ("2024/02/01", {"new": 1}, {"links": []})
    assert facet.values[0].extra == {}
    assert hash(facet) == hash(Facet.from_json({"name": "modified", "facets": [year]}))


KEYS = st.sampled_from(["name", "value", "count", "state", "facets", "new"])
VALUES: st.SearchStrategy[object] = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=2) | st.just([])
)


@given(st.dictionaries(KEYS, VALUES))
def test_the_values_of_a_facet_are_read_as_each_by_itself(item: dict[str, object]) -> None:
    """Though there is a shorter way for those with nothing special."""
    item = {**item, "facets": []} if "facets" in item else item
    (value,) = Facet.from_json({"name": "a", "facets": [item]}).values
    assert repr(value) == repr(FacetValue.from_json(item))
    assert value == FacetValue.from_json(item)
    assert pickle.loads(pickle.dumps(value)) == value
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        value.name = "b"  # type: ignore[misc]


def test_a_field_keeps_what_it_does_not_know() -> None:
    """Portals grow."""
    field = DatasetField.from_json({"name": "a", "type": "text", "sensitive": True})
    assert field.extra == {"sensitive": True}


@pytest.mark.parametrize(
    "item",
    [
        {"id": "a_b", "title": "t", "mimetype": "m", "url": "odsfile://a"},
        {"href": "https://host/x/a_b", "metas": {"title": "t", "mime-type": "m"}},
        {"href": "https://host/x/1", "metas": {"id": "a_b", "title": "t", "mimetype": "m"}},
    ],
)
def test_an_attachment_is_read_in_each_layout(item: dict[str, object]) -> None:
    """Those of getDataset, of the specification and of older portals."""
    one = Attachment.from_json(item)
    assert (one.attachment_id, one.title, one.mimetype) == ("a_b", "t", "m")


def test_an_attachment_without_identifier_is_refused() -> None:
    """It could not be asked for."""
    with pytest.raises(DecodeError, match="identifier"):
        Attachment.from_json({"metas": {}})
