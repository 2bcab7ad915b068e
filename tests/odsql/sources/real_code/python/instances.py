"""Objects that hold parameters, and functions that hand them on."""
from dataclasses import asdict, dataclass
from enum import Enum

import requests

from portal.models import RecordsParams

API = "https://data.example.org/api/explore/v2.1"


class Stations:
    def __init__(self, where="status = 'open'", **more):
        self.where = where
        self.more = more

    def read(self):
        return requests.get(f"{API}/catalog/datasets/stations/records", params={"where": self.where})


Stations(where="capacity > 5")
Stations("capacity > 6").read()


@dataclass
class Query:
    where: str = "power > 1"
    select: str = "id, power"


class Conditions(str, Enum):
    TALL = "height > 10"


requests.get(API, params=asdict(Query()))
requests.get(API, params=asdict(Query(where="power > 2")))
requests.get(API, params=RecordsParams(where="power > 3", limit=2).model_dump())
requests.get(API, params={"where": Conditions.TALL.value})

pairs = {"where": "power = 4", "limit": 3}
requests.get(API + "?" + "&".join(f"{key}={value}" for key, value in pairs.items()))


def records(where, limit=5):
    if where is None:
        where = "power = 5"
    return requests.get(API, params={"where": where, "limit": limit})


records("power = 6")
records(where=f"power = {len(API)}", limit=7)


def get(path, params=None, **more):
    params = params or {}
    params["limit"] = 99
    return requests.get(API + path, params=params, **more)


get("/catalog/datasets/x/records", {"where": "power = 8"})
get("/catalog/datasets/x/records", params={"where": "power = 9"})


def tried(kind):
    try:
        where = "power = 10"
    except KeyError:
        where = "power = 11"
    match kind:
        case 1:
            order = "power"
        case _:
            order = "power desc"
    return requests.get(API, params={"where": where, "order_by": order})


async def looped(session, ids):
    base = "power = 12"
    tasks = [session.get(API, params={"where": base + f" and id = {one}", "limit": 1}) for one in ids]
    for one in ids:
        where = f"id = {one}"
        if tasks:
            where = f"{where} and power = 13"
        session.get(API, params=dict(where=where))
