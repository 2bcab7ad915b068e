"""Clients and functions of somebody's own."""

from dataclasses import dataclass, field

import requests

from explore_client import ExploreClient, fetch_all

API = "https://data.example.org/api/explore/v2.1"


def get(dataset, condition=None, columns="*", n=10, **more):
    params = {"where": condition, "select": columns, "limit": n, **more}
    return requests.get(f"{API}/catalog/datasets/{dataset}/records", params=params).json()


def send(path, params):
    return requests.get(f"{API}/{path}", params=params)


def build(town):
    query = {"where": f"town = '{town}'", "limit": 5}
    if town == "all":
        del query["where"]
    return query


get("trees", "height > 3")
get("parks", condition="area > 10", columns="name, area", order_by="area desc")
send("catalog/datasets/benches/records", {"where": "wood = 'oak'", "limit": 3})
send("catalog/datasets/benches/records", params=build("Lyon"))


class Portal:
    KINDS = "kind in ('a', 'b')"
    fields = "id, kind"
    page = 50

    def __init__(self, session):
        self.session = session
        self.params = {"where": self.KINDS, "limit": self.page}

    def _get(self, path, **params):
        return self.session.get(f"{API}{path}", params=params)

    def kinds(self):
        return self.session.get(API, params=self.params)

    def recent(self):
        return self._get(
            "/catalog/datasets/x/records", where="date > now(days=-1)", select=self.fields
        )

    @property
    def query(self):
        return {"where": "kind = 'c'", "order_by": "id"}

    def run(self):
        return self.session.get(API + "/catalog/datasets/x/exports/csv", params=self.query)


@dataclass
class StationQuery:
    dataset: str = "stations"
    select: str = "id, name"
    where: str = "status = 'IN SERVICE'"
    order_by: str = field(default="name asc")
    limit: int = 100


class Config:
    URL = f"{API}/catalog/datasets/x/records"
    WHERE = "since > date'2024'"
    PARAMS = {"where": WHERE, "select": "since"}


def configured():
    return requests.get(Config.URL, params={"where": Config.WHERE, "order_by": "since"})


async def clients(client: ExploreClient):
    await client.get_records("trees", where="h > 1", order_by="h desc")
    await client.dataset("trees").records(select="h, w", limit=20)
    rows = fetch_all(API, dataset_id="parks", where="area > 5", group_by="town")
    more = fetch_all(API, params={"where": "area > 6", "refine": "town:Nice"})
    return (
        rows,
        more,
        ExploreClient(API).export(
            dataset="parks", fmt="csv", where=f"area > {rows}", select=["a", "b"]
        ),
    )


QUERIES = [
    {"dataset_id": "meters", "params": {"select": "sum(kwh) as total", "group_by": "month"}},
    {"dataset_id": "plants", "where": "state = 'on' and power > 5"},
]
for query in QUERIES:
    fetch_all(API, **query)
