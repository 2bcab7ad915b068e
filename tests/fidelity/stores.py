"""Datasets rebuilt from recorded answers, so that their requests can be asked again."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

from explore_async.portal.schema import PortalField
from tests.explore_async.portal.asking import RECORDED, recorded, tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from explore_async.portal import Store

Row = dict[str, Any]

STATIONS = "velib-disponibilite-en-temps-reel"
CENTRE = (48.84197963193564, 2.267888940737877)  # of the recorded requests with a distance


def fields(*names: str, **kinds: str) -> list[Row]:
    """Return text fields, then fields of other types."""
    return [
        {"name": name, "type": kinds.get(name, "text")}
        for name in {**dict.fromkeys(names), **kinds}
    ]


# ---------------------------------------------------------------- stations of Paris

_KINDS = {
    "duedate": "datetime",
    "coordonnees_geo": "geo_point_2d",
    **dict.fromkeys(
        ("capacity", "numdocksavailable", "numbikesavailable", "mechanical", "ebike"), "int"
    ),
}


def stations(
    store: Store, rows: Iterable[Row], *, total: int = 0, filler: Row | None = None
) -> None:
    """Add the stations with the recorded schema: `rows`, then as many `filler` as are missing."""
    rows = list(rows)
    rows += [filler or {}] * (total - len(rows))
    names = recorded("velib-fi/01-records.json")["results"][0]
    store.add(STATIONS, fields(*names, **_KINDS), rows)


def page(name: str) -> list[Row]:
    """Return the rows of a recorded page."""
    rows: list[Row] = recorded(f"velib-fi/{name}.json")["results"]
    return rows


def total(name: str) -> int:
    """Return the recorded number of matching rows."""
    count: int = recorded(f"velib-fi/{name}.json")["total_count"]
    return count


def all_stations(store: Store) -> None:
    """Add the ten recorded stations, and as many without values as were not recorded."""
    stations(store, page("01-records"), total=total("01-records"))


def matching(name: str, *, filler: Row | None = None, others: Iterable[Row] = ()) -> Any:
    """Return a function that adds what matched, up to the recorded total, and what did not."""

    def build(store: Store) -> None:
        rows = page(name)
        rows += [filler or {}] * (total(name) - len(rows))
        stations(store, [*rows, *others])

    return build


def names() -> list[Row]:
    """Return the stations of all pages that have names."""
    pages = ("01-records", "12-within_distance", "14-in_bbox")
    return [{"name": row["name"]} for name in pages for row in page(name)]


def named(name: str) -> Any:
    """Return a function that adds the stations that matched, and then all names that did not."""

    def build(store: Store) -> None:
        found = page(name)
        taken = {row["name"] for row in found}
        stations(store, [*found, *(row for row in names() if row["name"] not in taken)])

    return build


def at_distances(store: Store) -> None:
    """Add the stations north of the centre, as far away as recorded, and some that are farther.

    The recordings have distances, but no coordinates.
    """
    metres = 6_371_008.7714 * 3.141592653589793 / 180
    latitude, longitude = CENTRE
    rows = [
        {**row, "coordonnees_geo": {"lon": longitude, "lat": latitude + row["distance"] / metres}}
        for row in page("13-distance")
    ]
    for row in rows:
        del row["distance"]
    missing = total("13-distance") - len(rows)
    near = {"coordonnees_geo": {"lon": longitude, "lat": latitude}}
    far = {"coordonnees_geo": {"lon": longitude, "lat": latitude + 801 / metres}}
    stations(store, [*rows, *[near] * missing, far, {}])


def in_a_box(store: Store) -> None:
    """Add eight stations in the recorded box, and all others out of it, ten of them recorded."""
    inside = [
        {**row, "coordonnees_geo": {"lon": 2.2601 + at / 1000, "lat": 48.8401 + at / 1000}}
        for at, row in enumerate(page("14-in_bbox"))
    ]
    outside = page("01-records")
    swapped = {"coordonnees_geo": {"lon": 48.845, "lat": 2.265}}
    stations(store, [*inside, *outside], total=1486, filler=swapped)


def places(count: str) -> Any:
    """Return a function that adds stations with the recorded number and capacity per place."""

    def build(store: Store) -> None:
        name = {"count(*)": "16-group_by-text", "nb_stations": "17-group_by-order-desc-alias"}[
            count
        ]
        rows = []
        for group in page(name):
            each, rest = divmod(group["sum(capacity)"], group[count])
            place = {"nom_arrondissement_communes": group["nom_arrondissement_communes"]}
            rows += [{**place, "capacity": each}] * (group[count] - 1)
            rows.append({**place, "capacity": each + rest})
        last = {"nom_arrondissement_communes": "Zzz", "capacity": 1}
        stations(store, [*rows, last])

    return build


def capacities(name: str, key: str) -> Any:
    """Return a function that adds the recorded number of stations per range of capacities."""

    def build(store: Store) -> None:
        rows = []
        for group in page(name):
            low, high = group[key].strip("[]").split(", ")
            value = int(high if low == "*" else low)
            rows += [{"capacity": value}] * group["count(*)"]
        stations(store, rows)

    return build


# ---------------------------------------------------------------- other records


def genera(store: Store) -> None:
    """Add one row per tree of Vancouver; its only field is the genus."""
    counted = recorded("vancouver/aggregate-grouped.json")
    rows = ({"genus_name": row["genus_name"]} for row in counted for _ in range(row["count"]))
    store.add("public-trees", fields("genus_name"), rows)


def _table(name: str) -> list[dict[str, str]]:
    text = (RECORDED / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines(), delimiter=";"))


def trees(store: Store) -> None:
    """Add the five recorded trees."""
    described = recorded("vancouver/metadata-public-trees.json")
    store.add(
        "public-trees",
        described["fields"],
        map(tree, _table("vancouver/data-public-trees-csv.csv")),
    )


def taxes(store: Store) -> None:
    """Add the five recorded properties; an empty cell of CSV is null."""
    described = recorded("vancouver/metadata-property-tax-report.json")
    rows = [
        {name: value or None for name, value in row.items()}
        for row in _table("vancouver/data-property-tax-report.csv")
    ]
    store.add("property-tax-report", described["fields"], rows)


def hourly(store: Store) -> None:
    """Add five counts of traffic per recorded hour, each the recorded average."""
    rows = [
        {
            "iu_ac": group["iu_ac"],
            "t_1h": f"2026-08-30T{group['h']:02}:00:00",
            "q": q,
            "k": group["o"],
        }
        for group in recorded("misc/paris-comptages.group_by-hour.subset.json")["results"]
        for q in [group["f"]] * 5
    ]
    kinds = {"t_1h": "datetime", "q": "double", "k": "double"}
    store.add("comptages-routiers-permanents", fields("iu_ac", **kinds), rows)


def chargers(store: Store) -> None:
    """Add two charging points without an operator, and one of the next operator."""
    row = dict(recorded("misc/irve.group_by-null-key.row.json"))
    del row["pdc"]
    kinds = {"consolidated_latitude": "double", "consolidated_longitude": "double"}
    store.add("irve", fields(*row, **kinds), [{**row, "nom_operateur": "Eoliberty"}, row, row])


def inferred(dataset_id: str, name: str, *, total: int = 0, **kinds: str) -> Any:
    """Return a function that adds recorded rows and empty ones; texts are texts unless named."""

    def build(store: Store) -> None:
        rows = recorded(name)
        rows = rows if isinstance(rows, list) else rows["results"]
        found = {name: kinds.get(name) or _kind([row[name] for row in rows]) for name in rows[0]}
        store.add(dataset_id, fields(**found), rows + [{}] * (total - len(rows)))

    return build


def _kind(values: list[Any]) -> str:
    for kind, name in ((int, "int"), (float, "double")):
        if any(type(value) is kind for value in values):
            return name
    return "text"


def live_faults(store: Store) -> None:
    """Add the two recorded faults and 98 empty ones, with the recorded schema."""
    rows = recorded("ukpn/getRecords-live-faults.json")["results"]
    described = recorded("ukpn/getDataset-live-faults.json")
    store.add("ukpn-live-faults", described["fields"], rows + [{}] * 98)


def public_art(store: Store) -> None:
    """Add the recorded work of art."""
    (row,) = recorded("misc/vancouver-public-art.export-json.1row.json")
    kinds = {
        "registryid": "int", "photourl": "file", "geom": "geo_shape",
        "geo_point_2d": "geo_point_2d", "yearofinstallation": "date",
    }  # fmt: skip
    found = fields(*row, **kinds)
    for one in found:
        if one["name"] == "artists":
            one["annotations"] = {"multivalued": ","}
        if one["name"] == "yearofinstallation":
            one["precision"] = "year"
    store.add("public-art", found, [row])


# ---------------------------------------------------------------- catalogs


def described(*names: str, total: int = 0) -> Any:
    """Return a function that adds recorded datasets with empty records, and `total` in all."""

    def build(store: Store) -> None:
        for name in names:
            body = recorded(name)
            for one in body.get("results", [body]):
                _describe(store, one)
        for number in range(total - len(store.datasets)):
            store.add(f"other-{number}", fields("f"))

    return build


def _describe(store: Store, one: Mapping[str, Any]) -> None:
    schema = [PortalField.from_json(field) for field in one["fields"]]
    columns = ", ".join(f"c{at} {field.column_type}" for at, field in enumerate(schema))
    count = int(one["metas"]["default"]["records_count"])
    table = store.next_table()
    cursor = store.cursor()
    cursor.execute(f"CREATE TABLE {table} ({columns})")
    cursor.execute(f"INSERT INTO {table} (c0) SELECT NULL FROM range({count})")
    store.register(
        one["dataset_id"],
        schema,
        table,
        uid=one["dataset_uid"],
        metas=one["metas"],
        features=one["features"],
        data_visible=one["data_visible"],
    )


def licences(name: str) -> Any:
    """Return a function that adds one dataset per recorded licence and count."""

    def build(store: Store) -> None:
        (facet,) = recorded(name)["facets"]
        values = [one["value"] for one in facet["facets"] for _ in range(one["count"])]
        for number, value in enumerate(reversed(values)):
            metas = {"default": {"license": value}}
            store.add(f"d{number}", fields("f"), metas=metas)

    return build


def vancouver(store: Store) -> None:
    """Add the datasets of the recorded catalog, with as many empty records as it counts.

    The types of metadata are those of the recorded dataset objects. A catalog in CSV has no
    features, so the first datasets get as many as the recorded facet counts.
    """
    kinds = _kinds_of_metadata()
    features, *others = recorded("vancouver/facets-catalog.json")["facets"]
    known = {facet["name"]: {one["value"] for one in facet["facets"]} for facet in others}
    counts = {one["value"]: one["count"] for one in features["facets"]}
    path = RECORDED / "vancouver/catalog-export.csv"
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file, delimiter=";")):
            dataset_id = row.pop("datasetid")
            metas: dict[str, Row] = {}
            for column, cell in row.items():
                space, _, name = column.partition(".")
                listed = known.get(column) or known.get(name) or ()
                metas.setdefault(space, {})[name] = _value(cell, kinds[column], listed)
            _describe(
                store,
                {
                    "dataset_id": dataset_id,
                    "dataset_uid": None,
                    "data_visible": True,
                    "fields": fields("f"),
                    "features": [name for name, count in counts.items() if number < count],
                    "metas": metas,
                },
            )


def _kinds_of_metadata() -> dict[str, type]:
    kinds: dict[str, type] = {"default.keyword": list, "default.geographic_reference_auto": bool}
    for name in ("public-trees", "property-tax-report"):
        metas = recorded(f"vancouver/metadata-{name}.json")["metas"]
        for space, values in metas.items():
            for key, value in values.items():
                kinds.setdefault(f"{space}.{key}", str)
                if value is not None:
                    kinds[f"{space}.{key}"] = type(value)
    return kinds


def _value(cell: str, kind: type, known: Iterable[str]) -> Any:
    if not cell:
        return None
    if kind is list:
        return _split(cell, known)
    if kind is bool:
        return cell == "True"
    if kind is dict:
        return {"type": "Feature", "geometry": json.loads(cell), "properties": {}}
    return kind(cell)


def _split(cell: str, known: Iterable[str]) -> list[str]:
    """Split a list at its commas, but not at those of a known value."""
    for value in sorted(known, key=len, reverse=True):
        if cell == value:
            return [value]
        if cell.startswith(f"{value},"):
            return [value, *_split(cell.removeprefix(f"{value},"), known)]
    return cell.split(",")
