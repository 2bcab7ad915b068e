"""The types of fields and of what is built from them; see `tests/test_types.py`."""

import datetime as dt
from typing import reveal_type

import attrs

from odsql import Query, avg, length, literal, now, year
from odsql.typed import DatasetFields, field


class Stations(DatasetFields, dataset_id="stations"):
    """The fields of a dataset."""

    name = field("name", "text", {"facet": True})
    price = field("prix", "double")
    rank = field("rank", "int")
    at = field("maj", "datetime")
    day = field("day", "date")
    place = field("geom", "geo_point_2d")
    is_open = field("open", "boolean")


@attrs.frozen
class Station:
    """A row."""

    name: str


reveal_type(Stations.name)  # TextField
reveal_type(Stations.price)  # NumberField
reveal_type(Stations.at)  # DateField
reveal_type(Stations.is_open)  # BooleanField
reveal_type(Stations.place)  # FieldValue

reveal_type(Stations.price > 1.8)  # Condition
reveal_type(Stations.name == "x")  # Condition
reveal_type(Stations.name == None)  # Condition  # noqa: E711
reveal_type(Stations.price == Stations.rank)  # Condition
reveal_type(Stations.at > Stations.day)  # Condition
reveal_type(Stations.at >= dt.date(2024, 1, 31))  # Condition
reveal_type(Stations.at >= now(days=-1))  # Condition
reveal_type(literal(1) < Stations.price)  # Condition
reveal_type(Stations.price.between(1, 2))  # Condition
reveal_type(Stations.name.isin(["a"]))  # Condition
reveal_type(Stations.is_open & (length(Stations.name) > 2))  # Condition
reveal_type(year(Stations.at) == 2024)  # Condition
reveal_type(Stations.price * 2 > 3)  # Condition

Query(
    select=[Stations.name, avg(Stations.price).as_("mean")],
    where=[Stations.price > 1, Stations.is_open],
    group_by=Stations.name,
    order_by=Stations.price.desc(),
    facet=Stations.name,
)
Query().select(Station)

Stations.prise  # error
Stations.price > "x"  # error
Stations.at > "2024-01-31"  # error
"2024-01-31" < Stations.at  # error
Stations.at > 5  # error
Stations.name < "x"  # error
Stations.name > Stations.price  # error
Stations.at.between("a", dt.date(2024, 1, 31))  # error
Stations.price.isin(["a"])  # error
Stations.day.isin([dt.date(2024, 1, 31)])  # error
Query(where=Stations.at == "2024-01-31")  # error
Query().where(Stations.name == 5)  # error
(Stations.at == "2024-01-31") & (Stations.price > 1)  # error
(Stations.price > 1) & (Stations.at == "2024-01-31")  # error
