"""Models keep unknown keys, and the tree of a hierarchical facet."""

from __future__ import annotations

import copy
import pickle

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explore_async import (
    Attachment,
    DatasetField,
    DatasetInfo,
    DecodeError,
    ExportFormat,
    Facet,
    FacetValue,
    Page,
)


def test_a_hierarchical_facet_keeps_its_children() -> None:
    """Every level keeps its children and its unknown keys."""
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
    """The faster path for common values gives the same result."""
    item = {**item, "facets": []} if "facets" in item else item
    (value,) = Facet.from_json({"name": "a", "facets": [item]}).values
    assert repr(value) == repr(FacetValue.from_json(item))
    assert value == FacetValue.from_json(item)
    assert pickle.loads(pickle.dumps(value)) == value
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        value.name = "b"  # type: ignore[misc]


COMMON = {"name": "FR", "value": "FR", "count": 3, "state": "displayed"}


def facet(*values: object) -> Facet:
    return Facet.from_json({"name": "country", "facets": [*values]})


def test_a_facet_whose_values_were_not_read_yet_is_the_same_value() -> None:
    """They are converted when they are first read."""
    made = Facet(name="country", values=(FacetValue.from_json(COMMON),))
    assert facet(COMMON) == made
    assert hash(facet(COMMON)) == hash(made)
    assert repr(facet(COMMON)) == repr(made)
    assert pickle.loads(pickle.dumps(facet(COMMON))) == made
    assert copy.deepcopy(facet(COMMON)) == attrs.evolve(facet(COMMON)) == made
    read = facet(COMMON)
    assert read.values is read.values
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        read.values = ()  # type: ignore[misc]


@pytest.mark.parametrize("value", [1, None, [], {**COMMON, "facets": 1}, {"facets": [1]}])
def test_an_invalid_value_is_refused_with_its_response(value: object) -> None:
    """Only there the error can name the request."""
    with pytest.raises(DecodeError):
        facet(COMMON, value)


def test_a_field_keeps_what_it_does_not_know() -> None:
    """Portals add keys."""
    field = DatasetField.from_json({"name": "a", "type": "text", "sensitive": True})
    assert field.extra == {"sensitive": True}


def test_null_is_the_default_and_not_a_text() -> None:
    """Portals send null for unknown values."""
    empty = dict.fromkeys(("dataset_uid", "has_records", "data_visible", "features", "metas"))
    info = DatasetInfo.from_json({"dataset_id": "a", **empty})
    assert (info.dataset_uid, info.has_records, info.data_visible) == ("", False, True)
    field = DatasetField.from_json({"name": "a", "label": None, "type": None})
    assert (field.label, field.type) == ("a", "")
    value = FacetValue.from_json({"name": "a", "value": None, "state": None})
    assert (value.value, value.state) == ("a", "")
    assert Facet.from_json({"name": None, "facets": [{"name": None}]}).values[0].name == ""
    assert Attachment.from_json({"id": "a", "title": None, "href": None}).title == ""
    with pytest.raises(DecodeError, match="identifier"):
        Attachment.from_json({"href": None})


def test_all_models_of_a_dataset_have_a_hash() -> None:
    """Frozen objects should work as members of a set."""
    field = {"name": "a", "type": "text", "annotations": {"facet": []}, "new": {}}
    answer = {"dataset_id": "a", "fields": [field], "metas": {"default": {}}, "new": {}}
    assert len({DatasetInfo.from_json(answer), DatasetInfo.from_json(answer)}) == 1
    assert len({DatasetField.from_json(field), DatasetField.from_json(field)}) == 1


def test_a_format_is_a_link_with_a_name() -> None:
    """A link without a name, or to the list itself, is not a format."""
    link = {"rel": "csv", "href": "https://host/exports/csv", "title": "CSV"}
    one = ExportFormat.from_json(link)
    assert one == ExportFormat(name="csv", href=link["href"], extra={"title": "CSV"})
    for other in ({"rel": "self"}, {"href": "x"}, {"rel": None}, {"rel": ""}):
        assert ExportFormat.from_json(other) is None
    with pytest.raises(DecodeError):
        ExportFormat.from_json("csv")


@pytest.mark.parametrize(
    "item",
    [
        {"id": "a_b", "title": "t", "mimetype": "m", "url": "odsfile://a"},
        {"href": "https://host/x/a_b", "metas": {"title": "t", "mime-type": "m"}},
        {"href": "https://host/x/1", "metas": {"id": "a_b", "title": "t", "mimetype": "m"}},
    ],
)
def test_an_attachment_is_read_in_each_layout(item: dict[str, object]) -> None:
    """The layouts are those of getDataset, of the specification and of older portals."""
    one = Attachment.from_json(item)
    assert (one.attachment_id, one.title, one.mimetype) == ("a_b", "t", "m")


def test_an_attachment_without_identifier_is_refused() -> None:
    """It could not be downloaded."""
    with pytest.raises(DecodeError, match="identifier"):
        Attachment.from_json({"metas": {}})


def test_a_negative_count_is_no_count() -> None:
    """It would be read as an empty result."""
    with pytest.raises(DecodeError, match="counts -5 rows"):
        Page.from_json({"total_count": -5, "results": []}, offset=0, limit=10)


@pytest.mark.parametrize(
    ("answer", "keys"), [({}, "no results key, and no other."), ({"b": 1, "a": 2}, "only a, b.")]
)
def test_an_answer_without_results_is_told_by_its_keys(
    answer: dict[str, object], keys: str
) -> None:
    """They may tell which server it was."""
    with pytest.raises(DecodeError) as caught:
        Page.from_json(answer, offset=0, limit=1)
    assert keys in str(caught.value)
